// Methods side by side through the whole program: the committed hashes on every axis, stops and resumes, what is shared and skipped,
// results.json, one stage by hand, and what is refused.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tools/results_read.h"

#define RECIPE "tests/golden/tiny_matrix.yaml"
#define GGUF "tests/golden/tiny_chat.gguf"

Suite *suite_cli_matrix(void);

static const char *const STAGES[] = {"contrast",
                                     "plain",
                                     "base/eval",
                                     "cd/policy",
                                     "cd/eval",
                                     "rlcd/preference",
                                     "rlcd/policy",
                                     "rlcd/eval",
                                     "rlaif-novice/label",
                                     "rlaif-novice/preference",
                                     "rlaif-novice/policy",
                                     "rlaif-novice/eval",
                                     "rescore-novice/label",
                                     "rescore-novice/preference",
                                     "rescore-novice/policy",
                                     "rescore-novice/eval",
                                     "dpo/policy",
                                     "dpo/eval"};
enum { STAGE_COUNT = sizeof STAGES / sizeof *STAGES };

static const char *in_folder(const char *name) { return path_join(&arena, folder, name); }

// Every stage has the committed hash; the last one that has not is told.
static void check_hashes(const char *out, const char *what) {
    for (int s = 0; s < STAGE_COUNT; s++) {
        const char *golden = cli_golden(&arena, cli_format(&arena, "tiny_matrix/%s", STAGES[s])), *found = cli_hash(&arena, out, STAGES[s]);
        ck_assert_msg(strcmp(golden, found) == 0, "%s with %s: expected %s, found %s", STAGES[s], what, golden, found);
    }
}

typedef struct {
    const char *option[8];
    bool emulated;
} Variant;
static const Variant VARIANTS[] = {
    {{"threads=1", "kernels=scalar"}, true},
    {{"threads=3", "rows=1", "simulate.batch=1", "ppo.batch=1", "eval.batch=1"}, false},
    {{"threads=2", "rows=64", "checkpoint_every=1", "keep=1", "simulate.batch=7", "ppo.batch=2", "eval.batch=3"}, false},
    {{"threads=7", "kernels=scalar", "rows=33", "model=" GGUF}, false},
};

START_TEST(matrix_bits) {
    const Variant *v = &VARIANTS[_i];
    const char *argv[16] = {"run", RECIPE, "--quiet", "--out", folder};
    for (int i = 0; v->option[i]; i++) argv[5 + i] = v->option[i];
    CliResult r = cli_expect(&arena, argv);
    ck_assert_int_eq(r.err.size, 0);
    check_hashes(folder, v->option[0]);
}
END_TEST

// What results.json names is there, and its reader takes it; a second run writes nothing and shows the same.
START_TEST(matrix_results) {
    CliResult first = cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder);
    Matrix matrix;
    ck_ok(matrix_read(&matrix, &arena, folder, 3, &error), error);
    static const char *const NAMES[] = {"base", "cd", "rlcd", "rlaif-novice", "rescore-novice", "dpo"};
    static const char *const KINDS[] = {"base", "cd", "rlcd", "rlaif", "rescore", "dpo"};
    ck_assert_int_eq(matrix.methods, 6);
    ck_assert(matrix.seed == 7 && text_equal(matrix.task, TEXT("harmless")));
    for (int i = 0; i < 6; i++) {
        const MatrixMethod *m = &matrix.method[i];
        bool judged = i == 3 || i == 4, preferred = i >= 2 && i <= 4;
        ck_assert(text_equal(m->name, text_of(NAMES[i])) && text_equal(m->kind, text_of(KINDS[i])));
        ck_assert(text_equal(m->voice, judged ? TEXT("novice") : TEXT("")));
        ck_assert_int_eq(m->replies, 5);
        ck_assert(m->scored == preferred && m->near && (m->preference != NULL) == preferred && (m->policy != NULL) == (i > 0));
        ck_assert_int_eq(m->steps, preferred ? 2 : 0);
        // Each policy was asked the same prompts, and the base stays at KL 0.
        for (int k = 0; k < m->replies; k++) {
            ck_assert_int_eq(m->reply[k].index, matrix.method[0].reply[k].index);
            if (i == 0) ck_assert_double_eq(m->reply[k].kl, 0);
        }
    }
    Text before = cli_tree(&arena, folder);
    struct stat then, now;
    const char *results = in_folder("results.json");
    ck_assert_int_eq(stat(results, &then), 0);
    CliResult again = cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder);
    ck_assert(text_equal(first.out, again.out) && text_equal(cli_tree(&arena, folder), before));
    ck_assert_int_eq(stat(results, &now), 0);
    ck_assert(then.st_mtim.tv_sec == now.st_mtim.tv_sec && then.st_mtim.tv_nsec == now.st_mtim.tv_nsec);

    // A method more: what is there stays, results.json has one row more.
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder,
           "run.methods=[base, cd, rlcd, rlaif-novice, rescore-novice, dpo, rescore-senior]", "resume=must");
    ck_ok(matrix_read(&matrix, &arena, folder, 3, &error), error);
    ck_assert_int_eq(matrix.methods, 7);
    check_hashes(folder, "one method more");
    // The voice is part of that method's label stage, not of the others'.
    ck_assert(strstr(cli_ok(&arena, "inspect", in_folder("dpo/policy")).out.data, "policy") != NULL);
}
END_TEST

