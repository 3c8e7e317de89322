// Expansion of stored numbers to fp32 (numerics.md, M2; block layouts in tensor/dtype.h).
#include <math.h>

#include "tensor/kernels/expand.h"
#include "tensor/kernels/table.h"

static inline void expand_q8_0(float *y, const uint8_t *block) {
    float d = f16_to_f32(half_at(block));
    for (int i = 0; i < BLOCK; i++) y[i] = d * (float)(int8_t)block[2 + i];
}

static inline void expand_q4_0(float *y, const uint8_t *block) {
    float d = f16_to_f32(half_at(block));
    for (int i = 0; i < BLOCK / 2; i++) {
        y[i] = d * (float)((block[2 + i] & 15) - 8);
        y[i + BLOCK / 2] = d * (float)((block[2 + i] >> 4) - 8);
    }
}

static inline void expand_q4_1(float *y, const uint8_t *block) {
    float d = f16_to_f32(half_at(block)), m = f16_to_f32(half_at(block + 2));
    for (int i = 0; i < BLOCK / 2; i++) {
        y[i] = fmaf(d, (float)(block[4 + i] & 15), m);
        y[i + BLOCK / 2] = fmaf(d, (float)(block[4 + i] >> 4), m);
    }
}

static void expand_f16(float *y, const uint8_t *at, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = f16_to_f32(half_at(at + 2 * i));
}

static void expand_bf16(float *y, const uint8_t *at, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = bf16_to_f32(half_at(at + 2 * i));
}

void scalar_quant_install(Kernels *table) { table->expand = expand; }
