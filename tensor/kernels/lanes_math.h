// exp of all lanes and the rows made of it, the text of every vector table: the operations of scalar/math.c, one for one.
#ifndef TENSOR_KERNELS_LANES_MATH_H
#define TENSOR_KERNELS_LANES_MATH_H

#include "tensor/kernels/lanes_vec.h"
#include "tensor/kernels/math_constants.h"

// exp_f32 of each lane.
INLINE Lanes lanes_exp(Lanes x) {
    // x = n ln 2 + r
    Lanes shifted = lanes_fma(x, lanes_all(EXP_LOG2E), lanes_all(EXP_MAGIC)), n = shifted - lanes_all(EXP_MAGIC);
    Lanes r = lanes_fma(n, lanes_all(EXP_MINUS_LN2_HI), x), p = lanes_all(EXP_E4);
    r = lanes_fma(n, lanes_all(EXP_MINUS_LN2_LO), r);
    // exp(r) by Horner, times 2^n.
    p = lanes_fma(p, r, lanes_all(EXP_E3));
    p = lanes_fma(p, r, lanes_all(EXP_E2));
    p = lanes_fma(p, r, lanes_all(EXP_E1));
    p = lanes_fma(p, r, lanes_all(EXP_E0));
    p = lanes_fma(p, r, lanes_all(1.0f));
    p = lanes_fma(p, r, lanes_all(1.0f));
    Lanes y = (Lanes)((Words)p + ((Words)shifted << 23));
    // Lanes outside the limits hold anything so far; only a NaN differs from itself.
    y = lanes_choose(lanes_more(x, lanes_all(EXP_MAX)), lanes_all(INFINITY), y);
    y = lanes_clear(lanes_more(lanes_all(EXP_MIN), x), y);
    return lanes_choose(lanes_equal(x, x), y, x);
}

// exp of each element.
static void exp_row(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_exp(lanes_load(x, i, n)));
}

// Stores exp(x - shift) when y is not NULL; the A1 sum of it, to which lanes beyond the end add +0. One group of 16, then the row.
INLINE void exp_group(Lanes s[PARTS], float *y, const float *x, float shift, size_t n) {
    UNROLL for (size_t p = 0; p < PARTS; p++) {
        Lanes e = lanes_exp(lanes_load(x, p * WIDTH, n) - lanes_all(shift));
        if ((p + 1) * WIDTH > n) e = lanes_choose(lanes_inside(p * WIDTH, n), e, lanes_all(0.0f));
        if (y) lanes_store(y, p * WIDTH, n, e);
        s[p] = s[p] + e;
    }
}
INLINE float exp_shifted(float *y, const float *x, float shift, size_t n, const bool store) {
    Lanes s[PARTS] = {0};
    for (; n >= LANES; n -= LANES, x += LANES, y = store ? y + LANES : y) exp_group(s, store ? y : NULL, x, shift, LANES);
    if (n > 0) exp_group(s, store ? y : NULL, x, shift, n);
    return lanes_sum(s);
}

// A1 sum of exp(x - shift).
static float exp_sum(const float *x, float shift, size_t n) { return exp_shifted(NULL, x, shift, n, false); }

// The same, with y = exp(x - shift).
static float exp_store_sum(float *y, const float *x, float shift, size_t n) { return exp_shifted(y, x, shift, n, true); }

// (exp(x - shift) / total) * factor
static void softmax_scaled(float *y, const float *x, float shift, float total, float factor, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        Lanes e = lanes_exp(lanes_load(x, i, n) - lanes_all(shift));
        lanes_store(y, i, n, (e / lanes_all(total)) * lanes_all(factor));
    }
}

#endif
