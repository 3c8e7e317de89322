// exp of four lanes: the operations of scalar/math.c, one for one.
#ifndef TENSOR_KERNELS_NEON_MATH_H
#define TENSOR_KERNELS_NEON_MATH_H

#include <math.h>

#include "tensor/kernels/math_constants.h"
#include "tensor/kernels/neon/lanes.h"

// exp_f32 of each lane.
static inline float32x4_t lanes_exp(float32x4_t x) {
    // x = n ln 2 + r
    float32x4_t shifted = lanes_fma(x, lanes_all(EXP_LOG2E), lanes_all(EXP_MAGIC));
    float32x4_t n = vsubq_f32(shifted, lanes_all(EXP_MAGIC));
    float32x4_t r = lanes_fma(n, lanes_all(EXP_MINUS_LN2_HI), x);
    r = lanes_fma(n, lanes_all(EXP_MINUS_LN2_LO), r);
    float32x4_t p = lanes_fma(lanes_all(EXP_E4), r, lanes_all(EXP_E3));
    p = lanes_fma(p, r, lanes_all(EXP_E2));
    p = lanes_fma(p, r, lanes_all(EXP_E1));
    p = lanes_fma(p, r, lanes_all(EXP_E0));
    p = lanes_fma(p, r, lanes_all(1.0f));
    p = lanes_fma(p, r, lanes_all(1.0f));
    uint32x4_t power = vshlq_n_u32(vreinterpretq_u32_f32(shifted), 23);
    float32x4_t y = vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(p), power));
    // Lanes outside the limits hold anything so far; only a NaN differs from itself.
    y = choose4(vcgtq_f32(x, lanes_all(EXP_MAX)), lanes_all(INFINITY), y);
    y = choose4(vcltq_f32(x, lanes_all(EXP_MIN)), lanes_all(0.0f), y);
    return choose4(vceqq_f32(x, x), y, x);
}

#endif
