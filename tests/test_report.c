// The page: well-formed, safe whatever the files say, without anything from elsewhere; its numbers as CSV; the verb.
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tests/matrix_files.h"
#include "tools/report.h"
#include "tools/report_curve.h"
#include "tools/report_data.h"
#include "tools/report_figures.h"
#include "tools/report_style.h"
#include "tools/run_dir.h"

// ---- is it a page

static int count(const char *page, const char *part) {
    int n = 0;
    for (const char *at = page; (at = strstr(at, part)) != NULL; at += strlen(part)) n++;
    return n;
}

// One tag from '<' to '>': its name, whether it closes, whether it stands alone. Attributes are name="value" and nothing else.
static const char *read_tag(const char *at, char name[16], bool *closes, bool *alone) {
    int n = 0;
    at++;
    *closes = *at == '/';
    at += *closes;
    while (n < 15 && isalnum((unsigned char)*at)) name[n++] = *at++;
    name[n] = '\0';
    ck_assert_msg(n > 0, "no name at: %.40s", at);
    for (;;) {
        while (*at == ' ' || *at == '\n') at++;
        if (*at == '>' || (*at == '/' && at[1] == '>')) break;
        ck_assert_msg(isalpha((unsigned char)*at), "no attribute in %s at: %.40s", name, at);
        ck_assert_msg(strncmp(at, "on", 2) != 0 && strncmp(at, "src", 3) != 0, "attribute in %s: %.40s", name, at);
        while (isalpha((unsigned char)*at) || *at == '-') at++;
        if (*at != '=') continue;
        ck_assert_msg(at[1] == '"', "no quotes in %s at: %.40s", name, at);
        at = strchr(at + 2, '"');
        ck_assert_ptr_nonnull(at);
        at++;
    }
    *alone = *at == '/';
    return at + 1 + *alone;
}

// Tags close in order, but for those of HTML that have no end; text between them is escaped.
static void check_tags(const char *page) {
    static const char *const VOID[] = {"meta", "br", "img", "link"};
    char open[64][16];
    int depth = 0;
    const char *at = page + strlen("<!doctype html>");
    ck_assert(strncmp(page, "<!doctype html>\n", 16) == 0);
    while (*at) {
        if (*at != '<') {
            ck_assert_msg(*at != '>' || (depth && strcmp(open[depth - 1], "style") == 0), "a lone > at: %.40s", at);
            at++;
            continue;
        }
        char name[16];
        bool closes, alone, is_void = false;
        at = read_tag(at, name, &closes, &alone);
        for (size_t i = 0; i < sizeof VOID / sizeof *VOID; i++) is_void = is_void || strcmp(name, VOID[i]) == 0;
        if (closes) {
            ck_assert_msg(depth > 0 && strcmp(open[depth - 1], name) == 0, "</%s> closes %s at: %.40s", name,
                          depth ? open[depth - 1] : "nothing", at);
            depth--;
        } else if (!alone && !is_void) {
            ck_assert_int_lt(depth, 64);
            strcpy(open[depth++], name);
        }
    }
    ck_assert_int_eq(depth, 0);
}

// Each id once; each name that a drawing or link refers to is there.
static void check_ids(const char *page) {
    for (const char *at = page; (at = strstr(at, " id=\"")) != NULL; at += 5) {
        const char *end = strchr(at + 5, '"');
        ck_assert_int_eq(count(page, text_copy(&arena, (Text){at, (size_t)(end - at) + 1}).data), 1);
    }
    for (const char *at = page; (at = strstr(at, "href=\"#")) != NULL; at += 7) {
        const char *end = strchr(at + 7, '"');
        ck_assert_int_eq(count(page, cli_format(&arena, " id=\"%.*s\"", (int)(end - at - 7), at + 7)), 1);
    }
    ck_assert_int_eq(count(page, "<svg "), count(page, "<title id="));
    ck_assert_int_eq(count(page, "<svg "), count(page, "<desc id="));
}

