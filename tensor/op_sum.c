// Sums over ranges: y_b = sum of x_i over i in [first_b, first_{b+1}).  d/dx: dx_i += dy_b for every i of the range.
#include "tensor/op_sum.h"

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"

void op_sum_forward(float *y, const float *x, const int *first, int B) {
    for (int b = 0; b < B; b++) y[b] = kernels.sum(x + first[b], (size_t)(first[b + 1] - first[b]));
}

void op_sum_backward(float *dx, const float *dy, const int *first, int B) {
    for (int b = 0; b < B; b++)
        for (int i = first[b]; i < first[b + 1]; i++) dx[i] = dx[i] + dy[b];
}

typedef struct {
    Tensor *y, *x;
    const int *first;
} SumContext;

static void backward(void *context) {
    const SumContext *c = context;
    op_sum_backward(c->x->grad, c->y->grad, c->first, tensor_rows(c->y));
}

Tensor *op_sum(Tape *tape, Tensor *x, const int *first, int B) {
    REQUIRE(x->type == DTYPE_F32 && first[0] >= 0 && (size_t)first[B] <= tensor_count(x), "op_sum: ranges up to %d of %zu", first[B],
            tensor_count(x));
    for (int b = 0; b < B; b++) REQUIRE(first[b] <= first[b + 1], "op_sum: range %d ends before it begins", b);
    Tensor *y = tensor_new_2d(x->arena, tape_wants(tape, x, NULL), B, 1);
    op_sum_forward(tensor_f32(y), tensor_f32(x), first, B);
    if (y->grad) {
        SumContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (SumContext){y, x, first};
        tape_record(tape, backward, c);
    }
    return y;
}
