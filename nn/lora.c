// Low-rank adapter: y = (x W^T) + s * ((x A^T) B^T).
//
//   t = x A^T;  u = t B^T;  y = base + s * u
//   du = s * dy;  dB = du^T t;  dt = du B;  dA = dt^T x;  dx = (base's part) + dt A
//
// Weight gradients continue the chain that they hold (numerics.md, G1).
#include "nn/lora.h"

#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tensor/spread.h"

void lora_forward(float *y, float *t, const float *x, const float *a, const float *b, float scale, Precision precision, int N, int I, int R,
                  int O) {
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    size_t count = (size_t)N * (size_t)O;
    float *u = arena_alloc(scratch, count * sizeof(float));
    gemm_nt(GEMM_SET, precision, t, (size_t)R, x, (size_t)I, a, DTYPE_F32, N, R, I);
    gemm_nt(GEMM_SET, precision, u, (size_t)O, t, (size_t)R, b, DTYPE_F32, N, O, R);
    spread_scaled(kernels.add_scaled, y, u, scale, count);
    arena_release(scratch, mark);
}

void lora_backward(float *dx, float *da, float *db, const float *dy, const float *x, const float *t, const float *a, const float *b,
                   float scale, const LinearRows *rows, int N, int I, int R, int O) {
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    size_t count = (size_t)N * (size_t)O;
    float *du = arena_alloc(scratch, count * sizeof(float));
    spread_scaled(kernels.scale, du, dy, scale, count);
    if (db) linear_weight_gradient(db, du, t, rows, 0, N, R, O);
    if (da || dx) {
        float *dt = arena_alloc(scratch, (size_t)N * (size_t)R * sizeof(float));
        gemm_nn(GEMM_SET, rows->precision, dt, (size_t)R, du, (size_t)O, b, DTYPE_F32, N, R, O);
        if (da) linear_weight_gradient(da, dt, x, rows, 0, N, I, R);
        if (dx) gemm_nn(GEMM_ADD, rows->precision, dx, (size_t)I, dt, (size_t)R, a, DTYPE_F32, N, I, R);
    }
    arena_release(scratch, mark);
}

typedef struct {
    Tensor *y, *x, *w;
    Lora lora;
    float *t;
    LinearRows rows;
} LoraContext;

static void backward(void *context) {
    const LoraContext *c = context;
    const Lora *l = &c->lora;
    int N = tensor_rows(c->x), I = tensor_columns(c->x), O = c->w->dim[0];
    linear_backward(c->x->grad, c->w->grad, NULL, c->y->grad, tensor_f32(c->x), c->w->data, c->w->type, &c->rows, N, I, O);
    lora_backward(c->x->grad, l->a->grad, l->b->grad, c->y->grad, tensor_f32(c->x), c->t, tensor_f32(l->a), tensor_f32(l->b), l->scale,
                  &c->rows, N, I, l->a->dim[0], O);
}

Tensor *lora_linear(Tape *tape, Tensor *x, Tensor *w, const Lora *lora, LinearRows rows) {
    if (lora == NULL) return linear(tape, x, w, NULL, rows);
    int N = tensor_rows(x), I = tensor_columns(x), O = w->dim[0], R = lora->a->dim[0];
    REQUIRE(x->type == DTYPE_F32 && w->rank == 2 && w->dim[1] == I, "lora: x [%d,%d], W [%d,%d]", N, I, O, w->dim[1]);
    REQUIRE(lora->a->rank == 2 && lora->b->rank == 2 && lora->a->dim[1] == I && lora->b->dim[0] == O && lora->b->dim[1] == R,
            "lora: W [%d,%d], A [%d,%d], B [%d,%d]", O, I, R, lora->a->dim[1], lora->b->dim[0], lora->b->dim[1]);
    REQUIRE(lora->a->type == DTYPE_F32 && lora->b->type == DTYPE_F32, "lora: A and B must be f32");
    REQUIRE(w->grad == NULL || w->type == DTYPE_F32, "lora: a trained weight must be f32, found %s", dtype_info(w->type)->name);

    // The base's product, then the adapter's; t = x A^T stays only for backward.
    bool record = tape_wants(tape, x, w) || tape_wants(tape, lora->a, lora->b);
    Tensor *y = tensor_new_2d(x->arena, record, N, O);
    linear_forward(tensor_f32(y), tensor_f32(x), w->data, w->type, NULL, rows.precision, N, I, O);
    Arena *place = record ? tape->arena : pool_scratch(0);
    ArenaMark mark = arena_mark(place);
    float *t = arena_alloc(place, (size_t)N * (size_t)R * sizeof(float));
    lora_forward(tensor_f32(y), t, tensor_f32(x), tensor_f32(lora->a), tensor_f32(lora->b), lora->scale, rows.precision, N, I, R, O);
    if (!record) {
        arena_release(place, mark);
        return y;
    }
    LoraContext *c = arena_alloc(tape->arena, sizeof *c);
    *c = (LoraContext){y, x, w, *lora, t, rows};
    tape_record(tape, backward, c);
    return y;
}
