// Number formats: every f16, exact expansion against the formulas, writing against the bytes of the gguf package.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tensor/dtype.h"
#include "tensor/kernels/kernels.h"
#include "tests/support.h"

static float float_from(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// The value of an f16 by its definition, in double.
static double f16_value(unsigned half) {
    int exponent = (int)(half >> 10 & 31), mantissa = (int)(half & 1023);
    double sign = half & 0x8000 ? -1 : 1;
    if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24));
}

static float random_value(uint32_t stream, uint32_t i) {
    static RngKey key;
    if (key.word[0] == 0) key = rng_key(7, "test.dtype");
    return rng_normal(key, (RngDraw){.step = stream, .position = i}, log_f32, cos_f32);
}

START_TEST(every_f16_round_trips) {
    for (unsigned half = 0; half < 65536; half++) {
        float x = f16_to_f32((uint16_t)half);
        ck_assert_uint_eq(float_bits(x), float_bits((float)f16_value(half)));
        ck_assert_uint_eq(f32_to_f16(x), isnan(x) ? 0x7e00u : half);
        uint32_t wide = half << 16;
        float y = bf16_to_f32((uint16_t)half);
        ck_assert_uint_eq(float_bits(y), float_bits(float_from(wide)));
        ck_assert_uint_eq(f32_to_bf16(y), isnan(y) ? 0x7fc0u : half);
    }
}
END_TEST

// Between two neighbours the nearer one is stored, in the middle the even one: three floats around each middle.
START_TEST(halves_round_to_nearest_even) {
    for (unsigned half = 0; half < 0x7c00; half++) {
        double low = f16_value(half), high = half == 0x7bff ? 65536.0 : f16_value(half + 1);
        float middle = (float)((low + high) / 2);
        unsigned even = half % 2 ? half + 1 : half;
        ck_assert_uint_eq(f32_to_f16(middle), even);
        ck_assert_uint_eq(f32_to_f16(nextafterf(middle, 0.0f)), half);
        ck_assert_uint_eq(f32_to_f16(nextafterf(middle, INFINITY)), half + 1);
        ck_assert_uint_eq(f32_to_f16(-middle), even | 0x8000);
    }
    for (uint32_t half = 0; half < 0x7f80; half += 7) {
        uint32_t middle = half << 16 | 0x8000;
        ck_assert_uint_eq(f32_to_bf16(float_from(middle)), half + half % 2);
        ck_assert_uint_eq(f32_to_bf16(float_from(middle - 1)), half);
        ck_assert_uint_eq(f32_to_bf16(float_from(middle + 1)), half + 1);
        ck_assert_uint_eq(f32_to_bf16(float_from(middle | 0x80000000u)), (half + half % 2) | 0x8000);
    }
    ck_assert_uint_eq(f32_to_f16(INFINITY), 0x7c00);
    ck_assert_uint_eq(f32_to_f16(-3e38f), 0xfc00);
    ck_assert_uint_eq(f32_to_bf16(-INFINITY), 0xff80);
    ck_assert_uint_eq(f32_to_f16(-0x1p-149f), 0x8000);
}
END_TEST

// Element i of a row by the table in dtype.h, in double and rounded once: the products of 11 and 8 bits are exact there.
static float element(const uint8_t *row, DType type, size_t i) {
    const DTypeInfo *info = dtype_info(type);
    const uint8_t *block = row + i / (size_t)info->block * (size_t)info->bytes;
    size_t at = i % 32;
    unsigned head = block[0] | (unsigned)block[1] << 8, second = 0;
    int nibble = 0;
    if (type == DTYPE_Q4_0 || type == DTYPE_Q4_1) {
        const uint8_t *packed = block + info->bytes - 16;
        second = block[2] | (unsigned)block[3] << 8;
        nibble = at < 16 ? packed[at % 16] & 15 : packed[at % 16] >> 4;
    }
    float x = 0;
    switch (type) {
    case DTYPE_F32:
        memcpy(&x, block, 4);
        return x;
    case DTYPE_F16:
        return (float)f16_value(head);
    case DTYPE_BF16:
        return float_from(head << 16);
    case DTYPE_Q8_0:
        return (float)(f16_value(head) * (block[2 + at] < 128 ? block[2 + at] : block[2 + at] - 256));
    case DTYPE_Q4_0:
        return (float)(f16_value(head) * (nibble - 8));
    case DTYPE_Q4_1:
        return (float)(f16_value(head) * nibble + f16_value(second));
    default:
        ck_abort();
    }
    return x;
}

