// Log-probability: finite differences, golden values, the literal definition, chunks that nobody sees, threads.
#include "nn/logprob.h"

#include <math.h>
#include <signal.h>
#include <string.h>

#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_add.h"
#include "tensor/op_scale.h"
#include "tests/golden_file.h"
#include "tests/gradcheck.h"
#include "tests/naive.h"

Suite *suite_logprob(void);

static const LinearRows plain = {0};  // fp32

static const int32_t TARGET[6] = {0, 40, 7, 7, 22, 13};

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return logprob(tape, input[0], input[1], TARGET, 0.75f, plain, NULL);
}

START_TEST(logprob_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 2, .input = {random_tensor(&arena, 1, 1.0f, 6, 5), random_tensor(&arena, 2, 1.0f, 41, 5)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

// logp and the KL from a reference in one, by the gradients that both have: y_n = logp_n + kl_n / 2.
static Tensor *apply_reference(Tape *tape, Tensor *const *input, void *context) {
    LogprobReference *r = arena_alloc(input[0]->arena, sizeof *r);
    const LogprobReference *given = context;
    *r = (LogprobReference){given->x, given->w, tensor_new_1d(input[0]->arena, tape_wants(tape, input[0], input[1]), 6)};
    Tensor *logp = logprob(tape, input[0], input[1], TARGET, 0.75f, plain, &(LogprobExtra){.reference = r});
    return op_add(tape, logp, op_scale(tape, r->kl, 0.5f));
}

START_TEST(logprob_reference_gradient) {
    Arena arena = arena_make("test", 0);
    const Tensor *other = random_tensor(&arena, 3, 1.0f, 6, 4), *w = random_tensor(&arena, 4, 1.0f, 41, 4);
    LogprobReference given = {tensor_f32(other), w, NULL};
    Gradcheck check = {.op = apply_reference,
                       .context = &given,
                       .inputs = 2,
                       .input = {random_tensor(&arena, 1, 1.0f, 6, 5), random_tensor(&arena, 2, 1.0f, 41, 5)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

// p = (1/2, 1/4, 1/4) from q = (1/4, 1/2, 1/4): (ln 2) / 2 - (ln 2) / 4. From itself, with entropy beside it: exactly 0.
START_TEST(logprob_reference_by_hand) {
    Arena arena = arena_make("test", 0);
    const float two = log_f32(2), one[] = {1}, p[] = {two, 0, 0}, q[] = {0, two, 0};
    float logp[1], entropy[1];
    Tensor *w = tensor_new_2d(&arena, false, 3, 1);
    LogprobReference r = {one, w, tensor_new_1d(&arena, false, 1)};
    LogprobExtra extra = {.reference = &r, .entropy = entropy};
    memcpy(w->data, q, sizeof q);
    logprob_forward(logp, &extra, one, p, DTYPE_F32, TARGET, 1, PRECISION_FP32, 1, 1, 3);
    ck_assert_float_eq_tol(tensor_f32(r.kl)[0], 0.25f * two, 1e-6f);
    ck_assert_float_eq_tol(entropy[0], 1.5f * two, 1e-6f);
    ck_assert_float_eq_tol(logp[0], -two, 1e-6f);
    memcpy(w->data, p, sizeof p);
    logprob_forward(logp, &extra, one, p, DTYPE_F32, TARGET, 1, PRECISION_FP32, 1, 1, 3);
    ck_assert(tensor_f32(r.kl)[0] == 0);
    arena_free(&arena);
}
END_TEST

START_TEST(logprob_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    size_t n;
    const float *x = golden_f32(&golden, "logprob.x", &n), *w = golden_f32(&golden, "logprob.w", &n);
    const float *dy = golden_f32(&golden, "logprob.dy", &n);
    float logp[6], entropy[6], max[6], total[6], dx[54] = {0}, dw[41 * 9] = {0};
    LogprobExtra extra = {.entropy = entropy, .max = max, .total = total};
    logprob_forward(logp, &extra, x, w, DTYPE_F32, TARGET, 0.75f, PRECISION_FP32, 6, 9, 41);
    logprob_backward(dx, dw, NULL, dy, x, w, DTYPE_F32, TARGET, 0.75f, &plain, NULL, 6, 9, 41);
    golden_check(&golden, "logprob.y", logp, 6);
    golden_check(&golden, "logprob.entropy", entropy, 6);
    golden_check(&golden, "logprob.max", max, 6);
    golden_check(&golden, "logprob.total", total, 6);
    golden_check(&golden, "logprob.dx", dx, 54);
    golden_check(&golden, "logprob.dw", dw, 41 * 9);
    arena_free(&arena);
}
END_TEST

// More rows than a chunk holds at any setting (512), and a vocabulary whose chunks are shorter than the batch.
enum { N = 530, D = 3, V = 8195 };

static float x[N * D], w[V * D], dlogp[N];
static int32_t target[N];

static void fill(void) {
    random_fill(x, N * D, 1, 2.0f);
    random_fill(w, V * D, 2, 2.0f);
    random_fill(dlogp, N, 3, 1.0f);
    for (int n = 0; n < N; n++) target[n] = (n * 7919) % V;
    dlogp[5] = 0;
}

// The definition, row by row; the sampler's logits are the same bits.
START_TEST(logprob_definition) {
    static float z[V], seen[2 * V], logp[N], entropy[N], e[V];
    fill();
    LogprobExtra extra = {.entropy = entropy};
    logprob_forward(logp, &extra, x, w, DTYPE_F32, target, 0.7f, PRECISION_FP32, N, D, V);
    logits_forward(seen, x + 3 * D, w, DTYPE_F32, 0.7f, PRECISION_FP32, 2, D, V);
    for (int n = 0; n < N; n += 7) {
        for (int i = 0; i < V; i++) z[i] = naive_chain(0.0f, x + n * D, 1, w + i * D, 1, D) / 0.7f;
        if (n == 4) check_bits("logits", seen + V, z, V);
        float max = naive_max(z, V), a, b;
        for (int i = 0; i < V; i++) e[i] = exp_f32(z[i] - max);
        float total = naive_sum(e, V);
        float expected = (z[target[n]] - max) - log_f32(total);
        ck_assert_uint_eq(float_bits(logp[n]), float_bits(expected));
        ck_assert_uint_eq(float_bits(logprob_row(z, V, target[n], &a, &b)), float_bits(expected));
        ck_assert_uint_eq(float_bits(a), float_bits(max));
        ck_assert_uint_eq(float_bits(b), float_bits(total));
        for (int i = 0; i < V; i++) z[i] = z[i] - max;
        ck_assert_uint_eq(float_bits(entropy[n]), float_bits(log_f32(total) - naive_dot(e, z, V) / total));
    }
}
END_TEST

// logp, dx, dw of all rows in calls of `step` rows.
static void run_steps(float *out, int step) {
    memset(out, 0, (N + N * D + V * D) * sizeof(float));
    for (int n = 0; n < N; n += step) {
        int rows = N - n < step ? N - n : step;
        logprob_forward(out + n, NULL, x + n * D, w, DTYPE_F32, target + n, 1.0f, PRECISION_FP32, rows, D, V);
        logprob_backward(out + N + n * D, out + N + N * D, NULL, dlogp + n, x + n * D, w, DTYPE_F32, target + n, 1.0f, &plain, NULL, rows,
                         D, V);
    }
}

START_TEST(logprob_chunks) {
    static float whole[N + N * D + V * D], parts[N + N * D + V * D];
    fill();
    run_steps(whole, N);
    run_steps(parts, 1);
    check_bits("row by row", parts, whole, N + N * D + V * D);
    run_steps(parts, 101);
    check_bits("by 101 rows", parts, whole, N + N * D + V * D);
}
END_TEST

static void run(void *context, float *out) {
    (void)context;
    run_steps(out, N);
}

START_TEST(logprob_threads) {
    fill();
    check_threads(run, NULL, N + N * D + V * D);
}
END_TEST

// A bf16 head, as a frozen model has it: the bits of its expansion.
START_TEST(logprob_frozen_head) {
    static uint16_t stored[V * D];
    static float found[N], expected[N], dx[N * D], dx_expected[N * D];
    fill();
    dtype_store(stored, DTYPE_BF16, w, V * D);
    dtype_expand(w, stored, DTYPE_BF16, 0, V * D);
    logprob_forward(found, NULL, x, stored, DTYPE_BF16, target, 1.0f, PRECISION_FP32, 20, D, V);
    logprob_forward(expected, NULL, x, w, DTYPE_F32, target, 1.0f, PRECISION_FP32, 20, D, V);
    check_bits("logp", found, expected, 20);
    logprob_backward(dx, NULL, NULL, dlogp, x, stored, DTYPE_BF16, target, 1.0f, &plain, NULL, 20, D, V);
    logprob_backward(dx_expected, NULL, NULL, dlogp, x, w, DTYPE_F32, target, 1.0f, &plain, NULL, 20, D, V);
    check_bits("dx", dx, dx_expected, 20 * D);
}
END_TEST

START_TEST(logprob_refuses_foreign_target) {
    float logp[1];
    fill();
    target[0] = V;
    logprob_forward(logp, NULL, x, w, DTYPE_F32, target, 1.0f, PRECISION_FP32, 1, D, V);
}
END_TEST

Suite *suite_logprob(void) {
    Suite *suite = suite_create("logprob");
    TCase *tc = tcase_create("logprob");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, logprob_gradient);
    tcase_add_test(tc, logprob_reference_gradient);
    tcase_add_test(tc, logprob_reference_by_hand);
    tcase_add_test(tc, logprob_golden);
    tcase_add_test(tc, logprob_definition);
    tcase_add_test(tc, logprob_chunks);
    tcase_add_test(tc, logprob_threads);
    tcase_add_test(tc, logprob_frozen_head);
    tcase_add_test_raise_signal(tc, logprob_refuses_foreign_target, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