static void check_page(const char *page) {
    size_t bad;
    Text text = text_of(page);
    ck_assert_msg(utf8_valid(text, &bad), "bytes at %zu are not UTF-8", bad);
    for (size_t i = 0; i < text.size; i++) ck_assert((unsigned char)page[i] >= 0x20 || page[i] == '\n' || page[i] == '\t');
    check_tags(page);
    check_ids(page);
    static const char *const NEVER[] = {"<script", "<iframe", "<img", "<link", "@import", "url(", "http:", "https:", "javascript:"};
    for (size_t i = 0; i < sizeof NEVER / sizeof *NEVER; i++)
        ck_assert_msg(strstr(page, NEVER[i]) == NULL, "'%s' is in the page", NEVER[i]);
}

static const char *page_of(const char *const *dirs, int n) {
    ResultsList list;
    Str s = str_make(&arena);
    ck_ok(results_read(&list, &arena, dirs, n, 4, &error), error);
    report_page(&s, &list, &(ReportConfig){.path = "x/report.html", .prompts = 6}, &arena);
    check_page(s.data);
    return s.data;
}

// ---- pages

START_TEST(a_whole_page) {
    const char *dirs[] = {matrix_plausible(&arena, folder, 1, 64, 12), matrix_plausible(&arena, folder, 2, 64, 12)};
    const char *page = page_of(dirs, 2);
    static const char *const PARTS[] = {"What the oracle says of each policy",
                                        "RLCD against each, prompt by prompt",
                                        "How many labels are right",
                                        "How well each preference model tells good from bad",
                                        "How good must a judge be?",
                                        "Over the steps of PPO",
                                        "What is bought with distance",
                                        "Before and after training",
                                        "Pairs made by contrast",
                                        "Why draws were rejected",
                                        "card</h3>",
                                        "report-data/methods.csv",
                                        "report-data/steps.csv",
                                        "2 seeds",
                                        "rescore-novice",
                                        "prefers-color-scheme:dark"};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        ck_assert_msg(strstr(page, PARTS[i]) != NULL, "'%s' is not in the page", PARTS[i]);
    // Seven figures and one for each of five runs; every reply of the first prompts with its verdict; o- folded.
    ck_assert_int_eq(count(page, "<svg "), 12);
    ck_assert_int_eq(count(page, "<dl class=\"replies\">"), 1 + 6);
    ck_assert_int_eq(count(page, "<details><summary>p\xe2\x88\x92 and its reply"), 4);
    ck_assert_int_ge(count(page, "well-formed</p>"), 6 * 8 + 4 * 2);
    ck_assert_int_eq(count(page, "<mark>"), 4 * 2);
    // One seed has its own words.
    ck_assert(strstr(page_of(dirs, 1), "over the prompts") != NULL);
}
END_TEST

START_TEST(two_tasks) {
    const char *a = matrix_small(&arena, folder, "a", 1), *b = matrix_small(&arena, folder, "b", 1);
    Text text;
    const char *file = path_join(&arena, b, "results.json");
    ck_ok(file_read(&text, &arena, file, 1 << 20, &error), error);
    memcpy(strstr(text.data, "harmless"), "helpful!", 8);
    ck_ok(file_write(file, text.data, text.size, &error), error);
    const char *page = page_of((const char *const[]){a, b}, 2);
    ck_assert(strstr(page, "Results: harmless") != NULL && strstr(page, "Results: helpful!") != NULL);
}
END_TEST

