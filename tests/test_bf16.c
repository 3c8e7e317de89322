// Products in bf16 (numerics.md, M3): the kernels against integers, what they leave of the processor's state, the rows of layers.
#include <math.h>
#include <string.h>

#include "nn/logprob.h"
#include "nn/lora.h"
#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tests/gradcheck.h"
#include "tests/naive.h"

// ---- the kernels

enum { WIDTH = GEMM_NR, ROOM = 4096 };

static uint32_t state = 1;
static uint32_t next(void) {
    state = state * 1664525u + 1013904223u;
    return state ^ state >> 15;
}

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Any 32 bits: every exponent, infinities, NaN of both kinds, subnormals.
static float any_float(void) { return float_of(next() << 16 ^ next()); }

// Both tables of this machine.
static void tables(Kernels *scalar, Kernels *native) {
    Error error;
    ck_ok(kernels_choose("native", &error), error);
    *native = kernels;
    kernels_scalar(scalar);
}

// Rounding and exchange of every kind of number, an odd number of steps with its missing partner, nothing written behind it.
START_TEST(pairs) {
    Kernels table[2];
    tables(&table[0], &table[1]);
    static float before[ROOM], after[ROOM];
    for (int turn = 0; turn < 400; turn++) {
        size_t width = turn % 2 ? GEMM_MR : GEMM_NR, k = (size_t)(turn % 40);
        for (int i = 0; i < ROOM; i++) before[i] = any_float();
        // What rounding decides: ties, the largest number, the smallest normal, quiet and signalling NaN.
        const uint32_t edges[] = {0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x00800000,
                                  0x007fffff, 0x80000001, 0x7f800001, 0xffc00000, 0x7fffffff};
        for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) before[1 + 7 * i] = float_of(edges[i]);
        for (int t = 0; t < 2; t++) {
            memcpy(after, before, sizeof after);
            table[t].bf16_pairs(after + 1, k, width);
            for (size_t step = 0; step < k + k % 2; step++)
                for (size_t j = 0; j < width; j++) {
                    float expected = (step ^ 1) < k ? naive_bf16(before[1 + (step ^ 1) * width + j]) : 0.0f;
                    ck_assert_uint_eq(float_bits(after[1 + step * width + j]), float_bits(expected));
                }
            for (size_t i = 1 + (k + k % 2) * width; i < ROOM; i++) ck_assert_uint_eq(float_bits(after[i]), float_bits(before[i]));
        }
    }
}
END_TEST

// One link of a chain: a tile of one step, whose partner is +0 times +0.
static float tile_link(const Kernels *table, float a, float b, float c) {
    float panel_a[2 * GEMM_MR] = {0}, panel_b[2 * GEMM_NR] = {0}, out[GEMM_NR] = {0};
    panel_a[GEMM_MR] = a;
    panel_b[GEMM_NR] = b;
    out[0] = c;
    table->bf16_tile(out, GEMM_NR, panel_a, panel_b, 1, 1, 1, TILE_PROCEED);
    return out[0];
}

static void check_link(const Kernels *table, float a, float b, float c) {
    float expected = naive_bf16_fma(a, b, naive_bf16_fma(0.0f, 0.0f, c)), found = tile_link(table, a, b, c);
    ck_assert_msg(float_bits(found) == float_bits(expected), "%s: fma(%a, %a, %a): expected %a, found %a", table->name, a, b, c, expected,
                  found);
}

