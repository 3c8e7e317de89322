// Statistics of judgements against statsmodels, numpy and nltk (tests/golden/make_stats.py), against published constants, and at the edges.
#include "tools/stats.h"

#include <math.h>
#include <stdlib.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/support.h"
#include "tools/self_bleu.h"

Suite *suite_stats(void);

enum { MOST = 4096 };
static const double NEAR = 1e-9;

static Arena arena;
static Error error;
static const Json *golden;

static void set_up(void) {
    Text text;
    arena = arena_make("test_stats", 0);
    ck_ok(file_read(&text, &arena, "tests/golden/stats.json", 1 << 20, &error), error);
    ck_ok(json_parse(&golden, &arena, text, "stats.json", &error), error);
}
static void tear_down(void) { arena_free(&arena); }

// The numbers of a member; their count.
static int numbers(double *out, const Json *object, const char *key) {
    int n = 0;
    const Json *list = json_get(object, key);
    ck_assert_ptr_nonnull(list);
    for (const Json *v = list->child; v; v = v->next) out[n++] = v->number;
    return n;
}

START_TEST(functions) {
    for (int i = -400; i <= 400; i++) {
        double x = i / 10.0;
        ck_assert_double_eq_tol(stats_sigmoid(x) * (1 + exp(-x)), 1, 1e-12);
        ck_assert_double_eq_tol(stats_tanh(x), tanh(x), 1e-14);
    }
    ck_assert_double_eq(stats_sigmoid(0), 0.5);
    ck_assert(stats_sigmoid(-2000) == 0 && stats_sigmoid(2000) == 1 && stats_tanh(-2000) == -1);
}
END_TEST

START_TEST(quantiles) {
    double x[MOST], p[MOST], value[MOST];
    const Json *q = json_get(golden, "quantile");
    int n = numbers(x, q, "x"), count = numbers(p, q, "p");
    numbers(value, q, "value");
    for (int i = 0; i < count; i++) ck_assert_double_eq_tol(stats_quantile(x, n, p[i]), value[i], 1e-14);
    ck_assert_double_eq(stats_quantile(x, 1, 0.7), x[0]);
}
END_TEST

START_TEST(groups) {
    static const double X[] = {3, 1, 1, 2, 5, 4, 4, 4};
    static const int FOUR[] = {1, 0, 0, 1, 3, 2, 2, 2}, ONE[] = {0, 0, 0, 0, 0, 0, 0, 0};
    int group[8];
    stats_groups(group, X, 8, 4, &arena);
    ck_assert_mem_eq(group, FOUR, sizeof group);
    stats_groups(group, X, 8, 1, &arena);
    ck_assert_mem_eq(group, ONE, sizeof group);
}
END_TEST

START_TEST(bootstrap) {
    double x[MOST], interval[2], seed, replicates;
    for (const Json *b = json_get(golden, "bootstrap")->child; b; b = b->next) {
        int n = numbers(x, b, "x");
        numbers(interval, b, "interval");
        ck_ok(json_need_number(b, "seed", &seed, "", &error), error);
        ck_ok(json_need_number(b, "replicates", &replicates, "", &error), error);
        MeasureInterval i = stats_bootstrap_mean(x, n, (int)replicates, (uint64_t)seed, &arena);
        ck_assert_double_eq_tol(i.low, interval[0], 1e-12);
        ck_assert_double_eq_tol(i.high, interval[1], 1e-12);
        // Close to the normal interval, and a constant has none.
        MeasureInterval normal = measure_normal(measure_mean(x, n), MEASURE_Z95);
        ck_assert_double_eq_tol(i.low, normal.low, 0.03);
        ck_assert_double_eq_tol(i.high, normal.high, 0.03);
        // A difference of two samples has the width of its values: the same places are drawn.
        double moved[MOST];
        for (int k = 0; k < n; k++) moved[k] = x[k] + 2;
        MeasureInterval j = stats_bootstrap_mean(moved, n, (int)replicates, (uint64_t)seed, &arena);
        ck_assert_double_eq_tol(j.low - i.low, 2, 1e-12);
        ck_assert_double_eq_tol(j.high - i.high, 2, 1e-12);
    }
    double one[] = {0.25, 0.25, 0.25};
    MeasureInterval i = stats_bootstrap_mean(one, 3, 50, 1, &arena);
    ck_assert(i.low == 0.25 && i.high == 0.25);
}
END_TEST

