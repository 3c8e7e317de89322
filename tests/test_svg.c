// Drawings: round ticks for any range, scales, broken lines, labels that keep apart.
#include <math.h>
#include <string.h>

#include "tests/support.h"
#include "tools/svg.h"

static Arena arena;
static void set_up(void) { arena = arena_make("test", 0); }
static void tear_down(void) { arena_free(&arena); }

static void check_ticks(double low, double high, int wanted, int count, double first, double last, int decimals) {
    SvgTicks t = svg_ticks(low, high, wanted);
    ck_assert_msg(t.count == count && t.decimals == decimals, "%g..%g: %d ticks of %d decimals, %g to %g", low, high, t.count, t.decimals,
                  t.tick[0], t.tick[t.count - 1]);
    ck_assert_double_eq_tol(t.tick[0], first, 1e-9);
    ck_assert_double_eq_tol(t.tick[t.count - 1], last, 1e-9);
}

START_TEST(ticks_are_round) {
    check_ticks(0, 1, 5, 6, 0, 1, 1);
    check_ticks(0, 25, 5, 6, 0, 25, 0);
    check_ticks(0.39, 0.88, 5, 7, 0.3, 0.9, 1);
    check_ticks(-0.03, 3.2, 3, 5, 0, 4, 0);
    check_ticks(0, 4.02, 4, 5, 0, 4, 0);
    check_ticks(-1.7, 2.08, 4, 5, -2, 2, 0);
    check_ticks(0.5, 0.9, 5, 5, 0.5, 0.9, 1);
    check_ticks(1000, 98000, 5, 6, 0, 100000, 0);
    check_ticks(0.0001, 0.0004, 3, 4, 0.0001, 0.0004, 4);
}
END_TEST

// Whatever the range, a few ticks in ascending order that cover it but for a twelfth of a step.
START_TEST(ticks_cover) {
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        double part[2];
        for (int k = 0; k < 2; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            part[k] = ((double)(state >> 11) / 9007199254740992.0 - 0.5) * pow(10, (double)(i % 17) - 8);
        }
        double low = part[0] < part[1] ? part[0] : part[1], high = part[0] < part[1] ? part[1] : part[0];
        int wanted = 2 + i % 7;
        SvgTicks t = svg_ticks(low, high, wanted);
        ck_assert_msg(t.count >= 2 && t.count <= wanted + 3, "%g..%g: %d ticks", low, high, t.count);
        double step = t.tick[1] - t.tick[0];
        for (int k = 1; k < t.count; k++) ck_assert(t.tick[k] > t.tick[k - 1]);
        ck_assert_msg(t.tick[0] <= low + step / 10 && t.tick[t.count - 1] >= high - step / 10, "%g..%g: %g to %g", low, high, t.tick[0],
                      t.tick[t.count - 1]);
    }
    // What cannot be drawn still has an axis.
    static const double ODD[][2] = {{NAN, 1}, {SVG_EMPTY_LOW, SVG_EMPTY_HIGH}, {3, 3}, {-INFINITY, INFINITY}, {1e300, 2e300}, {5, 1},
                                    {0, 0}};
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++) {
        SvgTicks t = svg_ticks(ODD[i][0], ODD[i][1], 4);
        ck_assert(t.count >= 2 && t.tick[0] < t.tick[1] && svg_is_drawn(t.tick[0]));
    }
}
END_TEST

