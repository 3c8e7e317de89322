// Errors: one sentence, one line, never longer than its place; REQUIRE aborts.
#include <signal.h>
#include <string.h>

#include "tests/support.h"

START_TEST(sentence_is_formatted) {
    Error error;
    ck_assert_int_eq(error_set(&error, ERR_FORMAT, "%s: expected %d, found %d", "a.gguf", 3, 4), ERR_FORMAT);
    ck_assert_int_eq(error.status, ERR_FORMAT);
    ck_assert_str_eq(error.text, "a.gguf: expected 3, found 4");
    ck_assert_int_eq(error_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}
END_TEST

START_TEST(controls_cannot_break_the_line) {
    Error error;
    error_set(&error, ERR_IO, "name %s", "a\nb\x1b[31mc\x7f\rd");
    ck_assert_str_eq(error.text, "name a?b?[31mc??d");
    // Bytes of UTF-8 stay.
    error_set(&error, ERR_IO, "%s", "\xc3\xa9");
    ck_assert_str_eq(error.text, "\xc3\xa9");
}
END_TEST

START_TEST(long_sentences_are_cut) {
    static char name[5000];
    Error error;
    memset(name, 'x', sizeof name - 1);
    error_set(&error, ERR_IO, "%s", name);
    ck_assert_uint_eq(strlen(error.text), ERROR_TEXT_MAX - 1);
    // A prefix keeps the line whole and within its place.
    ck_assert_int_eq(error_prefix(&error, "%s", "dir/file"), ERR_IO);
    ck_assert_uint_lt(strlen(error.text), ERROR_TEXT_MAX);
    ck_assert_int_eq(strncmp(error.text, "dir/file: xxx", 13), 0);
    ck_assert_int_eq(error_prefix(&error, "%s", name), ERR_IO);
    ck_assert_uint_lt(strlen(error.text), ERROR_TEXT_MAX);
}
END_TEST

START_TEST(prefix_keeps_the_status) {
    Error error;
    error_set(&error, ERR_DATA, "row 3 is empty");
    ck_assert_int_eq(error_prefix(&error, "%s:%d", "pairs.jsonl", 3), ERR_DATA);
    ck_assert_str_eq(error.text, "pairs.jsonl:3: row 3 is empty");
}
END_TEST

static Status passes_up(Status inner, int *reached) {
    TRY(inner);
    *reached = 1;
    return OK;
}

static Status cleans_up(Status inner, int *cleaned) {
    Status status = OK;
    TRY_DONE(inner);
    *cleaned = 10;
done:
    *cleaned += 1;
    return status;
}

START_TEST(try_leaves_at_the_failure) {
    int reached = 0, cleaned = 0;
    ck_assert_int_eq(passes_up(ERR_BUSY, &reached), ERR_BUSY);
    ck_assert_int_eq(reached, 0);
    ck_assert_int_eq(passes_up(OK, &reached), OK);
    ck_assert_int_eq(reached, 1);
    ck_assert_int_eq(cleans_up(ERR_IO, &cleaned), ERR_IO);
    ck_assert_int_eq(cleaned, 1);
    ck_assert_int_eq(cleans_up(OK, &cleaned), OK);
    ck_assert_int_eq(cleaned, 11);
}
END_TEST

START_TEST(require_aborts) { REQUIRE(1 + 1 == 3, "sum %d", 2); }
END_TEST

START_TEST(checked_sizes) {
    size_t out = 7;
    ck_assert(checked_mul(3, 5, &out) && out == 15);
    ck_assert(!checked_mul(SIZE_MAX, 2, &out) && out == 15);
    ck_assert(!checked_mul((size_t)1 << 32, (size_t)1 << 32, &out) && out == 15);
    ck_assert(checked_add(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    ck_assert(!checked_add(SIZE_MAX, 1, &out) && out == SIZE_MAX);
}
END_TEST

Suite *suite_status(void) {
    Suite *suite = suite_create("status");
    TCase *all = tcase_create("all");
    tcase_add_test(all, sentence_is_formatted);
    tcase_add_test(all, controls_cannot_break_the_line);
    tcase_add_test(all, long_sentences_are_cut);
    tcase_add_test(all, prefix_keeps_the_status);
    tcase_add_test(all, try_leaves_at_the_failure);
    tcase_add_test_raise_signal(all, require_aborts, SIGABRT);
    tcase_add_test(all, checked_sizes);
    suite_add_tcase(suite, all);
    return suite;
}
