// Attention of one query row against the keys or values of one kv head.
#include <math.h>

#include "tensor/kernels/table.h"

static void attn_scores(float *score, const float *q, const float *kt, float scale, size_t n, size_t S) {
    for (size_t first = 0; first < n; first += ATTN_KEYS, kt += S * ATTN_KEYS) {
        // 16 keys side by side, one chain each over the head's elements.
        float chain[ATTN_KEYS] = {0};
        for (size_t s = 0; s < S; s++)
            for (size_t j = 0; j < ATTN_KEYS; j++) chain[j] = fmaf(q[s], kt[s * ATTN_KEYS + j], chain[j]);
        size_t keys = n - first < ATTN_KEYS ? n - first : ATTN_KEYS;
        for (size_t j = 0; j < keys; j++) score[first + j] = scale * chain[j];
    }
}

static void attn_chain(float *dq, const float *ds, const float *k, size_t stride, size_t n, size_t S) {
    for (size_t s = 0; s < S; s++) dq[s] = 0.0f;
    for (size_t j = 0; j < n; j++)
        for (size_t s = 0; s < S; s++) dq[s] = fmaf(ds[j], k[j * stride + s], dq[s]);
}

static void attn_mix(float *y, const float *w, const float *v, size_t stride, float total, size_t n, size_t S) {
    attn_chain(y, w, v, stride, n, S);
    for (size_t s = 0; s < S; s++) y[s] = y[s] / total;
}

void scalar_attn_install(Kernels *table) {
    table->attn_scores = attn_scores;
    table->attn_mix = attn_mix;
    table->attn_chain = attn_chain;
}
