// op_scale: finite differences, values, the rules of its gradient.
#include "tensor/op_scale.h"

#include "tests/gradcheck.h"

Suite *suite_op_scale(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_scale(tape, input[0], -1.75f);
}

START_TEST(op_scale_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 1, .input = {random_tensor(&arena, 1, 2.0f, 5, 7)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(op_scale_values) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 3, 4.0f, 177, 331);
    const Tensor *y = op_scale(NULL, x, 0.3f);
    for (size_t i = 0; i < tensor_count(y); i++) ck_assert_uint_eq(float_bits(tensor_f32(y)[i]), float_bits(tensor_f32(x)[i] * 0.3f));
    arena_free(&arena);
}
END_TEST

Suite *suite_op_scale(void) {
    Suite *suite = suite_create("op_scale");
    TCase *tc = tcase_create("op_scale");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_scale_gradient);
    tcase_add_test(tc, op_scale_values);
    suite_add_tcase(suite, tc);
    return suite;
}
