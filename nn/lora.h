// Low-rank adapter over a linear layer (Hu et al., 2021, arXiv 2106.09685): y = (x W^T) + s * ((x A^T) B^T), s = alpha / R.
//
// A is [R, in], B is [out, R] (PEFT's layout). B starts at zero, so the adapted layer starts as the base. The sum's order is
// numerics.md, M4: s multiplies last, then one addition. In bf16 the adapter's products follow M3 as the base's do; s and the
// addition stay fp32. A NULL adapter, or one switched off, is the base alone.
#ifndef NN_LORA_H
#define NN_LORA_H

#include "nn/linear.h"

typedef struct {
    Tensor *a;     // [R, in]
    Tensor *b;     // [out, R]
    float scale;   // s
} Lora;

// Adds the adapter to a finished base product: t[N,R] = x A^T; y[N,O] = y + (s * (t B^T)). t is kept for backward.
void lora_forward(float *y, float *t, const float *x, const float *a, const float *b, float scale, Precision precision, int N, int I, int R,
                  int O);

// du = s * dy; dt = du B;  db[O,R] continues with du^T t;  da[R,I] continues with dt^T x;  dx += dt A. NULL: not wanted.
void lora_backward(float *dx, float *da, float *db, const float *dy, const float *x, const float *t, const float *a, const float *b,
                   float scale, const LinearRows *rows, int N, int I, int R, int O);

// The op: the base product, then the adapter's part, one node. `lora` may be NULL; w is usually frozen. Backward runs the
// base's part first, then the adapter's.
Tensor *lora_linear(Tape *tape, Tensor *x, Tensor *w, const Lora *lora, LinearRows rows);

#endif
