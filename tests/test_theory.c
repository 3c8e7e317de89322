// Labels by simulation and in closed form: the paper's constants, both against each other and against libm, where the methods cross,
// the same counts on any number of threads; the page and its numbers; the verb.
#include <math.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/lines.h"
#include "tensor/base/pool.h"
#include "tests/cli.h"
#include "tools/theory_files.h"
#include "tools/theory_page.h"

static Arena arena;
static Error error;
static const char *folder;
static void set_up(void) {
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
}
static void tear_down(void) {
    pool_stop();
    temporary_remove(folder);
    arena_free(&arena);
}

static const TheoryPlace PAPER = {.shift = 3, .noise = 1, .width = 0.2};
static double phi(double x) { return 0.5 * erfc(-x / sqrt(2)); }

// Appendix N (paper.md, 4): 0.75, about 0.528, 0.574; all to the digits that the paper gives.
START_TEST(the_papers_numbers) {
    ck_assert_double_eq_tol(theory_accuracy(THEORY_RLAIF, &PAPER), 0.75, 1e-12);
    ck_assert_double_eq_tol(theory_hard_accuracy(THEORY_RLAIF, &PAPER), 0.528, 5e-4);
    ck_assert_double_eq_tol(theory_hard_accuracy(THEORY_RLCD, &PAPER), 0.574, 5e-4);
    static const double WANTED[THEORY_METHODS][2] = {{0.75, 0.528}, {NAN, 0.574}};
    for (int m = 0; m < THEORY_METHODS; m++) {
        TheoryCount count[2];
        theory_simulate(&count[0], &count[1], (TheoryMethod)m, &PAPER, rng_key(0, "theory"), (uint32_t)m << 16, 1000000, &arena);
        for (int hard = 0; hard < 2; hard++) {
            double share = theory_share(&count[hard]), deviation = theory_error(&count[hard]), wanted = WANTED[m][hard];
            ck_assert(isnan(theory_paper(&PAPER, (TheoryMethod)m, hard)) == isnan(wanted));
            if (isnan(wanted)) continue;
            ck_assert(theory_paper(&PAPER, (TheoryMethod)m, hard) == wanted);
            // Half a unit of the paper's last digit, and three standard errors.
            ck_assert_msg(fabs(share - wanted) < 5e-4 + 3 * deviation, "%s %d: %g +- %g, the paper has %g", THEORY_NAMES[m], hard, share,
                          deviation, wanted);
            ck_assert(deviation < 0.005);
        }
        // As many hard pairs as the closed form says, within four deviations.
        double n = (double)count[0].pairs, p = theory_hard_share((TheoryMethod)m, &PAPER);
        ck_assert_double_eq_tol((double)count[1].pairs, n * p, 4 * sqrt(n * p * (1 - p)));
    }
    TheoryPlace other = {.shift = 3, .noise = 1, .width = 0.3};
    ck_assert(isnan(theory_paper(&other, THEORY_RLAIF, true)));
}
END_TEST

