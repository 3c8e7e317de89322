// Exponential: y = exp(x).  dy/dx = y.
#include "tensor/op_exp.h"

#include "tensor/kernels/kernels.h"
#include "tensor/op_result.h"
#include "tensor/spread.h"

void op_exp_forward(float *y, const float *x, size_t n) {
    spread_unary(kernels.exp, y, x, n);
}

void op_exp_backward(float *dx, const float *dy, const float *y, size_t n) {
    spread_binary(kernels.add_product, dx, dy, y, n);
}

typedef struct {
    Tensor *y, *x;
} ExpContext;

static void backward(void *context) {
    const ExpContext *c = context;
    op_exp_backward(c->x->grad, c->y->grad, tensor_f32(c->y), tensor_count(c->y));
}

Tensor *op_exp(Tape *tape, Tensor *x) {
    Tensor *y = op_result(tape, "op_exp", x, NULL);
    op_exp_forward(tensor_f32(y), tensor_f32(x), tensor_count(y));
    if (y->grad) {
        ExpContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (ExpContext){y, x};
        tape_record(tape, backward, c);
    }
    return y;
}
