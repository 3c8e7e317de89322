// op_gather: finite differences, rows used twice, rows never used, refusal of foreign rows.
#include "tensor/op_gather.h"

#include <signal.h>

#include "tests/gradcheck.h"

Suite *suite_op_gather(void);

static const int ROW[5] = {3, 0, 3, 5, 1};

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return op_gather(tape, input[0], ROW, 5);
}

START_TEST(op_gather_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 1, .input = {random_tensor(&arena, 1, 2.0f, 6, 7)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

// Row 3 receives two parts in their order, rows 2 and 4 none.
START_TEST(op_gather_values) {
    const float x[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, y_expected[10] = {6, 7, 0, 1, 6, 7, 10, 11, 2, 3};
    const float dy[10] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 9}, dx_expected[12] = {2, 3, 8, 9, 0, 0, 5, 6, 0, 0, 6, 7};
    float y[10], dx[12] = {0};
    gather_forward(y, x, ROW, 5, 2);
    check_bits("y", y, y_expected, 10);
    gather_backward(dx, dy, ROW, 5, 2);
    check_bits("dx", dx, dx_expected, 12);
    // (2^24 + 1) + 1 stays at 2^24 in fp32, (1 + 1) + 2^24 does not.
    const float far[10] = {0x1p24f, 0, 0, 0, 1}, near[10] = {1, 0, 0, 0, 0x1p24f};
    dx[6] = 0;
    gather_backward(dx, far, ROW, 5, 2);
    ck_assert_float_eq(dx[6], 0x1p24f);
    dx[6] = 1;
    gather_backward(dx, near, ROW, 5, 2);
    ck_assert_float_eq(dx[6], 0x1p24f + 2.0f);
}
END_TEST

START_TEST(op_gather_refuses_foreign_row) {
    Arena arena = arena_make("test", 0);
    const int row[] = {0, 6};
    op_gather(NULL, random_tensor(&arena, 1, 1.0f, 6, 2), row, 2);
}
END_TEST

Suite *suite_op_gather(void) {
    Suite *suite = suite_create("op_gather");
    TCase *tc = tcase_create("op_gather");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, op_gather_gradient);
    tcase_add_test(tc, op_gather_values);
    tcase_add_test_raise_signal(tc, op_gather_refuses_foreign_row, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
