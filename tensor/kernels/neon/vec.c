// Elementwise kernels and A1 reductions, four lanes at a time.
#include <math.h>

#include "tensor/kernels/neon/lanes.h"
// The text follows its lanes.
#include "tensor/kernels/lanes_vec.h"

static float sum(const float *x, size_t n) {
    float32x4_t s[PARTS] = {lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) s[part] = vaddq_f32(s[part], lanes_load(x, i + part * WIDTH, n));
    return lanes_sum(s);
}

static float dot_lanes(const float *a, const float *b, size_t n) {
    float32x4_t s[PARTS] = {lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) {
            size_t at = i + part * WIDTH;
            s[part] = lanes_fma(lanes_load(a, at, n), lanes_load(b, at, n), s[part]);
        }
    return lanes_sum(s);
}

// a > b ? a : b; the instruction for maxima treats NaN and zeros in another way.
static inline float32x4_t max4(float32x4_t a, float32x4_t b) { return choose4(vcgtq_f32(a, b), a, b); }

static float max(const float *x, size_t n) {
    float32x4_t s[PARTS] = {lanes_all(-INFINITY), lanes_all(-INFINITY), lanes_all(-INFINITY), lanes_all(-INFINITY)};
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
    lanes_vec_install(table);
    table->sum = sum;
    table->dot_lanes = dot_lanes;
    table->max = max;
}