START_TEST(expansion_is_exact) {
    enum { N = 320 };
    Kernels table;
    kernels_scalar(&table);
    kernels = table;
    RngKey key = rng_key(8, "test.dtype.bytes");
    uint8_t bytes[4 * N + 4];
    float y[N];
    for (uint32_t round = 0; round < 200; round++)
        for (int type = 0; type < DTYPE_COUNT; type++) {
            size_t block = (size_t)dtype_info((DType)type)->block, first = round % 4 * block, n = N - 4 * block;
            for (uint32_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)rng_bits(key, (RngDraw){.step = round, .position = i});
            dtype_expand(y, bytes, (DType)type, first, n);
            for (size_t i = 0; i < n; i++)
                if (float_bits(y[i]) != float_bits(element(bytes, (DType)type, first + i)))
                    ck_abort_msg("%s element %zu", dtype_info((DType)type)->name, first + i);
        }
}
END_TEST

// What was expanded is stored as the same bytes again (16 bits), or within half a step (blocks).
START_TEST(storing_inverts_expanding) {
    enum { N = 256 };
    Error error;
    ck_ok(kernels_choose("scalar", &error), error);
    static const double step[DTYPE_COUNT] = {[DTYPE_F16] = 0x1p-11, [DTYPE_BF16] = 0x1p-8, [DTYPE_Q8_0] = 0.5 / 127, [DTYPE_Q4_0] = 1.0 / 8,
                                             [DTYPE_Q4_1] = 1.0 / 15};
    uint8_t bytes[4 * N], again[4 * N];
    float x[N], y[N];
    for (uint32_t round = 0; round < 20; round++)
        for (int type = 0; type < DTYPE_COUNT; type++) {
            float largest = 0;
            for (uint32_t i = 0; i < N; i++) {
                x[i] = random_value(round, i);
                largest = fmaxf(largest, fabsf(x[i]));
            }
            dtype_store(bytes, (DType)type, x, N);
            dtype_expand(y, bytes, (DType)type, 0, N);
            // One f16 rounding of the scale comes on top.
            double bound = (double)largest * (step[type] + (type ? 0x1p-10 : 0));
            for (int i = 0; i < N; i++) ck_assert_double_le(fabs((double)x[i] - y[i]), bound);
            if (type > DTYPE_BF16) continue;
            dtype_store(again, (DType)type, y, N);
            ck_assert_mem_eq(again, bytes, dtype_bytes((DType)type, N));
        }
}
END_TEST

// Values that no quantisation can hold must not trap or write beyond the block.
START_TEST(storing_survives_any_value) {
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0x1p-149f, -0.0f};
    uint8_t bytes[40];
    float x[32];
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        for (size_t other = 0; other < sizeof bad / sizeof *bad; other++)
            for (int type = 0; type < DTYPE_COUNT; type++) {
                size_t n = (size_t)dtype_info((DType)type)->block, size = dtype_bytes((DType)type, n);
                for (size_t i = 0; i < 32; i++) x[i] = i % 5 == 0 ? bad[k] : i % 5 == 1 ? bad[other] : 0.1f;
                memset(bytes, 0xa5, sizeof bytes);
                dtype_store(bytes, (DType)type, x, n);
                for (size_t i = size; i < sizeof bytes; i++) ck_assert_uint_eq(bytes[i], 0xa5);
            }
    // A NaN is written in one way only.
    x[0] = float_from(0xffc12345u);
    uint32_t written;
    dtype_store(bytes, DTYPE_F32, x, 1);
    memcpy(&written, bytes, 4);
    ck_assert_uint_eq(written, 0x7fc00000u);
}
END_TEST

// ---- against the gguf package (tests/golden/make_quant.py)

enum { GOLDEN_ROWS = 28, GOLDEN_COLUMNS = 96 };

typedef struct {
    uint32_t rows, columns;
    float x[GOLDEN_ROWS][GOLDEN_COLUMNS];
    uint8_t q8_0[GOLDEN_ROWS * 3 * 34], q4_0[GOLDEN_ROWS * 3 * 18], q4_1[GOLDEN_ROWS * 3 * 20];
} Golden;

