// op_log_sigmoid: finite differences, values, the rules of its gradient.
#include "tensor/op_log_sigmoid.h"

#include <math.h>

#include "tests/golden_file.h"
#include "tests/gradcheck.h"

Suite *suite_op_log_sigmoid(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_log_sigmoid(tape, input[0]);
}

START_TEST(op_log_sigmoid_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 1, .input = {random_tensor(&arena, 1, 6.0f, 5, 7)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(op_log_sigmoid_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    size_t n;
    Tensor *x = tensor_new_1d(&arena, true, 11);
    x->data = golden_f32(&golden, "log_sigmoid.x", &n);
    ck_assert_uint_eq(n, 11);
    Tape tape = tape_make(&arena);
    Tensor *y = op_log_sigmoid(&tape, x);
    y->grad = golden_f32(&golden, "log_sigmoid.dy", &n);
    tape_backward(&tape);
    golden_check(&golden, "log_sigmoid.y", tensor_f32(y), n);
    golden_check(&golden, "log_sigmoid.dx", x->grad, n);
    arena_free(&arena);
}
END_TEST

// The stated bound, 2^-21 relative, where the result is tiny as where it is large; zero where exp is flushed; infinities.
START_TEST(op_log_sigmoid_error) {
    for (float x = -100.0f; x <= 87.0f; x += 0.0371f) {
        float y;
        op_log_sigmoid_forward(&y, &x, 1);
        double expected = x < 0 ? (double)x - log1p(exp((double)x)) : -log1p(exp(-(double)x));
        ck_assert_msg(fabs((double)y - expected) <= 0x1p-21 * fabs(expected), "x %g: expected %.9g, found %.9g", (double)x, expected,
                      (double)y);
    }
    const float in[] = {88.0f, INFINITY, -INFINITY, NAN}, out[] = {0.0f, 0.0f, -INFINITY, NAN};
    float y[4];
    op_log_sigmoid_forward(y, in, 4);
    for (int i = 0; i < 4; i++) ck_assert(y[i] == out[i] || (y[i] != y[i] && out[i] != out[i]));
}
END_TEST

Suite *suite_op_log_sigmoid(void) {
    Suite *suite = suite_create("op_log_sigmoid");
    TCase *tc = tcase_create("op_log_sigmoid");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_log_sigmoid_gradient);
    tcase_add_test(tc, op_log_sigmoid_golden);
    tcase_add_test(tc, op_log_sigmoid_error);
    suite_add_tcase(suite, tc);
    return suite;
}
