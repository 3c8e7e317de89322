// One AdamW update, the text of every vector table (formula and order: kernels.h).
#ifndef TENSOR_KERNELS_LANES_ADAMW_H
#define TENSOR_KERNELS_LANES_ADAMW_H

#include "tensor/kernels/lanes_vec.h"

// Moments, then the weight; decay only where there is one.
static void adamw(float *w, float *m, float *v, const float *grad, const AdamWStep *step, size_t n) {
    const Lanes beta1 = lanes_all(step->beta1), beta2 = lanes_all(step->beta2);
    const Lanes rest1 = lanes_all(1.0f - step->beta1), rest2 = lanes_all(1.0f - step->beta2);
    const Lanes lr = lanes_all(step->lr), decay = lanes_all(step->lr * step->weight_decay), eps = lanes_all(step->eps);
    const Lanes correct1 = lanes_all(step->correct1), correct2 = lanes_all(step->correct2), clip = lanes_all(step->grad_scale);
    for (size_t i = 0; i < n; i += WIDTH) {
        Lanes g = lanes_load(grad, i, n) * clip, weight = lanes_load(w, i, n);
        Lanes first = lanes_fma(beta1, lanes_load(m, i, n), rest1 * g), second = lanes_fma(beta2, lanes_load(v, i, n), (rest2 * g) * g);
        if (step->weight_decay != 0) weight = weight - decay * weight;
        lanes_store(m, i, n, first);
        lanes_store(v, i, n, second);
        lanes_store(w, i, n, weight - (lr * (first / correct1)) / (lanes_sqrt(second / correct2) + eps));
    }
}

#endif
