// Logarithm of the logistic function, stable at both ends.
#ifndef TENSOR_OP_LOG_SIGMOID_H
#define TENSOR_OP_LOG_SIGMOID_H

#include "tensor/tape.h"

// y[n] = log(sigmoid(x)).
void op_log_sigmoid_forward(float *y, const float *x, size_t n);
// dx = dx + (dy * sigmoid(-x)).
void op_log_sigmoid_backward(float *dx, const float *dy, const float *x, size_t n);
// The op: the result lives in x's arena.
Tensor *op_log_sigmoid(Tape *tape, Tensor *x);

#endif