// Pairs are made only for methods that need them; a scale with a file of its own needs no plain pairs.
START_TEST(matrix_shares) {
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "run.methods=[base]");
    ck_assert(!file_exists(in_folder("contrast")) && !file_exists(in_folder("plain")));
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "run.methods=[cd, dpo]");
    ck_assert(file_exists(in_folder("contrast")) && !file_exists(in_folder("plain")));
    const char *pairs = path_join(&arena, in_folder("contrast"), "pairs.jsonl");
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "run.methods=[rlcd]",
           cli_format(&arena, "preference.plain=%s", pairs));
    ck_assert(!file_exists(in_folder("plain")));
    // By the scale on training replies none is needed either.
    const char *other = in_folder("other");
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", other, "run.methods=[rlcd]", "preference.scale=training");
    ck_assert(!file_exists(path_join(&arena, other, "plain")));
    // Another scale is the same preference model and another policy.
    ck_assert_str_eq(cli_hash(&arena, other, "rlcd/preference"), cli_hash(&arena, folder, "rlcd/preference"));
    ck_assert_str_ne(cli_hash(&arena, other, "rlcd/policy"), cli_hash(&arena, folder, "rlcd/policy"));
}
END_TEST

#define HAND(verb, dir, ...) cli_ok(&arena, verb, "--config", RECIPE, "--quiet", "--threads=2", "--out", in_folder(dir), __VA_ARGS__)

// The other losses of dpo are methods of their own: each has its policy, that of dpo stays as it was, smoothing counts for cdpo alone.
START_TEST(matrix_losses) {
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "run.methods=[ipo, dpo, cdpo]", "dpo.loss=ipo");
    ck_assert_str_eq(cli_hash(&arena, folder, "dpo/policy"), cli_golden(&arena, "tiny_matrix/dpo/policy"));
    ck_assert_str_ne(cli_hash(&arena, folder, "ipo/policy"), cli_hash(&arena, folder, "dpo/policy"));
    ck_assert_str_ne(cli_hash(&arena, folder, "ipo/policy"), cli_hash(&arena, folder, "cdpo/policy"));
    HAND("dpo", "ipo", "--pairs", in_folder("contrast/pairs.jsonl"), "--loss", "ipo", "--label-smoothing", "0.10");
    HAND("dpo", "cdpo2", "--pairs", in_folder("contrast/pairs.jsonl"), "--loss", "cdpo", "--label-smoothing", "0.2");
    ck_assert_str_eq(cli_hash(&arena, folder, "ipo"), cli_hash(&arena, folder, "ipo/policy"));
    ck_assert_str_ne(cli_hash(&arena, folder, "cdpo2"), cli_hash(&arena, folder, "cdpo/policy"));
    Matrix matrix;
    ck_ok(matrix_read(&matrix, &arena, folder, 3, &error), error);
    ck_assert(matrix.methods == 3 && text_equal(matrix.method[2].kind, TEXT("cdpo")) && matrix.method[2].pairs != NULL);
}
END_TEST

