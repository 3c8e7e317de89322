// Four fp32 lanes: loads and stores that stop at the end of a row, and the end of an A1 reduction (numerics.md, A1).
#ifndef TENSOR_KERNELS_NEON_LANES_H
#define TENSOR_KERNELS_NEON_LANES_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float32x4_t Lanes;
enum { LANES = 16, WIDTH = 4, PARTS = LANES / WIDTH };

// Elements of i .. i + 3 that lie below n.
static inline size_t lanes_inside(size_t i, size_t n) { return i >= n ? 0 : n - i < WIDTH ? n - i : WIDTH; }

// x[i .. i + 3], +0 from n on.
static inline float32x4_t lanes_load(const float *x, size_t i, size_t n) {
    if (i + WIDTH <= n) return vld1q_f32(x + i);
    float four[WIDTH] = {0};
    for (size_t j = 0; j < lanes_inside(i, n); j++) four[j] = x[i + j];
    return vld1q_f32(four);
}

// y[i .. i + 3] = v, nothing from n on.
static inline void lanes_store(float *y, size_t i, size_t n, float32x4_t v) {
    if (i + WIDTH <= n) {
        vst1q_f32(y + i, v);
        return;
    }
    float four[WIDTH];
    vst1q_f32(four, v);
    for (size_t j = 0; j < lanes_inside(i, n); j++) y[i + j] = four[j];
}

// All bits set in the lanes of elements i .. i + 3 that lie below n.
static inline uint32x4_t lanes_mask(size_t i, size_t n) {
    static const uint32_t number[WIDTH] = {0, 1, 2, 3};
    return vcltq_u32(vld1q_u32(number), vdupq_n_u32((uint32_t)lanes_inside(i, n)));
}

// Adds 16 partial sums, four to a register, by the fixed tree.
static inline float lanes_sum(const float32x4_t s[PARTS]) {
    float32x4_t four = vaddq_f32(vaddq_f32(s[0], s[2]), vaddq_f32(s[1], s[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

// fmaf(a, b, c), the root and a constant in all lanes; `chosen` where the mask is set, else `others`.
static inline float32x4_t lanes_fma(float32x4_t a, float32x4_t b, float32x4_t c) { return vfmaq_f32(c, a, b); }
static inline float32x4_t lanes_sqrt(float32x4_t a) { return vsqrtq_f32(a); }
static inline float32x4_t lanes_all(float x) { return vdupq_n_f32(x); }
static inline float32x4_t choose4(uint32x4_t mask, float32x4_t chosen, float32x4_t others) { return vbslq_f32(mask, chosen, others); }

#endif