START_TEST(coordinates) {
    static const struct {
        double value;
        const char *text;
    } CASES[] = {{0, "0"}, {1.25, "1.3"}, {-1.25, "-1.3"}, {-0.04, "0"}, {17, "17"}, {1e9, "1000000"}, {NAN, "-1000000"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Str s = str_make(&arena);
        svg_number(&s, CASES[i].value);
        ck_assert_str_eq(s.data, CASES[i].text);
    }
    double low = SVG_EMPTY_LOW, high = SVG_EMPTY_HIGH;
    svg_widen(&low, &high, NAN);
    svg_widen(&low, &high, 1e20);
    svg_widen(&low, &high, 2);
    svg_widen(&low, &high, -1);
    ck_assert(low == -1 && high == 2);
}
END_TEST

START_TEST(a_drawing) {
    Str s = str_make(&arena);
    SvgTicks x = svg_ticks(0, 10, 5), y = svg_ticks(0, 1, 2);
    Svg svg = svg_open(&s, "t0-a", "a < b", TEXT("more & more"), 200, 100);
    svg_area(&svg, 20, 180, 10, 80, &x, &y);
    ck_assert(svg_x(&svg, 0) == 20 && svg_x(&svg, 10) == 180 && svg_y(&svg, 0) == 80 && svg_y(&svg, 1) == 10);
    ck_assert(text_begins(str_text(&s), TEXT("<svg viewBox=\"0 0 200 100\" role=\"img\" aria-labelledby=\"t0-a-t t0-a-d\">"
                                             "<title id=\"t0-a-t\">a &lt; b</title><desc id=\"t0-a-d\">more &amp; more</desc>")));
    // A value that is missing breaks line and band.
    double xs[] = {0, 2, 4, 6, 8}, ys[] = {0, 0.5, NAN, 0.5, 1}, high[] = {0.1, 0.6, 1, 0.6, 1};
    s.size = 0;
    svg_line(&svg, xs, ys, 5, 2, "2 4");
    ck_assert_str_eq(s.data, "<path class=\"line\" d=\"M20,80L52,45M116,45L148,10\" stroke-width=\"2\" stroke-dasharray=\"2 4\"/>\n");
    s.size = 0;
    svg_band(&svg, xs, ys, high, 5);
    ck_assert_str_eq(
        s.data, "<path class=\"band\" d=\"M20,73L52,38L52,45L20,80Z\"/>\n<path class=\"band\" d=\"M116,38L148,10L148,10L116,45Z\"/>\n");
    s.size = 0;
    s.data[0] = '\0';
    svg_line(&svg, xs, (double[]){NAN, NAN}, 2, 1, NULL);
    ck_assert_str_eq(s.data, "");
    svg_label(&svg, "name", 5, 6, "end", TEXT("</text>"));
    ck_assert_str_eq(s.data, "<text class=\"name\" x=\"5\" y=\"6\" text-anchor=\"end\">&lt;/text&gt;</text>\n");
    // A cell between two values, its strength kept within 0 and 1.
    s.size = 0;
    svg_cell(&svg, 2, 0.5, 4, 1, 1.5);
    ck_assert_str_eq(s.data, "<rect fill=\"currentColor\" x=\"52\" y=\"10\" width=\"32\" height=\"35\" fill-opacity=\"1.00\"/>\n");
    // Four shapes, and around again.
    for (int shape = 0; shape < 5; shape++) {
        s.size = 0;
        svg_mark(&svg, shape, 50, 50, 4, shape != 1);
        ck_assert_int_eq(strstr(s.data, "<circle") != NULL, shape % 4 == 0);
        ck_assert_int_eq(strstr(s.data, "hollow") != NULL, shape == 1);
    }
}
END_TEST

START_TEST(labels_keep_apart) {
    double y[] = {50, 50, 50, 90, 10};
    svg_spread(y, 5, 12, 0, 100);
    ck_assert(y[4] == 10 && y[3] == 90 && y[0] < y[1] && y[1] < y[2]);
    ck_assert_double_eq_tol(y[1] - y[0], 12, 0.1);
    ck_assert_double_eq_tol(y[1], 50, 0.1);
    // At an edge they move inwards; where there is no room they keep their distance from the top.
    double low[] = {99, 100, 98};
    svg_spread(low, 3, 12, 0, 100);
    ck_assert(low[1] <= 100 && fabs(low[1] - low[0] - 12) < 0.1 && fabs(low[0] - low[2] - 12) < 0.1);
    double many[] = {5, 5, 5, 5};
    svg_spread(many, 4, 10, 0, 20);
    for (int i = 0; i < 4; i++) ck_assert_double_eq_tol(many[i], 10 * i, 0.1);
    svg_spread(many, 0, 10, 0, 20);
}
END_TEST

Suite *suite_svg(void);
Suite *suite_svg(void) {
    Suite *suite = suite_create("svg");
    TCase *tc = tcase_create("svg");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, ticks_are_round);
    tcase_add_test(tc, ticks_cover);
    tcase_add_test(tc, coordinates);
    tcase_add_test(tc, a_drawing);
    tcase_add_test(tc, labels_keep_apart);
    suite_add_tcase(suite, tc);
    return suite;
}
