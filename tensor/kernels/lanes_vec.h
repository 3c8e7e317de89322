// Elementwise kernels and A1 reductions, the text of every vector table: the formulas of kernels.h on as many lanes as lanes.h gives.
// Operators work lane by lane; a multiplication and an addition are never fused unless lanes_fma says so (-ffp-contract=off).
#ifndef TENSOR_KERNELS_LANES_VEC_H
#define TENSOR_KERNELS_LANES_VEC_H

#include <math.h>
#include <string.h>

#include "tensor/kernels/table.h"

enum { LANES = 16, PARTS = LANES / WIDTH };  // partial sums of A1, the registers that hold them

typedef uint32_t Words __attribute__((vector_size(sizeof(Lanes))));

// ---- elementwise

// a + b
static void add(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_load(a, i, n) + lanes_load(b, i, n));
}

// a - b
static void sub(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_load(a, i, n) - lanes_load(b, i, n));
}

// a * b
static void mul(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_load(a, i, n) * lanes_load(b, i, n));
}

// x * s
static void scale(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_load(x, i, n) * lanes_all(s));
}

// x / s
static void divide(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_load(x, i, n) / lanes_all(s));
}

// fmaf(s, x, y)
static void axpy(float *y, float s, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_fma(lanes_all(s), lanes_load(x, i, n), lanes_load(y, i, n)));
}

// y + (s * x)
static void add_scaled(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_load(y, i, n) + lanes_all(s) * lanes_load(x, i, n));
}

// fmaf(a, b, y)
static void add_product(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH)
        lanes_store(y, i, n, lanes_fma(lanes_load(a, i, n), lanes_load(b, i, n), lanes_load(y, i, n)));
}

// ---- reductions over one row (A1)

// The tree over 16 partial results: registers first, then the halves of the one that is left.
typedef Lanes Link(Lanes a, Lanes b);
INLINE float lanes_tree(const Lanes s[PARTS], Link *link) {
    Lanes t[PARTS];
    UNROLL for (size_t p = 0; p < PARTS; p++) t[p] = s[p];
    UNROLL for (size_t half = PARTS / 2; half > 0; half /= 2)
        UNROLL for (size_t p = 0; p < half; p++) t[p] = link(t[p], t[p + half]);
    UNROLL for (int half = WIDTH / 2; half > 0; half /= 2) t[0] = link(t[0], lanes_down(t[0], half));
    return t[0][0];
}
INLINE Lanes lanes_add(Lanes a, Lanes b) { return a + b; }
INLINE float lanes_sum(const Lanes s[PARTS]) { return lanes_tree(s, lanes_add); }

// A1 sum of x.
static float sum(const float *x, size_t n) {
    Lanes s[PARTS] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        UNROLL for (size_t p = 0; p < PARTS; p++) s[p] = s[p] + lanes_load(x + i, p * WIDTH, LANES);
    UNROLL for (size_t p = 0; i < n && p < PARTS; p++) s[p] = s[p] + lanes_load(x, i + p * WIDTH, n);
    return lanes_sum(s);
}

// A1 sum of a * b by fused links.
static float dot_lanes(const float *a, const float *b, size_t n) {
    Lanes s[PARTS] = {0};
    for (size_t i = 0; i < n; i += LANES)
        UNROLL for (size_t p = 0; p < PARTS; p++)
            s[p] = lanes_fma(lanes_load(a, i + p * WIDTH, n), lanes_load(b, i + p * WIDTH, n), s[p]);
    return lanes_sum(s);
}

// Lanes beyond the end keep their accumulator.
static float max(const float *x, size_t n) {
    Lanes s[PARTS];
    size_t i = 0;
    UNROLL for (size_t p = 0; p < PARTS; p++) s[p] = lanes_all(-INFINITY);
    for (; i + LANES <= n; i += LANES)
        UNROLL for (size_t p = 0; p < PARTS; p++) s[p] = lanes_max(s[p], lanes_load(x + i, p * WIDTH, LANES));
    UNROLL for (size_t p = 0; i < n && p < PARTS; p++, i += WIDTH)
        s[p] = lanes_choose(lanes_inside(i, n), lanes_max(s[p], lanes_load(x, i, n)), s[p]);
    return lanes_tree(s, lanes_max);
}

#endif
