// Rows of layers: RMS norm, SwiGLU, rotary embedding. The layers' derivations are in nn/.
#include <math.h>

#include "tensor/kernels/scalar/lanes.h"
#include "tensor/kernels/table.h"

static void rmsnorm_row(float *y, const float *x, const float *w, float rstd, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (x[i] * rstd) * w[i];
}

static float rmsnorm_dot(const float *dy, const float *w, const float *x, size_t n) {
    float s[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t j = 0; j < LANES; j++) s[j] = s[j] + (i + j < n ? (dy[i + j] * w[i + j]) * x[i + j] : 0.0f);
    return lanes_sum(s);
}

static void rmsnorm_dx(float *dx, const float *dy, const float *w, const float *x, float rstd, float k, size_t n) {
    for (size_t i = 0; i < n; i++) dx[i] = dx[i] + (rstd * (dy[i] * w[i] - x[i] * k));
}

static void rmsnorm_dw(float *dw, const float *dy, const float *x, float rstd, size_t n) {
    for (size_t i = 0; i < n; i++) dw[i] = fmaf(dy[i], x[i] * rstd, dw[i]);
}

static inline float sigmoid(float g) { return 1.0f / (1.0f + exp_f32(-g)); }

static void swiglu_row(float *y, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (g[i] * sigmoid(g[i])) * u[i];
}

static void swiglu_grad_row(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float s = sigmoid(g[i]);
        float dsilu = s * fmaf(g[i], 1.0f - s, 1.0f);
        dg[i] = dg[i] + (dy[i] * u[i]) * dsilu;
        du[i] = du[i] + dy[i] * (g[i] * s);
    }
}

static void rope_row(float *y, const float *x, const float *cosine, const float *sine, float sign, size_t half) {
    for (size_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half], c = cosine[i], s = sign * sine[i];
        y[i] = fmaf(a, c, -(b * s));
        y[i + half] = fmaf(b, c, a * s);
    }
}

void scalar_row_install(Kernels *table) {
    table->rmsnorm_row = rmsnorm_row;
    table->rmsnorm_dot = rmsnorm_dot;
    table->rmsnorm_dx = rmsnorm_dx;
    table->rmsnorm_dw = rmsnorm_dw;
    table->swiglu_row = swiglu_row;
    table->swiglu_grad_row = swiglu_grad_row;
    table->rope_row = rope_row;
}
