// Tensor: shapes, gradients, wrapping, and the two refusals: of ranks and of unequal shapes.
#include "tensor/tensor.h"

#include <signal.h>

#include "tensor/op_add.h"
#include "tests/support.h"

Suite *suite_tensor(void);

START_TEST(tensor_shapes) {
    Arena arena = arena_make("test", 0);
    const Tensor *a = tensor_new_1d(&arena, false, 7), *b = tensor_new_2d(&arena, true, 3, 5);
    const Tensor *c = tensor_new(&arena, false, 4, (int[]){2, 3, 4, 5}), *empty = tensor_new_2d(&arena, true, 0, 5);
    ck_assert_int_eq(tensor_rows(a), 1);
    ck_assert_int_eq(tensor_columns(a), 7);
    ck_assert_uint_eq(tensor_count(a), 7);
    ck_assert_int_eq(tensor_rows(b), 3);
    ck_assert_int_eq(tensor_columns(b), 5);
    ck_assert_int_eq(tensor_rows(c), 2);
    ck_assert_int_eq(tensor_columns(c), 60);
    ck_assert_uint_eq(tensor_count(c), 120);
    ck_assert_uint_eq(tensor_count(empty), 0);
    ck_assert_ptr_null(a->grad);
    for (int i = 0; i < 15; i++) ck_assert_float_eq(b->grad[i], 0.0f);
    ck_assert_ptr_eq(b->arena, &arena);
    arena_free(&arena);
}
END_TEST

START_TEST(tensor_wraps) {
    Arena arena = arena_make("test", 0);
    const float value[6] = {1, 2, 3, 4, 5, 6};
    float grad[6] = {0};
    const Tensor *t = tensor_wrap(&arena, DTYPE_F32, 2, (int[]){2, 3}, value, grad, "w");
    ck_assert_ptr_eq(tensor_f32(t), value);
    ck_assert_ptr_eq(t->grad, grad);
    ck_assert_str_eq(t->name, "w");
    arena_free(&arena);
}
END_TEST

START_TEST(tensor_refuses_rank) {
    Arena arena = arena_make("test", 0);
    tensor_new(&arena, false, 5, (int[]){1, 1, 1, 1, 1});
}
END_TEST

START_TEST(tensor_refuses_negative) {
    Arena arena = arena_make("test", 0);
    tensor_new_2d(&arena, false, 3, -1);
}
END_TEST

START_TEST(tensor_refuses_unequal_shapes) {
    Arena arena = arena_make("test", 0);
    op_add(NULL, tensor_new_2d(&arena, false, 3, 4), tensor_new_2d(&arena, false, 4, 3));
}
END_TEST

Suite *suite_tensor(void) {
    Suite *suite = suite_create("tensor");
    TCase *tc = tcase_create("tensor");
    tcase_add_test(tc, tensor_shapes);
    tcase_add_test(tc, tensor_wraps);
    tcase_add_test_raise_signal(tc, tensor_refuses_rank, SIGABRT);
    tcase_add_test_raise_signal(tc, tensor_refuses_negative, SIGABRT);
    tcase_add_test_raise_signal(tc, tensor_refuses_unequal_shapes, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
