// Sum of two tensors: y = a + b.  dy/da = 1, dy/db = 1.
#include "tensor/op_add.h"

#include "tensor/kernels/kernels.h"
#include "tensor/op_result.h"
#include "tensor/spread.h"

void op_add_forward(float *y, const float *a, const float *b, size_t n) {
    spread_binary(kernels.add, y, a, b, n);
}

void op_add_backward(float *da, float *db, const float *dy, size_t n) {
    if (da) spread_binary(kernels.add, da, da, dy, n);
    if (db) spread_binary(kernels.add, db, db, dy, n);
}

typedef struct {
    Tensor *y, *a, *b;
} AddContext;

static void backward(void *context) {
    const AddContext *c = context;
    op_add_backward(c->a->grad, c->b->grad, c->y->grad, tensor_count(c->y));
}

Tensor *op_add(Tape *tape, Tensor *a, Tensor *b) {
    Tensor *y = op_result(tape, "op_add", a, b);
    op_add_forward(tensor_f32(y), tensor_f32(a), tensor_f32(b), tensor_count(y));
    if (y->grad) {
        AddContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (AddContext){y, a, b};
        tape_record(tape, backward, c);
    }
    return y;
}
