// Rollouts: prompts as ids, what belongs to whom, what is judged.
#include "rlcd/rollout.h"

#include <math.h>
#include <string.h>

#include "rlcd/clean.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_rollout(void);

static Arena arena;
static Error error;
static Base base;
static Session session;
static const char *dir;

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_rollout", 0);
    base = tiny_base(&arena, 1, false);
    dir = temporary_make(&arena);
    session = tiny_session(&arena, dir);
}
static void teardown(void) {
    tiny_session_end(&session);
    temporary_remove(dir);
    arena_free(&arena);
}

static PromptList read_prompts(const char *rows) {
    PromptList list;
    const char *path = path_join(&arena, dir, "prompts.jsonl");
    ck_ok(file_write(path, rows, strlen(rows), &error), error);
    ck_ok(prompts_read(&list, &arena, path, task_plain(), 0, -1, &error), error);
    return list;
}

// sum p (log p - log q) of what follows the prompt, in double.
static double first_kl(const Role *policy, const Role *reference, const Sequence *sequence, Session *at) {
    static float z[2][TINY_V];
    static int32_t every[TINY_V];
    const Sequence prompt = {sequence->ids, sequence->from, sequence->from};
    double max[2], total[2] = {0}, kl = 0;
    for (int v = 0; v < TINY_V; v++) every[v] = v;
    for (int k = 0; k < 2; k++) {
        ck_ok(score_logits(z[k], k ? reference : policy, &prompt, 1, every, TINY_V, at, &error), error);
        max[k] = (double)z[k][0];
        for (int v = 0; v < TINY_V; v++) max[k] = (double)z[k][v] > max[k] ? (double)z[k][v] : max[k];
        for (int v = 0; v < TINY_V; v++) total[k] += exp((double)z[k][v] - max[k]);
    }
    for (int v = 0; v < TINY_V; v++) {
        double p = exp((double)z[0][v] - max[0]) / total[0];
        kl += p * (log(p) - ((double)z[1][v] - max[1] - log(total[1])));
    }
    return kl;
}

START_TEST(rollout_cuts_prompts) {
    PromptList list = read_prompts(
        "{\"prompt\":\"\\n\\nHuman: A?\\n\\nAssistant:\"}\n"
        "{\"prompt\":\"\\n\\nHuman: First question?\\n\\nAssistant: Reply.\\n\\nHuman: Why?\\n\\nAssistant:\"}\n"
        "{\"prompt\":\"\\n\\nHuman: One very long question that does not fit at all?\\n\\nAssistant:\"}\n");
    PromptTokens *out;
    int cut, n, whole;
    const int32_t *ids = tiny_encode(&base, &arena, "\n\nHuman: Why?\n\nAssistant:", &n);
    ck_ok(rollout_prompts(&out, &list, &base, 200, &arena, &cut, &error), error);
    ck_assert_int_eq(cut, 0);
    for (int i = 0; i < 3; i++) {
        const int32_t *expected = tiny_encode(&base, &arena, list.prompt[i].dialogue.text.data, &whole);
        ck_assert_int_eq(out[i].index, i);
        ck_assert_int_eq(out[i].count, whole);
        ck_assert_int_eq(memcmp(out[i].ids, expected, (size_t)whole * sizeof *expected), 0);
    }
    // The second loses a turn and keeps the rest whole; the third has one turn only and loses ids from the left.
    const int32_t *third = out[2].ids;
    int third_count = out[2].count;
    ck_ok(rollout_prompts(&out, &list, &base, n, &arena, &cut, &error), error);
    ck_assert_int_eq(cut, 2);
    ck_assert_int_eq(out[1].count, n);
    ck_assert_int_eq(memcmp(out[1].ids, ids, (size_t)n * sizeof *ids), 0);
    ck_assert_int_eq(out[2].count, n);
    ck_assert_int_eq(memcmp(out[2].ids, third + third_count - n, (size_t)n * sizeof *ids), 0);
    ck_assert_int_lt(out[0].count, n);
}
END_TEST

enum { N = 9, MAX_NEW = 4 };

static const Text stops[] = {{"e", 1}, {"t", 1}};

static GenerateConfig config_of(int slots) {
    return (GenerateConfig){.sampler = sampler_default(),
                            .key = rng_key(7, "test"),
                            .slots = slots,
                            .capacity = 60,
                            .max_new = MAX_NEW,
                            .stops = stops,
                            .n_stops = 2};
}

