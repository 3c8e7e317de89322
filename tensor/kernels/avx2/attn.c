// Attention of one query row. A chain has the latency of one FMA a step, so several independent chains run side by side.
#include "tensor/kernels/avx2/lanes.h"
#include "tensor/kernels/table.h"

_Static_assert(ATTN_KEYS == 2 * WIDTH, "a block of keys is two registers");

// Four blocks, 64 keys, all of them wanted.
static void scores_of_four(float *score, const float *q, const float *kt, float scale, size_t S) {
    const float *k0 = kt, *k1 = k0 + S * ATTN_KEYS, *k2 = k1 + S * ATTN_KEYS, *k3 = k2 + S * ATTN_KEYS;
    __m256 zero = lanes_all(0.0f);
    __m256 a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero;
    for (size_t s = 0; s < S; s++) {
        __m256 qs = _mm256_broadcast_ss(q + s);
        size_t at = s * ATTN_KEYS;
        a0 = lanes_fma(qs, _mm256_loadu_ps(k0 + at), a0);
        b0 = lanes_fma(qs, _mm256_loadu_ps(k0 + at + WIDTH), b0);
        a1 = lanes_fma(qs, _mm256_loadu_ps(k1 + at), a1);
        b1 = lanes_fma(qs, _mm256_loadu_ps(k1 + at + WIDTH), b1);
        a2 = lanes_fma(qs, _mm256_loadu_ps(k2 + at), a2);
        b2 = lanes_fma(qs, _mm256_loadu_ps(k2 + at + WIDTH), b2);
        a3 = lanes_fma(qs, _mm256_loadu_ps(k3 + at), a3);
        b3 = lanes_fma(qs, _mm256_loadu_ps(k3 + at + WIDTH), b3);
    }
    __m256 factor = lanes_all(scale);
    _mm256_storeu_ps(score, _mm256_mul_ps(factor, a0));
    _mm256_storeu_ps(score + 8, _mm256_mul_ps(factor, b0));
    _mm256_storeu_ps(score + 16, _mm256_mul_ps(factor, a1));
    _mm256_storeu_ps(score + 24, _mm256_mul_ps(factor, b1));
    _mm256_storeu_ps(score + 32, _mm256_mul_ps(factor, a2));
    _mm256_storeu_ps(score + 40, _mm256_mul_ps(factor, b2));
    _mm256_storeu_ps(score + 48, _mm256_mul_ps(factor, a3));
    _mm256_storeu_ps(score + 56, _mm256_mul_ps(factor, b3));
}

static void attn_scores(float *score, const float *q, const float *kt, float scale, size_t n, size_t S) {
    size_t first = 0;
    for (; first + 4 * ATTN_KEYS <= n; first += 4 * ATTN_KEYS) scores_of_four(score + first, q, kt + first * S, scale, S);
    // The rest block by block, the last one cut at n.
    for (; first < n; first += ATTN_KEYS) {
        const float *k = kt + first * S;
        __m256 a = lanes_all(0.0f), b = a;
        for (size_t s = 0; s < S; s++) {
            __m256 qs = _mm256_broadcast_ss(q + s);
            a = lanes_fma(qs, _mm256_loadu_ps(k + s * ATTN_KEYS), a);
            b = lanes_fma(qs, _mm256_loadu_ps(k + s * ATTN_KEYS + WIDTH), b);
        }
        lanes_store(score, first, n, _mm256_mul_ps(lanes_all(scale), a));
        lanes_store(score, first + WIDTH, n, _mm256_mul_ps(lanes_all(scale), b));
    }
}

// 64 elements of the head, keys ascending; the caller's eight sums.
static inline void chain_of_64(__m256 sum[8], const float *w, const float *v, size_t stride, size_t n) {
    __m256 zero = lanes_all(0.0f);
    __m256 a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, h = zero;
    for (size_t j = 0; j < n; j++, v += stride) {
        __m256 wj = _mm256_broadcast_ss(w + j);
        a = lanes_fma(wj, _mm256_loadu_ps(v), a);
        b = lanes_fma(wj, _mm256_loadu_ps(v + 8), b);
        c = lanes_fma(wj, _mm256_loadu_ps(v + 16), c);
        d = lanes_fma(wj, _mm256_loadu_ps(v + 24), d);
        e = lanes_fma(wj, _mm256_loadu_ps(v + 32), e);
        f = lanes_fma(wj, _mm256_loadu_ps(v + 40), f);
        g = lanes_fma(wj, _mm256_loadu_ps(v + 48), g);
        h = lanes_fma(wj, _mm256_loadu_ps(v + 56), h);
    }
    sum[0] = a, sum[1] = b, sum[2] = c, sum[3] = d, sum[4] = e, sum[5] = f, sum[6] = g, sum[7] = h;
}

// Elements [s, s + 32) of a head of S, cut at S; the caller's four sums.
static inline void chain_of_32(__m256 sum[4], const float *w, const float *v, size_t stride, size_t n, size_t s, size_t S) {
    __m256 zero = lanes_all(0.0f);
    __m256 a = zero, b = zero, c = zero, d = zero;
    for (size_t j = 0; j < n; j++, v += stride) {
        __m256 wj = _mm256_broadcast_ss(w + j);
        a = lanes_fma(wj, lanes_load(v, s, S), a);
        b = lanes_fma(wj, lanes_load(v, s + 8, S), b);
        c = lanes_fma(wj, lanes_load(v, s + 16, S), c);
        d = lanes_fma(wj, lanes_load(v, s + 24, S), d);
    }
    sum[0] = a, sum[1] = b, sum[2] = c, sum[3] = d;
}

static void attn_mix(float *y, const float *w, const float *v, size_t stride, float total, size_t n, size_t S) {
    __m256 sum[8], divisor = lanes_all(total);
    size_t s = 0;
    for (; s + 64 <= S; s += 64) {
        chain_of_64(sum, w, v + s, stride, n);
        for (size_t i = 0; i < 8; i++) _mm256_storeu_ps(y + s + i * WIDTH, _mm256_div_ps(sum[i], divisor));
    }
    for (; s < S; s += 32) {
        chain_of_32(sum, w, v, stride, n, s, S);
        for (size_t i = 0; i < 4; i++) lanes_store(y, s + i * WIDTH, S, _mm256_div_ps(sum[i], divisor));
    }
}

static void attn_chain(float *dq, const float *ds, const float *k, size_t stride, size_t n, size_t S) {
    __m256 sum[8];
    size_t s = 0;
    for (; s + 64 <= S; s += 64) {
        chain_of_64(sum, ds, k + s, stride, n);
        for (size_t i = 0; i < 8; i++) _mm256_storeu_ps(dq + s + i * WIDTH, sum[i]);
    }
    for (; s < S; s += 32) {
        chain_of_32(sum, ds, k, stride, n, s, S);
        for (size_t i = 0; i < 4; i++) lanes_store(dq, s + i * WIDTH, S, sum[i]);
    }
}

void avx2_attn_install(Kernels *table) {
    table->attn_scores = attn_scores;
    table->attn_mix = attn_mix;
    table->attn_chain = attn_chain;
}