// RLOO and GRPO take rlcd's preference model, and leave rlcd's policy as it was; a stop costs nothing.
START_TEST(matrix_groups) {
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "run.methods=[rloo, grpo]", "ppo.group=2",
           "checkpoint_every=1");
    ck_assert(file_exists(in_folder("rlcd/preference/run.json")) && !file_exists(in_folder("rloo/preference")));
    ck_assert(!file_exists(in_folder("rloo/policy/checkpoint-000002/value.safetensors")));
    const char *rloo = cli_hash(&arena, folder, "rloo/policy"), *grpo = cli_hash(&arena, folder, "grpo/policy");
    ck_assert_str_ne(rloo, grpo);
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=2", "--out", folder, "run.methods=[rlcd, rloo, grpo]", "ppo.group=2");
    ck_assert_str_eq(cli_hash(&arena, folder, "rlcd/preference"), cli_golden(&arena, "tiny_matrix/rlcd/preference"));
    Matrix matrix;
    ck_ok(matrix_read(&matrix, &arena, folder, 3, &error), error);
    ck_assert_int_eq(matrix.methods, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert(strstr(matrix.method[i].preference, "rlcd/preference") && matrix.method[i].scored && matrix.method[i].steps == 2);
        ck_assert(text_equal(matrix.method[i].kind, text_of(i == 0 ? "rlcd" : i == 1 ? "rloo" : "grpo")));
    }
    // By the verb alone, stopped and resumed.
    for (int seconds = 0; seconds < 2; seconds++) {
        CliResult r = cli_run(&arena, "ppo", "--config", RECIPE, "--quiet", "--threads=1", "--out", in_folder("alone"), "--preference",
                              in_folder("rlcd/preference"), "--algorithm", "grpo", "--group", "2", "--max-time", seconds ? "1h" : "0.001s");
        ck_assert_int_eq(r.code, seconds ? 0 : 75);
    }
    ck_assert_str_eq(cli_hash(&arena, folder, "alone"), grpo);
}
END_TEST

// The base's best of several replies by rlcd's preference model, and a preference model of people's pairs.
START_TEST(matrix_best_and_human) {
    const char *hh = "run.human_train=[tests/golden/tiny_hh.jsonl]";
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "run.methods=[base, bon, human]", "run.best_of=3", hh);
    ck_assert(!file_exists(in_folder("bon/policy")) && !file_exists(in_folder("bon/preference")));
    ck_assert_str_eq(cli_hash(&arena, folder, "rlcd/preference"), cli_golden(&arena, "tiny_matrix/rlcd/preference"));
    ck_assert_str_ne(cli_hash(&arena, folder, "human/preference"), cli_hash(&arena, folder, "rlcd/preference"));
    Matrix matrix;
    ck_ok(matrix_read(&matrix, &arena, folder, 3, &error), error);
    const MatrixMethod *base = &matrix.method[0], *bon = &matrix.method[1], *human = &matrix.method[2];
    ck_assert(matrix.methods == 3 && bon->policy == NULL && bon->scored && human->pairs == NULL && human->steps == 2);
    // By the verb alone: single replies beside the best, which are nowhere worse.
    HAND("eval", "eval", "--prompts", "tests/golden/tiny_hh.jsonl", "--preference", in_folder("rlcd/preference"), "--best-of", "3");
    const char *replies = in_folder("eval/replies.jsonl");
    Text text;
    ck_ok(file_read(&text, &arena, replies, 1 << 20, &error), error);
    int better = 0;
    for (int i = 0; i < bon->replies; i++) {
        const Json *row;
        const char *end = memchr(text.data, '\n', text.size);
        ck_ok(json_parse(&row, &arena, (Text){text.data, (size_t)(end - text.data)}, replies, &error), error);
        text = (Text){end + 1, text.size - (size_t)(end + 1 - text.data)};
        ck_assert(text_equal(json_get(row, "base")->string, base->reply[i].reply));
        ck_assert(text_equal(json_get(row, "tuned")->string, bon->reply[i].reply));
        ck_assert_double_ge(json_get(row, "tuned_score")->number, json_get(row, "base_score")->number);
        better += !text_equal(base->reply[i].reply, bon->reply[i].reply);
    }
    ck_assert_int_gt(better, 0);
    // Both kinds of pairs in one, each file with its weight; by the verb alone with and without weights.
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "run.methods=[hybrid]", "run.human_weight=0.5", hh);
    HAND("preference", "both", "--pairs", in_folder("contrast/pairs.jsonl"), "--pairs", "tests/golden/tiny_hh.jsonl", "--weights", "1",
         "--weights", "0.50", "--scale", "training");
    ck_assert_str_ne(cli_hash(&arena, folder, "hybrid/preference"), cli_hash(&arena, folder, "human/preference"));
    HAND("preference", "weightless", "--pairs", in_folder("contrast/pairs.jsonl"), "--pairs", "tests/golden/tiny_hh.jsonl", "--scale",
         "training");
    ck_assert_str_ne(cli_hash(&arena, folder, "both"), cli_hash(&arena, folder, "weightless"));
}
END_TEST

