// Product of two tensors, element by element: y = a * b.  dy/da = b, dy/db = a.
#ifndef TENSOR_OP_MUL_H
#define TENSOR_OP_MUL_H

#include "tensor/tape.h"

// y[n] = a * b.
void op_mul_forward(float *y, const float *a, const float *b, size_t n);
// da = fmaf(dy, b, da); db = fmaf(dy, a, db). NULL: not wanted.
void op_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b, size_t n);
// The op: the result lives in a's arena. a and b of one shape.
Tensor *op_mul(Tape *tape, Tensor *a, Tensor *b);

#endif
