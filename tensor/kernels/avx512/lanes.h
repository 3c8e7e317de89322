// Sixteen fp32 lanes: the operations that lanes_*.h are written with. Compares are false where a NaN takes part.
#ifndef TENSOR_KERNELS_AVX512_LANES_H
#define TENSOR_KERNELS_AVX512_LANES_H

#include <immintrin.h>

#include "tensor/kernels/table.h"

typedef __m512 Lanes;
typedef __mmask16 Mask;  // a bit for each lane
enum { WIDTH = 16 };

// The lanes of elements i .. i + 15 that lie below n.
INLINE Mask lanes_inside(size_t i, size_t n) { return i >= n ? 0 : n - i < WIDTH ? (Mask)((1u << (n - i)) - 1) : (Mask)0xffff; }

// x[i .. i + 15], +0 from n on; y[i .. i + 15] = v, nothing from n on.
INLINE Lanes lanes_load(const float *x, size_t i, size_t n) {
    return i + WIDTH <= n ? _mm512_loadu_ps(x + i) : _mm512_maskz_loadu_ps(lanes_inside(i, n), x + i);
}
INLINE void lanes_store(float *y, size_t i, size_t n, Lanes v) {
    if (i + WIDTH <= n) _mm512_storeu_ps(y + i, v);
    else _mm512_mask_storeu_ps(y + i, lanes_inside(i, n), v);
}

// A constant in all lanes; fmaf(a, b, c); the root; a > b; a == b; a choice by mask; a > b ? a : b (maxps for every NaN and zero).
INLINE Lanes lanes_all(float x) { return _mm512_set1_ps(x); }
INLINE Lanes lanes_fma(Lanes a, Lanes b, Lanes c) { return _mm512_fmadd_ps(a, b, c); }
INLINE Lanes lanes_sqrt(Lanes a) { return _mm512_sqrt_ps(a); }
INLINE Mask lanes_more(Lanes a, Lanes b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
INLINE Mask lanes_equal(Lanes a, Lanes b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
INLINE Lanes lanes_choose(Mask mask, Lanes chosen, Lanes others) { return _mm512_mask_blend_ps(mask, others, chosen); }
INLINE Lanes lanes_max(Lanes a, Lanes b) { return _mm512_max_ps(a, b); }

// +0 where the mask is set; lane j + half in lane j.
INLINE Lanes lanes_clear(Mask mask, Lanes a) { return _mm512_maskz_mov_ps((Mask)~mask, a); }
INLINE Lanes lanes_down(Lanes a, const int half) {
    if (half == 8) return _mm512_shuffle_f32x4(a, a, 0xee);
    return half == 4 ? _mm512_shuffle_f32x4(a, a, 0xf5) : half == 2 ? _mm512_shuffle_ps(a, a, 0xee) : _mm512_shuffle_ps(a, a, 0xf5);
}

// Stored numbers as fp32: 16 signed bytes, 16 F16, 16 BF16; two registers of eight as the lanes of one row.
INLINE void lanes_widen(Lanes y[1], const void *at) { y[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(at))); }
INLINE Lanes lanes_f16(const uint8_t *at) { return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)at)); }
INLINE Lanes lanes_bf16(const uint8_t *at) {
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
INLINE void lanes_join(Lanes y[1], const __m256 x[2]) { y[0] = _mm512_insertf32x8(_mm512_castps256_ps512(x[0]), x[1], 1); }

#endif
