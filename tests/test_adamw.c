// AdamW: a float64 reference with weight decay, torch's result with clipping, threads, defaults.
#include "nn/adamw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/optimizer.h"
#include "tests/golden_file.h"
#include "tests/gradcheck.h"

Suite *suite_adamw(void);

enum { N = 40013 };

static const AdamWConfig CONFIG = {.beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-6f, .weight_decay = 0.1f};

// Seven steps with changing rate and clip factor, to 2^-21 of the largest weight.
START_TEST(adamw_reference) {
    static float w[N], m[N], v[N], grad[N];
    static double dw[N], dm[N], dv[N];
    random_fill(w, N, 1, 1.0f);
    for (int i = 0; i < N; i++) dw[i] = (double)w[i];
    for (int step = 1; step <= 7; step++) {
        float lr = 0.1f / (float)step, factor = step % 2 ? 1.0f : 0.37f;
        random_fill(grad, N, 10 + (unsigned)step, 2.0f);
        adamw_update(w, m, v, grad, N, &CONFIG, lr, step, factor);
        double b1 = (double)CONFIG.beta1, b2 = (double)CONFIG.beta2;
        for (int i = 0; i < N; i++) {
            double g = (double)grad[i] * (double)factor;
            dm[i] = b1 * dm[i] + (1 - b1) * g;
            dv[i] = b2 * dv[i] + (1 - b2) * g * g;
            dw[i] -= (double)lr * (double)CONFIG.weight_decay * dw[i];
            dw[i] -= (double)lr * (dm[i] / (1 - pow(b1, step))) / (sqrt(dv[i] / (1 - pow(b2, step))) + (double)CONFIG.eps);
        }
    }
    for (int i = 0; i < N; i++)
        ck_assert_msg(fabs((double)w[i] - dw[i]) < 0x1p-21, "weight %d: expected %.9g, found %.9g", i, dw[i], (double)w[i]);
}
END_TEST

// Torch's AdamW after clip_grad_norm_, six steps, through optimizer_step.
START_TEST(adamw_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    Params params = params_make(&arena);
    params_add(&params, "w", 1, (int[]){33});
    params_finish(&params, true);
    size_t n;
    memcpy(params.value, golden_f32(&golden, "adamw.w", &n), 33 * sizeof(float));
    AdamWConfig config = adamw_default();
    config.weight_decay = 0.1f;
    Optimizer optimizer = optimizer_make(&params, &config, 5.5f);
    float norms[6];
    int clipped = 0;
    for (int step = 0; step < 6; step++) {
        char name[32];
        Error error;
        snprintf(name, sizeof name, "adamw.grad%d", step);
        memcpy(params.grad, golden_f32(&golden, name, &n), 33 * sizeof(float));
        ck_ok(optimizer_step(&optimizer, 0.01f, &norms[step], &error), error);
        clipped += norms[step] > 5.5f;
    }
    golden_check(&golden, "adamw.norms", norms, 6);
    golden_check(&golden, "adamw.w6", params.value, 33);
    // Both sides of the clip were seen.
    ck_assert_int_gt(clipped, 0);
    ck_assert_int_lt(clipped, 6);
    arena_free(&arena);
}
END_TEST

// The defaults are torch's, but for the decay.
START_TEST(adamw_defaults) {
    AdamWConfig config = adamw_default();
    ck_assert_float_eq(config.beta1, 0.9f);
    ck_assert_float_eq(config.beta2, 0.999f);
    ck_assert_float_eq(config.eps, 1e-8f);
    ck_assert_float_eq(config.weight_decay, 0.0f);
}
END_TEST

static void run(void *context, float *out) {
    static float grad[N];
    (void)context;
    random_fill(out, N, 1, 1.0f);
    random_fill(grad, N, 2, 1.0f);
    for (int step = 1; step <= 2; step++) adamw_update(out, out + N, out + 2 * N, grad, N, &CONFIG, 0.01f, step, 0.5f);
}

START_TEST(adamw_threads) { check_threads(run, NULL, 3 * N); }
END_TEST

Suite *suite_adamw(void) {
    Suite *suite = suite_create("adamw");
    TCase *tc = tcase_create("adamw");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, adamw_reference);
    tcase_add_test(tc, adamw_golden);
    tcase_add_test(tc, adamw_defaults);
    tcase_add_test(tc, adamw_threads);
    suite_add_tcase(suite, tc);
    return suite;
}
