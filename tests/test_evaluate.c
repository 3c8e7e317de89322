// Evaluation: a model against itself, means and perplexity by hand, paired draws.
#include "tools/evaluate.h"

#include <math.h>
#include <string.h>

#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_evaluate(void);

enum { N = 7 };

static Arena arena;
static Error error;
static Base base;
static Session session;
static PromptTokens prompts[N];

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_evaluate", 0);
    base = tiny_base(&arena, 1, false);
    session = tiny_session(&arena, "");
    static const char *const TEXTS[] = {"one", "two", "three", "four", "five", "six", "seven"};
    for (int i = 0; i < N; i++) {
        int n;
        const int32_t *ids = tiny_encode(&base, &arena, TEXTS[i], &n);
        prompts[i] = (PromptTokens){i, ids, n};
    }
}
static void teardown(void) {
    tiny_session_end(&session);
    arena_free(&arena);
}

static EvaluateResult evaluate(const Role *role, const Role *preference, float temperature, int slots) {
    static const Text stops[] = {{"e", 1}, {"t", 1}};
    GenerateConfig config = {.sampler = sampler_default(), .slots = slots, .capacity = 40, .max_new = 6, .stops = stops, .n_stops = 2};
    config.sampler.temperature = temperature;
    EvaluateResult result;
    ck_ok(evaluate_replies(&result, role, &base, preference, prompts, N, &config, false, 1, &session, &error), error);
    return result;
}

// The base against itself has no KL, at any temperature.
START_TEST(evaluate_base) {
    static const float TEMPERATURE[] = {1, 0.6f, 0};
    Role reference = role_base(&base);
    for (int k = 0; k < 3; k++) {
        EvaluateResult r = evaluate(&reference, NULL, TEMPERATURE[k], 3);
        ck_assert_int_eq(r.n, N);
        ck_assert_double_eq(r.kl.mean, 0);
        ck_assert_double_eq(r.kl.deviation, 0);
        ck_assert_ptr_null(r.score);

        // Perplexity is the base's own, at temperature 1, whatever the samples' temperature.
        double nats = 0, length = 0, ended = 0;
        for (int i = 0; i < N; i++) {
            const Rollout *a = &r.rollouts[i];
            float logp[6], *rows = logp;
            int T = sequence_actions(&a->sequence);
            ck_ok(score_logprob(&rows, NULL, &reference, &a->sequence, 1, 1, &session, &error), error);
            for (int t = 0; t < T; t++) nats -= (double)logp[t];
            length += T;
            ended += a->end != END_LIMIT;
            ck_assert_ptr_eq(a->prompt, &prompts[i]);
        }
        ck_assert_double_eq_tol(r.perplexity, exp(nats / length), 1e-4 * r.perplexity);
        ck_assert_double_eq_tol(r.length.mean, length / N, 1e-9);
        ck_assert_double_eq_tol(r.ended, ended / N, 1e-9);
        ck_assert(k > 0 || (r.ended > 0 && r.ended < 1));
        for (int order = 0; order < 3; order++) ck_assert(r.distinct[order] > 0 && r.distinct[order] <= 1);
    }
}
END_TEST