// Each switch of ppo reaches it by its option: no two policies are alike, and every first ratio is 1.
START_TEST(matrix_ppo_switches) {
    static const char *const SWITCH[][6] = {{"--kl", "k1"},
                                            {"--kl", "full"},
                                            {"--kl-in", "loss"},
                                            {"--kl-in", "loss", "--kl", "full"},
                                            {"--kl-target", "0.5", "--kl-gain", "0.1"},
                                            {"--stop-kl", "1e-9"},
                                            {"--whiten-group", "2"},
                                            {"--score-scale", "running"},
                                            {"--score-scale", "running_mean"},
                                            {"--score-clip", "0.01"},
                                            {"--missing-end", "1"},
                                            {"--missing-end", "1", "--missing", "set"},
                                            {"--missing-end", "1", "--ends", "marker"},
                                            {"--rate-steps", "rollout", "--warmup", "0.5"},
                                            {"--unit", "1", "--accumulate", "last"}};
    enum { SWITCHES = sizeof SWITCH / sizeof *SWITCH };
    const char *hash[SWITCHES];
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "run.methods=[rlcd]");
    for (int i = 0; i < SWITCHES; i++) {
        const char *run = cli_format(&arena, "switch-%d", i);
        const char *argv[20] = {
            "ppo", "--config", RECIPE, "--quiet", "--threads=1", "--out", in_folder(run), "--preference", in_folder("rlcd/preference")};
        for (int k = 0; k < 6 && SWITCH[i][k]; k++) argv[9 + k] = SWITCH[i][k];
        ck_assert_ptr_nonnull(strstr(cli_expect(&arena, argv).out.data, "first ratios not 1: 0\n"));
        hash[i] = cli_hash(&arena, folder, run);
        for (int k = 0; k < i; k++) ck_assert_msg(strcmp(hash[i], hash[k]) != 0, "%s is the same as %s", SWITCH[i][0], SWITCH[k][0]);
    }
    ck_assert_str_eq(hash[0], cli_golden(&arena, "tiny_matrix/rlcd/policy"));
}
END_TEST

// The stages one by one by their verbs make what the matrix made.
START_TEST(matrix_by_hand) {
    HAND("simulate", "contrast", "--method", "rlcd");
    HAND("simulate", "plain", "--method", "rlaif");
    HAND("label", "rescore-novice/label", "--pairs", in_folder("contrast"), "--voice", "novice");
    HAND("preference", "rescore-novice/preference", "--pairs", in_folder("rescore-novice/label/pairs.jsonl"), "--plain",
         in_folder("plain/pairs.jsonl"));
    HAND("ppo", "rescore-novice/policy", "--preference", in_folder("rescore-novice/preference"));
    HAND("eval", "rescore-novice/eval", "--policy", "rescore-novice", "--adapter", in_folder("rescore-novice/policy"), "--preference",
         in_folder("rescore-novice/preference"), "--prompts", "tests/golden/tiny_hh.jsonl", "--pairs", "tests/golden/tiny_hh.jsonl");
    HAND("sft", "cd/policy", "--pairs", in_folder("contrast/pairs.jsonl"));
    HAND("dpo", "dpo/policy", "--pairs", in_folder("contrast/pairs.jsonl"));
    HAND("eval", "base/eval", "--policy", "base", "--prompts", "tests/golden/tiny_hh.jsonl");
    static const char *const MADE[] = {"contrast",
                                       "plain",
                                       "rescore-novice/label",
                                       "rescore-novice/preference",
                                       "rescore-novice/policy",
                                       "rescore-novice/eval",
                                       "cd/policy",
                                       "dpo/policy",
                                       "base/eval"};
    for (size_t i = 0; i < sizeof MADE / sizeof *MADE; i++)
        ck_assert_str_eq(cli_hash(&arena, folder, MADE[i]), cli_golden(&arena, cli_format(&arena, "tiny_matrix/%s", MADE[i])));
    // The matrix takes over what is there.
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder, "resume=must");
    check_hashes(folder, "stages by hand");
}
END_TEST

