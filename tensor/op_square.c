// Square: y = x * x.  dy/dx = 2 x.
#include "tensor/op_square.h"

#include "tensor/kernels/kernels.h"
#include "tensor/op_result.h"
#include "tensor/spread.h"

void op_square_forward(float *y, const float *x, size_t n) {
    spread_binary(kernels.mul, y, x, x, n);
}

void op_square_backward(float *dx, const float *dy, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) dx[i] = dx[i] + dy[i] * (x[i] + x[i]);
}

typedef struct {
    Tensor *y, *x;
} SquareContext;

static void backward(void *context) {
    const SquareContext *c = context;
    op_square_backward(c->x->grad, c->y->grad, tensor_f32(c->x), tensor_count(c->y));
}

Tensor *op_square(Tape *tape, Tensor *x) {
    Tensor *y = op_result(tape, "op_square", x, NULL);
    op_square_forward(tensor_f32(y), tensor_f32(x), tensor_count(y));
    if (y->grad) {
        SquareContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (SquareContext){y, x};
        tape_record(tape, backward, c);
    }
    return y;
}
