// Labels by a judge: by their definition from single logits, in any batch; places, forms, hard labels, limits, refusals.
#include "rlcd/label.h"

#include <math.h>
#include <string.h>

#include "rlcd/contrast.h"
#include "rlcd/score.h"
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

static LabelJudge judge_of(const Task *task, LabelOrders orders, LabelForm form) {
    return (LabelJudge){.base = &base, .task = task, .orders = orders, .form = form, .voice = TEXT("sir"), .max_tokens = 90};
}

// Asks about all pairs, `block` at a time with scoring batches of `rows` rows.
static Status run(LabelQuestion *q, LabelJudge *judge, int block, int rows) {
    Session session = tiny_session(&arena, dir);
    session.rows = rows;
    Status status = label_begin(judge, session.seed, &arena, &error);
    for (int i = 0; i < PAIRS && status == OK; i++) status = label_prepare(&q[i], judge, &pairs.pair[i], &arena, &error);
    for (int i = 0; i < PAIRS && status == OK; i += block)
        status = label_ask(q + i, PAIRS - i < block ? PAIRS - i : block, judge, &session, &error);
    tiny_session_end(&session);
    return status;
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
    LabelQuestion b[PAIRS], f[PAIRS], h[PAIRS];
    LabelJudge both = judge_of(&task, ORDERS_BOTH, LABELS_BARE), first = judge_of(&task, ORDERS_FIRST, LABELS_BARE), hard = both;
    hard.hard = true;
    ck_ok(run(b, &both, PAIRS, 512), error);
    ck_ok(run(f, &first, PAIRS, 512), error);
    ck_ok(run(h, &hard, PAIRS, 512), error);
    int below = 0;
    for (int i = 0; i < PAIRS; i++) {
        const char *question = task.instruction[i % 2].data;
        double one = odds_of(&pairs.pair[i], question, false, "A", "B"), two = odds_of(&pairs.pair[i], question, true, "A", "B");
        ck_assert(b[i].fits && !b[i].cut && b[i].asked[0] && b[i].asked[1] && f[i].asked[0] && !f[i].asked[1]);
        ck_assert_double_eq_tol((double)b[i].odds[0], one, 1e-5);
        ck_assert_double_eq_tol((double)b[i].odds[1], two, 1e-5);
        ck_assert_double_eq_tol((double)b[i].label, sigmoid((one + two) / 2), 1e-6);
        ck_assert_double_eq_tol((double)f[i].label, sigmoid(one), 1e-6);
        ck_assert_float_eq(h[i].label, b[i].label > 0.5f);
        below += b[i].label < 0.5f;
    }
    ck_assert(below > 0 && below < PAIRS);
}
END_TEST

// Spaced labels are other tokens; both forms together are the log-sum-exp.
START_TEST(label_forms) {
    const Task task = task_of("");
    LabelQuestion s[PAIRS], b[PAIRS];
    LabelJudge spaced = judge_of(&task, ORDERS_FIRST, LABELS_SPACED), both = judge_of(&task, ORDERS_FIRST, LABELS_BOTH);
    ck_ok(run(s, &spaced, PAIRS, 512), error);
    ck_ok(run(b, &both, PAIRS, 512), error);
    for (int i = 0; i < PAIRS; i++) {
        const char *question = task.instruction[i % 2].data;
        ck_assert_double_eq_tol((double)s[i].label, sigmoid(odds_of(&pairs.pair[i], question, false, " A", " B")), 1e-6);
        // log(e^A + e^ A) - log(e^B + e^ B) from the differences to B.
        double bare = odds_of(&pairs.pair[i], question, false, "A", "B"), mixed = odds_of(&pairs.pair[i], question, false, " A", "B"),
               other = odds_of(&pairs.pair[i], question, false, " B", "B");
        ck_assert_double_eq_tol((double)b[i].label, sigmoid(log(exp(bare) + exp(mixed)) - log(1 + exp(other))), 1e-6);
    }
}
END_TEST

// One order at random: drawn by (seed, index), both occur, and each gives that order's odds.
START_TEST(label_random) {
    const Task task = task_of("");
    LabelQuestion r[PAIRS];
    LabelJudge judge = judge_of(&task, ORDERS_RANDOM, LABELS_BARE);
    ck_ok(run(r, &judge, PAIRS, 512), error);
    int swapped = 0;
    for (int i = 0; i < PAIRS; i++) {
        bool swap = rng_bits(rng_key(7, "label.order"), (RngDraw){.prompt = (uint32_t)pairs.pair[i].index}) & 1;
        swapped += swap;
        ck_assert(r[i].asked[0] == !swap && r[i].asked[1] == swap);
        double odds = odds_of(&pairs.pair[i], task.instruction[i % 2].data, swap, "A", "B");
        ck_assert_double_eq_tol((double)r[i].label, sigmoid(odds), 1e-6);
    }
    ck_assert(swapped > 0 && swapped < PAIRS);
}
END_TEST

