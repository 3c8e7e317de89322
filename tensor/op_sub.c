// Difference of two tensors: y = a - b.  dy/da = 1, dy/db = -1.
#include "tensor/op_sub.h"

#include "tensor/kernels/kernels.h"
#include "tensor/op_result.h"
#include "tensor/spread.h"

void op_sub_forward(float *y, const float *a, const float *b, size_t n) {
    spread_binary(kernels.sub, y, a, b, n);
}

void op_sub_backward(float *da, float *db, const float *dy, size_t n) {
    if (da) spread_binary(kernels.add, da, da, dy, n);
    if (db) spread_binary(kernels.sub, db, db, dy, n);
}

typedef struct {
    Tensor *y, *a, *b;
} SubContext;

static void backward(void *context) {
    const SubContext *c = context;
    op_sub_backward(c->a->grad, c->b->grad, c->y->grad, tensor_count(c->y));
}

Tensor *op_sub(Tape *tape, Tensor *a, Tensor *b) {
    Tensor *y = op_result(tape, "op_sub", a, b);
    op_sub_forward(tensor_f32(y), tensor_f32(a), tensor_f32(b), tensor_count(y));
    if (y->grad) {
        SubContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (SubContext){y, a, b};
        tape_record(tape, backward, c);
    }
    return y;
}
