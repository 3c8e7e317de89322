// SwiGLU: finite differences, golden values, the written order, far ends, threads.
#include "nn/swiglu.h"

#include <math.h>

#include "tensor/kernels/kernels.h"
#include "tests/golden_file.h"
#include "tests/gradcheck.h"

Suite *suite_swiglu(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return swiglu(tape, input[0], input[1]);
}

START_TEST(swiglu_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 2, .together = true};
    check.input[0] = random_tensor(&arena, 1, 4.0f, 5, 7);
    check.input[1] = random_tensor(&arena, 2, 1.0f, 5, 7);
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(swiglu_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    size_t n;
    const float *g = golden_f32(&golden, "swiglu.g", &n), *u = golden_f32(&golden, "swiglu.u", &n);
    const float *dy = golden_f32(&golden, "swiglu.dy", &n);
    float y[95], dg[95] = {0}, du[95] = {0};
    swiglu_forward(y, g, u, 5, 19);
    swiglu_backward(dg, du, dy, g, u, 5, 19);
    golden_check(&golden, "swiglu.y", y, 95);
    golden_check(&golden, "swiglu.dg", dg, 95);
    golden_check(&golden, "swiglu.du", du, 95);
    arena_free(&arena);
}
END_TEST

enum { N = 47, F = 301 };

static float g[N * F], u[N * F], dy[N * F];

static void fill(void) {
    random_fill(g, N * F, 1, 8.0f);
    random_fill(u, N * F, 2, 1.0f);
    random_fill(dy, N * F, 3, 1.0f);
    g[0] = 100.0f;  // sigmoid 1
    g[1] = -100.0f; // sigmoid 0, its exp overflows
}

START_TEST(swiglu_bits) {
    static float y[N * F], dg[N * F], du[N * F];
    fill();
    swiglu_forward(y, g, u, N, F);
    swiglu_backward(dg, du, dy, g, u, N, F);
    for (int i = 0; i < N * F; i++) {
        float s = 1.0f / (1.0f + exp_f32(-g[i]));
        ck_assert_uint_eq(float_bits(y[i]), float_bits((g[i] * s) * u[i]));
        ck_assert_uint_eq(float_bits(dg[i]), float_bits(0.0f + (dy[i] * u[i]) * (s * fmaf(g[i], 1.0f - s, 1.0f))));
        ck_assert_uint_eq(float_bits(du[i]), float_bits(0.0f + dy[i] * (g[i] * s)));
    }
    ck_assert_float_eq(y[0], 100.0f * u[0]);
    ck_assert_float_eq(y[1], 0.0f);
}
END_TEST

static void run(void *context, float *out) {
    (void)context;
    swiglu_forward(out, g, u, N, F);
    swiglu_backward(out + N * F, out + 2 * N * F, dy, g, u, N, F);
}

START_TEST(swiglu_threads) {
    fill();
    check_threads(run, NULL, 3 * N * F);
}
END_TEST

Suite *suite_swiglu(void) {
    Suite *suite = suite_create("swiglu");
    TCase *tc = tcase_create("swiglu");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, swiglu_gradient);
    tcase_add_test(tc, swiglu_golden);
    tcase_add_test(tc, swiglu_bits);
    tcase_add_test(tc, swiglu_threads);
    suite_add_tcase(suite, tc);
    return suite;
}
