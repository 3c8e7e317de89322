// Clamp to an interval: y = min(max(x, lo), hi), NaN kept.  dy/dx = 1 for lo <= x <= hi, else 0.
#include "tensor/op_clip.h"

#include "tensor/base/status.h"
#include "tensor/op_result.h"

void op_clip_forward(float *y, const float *x, float lo, float hi, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
}

void op_clip_backward(float *dx, const float *dy, const float *x, float lo, float hi, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] >= lo && x[i] <= hi) dx[i] += dy[i];
}

typedef struct {
    Tensor *y, *x;
    float lo, hi;
} ClipContext;

static void backward(void *context) {
    const ClipContext *c = context;
    op_clip_backward(c->x->grad, c->y->grad, tensor_f32(c->x), c->lo, c->hi, tensor_count(c->y));
}

Tensor *op_clip(Tape *tape, Tensor *x, float lo, float hi) {
    REQUIRE(lo <= hi, "op_clip: interval [%g, %g]", (double)lo, (double)hi);
    Tensor *y = op_result(tape, "op_clip", x, NULL);
    op_clip_forward(tensor_f32(y), tensor_f32(x), lo, hi, tensor_count(y));
    if (y->grad) {
        ClipContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (ClipContext){y, x, lo, hi};
        tape_record(tape, backward, c);
    }
    return y;
}
