// One AdamW update (formula and order: kernels.h).
#include <math.h>

#include "tensor/kernels/table.h"

static void adamw(float *w, float *m, float *v, const float *grad, const AdamWStep *step, size_t n) {
    const float rest1 = 1.0f - step->beta1, rest2 = 1.0f - step->beta2, decay = step->lr * step->weight_decay;
    for (size_t i = 0; i < n; i++) {
        float g = grad[i] * step->grad_scale;
        m[i] = fmaf(step->beta1, m[i], rest1 * g);
        v[i] = fmaf(step->beta2, v[i], (rest2 * g) * g);
        if (step->weight_decay != 0) w[i] = w[i] - decay * w[i];
        w[i] = w[i] - (step->lr * (m[i] / step->correct1)) / (sqrtf(v[i] / step->correct2) + step->eps);
    }
}

void scalar_adamw_install(Kernels *table) { table->adamw = adamw; }
