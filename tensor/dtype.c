#include "tensor/dtype.h"

#include <math.h>
#include <string.h>

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"

enum { BLOCK = 32 };

static const DTypeInfo INFO[DTYPE_COUNT] = {
    [DTYPE_F32] = {"f32", 1, 4},       [DTYPE_F16] = {"f16", 1, 2},       [DTYPE_BF16] = {"bf16", 1, 2},
    [DTYPE_Q8_0] = {"q8_0", BLOCK, 34}, [DTYPE_Q4_0] = {"q4_0", BLOCK, 18}, [DTYPE_Q4_1] = {"q4_1", BLOCK, 20},
};

const DTypeInfo *dtype_info(DType type) {
    REQUIRE((unsigned)type < DTYPE_COUNT, "dtype: type %d", (int)type);
    return &INFO[type];
}

bool dtype_from_name(const char *name, DType *type) {
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(name, INFO[i].name) == 0) {
            *type = (DType)i;
            return true;
        }
    return false;
}

size_t dtype_bytes(DType type, size_t n) {
    const DTypeInfo *info = dtype_info(type);
    size_t bytes = 0;
    REQUIRE(n % (size_t)info->block == 0, "dtype: %zu elements of %s, whose blocks hold %d", n, info->name, info->block);
    REQUIRE(checked_mul(n / (size_t)info->block, (size_t)info->bytes, &bytes), "dtype: %zu elements of %s", n, info->name);
    return bytes;
}

void dtype_expand(float *y, const void *row, DType type, size_t first, size_t n) {
    const DTypeInfo *info = dtype_info(type);
    REQUIRE(first % (size_t)info->block == 0 && n % (size_t)info->block == 0, "dtype: elements [%zu, %zu + %zu) of %s", first, first, n,
            info->name);
    kernels.expand(y, row, type, first, n);
}

// ---- single conversions

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float f16_to_f32(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3ff;
    // Zero and subnormals: a count of 2^-24, exact in fp32.
    if (exponent == 0) return float_of(sign | bits_of((float)mantissa * 0x1p-24f));
    if (exponent == 31) return float_of(sign | 0x7f800000 | mantissa << 13 | (mantissa ? 0x400000 : 0));
    return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t f32_to_f16(float x) {
    if (x != x) return 0x7e00;
    uint16_t sign = (uint16_t)(bits_of(x) >> 16 & 0x8000);
    uint32_t bits = bits_of(x) & 0x7fffffff;
    // From 65520 on the nearest is infinity.
    if (bits >= 0x477ff000) return sign | 0x7c00;
    // Below 2^-14: adding 1/2 leaves a count of 2^-24 in the low bits, rounded to nearest even by the addition.
    if (bits < 0x38800000) return sign | (uint16_t)(bits_of(float_of(bits) + 0.5f) - bits_of(0.5f));
    // Drop 13 bits; a carry out of the mantissa moves the exponent, as it should.
    uint32_t rounded = bits + 0xfff + (bits >> 13 & 1);
    return sign | (uint16_t)((rounded >> 13) - (112 << 10));
}

float bf16_to_f32(uint16_t half) { return float_of((uint32_t)half << 16); }

uint16_t f32_to_bf16(float x) {
    if (x != x) return 0x7fc0;
    uint32_t bits = bits_of(x);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// ---- writing

static void half_put(uint8_t *bytes, uint16_t half) {
    bytes[0] = (uint8_t)half;
    bytes[1] = (uint8_t)(half >> 8);
}

// 1 / d, and 0 for a block of zeros.
static float inverse(float d) { return d == 0 ? 0.0f : 1.0f / d; }

// x without its fraction, within [low, high]; NaN gives low.
static int clamp_to_int(float x, float low, float high) {
    if (!(x > low)) return (int)low;
    return (int)(x < high ? x : high);
}

// Nearest integer, halves away from zero.
static int round_away(float x) {
    float a = x < 0 ? -x : x;
    int whole = clamp_to_int(a, 0.0f, 127.0f);
    if (whole < 127 && a - (float)whole >= 0.5f) whole++;
    return x < 0 ? -whole : whole;
}

static void store_q8_0(uint8_t *block, const float *x) {
    float largest = 0.0f;
    for (int i = 0; i < BLOCK; i++) {
        float a = x[i] < 0 ? -x[i] : x[i];
        if (a > largest) largest = a;
    }
    float d = largest / 127.0f, id = inverse(d);
    half_put(block, f32_to_f16(d));
    for (int i = 0; i < BLOCK; i++) block[2 + i] = (uint8_t)(int8_t)round_away(x[i] * id);
}

static void store_q4_0(uint8_t *block, const float *x) {
    // The value of largest magnitude (the first of them) becomes -8.
    float largest = 0.0f, extreme = x[0];
    for (int i = 0; i < BLOCK; i++) {
        float a = x[i] < 0 ? -x[i] : x[i];
        if (a > largest) {
            largest = a;
            extreme = x[i];
        }
    }
    float d = extreme / -8.0f, id = inverse(d);
    half_put(block, f32_to_f16(d));
    for (int i = 0; i < BLOCK / 2; i++) {
        int low = clamp_to_int(fmaf(x[i], id, 8.5f), 0.0f, 15.0f);
        int high = clamp_to_int(fmaf(x[i + BLOCK / 2], id, 8.5f), 0.0f, 15.0f);
        block[2 + i] = (uint8_t)(low | high << 4);
    }
}

static void store_q4_1(uint8_t *block, const float *x) {
    float min = x[0], max = x[0];
    for (int i = 1; i < BLOCK; i++) {
        if (x[i] < min) min = x[i];
        if (x[i] > max) max = x[i];
    }
    float d = (max - min) / 15.0f, id = inverse(d);
    half_put(block, f32_to_f16(d));
    half_put(block + 2, f32_to_f16(min));
    for (int i = 0; i < BLOCK / 2; i++) {
        int low = clamp_to_int(fmaf(x[i] - min, id, 0.5f), 0.0f, 15.0f);
        int high = clamp_to_int(fmaf(x[i + BLOCK / 2] - min, id, 0.5f), 0.0f, 15.0f);
        block[4 + i] = (uint8_t)(low | high << 4);
    }
}

void dtype_store(void *row, DType type, const float *x, size_t n) {
    const DTypeInfo *info = dtype_info(type);
    REQUIRE(n % (size_t)info->block == 0, "dtype: %zu elements of %s, whose blocks hold %d", n, info->name, info->block);
    uint8_t *at = row;
    for (size_t i = 0; i < n; i += (size_t)info->block, at += info->bytes) switch (type) {
        case DTYPE_F32:
            memcpy(at, &(float){x[i] != x[i] ? float_of(0x7fc00000) : x[i]}, sizeof(float));
            break;
        case DTYPE_F16:
            half_put(at, f32_to_f16(x[i]));
            break;
        case DTYPE_BF16:
            half_put(at, f32_to_bf16(x[i]));
            break;
        case DTYPE_Q8_0:
            store_q8_0(at, x + i);
            break;
        case DTYPE_Q4_0:
            store_q4_0(at, x + i);
            break;
        case DTYPE_Q4_1:
            store_q4_1(at, x + i);
            break;
        case DTYPE_COUNT:
            break;
        }
}
