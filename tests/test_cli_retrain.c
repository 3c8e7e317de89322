// rlcd demo --retrain with bases of a few steps: what it makes is what the verbs make, a stop goes on to the same bits, bad options.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tensor/base/file.h"
#include "tests/cli.h"

Suite *suite_cli_retrain(void);

static Arena arena;
static Error error;
static const char *dir;

static void setup(void) {
    arena = arena_make("test_cli_retrain", 0);
    dir = temporary_make(&arena);
}
static void teardown(void) {
    temporary_remove(dir);
    arena_free(&arena);
}

// Bases of two steps a phase; the base alone is asked, for what they say is not worth training on.
#define SMALL \
    "demo.prompts=8", "demo.held_out=8", "demo.retrain_tokens=3000", "demo.predict_pairs=50", "run.methods=[base]", "eval.max_new=16"

static Text text_in(const char *place, const char *name) {
    Text text;
    ck_ok(file_read(&text, &arena, path_join(&arena, place, name), 16 << 20, &error), error);
    return text;
}

static void check_same(const char *a, const char *b) {
    char one[65], two[65];
    ck_ok(file_sha256(a, one, &error), error);
    ck_ok(file_sha256(b, two, &error), error);
    ck_assert_msg(strcmp(one, two) == 0, "%s and %s differ", a, b);
}

// One phase by the verbs themselves.
static void run_phase(int phase, const char *tokens, const char *knob, const char *from, const char *source) {
    const char *config = cli_format(&arena, "models/tiny/phase-%d.yaml", phase),
               *text = cli_format(&arena, "%s/verbs-%d.jsonl", dir, phase);
    const char *out = cli_format(&arena, "%s/verbs-%d", dir, phase);
    cli_ok(&arena, "world", "corpus", "--quiet", "--config", config, "--tokens", tokens, "--out", text, knob);
    cli_ok(&arena, "pretrain", "--quiet", "--config", config, "--tokens", tokens, "--text", text, from, source, "--out", out);
}

START_TEST(retrain_small) {
    if (getenv("RLCD_QEMU")) return;  // the emulator has proved its stages
    const char *place = cli_format(&arena, "%s/demo", dir), *out = cli_format(&arena, "out=%s", place);
    const char *base = path_join(&arena, place, "retrain/delta-0.5");
    CliResult r = cli_ok(&arena, "demo", "--retrain", out, SMALL, "demo.retrain_knobs=[delta=0.5, leak=0.3]");
    // What is said before it begins, the table, the page.
    static const char *const SAID[] = {"retrain: leak 0.3 is the world's own: the embedded base stands for it\n",
                                       "retrain: 1 base of 3000 tokens, 1 matrix on them, about ", "^C keeps what is done",
                                       "\ndelta-0.5 base eval "};
    for (size_t i = 0; i < sizeof SAID / sizeof *SAID; i++) ck_assert_msg(strstr(r.err.data, SAID[i]), "no %s in %s", SAID[i], r.err.data);
    ck_assert(strstr(r.out.data, "\nRetrained: ") && strstr(r.out.data, "\nharmless  delta     0.5 ") &&
              strstr(r.out.data, "\nharmless  leak      0.3 "));
    ck_assert(text_find(text_in(place, "report.html"), TEXT("Filled marks: models trained")) >= 0);
    Text points = text_in(place, "retrain/points.jsonl");
    ck_assert_int_eq(cli_lines(points), 2);
    ck_assert(text_begins(points, TEXT("{\"task\":\"harmless\",\"delta\":0.5,\"method\":\"base\",\"seeds\":1,\"oracle\":")));
    ck_assert(!file_exists(path_join(&arena, place, "retrain/pace")) && !file_exists(path_join(&arena, place, "retrain/own")));

    // The same as by hand, with each phase's share of the tokens.
    const char *tokens[2];
    for (int i = 0; i < 2; i++) {
        const char *at = strstr(text_in(base, i ? "base-2/run.json" : "base-1/run.json").data, "\"pretrain.tokens\":");
        ck_assert_ptr_nonnull(at);
        tokens[i] = cli_format(&arena, "%ld", strtol(at + 18, NULL, 10));
    }
    run_phase(1, tokens[0], "--delta=0.5", "--tokenizer", "models/tiny");
    run_phase(2, tokens[1], "--delta=0.5", "--model", cli_format(&arena, "%s/verbs-1/model", dir));
    check_same(cli_format(&arena, "%s/verbs-2.jsonl", dir), path_join(&arena, base, "corpus-2/corpus.jsonl"));
    check_same(cli_format(&arena, "%s/verbs-2/model/model.safetensors", dir), path_join(&arena, base, "base-2/model/model.safetensors"));

    // Again: everything is there.
    Text before = cli_tree(&arena, path_join(&arena, place, "retrain"));
    CliResult again = cli_ok(&arena, "demo", "--retrain", out, SMALL, "demo.retrain_knobs=[delta=0.5, leak=0.3]");
    ck_assert(strstr(again.err.data, "retrain: 1 base is there\n") && strstr(again.err.data, "pace:") == NULL);
    ck_assert(text_equal(again.out, r.out) && text_equal(cli_tree(&arena, path_join(&arena, place, "retrain")), before));
    // Other tokens are another recipe.
    again = cli_run(&arena, "demo", "--retrain", "--quiet", out, SMALL, "demo.retrain_tokens=4000", "demo.retrain_knobs=[delta=0.5]");
    ck_assert_int_eq(again.code, 1);
    ck_assert(strstr(again.err.data, "corpus-1: this directory belongs to another recipe") != NULL);
}
END_TEST