// Texts that would be markup, control a terminal or turn the page around, in every place that a file can put them.
START_TEST(hostile_texts) {
#define EVIL "</p><script>alert(1)</script>\\\"'><img src=x onerror=y>\\u0000\\u001b[2J\\u202e\\uffff&amp;"
    const char *dir = matrix_small(&arena, folder, "a", 1);
    cli_file(&arena, dir, "results.json",
             "{\"version\":1,\"rlcd\":\"" EVIL "\",\"seed\":1,\"task\":\"" EVIL "\",\"model\":{\"path\":\"" EVIL "\",\"sha256\":\"" EVIL
             "\"},\"methods\":["
             "{\"name\":\"base\",\"kind\":\"" EVIL "\",\"voice\":\"" EVIL
             "\",\"eval\":\"base/eval\"},"
             "{\"name\":\"</svg><b "
             "onload='x'>\\u0007\",\"kind\":\"rlcd\",\"pairs\":\"rlaif-novice/label/pairs.jsonl\",\"policy\":\"rlcd/policy\","
             "\"preference\":\"rlcd/preference\",\"eval\":\"rlcd/eval\"}]}");
    cli_file(&arena, dir, "base/eval/replies.jsonl",
             "{\"index\":0,\"prompt\":\"p0\",\"reply\":\"" EVIL
             "\"}\n{\"index\":1,\"prompt\":\"p1\",\"reply\":\"\"}\n"
             "{\"index\":2,\"prompt\":\"p2\",\"reply\":\"" EVIL "\"}\n{\"index\":3,\"prompt\":\"p3\",\"reply\":\"\\n\\n\"}\n");
    cli_file(&arena, dir, "rlaif-novice/label/pairs.jsonl",
             "{\"prompt\":\"\\n\\nHuman: " EVIL "\\n\\nAssistant:\",\"chosen\":\"" EVIL "\",\"rejected\":\"" EVIL
             "\",\"p_plus\":\"\\n\\nHuman: x" EVIL
             "\\n\\nAssistant "
             "(a):\",\"p_minus\":\"\xc3\xa9\"}\n{\"prompt\":\"\xc3\xa9)\",\"chosen\":\"a\",\"rejected\":\"b\",\"p_plus\":\"\xc3\xa8)))\","
             "\"p_minus\":\")\"}\n{\"chosen\":\"\",\"rejected\":\"\"}\n{\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"chosen\":\"a\","
             "\"rejected\":\"b\"}\n");
    cli_file(&arena, dir, "rlcd/preference/run.json",
             "{\"verb\":\"" EVIL "\",\"sha256\":\"" EVIL "\",\"wall_s\":1e300,\"peak_rss_bytes\":-5,\"machine\":{\"kernels\":\"" EVIL
             "\",\"threads\":\"x\"},\"options\":{\"" EVIL "\":\"" EVIL "\",\"list\":[\"" EVIL
             "\",null]},\"simulate\":{\"outcomes\":{\"kept\":1e308}}}");
    const char *page = page_of(&dir, 1);
    ck_assert(strstr(page, "&lt;script&gt;alert(1)") != NULL && strstr(page, "&lt;U+202E&gt;") != NULL &&
              strstr(page, "&lt;U+0000&gt;") != NULL);
}
END_TEST

// Little or odd data gives a page, not a mess: no oracle, one reply, one step, scores that no drawing can show.
START_TEST(little_and_odd_data) {
    const char *dir = path_join(&arena, folder, "odd");
    ck_ok(directory_make(path_join(&arena, dir, "e"), &error), error);
    ck_ok(directory_make(path_join(&arena, dir, "p"), &error), error);
    cli_file(&arena, dir, "results.json", "{\"version\":1,\"seed\":0,\"task\":\"t\",\"methods\":[{\"name\":\"base\",\"kind\":\"base\"}]}");
    const char *page = page_of(&dir, 1);
    ck_assert(strstr(page, "No oracle scored these replies") != NULL);
    ck_assert_int_eq(count(page, "<svg "), 0);
    cli_file(
        &arena, dir, "results.json",
        "{\"version\":1,\"seed\":0,\"task\":\"t\",\"methods\":[{\"name\":\"rlcd\",\"kind\":\"rlcd\",\"policy\":\"p\",\"eval\":\"e\"}]}");
    cli_file(&arena, dir, "e/replies.jsonl", "{\"index\":5,\"prompt\":\"\",\"reply\":\"x\",\"score\":1e308,\"kl\":-1e308}\n");
    cli_file(&arena, dir, "p/metrics.jsonl", "{\"step\":0,\"phase\":\"ppo\",\"objective/scores\":1e300,\"objective/kl\":1}\n");
    page = page_of(&dir, 1);
    ck_assert(strstr(page, "inf") == NULL && strstr(page, "nan") == NULL);
    cli_file(&arena, dir, "p/metrics.jsonl",
             "{\"step\":0,\"phase\":\"ppo\",\"objective/scores\":1e300}\n{\"step\":9007199254740993,\"phase\":\"ppo\",\"objective/"
             "scores\":-1}\n");
    cli_file(&arena, dir, "e/oracle.jsonl", "{\"line\":1,\"reply\":{\"score\":1,\"tone\":1e300}}\n");
    page_of(&dir, 1);
}
END_TEST

