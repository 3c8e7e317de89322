// Rows of layers, four lanes at a time: the formulas of scalar/row.c.
#include "tensor/kernels/neon/math.h"
#include "tensor/kernels/table.h"

static void rmsnorm_row(float *y, const float *x, const float *w, float rstd, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH)
        lanes_store(y, i, n, vmulq_f32(vmulq_f32(lanes_load(x, i, n), all4(rstd)), lanes_load(w, i, n)));
}

static float rmsnorm_dot(const float *dy, const float *w, const float *x, size_t n) {
    float32x4_t s[PARTS] = {all4(0.0f), all4(0.0f), all4(0.0f), all4(0.0f)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) {
            size_t at = i + part * WIDTH;
            float32x4_t g = vmulq_f32(lanes_load(dy, at, n), lanes_load(w, at, n));
            s[part] = vaddq_f32(s[part], vmulq_f32(g, lanes_load(x, at, n)));
        }
    return lanes_sum(s);
}

static void rmsnorm_dx(float *dx, const float *dy, const float *w, const float *x, float rstd, float k, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        float32x4_t g = vmulq_f32(lanes_load(dy, i, n), lanes_load(w, i, n));
        float32x4_t inner = vsubq_f32(g, vmulq_f32(lanes_load(x, i, n), all4(k)));
        lanes_store(dx, i, n, vaddq_f32(lanes_load(dx, i, n), vmulq_f32(all4(rstd), inner)));
    }
}

static void rmsnorm_dw(float *dw, const float *dy, const float *x, float rstd, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        float32x4_t normed = vmulq_f32(lanes_load(x, i, n), all4(rstd));
        lanes_store(dw, i, n, fma4(lanes_load(dy, i, n), normed, lanes_load(dw, i, n)));
    }
}

static inline float32x4_t sigmoid4(float32x4_t g) { return vdivq_f32(all4(1.0f), vaddq_f32(all4(1.0f), exp4(vnegq_f32(g)))); }

static void swiglu_row(float *y, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        float32x4_t gate = lanes_load(g, i, n);
        lanes_store(y, i, n, vmulq_f32(vmulq_f32(gate, sigmoid4(gate)), lanes_load(u, i, n)));
    }
}

static void swiglu_grad_row(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        float32x4_t gate = lanes_load(g, i, n), s = sigmoid4(gate), d = lanes_load(dy, i, n);
        float32x4_t dsilu = vmulq_f32(s, fma4(gate, vsubq_f32(all4(1.0f), s), all4(1.0f)));
        float32x4_t to_gate = vmulq_f32(vmulq_f32(d, lanes_load(u, i, n)), dsilu);
        float32x4_t to_up = vmulq_f32(d, vmulq_f32(gate, s));
        lanes_store(dg, i, n, vaddq_f32(lanes_load(dg, i, n), to_gate));
        lanes_store(du, i, n, vaddq_f32(lanes_load(du, i, n), to_up));
    }
}

static void rope_row(float *y, const float *x, const float *cosine, const float *sine, float sign, size_t half) {
    for (size_t i = 0; i < half; i += WIDTH) {
        float32x4_t a = lanes_load(x, i, half), b = lanes_load(x + half, i, half);
        float32x4_t c = lanes_load(cosine, i, half), s = vmulq_f32(all4(sign), lanes_load(sine, i, half));
        lanes_store(y, i, half, fma4(a, c, vnegq_f32(vmulq_f32(b, s))));
        lanes_store(y + half, i, half, fma4(b, c, vmulq_f32(a, s)));
    }
}

void neon_row_install(Kernels *table) {
    table->rmsnorm_row = rmsnorm_row;
    table->rmsnorm_dot = rmsnorm_dot;
    table->rmsnorm_dx = rmsnorm_dx;
    table->rmsnorm_dw = rmsnorm_dw;
    table->swiglu_row = swiglu_row;
    table->swiglu_grad_row = swiglu_grad_row;
    table->rope_row = rope_row;
}
