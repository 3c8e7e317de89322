// Attention of one query row, the text of every vector table: the chains of scalar/attn.c. A chain has the latency of one FMA a step,
// so several registers of independent chains run side by side.
#ifndef TENSOR_KERNELS_LANES_ATTN_H
#define TENSOR_KERNELS_LANES_ATTN_H

#include "tensor/kernels/lanes_vec.h"

enum { CHAINS = 8 };  // registers at once, while the row is long enough

_Static_assert((int)ATTN_KEYS == (int)LANES, "a block of keys is PARTS registers");

// What is done to a finished chain.
typedef enum { KEEP, TIMES, OVER } Finish;

// y = chain over j < n ascending of fmaf(w[j], v[j * stride + its place], acc), finished by `by`, for `count` registers: blocks of 16
// lanes lie `far` apart. Nothing is read from `room` on, nothing written from `places` on.
INLINE void chains(float *y, size_t places, const float *w, const float *v, size_t far, size_t stride, size_t n, size_t room,
                   const Finish finish, float by, const size_t count) {
    Lanes s[CHAINS];
    UNROLL for (size_t r = 0; r < count; r++) s[r] = lanes_all(0.0f);
    for (size_t j = 0; j < n; j++, v += stride) {
        Lanes x = lanes_all(w[j]);
        UNROLL for (size_t r = 0; r < count; r++)
            s[r] = lanes_fma(x, lanes_load(v, r / PARTS * far + r % PARTS * WIDTH, room), s[r]);
    }
    UNROLL for (size_t r = 0; r < count; r++) {
        if (finish == TIMES) s[r] = lanes_all(by) * s[r];
        if (finish == OVER) s[r] = s[r] / lanes_all(by);
        lanes_store(y, r * WIDTH, places, s[r]);
    }
}

// Keys of whole blocks are all read; the last store is cut at n.
static void attn_scores(float *score, const float *q, const float *kt, float scale, size_t n, size_t S) {
    const size_t far = S * ATTN_KEYS, all = SIZE_MAX, piece = CHAINS * WIDTH;
    size_t j = 0;
    for (; n - j >= piece; j += piece) chains(score + j, all, q, kt + j * S, far, ATTN_KEYS, S, all, TIMES, scale, CHAINS);
    for (; j < n; j += ATTN_KEYS) chains(score + j, n - j, q, kt + j * S, far, ATTN_KEYS, S, all, TIMES, scale, PARTS);
}

// A head in pieces of eight registers and four; the last piece is cut at S.
INLINE void chain_row(float *y, const float *w, const float *v, size_t stride, size_t n, size_t S, const Finish finish, float by) {
    const size_t piece = CHAINS * WIDTH, half = piece / 2, all = SIZE_MAX;
    size_t s = 0;
    for (; S - s >= piece; s += piece) chains(y + s, all, w, v + s, LANES, stride, n, all, finish, by, CHAINS);
    for (; S - s >= half; s += half) chains(y + s, all, w, v + s, LANES, stride, n, all, finish, by, CHAINS / 2);
    if (s < S) chains(y + s, S - s, w, v + s, LANES, stride, n, S - s, finish, by, CHAINS / 2);
}

// Weights times values, over their sum.
static void attn_mix(float *y, const float *w, const float *v, size_t stride, float total, size_t n, size_t S) {
    chain_row(y, w, v, stride, n, S, OVER, total);
}

// The same without a divisor.
static void attn_chain(float *dq, const float *ds, const float *k, size_t stride, size_t n, size_t S) {
    chain_row(dq, ds, k, stride, n, S, KEEP, 1.0f);
}

#endif
