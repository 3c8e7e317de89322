// op_exp: finite differences, values, the rules of its gradient.
#include "tensor/op_exp.h"

#include "tensor/kernels/kernels.h"
#include "tests/gradcheck.h"

Suite *suite_op_exp(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_exp(tape, input[0]);
}

START_TEST(op_exp_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 1, .input = {random_tensor(&arena, 1, 2.0f, 5, 7)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

// exp(0) is 1 exactly, so that the first ratio of PPO is.
START_TEST(op_exp_values) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 3, 50.0f, 9, 31);
    tensor_f32(x)[0] = 0.0f;
    tensor_f32(x)[1] = -0.0f;
    const Tensor *y = op_exp(NULL, x);
    for (size_t i = 0; i < tensor_count(y); i++) ck_assert_uint_eq(float_bits(tensor_f32(y)[i]), float_bits(exp_f32(tensor_f32(x)[i])));
    ck_assert_uint_eq(float_bits(tensor_f32(y)[0]), float_bits(1.0f));
    ck_assert_uint_eq(float_bits(tensor_f32(y)[1]), float_bits(1.0f));
    arena_free(&arena);
}
END_TEST

Suite *suite_op_exp(void) {
    Suite *suite = suite_create("op_exp");
    TCase *tc = tcase_create("op_exp");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_exp_gradient);
    tcase_add_test(tc, op_exp_values);
    suite_add_tcase(suite, tc);
    return suite;
}
