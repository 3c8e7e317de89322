// Drawing the next token (numerics.md, S2).
//
// Log-probabilities are always those of the full softmax of logits / temperature: top-k, top-p and bans change only the draw.
#ifndef LLAMA_SAMPLER_H
#define LLAMA_SAMPLER_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"

typedef struct {
    float temperature;      // 0: the most likely token, its log-probability taken at temperature 1
    int top_k;              // 0: all
    float top_p;            // 1: all
    const int32_t *banned;  // ids that are never drawn
    int n_banned;
} SamplerConfig;

// Temperature 1, nothing cut, nothing banned.
SamplerConfig sampler_default(void);

// The temperature that logits are divided by: config's, or 1 when it is 0.
float sampler_temperature(const SamplerConfig *config);

// Draws one id from z[V] (logits already divided by sampler_temperature) with the uniform number u in [0, 1), and gives its
// log-probability. Weights are e_i = exp(z_i - max). Kept: not banned; then the top_k largest (ties: lowest id); then the
// shortest prefix, in the order (weight descending, id ascending), whose sum reaches top_p of the kept sum. Draw:
// t = u * sum; block sums of 256 by A1, added in one chain; the first block whose running sum > t; in it the first id whose
// running sum > t; if none, the last kept id. Scratch is released again. ERR_NUMERIC when no kept id has a positive finite
// weight (every token banned, a NaN among the logits).
Status sampler_draw(const SamplerConfig *config, const float *z, int V, float u, Arena *scratch, int32_t *id, float *logprob, Error *error);

#endif
