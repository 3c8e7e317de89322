// Clamp to an interval: y = min(max(x, lo), hi), NaN kept.  dy/dx = 1 for lo <= x <= hi, else 0.
#ifndef TENSOR_OP_CLIP_H
#define TENSOR_OP_CLIP_H

#include "tensor/tape.h"

// y[n] = x, at least lo, at most hi; lo <= hi.
void op_clip_forward(float *y, const float *x, float lo, float hi, size_t n);
// dx += dy where lo <= x <= hi.
void op_clip_backward(float *dx, const float *dy, const float *x, float lo, float hi, size_t n);
// The op: the result lives in x's arena.
Tensor *op_clip(Tape *tape, Tensor *x, float lo, float hi);

#endif
