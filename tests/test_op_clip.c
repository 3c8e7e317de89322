// op_clip: finite differences, values, the rules of its gradient.
#include "tensor/op_clip.h"

#include <math.h>

#include "tests/gradcheck.h"

Suite *suite_op_clip(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_clip(tape, input[0], -0.5f, 0.75f);
}

START_TEST(op_clip_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 1, .input = {random_tensor(&arena, 1, 2.0f, 5, 7)}};
    // Away from the bounds by more than a difference reaches (1/16).
    for (int i = 0; i < 35; i++) {
        float *x = &tensor_f32(check.input[0])[i];
        if (*x > -0.6f && *x < -0.4f) *x = 0.25f;
        if (*x > 0.65f && *x < 0.85f) *x = 1.5f;
    }
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

// The gradient passes inside the interval and at both bounds, and nowhere else; a NaN stays one.
START_TEST(op_clip_bounds) {
    Arena arena = arena_make("test", 0);
    Tensor *x = tensor_new_1d(&arena, true, 7);
    const float in[] = {-2.0f, -0.5f, 0.1f, 0.75f, 0.7500001f, INFINITY, NAN};
    for (int i = 0; i < 7; i++) tensor_f32(x)[i] = in[i];
    Tape tape = tape_make(&arena);
    Tensor *y = op_clip(&tape, x, -0.5f, 0.75f);
    for (int i = 0; i < 7; i++) y->grad[i] = 2;
    tape_backward(&tape);
    const float value[] = {-0.5f, -0.5f, 0.1f, 0.75f, 0.75f, 0.75f, NAN}, dx[] = {0, 2, 2, 2, 0, 0, 0};
    check_bits("y", tensor_f32(y), value, 7);
    check_bits("dx", x->grad, dx, 7);
    arena_free(&arena);
}
END_TEST

Suite *suite_op_clip(void) {
    Suite *suite = suite_create("op_clip");
    TCase *tc = tcase_create("op_clip");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_clip_gradient);
    tcase_add_test(tc, op_clip_bounds);
    suite_add_tcase(suite, tc);
    return suite;
}
