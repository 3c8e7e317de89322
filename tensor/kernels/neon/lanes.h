// Four fp32 lanes: the operations that lanes_*.h are written with. Compares are false where a NaN takes part.
#ifndef TENSOR_KERNELS_NEON_LANES_H
#define TENSOR_KERNELS_NEON_LANES_H

#include <arm_neon.h>

#include "tensor/kernels/table.h"

typedef float32x4_t Lanes;
typedef uint32x4_t Mask;  // all bits of a chosen lane
enum { WIDTH = 4 };

// The lanes of elements i .. i + 3 that lie below n.
INLINE size_t lanes_count(size_t i, size_t n) { return i >= n ? 0 : n - i < WIDTH ? n - i : WIDTH; }
INLINE Mask lanes_inside(size_t i, size_t n) {
    static const uint32_t number[WIDTH] = {0, 1, 2, 3};
    return vcltq_u32(vld1q_u32(number), vdupq_n_u32((uint32_t)lanes_count(i, n)));
}

// x[i .. i + 3], +0 from n on.
INLINE Lanes lanes_load(const float *x, size_t i, size_t n) {
    if (i + WIDTH <= n) return vld1q_f32(x + i);
    float four[WIDTH] = {0};
    for (size_t j = 0; j < lanes_count(i, n); j++) four[j] = x[i + j];
    return vld1q_f32(four);
}

// y[i .. i + 3] = v, nothing from n on.
INLINE void lanes_store(float *y, size_t i, size_t n, Lanes v) {
    if (i + WIDTH <= n) vst1q_f32(y + i, v);
    else for (size_t j = 0; j < lanes_count(i, n); j++) y[i + j] = v[j];
}

// A constant in all lanes; fmaf(a, b, c); the root; a > b; a == b; a choice by mask; a > b ? a : b (the instruction for maxima treats
// NaN and zeros in another way).
INLINE Lanes lanes_all(float x) { return vdupq_n_f32(x); }
INLINE Lanes lanes_fma(Lanes a, Lanes b, Lanes c) { return vfmaq_f32(c, a, b); }
INLINE Lanes lanes_sqrt(Lanes a) { return vsqrtq_f32(a); }
INLINE Mask lanes_more(Lanes a, Lanes b) { return vcgtq_f32(a, b); }
INLINE Mask lanes_equal(Lanes a, Lanes b) { return vceqq_f32(a, b); }
INLINE Lanes lanes_choose(Mask mask, Lanes chosen, Lanes others) { return vbslq_f32(mask, chosen, others); }
INLINE Lanes lanes_max(Lanes a, Lanes b) { return lanes_choose(lanes_more(a, b), a, b); }

// +0 where the mask is set; lane j + half in lane j.
INLINE Lanes lanes_clear(Mask mask, Lanes a) { return lanes_choose(mask, lanes_all(0.0f), a); }
INLINE Lanes lanes_down(Lanes a, const int half) { return half == 2 ? vextq_f32(a, a, 2) : vextq_f32(a, a, 1); }

// Stored numbers as fp32: 16 signed bytes in four registers, four F16, four BF16.
INLINE void lanes_widen(Lanes y[4], const void *at) {
    int8x16_t bytes = vld1q_s8(at);
    int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    y[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
    y[1] = vcvtq_f32_s32(vmovl_high_s16(low));
    y[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
    y[3] = vcvtq_f32_s32(vmovl_high_s16(high));
}
INLINE Lanes lanes_f16(const uint8_t *at) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(at))); }
INLINE Lanes lanes_bf16(const uint8_t *at) { return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(at)), 16)); }

#endif
