// Linear layer: y = x W^T + b, with W stored [out, in] as in the files of the field; and the same with a low-rank adapter.
#ifndef NN_LINEAR_H
#define NN_LINEAR_H

#include "tensor/tape.h"

// y[N,O] = x[N,I] W[O,I]^T (+ b[O] when not NULL). W of any DType.
void linear_forward(float *y, const float *x, const void *w, DType type, const float *b, int N, int I, int O);

// dx[N,I] += dy W;  dw[O,I] continues its chain with dy^T x (tokens ascending, M1, G1);  db[O] one chain over rows.
// A NULL output is not wanted; dw and db only with fp32 weights.
void linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x, const void *w, DType type, int N, int I, int O);

// The op; b may be NULL.
Tensor *linear(Tape *tape, Tensor *x, Tensor *w, Tensor *b);

#endif
