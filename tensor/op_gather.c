// y_i = x_{row(i)};  d/dx: dx_r += sum over i with row(i) = r of dy_i.
#include "tensor/op_gather.h"

#include <string.h>

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"

void gather_forward(float *y, const float *x, const int *row, int n, int D) {
    for (int i = 0; i < n; i++) memcpy(y + (size_t)i * (size_t)D, x + (size_t)row[i] * (size_t)D, (size_t)D * sizeof(float));
}

void gather_backward(float *dx, const float *dy, const int *row, int n, int D) {
    for (int i = 0; i < n; i++) {
        float *to = dx + (size_t)row[i] * (size_t)D;
        kernels.add(to, to, dy + (size_t)i * (size_t)D, (size_t)D);
    }
}

typedef struct {
    Tensor *x, *y;
    const int *row;
} Gather;

static void backward(void *context) {
    Gather *c = context;
    gather_backward(c->x->grad, c->y->grad, c->row, tensor_rows(c->y), tensor_columns(c->y));
}

Tensor *op_gather(Tape *tape, Tensor *x, const int *row, int n) {
    REQUIRE(x->rank == 2, "gather: x of rank %d", x->rank);
    for (int i = 0; i < n; i++) REQUIRE(row[i] >= 0 && row[i] < x->dim[0], "gather: row %d of %d", row[i], x->dim[0]);
    bool record = tape_wants(tape, x, NULL);
    Tensor *y = tensor_new_2d(x->arena, record, n, x->dim[1]);
    gather_forward(tensor_f32(y), tensor_f32(x), row, n, x->dim[1]);
    if (record) {
        Gather *c = arena_alloc(tape->arena, sizeof *c);
        *c = (Gather){x, y, row};
        tape_record(tape, backward, c);
    }
    return y;
}
