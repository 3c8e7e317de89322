// Larger of two tensors, element by element: y = max(a, b), a NaN of either side kept.
// dy/da = 1 where a is taken, else 0; at a tie a is taken: the subgradient goes to the first alone.
#include "tensor/op_max.h"

#include "tensor/op_result.h"

// a is taken when it is larger, equal or NaN.
static inline bool takes_first(float a, float b) { return a >= b || a != a; }

void op_max_forward(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = takes_first(a[i], b[i]) ? a[i] : b[i];
}

void op_max_backward(float *da, float *db, const float *dy, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (da && takes_first(a[i], b[i])) da[i] += dy[i];
        if (db && !takes_first(a[i], b[i])) db[i] += dy[i];
    }
}

typedef struct {
    Tensor *y, *a, *b;
} MaxContext;

static void backward(void *context) {
    const MaxContext *c = context;
    op_max_backward(c->a->grad, c->b->grad, c->y->grad, tensor_f32(c->a), tensor_f32(c->b), tensor_count(c->y));
}

Tensor *op_max(Tape *tape, Tensor *a, Tensor *b) {
    Tensor *y = op_result(tape, "op_max", a, b);
    op_max_forward(tensor_f32(y), tensor_f32(a), tensor_f32(b), tensor_count(y));
    if (y->grad) {
        MaxContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (MaxContext){y, a, b};
        tape_record(tape, backward, c);
    }
    return y;
}