// ---- sweeps over the world's knobs

static const char PREDICT[] =
    "{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"p\",\"score\":0.25}\n"
    "{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"rlcd\",\"optimum\":[{\"beta\":0.5,\"score\":0.75}]}\n"
    "{\"task\":\"harmless\",\"delta\":1,\"method\":\"rlcd\",\"optimum\":[{\"beta\":0.5,\"score\":0.875}]}\n"
    "{\"task\":\"harmless\",\"delta\":1,\"method\":\"</svg><b>-x\",\"optimum\":[{\"beta\":0.5,\"score\":0.5}]}\n"
    "{\"task\":\"harmless\",\"min_sentences\":2,\"method\":\"rlcd\",\"optimum\":[{\"beta\":0.5,\"score\":0.5}]}\n"
    "{\"task\":\"outline\",\"delta\":1,\"method\":\"rlcd\",\"optimum\":[{\"beta\":0.5,\"score\":0.5}]}\n";
static const char POINTS[] =
    "{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"rlcd\",\"oracle\":0.5,\"low\":-3,\"high\":3}\n"
    "{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"odd\",\"oracle\":0.5}\n";

// A figure for each knob of a task that is on the page, with lines, trained models, and names that only the sweep has.
START_TEST(sweeps) {
    const char *dir = matrix_small(&arena, folder, "a", 1);
    cli_file(&arena, folder, "predict.jsonl", PREDICT);
    ck_ok(directory_make(path_join(&arena, folder, "retrain"), &error), error);
    SweepList list;
    ResultsList results;
    Str with = str_make(&arena), without = str_make(&arena);
    ck_ok(results_read(&results, &arena, &dir, 1, 4, &error), error);
    ReportConfig config = {.path = "x/report.html", .prompts = 1};
    report_page(&without, &results, &config, &arena);
    for (int trained = 0; trained < 2; trained++) {
        if (trained) cli_file(&arena, folder, "retrain/points.jsonl", POINTS);
        ck_ok(sweep_read(&list, &arena, folder, &error), error);
        config.sweeps = &list;
        with = str_make(&arena);
        report_page(&with, &results, &config, &arena);
        check_page(with.data);
        ck_assert_int_eq(count(with.data, "<svg "), count(without.data, "<svg ") + 2);
        ck_assert_int_eq(count(with.data, "Filled marks: models trained"), trained);
        ck_assert_int_eq(count(with.data, "At the right end: base 0.250; rlcd 0.875; "), 1);
        ck_assert_int_eq(count(with.data, " odd 0.500;"), trained);
        ck_assert(strstr(with.data, "delta: what an affix moves") && strstr(with.data, ">min_sentences<"));
        ck_assert(strstr(with.data, "&lt;/svg&gt;&lt;b&gt;-x") != NULL && strstr(with.data, "predict.csv") != NULL);
    }
    ck_assert(strstr(without.data, "What the knobs") == NULL);
}
END_TEST

// ---- curves and judges

static ResultMethod method_of(const MatrixMethod **runs) { return (ResultMethod){.name = TEXT("m"), .kind = TEXT("rlcd"), .run = runs}; }

