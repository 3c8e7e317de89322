// Log-probability of a chosen token: head, log-softmax and pick in one, over chunks of rows; logits are never stored whole.
//
//   z = (x W^T) / temperature;  logp = (z[target] - max z) - log(sum exp(z - max z))
//   dz = dlogp * (onehot(target) - softmax(z)) / temperature;  dx = dz W;  dW continues with dz^T x (rows ascending)
// Backward computes z again by the same function (numerics.md, G5).
#ifndef NN_LOGPROB_H
#define NN_LOGPROB_H

#include "nn/embedding.h"
#include "nn/linear.h"

// KL of each row from a reference over the whole vocabulary: p and q are the softmax of z and of (x' W'^T) / temperature,
//
//   kl = sum_i p_i d_i, d_i = log p_i - log q_i;  dz_i += dkl * p_i * (d_i - kl) / temperature
typedef struct {
    const float *x;   // [N, D] x' of the reference
    const Tensor *w;  // W' [V, D]
    Tensor *kl;       // [N] filled; where it has a gradient, that is walked back with logp's
} LogprobReference;

// What else is wanted; pointers may be NULL.
typedef struct {
    float *entropy;   // [N] -sum p log p = log(total) - (sum e_i * (z_i - max)) / total, both sums A1
    float *max;       // [N]
    float *total;     // [N] sum of exp(z - max)
    const LogprobReference *reference;
    TiedHead *tied;   // dW waits for the embedding's backward; its dz (NULL: none) keeps the logits
} LogprobExtra;

// Logits of N rows, divided by the temperature: z[N,V] (the sampler's view; the same bits as inside logprob).
void logits_forward(float *z, const float *x, const void *w, DType type, float temperature, Precision precision, int N, int D, int V);

// One row's (max, total) by the contract; z[target] gives logp = (z - max) - log(total).
float logprob_row(const float *z, int V, int32_t target, float *max, float *total);

// logp[N] of target[N]. Temperature > 0.
void logprob_forward(float *logp, const LogprobExtra *extra, const float *x, const void *w, DType type, const int32_t *target,
                     float temperature, Precision precision, int N, int D, int V);
// dx += and dw continues; dw NULL for a frozen head. Rows with dlogp == 0 take part like all others. dz[N,V] (may be NULL):
// the logits, which are computed again without it; it becomes their gradient. With `reference` (may be NULL) its kl's gradient too.
void logprob_backward(float *dx, float *dw, float *dz, const float *dlogp, const float *x, const void *w, DType type, const int32_t *target,
                      float temperature, const LinearRows *rows, const LogprobReference *reference, int N, int D, int V);
// The op: [N] values. `target` and what `extra` points to must stay valid until backward.
Tensor *logprob(Tape *tape, Tensor *x, Tensor *w, const int32_t *target, float temperature, LinearRows rows, const LogprobExtra *extra);

#endif