START_TEST(kappas) {
    double table[MOST], kappa[3], se[3];
    int64_t t[MOST];
    for (const Json *k = json_get(golden, "kappa")->child; k; k = k->next) {
        int cells = numbers(table, k, "table"), K = (int)json_get(k, "K")->number;
        numbers(kappa, k, "kappa");
        numbers(se, k, "error");
        ck_assert_int_eq(cells, K * K);
        for (int i = 0; i < cells; i++) t[i] = (int64_t)table[i];
        for (int w = 0; w < 3; w++) {
            StatsKappa s = stats_kappa(t, K, (StatsWeights)w);
            ck_assert(s.defined);
            ck_assert_double_eq_tol(s.kappa, kappa[w], NEAR);
            ck_assert_double_eq_tol(s.error, se[w], NEAR);
            ck_assert_double_eq_tol((s.interval.low + s.interval.high) / 2, s.kappa, NEAR);
        }
    }
    // Fleiss, Levin and Paik, table 18.1: agreement 0.89 where chance gives 0.66.
    static const int64_t DIAGNOSES[] = {75, 1, 4, 5, 4, 1, 0, 0, 10};
    StatsKappa s = stats_kappa(DIAGNOSES, 3, KAPPA_PLAIN);
    ck_assert_double_eq_tol(s.observed, 0.89, 1e-12);
    ck_assert_double_eq_tol(s.expected, 0.66, 1e-12);
    ck_assert_double_eq_tol(s.kappa, 23.0 / 34, 1e-12);
    // Full agreement over two categories is 1 with no error, over one category it says nothing.
    static const int64_t BOTH[] = {4, 0, 0, 6}, ONE[] = {9, 0, 0, 0}, NEVER[] = {0, 5, 5, 0};
    s = stats_kappa(BOTH, 2, KAPPA_PLAIN);
    ck_assert(s.defined && s.kappa == 1 && s.error == 0);
    ck_assert(!stats_kappa(ONE, 2, KAPPA_LINEAR).defined);
    ck_assert_double_eq_tol(stats_kappa(NEVER, 2, KAPPA_PLAIN).kappa, -1, 1e-12);
}
END_TEST

START_TEST(regressions) {
    double x[MOST], y[MOST], weights[2], errors[2];
    for (const Json *g = json_get(golden, "logistic")->child; g; g = g->next) {
        int n = numbers(x, g, "x");
        numbers(y, g, "y");
        numbers(weights, g, "weights");
        numbers(errors, g, "errors");
        StatsLogistic fit = stats_logistic(x, y, n);
        ck_assert(fit.found);
        ck_assert_double_eq_tol(fit.intercept, weights[0], 1e-8);
        ck_assert_double_eq_tol(fit.slope, weights[1], 1e-8);
        ck_assert_double_eq_tol(fit.intercept_error, errors[0], 1e-8);
        ck_assert_double_eq_tol(fit.slope_error, errors[1], 1e-8);
    }
    // The textbook's hours of study: 1.5046 an hour.
    const Json *hours = json_get(golden, "logistic")->child;
    int n = numbers(x, hours, "x");
    numbers(y, hours, "y");
    ck_assert_double_eq_tol(stats_logistic(x, y, n).slope, 1.5046, 5e-5);
    ck_assert_double_eq_tol(stats_logistic(x, y, n).intercept, -4.0777, 5e-5);
}
END_TEST

// Where there is no finite maximum it says so.
START_TEST(regressions_without_a_maximum) {
    static const double X[] = {-1, -0.5, 0.5, 1}, SPLIT[] = {0, 0, 1, 1}, ALL[] = {1, 1, 1, 1}, EVEN[] = {0.5, 0.5, 0.5, 0.5};
    static const double SAME[] = {0.5, 0.5, 0.5, 0.5};
    ck_assert(!stats_logistic(X, SPLIT, 4).found);
    ck_assert(!stats_logistic(X, ALL, 4).found);
    ck_assert(!stats_logistic(SAME, SPLIT, 4).found);
    ck_assert(!stats_logistic(X, SPLIT, 1).found);
    StatsLogistic fit = stats_logistic(X, EVEN, 4);
    ck_assert(fit.found && fit.intercept == 0 && fit.slope == 0 && fit.intercept_error == 0);
}
END_TEST

// Texts as nltk judges them, and the edges over ids.
START_TEST(self_bleu_of_texts) {
    const Json *g = json_get(golden, "self_bleu");
    Text text[64];
    int count = 0;
    double value[8];
    for (const Json *t = json_get(g, "texts")->child; t; t = t->next) text[count++] = t->string;
    int orders = numbers(value, g, "value");
    for (int order = 1; order <= orders; order++)
        ck_assert_double_eq_tol(self_bleu_words(&arena, text, count, order), value[order - 1], 1e-9);
    // Alone, or with nothing in common: 0; twice the same: 1.
    static const int32_t TWICE[] = {1, 2, 3, 4, 5, 1, 2, 3, 4, 5};
    static const int HALF[] = {0, 5, 10}, NONE[] = {0, 0, 0};
    ck_assert_double_eq(self_bleu(&arena, TWICE, HALF, 1, 4), 0);
    ck_assert_double_eq(self_bleu(&arena, TWICE, HALF, 0, 4), 0);
    ck_assert_double_eq(self_bleu(&arena, TWICE, NONE, 2, 4), 0);
    ck_assert_double_eq_tol(self_bleu(&arena, TWICE, HALF, 2, 4), 1, 1e-12);
    static const int32_t APART[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    ck_assert_double_eq(self_bleu(&arena, APART, HALF, 2, 4), 0);
}
END_TEST

Suite *suite_stats(void) {
    Suite *suite = suite_create("stats");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, functions);
    tcase_add_test(tests, quantiles);
    tcase_add_test(tests, groups);
    tcase_add_test(tests, bootstrap);
    tcase_add_test(tests, kappas);
    tcase_add_test(tests, regressions);
    tcase_add_test(tests, regressions_without_a_maximum);
    tcase_add_test(tests, self_bleu_of_texts);
    suite_add_tcase(suite, tests);
    return suite;
}