// The closed forms against libm's, and against integrals summed here in another way.
START_TEST(closed_forms) {
    for (int i = 0; i < 60; i++) {
        TheoryPlace p = {.shift = 0.1 * (i % 12), .noise = 0.05 + 0.3 * (i % 7), .width = 0.05 + 0.4 * (i % 5)};
        double root = sqrt(2), w = p.width, s = p.shift, pi = acos(-1);
        ck_assert_double_eq_tol(theory_accuracy(THEORY_RLAIF, &p), 0.5 + atan(1 / p.noise) / pi, 1e-12);
        ck_assert_double_eq_tol(theory_accuracy(THEORY_RLCD, &p), phi(s / root), 1e-12);
        double below = phi((-w - s) / root), zero = phi(-s / root), above = phi((w - s) / root);
        ck_assert_double_eq_tol(theory_hard_accuracy(THEORY_RLCD, &p), (above - zero) / (above - below), 1e-9);
        ck_assert_double_eq_tol(theory_hard_share(THEORY_RLCD, &p), above - below, 1e-12);
        ck_assert_double_eq_tol(theory_hard_share(THEORY_RLAIF, &p), 2 * phi(w / root) - 1, 1e-12);
        // Owen's T by the midpoint rule: 1/2 + (atan(b)/2pi - T(a, b)) / (Phi(a) - 1/2) with a = w/sqrt 2, b = 1/noise.
        double a = w / root, b = 1 / p.noise, t = 0;
        enum { STEPS = 200000 };
        for (int k = 0; k < STEPS; k++) {
            double x = b * (k + 0.5) / STEPS;
            t += exp(-a * a * (1 + x * x) / 2) / (1 + x * x) * b / STEPS / (2 * pi);
        }
        ck_assert_double_eq_tol(theory_hard_accuracy(THEORY_RLAIF, &p), 0.5 + (atan(b) / (2 * pi) - t) / (phi(a) - 0.5), 1e-8);
    }
    // Ends: a perfect judge, no shift, a window that holds every pair, and one far from the mean.
    TheoryPlace p = {.shift = 0, .noise = 0, .width = 10};
    ck_assert(theory_accuracy(THEORY_RLAIF, &p) == 1 && theory_hard_accuracy(THEORY_RLAIF, &p) == 1);
    ck_assert_double_eq_tol(theory_hard_accuracy(THEORY_RLCD, &p), 0.5, 1e-12);
    p = (TheoryPlace){.shift = 2, .noise = 0.7, .width = 10};
    for (int m = 0; m < THEORY_METHODS; m++)
        ck_assert_double_eq_tol(theory_hard_accuracy((TheoryMethod)m, &p), theory_accuracy((TheoryMethod)m, &p), 1e-7);
    p = (TheoryPlace){.shift = 20, .noise = 100, .width = 0.001};
    ck_assert_double_eq_tol(theory_hard_accuracy(THEORY_RLCD, &p), 0.5 + 20 * 0.001 / 8, 1e-6);
    ck_assert_double_eq_tol(theory_mixed_accuracy(THEORY_RLCD, &PAPER, 0.25),
                            0.75 * theory_accuracy(THEORY_RLCD, &PAPER) + 0.25 * theory_hard_accuracy(THEORY_RLCD, &PAPER), 1e-12);
}
END_TEST

// Simulation and closed form at many places: no distance that chance does not explain.
START_TEST(simulation_agrees) {
    TheoryConfig config = {.place = PAPER, .pairs = 100000, .cell_pairs = 20000, .shift_max = 6, .noise_max = 3, .steps = 8, .shares = 2};
    config.share[1] = 0.5;
    for (uint64_t seed = 0; seed < 4; seed++) {
        Theory t;
        config.seed = seed;
        config.place.width = seed % 2 ? 0.2 : 2;
        theory_run(&t, &config, &arena, NULL);
        ck_assert_int_ge(t.compared, 36);
        ck_assert_msg(t.distance < 4.5, "%g standard errors", t.distance);
        TheoryPoint point = theory_point(&t, THEORY_RLCD, 4, 0.5);
        const TheoryLine *line = &t.line[THEORY_RLCD][4];
        ck_assert(line->place.shift == 3 && line->all.pairs == 20000 && line->hard.pairs == 20000);
        ck_assert_double_eq_tol(point.exact, theory_mixed_accuracy(THEORY_RLCD, &line->place, 0.5), 1e-12);
        ck_assert_double_eq_tol(point.error, 0.5 * sqrt(pow(theory_error(&line->all), 2) + pow(theory_error(&line->hard), 2)), 1e-12);
        ck_assert_double_eq_tol(point.simulated, point.exact, 5 * point.error);
    }
    // Both ways to hard pairs: among all, and by themselves; a window that is hard to hit.
    TheoryPlace p = {.shift = 8, .noise = 1, .width = 3};
    TheoryCount hard;
    theory_simulate_hard(&hard, THEORY_RLCD, &p, rng_key(1, "test"), 0, 20000, &arena);
    double exact = theory_hard_accuracy(THEORY_RLCD, &p);
    ck_assert(hard.pairs == 20000);
    ck_assert_double_eq_tol(theory_share(&hard), exact, 5 * sqrt(exact * (1 - exact) / 20000) + 1e-9);
    ck_assert(isnan(theory_share(&(TheoryCount){0})) && isnan(theory_error(&(TheoryCount){0})));
}
END_TEST