START_TEST(curves) {
    MatrixStep a[] = {{0, 1, 0, 4, 0.2, 0.1}, {1, 2, 1, 4, 0.4, 0.1}, {3, 3, 2, 4, 0.6, 0.1}},
               b[] = {{1, 4, 3, 4, 0.8, 0.1}, {2, NAN, NAN, 0, NAN, NAN}};
    MatrixMethod first = {.steps = 3, .step = a}, second = {.steps = 2, .step = b};
    const MatrixMethod *runs[] = {&first, &second, NULL};
    ResultMethod m = method_of(runs);
    Results r = {.seeds = 3, .methods = 1, .method = &m};
    Curve c = curve_of(&r, &m, &arena);
    ck_assert_int_eq(c.n, 4);
    ck_assert(c.step[1] == 1 && c.score[1] == 3 && c.score_low[1] == 2 && c.score_high[1] == 4 && c.kl[1] == 2);
    ck_assert_double_eq_tol(c.oracle[1], 0.6, 1e-12);
    ck_assert_double_eq_tol(c.oracle_error[1], sqrt(0.02) / 2, 1e-12);
    ck_assert(c.oracle_low[1] == 0.4 && c.oracle_high[1] == 0.8 && isnan(c.score[2]) && isnan(c.oracle[2]));
    // One seed: the rollouts' interval, and no band on the score.
    ck_assert_double_eq_tol(c.oracle_high[0], 0.2 + MEASURE_Z95 * 0.1, 1e-12);
    ck_assert(isnan(c.score_low[0]) && c.step[3] == 3 && c.oracle[3] == 0.6);
    ck_assert(curve_has(c.kl, c.n) && !curve_has(c.score_low, 1));
    const double *smooth = curve_smooth((double[]){1, 2, 6, NAN, NAN, NAN}, 6, &arena);
    ck_assert(smooth[0] == 1.5 && smooth[1] == 3 && smooth[2] == 4 && smooth[3] == 6 && isnan(smooth[4]) && isnan(smooth[5]));
    const MatrixMethod *none[] = {NULL, NULL, NULL};
    ResultMethod empty = method_of(none);
    ck_assert_int_eq(curve_of(&r, &empty, &arena).n, 0);
}
END_TEST

// The oracle rises to step 4 and falls by .3, the score rises: hacking. Not when the fall is small, or uncertain, or the score falls too.
START_TEST(hacking) {
    static const struct {
        double top, end, error, score_end;
        bool seen;
    } CASES[] = {{0.8, 0.5, 0.02, 9, true},
                 {0.8, 0.78, 0.001, 9, false},
                 {0.8, 0.5, 0.4, 9, false},
                 {0.8, 0.5, 0.02, 0, false},
                 {0.8, 0.9, 0.02, 9, false}};
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        MatrixStep steps[9];
        for (int i = 0; i < 9; i++) {
            double oracle = i <= 4 ? 0.4 + (CASES[k].top - 0.4) * (i > 2 ? 1 : i / 3.0) : CASES[k].end;
            double score = i <= 4 ? i : 4 + (CASES[k].score_end - 4) * (i - 4) / 4.0;
            steps[i] = (MatrixStep){i, score, i, 8, oracle, CASES[k].error};
        }
        MatrixMethod run = {.steps = 9, .step = steps};
        const MatrixMethod *runs[] = {&run};
        ResultMethod m = method_of(runs);
        Results r = {.seeds = 1, .methods = 1, .method = &m};
        Curve c = curve_of(&r, &m, &arena);
        Hacking h = curve_hacking(&c);
        ck_assert_msg(h.seen == CASES[k].seen, "case %zu: fall %g, rise %g", k, h.fall, h.rise);
        if (h.seen) ck_assert(h.step == 3 || h.step == 4);
    }
}
END_TEST

START_TEST(where_rlaif_meets_rlcd) {
    // Label accuracies .5 .7 .9 (not in this order) with oracles .5 .7 .9; RLCD at .8: half way between the second and the third.
    ResultMethod m[4] = {{.name = TEXT("rlcd"), .kind = TEXT("rlcd")}};
    static const double LABELS[] = {0.9, 0.5, 0.7};
    static const char *const VOICES[] = {"senior", "novice", "junior"};
    for (int i = 0; i < 3; i++) {
        m[i + 1] = (ResultMethod){.name = text_of(VOICES[i]), .kind = TEXT("rlaif"), .voice = text_of(VOICES[i])};
        m[i + 1].value[RESULT_LABEL] = (Estimate){.seeds = 1, .mean = LABELS[i]};
        m[i + 1].value[RESULT_ORACLE] = (Estimate){.seeds = 1, .mean = LABELS[i]};
    }
    m[0].value[RESULT_ORACLE] = (Estimate){.seeds = 1, .mean = 0.8};
    Results r = {.seeds = 1, .methods = 4, .method = m, .rlcd = 0};
    double accuracy;
    bool above;
    ck_assert(figure_crossing(&r, &accuracy, &above) && above);
    ck_assert_double_eq_tol(accuracy, 0.8, 1e-12);
    m[0].value[RESULT_ORACLE].mean = 0.95;
    ck_assert(!figure_crossing(&r, &accuracy, &above) && !above);
    m[0].value[RESULT_ORACLE].mean = 0.4;
    ck_assert(!figure_crossing(&r, &accuracy, &above) && above);
    r.rlcd = -1;
    ck_assert(!figure_crossing(&r, &accuracy, &above));
    ck_assert_str_eq(report_class(&m[0]), "k-rlcd");
    ck_assert_int_eq(report_turn(&r, &m[3]), 2);
    ck_assert(report_dash(0) == NULL && report_dash(1) != NULL && report_dash(4) == NULL);
}
END_TEST

