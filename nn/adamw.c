// AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101, algorithm 2):
//
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   w -= lr weight_decay w;  w -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
//
// The order of operations is the kernel's (kernels.h). The corrections are formed in double and rounded once.
#include "nn/adamw.h"

#include <limits.h>

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tensor/spread.h"

AdamWConfig adamw_default(void) { return (AdamWConfig){.beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .weight_decay = 0.0f}; }

typedef struct {
    float *w, *m, *v;
    const float *grad;
    AdamWStep step;
} Update;

static void update_range(void *context, size_t first, size_t last, int thread) {
    const Update *c = context;
    (void)thread;
    kernels.adamw(c->w + first, c->m + first, c->v + first, c->grad + first, &c->step, last - first);
}

void adamw_update(float *w, float *m, float *v, const float *grad, size_t n, const AdamWConfig *config, float lr, int64_t step,
                  float grad_scale) {
    REQUIRE(step >= 1 && step <= INT_MAX, "adamw: step %lld", (long long)step);
    Update c = {w, m, v, grad, {.lr = lr, .beta1 = config->beta1, .beta2 = config->beta2, .eps = config->eps}};
    c.step.weight_decay = config->weight_decay;
    c.step.correct1 = (float)(1.0 - pow_f64((double)config->beta1, (int)step));
    c.step.correct2 = (float)(1.0 - pow_f64((double)config->beta2, (int)step));
    c.step.grad_scale = grad_scale;
    spread(n, 8, update_range, &c);
}
