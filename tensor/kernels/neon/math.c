// Rows of exp, and the row kernels that are made of exp.
#include "tensor/kernels/neon/math.h"

#include "tensor/kernels/table.h"

static void exp_row(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) lanes_store(y, i, n, lanes_exp(lanes_load(x, i, n)));
}

// exp(x - shift) of four lanes, +0 in those beyond the end.
static inline float32x4_t exp_part(const float *x, float32x4_t shift, size_t i, size_t n) {
    float32x4_t e = lanes_exp(vsubq_f32(lanes_load(x, i, n), shift));
    return i + WIDTH <= n ? e : choose4(lanes_mask(i, n), e, lanes_all(0.0f));
}

static float exp_sum(const float *x, float shift, size_t n) {
    float32x4_t s[PARTS] = {lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) s[part] = vaddq_f32(s[part], exp_part(x, lanes_all(shift), i + part * WIDTH, n));
    return lanes_sum(s);
}

static float exp_store_sum(float *y, const float *x, float shift, size_t n) {
    float32x4_t s[PARTS] = {lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) {
            float32x4_t e = exp_part(x, lanes_all(shift), i + part * WIDTH, n);
            lanes_store(y, i + part * WIDTH, n, e);
            s[part] = vaddq_f32(s[part], e);
        }
    return lanes_sum(s);
}

static void softmax_scaled(float *y, const float *x, float shift, float total, float factor, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        float32x4_t e = lanes_exp(vsubq_f32(lanes_load(x, i, n), lanes_all(shift)));
        lanes_store(y, i, n, vmulq_f32(vdivq_f32(e, lanes_all(total)), lanes_all(factor)));
    }
}

void neon_math_install(Kernels *table) {
    table->exp = exp_row;
    table->exp_sum = exp_sum;
    table->exp_store_sum = exp_store_sum;
    table->softmax_scaled = softmax_scaled;
}