// ---- stops

static bool reached(const char *file, int lines) {
    const char *path = in_folder(file);
    Text text;
    ArenaMark mark = arena_mark(&arena);
    bool there = file_exists(path) && (lines == 0 || (file_read(&text, &arena, path, 1 << 24, NULL) == OK && cli_lines(text) >= lines));
    arena_release(&arena, mark);
    return there;
}

static const struct {
    const char *file;
    int lines;
} MOMENTS[] = {{"contrast/pairs.jsonl", 3},
               {"cd/policy/metrics.jsonl", 2},
               {"plain/pairs.jsonl", 4},
               {"rlcd/preference/metrics.jsonl", 1},
               {"rlcd/policy/metrics.jsonl", 1},
               {"rlaif-novice/label/run.json", 0},
               {"rlaif-novice/label/pairs.jsonl", 1},
               {"rescore-novice/policy/run.json", 0},
               {"dpo/policy/metrics.jsonl", 1},
               {"dpo/eval/run.json", 0}};
enum { MOMENT_COUNT = sizeof MOMENTS / sizeof *MOMENTS };

static void chain(int number, int code) {
    int stopped = 0, silent = 0;
    for (int i = 0; i < MOMENT_COUNT; i++) {
        CliProcess process = cli_start(&(CliSetup){0}, CLI_ARGUMENTS("run", RECIPE, "--quiet", "--threads=1", "--out", folder));
        while (!reached(MOMENTS[i].file, MOMENTS[i].lines) && cli_running(&process)) usleep(200);
        kill(process.pid, number);
        CliResult r = cli_wait(&process, &arena);
        stopped += r.code != 0;
        if (r.code == 0 || number == SIGKILL) continue;
        // A signal that came before the program listened ends it without a word.
        silent += r.err.size == 0 && r.code == 128 + number;
        if (r.err.size == 0 && r.code == 128 + number) continue;
        ck_assert_msg(r.code == code && cli_lines(r.err) == 1 && strstr(r.err.data, "stopped") != NULL, "%d: %s", r.code, r.err.data);
    }
    ck_assert_int_le(silent, MOMENT_COUNT / 2);
    ck_assert_msg(stopped >= MOMENT_COUNT / 2, "only %d of %d signals came in time", stopped, MOMENT_COUNT);
    cli_ok(&arena, "run", RECIPE, "--quiet", "--threads=1", "--out", folder);
    check_hashes(folder, "stops");
    ck_assert_ptr_null(strstr(cli_tree(&arena, folder).data, ".tmp"));
}

START_TEST(matrix_interrupt) { chain(SIGINT, 130); }
END_TEST
START_TEST(matrix_kill) { chain(SIGKILL, 137); }
END_TEST

// A label file that was torn anywhere is completed to the same bytes; the counts of the whole stand in the card.
START_TEST(matrix_label_resumes) {
    const char *pairs = in_folder("pairs"), *out = in_folder("label"), *file = path_join(&arena, out, "pairs.jsonl");
    cli_ok(&arena, "simulate", "--config", RECIPE, "--quiet", "--threads=1", "--out", pairs);
#define LABEL "label", "--config", RECIPE, "--quiet", "--threads=1", "--pairs", pairs, "--max-tokens", "105", "--out"
    CliResult whole = cli_ok(&arena, LABEL, in_folder("whole"));
    Text expected, found;
    ck_ok(file_read(&expected, &arena, path_join(&arena, in_folder("whole"), "pairs.jsonl"), 1 << 24, &error), error);
    // Some pairs are too long at this limit.
    ck_assert_msg(strstr(whole.out.data, " 0 pairs too long") == NULL, "%s", whole.out.data);
    for (size_t keep = 0; keep < expected.size; keep += 1 + expected.size / 5) {
        ck_ok(directory_make(out, &error), error);
        ck_ok(file_write(file, expected.data, keep, &error), error);
        CliResult r = cli_ok(&arena, LABEL, out);
        ck_ok(file_read(&found, &arena, file, 1 << 24, &error), error);
        ck_assert(text_equal(found, expected) && text_equal(r.out, whole.out));
        ck_assert_str_eq(cli_hash(&arena, folder, "label"), cli_hash(&arena, folder, "whole"));
        ck_ok(directory_remove(out, &error), error);
    }
}
END_TEST

