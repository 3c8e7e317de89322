// Square: y = x * x.  dy/dx = 2 x.
#ifndef TENSOR_OP_SQUARE_H
#define TENSOR_OP_SQUARE_H

#include "tensor/tape.h"

// y[n] = x * x.
void op_square_forward(float *y, const float *x, size_t n);
// dx = dx + (dy * (x + x)).
void op_square_backward(float *dx, const float *dy, const float *x, size_t n);
// The op: the result lives in x's arena.
Tensor *op_square(Tape *tape, Tensor *x);

#endif
