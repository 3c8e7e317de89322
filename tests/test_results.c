// Estimates of the table against numbers worked out by hand, and the table's shape.
#include <math.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tests/matrix_files.h"
#include "tools/results.h"

static void check(const Estimate *e, double mean, double low, double high) {
    ck_assert(e->seeds > 0 && e->ranged);
    ck_assert_double_eq_tol(e->mean, mean, 1e-12);
    ck_assert_double_eq_tol(e->interval.low, low, 1e-3);
    ck_assert_double_eq_tol(e->interval.high, high, 1e-3);
}

// P(T <= t) by Simpson's rule over the density, whose constant is found the same way over a very wide range.
static double student_cdf(double t, int degrees) {
    double sum[2] = {0, 0}, end[2] = {t, 4000};
    for (int part = 0; part < 2; part++) {
        // x = tan(a) makes the range finite and the tails cheap.
        int n = 200000;
        double high = atan(end[part]), h = high / n;
        for (int i = 0; i <= n; i++) {
            double x = tan(i * h), density = pow(1 + x * x / degrees, -(degrees + 1) / 2.0) * (1 + x * x);
            sum[part] += density * (i == 0 || i == n ? 1 : i % 2 ? 4 : 2) * h / 3;
        }
    }
    return 0.5 + 0.5 * sum[0] / sum[1];
}

START_TEST(student_quantiles) {
    static const int DEGREES[] = {1, 2, 3, 4, 5, 9, 19, 20, 21, 30, 100, 1000};
    for (size_t i = 0; i < sizeof DEGREES / sizeof *DEGREES; i++) {
        double tolerance = DEGREES[i] == 1 ? 2e-4 : 3e-5;
        ck_assert_msg(fabs(student_cdf(results_student(DEGREES[i]), DEGREES[i]) - 0.975) < tolerance, "%d degrees: %g", DEGREES[i],
                      results_student(DEGREES[i]));
    }
    double values[] = {1, NAN, 3, 2};
    Estimate e = results_over_seeds(values, 4);
    ck_assert(e.seeds == 3 && e.ranged);
    check(&e, 2, 2 - 4.3027 / sqrt(3), 2 + 4.3027 / sqrt(3));
    e = results_over_seeds(values, 2);
    ck_assert(e.seeds == 1 && !e.ranged && e.mean == 1);
    ck_assert_int_eq(results_over_seeds(values + 1, 1).seeds, 0);
}
END_TEST

START_TEST(one_seed) {
    ResultsList list;
    const char *dirs[] = {matrix_small(&arena, folder, "a", 1)};
    ck_ok(results_read(&list, &arena, dirs, 1, 0, &error), error);
    ck_assert_int_eq(list.count, 1);
    const Results *r = &list.task[0];
    ck_assert(r->seeds == 1 && r->methods == 3 && r->rlcd == 1 && r->prompts == 4);
    const Estimate *base = r->method[0].value, *rlcd = r->method[1].value, *rlaif = r->method[2].value;

    // .25 .5 0 .25: mean .25, deviation sqrt(1/24), error sqrt(1/96).
    check(&base[RESULT_ORACLE], 0.25, 0.25 - 1.96 * sqrt(1 / 96.0), 0.25 + 1.96 * sqrt(1 / 96.0));
    // Against the base: win, tie, win, win; against rlaif on prompts 0..2: win, tie, loss.
    check(&base[RESULT_WINS], 0.875, 0.875 - 1.96 * 0.125, 1);
    check(&rlaif[RESULT_WINS], 0.5, 0, 1);
    check(&rlaif[RESULT_LEAD], 0.25 / 3, 0.25 / 3 - 1.96 * sqrt(0.145833333 / 3), 0.25 / 3 + 1.96 * sqrt(0.145833333 / 3));
    ck_assert_int_eq(rlcd[RESULT_WINS].seeds, 0);
    // Shares have Wilson's interval.
    check(&rlcd[RESULT_ACCURACY], 0.75, measure_wilson(150, 200, MEASURE_Z95).low, measure_wilson(150, 200, MEASURE_Z95).high);
    check(&rlcd[RESULT_OWN], 0.8, measure_wilson(80, 100, MEASURE_Z95).low, measure_wilson(80, 100, MEASURE_Z95).high);
    check(&rlaif[RESULT_LABEL], 2 / 3.0, measure_wilson(2, 3, MEASURE_Z95).low, measure_wilson(2, 3, MEASURE_Z95).high);
    // Means over replies.
    ck_assert_double_eq_tol(rlcd[RESULT_KL].mean, 2, 1e-12);
    ck_assert_double_eq_tol(rlcd[RESULT_SCORE].mean, 2, 1e-12);
    ck_assert_double_eq_tol(rlcd[RESULT_WORDS].mean, 2, 1e-12);
    ck_assert_double_eq_tol(base[RESULT_ENDED].mean, 0.75, 1e-12);
    ck_assert_double_eq_tol(base[RESULT_TONE].mean, 0.5, 1e-12);
    ck_assert_double_eq_tol(base[RESULT_SENTENCES].mean, 1.25, 1e-12);
    ck_assert_int_eq(base[RESULT_SCORE].seeds, 0);
    // Words a b a b c d a b: 4 of 8; pairs ab ab cd ab: 2 of 4; no triples.
    ck_assert(base[RESULT_DIST1].mean == 0.5 && base[RESULT_DIST2].mean == 0.5 && base[RESULT_DIST3].mean == 0);
    // Two words have no triples: precisions 1, 1, 0.1, 0.1 for "a b", and "c d" shares nothing.
    ck_assert_double_eq_tol(base[RESULT_SELF_BLEU].mean, 0.75 * sqrt(sqrt(0.01)), 1e-12);
    // Well-formed 1/1 1/2 0/1 1/1: 3 of 5, residuals (w - .6 s) * 4 / 5 = .32 -.16 -.48 .32.
    double error_of = sqrt((0.32 * 0.32 * 2 + 0.16 * 0.16 + 0.48 * 0.48) / 3 / 4);
    check(&base[RESULT_WELL], 0.6, 0.6 - 1.96 * error_of, 0.6 + 1.96 * error_of);
}
END_TEST

