// Figures against published constants and values worked out by hand.
#include <math.h>

#include "tests/support.h"
#include "tools/measure.h"

static void near(double found, double wanted, double tolerance) {
    ck_assert_msg(fabs(found - wanted) <= tolerance, "found %.17g, expected %.17g", found, wanted);
}

// Wilson's interval of 15 in 50 is (0.1910, 0.4375), of 0 in 10 (0, 0.2775); digits by Python from the formula in its textbook form.
START_TEST(test_wilson) {
    MeasureInterval i = measure_wilson(15, 50, MEASURE_Z95);
    near(i.low, 0.1910355350, 1e-10);
    near(i.high, 0.4375035046, 1e-10);
    i = measure_wilson(0, 10, MEASURE_Z95);
    ck_assert(i.low == 0);
    near(i.high, 0.2775327999, 1e-10);
    i = measure_wilson(10, 10, MEASURE_Z95);
    ck_assert(i.high == 1);
    near(i.low, 0.7224672001, 1e-10);
    // With z = 1 and one success of two, (1/2 +- sqrt(1/8 + 1/16)) / (3/2) around 1/2: half width sqrt(3)/6.
    i = measure_wilson(1, 2, 1);
    near(i.low, 0.5 - sqrt(3) / 6, 1e-15);
    near(i.high, 0.5 + sqrt(3) / 6, 1e-15);
}
END_TEST

START_TEST(test_means) {
    static const double x[] = {2, 4, 4, 4, 5, 5, 7, 9}, y[] = {1, 5, 2, 4, 4, 4, 7, 5};
    MeasureMean m = measure_mean(x, 8);
    near(m.mean, 5, 0);
    near(m.deviation, sqrt(32.0 / 7), 1e-15);
    near(m.standard_error, sqrt(32.0 / 7 / 8), 1e-15);
    // Differences 1 -1 2 0 1 1 0 4: mean 1, squares around it 0 4 1 1 0 0 1 9 = 16.
    m = measure_paired(x, y, 8);
    near(m.mean, 1, 0);
    near(m.standard_error, sqrt(16.0 / 7 / 8), 1e-15);
    MeasureInterval i = measure_normal(m, 2);
    near(i.high - i.low, 4 * m.standard_error, 1e-15);
    m = measure_mean(x, 1);
    ck_assert(m.mean == 2 && m.deviation == 0 && m.standard_error == 0);
    // A large common part does not drown the spread: two passes.
    static const double z[] = {1e9 + 1, 1e9 + 2, 1e9 + 3};
    near(measure_mean(z, 3).deviation, 1, 1e-12);
}
END_TEST

START_TEST(test_distinct) {
    Arena arena = arena_make("test", 0);
    // a b a b | a c: unigrams 3 of 6; bigrams ab ba ab | ac: 3 of 4; trigrams aba bab: 2 of 2; no n-gram crosses the bar.
    static const int32_t ids[] = {10, 20, 10, 20, 10, 30};
    static const int offset[] = {0, 4, 4, 6};
    near(measure_distinct_ids(&arena, ids, offset, 3, 1), 0.5, 0);
    near(measure_distinct_ids(&arena, ids, offset, 3, 2), 0.75, 0);
    near(measure_distinct_ids(&arena, ids, offset, 3, 3), 1, 0);
    near(measure_distinct_ids(&arena, ids, offset, 3, 5), 0, 0);
    near(measure_distinct_ids(&arena, ids, offset, 0, 1), 0, 0);
    static const Text texts[] = {{"the cat\nsat  on the", 19}, {"", 0}, {" The cat", 8}};
    // the cat sat on the | The cat: 5 of 7 words; bigrams the-cat cat-sat sat-on on-the | The-cat: 5 of 5.
    near(measure_distinct_words(&arena, texts, 3, 1), 5.0 / 7, 0);
    near(measure_distinct_words(&arena, texts, 3, 2), 1, 0);
    ck_assert_int_eq(measure_words(texts[0]), 5);
    ck_assert_int_eq(measure_words(texts[1]), 0);
    ck_assert_uint_eq(arena.used, 0);
    arena_free(&arena);
}
END_TEST

// Ids that repeat with a period give exactly that many n-grams, whatever the table's size.
START_TEST(test_distinct_many) {
    enum { N = 5000, PERIOD = 97 };
    Arena arena = arena_make("test", 0);
    int32_t *ids = arena_alloc(&arena, N * sizeof *ids);
    for (int i = 0; i < N; i++) ids[i] = i % PERIOD * 1021;
    int offset[] = {0, N};
    for (int order = 1; order <= 8; order++) near(measure_distinct_ids(&arena, ids, offset, 1, order), (double)PERIOD / (N - order + 1), 0);
    arena_free(&arena);
}
END_TEST

Suite *suite_measure(void);
Suite *suite_measure(void) {
    Suite *s = suite_create("measure");
    TCase *c = tcase_create("measure");
    tcase_add_test(c, test_wilson);
    tcase_add_test(c, test_means);
    tcase_add_test(c, test_distinct);
    tcase_add_test(c, test_distinct_many);
    suite_add_tcase(s, c);
    return s;
}
