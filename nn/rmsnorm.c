// RMSNorm (Zhang and Sennrich, 2019, arXiv 1910.07467), per row of D numbers:
//
//   r = 1 / sqrt(mean(x^2) + eps);  y_j = (x_j r) w_j
//   dr/dx_i = -r^3 x_i / D, so with g_j = dy_j w_j:
//   dx_i = r g_i + (sum_j g_j x_j) dr/dx_i = r (g_i - x_i k),  k = r^2 mean(g x)
//   dw_j = sum over rows of dy_j (x_j r), one chain, rows ascending
#include "nn/rmsnorm.h"

#include <math.h>

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tensor/spread.h"

typedef struct {
    float *y, *rstd, *dx, *dw;
    const float *dy, *x, *w;
    size_t N, D;
    float eps;
} Norm;

static void forward_rows(void *context, size_t first, size_t last, int thread) {
    const Norm *c = context;
    (void)thread;
    for (size_t n = first; n < last; n++) {
        const float *x = c->x + n * c->D;
        float mean = kernels.dot_lanes(x, x, c->D) / (float)c->D;
        c->rstd[n] = 1.0f / sqrtf(mean + c->eps);
        kernels.rmsnorm_row(c->y + n * c->D, x, c->w, c->rstd[n], c->D);
    }
}

void rmsnorm_forward(float *y, float *rstd, const float *x, const float *w, int N, int D, float eps) {
    Norm c = {.y = y, .rstd = rstd, .x = x, .w = w, .N = (size_t)N, .D = (size_t)D, .eps = eps};
    spread(c.N, 2 * c.D, forward_rows, &c);
}

static void backward_rows(void *context, size_t first, size_t last, int thread) {
    const Norm *c = context;
    (void)thread;
    for (size_t n = first; n < last; n++) {
        const float *x = c->x + n * c->D, *dy = c->dy + n * c->D;
        float r = c->rstd[n], mean = kernels.rmsnorm_dot(dy, c->w, x, c->D) / (float)c->D;
        kernels.rmsnorm_dx(c->dx + n * c->D, dy, c->w, x, r, (r * r) * mean, c->D);
    }
}

// Columns are shared out, so that each column's chain stays whole; in strips, because a part of a vector is slow to load again.
enum { STRIP = 64 };

static void backward_strips(void *context, size_t first, size_t last, int thread) {
    const Norm *c = context;
    size_t begin = first * STRIP, end = last * STRIP < c->D ? last * STRIP : c->D;
    (void)thread;
    for (size_t n = 0; n < c->N; n++)
        kernels.rmsnorm_dw(c->dw + begin, c->dy + n * c->D + begin, c->x + n * c->D + begin, c->rstd[n], end - begin);
}

void rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, const float *rstd, int N, int D) {
    Norm c = {.dx = dx, .dw = dw, .dy = dy, .x = x, .w = w, .rstd = (float *)rstd, .N = (size_t)N, .D = (size_t)D};
    if (dx) spread(c.N, 2 * c.D, backward_rows, &c);
    if (dw) spread((c.D + STRIP - 1) / STRIP, 2 * c.N * STRIP, backward_strips, &c);
}

typedef struct {
    Tensor *y, *x, *w;
    float *rstd;
} RmsnormContext;

static void backward(void *context) {
    const RmsnormContext *c = context;
    rmsnorm_backward(c->x->grad, c->w->grad, c->y->grad, tensor_f32(c->x), tensor_f32(c->w), c->rstd, tensor_rows(c->x),
                     tensor_columns(c->x));
}

Tensor *rmsnorm(Tape *tape, Tensor *x, Tensor *w, float eps) {
    int N = tensor_rows(x), D = tensor_columns(x);
    REQUIRE(x->type == DTYPE_F32 && w->type == DTYPE_F32 && tensor_count(w) == (size_t)D, "rmsnorm: x [%d,%d], w of %zu", N, D,
            tensor_count(w));
    Tensor *y = tensor_new(x->arena, tape_wants(tape, x, w), x->rank, x->dim);
    float *rstd = arena_alloc(x->arena, (size_t)N * sizeof(float));
    rmsnorm_forward(tensor_f32(y), rstd, tensor_f32(x), tensor_f32(w), N, D, eps);
    if (y->grad) {
        RmsnormContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (RmsnormContext){y, x, w, rstd};
        tape_record(tape, backward, c);
    }
    return y;
}
