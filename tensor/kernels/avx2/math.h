// exp of eight lanes: the operations of scalar/math.c, one for one.
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

#endif
