// Expansion of stored numbers to fp32 (numerics.md, M2; block layouts in tensor/dtype.h).
#include <math.h>
#include <string.h>

#include "tensor/kernels/table.h"

enum { BLOCK = 32 };

static uint16_t half_at(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

static void expand_q8_0(float *y, const uint8_t *block) {
    float d = f16_to_f32(half_at(block));
    for (int i = 0; i < BLOCK; i++) y[i] = d * (float)(int8_t)block[2 + i];
}

static void expand_q4_0(float *y, const uint8_t *block) {
    float d = f16_to_f32(half_at(block));
    for (int i = 0; i < BLOCK / 2; i++) {
        y[i] = d * (float)((block[2 + i] & 15) - 8);
        y[i + BLOCK / 2] = d * (float)((block[2 + i] >> 4) - 8);
    }
}

static void expand_q4_1(float *y, const uint8_t *block) {
    float d = f16_to_f32(half_at(block)), m = f16_to_f32(half_at(block + 2));
    for (int i = 0; i < BLOCK / 2; i++) {
        y[i] = fmaf(d, (float)(block[4 + i] & 15), m);
        y[i + BLOCK / 2] = fmaf(d, (float)(block[4 + i] >> 4), m);
    }
}

static void expand(float *y, const void *row, DType type, size_t first, size_t n) {
    const DTypeInfo *info = dtype_info(type);
    const uint8_t *at = (const uint8_t *)row + first / (size_t)info->block * (size_t)info->bytes;
    switch (type) {
    case DTYPE_F32:
        memcpy(y, at, n * sizeof(float));
        break;
    case DTYPE_F16:
        for (size_t i = 0; i < n; i++) y[i] = f16_to_f32(half_at(at + 2 * i));
        break;
    case DTYPE_BF16:
        for (size_t i = 0; i < n; i++) y[i] = bf16_to_f32(half_at(at + 2 * i));
        break;
    case DTYPE_Q8_0:
        for (size_t i = 0; i < n; i += BLOCK, at += info->bytes) expand_q8_0(y + i, at);
        break;
    case DTYPE_Q4_0:
        for (size_t i = 0; i < n; i += BLOCK, at += info->bytes) expand_q4_0(y + i, at);
        break;
    case DTYPE_Q4_1:
        for (size_t i = 0; i < n; i += BLOCK, at += info->bytes) expand_q4_1(y + i, at);
        break;
    case DTYPE_COUNT:
        break;
    }
}

void scalar_quant_install(Kernels *table) { table->expand = expand; }
