// SwiGLU (Shazeer, 2020, arXiv 2002.05202): y = silu(g) * u, silu(g) = g * sigmoid(g).
#ifndef NN_SWIGLU_H
#define NN_SWIGLU_H

#include "tensor/tape.h"

// y[n] over n = N*F elements.
void swiglu_forward(float *y, const float *g, const float *u, int N, int F);
// dg += (dy * u) * silu'(g); du += dy * silu(g). Both wanted or both NULL.
void swiglu_backward(float *dg, float *du, const float *dy, const float *g, const float *u, int N, int F);
Tensor *swiglu(Tape *tape, Tensor *g, Tensor *u);

#endif
