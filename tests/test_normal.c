// The normal distribution and the arc tangent against libm in double.
#include <math.h>

#include "tests/support.h"
#include "tools/normal.h"

START_TEST(integral) {
    for (int i = -1200; i <= 1200; i++) {
        double x = i / 100.0;
        ck_assert_double_eq_tol(normal_integral(x), 0.5 * erfc(-x / sqrt(2)), 1e-12);
        double density = exp(-x * x / 2) / sqrt(2 * 3.14159265358979323846);
        ck_assert_double_eq_tol(normal_density(x) / density, 1, 1e-11);
        ck_assert_double_eq_tol(normal_exponential(x) / exp(x), 1, 1e-12);
    }
    ck_assert(normal_integral(0) == 0.5 && normal_integral(INFINITY) == 1 && normal_integral(-INFINITY) == 0);
    ck_assert(normal_integral(1e300) == 1 && isnan(normal_integral(NAN)));
    // Known to every table.
    ck_assert_double_eq_tol(normal_integral(1.959963984540054), 0.975, 1e-12);
}
END_TEST

START_TEST(arc_tangent) {
    for (int i = -2000; i <= 2000; i++) {
        double x = i / 100.0, wide = x * x * x * x * x;
        ck_assert_double_eq_tol(normal_arc_tangent(x), atan(x), 1e-14);
        ck_assert_double_eq_tol(normal_arc_tangent(wide), atan(wide), 1e-14);
    }
    ck_assert_double_eq_tol(normal_arc_tangent(INFINITY), atan(INFINITY), 1e-15);
    ck_assert_double_eq_tol(normal_arc_tangent(-INFINITY), atan(-INFINITY), 1e-15);
    ck_assert(normal_arc_tangent(0) == 0 && isnan(normal_arc_tangent(NAN)));
}
END_TEST

Suite *suite_normal(void);
Suite *suite_normal(void) {
    Suite *suite = suite_create("normal");
    TCase *tc = tcase_create("normal");
    tcase_add_test(tc, integral);
    tcase_add_test(tc, arc_tangent);
    suite_add_tcase(suite, tc);
    return suite;
}
