// Embedding: row ids[n] of the table W[V,D], expanded to fp32. Backward adds dy rows into dW, tokens ascending.
#ifndef NN_EMBEDDING_H
#define NN_EMBEDDING_H

#include "tensor/tape.h"

// y[N,D] = W[ids[n]]; W of any DType. ids must be in [0, V) (REQUIRE: readers check them).
void embedding_forward(float *y, const int32_t *ids, const void *w, DType type, int N, int V, int D);
// dw[ids[n]] += dy[n], n ascending.
void embedding_backward(float *dw, const float *dy, const int32_t *ids, int N, int D);
// The op; the result lives in `arena`. ids must stay valid until backward.
Tensor *embedding(Tape *tape, Arena *arena, Tensor *w, const int32_t *ids, int N);

#endif
