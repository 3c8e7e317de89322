// Products against the definition, bit for bit: sizes, layouts, modes, types of B, cut chains, threads, kernel twins.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/pool.h"
#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"
#include "tests/naive.h"
#include "tests/support.h"

enum { GUARD = 37 };  // elements behind each row of C that must stay as they are

typedef enum { NT, NN, TN } Layout;

static const DType types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1};
enum { TYPES = sizeof types / sizeof *types };

// A repeatable stream of numbers in about [-1, 1), some of them exact zeros of either sign.
static uint32_t state;
static float number(void) {
    state = state * 1664525u + 1013904223u;
    if (state >> 27 == 3) return state & 1024 ? -0.0f : 0.0f;
    return (float)(int32_t)state * 0x1p-31f;
}

// Numbers whose products lie near the smallest normal one and cancel, among them every kind that M3 names: subnormal, of either
// sign, zero, infinite, not a number, halfway between two of bf16.
static float hostile(void) {
    static const float KINDS[] = {0x1p-149f, -0x1.8p-127f, 0x1.fffffcp-127f, -0.0f, INFINITY, -INFINITY, NAN, 0x1.01p-63f, -0x1.03p-63f};
    float x = number();
    uint32_t kind = state >> 8 & 1023;
    if (kind < sizeof KINDS / sizeof *KINDS) return KINDS[kind];
    return kind < 800 ? x * 0x1p-62f : x * 0x1p-20f;
}

// Bytes of `rows` rows of a type: random quants under small finite scales.
static void *stored_make(Arena *arena, DType type, int rows, int columns) {
    const DTypeInfo *info = dtype_info(type);
    size_t bytes = dtype_bytes(type, (size_t)columns) * (size_t)rows;
    uint8_t *data = arena_alloc(arena, bytes);
    if (type == DTYPE_F32) {
        for (size_t i = 0; i < bytes / 4; i++) ((float *)(void *)data)[i] = number();
        return data;
    }
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(number(), state >> 24);
    for (size_t at = 0; at < bytes; at += (size_t)info->bytes) {
        // 16-bit numbers and scales keep an exponent in the middle of their range.
        for (int half = 0; half < (type == DTYPE_Q4_1 ? 2 : 1); half++) {
            uint8_t *upper = data + at + half * 2 + 1;
            *upper = (uint8_t)((*upper & 0x83) | (type == DTYPE_BF16 ? 0x3c : 0x28));
        }
    }
    return data;
}

// One product to be checked; stored B as the caller holds it.
typedef struct {
    Layout layout;
    GemmMode mode;
    DType type;
    int M, N, K;
    Precision precision;
    bool hostile;  // numbers of every kind instead of ordinary ones
} Case;

static const char *case_text(const Case *c) {
    static char text[160];
    const char *type = dtype_info(c->type)->name;
    snprintf(text, sizeof text, "precision %d%s layout %d mode %d type %s M %d N %d K %d", c->precision, c->hostile ? " hostile" : "",
             c->layout, c->mode, type, c->M, c->N, c->K);
    return text;
}

// The definition: one chain a element, every index computed anew.
static void naive(const Case *c, float *C, size_t ldc, const float *A, size_t lda, const float *B, size_t ldb) {
    for (int i = 0; i < c->M; i++)
        for (int j = 0; j < c->N; j++) {
            float *out = &C[(size_t)i * ldc + (size_t)j], acc = c->mode == GEMM_PROCEED ? *out : 0.0f;
            const float *a = c->layout == TN ? A + i : A + (size_t)i * lda, *b = c->layout == NT ? B + (size_t)j * ldb : B + j;
            size_t a_k = c->layout == TN ? lda : 1, b_k = c->layout == NT ? 1 : ldb;
            acc = (c->precision == PRECISION_BF16 ? naive_bf16_chain : naive_chain)(acc, a, a_k, b, b_k, (size_t)c->K);
            *out = c->mode == GEMM_ADD ? *out + acc : acc;
        }
}

