// Larger of two tensors, element by element.
#ifndef TENSOR_OP_MAX_H
#define TENSOR_OP_MAX_H

#include "tensor/tape.h"

// y[n] = a >= b ? a : b; NaN if one is NaN.
void op_max_forward(float *y, const float *a, const float *b, size_t n);
// dy goes to the side that was taken, ties to the first. NULL: not wanted.
void op_max_backward(float *da, float *db, const float *dy, const float *a, const float *b, size_t n);
// The op: the result lives in a's arena. a and b of one shape.
Tensor *op_max(Tape *tape, Tensor *a, Tensor *b);

#endif
