// Linear layer: finite differences, golden values, chains bit for bit, frozen 16-bit weights, micro-batches, threads.
#include "nn/linear.h"

#include <string.h>

#include "tests/golden_file.h"
#include "tests/gradcheck.h"
#include "tests/naive.h"

Suite *suite_linear(void);

static const LinearRows plain = {0};  // fp32

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return linear(tape, input[0], input[1], input[2], plain);
}

START_TEST(linear_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 3};
    check.input[0] = random_tensor(&arena, 1, 1.0f, 5, 7);
    check.input[1] = random_tensor(&arena, 2, 1.0f, 9, 7);
    check.input[2] = random_tensor(&arena, 3, 1.0f, 1, 9);
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(linear_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    size_t n;
    const float *x = golden_f32(&golden, "linear.x", &n), *w = golden_f32(&golden, "linear.w", &n);
    const float *b = golden_f32(&golden, "linear.b", &n), *dy = golden_f32(&golden, "linear.dy", &n);
    float y[5 * 9], dx[5 * 7] = {0}, dw[9 * 7] = {0}, db[9] = {0};
    linear_forward(y, x, w, DTYPE_F32, b, PRECISION_FP32, 5, 7, 9);
    linear_backward(dx, dw, db, dy, x, w, DTYPE_F32, &plain, 5, 7, 9);
    golden_check(&golden, "linear.y", y, 45);
    golden_check(&golden, "linear.dx", dx, 35);
    golden_check(&golden, "linear.dw", dw, 63);
    golden_check(&golden, "linear.db", db, 9);
    arena_free(&arena);
}
END_TEST

enum { N = 37, I = 45, O = 51 };

// Every element is one chain, ascending; the bias comes after it; dw and db continue what they hold.
START_TEST(linear_chains) {
    static float x[N * I], w[O * I], b[O], dy[N * O], y[N * O], dx[N * I], dw[O * I], db[O], expected[O * I > N * O ? O * I : N * O];
    random_fill(x, N * I, 1, 1.0f);
    random_fill(w, O * I, 2, 1.0f);
    random_fill(b, O, 3, 1.0f);
    random_fill(dy, N * O, 4, 1.0f);
    random_fill(dx, N * I, 5, 1.0f);
    random_fill(dw, O * I, 6, 1.0f);
    random_fill(db, O, 7, 1.0f);

    linear_forward(y, x, w, DTYPE_F32, b, PRECISION_FP32, N, I, O);
    for (int n = 0; n < N; n++)
        for (int o = 0; o < O; o++) expected[n * O + o] = naive_chain(0.0f, x + n * I, 1, w + o * I, 1, I) + b[o];
    check_bits("y", y, expected, N * O);

    static float dx_before[N * I], dw_before[O * I], db_before[O];
    memcpy(dx_before, dx, sizeof dx);
    memcpy(dw_before, dw, sizeof dw);
    memcpy(db_before, db, sizeof db);
    linear_backward(dx, dw, db, dy, x, w, DTYPE_F32, &plain, N, I, O);
    for (int n = 0; n < N; n++)
        for (int i = 0; i < I; i++) expected[n * I + i] = dx_before[n * I + i] + naive_chain(0.0f, dy + n * O, 1, w + i, I, O);
    check_bits("dx", dx, expected, N * I);
    for (int o = 0; o < O; o++)
        for (int i = 0; i < I; i++) expected[o * I + i] = naive_chain(dw_before[o * I + i], dy + o, O, x + i, I, N);
    check_bits("dw", dw, expected, O * I);
    for (int o = 0; o < O; o++)
        for (int n = 0; n < N; n++) db_before[o] += dy[n * O + o];
    check_bits("db", db, db_before, O);
}
END_TEST

// A unit in one pass has the gradient of its sequences one by one.
START_TEST(linear_micro_batches) {
    static float x[N * I], w[O * I], dy[N * O], whole[O * I + O], parts[O * I + O];
    random_fill(x, N * I, 1, 1.0f);
    random_fill(w, O * I, 2, 1.0f);
    random_fill(dy, N * O, 4, 1.0f);
    linear_backward(NULL, whole, whole + O * I, dy, x, w, DTYPE_F32, &plain, N, I, O);
    const int cut[] = {0, 1, 14, 14, 31, N};
    for (int i = 0; i < 5; i++)
        linear_backward(NULL, parts, parts + O * I, dy + cut[i] * O, x + cut[i] * I, w, DTYPE_F32, &plain, cut[i + 1] - cut[i], I, O);
    check_bits("dw, db", parts, whole, O * I + O);
}
END_TEST

// A frozen bf16 weight is its exact expansion, forward and backward.
START_TEST(linear_frozen_weight) {
    static float x[N * I], w[O * I], dy[N * O], y[N * O], expected[N * O], dx[N * I], dx_expected[N * I];
    static uint16_t stored[O * I];
    random_fill(x, N * I, 1, 1.0f);
    random_fill(w, O * I, 2, 1.0f);
    random_fill(dy, N * O, 4, 1.0f);
    dtype_store(stored, DTYPE_BF16, w, O * I);
    dtype_expand(w, stored, DTYPE_BF16, 0, O * I);
    linear_forward(y, x, stored, DTYPE_BF16, NULL, PRECISION_FP32, N, I, O);
    linear_forward(expected, x, w, DTYPE_F32, NULL, PRECISION_FP32, N, I, O);
    check_bits("y", y, expected, N * O);
    linear_backward(dx, NULL, NULL, dy, x, stored, DTYPE_BF16, &plain, N, I, O);
    linear_backward(dx_expected, NULL, NULL, dy, x, w, DTYPE_F32, &plain, N, I, O);
    check_bits("dx", dx, dx_expected, N * I);
}
END_TEST

static void run(void *context, float *out) {
    const float *x = context, *w = x + N * I, *dy = w + O * I;
    linear_forward(out, x, w, DTYPE_F32, NULL, PRECISION_FP32, N, I, O);
    linear_backward(out + N * O, out + N * O + N * I, NULL, dy, x, w, DTYPE_F32, &plain, N, I, O);
}

START_TEST(linear_threads) {
    static float data[N * I + O * I + N * O];
    random_fill(data, sizeof data / sizeof *data, 1, 1.0f);
    check_threads(run, data, N * O + N * I + O * I);
}
END_TEST

Suite *suite_linear(void) {
    Suite *suite = suite_create("linear");
    TCase *tc = tcase_create("linear");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, linear_gradient);
    tcase_add_test(tc, linear_golden);
    tcase_add_test(tc, linear_chains);
    tcase_add_test(tc, linear_micro_batches);
    tcase_add_test(tc, linear_frozen_weight);
    tcase_add_test(tc, linear_threads);
    suite_add_tcase(suite, tc);
    return suite;
}
