// RMSNorm: finite differences, golden values, reductions and column chains bit for bit, micro-batches, threads.
#include "nn/rmsnorm.h"

#include <math.h>
#include <string.h>

#include "tests/golden_file.h"
#include "tests/gradcheck.h"
#include "tests/naive.h"

Suite *suite_rmsnorm(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return rmsnorm(tape, input[0], input[1], 1e-5f);
}

START_TEST(rmsnorm_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 2, .input = {random_tensor(&arena, 1, 2.0f, 5, 19), random_tensor(&arena, 2, 1.0f, 1, 19)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(rmsnorm_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    size_t n;
    const float *x = golden_f32(&golden, "rmsnorm.x", &n), *w = golden_f32(&golden, "rmsnorm.w", &n);
    const float *dy = golden_f32(&golden, "rmsnorm.dy", &n);
    float y[6 * 37], rstd[6], dx[6 * 37] = {0}, dw[37] = {0};
    rmsnorm_forward(y, rstd, x, w, 6, 37, 1e-5f);
    rmsnorm_backward(dx, dw, dy, x, w, rstd, 6, 37);
    golden_check(&golden, "rmsnorm.y", y, 6 * 37);
    golden_check(&golden, "rmsnorm.dx", dx, 6 * 37);
    golden_check(&golden, "rmsnorm.dw", dw, 37);
    arena_free(&arena);
}
END_TEST

enum { N = 61, D = 577 };

static float x[N * D], w[D], dy[N * D];

static void fill(void) {
    random_fill(x, N * D, 1, 2.0f);
    random_fill(w, D, 2, 1.0f);
    random_fill(dy, N * D, 3, 1.0f);
}

// The written formulas in their written order.
START_TEST(rmsnorm_bits) {
    static float y[N * D], rstd[N], dx[N * D], dw[D], expected[N * D], expected_dx[N * D], expected_dw[D], g[D];
    fill();
    random_fill(dx, N * D, 4, 1.0f);
    memcpy(expected_dx, dx, sizeof dx);
    rmsnorm_forward(y, rstd, x, w, N, D, 1e-5f);
    rmsnorm_backward(dx, dw, dy, x, w, rstd, N, D);
    for (int n = 0; n < N; n++) {
        const float *row = x + n * D, *d = dy + n * D;
        float r = 1.0f / sqrtf(naive_dot(row, row, D) / (float)D + 1e-5f);
        ck_assert_uint_eq(float_bits(rstd[n]), float_bits(r));
        for (int i = 0; i < D; i++) {
            expected[n * D + i] = (row[i] * r) * w[i];
            g[i] = (d[i] * w[i]) * row[i];
        }
        float k = (r * r) * (naive_sum(g, D) / (float)D);
        for (int i = 0; i < D; i++) {
            expected_dx[n * D + i] += r * (d[i] * w[i] - row[i] * k);
            expected_dw[i] = fmaf(d[i], row[i] * r, expected_dw[i]);
        }
    }
    check_bits("y", y, expected, N * D);
    check_bits("dx", dx, expected_dx, N * D);
    check_bits("dw", dw, expected_dw, D);
}
END_TEST

START_TEST(rmsnorm_micro_batches) {
    static float y[N * D], rstd[N], whole[D], parts[D];
    fill();
    rmsnorm_forward(y, rstd, x, w, N, D, 1e-5f);
    rmsnorm_backward(NULL, whole, dy, x, w, rstd, N, D);
    for (int n = 0; n < N; n += 9) rmsnorm_backward(NULL, parts, dy + n * D, x + n * D, w, rstd + n, N - n < 9 ? N - n : 9, D);
    check_bits("dw", parts, whole, D);
}
END_TEST

static void run(void *context, float *out) {
    (void)context;
    rmsnorm_forward(out, out + N * D, x, w, N, D, 1e-5f);
    rmsnorm_backward(out + N * D + N, out + 2 * N * D + N, dy, x, w, out + N * D, N, D);
}

START_TEST(rmsnorm_threads) {
    fill();
    check_threads(run, NULL, 2 * N * D + N + D);
}
END_TEST

Suite *suite_rmsnorm(void) {
    Suite *suite = suite_create("rmsnorm");
    TCase *tc = tcase_create("rmsnorm");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, rmsnorm_gradient);
    tcase_add_test(tc, rmsnorm_golden);
    tcase_add_test(tc, rmsnorm_bits);
    tcase_add_test(tc, rmsnorm_micro_batches);
    tcase_add_test(tc, rmsnorm_threads);
    suite_add_tcase(suite, tc);
    return suite;
}
