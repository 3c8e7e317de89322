// Sweeps over the world's knobs as they stand in a demo's folder: lines by value, and whatever else the files may say.
#include <math.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tests/cli.h"
#include "tools/sweep.h"

static Arena arena;
static Error error;
static const char *folder;
static SweepList list;

static void set_up(void) {
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
    ck_ok(directory_make(path_join(&arena, folder, "retrain"), &error), error);
}
static void tear_down(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

static Status read_both(const char *predict, const char *points) {
    cli_file(&arena, folder, "predict.jsonl", predict);
    cli_file(&arena, folder, "retrain/points.jsonl", points);
    return sweep_read(&list, &arena, folder, &error);
}

#define OPTIMUM(score) "\"optimum\":[{\"beta\":1,\"score\":0.1},{\"beta\":0.5,\"score\":" score "}]"

START_TEST(lines) {
    // Values in any order; rows of no sweep, of p+ and of p- are passed over; p is the base.
    ck_ok(read_both("{\"task\":\"harmless\",\"method\":\"p\",\"score\":0.9}\n"
                    "{\"task\":\"harmless\",\"delta\":2,\"method\":\"rlcd\"," OPTIMUM(
                        "0.9") "}\n"
                               "{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"p\",\"score\":0.25,\"tone\":0}\n\n"
                               "{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"p+\",\"score\":7}\n"
                               "{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"rlcd\"," OPTIMUM(
                                   "0.75") "}\n"
                                           "{\"task\":\"outline\",\"leak\":0,\"method\":\"rlcd\",\"optimum\":[{\"beta\":2,\"score\":1}]}\n",
                    "{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"rlcd\",\"oracle\":0.5,\"low\":0.25,\"high\":1.5}\n"
                    "{\"task\":\"harmless\",\"delta\":1,\"method\":\"rlcd\",\"oracle\":0,\"low\":null}\n"),
          error);
    ck_assert_int_eq(list.count, 2);
    const Sweep *a = list.sweep[0], *b = list.sweep[1];
    ck_assert(text_equal(a->task, TEXT("harmless")) && text_equal(a->knob, TEXT("delta")) && a->beta == 0.5);
    ck_assert(text_equal(b->task, TEXT("outline")) && text_equal(b->knob, TEXT("leak")) && b->beta == 2);
    ck_assert_int_eq(a->predicted.count, 2);
    const SweepLine *rlcd = &a->predicted.line[0], *base = &a->predicted.line[1];
    ck_assert(text_equal(rlcd->name, TEXT("rlcd")) && rlcd->points == 2 && rlcd->point[0].value == 0.5 && rlcd->point[0].oracle == 0.75);
    ck_assert(rlcd->point[1].value == 2 && rlcd->point[1].oracle == 0.9 && isnan(rlcd->point[1].low));
    ck_assert(text_equal(base->name, TEXT("base")) && base->points == 1 && base->point[0].oracle == 0.25);
    ck_assert_int_eq(a->trained.count, 1);
    const SweepLine *trained = &a->trained.line[0];
    ck_assert(trained->points == 2 && trained->point[0].low == 0.25 && trained->point[0].high == 1.5 && isnan(trained->point[1].high));
    ck_assert_int_eq(b->predicted.count, 1);
    ck_assert_int_eq(b->trained.count, 0);
}
END_TEST

START_TEST(nothing_there) {
    ck_ok(sweep_read(&list, &arena, path_join(&arena, folder, "none"), &error), error);
    ck_assert_int_eq(list.count, 0);
    ck_ok(read_both("", "\n"), error);
    ck_assert_int_eq(list.count, 0);
}
END_TEST

#define HEAD "{\"task\":\"t\",\"delta\":1,\"method\":\"rlcd\""

// Whatever stands in them: one sentence with file and line.
START_TEST(hostile) {
    static const struct {
        const char *row, *part;
    } PREDICT[] = {
        {"[1]", "expected a JSON object"},
        {"{\"task\":\"t\"", "predict.jsonl:2"},
        {"\xff\xfe", "predict.jsonl:2"},
        {"{\"delta\":1,\"method\":\"rlcd\"," OPTIMUM("0.5") "}", "task"},
        {"{\"task\":\"t\",\"delta\":1," OPTIMUM("0.5") "}", "method"},
        {"{\"task\":\"\",\"delta\":1,\"method\":\"rlcd\"}", "\"task\" of 1 to 64 bytes"},
        {"{\"task\":7,\"delta\":1,\"method\":\"rlcd\"}", "task"},
        {HEAD "}", "expected \"optimum\", a list"},
        {HEAD ",\"optimum\":[]}", "expected \"optimum\", a list"},
        {HEAD ",\"optimum\":[0.5]}", "beta"},
        {HEAD ",\"optimum\":[{\"beta\":0.5}]}", "score"},
        {HEAD ",\"optimum\":[{\"beta\":0.5,\"score\":null}]}", "score"},
        {HEAD "," OPTIMUM("NaN") "}", "predict.jsonl:2"},
        {HEAD "," OPTIMUM("1e999") "}", "predict.jsonl:2"},
        {HEAD "," OPTIMUM("1e300") "}", "from 0 to 1, found 1e+300"},
        {HEAD "," OPTIMUM("-0.001") "}", "from 0 to 1"},
        {HEAD ",\"optimum\":[{\"beta\":0.25,\"score\":0.5}]}", "expected an optimum at beta 0.5, as in the rows before"},
        {HEAD ",\"leak\":1," OPTIMUM("0.5") "}", "expected one knob, found delta and leak"},
        {"{\"task\":\"t\",\"delta\":1e9,\"method\":\"rlcd\"," OPTIMUM("0.5") "}", "expected delta from -10 to 10"},
        {"{\"task\":\"t\",\"delta\":\"1\",\"method\":\"rlcd\"," OPTIMUM("0.5") "}", "delta"},
        {"{\"task\":\"t\",\"delta\":0,\"method\":\"rlcd\"," OPTIMUM("0.5") "}", "the method \"rlcd\" is there twice at 0"},
    };
    static const struct {
        const char *row, *part;
    } POINTS[] = {
        {HEAD "}", "oracle"},
        {HEAD ",\"oracle\":2}", "from 0 to 1"},
        {HEAD ",\"oracle\":0.5,\"low\":0.6,\"high\":0.7}", "around \"oracle\""},
        {HEAD ",\"oracle\":0.5,\"low\":0.4}", "around \"oracle\""},
        {HEAD ",\"oracle\":0.5,\"low\":\"x\"}", "low"},
    };
    for (size_t i = 0; i < sizeof PREDICT / sizeof *PREDICT; i++) {
        const char *rows = cli_format(&arena, "{\"task\":\"t\",\"delta\":0,\"method\":\"rlcd\"," OPTIMUM("0.5") "}\n%s\n", PREDICT[i].row);
        ck_assert_msg(read_both(rows, "") != OK, "taken: %s", PREDICT[i].row);
        ck_assert_msg(strstr(error.text, PREDICT[i].part) && strstr(error.text, "predict.jsonl:2"), "%s: %s", PREDICT[i].row, error.text);
    }
    for (size_t i = 0; i < sizeof POINTS / sizeof *POINTS; i++) {
        ck_assert_msg(read_both("", POINTS[i].row) != OK, "taken: %s", POINTS[i].row);
        ck_assert_msg(strstr(error.text, POINTS[i].part) && strstr(error.text, "points.jsonl:1"), "%s: %s", POINTS[i].row, error.text);
    }
}
END_TEST

// More than a figure can show.
START_TEST(too_many) {
    Str values = str_make(&arena), methods = str_make(&arena), tasks = str_make(&arena);
    for (int i = 0; i <= SWEEP_POINTS; i++)
        str_printf(&values, "{\"task\":\"t\",\"delta\":%d.%03d,\"method\":\"p\",\"score\":0}\n", i / 1000, i % 1000);
    for (int i = 0; i <= SWEEP_LINES; i++)
        str_printf(&methods, "{\"task\":\"t\",\"delta\":0,\"method\":\"rlaif-%d\"," OPTIMUM("0.5") "}\n", i);
    for (int i = 0; i <= SWEEP_MOST; i++) str_printf(&tasks, "{\"task\":\"t%d\",\"delta\":0,\"method\":\"p\",\"score\":0}\n", i);
    const char *const texts[] = {values.data, methods.data, tasks.data}, *const parts[] = {"256 values", "40 methods",
                                                                                           "64 tasks and knobs"};
    for (int i = 0; i < 3; i++) {
        ck_assert(read_both(texts[i], "") == ERR_DATA);
        ck_assert_msg(strstr(error.text, parts[i]) != NULL, "%s", error.text);
    }
}
END_TEST

Suite *suite_sweep(void);
Suite *suite_sweep(void) {
    Suite *suite = suite_create("sweep");
    TCase *tc = tcase_create("sweep");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, lines);
    tcase_add_test(tc, nothing_there);
    tcase_add_test(tc, hostile);
    tcase_add_test(tc, too_many);
    suite_add_tcase(suite, tc);
    return suite;
}