// The best of three has no lower score than the first, which is the one reply of a single draw; by hand over the three.
START_TEST(evaluate_best) {
    RoleConfig shape = {.adapter = adapter_default(), .head = true};
    Role *judge = role_make(&arena, &base, &shape, 2), reference = role_base(&base);
    role_init_head(judge, 1, 5);
    GenerateConfig config = {.sampler = sampler_default(), .slots = 3, .capacity = 40, .max_new = 6};
    const PromptTokens *asked[3 * N];
    Rollout all[3 * N];
    EvaluateResult one, best;
    ck_ok(evaluate_replies(&one, &reference, &base, judge, prompts, N, &config, false, 1, &session, &error), error);
    ck_ok(evaluate_replies(&best, &reference, &base, judge, prompts, N, &config, false, 3, &session, &error), error);
    for (int i = 0; i < 3 * N; i++) asked[i] = &prompts[i / 3];
    config.key = rng_key(session.seed, "eval.sample");
    ck_ok(rollout_sample(all, asked, 3 * N, &reference, &base, &config, false, 0, &arena, &session, &error), error);
    ck_ok(rollout_score(all, 3 * N, &reference, judge, NULL, 1, &arena, &session, &error), error);
    for (int i = 0; i < N; i++) {
        double highest = -1e9;
        for (int k = 0; k < 3; k++) highest = fmax(highest, (double)all[3 * i + k].score);
        ck_assert_double_eq(one.score[i], (double)all[3 * i].score);
        ck_assert_double_eq(best.score[i], highest);
        ck_assert_ptr_eq(best.rollouts[i].prompt, &prompts[i]);
    }
    ck_assert(best.n == N && best.scores.mean > one.scores.mean);
    ck_assert_double_eq(evaluate_best_kl(1), 0);
    ck_assert_double_eq_tol(evaluate_best_kl(4), log(4) - 0.75, 1e-6);
}
END_TEST

// A tuned model: its KL is the sum over its own samples; scores are those of the judge; batches change nothing.
START_TEST(evaluate_tuned) {
    RoleConfig shape = {.adapter = adapter_default(), .head = true};
    Role *tuned = role_make(&arena, &base, &shape, 2), *judge = role_make(&arena, &base, &shape, 3);
    random_fill(tuned->params.value, tuned->params.count, 4, 0.2f);
    random_fill(judge->params.value, judge->params.count, 5, 0.2f);
    Role reference = role_base(&base);
    EvaluateResult r = evaluate(tuned, judge, 0.8f, 1), again = evaluate(tuned, judge, 0.8f, 5),
                   plain = evaluate(&reference, judge, 0.8f, 5);
    double kl = 0, score = 0;
    for (int i = 0; i < N; i++) {
        const Rollout *a = &r.rollouts[i];
        float logp[6], ref[6], *rows = logp, one;
        int T = sequence_actions(&a->sequence);
        ck_ok(score_logprob(&rows, NULL, tuned, &a->sequence, 1, 0.8f, &session, &error), error);
        rows = ref;
        ck_ok(score_logprob(&rows, NULL, &reference, &a->sequence, 1, 0.8f, &session, &error), error);
        ck_ok(score_preference(&one, judge, &a->judged, 1, &session, &error), error);
        for (int t = 0; t < T; t++) kl += ((double)logp[t] - (double)ref[t]) / N;
        score += (double)one / N;
        ck_assert_double_eq(r.score[i], (double)one);
        ck_assert_double_eq(again.score[i], r.score[i]);
        ck_assert_int_eq(memcmp(again.rollouts[i].sequence.ids, a->sequence.ids, (size_t)a->sequence.count * sizeof(int32_t)), 0);
    }
    ck_assert_double_eq_tol(r.kl.mean, kl, 1e-9);
    ck_assert_double_eq_tol(r.scores.mean, score, 1e-9);
    ck_assert_double_ne(r.kl.mean, 0);
    ck_assert_double_eq(again.kl.mean, r.kl.mean);
    ck_assert_double_eq(again.perplexity, r.perplexity);
    ck_assert_double_ne(plain.scores.mean, r.scores.mean);
    tiny_stop = true;
    GenerateConfig config = {.sampler = sampler_default(), .slots = 2, .capacity = 40, .max_new = 6};
    ck_assert_int_eq(evaluate_replies(&r, tuned, &base, judge, prompts, N, &config, false, 1, &session, &error), ERR_STOPPED);
}
END_TEST

Suite *suite_evaluate(void) {
    Suite *suite = suite_create("evaluate");
    TCase *tc = tcase_create("evaluate");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, evaluate_base);
    tcase_add_test(tc, evaluate_best);
    tcase_add_test(tc, evaluate_tuned);
    suite_add_tcase(suite, tc);
    return suite;
}
