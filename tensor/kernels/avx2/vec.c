// Elementwise kernels and A1 reductions, eight lanes at a time.
#include <math.h>

#include "tensor/kernels/avx2/lanes.h"
// The text follows its lanes.
#include "tensor/kernels/lanes_vec.h"

static float sum(const float *x, size_t n) {
    __m256 low = lanes_all(0.0f), high = low;
    for (size_t i = 0; i < n; i += LANES) {
        low = _mm256_add_ps(low, lanes_load(x, i, n));
        high = _mm256_add_ps(high, lanes_load(x, i + WIDTH, n));
    }
    return lanes_sum(low, high);
}

static float dot_lanes(const float *a, const float *b, size_t n) {
    __m256 low = lanes_all(0.0f), high = low;
    for (size_t i = 0; i < n; i += LANES) {
        low = lanes_fma(lanes_load(a, i, n), lanes_load(b, i, n), low);
        high = lanes_fma(lanes_load(a, i + WIDTH, n), lanes_load(b, i + WIDTH, n), high);
    }
    return lanes_sum(low, high);
}

// maxps a, b is `a > b ? a : b` with NaN and zeros of either sign too; lanes beyond the end keep the accumulator.
static inline __m256 max_last(__m256 acc, const float *x, size_t i, size_t n) {
    __m256 both = _mm256_max_ps(acc, lanes_load(x, i, n));
    return _mm256_blendv_ps(acc, both, _mm256_castsi256_ps(lanes_mask(i, n)));
}

static float max(const float *x, size_t n) {
    __m256 low = lanes_all(-INFINITY), high = low;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        low = _mm256_max_ps(low, _mm256_loadu_ps(x + i));
        high = _mm256_max_ps(high, _mm256_loadu_ps(x + i + WIDTH));
    }
    if (i < n) {
        low = max_last(low, x, i, n);
        high = max_last(high, x, i + WIDTH, n);
    }
    // The tree of A1.
    __m256 eight = _mm256_max_ps(low, high);
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

void avx2_vec_install(Kernels *table) {
    lanes_vec_install(table);
    table->sum = sum;
    table->dot_lanes = dot_lanes;
    table->max = max;
}