// ---- bad input

static void refuse(int code, const char *part, const char *const *argv) {
    Text before = cli_tree(&arena, folder);
    CliResult r = cli_run_setup(&(CliSetup){0}, &arena, argv);
    cli_check_refusal(&r, code, part);
    ck_assert_msg(text_equal(before, cli_tree(&arena, folder)), "'%s' left something behind", part);
}
#define REFUSE(code, part, ...) refuse((code), (part), CLI_ARGUMENTS(__VA_ARGS__))

START_TEST(matrix_refuses) {
    const char *out = cli_format(&arena, "out=%s", in_folder("run")), *run = in_folder("run");
    REFUSE(2, "did you mean rlcd?", "run", RECIPE, out, "run.methods=[base, rlcdd]");
    REFUSE(2, "is there twice", "run", RECIPE, out, "run.methods=[base, cd, base]");
    REFUSE(2, "letters, digits", "run", RECIPE, out, "run.methods=[rlaif-../../x]");
    REFUSE(2, "multiple of ppo.group (4), found 6", "run", RECIPE, out, "run.methods=[base, rloo]");
    REFUSE(2, "multiple of ppo.group (4), found 6", "run", RECIPE, out, "run.methods=[rlcd]", "ppo.algorithm=grpo");
    REFUSE(2, "multiple of ppo.group (5), found 32", "ppo", "--model", TINY, "--out", run, "--preference", folder, "--prompts", TINY_HH,
           "--algorithm", "rloo", "--group", "5");
    REFUSE(2, "from 2 to", "ppo", "--model", TINY, "--out", run, "--preference", folder, "--prompts", TINY_HH, "--group", "1");
    REFUSE(2, "eval.require", "run", RECIPE, out, "eval.require=2");
    REFUSE(1, "expected a run to resume", "run", RECIPE, out, "resume=must");
    // label: nothing to label, a task without a judge, labels that are no tokens, pairs that are no dialogues.
    REFUSE(2, "--pairs", "label", "--model", TINY, "--out", run);
    REFUSE(1, "pairs.jsonl", "label", "--model", TINY, "--out", run, "--pairs", folder);
    const char *bare = "version: 1\nname: t\nplus: [a]\nminus: [b]\n",
               *pairs = cli_file(&arena, folder, "pairs.jsonl",
                                 "{\"prompt\":\"\\n\\nHuman: Hi.\\n\\nAssistant:\",\"chosen\":\" a\",\"rejected\":\" b\"}\n");
    REFUSE(1, "expected the key 'judge'", "label", "--model", TINY, "--out", run, "--pairs", pairs, "--task",
           cli_file(&arena, folder, "bare.yaml", bare));
    const char *judge = cli_format(&arena, "%sjudge: \"{first} or {second}? \"\nlabels: [first, \"the second one\"]\n", bare);
    REFUSE(1, "the label \"first\" is", "label", "--model", TINY, "--out", run, "--pairs", pairs, "--max-tokens", "200", "--task",
           cli_file(&arena, folder, "judge.yaml", judge));
    REFUSE(1, "context of 256", "label", "--model", TINY, "--out", run, "--pairs", pairs);
    const char *task = cli_file(&arena, folder, "unknown.yaml", cli_format(&arena, "%sjudge: \"{first} {secnd}\"\n", bare));
    REFUSE(1, "did you mean {second}?", "label", "--model", TINY, "--out", run, "--pairs", pairs, "--task", task);
    // sft, dpo, the scale, one policy alone.
    REFUSE(2, "--pairs", "sft", "--model", TINY, "--out", run);
    REFUSE(2, "--pairs", "dpo", "--model", TINY, "--out", run);
    REFUSE(1, "none of 24 fits", "sft", "--model", TINY, "--out", run, "--pairs", TINY_HH, "--max-tokens", "8");
    REFUSE(2, "q_proj", "dpo", "--model", TINY, "--out", run, "--pairs", pairs, "--targets", "q_pro");
    REFUSE(2, "dpo|ipo|cdpo", "dpo", "--model", TINY, "--out", run, "--pairs", pairs, "--loss", "kto");
    REFUSE(2, "number from 0 to 0.5", "dpo", "--model", TINY, "--out", run, "--pairs", pairs, "--label-smoothing", "0.6");
    REFUSE(2, "number from", "dpo", "--model", TINY, "--out", run, "--pairs", pairs, "--beta", "-1");
    REFUSE(2, "--plain", "preference", "--model", TINY, "--out", run, "--pairs", pairs, "--scale", "plain");
    REFUSE(1, "none.jsonl", "preference", "--model", TINY, "--out", run, "--pairs", pairs, "--scale", "plain", "--plain",
           in_folder("none.jsonl"));
    REFUSE(2, "one for each of 1 files of pairs, found 2", "preference", "--model", TINY, "--out", run, "--pairs", pairs, "--weights", "1",
           "--weights", "2");
    REFUSE(2, "numbers from 0 to 1e6, found \"x\"", "preference", "--model", TINY, "--out", run, "--pairs", pairs, "--weights", "x");
    REFUSE(2, "\"hybrid\" needs run.human_train", "run", RECIPE, "--out", run, "run.methods=[hybrid]");
    REFUSE(2, "--best-of needs --prompts", "eval", "--model", TINY, "--out", run, "--pairs", pairs, "--best-of", "2");
    REFUSE(2, "--policy needs --prompts", "eval", "--model", TINY, "--out", run, "--policy", "x", "--pairs", pairs);
    REFUSE(2, "cannot go with --require", "eval", "--model", TINY, "--out", run, "--policy", "x", "--prompts", TINY_HH, "--require", "1");
}
END_TEST

