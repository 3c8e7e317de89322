// Elementwise kernels, the text of both vector vec.c: the formulas of kernels.h on as many lanes as lanes.h gives.
#ifndef TENSOR_KERNELS_LANES_VEC_H
#define TENSOR_KERNELS_LANES_VEC_H

#include "tensor/kernels/table.h"

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

// What vec.c installs, without the reductions.
static void lanes_vec_install(Kernels *table) {
    table->add = add;
    table->sub = sub;
    table->mul = mul;
    table->scale = scale;
    table->divide = divide;
    table->axpy = axpy;
    table->add_scaled = add_scaled;
    table->add_product = add_product;
}

#endif
