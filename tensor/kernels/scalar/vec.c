// Elementwise kernels and A1 reductions: the text to read.
#include <math.h>

#include "tensor/kernels/scalar/lanes.h"
#include "tensor/kernels/table.h"

static void add(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void sub(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] - b[i];
}

static void mul(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}

static void scale(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] * s;
}

static void divide(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] / s;
}

static void axpy(float *y, float s, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = fmaf(s, x[i], y[i]);
}

static void add_scaled(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = y[i] + (s * x[i]);
}

static void add_product(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = fmaf(a[i], b[i], y[i]);
}

static float sum(const float *x, size_t n) {
    float s[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t j = 0; j < LANES; j++) s[j] = s[j] + (i + j < n ? x[i + j] : 0.0f);
    return lanes_sum(s);
}

static float dot_lanes(const float *a, const float *b, size_t n) {
    float s[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            bool inside = i + j < n;
            s[j] = fmaf(inside ? a[i + j] : 0.0f, inside ? b[i + j] : 0.0f, s[j]);
        }
    return lanes_sum(s);
}

static float max(const float *x, size_t n) {
    float s[LANES];
    for (int j = 0; j < LANES; j++) s[j] = -INFINITY;
    for (size_t i = 0; i < n; i++) s[i % LANES] = s[i % LANES] > x[i] ? s[i % LANES] : x[i];
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++) s[j] = s[j] > s[j + width] ? s[j] : s[j + width];
    return s[0];
}

void scalar_vec_install(Kernels *table) {
    table->add = add;
    table->sub = sub;
    table->mul = mul;
    table->scale = scale;
    table->divide = divide;
    table->axpy = axpy;
    table->add_scaled = add_scaled;
    table->add_product = add_product;
    table->sum = sum;
    table->dot_lanes = dot_lanes;
    table->max = max;
}
