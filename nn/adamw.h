// AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101): decoupled weight decay, bias corrections in double by own pow.
#ifndef NN_ADAMW_H
#define NN_ADAMW_H

#include <stdint.h>

#include "tensor/tape.h"

typedef struct {
    float beta1, beta2, eps, weight_decay;
} AdamWConfig;

// 0.9, 0.999, 1e-8, 0: torch's defaults but for the decay (paper.md, section 2: weight decay 0).
AdamWConfig adamw_default(void);

// One update of n weights; `step` counts from 1. Formula and order: kernels.h, adamw. Threads share blocks of elements.
void adamw_update(float *w, float *m, float *v, const float *grad, size_t n, const AdamWConfig *config, float lr, int64_t step,
                  float grad_scale);

#endif
