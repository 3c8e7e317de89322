// exp of eight lanes: the operations of scalar/math.c, one for one.
#ifndef TENSOR_KERNELS_AVX2_MATH_H
#define TENSOR_KERNELS_AVX2_MATH_H

#include <math.h>

#include "tensor/kernels/avx2/lanes.h"
#include "tensor/kernels/math_constants.h"

// exp_f32 of each lane.
static inline __m256 lanes_exp(__m256 x) {
    // x = n ln 2 + r
    __m256 shifted = lanes_fma(x, lanes_all(EXP_LOG2E), lanes_all(EXP_MAGIC));
    __m256 n = _mm256_sub_ps(shifted, lanes_all(EXP_MAGIC));
    __m256 r = lanes_fma(n, lanes_all(EXP_MINUS_LN2_HI), x);
    r = lanes_fma(n, lanes_all(EXP_MINUS_LN2_LO), r);
    __m256 p = lanes_fma(lanes_all(EXP_E4), r, lanes_all(EXP_E3));
    p = lanes_fma(p, r, lanes_all(EXP_E2));
    p = lanes_fma(p, r, lanes_all(EXP_E1));
    p = lanes_fma(p, r, lanes_all(EXP_E0));
    p = lanes_fma(p, r, lanes_all(1.0f));
    p = lanes_fma(p, r, lanes_all(1.0f));
    __m256i power = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    __m256 y = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power));
    // Lanes outside the limits hold anything so far.
    y = _mm256_blendv_ps(y, lanes_all(INFINITY), _mm256_cmp_ps(x, lanes_all(EXP_MAX), _CMP_GT_OQ));
    y = _mm256_andnot_ps(_mm256_cmp_ps(x, lanes_all(EXP_MIN), _CMP_LT_OQ), y);
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

#endif