static void product(const Case *c, float *C, size_t ldc, const float *A, size_t lda, const void *B) {
    if (c->layout == NT) gemm_nt(c->mode, c->precision, C, ldc, A, lda, B, c->type, c->M, c->N, c->K);
    if (c->layout == NN) gemm_nn(c->mode, c->precision, C, ldc, A, lda, B, c->type, c->M, c->N, c->K);
    if (c->layout == TN) gemm_tn(c->mode, c->precision, C, ldc, A, lda, B, (size_t)c->N, c->M, c->N, c->K);
}

// Index of the first element whose bits differ, n if none. (An assertion per element would cost more than the products.)
static size_t first_difference(const float *x, const float *y, size_t n) {
    size_t i = 0;
    while (i < n && float_bits(x[i]) == float_bits(y[i])) i++;
    return i;
}

// Runs one case and compares every bit of C and of what lies between its rows.
static void check_case(const Case *c) {
    static Arena arena;
    if (arena.name == NULL) arena = arena_make("test", 0);
    ArenaMark mark = arena_mark(&arena);
    state = (uint32_t)(c->M * 7919 + c->N * 104729 + c->K * 31 + (int)c->layout * 3 + (int)c->mode);
    size_t lda = (size_t)(c->layout == TN ? c->M : c->K) + 3, ldc = (size_t)c->N + GUARD;
    size_t a_rows = (size_t)(c->layout == TN ? c->K : c->M), n = ldc * (size_t)c->M;
    int b_rows = c->layout == NT ? c->N : c->K, b_columns = c->layout == NT ? c->K : c->N;

    // A's rows end with NaN that no product may touch.
    float *A = arena_alloc(&arena, a_rows * lda * sizeof(float));
    for (size_t i = 0; i < a_rows * lda; i++) A[i] = i % lda < lda - 3 ? (c->hostile ? hostile() : number()) : NAN;
    char *stored = stored_make(&arena, c->type, b_rows, b_columns);
    for (int i = 0; c->hostile && c->type == DTYPE_F32 && i < b_rows * b_columns; i++) ((float *)(void *)stored)[i] = hostile();
    float *B = arena_alloc(&arena, (size_t)b_rows * (size_t)b_columns * sizeof(float));
    size_t width = (size_t)b_columns, row_bytes = dtype_bytes(c->type, width);
    for (size_t i = 0; i < (size_t)b_rows; i++) dtype_expand(B + i * width, stored + i * row_bytes, c->type, 0, width);
    float *expected = arena_alloc(&arena, n * sizeof(float)), *found = arena_alloc(&arena, n * sizeof(float));
    for (size_t i = 0; i < n; i++) expected[i] = found[i] = c->hostile ? hostile() * 0x1p-64f : number();

    naive(c, expected, ldc, A, lda, B, (size_t)b_columns);
    product(c, found, ldc, A, lda, stored);
    size_t i = first_difference(expected, found, n);
    ck_assert_msg(i == n, "%s: C[%zu,%zu] expected %a, found %a", case_text(c), i / ldc, i % ldc, expected[i], found[i]);
    arena_release(&arena, mark);
}

// fp32; where the definition is not too slow for it, bf16 and bf16 of hostile numbers.
static int kinds(int M, int N, int K) { return M * N * K < 20000 ? 3 : M * N * K < 1000000 ? 2 : 1; }

// Every layout and mode of one size, B in fp32.
static void check_size(int M, int N, int K) {
    for (int layout = NT; layout <= TN; layout++)
        for (int mode = GEMM_SET; mode <= GEMM_ADD; mode++)
            for (int kind = 0; kind < kinds(M, N, K); kind++)
                check_case(&(Case){(Layout)layout, (GemmMode)mode, DTYPE_F32, M, N, K, kind ? PRECISION_BF16 : PRECISION_FP32, kind > 1});
}

