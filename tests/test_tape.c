// Tape: order, values used twice, growth, what is recorded.
#include "tensor/tape.h"

#include <string.h>

#include "tensor/op_add.h"
#include "tensor/op_mul.h"
#include "tests/gradcheck.h"

Suite *suite_tape(void);

typedef struct {
    int *order, *count;
    int id;
} Step;

static void note(void *context) {
    const Step *step = context;
    step->order[(*step->count)++] = step->id;
}

// From the last node to the first, also when the list of nodes has grown several times.
START_TEST(tape_order) {
    Arena arena = arena_make("test", 0);
    Tape tape = tape_make(&arena);
    enum { NODES = 2000 };
    int order[NODES], count = 0;
    for (int i = 0; i < NODES; i++) {
        Step *step = arena_alloc(&arena, sizeof *step);
        *step = (Step){order, &count, i};
        tape_record(&tape, note, step);
    }
    tape_backward(&tape);
    ck_assert_int_eq(count, NODES);
    for (int i = 0; i < NODES; i++) ck_assert_int_eq(order[i], NODES - 1 - i);
    arena_free(&arena);
}
END_TEST

// y = x * x + x: the value x is used three times and receives 2x + 1.
START_TEST(tape_shared_value) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 1, 3.0f, 2, 5);
    Tape tape = tape_make(&arena);
    Tensor *y = op_add(&tape, op_mul(&tape, x, x), x);
    for (int i = 0; i < 10; i++) y->grad[i] = 1;
    tape_backward(&tape);
    for (int i = 0; i < 10; i++) ck_assert_float_eq_tol(x->grad[i], 2 * tensor_f32(x)[i] + 1, 1e-6f);
    arena_free(&arena);
}
END_TEST

// Nothing is recorded without a tape or without a wanted gradient; an output has a gradient exactly when its op is recorded.
START_TEST(tape_records_what_is_wanted) {
    Arena arena = arena_make("test", 0);
    Tensor *frozen = tensor_new_2d(&arena, false, 2, 2), *wanted = random_tensor(&arena, 1, 1.0f, 2, 2);
    memset(frozen->data, 0, 4 * sizeof(float));
    Tape tape = tape_make(&arena);
    ck_assert_ptr_null(op_add(&tape, frozen, frozen)->grad);
    ck_assert_ptr_null(op_add(NULL, wanted, wanted)->grad);
    ck_assert_int_eq(tape.count, 0);
    ck_assert_ptr_nonnull(op_add(&tape, frozen, wanted)->grad);
    ck_assert_int_eq(tape.count, 1);
    arena_free(&arena);
}
END_TEST

Suite *suite_tape(void) {
    Suite *suite = suite_create("tape");
    TCase *tc = tcase_create("tape");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, tape_order);
    tcase_add_test(tc, tape_shared_value);
    tcase_add_test(tc, tape_records_what_is_wanted);
    suite_add_tcase(suite, tc);
    return suite;
}
