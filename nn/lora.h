// Low-rank adapter over a linear layer (Hu et al., 2021, arXiv 2106.09685): y = (x W^T) + s * ((x A^T) B^T), s = alpha / R.
//
// A is [R, in], B is [out, R] (PEFT's layout). B starts at zero, so the adapted layer starts as the base. The sum's order is
// numerics.md, M4: s multiplies last, then one addition. A NULL adapter, or one switched off, is the base alone.
#ifndef NN_LORA_H
#define NN_LORA_H

#include "tensor/tape.h"

typedef struct {
    Tensor *a;     // [R, in]
    Tensor *b;     // [out, R]
    float scale;   // s
} Lora;

// The op: the base product through linear(), then the adapter's part. `lora` may be NULL; w is usually frozen.
//   t = x A^T; u = t B^T; y = base + s * u
//   backward: du = s * dy; dB continues with du^T t; dt = du B; dA continues with dt^T x; dx += dt A (after the base's part)
Tensor *lora_linear(Tape *tape, Tensor *x, Tensor *w, const Lora *lora);

#endif
