// RMSNorm (Zhang and Sennrich, 2019, arXiv 1910.07467): y = (x * rstd) * w, rstd = 1 / sqrt(mean(x^2) + eps), per row.
#ifndef NN_RMSNORM_H
#define NN_RMSNORM_H

#include "tensor/tape.h"

// y[N,D], rstd[N] from x[N,D], w[D]. The mean is an A1 sum of squares (fmaf in the lanes) divided by D.
void rmsnorm_forward(float *y, float *rstd, const float *x, const float *w, int N, int D, float eps);
// dx += rstd * (dy*w - x * k), k = rstd^2 * mean(dy*w*x);  dw one chain over rows ascending. NULL: not wanted.
void rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, const float *rstd, int N, int D);
Tensor *rmsnorm(Tape *tape, Tensor *x, Tensor *w, float eps);

#endif
