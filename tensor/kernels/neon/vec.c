// Elementwise kernels and A1 reductions, four lanes at a time.
#include <math.h>

#include "tensor/kernels/neon/lanes.h"
#include "tensor/kernels/table.h"

static void add(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, vaddq_f32(lanes_load(a, i, n), lanes_load(b, i, n)));
}

static void sub(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, vsubq_f32(lanes_load(a, i, n), lanes_load(b, i, n)));
}

static void mul(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, vmulq_f32(lanes_load(a, i, n), lanes_load(b, i, n)));
}

static void scale(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, vmulq_f32(lanes_load(x, i, n), all4(s)));
}

static void divide(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, vdivq_f32(lanes_load(x, i, n), all4(s)));
}

static void axpy(float *y, float s, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, fma4(all4(s), lanes_load(x, i, n), lanes_load(y, i, n)));
}

static void add_scaled(float *y, const float *x, float s, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH)
        lanes_store(y, i, n, vaddq_f32(lanes_load(y, i, n), vmulq_f32(all4(s), lanes_load(x, i, n))));
}

static void add_product(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH)
        lanes_store(y, i, n, fma4(lanes_load(a, i, n), lanes_load(b, i, n), lanes_load(y, i, n)));
}

static float sum(const float *x, size_t n) {
    float32x4_t s[PARTS] = {all4(0.0f), all4(0.0f), all4(0.0f), all4(0.0f)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) s[part] = vaddq_f32(s[part], lanes_load(x, i + part * WIDTH, n));
    return lanes_sum(s);
}

static float dot_lanes(const float *a, const float *b, size_t n) {
    float32x4_t s[PARTS] = {all4(0.0f), all4(0.0f), all4(0.0f), all4(0.0f)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) {
            size_t at = i + part * WIDTH;
            s[part] = fma4(lanes_load(a, at, n), lanes_load(b, at, n), s[part]);
        }
    return lanes_sum(s);
}

// a > b ? a : b; the instruction for maxima treats NaN and zeros in another way.
static inline float32x4_t max4(float32x4_t a, float32x4_t b) { return choose4(vcgtq_f32(a, b), a, b); }

static float max(const float *x, size_t n) {
    float32x4_t s[PARTS] = {all4(-INFINITY), all4(-INFINITY), all4(-INFINITY), all4(-INFINITY)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) {
            // Lanes beyond the end keep the accumulator.
            size_t at = i + part * WIDTH;
            float32x4_t larger = max4(s[part], lanes_load(x, at, n));
            s[part] = at + WIDTH <= n ? larger : choose4(lanes_mask(at, n), larger, s[part]);
        }
    // The tree of A1.
    float32x4_t four = max4(max4(s[0], s[2]), max4(s[1], s[3]));
    float32x2_t low = vget_low_f32(four), high = vget_high_f32(four);
    float32x2_t two = vbsl_f32(vcgt_f32(low, high), low, high);
    float first = vget_lane_f32(two, 0), second = vget_lane_f32(two, 1);
    return first > second ? first : second;
}

void neon_vec_install(Kernels *table) {
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
