// Linear layer over N rows: y = x W^T + b.
//
//   y[n,o] = (sum_i x[n,i] W[o,i]) + b[o]
//   dx[n,i] = sum_o dy[n,o] W[o,i];  dW[o,i] = sum_n dy[n,o] x[n,i];  db[o] = sum_n dy[n,o]
//
// Each sum is one chain, ascending (numerics.md, M1); the bias is added to the finished product. dW and db continue the chain
// that they hold, so a unit's gradient has the same bits whether its sequences come at once or one by one (G1).
#include "nn/linear.h"

#include "tensor/base/status.h"
#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"

void linear_forward(float *y, const float *x, const void *w, DType type, const float *b, int N, int I, int O) {
    gemm_nt(GEMM_SET, y, (size_t)O, x, (size_t)I, w, type, N, O, I);
    if (b == NULL) return;
    for (int n = 0; n < N; n++) {
        float *row = y + (size_t)n * (size_t)O;
        kernels.add(row, row, b, (size_t)O);
    }
}

void linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x, const void *w, DType type, int N, int I, int O) {
    if (dx) gemm_nn(GEMM_ADD, dx, (size_t)I, dy, (size_t)O, w, type, N, I, O);
    if (dw) gemm_tn(GEMM_PROCEED, dw, (size_t)I, dy, (size_t)O, x, (size_t)I, O, I, N);
    if (db)
        for (int n = 0; n < N; n++) kernels.add(db, db, dy + (size_t)n * (size_t)O, (size_t)O);
}

typedef struct {
    Tensor *y, *x, *w, *b;
} LinearContext;

static void backward(void *context) {
    const LinearContext *c = context;
    linear_backward(c->x->grad, c->w->grad, c->b ? c->b->grad : NULL, c->y->grad, tensor_f32(c->x), c->w->data, c->w->type,
                    tensor_rows(c->x), tensor_columns(c->x), c->w->dim[0]);
}

Tensor *linear(Tape *tape, Tensor *x, Tensor *w, Tensor *b) {
    int N = tensor_rows(x), I = tensor_columns(x), O = w->dim[0];
    REQUIRE(x->type == DTYPE_F32 && w->rank == 2 && w->dim[1] == I, "linear: x [%d,%d], W [%d,%d]", N, I, O, w->dim[1]);
    REQUIRE(b == NULL || (b->type == DTYPE_F32 && tensor_count(b) == (size_t)O), "linear: W [%d,%d], b of %zu", O, I, tensor_count(b));
    REQUIRE(w->grad == NULL || w->type == DTYPE_F32, "linear: a trained weight must be f32, found %s", dtype_info(w->type)->name);
    bool record = tape_wants(tape, x, w) || tape_wants(tape, b, NULL);
    Tensor *y = tensor_new_2d(x->arena, record, N, O);
    linear_forward(tensor_f32(y), tensor_f32(x), w->data, w->type, b ? tensor_f32(b) : NULL, N, I, O);
    if (record) {
        LinearContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (LinearContext){y, x, w, b};
        tape_record(tape, backward, c);
    }
    return y;
}
