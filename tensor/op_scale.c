// Multiple of a tensor: y = x * s.  dy/dx = s.
#include "tensor/op_scale.h"

#include "tensor/kernels/kernels.h"
#include "tensor/op_result.h"
#include "tensor/spread.h"

void op_scale_forward(float *y, const float *x, float s, size_t n) {
    spread_scaled(kernels.scale, y, x, s, n);
}

void op_scale_backward(float *dx, const float *dy, float s, size_t n) {
    spread_scaled(kernels.add_scaled, dx, dy, s, n);
}

typedef struct {
    Tensor *y, *x;
    float s;
} ScaleContext;

static void backward(void *context) {
    const ScaleContext *c = context;
    op_scale_backward(c->x->grad, c->y->grad, c->s, tensor_count(c->y));
}

Tensor *op_scale(Tape *tape, Tensor *x, float s) {
    Tensor *y = op_result(tape, "op_scale", x, NULL);
    op_scale_forward(tensor_f32(y), tensor_f32(x), s, tensor_count(y));
    if (y->grad) {
        ScaleContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (ScaleContext){y, x, s};
        tape_record(tape, backward, c);
    }
    return y;
}
