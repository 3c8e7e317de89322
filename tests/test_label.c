// Labels by a judge: by their definition from single logits, in any batch, after any stop; places, forms, hard labels, refusals.
#include "rlcd/label.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rlcd/contrast.h"
#include "rlcd/score.h"
#include "tensor/base/json.h"
#include "tensor/base/rng.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_label(void);

enum { PAIRS = 9 };

static Arena arena;
static Error error;
static Base base;
static const char *dir;
static PairList pairs;

static const char TASK[] =
    "version: 1\nname: toy\nplus: [good, wise]\nminus: [bad, dull]\ninstructions: [\"Which is good?\", \"Which is wise?\"]\n"
    "judge: \"{dialogue}\\n\\n{voice}: {instruction}\\n\\nA: {first}\\n\\nB: {second}\\n\\n(\"\n";

static Task task_of(const char *more) {
    Task task;
    Str text = str_make(&arena);
    str_printf(&text, "%s%s", TASK, more);
    ck_ok(task_parse(&task, &arena, str_text(&text), "toy.yaml", &error), error);
    return task;
}

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_label", 0);
    base = tiny_base(&arena, 3, false);
    dir = temporary_make(&arena);
    Str rows = str_make(&arena);
    for (int i = 0; i < PAIRS; i++)
        str_printf(&rows,
                   "{\"prompt\":\"%s\\n\\nHuman: Q%d?\\n\\nAssistant:\",\"chosen\":\" yes %d\",\"rejected\":\" no %d.\",\"index\":%d,"
                   "\"task\":\"toy\",\"affix\":%d,\"label\":0.5,\"method\":\"%s\"}\n",
                   i % 4 ? "" : "\\n\\nHuman: A.\\n\\nAssistant: B.", i, i, i * i, 3 * i, i % 2, i % 3 ? "rlaif" : "rlcd");
    const char *path = path_join(&arena, dir, "in.jsonl");
    ck_ok(file_write(path, rows.data, rows.size, &error), error);
    ck_ok(pairs_read(&pairs, &arena, &path, 1, task_plain(), true, &error), error);
    ck_assert_int_eq(pairs.count, PAIRS);
}

static void teardown(void) {
    temporary_remove(dir);
    arena_free(&arena);
}

static LabelConfig config_of(LabelOrders orders, LabelForm form) {
    return (LabelConfig){.orders = orders, .form = form, .voice = TEXT("sir"), .max_tokens = 90};
}

static const char *folder(const char *name) {
    const char *path = path_join(&arena, dir, name);
    ck_ok(directory_make(path, &error), error);
    return path;
}

static Status run(LabelResult *result, const char *to, const Task *task, const LabelConfig *config, int rows, int stop_after) {
    Session session = tiny_session(&arena, to);
    session.rows = rows;
    tiny_stop_after = stop_after;
    Status status = label_run(result, &base, task, &pairs, config, &session, &error);
    tiny_session_end(&session);
    return status;
}

static Pair *labelled(const char *from, int expected) {
    PairList list;
    const char *path = path_join(&arena, from, "pairs.jsonl");
    ck_ok(pairs_read(&list, &arena, &path, 1, task_plain(), false, &error), error);
    ck_assert_int_eq(list.count, expected);
    return list.pair;
}