START_TEST(several_seeds) {
    ResultsList list;
    const char *dirs[] = {matrix_small(&arena, folder, "a", 1), matrix_small(&arena, folder, "b", 2), matrix_small(&arena, folder, "c", 3)};
    // The second seed's base is better by a quarter on the first prompt, and the third has no rlaif.
    cli_file(&arena, dirs[1], "base/eval/oracle.jsonl",
             "{\"line\":1,\"reply\":{\"score\":0.5}}\n{\"line\":2,\"reply\":{\"score\":0.5}}\n{\"line\":3,\"reply\":{\"score\":0}}\n"
             "{\"line\":4,\"reply\":{\"score\":0.25}}\n");
    cli_file(&arena, dirs[2], "results.json",
             "{\"version\":1,\"seed\":3,\"task\":\"harmless\",\"methods\":[{\"name\":\"base\",\"kind\":\"base\",\"eval\":\"base/eval\"}]}");
    ck_ok(results_read(&list, &arena, dirs, 3, 0, &error), error);
    const Results *r = &list.task[0];
    ck_assert(r->seeds == 3 && r->methods == 3 && r->method[2].run[2] == NULL);
    const Estimate *e = &r->method[0].value[RESULT_ORACLE];
    double mean = 0.8125 / 3, half = 4.3027 * sqrt((2 * pow(0.25 - mean, 2) + pow(0.3125 - mean, 2)) / 2 / 3);
    check(e, mean, mean - half, mean + half);
    ck_assert(e->seeds == 3 && e->seed[0] == 0.25 && e->seed[1] == 0.3125 && e->seed[2] == 0.25);
    // Over the prompts of all seeds: the seeds' errors add as those of independent means.
    double variance = 2 / 96.0 + (pow(0.1875, 2) * 2 + pow(0.3125, 2) + pow(0.0625, 2)) / 3 / 4;
    ck_assert_double_eq_tol(e->prompts.high - mean, MEASURE_Z95 * sqrt(variance) / 3, 1e-12);
    ck_assert_int_eq(r->method[2].value[RESULT_ORACLE].seeds, 2);
    ck_assert_int_eq(r->method[0].value[RESULT_WINS].seeds, 2);
}
END_TEST

