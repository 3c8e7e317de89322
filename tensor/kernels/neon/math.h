// exp, log and tanh of four lanes: the operations of scalar/math.c, one for one.
#ifndef TENSOR_KERNELS_NEON_MATH_H
#define TENSOR_KERNELS_NEON_MATH_H

#include <math.h>

#include "tensor/kernels/math_constants.h"
#include "tensor/kernels/neon/lanes.h"

// exp_f32 of each lane.
static inline float32x4_t exp4(float32x4_t x) {
    // x = n ln 2 + r
    float32x4_t shifted = fma4(x, all4(EXP_LOG2E), all4(EXP_MAGIC));
    float32x4_t n = vsubq_f32(shifted, all4(EXP_MAGIC));
    float32x4_t r = fma4(n, all4(EXP_MINUS_LN2_HI), x);
    r = fma4(n, all4(EXP_MINUS_LN2_LO), r);
    float32x4_t p = fma4(all4(EXP_E4), r, all4(EXP_E3));
    p = fma4(p, r, all4(EXP_E2));
    p = fma4(p, r, all4(EXP_E1));
    p = fma4(p, r, all4(EXP_E0));
    p = fma4(p, r, all4(1.0f));
    p = fma4(p, r, all4(1.0f));
    uint32x4_t power = vshlq_n_u32(vreinterpretq_u32_f32(shifted), 23);
    float32x4_t y = vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(p), power));
    // Lanes outside the limits hold anything so far; only a NaN differs from itself.
    y = choose4(vcgtq_f32(x, all4(EXP_MAX)), all4(INFINITY), y);
    y = choose4(vcltq_f32(x, all4(EXP_MIN)), all4(0.0f), y);
    return choose4(vceqq_f32(x, x), y, x);
}

// log_f32 of each lane.
static inline float32x4_t log4(float32x4_t x) {
    // Subnormals become normal first.
    uint32x4_t tiny = vcltq_f32(x, all4(0x1p-126f));
    float32x4_t normal = choose4(tiny, vmulq_f32(x, all4(0x1p23f)), x);
    float32x4_t e = choose4(tiny, all4(-23.0f), all4(0.0f));
    // x = m 2^e
    int32x4_t base = vdupq_n_s32(LOG_SQRT_HALF_BITS);
    int32x4_t offset = vsubq_s32(vreinterpretq_s32_f32(normal), base);
    int32x4_t mantissa = vandq_s32(offset, vdupq_n_s32(0x7fffff));
    e = vaddq_f32(e, vcvtq_f32_s32(vshrq_n_s32(offset, 23)));
    float32x4_t f = vsubq_f32(vreinterpretq_f32_s32(vaddq_s32(mantissa, base)), all4(1.0f));
    float32x4_t q = fma4(all4(LOG_L8), f, all4(LOG_L7));
    q = fma4(q, f, all4(LOG_L6));
    q = fma4(q, f, all4(LOG_L5));
    q = fma4(q, f, all4(LOG_L4));
    q = fma4(q, f, all4(LOG_L3));
    q = fma4(q, f, all4(LOG_L2));
    q = fma4(q, f, all4(LOG_L1));
    q = fma4(q, f, all4(LOG_L0));
    float32x4_t high = vmulq_f32(e, all4(LOG_LN2_HI));
    float32x4_t low = fma4(vmulq_f32(f, f), q, vmulq_f32(e, all4(LOG_LN2_LO)));
    float32x4_t sum = vaddq_f32(high, f);
    float32x4_t lost = vsubq_f32(f, vsubq_f32(sum, high));
    float32x4_t y = vaddq_f32(sum, vaddq_f32(low, lost));
    // Infinity, zero; negative numbers and NaN are not >= 0.
    y = choose4(vceqq_f32(x, all4(INFINITY)), x, y);
    y = choose4(vceqq_f32(x, all4(0.0f)), all4(-INFINITY), y);
    return choose4(vcgeq_f32(x, all4(0.0f)), y, all4(NAN));
}

// tanh_f32 of each lane: both branches, then a choice.
static inline float32x4_t tanh4(float32x4_t x) {
    float32x4_t a = vabsq_f32(x);
    float32x4_t u = vmulq_f32(a, a);
    float32x4_t p = fma4(all4(TANH_T4), u, all4(TANH_T3));
    p = fma4(p, u, all4(TANH_T2));
    p = fma4(p, u, all4(TANH_T1));
    p = fma4(p, u, all4(TANH_T0));
    float32x4_t small = fma4(vmulq_f32(a, u), p, a);
    float32x4_t e = exp4(vaddq_f32(a, a));
    float32x4_t large = vsubq_f32(all4(1.0f), vdivq_f32(all4(2.0f), vaddq_f32(e, all4(1.0f))));
    float32x4_t t = choose4(vcltq_f32(a, all4(TANH_SMALL)), small, large);
    // The magnitude of t, the sign of x.
    return choose4(vdupq_n_u32(0x80000000u), x, t);
}

#endif
