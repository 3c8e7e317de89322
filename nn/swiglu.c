// SwiGLU (Shazeer, 2020, arXiv 2002.05202): y = silu(g) u, silu(g) = g s, s = 1 / (1 + exp(-g)).
//
//   ds/dg = s (1 - s), so silu'(g) = s + g s (1 - s) = s (1 + g (1 - s))
//   dg = dy u silu'(g);  du = dy silu(g)
#include "nn/swiglu.h"

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_result.h"
#include "tensor/spread.h"

enum { SWIGLU_COST = 8 };  // one exp and one division weigh about eight additions

typedef struct {
    float *y, *dg, *du;
    const float *dy, *g, *u;
} Gate;

static void forward_range(void *context, size_t first, size_t last, int thread) {
    const Gate *c = context;
    (void)thread;
    kernels.swiglu_row(c->y + first, c->g + first, c->u + first, last - first);
}

void swiglu_forward(float *y, const float *g, const float *u, int N, int F) {
    spread((size_t)N * (size_t)F, SWIGLU_COST, forward_range, &(Gate){.y = y, .g = g, .u = u});
}

static void backward_range(void *context, size_t first, size_t last, int thread) {
    const Gate *c = context;
    (void)thread;
    kernels.swiglu_grad_row(c->dg + first, c->du + first, c->dy + first, c->g + first, c->u + first, last - first);
}

void swiglu_backward(float *dg, float *du, const float *dy, const float *g, const float *u, int N, int F) {
    REQUIRE((dg == NULL) == (du == NULL), "swiglu: one gradient is wanted without the other");
    if (dg) spread((size_t)N * (size_t)F, SWIGLU_COST, backward_range, &(Gate){.dg = dg, .du = du, .dy = dy, .g = g, .u = u});
}

typedef struct {
    Tensor *y, *g, *u;
} SwigluContext;

static void backward(void *context) {
    const SwigluContext *c = context;
    swiglu_backward(c->g->grad, c->u->grad, c->y->grad, tensor_f32(c->g), tensor_f32(c->u), tensor_rows(c->g), tensor_columns(c->g));
}

Tensor *swiglu(Tape *tape, Tensor *g, Tensor *u) {
    Tensor *y = op_result(tape, "swiglu", g, u);
    swiglu_forward(tensor_f32(y), tensor_f32(g), tensor_f32(u), tensor_rows(g), tensor_columns(g));
    if (y->grad) {
        SwigluContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (SwigluContext){y, g, u};
        tape_record(tape, backward, c);
    }
    return y;
}