// ---- numbers as files

START_TEST(csv_fields) {
    static const char *const CASES[][2] = {{"plain", "plain"},
                                           {"a,b", "\"a,b\""},
                                           {"say \"x\"", "\"say \"\"x\"\"\""},
                                           {"two\nlines", "\"two\nlines\""},
                                           {"=1+1", "\"'=1+1\""},
                                           {"", ""}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Str s = str_make(&arena);
        str_append(&s, TEXT(""));
        report_data_field(&s, text_of(CASES[i][0]));
        ck_assert_str_eq(s.data, CASES[i][1]);
    }
}
END_TEST

static const char *read_text(const char *dir, const char *name) {
    Text text;
    ck_ok(file_read(&text, &arena, path_join(&arena, dir, name), 1 << 20, &error), error);
    return text.data;
}

START_TEST(the_verb) {
    const char *a = matrix_small(&arena, folder, "a", 1), *b = matrix_small(&arena, folder, "b", 2);
    const char *out = path_join(&arena, folder, "r.html"), *data = path_join(&arena, folder, "r-data");
    CliResult r = cli_ok(&arena, "report", a, b, "--out", out, "--prompts", "1");
    ck_assert(strstr(r.out.data, "harmless: 4 held-out prompts a seed, 2 seeds") != NULL &&
              strstr(r.out.data, "r.html, numbers in") != NULL);
    const char *page = read_text(folder, "r.html");
    check_page(page);
    ck_assert(strstr(page, "href=\"r-data/methods.csv\"") != NULL);

    // Files hold what the table rounds.
    const char *methods = read_text(data, "methods.csv"), *seeds = read_text(data, "seeds.csv"), *steps = read_text(data, "steps.csv");
    ck_assert(strstr(methods, "\nharmless,base,base,,oracle,2,0.25,0.25,0.25,") != NULL);
    ck_assert(strstr(seeds, "\nharmless,rlaif-novice,rlaif,novice,2,label,0.6666666666666666\n") != NULL);
    ck_assert(strstr(steps, "\nharmless,rlcd,rlcd,,1,1,,1.5,2,0.5,0.25\n") != NULL);
    ck_assert(strstr(steps, "\nharmless,rlcd,rlcd,,2,2,,,1,1,\n") != NULL);
    ck_assert_int_eq(count(read_text(data, "rejections.csv"), "\n"), 1);

    // The same input, the same bytes.
    const char *again = path_join(&arena, folder, "again.html");
    cli_ok(&arena, "report", a, b, "--out", again, "--prompts", "1", "--threads", "2", "--kernels", "scalar");
    ck_assert_str_eq(read_text(path_join(&arena, folder, "again-data"), "methods.csv"), methods);
}
END_TEST