// Every type of B, every layout that takes it and every mode.
static void check_types(int M, int N, int K) {
    for (int t = 1; t < TYPES; t++)
        for (int layout = NT; layout <= NN; layout++)
            for (int mode = GEMM_SET; mode <= GEMM_ADD; mode++)
                for (int kind = 0; kind < kinds(M, N, K); kind++) {
                    Precision precision = kind ? PRECISION_BF16 : PRECISION_FP32;
                    check_case(&(Case){(Layout)layout, (GemmMode)mode, types[t], M, N, K, precision, kind > 1});
                }
}

static void use(const char *name, int threads) {
    Error error;
    ck_ok(kernels_choose(name, &error), error);
    ck_ok(pool_start(threads, &error), error);
}

START_TEST(small_sizes) {
    use(_i ? "native" : "scalar", 1);
    static const int sizes[] = {0, 1, 2, 5, 6, 7, 15, 16, 17, 33};
    const size_t n_sizes = sizeof sizes / sizeof *sizes;
    for (size_t m = 0; m < n_sizes; m++)
        for (size_t n = 0; n < n_sizes; n++)
            for (size_t k = 0; k < n_sizes; k++) check_size(sizes[m], sizes[n], sizes[k]);
}
END_TEST

START_TEST(all_types) {
    use(_i ? "native" : "scalar", 1);
    for (int M = 1; M <= 8; M++) check_types(M, 32, 96);
    check_types(13, 160, 352);
    check_types(3, 64, 704);
}
END_TEST

// Types without blocks take any size.
START_TEST(odd_sizes_of_16_bit_types) {
    use("native", 1);
    for (int t = 1; t <= 2; t++)
        for (int M = 1; M <= 9; M += 4)
            for (int N = 1; N <= 35; N += 17)
                for (int K = 1; K <= 30; K++)
                    for (int layout = NT; layout <= NN; layout++)
                        for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++)
                            check_case(&(Case){(Layout)layout, GEMM_SET, types[t], M, N, K, (Precision)p, false});
}
END_TEST

// Chains cut by blocks of depth, more rows than stay in cache, borders everywhere.
START_TEST(long_chains) {
    use("native", 1);
    check_size(131, 37, 1001);
    check_size(7, 150, 2000);
    check_size(3, 20, 3333);
    check_types(9, 96, 1312);
}
END_TEST

// Enough rows, columns and depth for several pieces of A and several scratch chains.
START_TEST(several_pieces) {
    use("native", 2);
    check_size(1601, 19, 70);
    check_case(&(Case){NN, GEMM_ADD, DTYPE_F32, 800, 19, 3000, PRECISION_FP32, false});
    check_case(&(Case){NT, GEMM_SET, DTYPE_F32, 800, 3, 3000, PRECISION_FP32, false});
    check_case(&(Case){TN, GEMM_PROCEED, DTYPE_F32, 769, 5, 2900, PRECISION_FP32, false});
    check_case(&(Case){NN, GEMM_ADD, DTYPE_F32, 770, 1500, 330, PRECISION_FP32, false});
    check_case(&(Case){NN, GEMM_ADD, DTYPE_F32, 131, 37, 1001, PRECISION_BF16, false});
    check_case(&(Case){NT, GEMM_SET, DTYPE_F32, 800, 3, 3000, PRECISION_BF16, false});
    check_case(&(Case){TN, GEMM_PROCEED, DTYPE_F32, 769, 2, 2901, PRECISION_BF16, false});
}
END_TEST

START_TEST(any_threads) {
    static const int threads[] = {1, 2, 3, 7};
    use("native", threads[_i]);
    check_size(1, 700, 40);
    check_size(6, 333, 65);
    check_size(16, 192, 576);
    check_size(256, 16, 576);
    check_size(100, 100, 700);
    check_types(2, 96, 64);
    check_types(40, 224, 640);
}
END_TEST