// True when the sum that is cut to an integer lies on one, up to the two roundings that the package makes of it.
static bool is_tie(const float *block, DType type, int i) {
    float min = block[0], max = block[0], extreme = block[0];
    for (int j = 1; j < 32; j++) {
        if (block[j] < min) min = block[j];
        if (block[j] > max) max = block[j];
        if (fabsf(block[j]) > fabsf(extreme)) extreme = block[j];
    }
    float d = type == DTYPE_Q4_0 ? extreme / -8.0f : (max - min) / 15.0f, id = 1.0f / d;
    double value = type == DTYPE_Q4_0 ? (double)block[i] * id + 8.5 : (double)(block[i] - min) * id + 0.5;
    return fabs(value - rint(value)) <= 0x1p-20;
}

// Counts the nibbles that differ; each must be a tie and one step apart.
static int count_ties(const uint8_t *ours, const uint8_t *theirs, const float *block, DType type) {
    int ties = 0, head = type == DTYPE_Q4_0 ? 2 : 4;
    ck_assert_mem_eq(ours, theirs, (size_t)head);
    for (int i = 0; i < 32; i++) {
        int shift = i < 16 ? 0 : 4, at = head + i % 16;
        int a = ours[at] >> shift & 15, b = theirs[at] >> shift & 15;
        if (a == b) continue;
        ck_assert_msg(a - b == 1 || b - a == 1, "element %d: %d and %d", i, a, b);
        ck_assert_msg(is_tie(block, type, i), "element %d: %a is no tie", i, (double)block[i]);
        ties++;
    }
    return ties;
}

START_TEST(bytes_equal_the_gguf_package) {
    Golden golden;
    FILE *file = fopen("tests/golden/quant.bin", "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(&golden, 1, sizeof golden, file), sizeof golden);
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
    ck_assert_uint_eq(golden.rows, GOLDEN_ROWS);
    ck_assert_uint_eq(golden.columns, GOLDEN_COLUMNS);

    int ties = 0;
    uint8_t bytes[3 * 34];
    for (int r = 0; r < GOLDEN_ROWS; r++) {
        dtype_store(bytes, DTYPE_Q8_0, golden.x[r], GOLDEN_COLUMNS);
        ck_assert_mem_eq(bytes, golden.q8_0 + r * 3 * 34, 3 * 34);
        dtype_store(bytes, DTYPE_Q4_0, golden.x[r], GOLDEN_COLUMNS);
        for (int b = 0; b < 3; b++) ties += count_ties(bytes + b * 18, golden.q4_0 + (r * 3 + b) * 18, golden.x[r] + b * 32, DTYPE_Q4_0);
        dtype_store(bytes, DTYPE_Q4_1, golden.x[r], GOLDEN_COLUMNS);
        for (int b = 0; b < 3; b++) ties += count_ties(bytes + b * 20, golden.q4_1 + (r * 3 + b) * 20, golden.x[r] + b * 32, DTYPE_Q4_1);
    }
    printf("dtype: %d of %d quantised values differ from the gguf package, each at a rounding tie\n", ties,
           2 * GOLDEN_ROWS * GOLDEN_COLUMNS);
    ck_assert_int_le(ties, 60);
}
END_TEST

START_TEST(names_and_sizes) {
    DType type;
    for (int i = 0; i < DTYPE_COUNT; i++) {
        ck_assert(dtype_from_name(dtype_info((DType)i)->name, &type));
        ck_assert_int_eq(type, i);
    }
    ck_assert(!dtype_from_name("Q8_0", &type) && !dtype_from_name("", &type));
    ck_assert_uint_eq(dtype_bytes(DTYPE_Q4_1, 64), 40);
    ck_assert_uint_eq(dtype_bytes(DTYPE_F32, 3), 12);
}
END_TEST

START_TEST(a_broken_block_is_a_callers_mistake) { dtype_bytes(DTYPE_Q8_0, 33); }
END_TEST

Suite *suite_dtype(void);

Suite *suite_dtype(void) {
    Suite *suite = suite_create("dtype");
    TCase *tests = tcase_create("dtype");
    tcase_add_test(tests, every_f16_round_trips);
    tcase_add_test(tests, halves_round_to_nearest_even);
    tcase_add_test(tests, expansion_is_exact);
    tcase_add_test(tests, storing_inverts_expanding);
    tcase_add_test(tests, storing_survives_any_value);
    tcase_add_test(tests, bytes_equal_the_gguf_package);
    tcase_add_test(tests, names_and_sizes);
    tcase_add_test_raise_signal(tests, a_broken_block_is_a_callers_mistake, 6);
    suite_add_tcase(suite, tests);
    return suite;
}
