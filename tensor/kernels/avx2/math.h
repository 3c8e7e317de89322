// exp, log and tanh of eight lanes: the operations of scalar/math.c, one for one.
#ifndef TENSOR_KERNELS_AVX2_MATH_H
#define TENSOR_KERNELS_AVX2_MATH_H

#include <math.h>

#include "tensor/kernels/avx2/lanes.h"
#include "tensor/kernels/math_constants.h"

// exp_f32 of each lane.
static inline __m256 exp8(__m256 x) {
    // x = n ln 2 + r
    __m256 shifted = fma8(x, all8(EXP_LOG2E), all8(EXP_MAGIC));
    __m256 n = _mm256_sub_ps(shifted, all8(EXP_MAGIC));
    __m256 r = fma8(n, all8(EXP_MINUS_LN2_HI), x);
    r = fma8(n, all8(EXP_MINUS_LN2_LO), r);
    __m256 p = fma8(all8(EXP_E4), r, all8(EXP_E3));
    p = fma8(p, r, all8(EXP_E2));
    p = fma8(p, r, all8(EXP_E1));
    p = fma8(p, r, all8(EXP_E0));
    p = fma8(p, r, all8(1.0f));
    p = fma8(p, r, all8(1.0f));
    __m256i power = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    __m256 y = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power));
    // Lanes outside the limits hold anything so far.
    y = _mm256_blendv_ps(y, all8(INFINITY), _mm256_cmp_ps(x, all8(EXP_MAX), _CMP_GT_OQ));
    y = _mm256_andnot_ps(_mm256_cmp_ps(x, all8(EXP_MIN), _CMP_LT_OQ), y);
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

// log_f32 of each lane.
static inline __m256 log8(__m256 x) {
    // Subnormals become normal first.
    __m256 tiny = _mm256_cmp_ps(x, all8(0x1p-126f), _CMP_LT_OQ);
    __m256 normal = _mm256_blendv_ps(x, _mm256_mul_ps(x, all8(0x1p23f)), tiny);
    __m256 e = _mm256_and_ps(tiny, all8(-23.0f));
    // x = m 2^e
    __m256i base = _mm256_set1_epi32(LOG_SQRT_HALF_BITS);
    __m256i offset = _mm256_sub_epi32(_mm256_castps_si256(normal), base);
    __m256i mantissa = _mm256_and_si256(offset, _mm256_set1_epi32(0x7fffff));
    e = _mm256_add_ps(e, _mm256_cvtepi32_ps(_mm256_srai_epi32(offset, 23)));
    __m256 f = _mm256_sub_ps(_mm256_castsi256_ps(_mm256_add_epi32(mantissa, base)), all8(1.0f));
    __m256 q = fma8(all8(LOG_L8), f, all8(LOG_L7));
    q = fma8(q, f, all8(LOG_L6));
    q = fma8(q, f, all8(LOG_L5));
    q = fma8(q, f, all8(LOG_L4));
    q = fma8(q, f, all8(LOG_L3));
    q = fma8(q, f, all8(LOG_L2));
    q = fma8(q, f, all8(LOG_L1));
    q = fma8(q, f, all8(LOG_L0));
    __m256 high = _mm256_mul_ps(e, all8(LOG_LN2_HI));
    __m256 low = fma8(_mm256_mul_ps(f, f), q, _mm256_mul_ps(e, all8(LOG_LN2_LO)));
    __m256 sum = _mm256_add_ps(high, f);
    __m256 lost = _mm256_sub_ps(f, _mm256_sub_ps(sum, high));
    __m256 y = _mm256_add_ps(sum, _mm256_add_ps(low, lost));
    // Infinity, zero; negative numbers and NaN.
    y = _mm256_blendv_ps(y, x, _mm256_cmp_ps(x, all8(INFINITY), _CMP_EQ_OQ));
    y = _mm256_blendv_ps(y, all8(-INFINITY), _mm256_cmp_ps(x, all8(0.0f), _CMP_EQ_OQ));
    return _mm256_blendv_ps(y, all8(NAN), _mm256_cmp_ps(x, all8(0.0f), _CMP_NGE_UQ));
}

// tanh_f32 of each lane: both branches, then a choice.
static inline __m256 tanh8(__m256 x) {
    __m256 sign = _mm256_and_ps(x, all8(-0.0f));
    __m256 a = _mm256_andnot_ps(all8(-0.0f), x);
    __m256 u = _mm256_mul_ps(a, a);
    __m256 p = fma8(all8(TANH_T4), u, all8(TANH_T3));
    p = fma8(p, u, all8(TANH_T2));
    p = fma8(p, u, all8(TANH_T1));
    p = fma8(p, u, all8(TANH_T0));
    __m256 small = fma8(_mm256_mul_ps(a, u), p, a);
    __m256 e = exp8(_mm256_add_ps(a, a));
    __m256 large = _mm256_sub_ps(all8(1.0f), _mm256_div_ps(all8(2.0f), _mm256_add_ps(e, all8(1.0f))));
    __m256 t = _mm256_blendv_ps(large, small, _mm256_cmp_ps(a, all8(TANH_SMALL), _CMP_LT_OQ));
    return _mm256_or_ps(t, sign);
}

#endif