START_TEST(what_does_not_belong_together) {
    ResultsList list;
    const char *a = matrix_small(&arena, folder, "a", 1), *b = matrix_small(&arena, folder, "b", 1);
    const char *twice[] = {a, b};
    ck_assert_int_eq(results_read(&list, &arena, twice, 2, 0, &error), ERR_DATA);
    ck_assert_msg(strstr(error.text, "b/results.json: seed 1 of this task and model is in") != NULL, "%s", error.text);
    cli_file(&arena, b, "results.json",
             "{\"version\":1,\"seed\":2,\"task\":\"harmless\",\"methods\":[{\"name\":\"base\",\"kind\":\"cd\"}]}");
    ck_assert_int_eq(results_read(&list, &arena, twice, 2, 0, &error), ERR_DATA);
    ck_assert_msg(strstr(error.text, "to be of kind \"base\"") != NULL, "%s", error.text);
    // Another task stands apart.
    cli_file(&arena, b, "results.json",
             "{\"version\":1,\"seed\":1,\"task\":\"helpful\",\"methods\":[{\"name\":\"base\",\"kind\":\"base\"}]}");
    ck_ok(results_read(&list, &arena, twice, 2, 0, &error), error);
    ck_assert(list.count == 2 && list.task[1].seeds == 1 && list.task[1].rlcd == -1);
    // One index, two prompts.
    cli_file(&arena, a, "base/eval/replies.jsonl",
             "{\"index\":0,\"prompt\":\"other\",\"reply\":\"a\"}\n{\"index\":1,\"prompt\":\"p1\",\"reply\":\"a\"}\n"
             "{\"index\":2,\"prompt\":\"p2\",\"reply\":\"a\"}\n{\"index\":3,\"prompt\":\"p3\",\"reply\":\"a\"}\n");
    ck_assert_int_eq(results_read(&list, &arena, twice, 2, 0, &error), ERR_DATA);
    ck_assert_msg(strstr(error.text, "expected the prompt of index 0 to be that of") != NULL, "%s", error.text);
}
END_TEST

// The widest line in columns.
static int widest(Text text) {
    int column = 0, most = 0;
    for (size_t i = 0; i < text.size; i++) {
        column = text.data[i] == '\n' ? 0 : column + (((unsigned char)text.data[i] & 0xc0) != 0x80);
        if (column > most) most = column;
    }
    return most;
}

START_TEST(the_table) {
    ResultsList list;
    const char *dirs[] = {matrix_small(&arena, folder, "a", 1)};
    ck_ok(results_read(&list, &arena, dirs, 1, 0, &error), error);
    Str s = str_make(&arena);
    results_table(&s, &list, 140);
    static const char EXPECTED[] =
        "harmless: 4 held-out prompts, 1 seed; +- is the 95 % interval over prompts\n"
        "method               oracle  RLCD wins %  accuracy %    labels %           KL  score  words  sent.   tone  well %  Dist-1    -2   "
        " -3\n"
        "base          0.250 +-0.200  87.5 +-24.5           -           -            -      -    2.0   1.25   0.50    60.0  0.500 0.500 "
        "0.000\n";
    ck_assert_msg(strncmp(s.data, EXPECTED, strlen(EXPECTED)) == 0, "\n%s\n%s", s.data, EXPECTED);
    for (int columns = 80; columns <= 140; columns += 15) {
        s = str_make(&arena);
        results_table(&s, &list, columns);
        ck_assert_int_le(widest(str_text(&s)), columns);
        ck_assert(strstr(s.data, "Dist-1") != NULL && strstr(s.data, "oracle") != NULL);
    }
}
END_TEST

// Without an oracle its columns are not there; a hostile name keeps its line.
START_TEST(the_table_of_little) {
    ResultsList list;
    cli_file(
        &arena, folder, "results.json",
        "{\"version\":1,\"seed\":0,\"task\":\"t\\u001b[31m\",\"methods\":[{\"name\":\"b\\nad\\u00e9\",\"kind\":\"base\",\"eval\":\"e\"}]}");
    const char *path = path_join(&arena, folder, "e");
    ck_ok(directory_make(path, &error), error);
    cli_file(&arena, path, "replies.jsonl", "{\"index\":0,\"prompt\":\"p\",\"reply\":\"one two\",\"kl\":-0.001}\n");
    ck_ok(results_read(&list, &arena, &folder, 1, 0, &error), error);
    Str s = str_make(&arena);
    results_table(&s, &list, 100);
    ck_assert_str_eq(s.data,
                     "t?[31m: 1 held-out prompts, 1 seed; +- is the 95 % interval over prompts\n"
                     "method                 KL  words  Dist-1    -2    -3\n"
                     "b?ad\xc3\xa9                0.00    2.0  1.000 1.000 0.000\n");
}
END_TEST

Suite *suite_results(void);
Suite *suite_results(void) {
    Suite *suite = suite_create("results");
    TCase *tc = tcase_create("results");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, student_quantiles);
    tcase_add_test(tc, one_seed);
    tcase_add_test(tc, several_seeds);
    tcase_add_test(tc, what_does_not_belong_together);
    tcase_add_test(tc, the_table);
    tcase_add_test(tc, the_table_of_little);
    suite_add_tcase(suite, tc);
    return suite;
}
