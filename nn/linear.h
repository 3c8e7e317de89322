// Linear layer: y = x W^T + b, with W stored [out, in] as in the files of the field; and the same with a low-rank adapter.
#ifndef NN_LINEAR_H
#define NN_LINEAR_H

#include "tensor/gemm.h"
#include "tensor/tape.h"

// How rows enter a layer's products. In bf16 the pairs of a weight gradient begin anew with each sequence (numerics.md, M3), so
// that the gradient does not depend on which sequences share a pass. All zero: fp32.
typedef struct {
    Precision precision;
    int B;             // sequences; 0: the rows are one
    const int *first;  // [B + 1] rows by sequence; valid until backward
} LinearRows;

// y[N,O] = x[N,I] W[O,I]^T (+ b[O] when not NULL). W of any DType.
void linear_forward(float *y, const float *x, const void *w, DType type, const float *b, Precision precision, int N, int I, int O);

// dx[N,I] += dy W;  dw[O,I] continues its chain with dy^T x (tokens ascending, M1, G1);  db[O] one chain over rows.
// A NULL output is not wanted; dw and db only with fp32 weights.
void linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x, const void *w, DType type, const LinearRows *rows,
                     int N, int I, int O);

// The weight's part of it alone, for rows [from, from + N) of a pass, at which dy and x begin: `from` is 0 or linear_cut's.
void linear_weight_gradient(float *dw, const float *dy, const float *x, const LinearRows *rows, int from, int N, int I, int O);

// The last row up to `row` where a pass may be cut without parting a pair.
int linear_cut(const LinearRows *rows, int row);

// The op; b may be NULL.
Tensor *linear(Tape *tape, Tensor *x, Tensor *w, Tensor *b, LinearRows rows);

#endif
