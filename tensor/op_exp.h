// Exponential: y = exp(x).  dy/dx = y.
#ifndef TENSOR_OP_EXP_H
#define TENSOR_OP_EXP_H

#include "tensor/tape.h"

// y[n] = exp(x).
void op_exp_forward(float *y, const float *x, size_t n);
// dx = fmaf(dy, y, dx).
void op_exp_backward(float *dx, const float *dy, const float *y, size_t n);
// The op: the result lives in x's arena.
Tensor *op_exp(Tape *tape, Tensor *x);

#endif