// The same bits for any number of questions at once and any scoring batch.
START_TEST(label_batches) {
    const Task task = task_of("");
    LabelQuestion one[PAIRS], some[PAIRS];
    LabelJudge judge = judge_of(&task, ORDERS_BOTH, LABELS_BARE);
    ck_ok(run(one, &judge, 1, 1), error);
    static const int BLOCKS[][2] = {{2, 1}, {4, 200}, {9, 70}, {5, 512}};
    for (int k = 0; k < 4; k++) {
        ck_ok(run(some, &judge, BLOCKS[k][0], BLOCKS[k][1]), error);
        for (int i = 0; i < PAIRS; i++) {
            ck_assert_uint_eq(float_bits(one[i].label), float_bits(some[i].label));
            ck_assert_uint_eq(float_bits(one[i].odds[0]), float_bits(some[i].odds[0]));
            ck_assert_uint_eq(float_bits(one[i].odds[1]), float_bits(some[i].odds[1]));
        }
    }
}
END_TEST

// Dialogues lose turns as the limit falls, then pairs do not fit; what fits is never longer than the limit.
START_TEST(label_limits) {
    const Task task = task_of("");
    LabelJudge judge = judge_of(&task, ORDERS_FIRST, LABELS_BARE);
    ck_ok(label_begin(&judge, 7, &arena, &error), error);
    int cut = 0, too_long = 0;
    for (judge.max_tokens = 90; judge.max_tokens > 8; judge.max_tokens--) {
        for (int i = 0; i < PAIRS; i++) {
            LabelQuestion q;
            ck_ok(label_prepare(&q, &judge, &pairs.pair[i], &arena, &error), error);
            ck_assert(!q.fits || (q.prompt[0].count <= judge.max_tokens && q.prompt[1].count <= judge.max_tokens));
            // Only every fourth dialogue has a turn to lose.
            ck_assert(!q.cut || i % 4 == 0);
            cut += q.fits && q.cut;
            too_long += !q.fits;
        }
    }
    ck_assert(cut > 0 && too_long > PAIRS);
}
END_TEST

// The instruction of a pair without an affix, or of another task, is the one drawn for its index.
START_TEST(label_other_task) {
    const Task task = task_of("");
    LabelQuestion q[PAIRS];
    LabelJudge judge = judge_of(&task, ORDERS_FIRST, LABELS_BARE);
    pairs.pair[3].affix = -1;
    pairs.pair[4].task = TEXT("another");
    pairs.pair[4].affix = 11;
    ck_ok(run(q, &judge, PAIRS, 512), error);
    for (int i = 3; i < 5; i++) {
        const char *question = task.instruction[contrast_affix(&task, 7, (uint32_t)pairs.pair[i].index)].data;
        ck_assert_double_eq_tol((double)q[i].label, sigmoid(odds_of(&pairs.pair[i], question, false, "A", "B")), 1e-6);
    }
}
END_TEST

START_TEST(label_refuses) {
    LabelQuestion q[PAIRS];
    Task task = task_of("labels: [\"no single token\", B]\n");
    LabelJudge judge = judge_of(&task, ORDERS_BOTH, LABELS_BARE);
    ck_assert_int_eq(run(q, &judge, PAIRS, 512), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "\"no single token\""));
    task = task_of("");
    pairs.pair[4].prompt = TEXT("no dialogue");
    ck_assert_int_eq(run(q, &judge, PAIRS, 512), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "prompt"));
    pairs.pair[4].prompt = TEXT("\n\nHuman: Q?\n\nAssistant:");
    pairs.pair[4].affix = 2;
    ck_assert_int_eq(run(q, &judge, PAIRS, 512), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "affix 2"));
    // Logits that are no numbers are told with the pair's index.
    pairs.pair[4].affix = 0;
    const Tensor *e = base.llama.weights.embedding;
    float *copy = (float *)arena_copy(&arena, e->data, tensor_count(e) * sizeof(float));
    int n;
    copy[tiny_encode(&base, &arena, "Q", &n)[0] * 16 + 5] = NAN;
    base.llama.weights.embedding = tensor_wrap(&arena, DTYPE_F32, 2, e->dim, copy, NULL, "e");
    ck_assert_int_eq(run(q, &judge, PAIRS, 512), ERR_NUMERIC);
    ck_assert_ptr_nonnull(strstr(error.text, "prompt 0"));
}
END_TEST

Suite *suite_label(void) {
    Suite *suite = suite_create("label");
    TCase *tc = tcase_create("label");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, label_definition);
    tcase_add_test(tc, label_forms);
    tcase_add_test(tc, label_random);
    tcase_add_test(tc, label_batches);
    tcase_add_test(tc, label_limits);
    tcase_add_test(tc, label_other_task);
    tcase_add_test(tc, label_refuses);
    suite_add_tcase(suite, tc);
    return suite;
}
