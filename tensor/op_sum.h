// Sums over ranges: y_b = sum of x_i over i in [first_b, first_{b+1}).  d/dx: dx_i += dy_b for every i of the range.
#ifndef TENSOR_OP_SUM_H
#define TENSOR_OP_SUM_H

#include "tensor/tape.h"

// y[B], each by A1 (numerics.md); an empty range gives 0.
void op_sum_forward(float *y, const float *x, const int *first, int B);
// dx = dx + dy of the range.
void op_sum_backward(float *dx, const float *dy, const int *first, int B);
// The op: [B, 1] from the numbers of x, in x's arena. first[B + 1] must be ascending within x and valid until backward.
Tensor *op_sum(Tape *tape, Tensor *x, const int *first, int B);

#endif