// A pair that is no dialogue stops the judge with its number; what was labelled before is kept.
START_TEST(matrix_bad_pair) {
    const char *pairs = cli_file(&arena, folder, "pairs.jsonl",
                                 "{\"prompt\":\"\\n\\nHuman: Hi.\\n\\nAssistant:\",\"chosen\":\" a\",\"rejected\":\" b\"}\n"
                                 "{\"prompt\":\"Once upon\",\"chosen\":\" a\",\"rejected\":\" b\"}\n");
    CliResult r = cli_run(&arena, "label", "--model", TINY, "--quiet", "--out", in_folder("run"), "--pairs", pairs, "--max-tokens", "200");
    cli_check_refusal(&r, 1, "pair 1: prompt: ");
}
END_TEST

Suite *suite_cli_matrix(void) {
    Suite *suite = suite_create("cli_matrix");
    TCase *tc = tcase_create("matrix");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 600);
    for (int i = 0; i < (int)(sizeof VARIANTS / sizeof *VARIANTS); i++)
        if (getenv("RLCD_QEMU") == NULL || VARIANTS[i].emulated) tcase_add_loop_test(tc, matrix_bits, i, i + 1);
    tcase_add_test(tc, matrix_refuses);
    tcase_add_test(tc, matrix_bad_pair);
    suite_add_tcase(suite, tc);
    // An emulator shows nothing more in the others.
    if (getenv("RLCD_QEMU") != NULL) return suite;
    tcase_add_test(tc, matrix_results);
    tcase_add_test(tc, matrix_shares);
    tcase_add_test(tc, matrix_losses);
    tcase_add_test(tc, matrix_groups);
    tcase_add_test(tc, matrix_best_and_human);
    tcase_add_test(tc, matrix_ppo_switches);
    tcase_add_test(tc, matrix_by_hand);
    tcase_add_test(tc, matrix_interrupt);
    tcase_add_test(tc, matrix_kill);
    tcase_add_test(tc, matrix_label_resumes);
    return suite;
}