static PromptTokens prompt_of(int i) {
    int n;
    static const char *const TEXTS[] = {"one two", "\n\nHuman: Hi", "three", "x"};
    const int32_t *ids = tiny_encode(&base, &arena, TEXTS[i], &n);
    return (PromptTokens){10 + i, ids, n};
}

START_TEST(rollout_samples_and_scores) {
    PromptTokens prompts[4];
    for (int i = 0; i < 4; i++) prompts[i] = prompt_of(i);
    // The same prompt several times: each time another sample.
    const PromptTokens *asked[N] = {&prompts[0], &prompts[1], &prompts[0], &prompts[2], &prompts[3],
                                    &prompts[0], &prompts[1], &prompts[2], &prompts[2]};
    RoleConfig shape = {.adapter = adapter_default(), .head = true, .head_bias = true};
    Role *judge = role_make(&arena, &base, &shape, 2), *policy = role_make(&arena, &base, &shape, 3);
    random_fill(judge->params.value, judge->params.count, 4, 0.2f);
    random_fill(policy->params.value, policy->params.count, 5, 0.2f);
    Role reference = role_base(&base);
    Rollout r[2][N];
    for (int k = 0; k < 2; k++) {
        GenerateConfig config = config_of(k ? 4 : 1);
        memset(r[k], 0, sizeof r[k]);
        ck_ok(rollout_sample(r[k], asked, N, policy, &base, &config, false, 3, &arena, &session, &error), error);
        ck_ok(rollout_score(r[k], N, &reference, judge, judge, 1, &arena, &session, &error), error);
    }
    int stopped = 0, limited = 0, anew = 0;
    for (int i = 0; i < N; i++) {
        const Rollout *a = &r[0][i], *b = &r[1][i];
        int T = sequence_actions(&a->sequence), n = a->prompt->count;
        // The order of finishing leaves no trace.
        ck_assert_ptr_eq(a->prompt, asked[i]);
        ck_assert_int_eq(T, sequence_actions(&b->sequence));
        ck_assert_int_eq(memcmp(a->sequence.ids, b->sequence.ids, (size_t)a->sequence.count * sizeof(int32_t)), 0);
        check_bits("logp", a->logp, b->logp, (size_t)T);
        check_bits("ref", a->ref_logp, b->ref_logp, (size_t)T);
        check_bits("value", a->value, b->value, (size_t)T);
        check_bits("score", &a->score, &b->score, 1);
        ck_assert_int_eq(a->sequence.from, n);
        ck_assert_int_eq(memcmp(a->sequence.ids, asked[i]->ids, (size_t)n * sizeof(int32_t)), 0);

        // Judged is the prompt, the reply's text without blanks at its end, one end; the sampled ids where they give that text.
        ck_assert_int_eq(a->judged.from, n);
        ck_assert_int_eq(a->judged.ids[a->judged.count - 1], TINY_END);
        ck_assert_int_eq(memcmp(a->judged.ids, a->sequence.ids, (size_t)n * sizeof(int32_t)), 0);
        int own = a->judged.count - 1 - n;
        size_t size = clean_reply_size(a->text, false), read = 0;
        Str judged = str_make(&arena);
        tokenizer_decode(base.tokenizer, a->judged.ids + n, own, false, &judged);
        if (size == 0) size = a->text.size;
        ck_assert_uint_eq(judged.size, size);
        if (size) ck_assert_int_eq(memcmp(judged.data, a->text.data, size), 0);
        for (int t = 0; t < own; t++) read += tokenizer_bytes(base.tokenizer, a->sequence.ids[n + t]).size;
        bool sampled = own <= T && memcmp(a->judged.ids + n, a->sequence.ids + n, (size_t)own * sizeof(int32_t)) == 0;
        ck_assert(sampled || read != size);
        anew += !sampled;
        ck_assert_int_eq(text_find(a->text, TEXT("e")), -1);
        stopped += a->end == END_STOP;
        limited += a->end == END_LIMIT;

        // Scores are those of scoring alone.
        float one = 0, logp[MAX_NEW], *rows = logp;
        ck_ok(score_preference(&one, judge, &a->judged, 1, &session, &error), error);
        check_bits("score", &a->score, &one, 1);
        ck_ok(score_logprob(&rows, NULL, &reference, &a->sequence, 1, 1, &session, &error), error);
        check_bits("reference", a->ref_logp, logp, (size_t)T);
        ck_ok(score_logprob(&rows, NULL, policy, &a->sequence, 1, 1, &session, &error), error);
        check_bits("policy", a->logp, logp, (size_t)T);
        ck_assert_int_ne(memcmp(a->logp, a->ref_logp, (size_t)T * sizeof *logp), 0);
        // KL of whole distributions: the first action's by its definition.
        float kl[MAX_NEW], *place = kl;
        ck_ok(score_kl(&place, policy, &reference, &a->sequence, 1, 1, &session, &error), error);
        ck_assert_double_eq_tol((double)kl[0], first_kl(policy, &reference, &a->sequence, &session), 1e-5);
        ck_ok(score_kl(&place, policy, policy, &a->sequence, 1, 1, &session, &error), error);
        for (int t = 0; t < T; t++) ck_assert(kl[t] == 0);
    }
    ck_assert(stopped > 0 && limited > 0 && anew > 0 && anew < N);
    ck_assert_int_ne(memcmp(r[0][0].logp, r[0][2].logp, sizeof(float)), 0);
    ck_assert_int_ne(memcmp(r[0][0].logp, r[0][5].logp, sizeof(float)), 0);
    // Another step draws anew.
    Rollout other[N];
    GenerateConfig config = config_of(3);
    ck_ok(rollout_sample(other, asked, N, policy, &base, &config, false, 4, &arena, &session, &error), error);
    int same = 0;
    for (int i = 0; i < N; i++) same += other[i].sequence.ids[asked[i]->count] == r[0][i].sequence.ids[asked[i]->count];
    ck_assert_int_lt(same, N / 2);
    tiny_stop = true;
    ck_assert_int_eq(rollout_sample(other, asked, N, policy, &base, &config, false, 4, &arena, &session, &error), ERR_STOPPED);
    ck_assert_int_eq(rollout_score(r[0], N, &reference, judge, judge, 1, &arena, &session, &error), ERR_STOPPED);
}
END_TEST

