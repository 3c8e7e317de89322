// Linear layer over N rows: y = x W^T + b.
//
//   y[n,o] = (sum_i x[n,i] W[o,i]) + b[o]
//   dx[n,i] = sum_o dy[n,o] W[o,i];  dW[o,i] = sum_n dy[n,o] x[n,i];  db[o] = sum_n dy[n,o]
//
// Each sum is one chain, ascending (numerics.md, M1; in bf16 M3); the bias is added to the finished product. dW and db continue the chain
// that they hold, so a unit's gradient has the same bits whether its sequences come at once or one by one (G1).
#include "nn/linear.h"

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"

void linear_forward(float *y, const float *x, const void *w, DType type, const float *b, Precision precision, int N, int I, int O) {
    gemm_nt(GEMM_SET, precision, y, (size_t)O, x, (size_t)I, w, type, N, O, I);
    if (b == NULL) return;
    for (int n = 0; n < N; n++) {
        float *row = y + (size_t)n * (size_t)O;
        kernels.add(row, row, b, (size_t)O);
    }
}

int linear_cut(const LinearRows *rows, int row) {
    int first = 0;
    for (int i = 0; i < rows->B && rows->first[i] <= row; i++) first = rows->first[i];
    return row - (row - first) % 2;
}

void linear_weight_gradient(float *dw, const float *dy, const float *x, const LinearRows *rows, int from, int N, int I, int O) {
    int B = rows->precision == PRECISION_BF16 ? rows->B : 0;
    REQUIRE(B == 0 || rows->first[B] >= from + N, "linear: rows up to %d, the sequences have %d", from + N, rows->first[B]);
    if (B == 0) gemm_tn(GEMM_PROCEED, rows->precision, dw, (size_t)I, dy, (size_t)O, x, (size_t)I, O, I, N);
    for (int i = 0; i < B; i++) {
        int start = rows->first[i] > from ? rows->first[i] : from, end = rows->first[i + 1] < from + N ? rows->first[i + 1] : from + N;
        size_t at = (size_t)(start - from);
        if (start < end)
            gemm_tn(GEMM_PROCEED, rows->precision, dw, (size_t)I, dy + at * (size_t)O, (size_t)O, x + at * (size_t)I, (size_t)I, O, I,
                    end - start);
    }
}

void linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x, const void *w, DType type, const LinearRows *rows,
                     int N, int I, int O) {
    if (dx) gemm_nn(GEMM_ADD, rows->precision, dx, (size_t)I, dy, (size_t)O, w, type, N, I, O);
    if (dw) linear_weight_gradient(dw, dy, x, rows, 0, N, I, O);
    if (db)
        for (int n = 0; n < N; n++) kernels.add(db, db, dy + (size_t)n * (size_t)O, (size_t)O);
}

typedef struct {
    Tensor *y, *x, *w, *b;
    LinearRows rows;
} LinearContext;

static void backward(void *context) {
    const LinearContext *c = context;
    linear_backward(c->x->grad, c->w->grad, c->b ? c->b->grad : NULL, c->y->grad, tensor_f32(c->x), c->w->data, c->w->type, &c->rows,
                    tensor_rows(c->x), tensor_columns(c->x), c->w->dim[0]);
}

Tensor *linear(Tape *tape, Tensor *x, Tensor *w, Tensor *b, LinearRows rows) {
    int N = tensor_rows(x), I = tensor_columns(x), O = w->dim[0];
    REQUIRE(x->type == DTYPE_F32 && w->rank == 2 && w->dim[1] == I, "linear: x [%d,%d], W [%d,%d]", N, I, O, w->dim[1]);
    REQUIRE(b == NULL || (b->type == DTYPE_F32 && tensor_count(b) == (size_t)O), "linear: W [%d,%d], b of %zu", O, I, tensor_count(b));
    REQUIRE(w->grad == NULL || w->type == DTYPE_F32, "linear: a trained weight must be f32, found %s", dtype_info(w->type)->name);
    bool record = tape_wants(tape, x, w) || tape_wants(tape, b, NULL);
    Tensor *y = tensor_new_2d(x->arena, record, N, O);
    linear_forward(tensor_f32(y), tensor_f32(x), w->data, w->type, b ? tensor_f32(b) : NULL, rows.precision, N, I, O);
    if (record) {
        LinearContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (LinearContext){y, x, w, b, rows};
        tape_record(tape, backward, c);
    }
    return y;
}
