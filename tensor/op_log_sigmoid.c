// Logarithm of the logistic function: y = log(1 / (1 + exp(-x))), written so that nothing overflows and small results keep
// their digits:
//
//   e = exp(-|x|), u = 1 + e;  log1p(e) = e if u == 1, else log(u) * (e / (u - 1));  y = min(x, 0) - log1p(e)
//   dy/dx = 1 - sigmoid(x) = sigmoid(-x) = (x >= 0 ? e : 1) / u
//
// The factor e / (u - 1) repairs the rounding of 1 + e (Kahan; see Higham, Accuracy and Stability, section 1.14.1): relative error
// below 2^-21 wherever exp(-|x|) is not flushed to zero (x <= 87.3), exactly 0 beyond.
#include "tensor/op_log_sigmoid.h"

#include "tensor/kernels/kernels.h"
#include "tensor/op_result.h"

void op_log_sigmoid_forward(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float e = exp_f32(x[i] < 0 ? x[i] : -x[i]), u = 1.0f + e;
        float tail = u == 1.0f ? e : log_f32(u) * (e / (u - 1.0f));
        y[i] = (x[i] < 0 ? x[i] : 0.0f) - tail;
    }
}

void op_log_sigmoid_backward(float *dx, const float *dy, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float e = exp_f32(x[i] < 0 ? x[i] : -x[i]), u = 1.0f + e;
        dx[i] = dx[i] + dy[i] * ((x[i] >= 0 ? e : 1.0f) / u);
    }
}

typedef struct {
    Tensor *y, *x;
} LogSigmoidContext;

static void backward(void *context) {
    const LogSigmoidContext *c = context;
    op_log_sigmoid_backward(c->x->grad, c->y->grad, tensor_f32(c->x), tensor_count(c->y));
}

Tensor *op_log_sigmoid(Tape *tape, Tensor *x) {
    Tensor *y = op_result(tape, "op_log_sigmoid", x, NULL);
    op_log_sigmoid_forward(tensor_f32(y), tensor_f32(x), tensor_count(y));
    if (y->grad) {
        LogSigmoidContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (LogSigmoidContext){y, x};
        tape_record(tape, backward, c);
    }
    return y;
}