// Without an end, a reply is judged up to its last line or sentence; all of it stays action.
START_TEST(rollout_cuts_unfinished) {
    enum { SAMPLES = 40 };
    PromptTokens prompt = prompt_of(0);
    const PromptTokens *asked[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) asked[i] = &prompt;
    GenerateConfig config = config_of(SAMPLES);
    config.max_new = 12;
    config.n_stops = 0;
    Role policy = role_base(&base);
    Rollout whole[SAMPLES], cut[SAMPLES];
    ck_ok(rollout_sample(whole, asked, SAMPLES, &policy, &base, &config, false, 1, &arena, &session, &error), error);
    ck_ok(rollout_sample(cut, asked, SAMPLES, &policy, &base, &config, true, 1, &arena, &session, &error), error);
    int shorter = 0, kept = 0;
    for (int i = 0; i < SAMPLES; i++) {
        ck_assert_int_eq(sequence_actions(&cut[i].sequence), sequence_actions(&whole[i].sequence));
        size_t end = clean_reply_size(whole[i].text, cut[i].end == END_LIMIT), all = clean_reply_size(whole[i].text, false);
        Str text = str_make(&arena);
        tokenizer_decode(base.tokenizer, cut[i].judged.ids + prompt.count, cut[i].judged.count - 1 - prompt.count, false, &text);
        ck_assert_int_eq(cut[i].judged.ids[cut[i].judged.count - 1], TINY_END);
        if (end == 0) end = whole[i].text.size;
        ck_assert_uint_eq(text.size, end);
        if (end) ck_assert_int_eq(memcmp(text.data, whole[i].text.data, end), 0);
        shorter += end < all;
        kept += end == all;
    }
    ck_assert_msg(shorter > 0 && kept > 0, "%d cut, %d kept", shorter, kept);
}
END_TEST

Suite *suite_rollout(void) {
    Suite *suite = suite_create("rollout");
    TCase *tc = tcase_create("rollout");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, rollout_cuts_prompts);
    tcase_add_test(tc, rollout_samples_and_scores);
    tcase_add_test(tc, rollout_cuts_unfinished);
    suite_add_tcase(suite, tc);
    return suite;
}