// With another model than the embedded one the world's own values are trained too, once for all of them.
START_TEST(retrain_own) {
    if (getenv("RLCD_QEMU")) return;
    const char *place = cli_format(&arena, "%s/demo", dir);
    ck_assert_int_eq(system(cli_format(&arena, "cp -R models/tiny %s/model", dir)), 0);
    CliResult r = cli_ok(&arena, "demo", "--retrain", cli_format(&arena, "out=%s", place), cli_format(&arena, "model=%s/model", dir), SMALL,
                         "demo.retrain_knobs=[delta=1, leak=0.3]", "demo.seeds=2");
    ck_assert(strstr(r.err.data, "embedded base") == NULL && strstr(r.err.data, "retrain: 1 base of 3000 tokens, 1 matrix on") != NULL);
    Text points = text_in(place, "retrain/points.jsonl");
    ck_assert_int_eq(cli_lines(points), 2);
    const char *one = strstr(points.data, "\"method\""), *two = strstr(one + 1, "\"method\"");
    ck_assert(strncmp(one, two, strlen(two)) == 0 && strstr(one, "\"seeds\":2") != NULL);
}
END_TEST

static void wait_for(const char *file, CliProcess *process) {
    while (!(file_exists(file) && cli_catches(process, SIGTERM)) && cli_running(process)) nanosleep(&(struct timespec){0, 200000}, NULL);
}

// ^C at several moments, then to the end: the bits of a run that was let alone.
START_TEST(retrain_stopped) {
    if (getenv("RLCD_QEMU")) return;
    const char *whole = cli_format(&arena, "%s/whole", dir), *parts = cli_format(&arena, "%s/parts", dir);
    static const char *const MOMENTS[] = {"retrain/delta-0.5/corpus-1/run.json", "retrain/delta-0.5/base-1/run.json",
                                          "retrain/delta-0.5/base-2/metrics.jsonl"};
    cli_ok(&arena, "demo", "--retrain", "--quiet", cli_format(&arena, "out=%s", whole), SMALL, "demo.retrain_knobs=[delta=0.5]");
    const char *const *argv =
        CLI_ARGUMENTS("demo", "--retrain", "--quiet", cli_format(&arena, "out=%s", parts), SMALL, "demo.retrain_knobs=[delta=0.5]");
    int stopped = 0;
    for (size_t i = 0; i < sizeof MOMENTS / sizeof *MOMENTS; i++) {
        CliProcess process = cli_start(&(CliSetup){0}, argv);
        wait_for(path_join(&arena, parts, MOMENTS[i]), &process);
        kill(process.pid, SIGINT);
        CliResult r = cli_wait(&process, &arena);
        ck_assert_msg(r.code == 0 || (r.code == 130 && strstr(r.err.data, "stopped")), "%d: %s", r.code, r.err.data);
        stopped += r.code == 130;
    }
    ck_assert_int_ge(stopped, 1);
    cli_expect(&arena, argv);
    static const char *const FILES[] = {"retrain/points.jsonl", "retrain/delta-0.5/corpus-2/corpus.jsonl",
                                        "retrain/delta-0.5/base-2/model/model.safetensors",
                                        "retrain/delta-0.5/harmless/seed-1/base/eval/replies.jsonl"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        check_same(path_join(&arena, whole, FILES[i]), path_join(&arena, parts, FILES[i]));
}
END_TEST

// Before anything runs.
START_TEST(retrain_refused) {
    static const char *const CASES[][2] = {
        {"demo.retrain_knobs=[detla=1]", "with a knob of the world, found 'detla=1'"},
        {"demo.retrain_knobs=[delta]", "expected KNOB=X"},
        {"demo.retrain_knobs=[delta=x]", "expected delta as a number from -10 to 10, found 'x'"},
        {"demo.retrain_knobs=[delta=99]", "from -10 to 10"},
        {"demo.retrain_knobs=[delta=nan]", "found 'nan'"},
        {"demo.retrain_knobs=[min_sentences=1.5]", "as a whole number"},
        {"demo.retrain_knobs=[leak=0, leak=0.0]", "is there twice"},
        {"demo.retrain_knobs=[p_judge=0.1]", "p_judge is set by the recipe of the base"},
        {"demo.retrain_tokens=-1", "from 0 to"},
        {"demo.retrain=maybe", "expected true or false"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CliResult r = cli_run(&arena, "demo", "--retrain", cli_format(&arena, "out=%s/x", dir), CASES[i][0]);
        cli_check_refusal(&r, 2, CASES[i][1]);
        ck_assert(!file_exists(cli_format(&arena, "%s/x", dir)));
    }
    // More values than a sweep may have.
    Str many = str_make(&arena);
    for (int i = 0; i < 33; i++) str_printf(&many, "%sleak=0.%03d", i ? ", " : "demo.retrain_knobs=[", i);
    str_append(&many, TEXT("]"));
    CliResult r = cli_run(&arena, "demo", "--retrain", cli_format(&arena, "out=%s/x", dir), many.data);
    cli_check_refusal(&r, 2, "at most 32 values, found 33");
}
END_TEST

Suite *suite_cli_retrain(void) {
    Suite *suite = suite_create("cli_retrain");
    TCase *tc = tcase_create("retrain");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, retrain_small);
    tcase_add_test(tc, retrain_own);
    tcase_add_test(tc, retrain_stopped);
    tcase_add_test(tc, retrain_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
