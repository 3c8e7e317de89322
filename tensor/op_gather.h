// Gather: y[i] = x[row[i]], rows of a matrix picked by number. Backward adds dy[i] into dx[row[i]], i ascending.
#ifndef TENSOR_OP_GATHER_H
#define TENSOR_OP_GATHER_H

#include "tensor/tape.h"

// y[n,D] from x[N,D]; every row[i] in [0, N).
void gather_forward(float *y, const float *x, const int *row, int n, int D);
void gather_backward(float *dx, const float *dy, const int *row, int n, int D);
// The op; the result stands in x's arena; `row` must stay valid until backward (REQUIRE: rows in range).
Tensor *op_gather(Tape *tape, Tensor *x, const int *row, int n);

#endif