// The judge's prompt by its definition, and the two logits behind it, one sequence at a time.
static double odds_of(const Pair *p, const char *instruction, bool swapped, const char *a, const char *b) {
    Str text = str_make(&arena);
    ptrdiff_t open = text_find_last(p->prompt, TEXT("\n\nAssistant:"));
    const Text *first = swapped ? &p->rejected : &p->chosen, *second = swapped ? &p->chosen : &p->rejected;
    str_printf(&text, "%.*s\n\nsir: %s\n\nA: %s\n\nB: %s\n\n(", (int)open, p->prompt.data, instruction, first->data + 1, second->data + 1);
    int count, n;
    const int32_t *ids = tiny_encode(&base, &arena, text.data, &count);
    int32_t label[2] = {tiny_encode(&base, &arena, a, &n)[0], 0};
    ck_assert_int_eq(n, 1);
    label[1] = tiny_encode(&base, &arena, b, &n)[0];
    ck_assert_int_eq(n, 1);
    float logit[2];
    Sequence s = {(int32_t *)ids, count, count};
    Session session = tiny_session(&arena, "");
    Role judge = role_base(&base);
    ck_ok(score_logits(logit, &judge, &s, 1, label, 2, &session, &error), error);
    tiny_session_end(&session);
    double d = (double)logit[0] - (double)logit[1];
    return swapped ? -d : d;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

// Both orders, the first place alone, and hard labels.
START_TEST(label_definition) {
    const Task task = task_of("");
    LabelResult result;
    LabelConfig both = config_of(ORDERS_BOTH, LABELS_BARE), first = config_of(ORDERS_FIRST, LABELS_BARE), hard = both;
    hard.hard = true;
    ck_ok(run(&result, folder("both"), &task, &both, 512, -1), error);
    ck_assert(result.labelled == PAIRS && result.too_long == 0 && result.cut == 0);
    ck_ok(run(&result, folder("first"), &task, &first, 512, -1), error);
    ck_ok(run(&result, folder("hard"), &task, &hard, 512, -1), error);
    const Pair *b = labelled(folder("both"), PAIRS), *f = labelled(folder("first"), PAIRS), *h = labelled(folder("hard"), PAIRS);
    int below = 0;
    for (int i = 0; i < PAIRS; i++) {
        const char *question = task.instruction[i % 2].data;
        double one = odds_of(&pairs.pair[i], question, false, "A", "B"), two = odds_of(&pairs.pair[i], question, true, "A", "B");
        ck_assert_double_eq_tol(b[i].label, sigmoid((one + two) / 2), 1e-6);
        ck_assert_double_eq_tol(f[i].label, sigmoid(one), 1e-6);
        ck_assert_double_eq(h[i].label, b[i].label > 0.5);
        below += b[i].label < 0.5;
        // Replies stay where they stood; the method tells where the pair came from.
        ck_assert(text_equal(b[i].chosen, pairs.pair[i].chosen) && text_equal(b[i].rejected, pairs.pair[i].rejected));
        ck_assert(text_equal(b[i].method, i % 3 ? TEXT("rlaif") : TEXT("rescore")));
        ck_assert(b[i].index == pairs.pair[i].index && b[i].affix == i % 2);
        ck_assert_double_eq(tiny_number(&arena, folder("both"), "pairs.jsonl", i, "label"), b[i].label);
    }
    ck_assert(below > 0 && below < PAIRS);
    // What the judge said travels along.
    Text file = tiny_file(&arena, folder("both"), "pairs.jsonl"), alone = tiny_file(&arena, folder("first"), "pairs.jsonl");
    ck_assert_int_ge(text_find(file, TEXT("\"judge\":{\"voice\":\"sir\",\"chosen_first\":")), 0);
    ck_assert_int_ge(text_find(file, TEXT("\"chosen_second\":")), 0);
    ck_assert_int_lt(text_find(alone, TEXT("\"chosen_second\":")), 0);
}
END_TEST

// Spaced labels are other tokens; both forms together are the log-sum-exp.
START_TEST(label_forms) {
    const Task task = task_of("");
    LabelResult result;
    LabelConfig spaced = config_of(ORDERS_FIRST, LABELS_SPACED), both = config_of(ORDERS_FIRST, LABELS_BOTH);
    ck_ok(run(&result, folder("spaced"), &task, &spaced, 512, -1), error);
    ck_ok(run(&result, folder("both"), &task, &both, 512, -1), error);
    const Pair *s = labelled(folder("spaced"), PAIRS), *b = labelled(folder("both"), PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        const char *question = task.instruction[i % 2].data;
        ck_assert_double_eq_tol(s[i].label, sigmoid(odds_of(&pairs.pair[i], question, false, " A", " B")), 1e-6);
        // log(e^A + e^ A) - log(e^B + e^ B) from the four differences to B.
        double bare = odds_of(&pairs.pair[i], question, false, "A", "B"), mixed = odds_of(&pairs.pair[i], question, false, " A", "B"),
               other = odds_of(&pairs.pair[i], question, false, " B", "B");
        ck_assert_double_eq_tol(b[i].label, sigmoid(log(exp(bare) + exp(mixed)) - log(1 + exp(other))), 1e-6);
    }
}
END_TEST

// One order at random: drawn by (seed, index), both occur, and each gives that order's odds.
START_TEST(label_random) {
    const Task task = task_of("");
    LabelResult result;
    LabelConfig config = config_of(ORDERS_RANDOM, LABELS_BARE);
    ck_ok(run(&result, folder("random"), &task, &config, 512, -1), error);
    const Pair *r = labelled(folder("random"), PAIRS);
    int swapped = 0;
    for (int i = 0; i < PAIRS; i++) {
        bool swap = rng_bits(rng_key(7, "label.order"), (RngDraw){.prompt = (uint32_t)pairs.pair[i].index}) & 1;
        swapped += swap;
        double odds = odds_of(&pairs.pair[i], task.instruction[i % 2].data, swap, "A", "B");
        ck_assert_double_eq_tol(r[i].label, sigmoid(odds), 1e-6);
    }
    ck_assert(swapped > 0 && swapped < PAIRS);
}
END_TEST

// The same file for any batch, and after stops and a torn line.
START_TEST(label_resumes) {
    const Task task = task_of("");
    LabelConfig config = config_of(ORDERS_BOTH, LABELS_BARE);
    LabelResult result, again;
    const char *one = folder("one"), *two = folder("two");
    ck_ok(run(&result, one, &task, &config, 512, -1), error);
    Text whole = tiny_file(&arena, one, "pairs.jsonl");
    static const int ROWS[] = {1, 70, 200};
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        ck_ok(run(&again, folder(name), &task, &config, ROWS[i], -1), error);
        ck_assert(text_equal(tiny_file(&arena, folder(name), "pairs.jsonl"), whole));
    }
    ck_assert_int_eq(run(&again, two, &task, &config, 1, 5), ERR_STOPPED);
    for (size_t keep = 0; keep < whole.size; keep += 173) {
        ck_ok(file_write(path_join(&arena, two, "pairs.jsonl"), whole.data, keep, &error), error);
        ck_ok(run(&again, two, &task, &config, 512, -1), error);
        ck_assert(text_equal(tiny_file(&arena, two, "pairs.jsonl"), whole));
        ck_assert(again.labelled == result.labelled && again.cut == result.cut && again.too_long == result.too_long);
    }
    // Nothing is left to do: nothing is asked.
    ck_ok(run(&again, two, &task, &config, 512, 0), error);
}
END_TEST

