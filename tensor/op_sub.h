// Difference of two tensors: y = a - b.  dy/da = 1, dy/db = -1.
#ifndef TENSOR_OP_SUB_H
#define TENSOR_OP_SUB_H

#include "tensor/tape.h"

// y[n] = a - b.
void op_sub_forward(float *y, const float *a, const float *b, size_t n);
// da += dy; db -= dy. NULL: not wanted.
void op_sub_backward(float *da, float *db, const float *dy, size_t n);
// The op: the result lives in a's arena. a and b of one shape.
Tensor *op_sub(Tape *tape, Tensor *a, Tensor *b);

#endif
