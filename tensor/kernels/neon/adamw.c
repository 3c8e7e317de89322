// One AdamW update, four lanes at a time (formula and order: kernels.h).
#include "tensor/kernels/neon/lanes.h"
#include "tensor/kernels/table.h"

static void adamw(float *w, float *m, float *v, const float *grad, const AdamWStep *step, size_t n) {
    const float32x4_t beta1 = all4(step->beta1), beta2 = all4(step->beta2);
    const float32x4_t rest1 = all4(1.0f - step->beta1), rest2 = all4(1.0f - step->beta2);
    const float32x4_t lr = all4(step->lr), decay = all4(step->lr * step->weight_decay), eps = all4(step->eps);
    const float32x4_t correct1 = all4(step->correct1), correct2 = all4(step->correct2), clip = all4(step->grad_scale);
    for (size_t i = 0; i < n; i += WIDTH) {
        float32x4_t g = vmulq_f32(lanes_load(grad, i, n), clip);
        float32x4_t first = fma4(beta1, lanes_load(m, i, n), vmulq_f32(rest1, g));
        float32x4_t second = fma4(beta2, lanes_load(v, i, n), vmulq_f32(vmulq_f32(rest2, g), g));
        float32x4_t weight = lanes_load(w, i, n);
        if (step->weight_decay != 0) weight = vsubq_f32(weight, vmulq_f32(decay, weight));
        float32x4_t above = vmulq_f32(lr, vdivq_f32(first, correct1));
        float32x4_t below = vaddq_f32(vsqrtq_f32(vdivq_f32(second, correct2)), eps);
        lanes_store(m, i, n, first);
        lanes_store(v, i, n, second);
        lanes_store(w, i, n, vsubq_f32(weight, vdivq_f32(above, below)));
    }
}

void neon_adamw_install(Kernels *table) { table->adamw = adamw; }
