// Rows of layers, the text of every vector table: the formulas of scalar/row.c.
#ifndef TENSOR_KERNELS_LANES_ROW_H
#define TENSOR_KERNELS_LANES_ROW_H

#include "tensor/kernels/lanes_math.h"

// y = (x * rstd) * w
static void rmsnorm_row(float *y, const float *x, const float *w, float rstd, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, (lanes_load(x, i, n) * lanes_all(rstd)) * lanes_load(w, i, n));
}

// dx = dx + rstd * (g - x * k), g = dy * w
static void rmsnorm_dx(float *dx, const float *dy, const float *w, const float *x, float rstd, float k, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        Lanes g = lanes_load(dy, i, n) * lanes_load(w, i, n), inner = g - lanes_load(x, i, n) * lanes_all(k);
        lanes_store(dx, i, n, lanes_load(dx, i, n) + lanes_all(rstd) * inner);
    }
}

// dw = fmaf(dy, x * rstd, dw)
static void rmsnorm_dw(float *dw, const float *dy, const float *x, float rstd, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        Lanes normed = lanes_load(x, i, n) * lanes_all(rstd);
        lanes_store(dw, i, n, lanes_fma(lanes_load(dy, i, n), normed, lanes_load(dw, i, n)));
    }
}

// 1 / (1 + exp(-g))
INLINE Lanes sigmoid(Lanes g) { return lanes_all(1.0f) / (lanes_all(1.0f) + lanes_exp(-g)); }

// y = (g * sigmoid(g)) * u
static void swiglu_row(float *y, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        Lanes gate = lanes_load(g, i, n);
        lanes_store(y, i, n, (gate * sigmoid(gate)) * lanes_load(u, i, n));
    }
}

// dg and du of y = (g * sigmoid(g)) * u
static void swiglu_grad_row(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        Lanes gate = lanes_load(g, i, n), s = sigmoid(gate), d = lanes_load(dy, i, n);
        Lanes dsilu = s * lanes_fma(gate, lanes_all(1.0f) - s, lanes_all(1.0f));
        Lanes to_gate = (d * lanes_load(u, i, n)) * dsilu, to_up = d * (gate * s);
        lanes_store(dg, i, n, lanes_load(dg, i, n) + to_gate);
        lanes_store(du, i, n, lanes_load(du, i, n) + to_up);
    }
}

// The pair (a, b) turned by the angle of (c, s).
static void rope_row(float *y, const float *x, const float *cosine, const float *sine, float sign, size_t half) {
    for (size_t i = 0; i < half; i += WIDTH) {
        Lanes a = lanes_load(x, i, half), b = lanes_load(x + half, i, half);
        Lanes c = lanes_load(cosine, i, half), s = lanes_all(sign) * lanes_load(sine, i, half);
        lanes_store(y, i, half, lanes_fma(a, c, -(b * s)));
        lanes_store(y + half, i, half, lanes_fma(b, c, a * s));
    }
}

// A1 sum of (dy * w) * x
static float rmsnorm_dot(const float *dy, const float *w, const float *x, size_t n) {
    Lanes s[PARTS] = {0};
    for (size_t i = 0; i < n; i += LANES)
        UNROLL for (size_t p = 0; p < PARTS; p++) {
            size_t at = i + p * WIDTH;
            s[p] = s[p] + (lanes_load(dy, at, n) * lanes_load(w, at, n)) * lanes_load(x, at, n);
        }
    return lanes_sum(s);
}

#endif
