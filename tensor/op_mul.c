// Product of two tensors, element by element: y = a * b.  dy/da = b, dy/db = a.
#include "tensor/op_mul.h"

#include "tensor/kernels/kernels.h"
#include "tensor/op_result.h"
#include "tensor/spread.h"

void op_mul_forward(float *y, const float *a, const float *b, size_t n) {
    spread_binary(kernels.mul, y, a, b, n);
}

void op_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b, size_t n) {
    if (da) spread_binary(kernels.add_product, da, dy, b, n);
    if (db) spread_binary(kernels.add_product, db, dy, a, n);
}

typedef struct {
    Tensor *y, *a, *b;
} MulContext;

static void backward(void *context) {
    const MulContext *c = context;
    op_mul_backward(c->a->grad, c->b->grad, c->y->grad, tensor_f32(c->a), tensor_f32(c->b), tensor_count(c->y));
}

Tensor *op_mul(Tape *tape, Tensor *a, Tensor *b) {
    Tensor *y = op_result(tape, "op_mul", a, b);
    op_mul_forward(tensor_f32(y), tensor_f32(a), tensor_f32(b), tensor_count(y));
    if (y->grad) {
        MulContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (MulContext){y, a, b};
        tape_record(tape, backward, c);
    }
    return y;
}
