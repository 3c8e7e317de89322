// Embedding: row ids[n] of the table W[V,D], expanded to fp32. Backward adds dy rows into dW, tokens ascending.
#ifndef NN_EMBEDDING_H
#define NN_EMBEDDING_H

#include "tensor/gemm.h"
#include "tensor/tape.h"

// A tied and trained head in a pass of several sequences: its gradient waits for the embedding's, because both go into one
// tensor sequence by sequence, the head's part first (numerics.md, G1). logprob (nn/logprob.h) fills x and dz.
typedef struct {
    Precision precision;    // of the head's products
    int B;                  // sequences
    const int *head_rows;   // [B + 1] rows of the head, by sequence
    const int *token_rows;  // [B + 1] rows of the embedding
    const float *x;         // [head_rows[B], D] what the head saw
    float *dz;              // [head_rows[B], V] its logits, from its backward on their gradient; NULL: the head is not there
} TiedHead;

// y[N,D] = W[ids[n]]; W of any DType. ids must be in [0, V) (REQUIRE: readers check them).
void embedding_forward(float *y, const int32_t *ids, const void *w, DType type, int N, int V, int D);
// dw[ids[n]] += dy[n], n ascending.
void embedding_backward(float *dw, const float *dy, const int32_t *ids, int N, int D);
// The op; the result lives in `arena`. ids must stay valid until backward. `tied` (may be NULL): the head's gradient comes first.
Tensor *embedding(Tape *tape, Arena *arena, Tensor *w, const int32_t *ids, int N, const TiedHead *tied);

#endif