// A product inside a task runs in that task's thread.
static void nested_task(void *context, int task, int thread) {
    (void)thread;
    float *C = (float *)context + task;
    float A[2] = {1, 2}, B[2] = {3, (float)task};
    gemm_nt(GEMM_SET, PRECISION_FP32, C, 1, A, 2, B, DTYPE_F32, 1, 1, 2);
    float tall[16], column[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    gemm_nn(GEMM_SET, PRECISION_FP32, tall, 2, column, 1, B, DTYPE_F32, 8, 2, 1);
    *C += tall[15];
}

START_TEST(inside_a_task) {
    use("native", 3);
    float C[50];
    pool_run(50, nested_task, C);
    for (int i = 0; i < 50; i++) ck_assert_float_eq(C[i], 3.0f + 3.0f * (float)i);
}
END_TEST

// Not-a-number and infinity stay in their own rows and columns.
START_TEST(non_finite_stays_local) {
    use(_i ? "native" : "scalar", 1);
    enum { M = 7, N = 17, K = 9 };
    float A[M * K], B[N * K], C[M * N];
    for (int i = 0; i < M * K; i++) A[i] = 1;
    for (int i = 0; i < N * K; i++) B[i] = 1;
    A[3 * K + 4] = INFINITY;
    B[16 * K + 2] = NAN;
    gemm_nt(GEMM_SET, PRECISION_FP32, C, N, A, K, B, DTYPE_F32, M, N, K);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            if (j == 16) ck_assert(isnan(C[i * N + j]));
            else if (i == 3) ck_assert(isinf(C[i * N + j]));
            else ck_assert_float_eq(C[i * N + j], K);
        }
}
END_TEST

// The kernels themselves, native against scalar, at unaligned places.
START_TEST(twins) {
    Error error;
    ck_ok(kernels_choose("native", &error), error);
    Kernels scalar, native = kernels;
    kernels_scalar(&scalar);
    Arena arena = arena_make("test", 0);
    enum { K = 100, ROOM = K * GEMM_NR + 64 };
    float *a = arena_alloc(&arena, ROOM * sizeof(float)), *b = arena_alloc(&arena, ROOM * sizeof(float));
    float *x = arena_alloc(&arena, ROOM * sizeof(float)), *y = arena_alloc(&arena, ROOM * sizeof(float));
    state = 5;
    for (int i = 0; i < ROOM; i++) a[i] = number(), b[i] = number();
    a[50] = INFINITY, b[70] = NAN, a[80] = 0x1p-140f, b[90] = 0x1p127f;

    for (int mr = 1; mr <= GEMM_MR; mr++)
        for (int nr = 1; nr <= GEMM_NR; nr++)
            for (int k = 0; k <= K; k += k < 10 ? 1 : 45)
                for (TileMode mode = TILE_SET; mode <= TILE_ADD; mode++) {
                    for (int i = 0; i < ROOM; i++) x[i] = y[i] = number();
                    scalar.gemm_tile(x + 1, 21, a + 3, b + 1, (size_t)k, mr, nr, mode);
                    native.gemm_tile(y + 1, 21, a + 3, b + 1, (size_t)k, mr, nr, mode);
                    ck_assert_uint_eq(first_difference(x, y, ROOM), ROOM);
                }
    // Panels of A in both directions; nothing behind the panel is written.
    for (int mr = 1; mr <= GEMM_MR; mr++)
        for (int k = 0; k <= 40; k++)
            for (int direction = 0; direction < 2; direction++) {
                for (int i = 0; i < ROOM; i++) x[i] = y[i] = 7;
                scalar.pack_a(x + 1, a + 1, direction ? 1 : 41, direction ? 9 : 1, (size_t)k, mr);
                native.pack_a(y + 1, a + 1, direction ? 1 : 41, direction ? 9 : 1, (size_t)k, mr);
                ck_assert_uint_eq(first_difference(x, y, ROOM), ROOM);
            }
    // Panels of B from the middle of rows of every type.
    for (int t = 0; t < TYPES; t++)
        for (int nr = 1; nr <= GEMM_NR; nr++) {
            const char *rows = stored_make(&arena, types[t], nr, 96);
            for (int i = 0; i < ROOM; i++) x[i] = y[i] = 7;
            scalar.pack_rows(x + 1, rows, types[t], dtype_bytes(types[t], 96), 32, 64, nr);
            native.pack_rows(y + 1, rows, types[t], dtype_bytes(types[t], 96), 32, 64, nr);
            ck_assert_uint_eq(first_difference(x, y, ROOM), ROOM);
        }
    // Few rows of A against 1 to 70 stored rows.
    float *rounded = arena_alloc(&arena, ROOM * sizeof(float));
    for (int i = 0; i < ROOM; i++) rounded[i] = naive_bf16(a[i]);
    for (int t = 0; t < TYPES; t++)
        for (int n = 1; n <= 70; n += n < 34 ? 1 : 12) {
            const char *rows = stored_make(&arena, types[t], n, 96);
            for (int mr = 1; mr <= GEMM_FEW; mr++)
                for (int proceed = 0; proceed < 2; proceed++) {
                    for (int i = 0; i < ROOM; i++) x[i] = y[i] = number();
                    scalar.gemm_few(x + 1, 75, a + 1, 99, rows, types[t], dtype_bytes(types[t], 96), 96, mr, n, proceed);
                    native.gemm_few(y + 1, 75, a + 1, 99, rows, types[t], dtype_bytes(types[t], 96), 96, mr, n, proceed);
                    ck_assert_uint_eq(first_difference(x, y, ROOM), ROOM);
                    scalar.bf16_few(x + 1, 75, rounded + 1, 99, rows, types[t], dtype_bytes(types[t], 96), 96, mr, n, proceed);
                    native.bf16_few(y + 1, 75, rounded + 1, 99, rows, types[t], dtype_bytes(types[t], 96), 96, mr, n, proceed);
                    ck_assert_uint_eq(first_difference(x, y, ROOM), ROOM);
                }
        }
    arena_free(&arena);
}
END_TEST

