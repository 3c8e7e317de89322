// Eight fp32 lanes: loads and stores that stop at the end of a row, and the end of an A1 reduction (numerics.md, A1).
#ifndef TENSOR_KERNELS_AVX2_LANES_H
#define TENSOR_KERNELS_AVX2_LANES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m256 Lanes;
enum { LANES = 16, WIDTH = 8 };

// All bits set in the lanes of elements i .. i + 7 that lie below n.
static inline __m256i lanes_mask(size_t i, size_t n) {
    static const int32_t ones_then_zeros[2 * WIDTH] = {-1, -1, -1, -1, -1, -1, -1, -1};
    size_t inside = i >= n ? 0 : n - i < WIDTH ? n - i : WIDTH;
    return _mm256_loadu_si256((const __m256i *)(ones_then_zeros + WIDTH - inside));
}

// x[i .. i + 7], +0 from n on.
static inline __m256 lanes_load(const float *x, size_t i, size_t n) {
    if (i + WIDTH <= n) return _mm256_loadu_ps(x + i);
    return _mm256_maskload_ps(x + i, lanes_mask(i, n));
}

// y[i .. i + 7] = v, nothing from n on.
static inline void lanes_store(float *y, size_t i, size_t n, __m256 v) {
    if (i + WIDTH <= n)
        _mm256_storeu_ps(y + i, v);
    else
        _mm256_maskstore_ps(y + i, lanes_mask(i, n), v);
}

// Adds 16 partial sums, lanes 0..7 in `low` and 8..15 in `high`, by the fixed tree.
static inline float lanes_sum(__m256 low, __m256 high) {
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// fmaf(a, b, c), the root and a constant in all lanes.
static inline __m256 lanes_fma(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
static inline __m256 lanes_sqrt(__m256 a) { return _mm256_sqrt_ps(a); }
static inline __m256 lanes_all(float x) { return _mm256_set1_ps(x); }

#endif
