// Rows of exp, and the row kernels that are made of exp.
#include "tensor/kernels/avx2/math.h"

#include "tensor/kernels/table.h"

static void exp_row(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_exp(lanes_load(x, i, n)));
}

// exp(x - shift) of the row's last lanes, +0 in those beyond the end.
static inline __m256 exp_last(const float *x, __m256 shift, size_t i, size_t n) {
    __m256 e = lanes_exp(_mm256_sub_ps(lanes_load(x, i, n), shift));
    return _mm256_and_ps(e, _mm256_castsi256_ps(lanes_mask(i, n)));
}

static float exp_sum(const float *x, float shift, size_t n) {
    __m256 low = lanes_all(0.0f), high = low, s = lanes_all(shift);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        low = _mm256_add_ps(low, lanes_exp(_mm256_sub_ps(_mm256_loadu_ps(x + i), s)));
        high = _mm256_add_ps(high, lanes_exp(_mm256_sub_ps(_mm256_loadu_ps(x + i + WIDTH), s)));
    }
    if (i < n) {
        low = _mm256_add_ps(low, exp_last(x, s, i, n));
        high = _mm256_add_ps(high, exp_last(x, s, i + WIDTH, n));
    }
    return lanes_sum(low, high);
}

static float exp_store_sum(float *y, const float *x, float shift, size_t n) {
    __m256 low = lanes_all(0.0f), high = low, s = lanes_all(shift);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 first = lanes_exp(_mm256_sub_ps(_mm256_loadu_ps(x + i), s));
        __m256 second = lanes_exp(_mm256_sub_ps(_mm256_loadu_ps(x + i + WIDTH), s));
        _mm256_storeu_ps(y + i, first);
        _mm256_storeu_ps(y + i + WIDTH, second);
        low = _mm256_add_ps(low, first);
        high = _mm256_add_ps(high, second);
    }
    if (i < n) {
        __m256 first = exp_last(x, s, i, n), second = exp_last(x, s, i + WIDTH, n);
        lanes_store(y, i, n, first);
        lanes_store(y, i + WIDTH, n, second);
        low = _mm256_add_ps(low, first);
        high = _mm256_add_ps(high, second);
    }
    return lanes_sum(low, high);
}

static void softmax_scaled(float *y, const float *x, float shift, float total, float factor, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        __m256 e = lanes_exp(_mm256_sub_ps(lanes_load(x, i, n), lanes_all(shift)));
        lanes_store(y, i, n, _mm256_mul_ps(_mm256_div_ps(e, lanes_all(total)), lanes_all(factor)));
    }
}

void avx2_math_install(Kernels *table) {
    table->exp = exp_row;
    table->exp_sum = exp_sum;
    table->exp_store_sum = exp_store_sum;
    table->softmax_scaled = softmax_scaled;
}