// Scratch stays below what is promised, and a shape seen before asks for nothing.
START_TEST(scratch) {
    static const int shapes[][3] = {{512, 576, 1536}, {16, 192, 576}, {1601, 400, 64}, {20, 3000, 700}, {900, 30, 5001}};
    int M = shapes[_i][0], N = shapes[_i][1], K = shapes[_i][2];
    use("native", 1);
    Arena arena = arena_make("test", 0);
    float *A = arena_zeros(&arena, (size_t)M * (size_t)K, sizeof(float)), *B = arena_zeros(&arena, (size_t)N * (size_t)K, sizeof(float));
    float *C = arena_zeros(&arena, (size_t)M * (size_t)N, sizeof(float));
    for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++)
        gemm_nt(GEMM_ADD, (Precision)p, C, (size_t)N, A, (size_t)K, B, DTYPE_F32, M, N, K);
    ck_assert_uint_le(pool_scratch(0)->peak, gemm_scratch_bytes(M, N, K));
    ck_assert_uint_eq(pool_scratch(0)->used, 0);
    size_t reserved = arena_total_reserved();
    for (int mode = GEMM_SET; mode <= GEMM_ADD; mode++)
        gemm_nt((GemmMode)mode, PRECISION_FP32, C, (size_t)N, A, (size_t)K, B, DTYPE_F32, M, N, K);
    ck_assert_uint_eq(arena_total_reserved(), reserved);
    arena_free(&arena);
}
END_TEST

Suite *suite_gemm(void);
Suite *suite_gemm(void) {
    Suite *suite = suite_create("gemm");
    TCase *c = tcase_create("gemm");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, small_sizes, 0, 2);
    tcase_add_loop_test(c, all_types, 0, 2);
    tcase_add_test(c, odd_sizes_of_16_bit_types);
    tcase_add_test(c, long_chains);
    tcase_add_test(c, several_pieces);
    tcase_add_loop_test(c, any_threads, 0, 4);
    tcase_add_test(c, inside_a_task);
    tcase_add_loop_test(c, non_finite_stays_local, 0, 2);
    tcase_add_test(c, twins);
    tcase_add_loop_test(c, scratch, 0, 5);
    suite_add_tcase(suite, c);
    return suite;
}
