// Rows of layers, eight lanes at a time: the formulas of scalar/row.c.
#include "tensor/kernels/avx2/math.h"
#include "tensor/kernels/table.h"

static void rmsnorm_row(float *y, const float *x, const float *w, float rstd, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH)
        lanes_store(y, i, n, _mm256_mul_ps(_mm256_mul_ps(lanes_load(x, i, n), all8(rstd)), lanes_load(w, i, n)));
}

// (dy * w) * x, +0 beyond the end.
static inline __m256 triple(const float *dy, const float *w, const float *x, size_t i, size_t n) {
    return _mm256_mul_ps(_mm256_mul_ps(lanes_load(dy, i, n), lanes_load(w, i, n)), lanes_load(x, i, n));
}

static float rmsnorm_dot(const float *dy, const float *w, const float *x, size_t n) {
    __m256 low = all8(0.0f), high = low;
    for (size_t i = 0; i < n; i += LANES) {
        low = _mm256_add_ps(low, triple(dy, w, x, i, n));
        high = _mm256_add_ps(high, triple(dy, w, x, i + WIDTH, n));
    }
    return lanes_sum(low, high);
}

static void rmsnorm_dx(float *dx, const float *dy, const float *w, const float *x, float rstd, float k, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        __m256 g = _mm256_mul_ps(lanes_load(dy, i, n), lanes_load(w, i, n));
        __m256 inner = _mm256_sub_ps(g, _mm256_mul_ps(lanes_load(x, i, n), all8(k)));
        lanes_store(dx, i, n, _mm256_add_ps(lanes_load(dx, i, n), _mm256_mul_ps(all8(rstd), inner)));
    }
}

static void rmsnorm_dw(float *dw, const float *dy, const float *x, float rstd, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        __m256 normed = _mm256_mul_ps(lanes_load(x, i, n), all8(rstd));
        lanes_store(dw, i, n, fma8(lanes_load(dy, i, n), normed, lanes_load(dw, i, n)));
    }
}

static inline __m256 sigmoid8(__m256 g) {
    return _mm256_div_ps(all8(1.0f), _mm256_add_ps(all8(1.0f), exp8(negate8(g))));
}

static void swiglu_row(float *y, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        __m256 gate = lanes_load(g, i, n);
        lanes_store(y, i, n, _mm256_mul_ps(_mm256_mul_ps(gate, sigmoid8(gate)), lanes_load(u, i, n)));
    }
}

static void swiglu_grad_row(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i += WIDTH) {
        __m256 gate = lanes_load(g, i, n), s = sigmoid8(gate), d = lanes_load(dy, i, n);
        __m256 dsilu = _mm256_mul_ps(s, fma8(gate, _mm256_sub_ps(all8(1.0f), s), all8(1.0f)));
        __m256 to_gate = _mm256_mul_ps(_mm256_mul_ps(d, lanes_load(u, i, n)), dsilu);
        __m256 to_up = _mm256_mul_ps(d, _mm256_mul_ps(gate, s));
        lanes_store(dg, i, n, _mm256_add_ps(lanes_load(dg, i, n), to_gate));
        lanes_store(du, i, n, _mm256_add_ps(lanes_load(du, i, n), to_up));
    }
}

static void rope_row(float *y, const float *x, const float *cosine, const float *sine, float sign, size_t half) {
    for (size_t i = 0; i < half; i += WIDTH) {
        __m256 a = lanes_load(x, i, half), b = lanes_load(x + half, i, half);
        __m256 c = lanes_load(cosine, i, half), s = _mm256_mul_ps(all8(sign), lanes_load(sine, i, half));
        lanes_store(y, i, half, fma8(a, c, negate8(_mm256_mul_ps(b, s))));
        lanes_store(y + half, i, half, fma8(b, c, _mm256_mul_ps(a, s)));
    }
}

void avx2_row_install(Kernels *table) {
    table->rmsnorm_row = rmsnorm_row;
    table->rmsnorm_dot = rmsnorm_dot;
    table->rmsnorm_dx = rmsnorm_dx;
    table->rmsnorm_dw = rmsnorm_dw;
    table->swiglu_row = swiglu_row;
    table->swiglu_grad_row = swiglu_grad_row;
    table->rope_row = rope_row;
}