// Sums around 2^-126: products of every exponent that can reach it, accumulators a few units in the last place from it, and exact
// halves where rounding with an exponent that has no limit decides whether the result is flushed.
START_TEST(near_the_smallest_normal) {
    Kernels table[2];
    tables(&table[0], &table[1]);
    int flushed = 0, kept = 0;
    for (int turn = 0; turn < 120000; turn++) {
        uint32_t r = next();
        int at = 1 + (int)(r % 253), other = 127 - at + (int)(next() % 34) - 26;
        if (other < 1 || other > 254) continue;
        float a = float_of((r & 0x80000000) | (uint32_t)at << 23 | (next() & 0x7f0000));
        float b = float_of((uint32_t)other << 23 | (next() & 0x7f0000));
        float c = float_of((next() & 0x80000000) | (0x00800000 + (next() % 7) - 3 + (next() % 3 == 0 ? next() % 0x800000 : 0)));
        for (int t = 0; t < 2; t++) check_link(&table[t], a, b, c);
        float exact = naive_bf16_fma(a, b, c), gradual = fmaf(a, b, c);
        flushed += exact == 0 && gradual != 0;
        kept += fabsf(gradual) == 0x1p-126f && exact != 0;
    }
    // 2^-126 less a little: above, at and below the half that rounds up to it.
    const double minus[] = {0x1p-152, 0x1.8p-152, 0x1.fep-152, 0x1p-151, 0x1.02p-151, 0x1p-150, 0x1.02p-150};
    for (size_t i = 0; i < sizeof minus / sizeof *minus; i++)
        for (int sign = 0; sign < 2; sign++) {
            float a = 0x1p-60f, b = (float)(minus[i] * 0x1p60), c = sign ? -0x1p-126f : 0x1p-126f;
            for (int t = 0; t < 2; t++) check_link(&table[t], sign ? a : -a, b, c);
            ck_assert_int_eq(naive_bf16_fma(sign ? a : -a, b, c) == 0, i > 3);
        }
    ck_assert_int_gt(flushed, 500);
    ck_assert_int_gt(kept, 50);
}
END_TEST

// Any operands: infinities, NaN, overflow, zeros of both signs, subnormal accumulators.
START_TEST(any_operands) {
    Kernels table[2];
    tables(&table[0], &table[1]);
    const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1.fffffcp-127f, 0x1.fep127f, 1.0f};
    enum { N = sizeof special / sizeof *special };
    for (int i = 0; i < N * N * N; i++) {
        float a = naive_bf16(special[i % N]), b = naive_bf16(special[i / N % N]), c = special[i / N / N];
        for (int t = 0; t < 2; t++) check_link(&table[t], a, b, c);
    }
    for (int turn = 0; turn < 50000; turn++) {
        float a = naive_bf16(any_float()), b = naive_bf16(any_float()), c = any_float();
        for (int t = 0; t < 2; t++) check_link(&table[t], a, b, c);
    }
    // The missing partner's link is executed.
    for (int t = 0; t < 2; t++) ck_assert_uint_eq(float_bits(tile_link(&table[t], 0.0f, 0.0f, -0.0f)), 0);
}
END_TEST

// Whole tiles, native against scalar: every number of rows and columns, chains that sink below 2^-126 and rise again.
START_TEST(twins) {
    Kernels scalar, native;
    tables(&scalar, &native);
    static float a[ROOM], b[ROOM], x[ROOM], y[ROOM];
    for (int mr = 1; mr <= GEMM_MR; mr++)
        for (int nr = 1; nr <= GEMM_NR; nr++)
            for (int k = 1; k <= 61; k += k < 7 ? 1 : 27)
                for (int kind = 0; kind < 4; kind++) {
                    for (int i = 0; i < ROOM; i++) {
                        float scale = kind < 2 ? 1.0f : float_of((uint32_t)(127 - 70 + next() % 12) << 23);
                        a[i] = naive_bf16((float)(int32_t)next() * 0x1p-31f * scale);
                        b[i] = naive_bf16((float)(int32_t)next() * 0x1p-31f * scale);
                        x[i] = y[i] = (float)(int32_t)next() * 0x1p-31f * scale * scale;
                    }
                    TileMode mode = kind % 2 ? TILE_PROCEED : TILE_SET;
                    scalar.bf16_tile(x + 1, 21, a + 3, b + 1, (size_t)k, mr, nr, mode);
                    native.bf16_tile(y + 1, 21, a + 3, b + 1, (size_t)k, mr, nr, mode);
                    check_bits("tile", y, x, ROOM);
                }
}
END_TEST

// ---- the processor's state

static void halve(void *context, int task, int thread) {
    (void)thread;
    volatile float smallest = 0x1p-126f;
    ((float *)context)[task] = smallest * 0.5f;
}

