// op_sub: finite differences, values, the rules of its gradient.
#include "tensor/op_sub.h"

#include "tests/gradcheck.h"

Suite *suite_op_sub(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_sub(tape, input[0], input[1]);
}

START_TEST(op_sub_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 2, .input = {random_tensor(&arena, 1, 2.0f, 3, 7), random_tensor(&arena, 2, 2.0f, 3, 7)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

// Long enough for several ranges; the same value on both sides receives both parts.
START_TEST(op_sub_values) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 3, 4.0f, 177, 331), *z = random_tensor(&arena, 4, 4.0f, 177, 331);
    const float *a = tensor_f32(x), *b = tensor_f32(z);
    const Tensor *y = op_sub(NULL, x, z);
    ck_assert_ptr_null(y->grad);
    for (size_t i = 0; i < tensor_count(y); i++) ck_assert_uint_eq(float_bits(tensor_f32(y)[i]), float_bits(a[i] - b[i]));
    Tape tape = tape_make(&arena);
    Tensor *twice = op_sub(&tape, x, x);
    for (size_t i = 0; i < tensor_count(x); i++) twice->grad[i] = 0.5f;
    tape_backward(&tape);
    for (size_t i = 0; i < tensor_count(x); i++) ck_assert_float_eq(x->grad[i], 0.0f);
    arena_free(&arena);
}
END_TEST

Suite *suite_op_sub(void) {
    Suite *suite = suite_create("op_sub");
    TCase *tc = tcase_create("op_sub");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_sub_gradient);
    tcase_add_test(tc, op_sub_values);
    suite_add_tcase(suite, tc);
    return suite;
}
