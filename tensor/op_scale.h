// Multiple of a tensor: y = x * s.  dy/dx = s.
#ifndef TENSOR_OP_SCALE_H
#define TENSOR_OP_SCALE_H

#include "tensor/tape.h"

// y[n] = x * s.
void op_scale_forward(float *y, const float *x, float s, size_t n);
// dx = dx + (dy * s).
void op_scale_backward(float *dx, const float *dy, float s, size_t n);
// The op: the result lives in x's arena.
Tensor *op_scale(Tape *tape, Tensor *x, float s);

#endif
