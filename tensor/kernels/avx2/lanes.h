// Eight fp32 lanes: the operations that lanes_*.h are written with. Compares are false where a NaN takes part.
#ifndef TENSOR_KERNELS_AVX2_LANES_H
#define TENSOR_KERNELS_AVX2_LANES_H

#include <immintrin.h>

#include "tensor/kernels/table.h"

typedef __m256 Lanes;
typedef __m256 Mask;  // all bits of a chosen lane
enum { WIDTH = 8 };

// All bits set in the lanes of elements i .. i + 7 that lie below n.
INLINE __m256i lanes_below(size_t i, size_t n) {
    static const int32_t ones_then_zeros[2 * WIDTH] = {-1, -1, -1, -1, -1, -1, -1, -1};
    size_t inside = i >= n ? 0 : n - i < WIDTH ? n - i : WIDTH;
    return _mm256_loadu_si256((const __m256i *)(ones_then_zeros + WIDTH - inside));
}
INLINE Mask lanes_inside(size_t i, size_t n) { return _mm256_castsi256_ps(lanes_below(i, n)); }

// x[i .. i + 7], +0 from n on.
INLINE Lanes lanes_load(const float *x, size_t i, size_t n) {
    if (i + WIDTH <= n) return _mm256_loadu_ps(x + i);
    return _mm256_maskload_ps(x + i, lanes_below(i, n));
}

// y[i .. i + 7] = v, nothing from n on.
INLINE void lanes_store(float *y, size_t i, size_t n, Lanes v) {
    if (i + WIDTH <= n) _mm256_storeu_ps(y + i, v);
    else _mm256_maskstore_ps(y + i, lanes_below(i, n), v);
}

// A constant in all lanes; fmaf(a, b, c); the root; a > b; a == b; a choice by mask; a > b ? a : b (maxps for every NaN and zero).
INLINE Lanes lanes_all(float x) { return _mm256_set1_ps(x); }
INLINE Lanes lanes_fma(Lanes a, Lanes b, Lanes c) { return _mm256_fmadd_ps(a, b, c); }
INLINE Lanes lanes_sqrt(Lanes a) { return _mm256_sqrt_ps(a); }
INLINE Mask lanes_more(Lanes a, Lanes b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
INLINE Mask lanes_equal(Lanes a, Lanes b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
INLINE Lanes lanes_choose(Mask mask, Lanes chosen, Lanes others) { return _mm256_blendv_ps(others, chosen, mask); }
INLINE Lanes lanes_max(Lanes a, Lanes b) { return _mm256_max_ps(a, b); }

// +0 where the mask is set; lane j + half in lane j.
INLINE Lanes lanes_clear(Mask mask, Lanes a) { return _mm256_andnot_ps(mask, a); }
INLINE Lanes lanes_down(Lanes a, const int half) {
    return half == 4 ? _mm256_castps128_ps256(_mm256_extractf128_ps(a, 1)) : half == 2 ? _mm256_permute_ps(a, 0xee) : _mm256_movehdup_ps(a);
}

// Stored numbers as fp32: 16 signed bytes in two registers, eight F16, eight BF16.
INLINE void lanes_widen(Lanes y[2], const void *at) {
    const int8_t *q = at;
    for (int i = 0; i < 2; i++) y[i] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(q + i * WIDTH))));
}
INLINE Lanes lanes_f16(const uint8_t *at) { return _mm256_cvtph_ps(_mm_loadu_si128((const void *)at)); }
INLINE Lanes lanes_bf16(const uint8_t *at) {
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

// Two registers of eight as the lanes of one row.
INLINE void lanes_join(Lanes y[2], const __m256 x[2]) { y[0] = x[0], y[1] = x[1]; }

#endif
