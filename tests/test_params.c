// Params: one block in the order of adding, gradients only when trained, names, refusals.
#include "nn/params.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/support.h"

Suite *suite_params(void);

START_TEST(params_layout) {
    Arena arena = arena_make("test", 0);
    Params params = params_make(&arena);
    // More tensors than the list begins with; the name's buffer is used again.
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "layer.%d", i);
        params_add(&params, name, 2, (int[]){i + 1, 3});
    }
    params_finish(&params, true);
    ck_assert_uint_eq(params.count, 3 * 100 * 101 / 2);
    size_t at = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "layer.%d", i);
        const Tensor *t = params_find(&params, name);
        ck_assert_ptr_nonnull(t);
        ck_assert_ptr_eq(t, params.tensor[i]);
        ck_assert_ptr_eq(tensor_f32(t), params.value + at);
        ck_assert_ptr_eq(t->grad, params.grad + at);
        ck_assert_int_eq(t->dim[0], i + 1);
        at += tensor_count(t);
    }
    ck_assert_ptr_null(params_find(&params, "layer.100"));
    for (size_t i = 0; i < params.count; i++) {
        ck_assert_float_eq(params.value[i], 0.0f);
        ck_assert_float_eq(params.grad[i], 0.0f);
        params.grad[i] = 1.0f;
    }
    params_clear_grad(&params);
    for (size_t i = 0; i < params.count; i++) ck_assert_float_eq(params.grad[i], 0.0f);
    arena_free(&arena);
}
END_TEST

START_TEST(params_frozen) {
    Arena arena = arena_make("test", 0);
    Params params = params_make(&arena);
    const Tensor *t = params_add(&params, "w", 1, (int[]){5});
    params_finish(&params, false);
    ck_assert_ptr_null(params.grad);
    ck_assert_ptr_null(t->grad);
    ck_assert_ptr_nonnull(t->data);
    params_clear_grad(&params);
    arena_free(&arena);
}
END_TEST

START_TEST(params_refuses_a_name_twice) {
    Arena arena = arena_make("test", 0);
    Params params = params_make(&arena);
    params_add(&params, "w", 1, (int[]){5});
    params_add(&params, "w", 1, (int[]){6});
}
END_TEST

START_TEST(params_refuses_late_tensors) {
    Arena arena = arena_make("test", 0);
    Params params = params_make(&arena);
    params_finish(&params, true);
    params_add(&params, "w", 1, (int[]){5});
}
END_TEST

Suite *suite_params(void) {
    Suite *suite = suite_create("params");
    TCase *tc = tcase_create("params");
    tcase_add_test(tc, params_layout);
    tcase_add_test(tc, params_frozen);
    tcase_add_test_raise_signal(tc, params_refuses_a_name_twice, SIGABRT);
    tcase_add_test_raise_signal(tc, params_refuses_late_tensors, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
