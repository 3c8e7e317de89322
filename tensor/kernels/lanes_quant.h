// Expansion of stored numbers to fp32, the text of every vector table: the formulas of scalar/quant.c.
#ifndef TENSOR_KERNELS_LANES_QUANT_H
#define TENSOR_KERNELS_LANES_QUANT_H

#include "tensor/kernels/expand.h"

typedef uint8_t Bytes __attribute__((vector_size(16)));

// A stored f16 in all lanes.
INLINE Lanes half_all(const uint8_t *bytes) { return lanes_all(f16_to_f32(half_at(bytes))); }

// fmaf(d, q, m) of 16 signed bytes; m = -0 changes no product's bits.
INLINE void expand_16(float *y, const void *quants, Lanes d, Lanes m) {
    Lanes q[PARTS];
    lanes_widen(q, quants);
    UNROLL for (size_t p = 0; p < PARTS; p++) lanes_store(y, p * WIDTH, LANES, lanes_fma(d, q[p], m));
}

// 16 packed bytes: elements 0..15 in the low, 16..31 in the high nibbles.
INLINE void expand_nibbles(float *y, const uint8_t *bytes, uint8_t zero_point, Lanes d, Lanes m) {
    Bytes packed, q;
    memcpy(&packed, bytes, sizeof packed);
    q = (packed & 15) - zero_point;
    expand_16(y, &q, d, m);
    q = (packed >> 4) - zero_point;
    expand_16(y + LANES, &q, d, m);
}

// 32 signed bytes behind their scale.
static inline void expand_q8_0(float *y, const uint8_t *block) {
    Lanes d = half_all(block);
    for (int i = 0; i < BLOCK; i += LANES) expand_16(y + i, block + 2 + i, d, lanes_all(-0.0f));
}

// 32 nibbles less 8 behind their scale.
static inline void expand_q4_0(float *y, const uint8_t *block) {
    expand_nibbles(y, block + 2, 8, half_all(block), lanes_all(-0.0f));
}

// 32 nibbles behind scale and offset.
static inline void expand_q4_1(float *y, const uint8_t *block) {
    expand_nibbles(y, block + 4, 0, half_all(block), half_all(block + 2));
}

// n numbers of 16 bits, widened exactly.
static void expand_f16(float *y, const uint8_t *at, size_t n) {
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) lanes_store(y, i, n, lanes_f16(at + 2 * i));
    for (; i < n; i++) y[i] = f16_to_f32(half_at(at + 2 * i));
}

// n numbers of 16 bits, the upper halves of fp32.
static void expand_bf16(float *y, const uint8_t *at, size_t n) {
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) lanes_store(y, i, n, lanes_bf16(at + 2 * i));
    for (; i < n; i++) y[i] = bf16_to_f32(half_at(at + 2 * i));
}

#endif
