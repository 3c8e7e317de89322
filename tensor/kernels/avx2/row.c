// Rows of layers, eight lanes at a time: the formulas of scalar/row.c.
#include "tensor/kernels/avx2/math.h"
// The text follows its lanes.
#include "tensor/kernels/lanes_row.h"

// (dy * w) * x, +0 beyond the end.
static inline __m256 triple(const float *dy, const float *w, const float *x, size_t i, size_t n) {
    return _mm256_mul_ps(_mm256_mul_ps(lanes_load(dy, i, n), lanes_load(w, i, n)), lanes_load(x, i, n));
}

static float rmsnorm_dot(const float *dy, const float *w, const float *x, size_t n) {
    __m256 low = lanes_all(0.0f), high = low;
    for (size_t i = 0; i < n; i += LANES) {
        low = _mm256_add_ps(low, triple(dy, w, x, i, n));
        high = _mm256_add_ps(high, triple(dy, w, x, i + WIDTH, n));
    }
    return lanes_sum(low, high);
}

void avx2_row_install(Kernels *table) {
    lanes_row_install(table);
    table->rmsnorm_dot = rmsnorm_dot;
}