// After a product every thread has its subnormal numbers back; adding a finished product keeps them.
START_TEST(subnormals_come_back) {
    Error error;
    ck_ok(kernels_choose("native", &error), error);
    ck_ok(pool_start(3, &error), error);
    static float A[300 * 40], B[300 * 40], C[300 * 300], half[64];
    random_fill(A, 300 * 40, 1, 1.0f);
    random_fill(B, 300 * 40, 2, 1.0f);
    gemm_nt(GEMM_SET, PRECISION_BF16, C, 300, A, 40, B, DTYPE_F32, 300, 300, 40);
    pool_run(64, halve, half);
    for (int i = 0; i < 64; i++) ck_assert(half[i] == 0x1p-127f);
    float one = 0, zero = 0, sum = 0x1p-140f;
    gemm_nt(GEMM_ADD, PRECISION_BF16, &sum, 1, &one, 1, &zero, DTYPE_F32, 1, 1, 1);
    ck_assert(sum == 0x1p-140f);
    gemm_nt(GEMM_PROCEED, PRECISION_BF16, &sum, 1, &one, 1, &zero, DTYPE_F32, 1, 1, 1);
    ck_assert_uint_eq(float_bits(sum), 0);
}
END_TEST

// ---- layers

enum { N = 61, I = 45, O = 51, R = 3, SEQUENCES = 5 };
static const int FIRST[SEQUENCES + 1] = {0, 7, 7, 8, 39, N};
static const LinearRows ROWS = {PRECISION_BF16, SEQUENCES, FIRST};

// y, dx and dW by the definition: pairs over the columns forward, over the outputs in dx, over each sequence's tokens in dW.
START_TEST(linear_by_definition) {
    static float x[N * I], w[O * I], dy[N * O], y[N * O], dx[N * I], dw[O * I], y_[N * O], dx_[N * I], dw_[O * I];
    random_fill(x, N * I, 1, 1.0f);
    random_fill(w, O * I, 2, 1.0f);
    random_fill(dy, N * O, 4, 1.0f);
    random_fill(dw, O * I, 5, 1.0f);
    memcpy(dw_, dw, sizeof dw);
    linear_forward(y, x, w, DTYPE_F32, NULL, PRECISION_BF16, N, I, O);
    linear_backward(dx, dw, NULL, dy, x, w, DTYPE_F32, &ROWS, N, I, O);
    for (int n = 0; n < N; n++) {
        for (int o = 0; o < O; o++) y_[n * O + o] = naive_bf16_chain(0.0f, x + n * I, 1, w + o * I, 1, I);
        for (int i = 0; i < I; i++) dx_[n * I + i] = 0.0f + naive_bf16_chain(0.0f, dy + n * O, 1, w + i, I, O);
    }
    for (int o = 0; o < O; o++)
        for (int i = 0; i < I; i++)
            for (int s = 0; s < SEQUENCES; s++) {
                size_t from = (size_t)FIRST[s];
                dw_[o * I + i] = naive_bf16_chain(dw_[o * I + i], dy + from * O + o, O, x + from * I + i, I, (size_t)FIRST[s + 1] - from);
            }
    check_bits("y", y, y_, N * O);
    check_bits("dx", dx, dx_, N * I);
    check_bits("dw", dw, dw_, O * I);
}
END_TEST

// Gradients of the adapter do not depend on which sequences share a pass; s and the sum are fp32.
START_TEST(adapter_by_sequence) {
    static float x[N * I], a[R * I], b[O * R], dy[N * O], t[N * R], y[N * O], u[N * O], t_[N * R];
    static float da[R * I], db[O * R], da_[R * I], db_[O * R];
    random_fill(x, N * I, 1, 1.0f);
    random_fill(a, R * I, 2, 1.0f);
    random_fill(b, O * R, 3, 1.0f);
    random_fill(dy, N * O, 4, 1.0f);
    random_fill(y, N * O, 5, 1.0f);
    memcpy(u, y, sizeof u);
    lora_forward(y, t, x, a, b, 0.3f, PRECISION_BF16, N, I, R, O);
    lora_backward(NULL, da, db, dy, x, t, a, b, 0.3f, &ROWS, N, I, R, O);
    for (int n = 0; n < N; n++) {
        for (int r = 0; r < R; r++) t_[n * R + r] = naive_bf16_chain(0.0f, x + n * I, 1, a + r * I, 1, I);
        for (int o = 0; o < O; o++) u[n * O + o] += 0.3f * naive_bf16_chain(0.0f, t_ + n * R, 1, b + o * R, 1, R);
    }
    check_bits("t", t, t_, N * R);
    check_bits("y", y, u, N * O);
    for (int s = 0; s < SEQUENCES; s++) {
        int from = FIRST[s], rows = FIRST[s + 1] - from;
        const LinearRows one = {.precision = PRECISION_BF16};
        lora_backward(NULL, da_, db_, dy + from * O, x + from * I, t + from * R, a, b, 0.3f, &one, rows, I, R, O);
    }
    check_bits("da", da, da_, R * I);
    check_bits("db", db, db_, O * R);
}
END_TEST

