// op_max: finite differences, values, the rules of its gradient.
#include "tensor/op_max.h"

#include <math.h>

#include "tests/gradcheck.h"

Suite *suite_op_max(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_max(tape, input[0], input[1]);
}

START_TEST(op_max_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 2, .input = {random_tensor(&arena, 1, 2.0f, 3, 7), random_tensor(&arena, 2, 2.0f, 3, 7)}};
    // Both sides at least 0.1 apart: five points of a difference lie on one side of the kink.
    for (int i = 0; i < 21; i++)
        tensor_f32(check.input[1])[i] = tensor_f32(check.input[0])[i] + (i % 3 ? 0.1f : -0.1f) * (float)(1 + i % 5);
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

// Ties give the value and the gradient to the first; a NaN is never hidden.
START_TEST(op_max_ties) {
    Arena arena = arena_make("test", 0);
    Tensor *a = tensor_new_1d(&arena, true, 5), *b = tensor_new_1d(&arena, true, 5);
    const float left[] = {1, 2, 3, NAN, 0}, right[] = {1, 5, -3, 0, NAN};
    for (int i = 0; i < 5; i++) {
        tensor_f32(a)[i] = left[i];
        tensor_f32(b)[i] = right[i];
    }
    Tape tape = tape_make(&arena);
    Tensor *y = op_max(&tape, a, b);
    const float value[] = {1, 5, 3, NAN, NAN}, da[] = {1, 0, 1, 1, 0}, db[] = {0, 1, 0, 0, 1};
    for (int i = 0; i < 5; i++) y->grad[i] = 1;
    tape_backward(&tape);
    check_bits("y", tensor_f32(y), value, 5);
    check_bits("da", a->grad, da, 5);
    check_bits("db", b->grad, db, 5);
    arena_free(&arena);
}
END_TEST

Suite *suite_op_max(void) {
    Suite *suite = suite_create("op_max");
    TCase *tc = tcase_create("op_max");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_max_gradient);
    tcase_add_test(tc, op_max_ties);
    suite_add_tcase(suite, tc);
    return suite;
}
