// One AdamW update, eight lanes at a time (formula and order: kernels.h).
#include "tensor/kernels/avx2/lanes.h"
#include "tensor/kernels/table.h"

static void adamw(float *w, float *m, float *v, const float *grad, const AdamWStep *step, size_t n) {
    const __m256 beta1 = all8(step->beta1), beta2 = all8(step->beta2);
    const __m256 rest1 = all8(1.0f - step->beta1), rest2 = all8(1.0f - step->beta2);
    const __m256 lr = all8(step->lr), decay = all8(step->lr * step->weight_decay), eps = all8(step->eps);
    const __m256 correct1 = all8(step->correct1), correct2 = all8(step->correct2), clip = all8(step->grad_scale);
    for (size_t i = 0; i < n; i += WIDTH) {
        __m256 g = _mm256_mul_ps(lanes_load(grad, i, n), clip);
        __m256 first = fma8(beta1, lanes_load(m, i, n), _mm256_mul_ps(rest1, g));
        __m256 second = fma8(beta2, lanes_load(v, i, n), _mm256_mul_ps(_mm256_mul_ps(rest2, g), g));
        __m256 weight = lanes_load(w, i, n);
        if (step->weight_decay != 0) weight = _mm256_sub_ps(weight, _mm256_mul_ps(decay, weight));
        __m256 above = _mm256_mul_ps(lr, _mm256_div_ps(first, correct1));
        __m256 below = _mm256_add_ps(_mm256_sqrt_ps(_mm256_div_ps(second, correct2)), eps);
        lanes_store(m, i, n, first);
        lanes_store(v, i, n, second);
        lanes_store(w, i, n, _mm256_sub_ps(weight, _mm256_div_ps(above, below)));
    }
}

void avx2_adamw_install(Kernels *table) { table->adamw = adamw; }