// A head whose chunks of 512 rows end inside a sequence, at either side of a pair.
START_TEST(head_in_chunks) {
    enum { ALL = 700, D = 5, V = 33, CUTS = 4 };
    static float x[ALL * D], w[V * D], dlogp[ALL], dx[ALL * D], dw[V * D], dx_[ALL * D], dw_[V * D];
    static int32_t target[ALL];
    random_fill(x, ALL * D, 1, 2.0f);
    random_fill(w, V * D, 2, 2.0f);
    random_fill(dlogp, ALL, 3, 1.0f);
    for (int n = 0; n < ALL; n++) target[n] = n * 7 % V;
    for (int start = 0; start < 4; start++) {
        const int first[CUTS + 1] = {0, start, start + 9, 600 + start, ALL};
        const LinearRows rows = {PRECISION_BF16, CUTS, first}, one = {.precision = PRECISION_BF16};
        memset(dx, 0, sizeof dx), memset(dw, 0, sizeof dw), memset(dx_, 0, sizeof dx), memset(dw_, 0, sizeof dw);
        logprob_backward(dx, dw, NULL, dlogp, x, w, DTYPE_F32, target, 0.7f, &rows, NULL, ALL, D, V);
        // Sequence by sequence, its logits' gradient whole.
        for (int s = 0; s < CUTS; s++) {
            int from = first[s], n = first[s + 1] - from;
            static float dz[ALL * V];
            logits_forward(dz, x + from * D, w, DTYPE_F32, 0.7f, PRECISION_BF16, n, D, V);
            logprob_backward(dx_ + from * D, NULL, dz, dlogp + from, x + from * D, w, DTYPE_F32, target + from, 0.7f, &one, NULL, n, D, V);
            for (int v = 0; v < V; v++)
                for (int d = 0; d < D; d++)
                    dw_[v * D + d] = naive_bf16_chain(dw_[v * D + d], dz + v, V, x + from * D + d, D, (size_t)n);
        }
        check_bits("dx", dx, dx_, ALL * D);
        check_bits("dw", dw, dw_, V * D);
    }
}
END_TEST

static void run(void *context, float *out) {
    const float *x = context, *w = x + N * I, *dy = w + O * I;
    memset(out + N * O, 0, (N * I + O * I) * sizeof(float));
    linear_forward(out, x, w, DTYPE_F32, NULL, PRECISION_BF16, N, I, O);
    linear_backward(out + N * O, out + N * O + N * I, NULL, dy, x, w, DTYPE_F32, &ROWS, N, I, O);
}

START_TEST(threads) {
    static float data[N * I + O * I + N * O];
    random_fill(data, sizeof data / sizeof *data, 1, 1.0f);
    check_threads(run, data, N * O + N * I + O * I);
}
END_TEST

Suite *suite_bf16(void);
Suite *suite_bf16(void) {
    Suite *suite = suite_create("bf16");
    TCase *c = tcase_create("bf16");
    tcase_add_checked_fixture(c, kernels_setup, NULL);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, pairs);
    tcase_add_test(c, near_the_smallest_normal);
    tcase_add_test(c, any_operands);
    tcase_add_test(c, twins);
    tcase_add_test(c, subnormals_come_back);
    tcase_add_test(c, linear_by_definition);
    tcase_add_test(c, adapter_by_sequence);
    tcase_add_test(c, head_in_chunks);
    tcase_add_test(c, threads);
    suite_add_tcase(suite, c);
    return suite;
}
