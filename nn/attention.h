// Causal attention with grouped queries over ragged rows (Vaswani et al., 2017; Ainslie et al., 2023, arXiv 2305.13245).
//
// Three passes a query row, never a running rescale (numerics.md, A2):
//   score_j = (q . k_j) / sqrt(S)  for the keys j <= the query's position;  m = max_j score_j
//   e_j = exp(score_j - m);  total = A1 sum of e_j, lane = key index mod 16
//   y = (chain over j ascending of e_j v_j) / total
// Query head h reads kv head h / (H / K).
// Backward, with p_j = e_j / total:  dp_j = dy . v_j (chain over s);  D = A1 sum of p_j * dp_j (fmaf in the lanes);
//   ds_j = (p_j * (dp_j - D)) * scale
//   dq = chain over j ascending of ds_j k_j;  dk_j, dv_j: query heads ascending, then query positions ascending, one
//   chain of fmaf from +0, which is then added to the gradient.
#ifndef NN_ATTENTION_H
#define NN_ATTENTION_H

#include "tensor/tape.h"

// Keys and values of one kv head of one sequence, as the kernels read them.
typedef struct {
    float *kt;   // transposed blocks [ceil(capacity / ATTN_KEYS)][S][ATTN_KEYS]
    float *v;    // [capacity][S]
} KeyValue;

// Rows [first, first + rows) of q belong to one sequence; row i has position start + i and sees keys 0 .. start + i.
typedef struct {
    int first, rows;
    int start;              // keys before the first row (0 without a cache)
    const KeyValue *heads;  // K of them, filled for all keys 0 .. start + rows - 1
} AttentionSpan;

// Writes key row k[S] and value row v[S] as key number `position`.
void attention_store(KeyValue *kv, const float *k, const float *v, int position, int S);

// y[N, H*S] from q[N, H*S]. max_total[2*N*H] receives (m, total) of each row and head when not NULL: backward needs them.
void attention_forward(float *y, float *max_total, const float *q, const AttentionSpan *spans, int n_spans, int H, int K, int S);

// dq, dk, dv += as above for whole sequences (start == 0), with k, v [N, K*S] row-major as they came.
void attention_backward(float *dq, float *dk, float *dv, const float *dy, const float *q, const float *k, const float *v,
                        const float *max_total, const AttentionSpan *spans, int n_spans, int H, int K, int S);

// The op over whole sequences: offsets[B+1] cut the N rows of q [N,H*S], k and v [N,K*S] into sequences.
// `offsets` must stay valid until backward.
Tensor *attention(Tape *tape, Tensor *q, Tensor *k, Tensor *v, const int *offsets, int B, int H, int K);

#endif