START_TEST(where_they_cross) {
    for (int i = 0; i <= 12; i++)
        for (int k = 0; k <= 4; k++) {
            TheoryPlace p = {.shift = 0.5 * i, .noise = 1, .width = 0.2};
            double noise = theory_crossing(&p, k / 4.0);
            if (i == 0) {
                ck_assert(isinf(noise));
                continue;
            }
            // Of all pairs in closed form; else both sides are equal there, and RLAIF is better below.
            if (k == 0) ck_assert_double_eq_tol(noise, 1 / tan(acos(-1) * (phi(p.shift / sqrt(2)) - 0.5)), 1e-8);
            double rlcd = theory_mixed_accuracy(THEORY_RLCD, &p, k / 4.0);
            p.noise = noise;
            ck_assert_double_eq_tol(theory_mixed_accuracy(THEORY_RLAIF, &p, k / 4.0), rlcd, 1e-9);
            p.noise = 0.9 * noise;
            ck_assert(theory_mixed_accuracy(THEORY_RLAIF, &p, k / 4.0) > rlcd);
        }
}
END_TEST

// The same counts whatever the number of threads, from pairs that do not fill a task; other seeds and cells are other draws.
START_TEST(threads) {
    TheoryCount first[2], other[2];
    RngKey key = rng_key(7, "theory");
    for (int n = 1; n <= 3; n++) {
        ck_ok(pool_start(n, &error), error);
        theory_simulate(&other[0], &other[1], THEORY_RLAIF, &PAPER, key, 3, 100003, &arena);
        TheoryCount hard;
        theory_simulate_hard(&hard, THEORY_RLAIF, &PAPER, key, 3, 50001, &arena);
        pool_stop();
        if (n == 1) first[0] = other[0], first[1] = other[1];
        ck_assert(memcmp(first, other, sizeof first) == 0 && first[0].pairs == 100003 && hard.pairs == 50001);
    }
    theory_simulate(&other[0], &other[1], THEORY_RLAIF, &PAPER, key, 4, 100003, &arena);
    ck_assert(first[0].right != other[0].right || first[1].right != other[1].right);
}
END_TEST

// ---- files and verb

static int count(const char *text, const char *part) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) n++;
    return n;
}

#define SMALL "theory", "--pairs", "20000", "--cell-pairs", "2000", "--steps", "4", "--hard", "0,1", "--threads", "1", "--quiet"

START_TEST(files) {
    const char *out = path_join(&arena, folder, "a/b");
    CliResult r = cli_ok(&arena, SMALL, "--out", out), again = cli_ok(&arena, SMALL, "--threads", "2");
    ck_assert_msg(text_equal(r.out, again.out), "%s", again.out.data);
    ck_assert(strstr(r.out.data, "rlaif  hard") && strstr(r.out.data, "0.574\n") && strstr(r.out.data, "0.528\n") && r.err.size == 0);
    ck_assert(!text_equal(r.out, cli_ok(&arena, SMALL, "--seed", "1").out));
    // Rows are JSON, and as many as the surface has.
    LineReader *lines;
    Text line;
    size_t number;
    bool more = true;
    int cells = 0, tables = 0, crossings = 0;
    ck_ok(lines_open(&lines, &arena, path_join(&arena, out, "theory.jsonl"), &error), error);
    for (;;) {
        const Json *row;
        Text kind = {0};
        ck_ok(lines_next(lines, &line, &number, &more, &error), error);
        if (!more) break;
        ck_ok(json_parse(&row, &arena, line, "row", &error), error);
        ck_ok(json_need_string(row, "kind", &kind, "row", &error), error);
        cells += text_equal(kind, TEXT("cell")), tables += text_equal(kind, TEXT("table")), crossings += text_equal(kind, TEXT("crossing"));
        if (!text_equal(kind, TEXT("cell"))) continue;
        double simulated = 0, exact = 0, deviation = 0;
        ck_ok(json_need_number(row, "rlcd", &simulated, "row", &error), error);
        ck_ok(json_need_number(row, "rlcd_exact", &exact, "row", &error), error);
        ck_ok(json_need_number(row, "rlcd_error", &deviation, "row", &error), error);
        ck_assert_double_eq_tol(simulated, exact, 5 * sqrt(exact * (1 - exact) / 2000) + 1e-9);
        ck_assert(deviation >= 0 && deviation < 0.02);
    }
    lines_close(lines);
    ck_assert(cells == 2 * 5 * 5 && tables == 4 && crossings == 2 * 5);
    Text csv, page;
    ck_ok(file_read(&csv, &arena, path_join(&arena, out, "theory.csv"), 1 << 20, &error), error);
    ck_assert_int_eq(cli_lines(csv), 1 + cells);
    ck_assert(text_begins(csv, TEXT("hard,shift,noise,rlcd,")));
    // A page of its own: three figures and a map for each share, nothing from elsewhere, every tag closed.
    ck_ok(file_read(&page, &arena, path_join(&arena, out, "theory.html"), 1 << 24, &error), error);
    ck_assert(text_begins(page, TEXT("<!doctype html>")) && text_ends(page, TEXT("</html>\n")));
    ck_assert_int_eq(count(page.data, "<svg "), 5);
    static const char *const TAGS[] = {"svg", "g", "figure", "figcaption", "section", "div", "table", "tr", "td", "main", "text", "p"};
    for (size_t i = 0; i < sizeof TAGS / sizeof *TAGS; i++) {
        int plain = count(page.data, cli_format(&arena, "<%s>", TAGS[i])), named = count(page.data, cli_format(&arena, "<%s ", TAGS[i]));
        ck_assert_msg(plain + named == count(page.data, cli_format(&arena, "</%s>", TAGS[i])), "<%s>", TAGS[i]);
    }
    ck_assert(!strstr(page.data, "<script") && !strstr(page.data, "http") && !strstr(page.data, "src=") && !strstr(page.data, "nan"));
    ck_assert(strstr(page.data, "prefers-color-scheme:dark"));
}
END_TEST

