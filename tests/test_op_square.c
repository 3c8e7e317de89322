// op_square: finite differences, values, the rules of its gradient.
#include "tensor/op_square.h"

#include "tests/gradcheck.h"

Suite *suite_op_square(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_square(tape, input[0]);
}

START_TEST(op_square_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 1, .input = {random_tensor(&arena, 1, 2.0f, 5, 7)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(op_square_values) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 3, 4.0f, 7, 31);
    Tape tape = tape_make(&arena);
    const Tensor *y = op_square(&tape, x);
    for (size_t i = 0; i < tensor_count(y); i++) {
        float v = tensor_f32(x)[i];
        ck_assert_uint_eq(float_bits(tensor_f32(y)[i]), float_bits(v * v));
        y->grad[i] = 3.0f;
    }
    tape_backward(&tape);
    for (size_t i = 0; i < tensor_count(y); i++) ck_assert_uint_eq(float_bits(x->grad[i]), float_bits(3.0f * (2.0f * tensor_f32(x)[i])));
    arena_free(&arena);
}
END_TEST

Suite *suite_op_square(void) {
    Suite *suite = suite_create("op_square");
    TCase *tc = tcase_create("op_square");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_square_gradient);
    tcase_add_test(tc, op_square_values);
    suite_add_tcase(suite, tc);
    return suite;
}