// Dialogues lose turns, then pairs are left out; a limit that none meets is an error.
START_TEST(label_limits) {
    const Task task = task_of("");
    LabelResult result;
    LabelConfig config = config_of(ORDERS_FIRST, LABELS_BARE);
    int longest = 0, shortest = 1000;
    for (config.max_tokens = 90; config.max_tokens > 8; config.max_tokens--) {
        char name[16];
        snprintf(name, sizeof name, "m%d", config.max_tokens);
        Status status = run(&result, folder(name), &task, &config, 512, -1);
        if (status != OK) break;
        ck_assert_int_eq(result.labelled + result.too_long, PAIRS);
        if (result.cut > 0 && result.too_long == 0 && longest == 0) longest = config.max_tokens;
        if (result.too_long > 0) shortest = config.max_tokens;
        labelled(folder(name), (int)result.labelled);
    }
    ck_assert(longest > shortest && shortest > 8);
    ck_assert_ptr_nonnull(strstr(error.text, "none of 9 pairs fits"));
}
END_TEST

START_TEST(label_refuses) {
    LabelResult result;
    LabelConfig config = config_of(ORDERS_BOTH, LABELS_BARE);
    Task task = task_of("labels: [\"no single token\", B]\n");
    ck_assert_int_eq(run(&result, folder("a"), &task, &config, 512, -1), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "\"no single token\""));
    task = task_of("");
    pairs.pair[4].prompt = TEXT("no dialogue");
    ck_assert_int_eq(run(&result, folder("b"), &task, &config, 512, -1), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "pair 4"));
    pairs.pair[4].prompt = TEXT("\n\nHuman: Q?\n\nAssistant:");
    pairs.pair[4].affix = 2;
    ck_assert_int_eq(run(&result, folder("c"), &task, &config, 512, -1), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "affix 2"));
}
END_TEST

Suite *suite_label(void) {
    Suite *suite = suite_create("label");
    TCase *tc = tcase_create("label");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, label_definition);
    tcase_add_test(tc, label_forms);
    tcase_add_test(tc, label_random);
    tcase_add_test(tc, label_resumes);
    tcase_add_test(tc, label_limits);
    tcase_add_test(tc, label_refuses);
    suite_add_tcase(suite, tc);
    return suite;
}
