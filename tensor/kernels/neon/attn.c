// Attention of one query row. A chain has the latency of one FMA a step, so several independent chains run side by side.
#include "tensor/kernels/neon/lanes.h"
#include "tensor/kernels/table.h"

_Static_assert(ATTN_KEYS == 4 * WIDTH, "a block of keys is four registers");

// Two blocks, 32 keys, all of them wanted.
static void scores_of_two(float *score, const float *q, const float *kt, float scale, size_t S) {
    const float *k0 = kt, *k1 = kt + S * ATTN_KEYS;
    float32x4_t zero = lanes_all(0.0f), factor = lanes_all(scale);
    float32x4_t a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, h = zero;
    for (size_t s = 0; s < S; s++, k0 += ATTN_KEYS, k1 += ATTN_KEYS) {
        float32x4_t qs = vld1q_dup_f32(q + s);
        a = lanes_fma(qs, vld1q_f32(k0), a);
        b = lanes_fma(qs, vld1q_f32(k0 + 4), b);
        c = lanes_fma(qs, vld1q_f32(k0 + 8), c);
        d = lanes_fma(qs, vld1q_f32(k0 + 12), d);
        e = lanes_fma(qs, vld1q_f32(k1), e);
        f = lanes_fma(qs, vld1q_f32(k1 + 4), f);
        g = lanes_fma(qs, vld1q_f32(k1 + 8), g);
        h = lanes_fma(qs, vld1q_f32(k1 + 12), h);
    }
    vst1q_f32(score, vmulq_f32(factor, a));
    vst1q_f32(score + 4, vmulq_f32(factor, b));
    vst1q_f32(score + 8, vmulq_f32(factor, c));
    vst1q_f32(score + 12, vmulq_f32(factor, d));
    vst1q_f32(score + 16, vmulq_f32(factor, e));
    vst1q_f32(score + 20, vmulq_f32(factor, f));
    vst1q_f32(score + 24, vmulq_f32(factor, g));
    vst1q_f32(score + 28, vmulq_f32(factor, h));
}

static void attn_scores(float *score, const float *q, const float *kt, float scale, size_t n, size_t S) {
    size_t first = 0;
    for (; first + 2 * ATTN_KEYS <= n; first += 2 * ATTN_KEYS) scores_of_two(score + first, q, kt + first * S, scale, S);
    // The rest block by block, the last one cut at n.
    for (; first < n; first += ATTN_KEYS) {
        const float *k = kt + first * S;
        float32x4_t chain[PARTS] = {lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f)};
        for (size_t s = 0; s < S; s++, k += ATTN_KEYS)
            for (size_t part = 0; part < PARTS; part++) chain[part] = lanes_fma(lanes_all(q[s]), vld1q_f32(k + part * WIDTH), chain[part]);
        for (size_t part = 0; part < PARTS; part++)
            lanes_store(score, first + part * WIDTH, n, vmulq_f32(lanes_all(scale), chain[part]));
    }
}

// 32 elements of the head, keys ascending; the caller's eight sums.
static inline void chain_of_32(float32x4_t sum[8], const float *w, const float *v, size_t stride, size_t n) {
    float32x4_t zero = lanes_all(0.0f);
    float32x4_t a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, h = zero;
    for (size_t j = 0; j < n; j++, v += stride) {
        float32x4_t wj = vld1q_dup_f32(w + j);
        a = lanes_fma(wj, vld1q_f32(v), a);
        b = lanes_fma(wj, vld1q_f32(v + 4), b);
        c = lanes_fma(wj, vld1q_f32(v + 8), c);
        d = lanes_fma(wj, vld1q_f32(v + 12), d);
        e = lanes_fma(wj, vld1q_f32(v + 16), e);
        f = lanes_fma(wj, vld1q_f32(v + 20), f);
        g = lanes_fma(wj, vld1q_f32(v + 24), g);
        h = lanes_fma(wj, vld1q_f32(v + 28), h);
    }
    sum[0] = a, sum[1] = b, sum[2] = c, sum[3] = d, sum[4] = e, sum[5] = f, sum[6] = g, sum[7] = h;
}

// Elements [s, s + 16) of a head of S, cut at S; the caller's four sums.
static inline void chain_of_16(float32x4_t sum[4], const float *w, const float *v, size_t stride, size_t n, size_t s, size_t S) {
    float32x4_t a = lanes_all(0.0f), b = a, c = a, d = a;
    for (size_t j = 0; j < n; j++, v += stride) {
        float32x4_t wj = vld1q_dup_f32(w + j);
        a = lanes_fma(wj, lanes_load(v, s, S), a);
        b = lanes_fma(wj, lanes_load(v, s + 4, S), b);
        c = lanes_fma(wj, lanes_load(v, s + 8, S), c);
        d = lanes_fma(wj, lanes_load(v, s + 12, S), d);
    }
    sum[0] = a, sum[1] = b, sum[2] = c, sum[3] = d;
}

static void attn_mix(float *y, const float *w, const float *v, size_t stride, float total, size_t n, size_t S) {
    float32x4_t sum[8], divisor = lanes_all(total);
    size_t s = 0;
    for (; s + 32 <= S; s += 32) {
        chain_of_32(sum, w, v + s, stride, n);
        for (size_t i = 0; i < 8; i++) vst1q_f32(y + s + i * WIDTH, vdivq_f32(sum[i], divisor));
    }
    for (; s < S; s += 16) {
        chain_of_16(sum, w, v, stride, n, s, S);
        for (size_t i = 0; i < 4; i++) lanes_store(y, s + i * WIDTH, S, vdivq_f32(sum[i], divisor));
    }
}

static void attn_chain(float *dq, const float *ds, const float *k, size_t stride, size_t n, size_t S) {
    float32x4_t sum[8];
    size_t s = 0;
    for (; s + 32 <= S; s += 32) {
        chain_of_32(sum, ds, k + s, stride, n);
        for (size_t i = 0; i < 8; i++) vst1q_f32(dq + s + i * WIDTH, sum[i]);
    }
    for (; s < S; s += 16) {
        chain_of_16(sum, ds, k, stride, n, s, S);
        for (size_t i = 0; i < 4; i++) lanes_store(dq, s + i * WIDTH, S, sum[i]);
    }
}

void neon_attn_install(Kernels *table) {
    table->attn_scores = attn_scores;
    table->attn_mix = attn_mix;
    table->attn_chain = attn_chain;
}
