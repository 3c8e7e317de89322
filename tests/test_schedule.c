// Schedules against values worked out by hand, the cosine against the library's, names.
#include "nn/schedule.h"

#include <math.h>

#include "tests/support.h"

Suite *suite_schedule(void);

START_TEST(schedule_by_hand) {
    // Warm-up 4 of 20 steps at rate 0.8.
    Schedule s = {SCHEDULE_CONSTANT, 0.8, 4, 20, 0};
    const float warm[] = {0.0f, 0.2f, 0.4f, 0.6f, 0.8f};
    for (int kind = 0; kind < 3; kind++) {
        s.kind = (ScheduleKind)kind;
        for (int i = 0; i < 5; i++) ck_assert_float_eq_tol(schedule_rate(&s, i), warm[i], 1e-7f);
    }
    s.kind = SCHEDULE_CONSTANT;
    ck_assert_float_eq(schedule_rate(&s, 19), 0.8f);
    ck_assert_float_eq(schedule_rate(&s, 1000), 0.8f);
    s.kind = SCHEDULE_LINEAR;
    ck_assert_float_eq(schedule_rate(&s, 12), 0.4f);
    ck_assert_float_eq(schedule_rate(&s, 16), 0.2f);
    ck_assert_float_eq(schedule_rate(&s, 20), 0.0f);
    ck_assert_float_eq(schedule_rate(&s, 1000), 0.0f);
    s.kind = SCHEDULE_COSINE;
    ck_assert_float_eq(schedule_rate(&s, 12), 0.4f);                         // t = 1/2
    ck_assert_float_eq_tol(schedule_rate(&s, 8), 0.68284271f, 1e-7f);        // t = 1/4: 0.4 (1 + sqrt(1/2))
    ck_assert_float_eq_tol(schedule_rate(&s, 16), 0.11715729f, 1e-7f);       // t = 3/4
    ck_assert_float_eq(schedule_rate(&s, 20), 0.0f);
    ck_assert_float_eq(schedule_rate(&s, 1000), 0.0f);
}
END_TEST

// No warm-up; a warm-up as long as the training; the whole cosine to one rounding of fp32.
START_TEST(schedule_ends) {
    Schedule s = {SCHEDULE_COSINE, 1.0, 0, 100000, 0};
    ck_assert_float_eq(schedule_rate(&s, 0), 1.0f);
    float before = 1.0f;
    for (int64_t i = 0; i <= 100000; i += 7) {
        double expected = 0.5 * (1 + cos(3.14159265358979323846 * (double)i / 100000));
        float found = schedule_rate(&s, i);
        ck_assert_msg(fabs((double)found - expected) <= 0x1p-24 * expected + 1e-15, "step %d: expected %.9g, found %.9g", (int)i, expected,
                      (double)found);
        ck_assert(found <= before);
        before = found;
    }
    Schedule all = {SCHEDULE_LINEAR, 1.0, 10, 10, 0};
    ck_assert_float_eq(schedule_rate(&all, 9), 0.9f);
    ck_assert_float_eq(schedule_rate(&all, 10), 0.0f);
}
END_TEST

// With a floor of a tenth both end there exactly and pass the middle at 0.55; constant knows none.
START_TEST(schedule_floor) {
    Schedule s = {SCHEDULE_LINEAR, 1.0, 0, 20, 0.1};
    for (int kind = SCHEDULE_LINEAR; kind <= SCHEDULE_COSINE; kind++) {
        s.kind = (ScheduleKind)kind;
        ck_assert_float_eq(schedule_rate(&s, 0), 1.0f);
        ck_assert_float_eq_tol(schedule_rate(&s, 10), 0.55f, 1e-7f);
        ck_assert_float_eq(schedule_rate(&s, 20), 0.1f);
        ck_assert_float_eq(schedule_rate(&s, 1000), 0.1f);
    }
    s.kind = SCHEDULE_CONSTANT;
    ck_assert_float_eq(schedule_rate(&s, 20), 1.0f);
}
END_TEST

Suite *suite_schedule(void) {
    Suite *suite = suite_create("schedule");
    TCase *tc = tcase_create("schedule");
    tcase_add_test(tc, schedule_by_hand);
    tcase_add_test(tc, schedule_ends);
    tcase_add_test(tc, schedule_floor);
    suite_add_tcase(suite, tc);
    return suite;
}