// A table without a hard pair, and the largest values.
START_TEST(ends_of_the_ranges) {
    CliResult r = cli_ok(&arena, "theory", "--pairs", "3", "--cell-pairs", "5", "--steps", "1", "--shift", "20", "--noise", "100",
                         "--width", "0.001", "--shift-max", "20", "--noise-max", "100", "--out", path_join(&arena, folder, "ends"));
    ck_assert(strstr(r.out.data, "rlcd   hard             0          -"));
    r = cli_ok(&arena, "theory", "--pairs", "3", "--cell-pairs", "5", "--steps", "64", "--shift", "0", "--noise", "0", "--width", "10",
               "--shift-max", "20", "--out", path_join(&arena, folder, "ends"));
    ck_assert(strstr(r.out.data, "rlaif  all"));
}
END_TEST

static void refuse(const char *part, const char *const *argv) {
    CliResult r = cli_run_setup(&(CliSetup){0}, &arena, argv);
    cli_check_refusal(&r, 2, part);
}
#define REFUSE(part, ...) refuse((part), CLI_ARGUMENTS("theory", __VA_ARGS__))

START_TEST(refusals) {
    REFUSE("shift", "--shift", "-1");
    REFUSE("noise", "--noise", "101");
    REFUSE("width", "--width", "0");
    REFUSE("width", "--width", "nan");
    REFUSE("pairs", "--pairs", "0");
    REFUSE("steps", "--steps", "65");
    REFUSE("share from 0 to 1", "--hard", "1.5");
    REFUSE("share from 0 to 1", "--hard", "half");
    REFUSE("ascending", "--hard", "0.5", "--hard", "0.5");
    REFUSE("ascending", "--hard", "0.5,0.25");
    REFUSE("share from 0 to 1", "--hard", "0,,1");
    REFUSE("at most 8 shares", "--hard", "0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8");
    REFUSE("noise", "--noises", "1");
    REFUSE("argument", "paper");
    // A place where no folder can be: the table is lost to nobody, the failure is told.
    CliResult r = cli_run(&arena, SMALL, "--out", cli_file(&arena, folder, "file", "x"));
    ck_assert(r.code == 1 && strstr(r.err.data, "file") && strstr(r.out.data, "rlcd   all"));
}
END_TEST

Suite *suite_theory(void);
Suite *suite_theory(void) {
    Suite *suite = suite_create("theory");
    TCase *tc = tcase_create("theory");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, the_papers_numbers);
    tcase_add_test(tc, closed_forms);
    tcase_add_test(tc, simulation_agrees);
    tcase_add_test(tc, where_they_cross);
    tcase_add_test(tc, threads);
    tcase_add_test(tc, files);
    tcase_add_test(tc, ends_of_the_ranges);
    tcase_add_test(tc, refusals);
    suite_add_tcase(suite, tc);
    return suite;
}
