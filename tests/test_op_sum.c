// op_sum: finite differences, values by the lanes' sum, empty ranges, what lies outside every range.
#include "tensor/op_sum.h"

#include "tensor/kernels/kernels.h"
#include "tests/gradcheck.h"

Suite *suite_op_sum(void);

static const int FIRST[] = {2, 2, 19, 20, 33};

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_sum(tape, input[0], FIRST, 4);
}

START_TEST(op_sum_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 1, .input = {random_tensor(&arena, 1, 2.0f, 7, 5)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(op_sum_values) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 3, 4.0f, 1, 35);
    const Tensor *y = op_sum(NULL, x, FIRST, 4);
    ck_assert(y->rank == 2 && y->dim[0] == 4 && y->dim[1] == 1);
    ck_assert_float_eq(tensor_f32(y)[0], 0);
    ck_assert_uint_eq(float_bits(tensor_f32(y)[1]), float_bits(kernels.sum(tensor_f32(x) + 2, 17)));
    ck_assert_uint_eq(float_bits(tensor_f32(y)[2]), float_bits(tensor_f32(x)[19]));
    ck_assert_uint_eq(float_bits(tensor_f32(y)[3]), float_bits(kernels.sum(tensor_f32(x) + 20, 13)));
    // The gradient is added to what is there, inside the ranges alone.
    float dx[35], dy[] = {100, 1, 2, 3};
    for (int i = 0; i < 35; i++) dx[i] = 0.5f;
    op_sum_backward(dx, dy, FIRST, 4);
    for (int i = 0; i < 35; i++) ck_assert_float_eq(dx[i], i < 2 || i >= 33 ? 0.5f : i < 19 ? 1.5f : i < 20 ? 2.5f : 3.5f);
    arena_free(&arena);
}
END_TEST

Suite *suite_op_sum(void) {
    Suite *suite = suite_create("op_sum");
    TCase *tc = tcase_create("op_sum");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_sum_gradient);
    tcase_add_test(tc, op_sum_values);
    suite_add_tcase(suite, tc);
    return suite;
}
