// metrics.jsonl: exact bytes, order, the machine's part, non-finite values, cutting on resume.
#include <math.h>
#include <signal.h>
#include <string.h>

#include "tensor/base/metrics.h"
#include "tests/support.h"

static Arena arena;
static const char *dir;
static Error error;

static void setup(void) {
    arena = arena_make("test", 0);
    dir = temporary_make(&arena);
}
static void teardown(void) {
    temporary_remove(dir);
    arena_free(&arena);
}

static const char *log_text(void) {
    Text text;
    ck_ok(file_read(&text, &arena, path_join(&arena, dir, "metrics.jsonl"), 1 << 20, &error), error);
    return text.data;
}

START_TEST(lines_are_exact) {
    Metrics m;
    ck_ok(metrics_open(&m, &arena, dir, 0, &error), error);
    metrics_begin(&m, 20, "ppo");
    metrics_add_machine(&m, "wall_s", 1.5);
    metrics_add(&m, "objective/kl", 0.1);
    metrics_add_int(&m, "episode", 640);
    metrics_add(&m, "lr", 1e-5);
    metrics_add_machine(&m, "rss_bytes", 123456789012.0);
    ck_ok(metrics_end(&m, &error), error);
    metrics_begin(&m, 21, "ppo");
    metrics_add(&m, "loss/value_avg", (double)NAN);
    metrics_add(&m, "a", 1);
    metrics_add(&m, "b", (double)INFINITY);
    ck_ok(metrics_end(&m, &error), error);
    metrics_begin(&m, 22, "e");
    // The machine's infinity must not show in the part that is hashed.
    metrics_add_machine(&m, "tokens_per_s", (double)INFINITY);
    ck_ok(metrics_end(&m, &error), error);
    uint64_t offset = metrics_offset(&m);
    ck_ok(metrics_close(&m, &error), error);
    const char *expected = "{\"step\":20,\"phase\":\"ppo\",\"objective/kl\":0.1,\"episode\":640,\"lr\":0.00001,"
                           "\"t\":{\"wall_s\":1.5,\"rss_bytes\":123456789012}}\n"
                           "{\"step\":21,\"phase\":\"ppo\",\"loss/value_avg\":null,\"a\":1,"
                           "\"b\":null,\"nonfinite\":[\"loss/value_avg\",\"b\"]}\n"
                           "{\"step\":22,\"phase\":\"e\",\"t\":{\"tokens_per_s\":null}}\n";
    ck_assert_str_eq(log_text(), expected);
    ck_assert_uint_eq(offset, strlen(expected));
}
END_TEST

static void one_line(Metrics *m, int64_t step) {
    metrics_begin(m, step, "sft");
    metrics_add_int(m, "n", step);
    ck_ok(metrics_end(m, &error), error);
}

START_TEST(resume_cuts_to_the_checkpoint) {
    Metrics m;
    ck_ok(metrics_open(&m, &arena, dir, 0, &error), error);
    one_line(&m, 1);
    uint64_t offset = metrics_offset(&m);
    one_line(&m, 2);
    ck_ok(metrics_close(&m, &error), error);
    ck_ok(metrics_open(&m, &arena, dir, offset, &error), error);
    ck_assert_uint_eq(metrics_offset(&m), offset);
    one_line(&m, 3);
    ck_ok(metrics_close(&m, &error), error);
    ck_assert_str_eq(log_text(), "{\"step\":1,\"phase\":\"sft\",\"n\":1}\n{\"step\":3,\"phase\":\"sft\",\"n\":3}\n");
    // More than there is, and the middle of a line, are not this run's log.
    ck_assert_int_eq(metrics_open(&m, &arena, dir, 1000, &error), ERR_DATA);
    ck_assert_int_eq(metrics_open(&m, &arena, dir, offset - 3, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "metrics.jsonl"));
    // A new run starts from nothing.
    ck_ok(metrics_open(&m, &arena, dir, 0, &error), error);
    ck_ok(metrics_close(&m, &error), error);
    ck_assert_str_eq(log_text(), "");
}
END_TEST

START_TEST(sink_without_directory) {
    Metrics m;
    ck_ok(metrics_open(&m, &arena, NULL, 0, &error), error);
    ck_assert(!m.open);
    one_line(&m, 1);
    ck_assert_uint_eq(metrics_offset(&m), 0);
    ck_ok(metrics_close(&m, &error), error);
}
END_TEST

START_TEST(lines_leave_no_memory_behind) {
    Metrics m;
    ck_ok(metrics_open(&m, &arena, dir, 0, &error), error);
    size_t used = arena.used;
    for (int i = 0; i < 100; i++) one_line(&m, i);
    ck_assert_uint_eq(arena.used, used);
    ck_ok(metrics_close(&m, &error), error);
}
END_TEST

START_TEST(same_name_twice_aborts) {
    Metrics m;
    metrics_open(&m, &arena, NULL, 0, NULL);
    metrics_begin(&m, 1, "x");
    metrics_add(&m, "a", 1);
    metrics_add_machine(&m, "a", 1);
    metrics_add(&m, "a", 2);
}
END_TEST

START_TEST(too_many_fields_abort) {
    static char names[METRICS_MAX + 1][4];
    Metrics m;
    metrics_open(&m, &arena, NULL, 0, NULL);
    metrics_begin(&m, 1, "x");
    for (int i = 0; i <= METRICS_MAX; i++) {
        names[i][0] = (char)('a' + i / 10);
        names[i][1] = (char)('0' + i % 10);
        metrics_add(&m, names[i], i);
        if (i < METRICS_MAX) ck_assert_int_eq(m.fields, i + 1);
    }
}
END_TEST

START_TEST(clock_and_memory) {
    double first = clock_seconds(), second = clock_seconds();
    ck_assert(second >= first && first > 0);
    size_t before = memory_peak_bytes();
    memset(arena_alloc(&arena, (size_t)64 << 20), 1, (size_t)64 << 20);
    ck_assert_uint_ge(memory_peak_bytes(), before);
    ck_assert_uint_ge(memory_peak_bytes(), (size_t)64 << 20);
}
END_TEST

Suite *suite_metrics(void) {
    Suite *suite = suite_create("metrics");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, lines_are_exact);
    tcase_add_test(all, resume_cuts_to_the_checkpoint);
    tcase_add_test(all, sink_without_directory);
    tcase_add_test(all, lines_leave_no_memory_behind);
    tcase_add_test(all, clock_and_memory);
    suite_add_tcase(suite, all);
    TCase *aborts = tcase_create("aborts");
    tcase_add_test_raise_signal(aborts, same_name_twice_aborts, SIGABRT);
    tcase_add_test_raise_signal(aborts, too_many_fields_abort, SIGABRT);
    suite_add_tcase(suite, aborts);
    return suite;
}