// A demo's folder stands for its matrices, seeds by number, and its sweeps.
START_TEST(a_demos_folder) {
    const char *demo = path_join(&arena, folder, "demo"), *task = path_join(&arena, demo, "harmless");
    ck_ok(directory_make(path_join(&arena, demo, "retrain"), &error), error);
    ck_ok(directory_make(path_join(&arena, task, "seed-x"), &error), error);
    const char *b = matrix_small(&arena, task, "seed-10", 10), *a = matrix_small(&arena, task, "seed-9", 9);
    cli_file(&arena, demo, "predict.jsonl", PREDICT);
    cli_file(&arena, demo, "retrain/points.jsonl", POINTS);
    const char *out = path_join(&arena, folder, "r.html"), *data = path_join(&arena, folder, "r-data");
    cli_ok(&arena, "report", a, b, "--out", out);
    Text single = text_of(read_text(folder, "r.html"));
    ck_assert_int_eq(count(read_text(data, "predict.csv"), "\n"), 1);
    CliResult r = cli_ok(&arena, "report", demo, "--out", out);
    ck_assert(strstr(r.out.data, "4 held-out prompts a seed, 2 seeds") != NULL);
    const char *page = read_text(folder, "r.html"), *csv = read_text(data, "predict.csv");
    check_page(page);
    ck_assert(strstr(csv, "\nharmless,delta,0.5,rlcd,calculated,0.75,,\n") && strstr(csv, "\nharmless,delta,0.5,rlcd,trained,0.5,-3,3\n"));
    ck_assert(strstr(csv, "outline") == NULL && count(page, "<svg ") == count(single.data, "<svg ") + 2);
    // Seeds by number: the page but for its sweeps is that of the two folders in their order.
    const char *cut = strstr(page, "<h3>What the knobs");
    ck_assert(cut && strncmp(page, single.data, (size_t)(cut - page)) == 0);
    cli_file(&arena, demo, "predict.jsonl", "{\"task\":1}");
    r = cli_run(&arena, "report", demo, "--out", out);
    ck_assert_int_eq(r.code, 1);
    ck_assert(strstr(r.err.data, "predict.jsonl:1") != NULL && strstr(r.out.data, "2 seeds") != NULL);
}
END_TEST

// Verdicts beside a stage's files do not change its golden hash: they are no work of the stage.
START_TEST(verdicts_leave_the_hash) {
    char before[65], after[65], other[65];
    cli_file(&arena, folder, "replies.jsonl", "{\"index\":0,\"reply\":\"a\"}\n");
    ck_ok(run_dir_hash(folder, &arena, before, &error), error);
    cli_file(&arena, folder, "oracle.jsonl", "{\"line\":1,\"reply\":{\"score\":1}}\n");
    ck_ok(run_dir_hash(folder, &arena, after, &error), error);
    ck_assert_str_eq(before, after);
    cli_file(&arena, folder, "samples.jsonl", "{}\n");
    ck_ok(run_dir_hash(folder, &arena, other, &error), error);
    ck_assert_str_ne(before, other);
}
END_TEST

START_TEST(the_verb_refuses) {
    const char *a = matrix_small(&arena, folder, "a", 1), *out = path_join(&arena, folder, "r.html");
    CliResult r = cli_run(&arena, "report", "--out", out);
    cli_check_refusal(&r, 2, "argument");
    r = cli_run(&arena, "report", path_join(&arena, folder, "none"), "--out", out);
    cli_check_refusal(&r, 1, "none/results.json");
    r = cli_run(&arena, "report", a, a, "--out", out);
    cli_check_refusal(&r, 1, "seed 1 of this task and model");
    ck_assert(!file_exists(out));
    // A folder that is a file, and no room for the page: the table is shown all the same, and no half of a page is left.
    r = cli_run(&arena, "report", a, "--out", path_join(&arena, a, "results.json/r.html"));
    ck_assert_int_eq(r.code, 1);
    r = cli_run_setup(&(CliSetup){.file_limit = 8192}, &arena, CLI_ARGUMENTS("report", a, "--out", out));
    ck_assert_int_eq(r.code, 1);
    ck_assert(strstr(r.out.data, "harmless: 4 held-out prompts") != NULL && strstr(r.err.data, "r.html") != NULL);
    ck_assert(!file_exists(out));
}
END_TEST

Suite *suite_report(void);
Suite *suite_report(void) {
    Suite *suite = suite_create("report");
    TCase *tc = tcase_create("report");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_whole_page);
    tcase_add_test(tc, two_tasks);
    tcase_add_test(tc, hostile_texts);
    tcase_add_test(tc, little_and_odd_data);
    tcase_add_test(tc, sweeps);
    tcase_add_test(tc, curves);
    tcase_add_test(tc, hacking);
    tcase_add_test(tc, where_rlaif_meets_rlcd);
    tcase_add_test(tc, csv_fields);
    tcase_add_test(tc, the_verb);
    tcase_add_test(tc, a_demos_folder);
    tcase_add_test(tc, verdicts_leave_the_hash);
    tcase_add_test(tc, the_verb_refuses);
    suite_add_tcase(suite, tc);
    return suite;
}
