// PPO, RLOO and GRPO on a small model: the score rises, ratios are exact, a stopped run ends as an uninterrupted one, nothing that
// only changes the work's order changes a bit.
#include "rlcd/ppo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/linear.h"
#include "nn/logprob.h"
#include "rlcd/preference.h"
#include "tensor/base/json.h"
#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_gather.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_ppo(void);

enum { PROMPTS = 5 };

static Arena arena;
static Error error;
static Base base;
static Role *judge;
static PromptTokens prompts[PROMPTS];

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_ppo", 0);
    base = tiny_base(&arena, 1, false);
    for (int i = 0; i < PROMPTS; i++) {
        int n;
        char text[32];
        snprintf(text, sizeof text, "%d and %d", i, i * i);
        const int32_t *ids = tiny_encode(&base, &arena, text, &n);
        prompts[i] = (PromptTokens){100 + i, ids, n};
    }
    // A judge of its own: a random head and a random adapter, so that the value model's trunk is not the base's.
    RoleConfig shape = {.adapter = adapter_default(), .head = true};
    shape.adapter.rank = 4;
    judge = role_make(&arena, &base, &shape, 2);
    random_fill(judge->params.value, judge->params.count, 4, 0.1f);
    role_init_head(judge, 1, 5);
    judge->mean = 0.1f;
    judge->deviation = 0.5f;
}
static void teardown(void) { arena_free(&arena); }

static PpoConfig config_of(int steps) {
    PpoConfig config = ppo_default();
    config.steps = steps;
    config.rollouts = 8;
    config.minibatch = 4;
    config.schedule.rate = 5e-3;
    config.adapter.rank = 4;
    config.adapter.alpha = 8;
    config.max_prompt = 20;
    config.generate.max_new = 6;
    config.generate.slots = 3;
    config.samples = 2;
    return config;
}

static Status train(Role **policy, const char *dir, const PpoConfig *config, int stop_after, int rows) {
    Session session = tiny_session(&arena, dir);
    tiny_stop_after = stop_after;
    session.rows = rows;
    Status status = ppo_train(policy, &base, judge, prompts, PROMPTS, config, &session, &error);
    // The policy lives in the session: keep what tests look at.
    if (status == OK) {
        Role *copy = arena_alloc(&arena, sizeof *copy);
        *copy = **policy;
        copy->params.value = (float *)arena_copy(&arena, copy->params.value, copy->params.count * sizeof(float));
        *policy = copy;
    }
    tiny_session_end(&session);
    return status;
}

static const char *const FILES[] = {"policy.safetensors", "policy.optimizer.safetensors", "value.safetensors",
                                    "value.optimizer.safetensors"};

// Same files in both, of the policy alone where there is no value model.
static void same(const char *a, const char *b, int step, PpoAlgorithm algorithm) {
    tiny_same_run(&arena, a, b, step, FILES, algorithm == ALGORITHM_PPO ? 4 : 2);
    Text x = tiny_file(&arena, a, "samples.jsonl"), y = tiny_file(&arena, b, "samples.jsonl");
    ck_assert(text_equal(x, y));
    ck_assert_uint_gt(x.size, 100);
}

static double metric(const char *dir, int line, const char *key) { return tiny_number(&arena, dir, "metrics.jsonl", line, key); }

// ---- learning

// The token that the base says most often behind the prompts, so that sampling finds it.
static int32_t frequent_token(void) {
    float z[TINY_V], total[TINY_V] = {0}, max, sum;
    for (int i = 0; i < PROMPTS; i++) {
        LlamaBatch batch = llama_batch(&arena, &prompts[i].ids, &prompts[i].count, 1);
        const Tensor *h = llama_forward(NULL, &base.llama, NULL, &batch, NULL, &arena), *head = base.llama.weights.head;
        logits_forward(z, tensor_f32(h) + (batch.N - 1) * 16, head->data, head->type, 1, PRECISION_FP32, 1, 16, TINY_V);
        logprob_row(z, TINY_V, 0, &max, &sum);
        for (int v = 0; v < TINY_V; v++) total[v] += exp_f32(z[v] - max) / sum;
    }
    int32_t best = TINY_END + 1;
    for (int v = best; v < TINY_V; v++)
        if (total[v] > total[best]) best = v;
    return best;
}

// A judge that rewards one token, trained to: the policy learns to say it, by each algorithm.
START_TEST(ppo_learns) {
    const char *dir = temporary_make(&arena), *judges = temporary_make(&arena);
    enum { PAIRS = 40 };
    const int32_t rewarded = frequent_token();
    PairTokens pairs[PAIRS];
    RngKey key = rng_key(5, "pairs");
    for (int i = 0; i < PAIRS; i++) {
        int32_t reply[2][2];
        for (int k = 0; k < 4; k++)
            reply[k / 2][k % 2] = (int32_t)(60 + rng_bits(key, (RngDraw){.prompt = (uint32_t)i, .position = (uint32_t)k}) % 500);
        reply[0][i % 2] = rewarded;
        const PromptTokens *p = &prompts[i % PROMPTS];
        pairs[i].chosen = sequence_join(&arena, p->ids, p->count, reply[0], 2, TINY_END);
        pairs[i].rejected = sequence_join(&arena, p->ids, p->count, reply[1], 2, TINY_END);
        pairs[i].label = 1;
    }
    PreferenceConfig learn = preference_default();
    learn.epochs = 6;
    learn.batch = 8;
    learn.schedule.rate = 0.02;
    Session session = tiny_session(&arena, judges);
    ck_ok(preference_train(&judge, &base, pairs, PAIRS, NULL, 0, &learn, &session, &error), error);

    PpoConfig config = config_of(20);
    config.algorithm = (PpoAlgorithm)_i;
    config.rollouts = 32;
    config.minibatch = 32;
    config.generate.max_new = 2;
    config.schedule.rate = 0.02;
    config.kl_coef = 0.01f;
    // All weights: 16 numbers a row leave adapters little to turn.
    config.train_all = true;
    Role *policy;
    ck_ok(train(&policy, dir, &config, -1, 64), error);
    double first = 0, last = 0;
    for (int i = 0; i < 3; i++) {
        first += metric(dir, i, "objective/scores") / 3;
        last += metric(dir, -1 - i, "objective/scores") / 3;
    }
    // Scores have deviation 1 over the training replies.
    ck_assert_msg(last > first + 0.8, "scores from %g to %g", first, last);
    // It pays with KL.
    ck_assert_double_gt(metric(dir, -1, "objective/kl"), 3);
    tiny_session_end(&session);
    temporary_remove(judges);
    temporary_remove(dir);
}
END_TEST

// ---- what each line must say

START_TEST(ppo_metrics) {
    const char *dir = temporary_make(&arena);
    PpoConfig config = config_of(3);
    config.epochs = 1;
    config.minibatch = 8;
    Role *policy;
    ck_ok(train(&policy, dir, &config, -1, 64), error);
    for (int i = 0; i < 3; i++) {
        // One pass in one minibatch: the policy that is updated is the one that sampled.
        ck_assert_double_eq(metric(dir, i, "ratio_mismatch"), 0);
        ck_assert_double_eq(metric(dir, i, "val/ratio"), 1);
        ck_assert_double_eq(metric(dir, i, "val/ratio_var"), 0);
        ck_assert_double_eq(metric(dir, i, "policy/approxkl_avg"), 0);
        ck_assert_double_eq(metric(dir, i, "policy/clipfrac_avg"), 0);
        // Whitened advantages have mean 0, and so has the loss at ratio 1.
        ck_assert_double_eq_tol(metric(dir, i, "loss/policy_avg"), 0, 1e-5);
        ck_assert_double_eq(metric(dir, i, "episode"), 8 * (i + 1));
        double kl = metric(dir, i, "objective/kl"), score = metric(dir, i, "objective/scores"),
               penalty = metric(dir, i, "objective/non_score_reward");
        ck_assert_double_eq_tol(penalty, -0.02 * kl, 1e-6);
        ck_assert_double_eq_tol(metric(dir, i, "objective/rlhf_reward"), score + penalty, 1e-5);
        ck_assert(metric(dir, i, "policy/entropy_avg") > 0 && metric(dir, i, "policy/entropy_avg") < log(TINY_V));
        ck_assert_double_gt(metric(dir, i, "grad_norm"), 0);
        ck_assert_double_gt(metric(dir, i, "grad_norm/value"), 0);
        double longest = metric(dir, i, "completions/max_length"), shortest = metric(dir, i, "completions/min_length"),
               mean = metric(dir, i, "completions/mean_length");
        ck_assert(1 <= shortest && shortest <= mean && mean <= longest && longest <= 6);
        ck_assert_double_eq_tol(metric(dir, i, "completions/clipped_ratio") * 8 + metric(dir, i, "val/num_eos_tokens"), 8, 1e-6);
    }
    // The policy starts as the base, and moves.
    ck_assert_double_eq(metric(dir, 0, "objective/kl"), 0);
    ck_assert_double_ne(metric(dir, 2, "objective/kl"), 0);
    // The value model's head starts at zero: its loss is half the mean square of the returns; gamma = lambda = 1.
    ck_assert_double_gt(metric(dir, 0, "loss/value_avg"), 0);
    temporary_remove(dir);
}
END_TEST

// ---- one update by its definition

enum { ROLLOUTS = 8, MINIBATCH = 4 };

// Whitens all actions of each `group` rollouts, in double: mean 0 if `shift`, deviation 1; `back` adds the mean again.
static void whiten_all(double (*x)[8], const int *T, int group, bool shift, bool back) {
    for (int at = 0; at < ROLLOUTS; at += group) {
        double mean = 0, variance = 0, n = 0;
        for (int i = at; i < at + group; i++)
            for (int t = 0; t < T[i]; t++) mean += x[i][t], n++;
        mean /= n;
        for (int i = at; i < at + group; i++)
            for (int t = 0; t < T[i]; t++) variance += (x[i][t] - mean) * (x[i][t] - mean) / n;
        double deviation = sqrt(variance + 1e-8);
        for (int i = at; i < at + group; i++)
            for (int t = 0; t < T[i]; t++) x[i][t] = (x[i][t] - (shift ? mean : 0)) / deviation + (back ? mean : 0);
    }
}

// The score as training takes it: cut, and what a reply without an end loses.
static double score_of(const Rollout *r, const PpoConfig *c) {
    double score = (double)r->score, clip = (double)c->score_clip;
    if (clip > 0 && fabs(score) > clip) score = score < 0 ? -clip : clip;
    if (r->end == END_STOP || (r->end == END_TEXT && !c->marker_only)) return score;
    return c->missing_set ? -(double)c->missing_end : score - (double)c->missing_end;
}

// The sums of a batch's rewards as advantages within each group, in double; with `divide` over the group's deviation.
static void advantages_by_group(double (*advantage)[8], double (*reward)[8], const int *T, const PpoConfig *c) {
    for (int at = 0; at < ROLLOUTS; at += c->group) {
        double sum[ROLLOUTS] = {0}, total = 0, square = 0, k = c->group;
        for (int i = at; i < at + c->group; i++) {
            for (int t = 0; t < T[i]; t++) sum[i] += reward[i][t];
            total += sum[i];
        }
        for (int i = at; i < at + c->group; i++) square += (sum[i] - total / k) * (sum[i] - total / k) / k;
        double divisor = c->algorithm == ALGORITHM_GRPO && !c->dr_grpo ? sqrt(square + 1e-8) : 1,
               times = c->algorithm == ALGORITHM_RLOO ? k / (k - 1) : 1;
        for (int i = at; i < at + c->group; i++)
            for (int t = 0; t < T[i]; t++) advantage[i][t] = (sum[i] - total / k) * times / divisor;
    }
}

// The gradients of the last minibatch of the second step, at rate 0: the policy is still the base, every ratio 1, every value 0.
// So d loss / d logp = -A / actions and d loss / d value = -R / actions.
// Without a value model: `value` NULL, and a group's replies go to one prompt.
static void expect_gradients(Session *session, const PpoConfig *c, Role *policy, Role *value) {
    const PromptTokens *asked[ROLLOUTS];
    int order[PROMPTS], batch[ROLLOUTS], T[ROLLOUTS], actions = 0;
    uint32_t work[ROLLOUTS];
    for (int i = 0; i < ROLLOUTS; i++) {
        int at = (ROLLOUTS + i) / (value ? 1 : c->group);
        rng_shuffle(rng_key(7, "ppo.prompts"), (uint32_t)(at / PROMPTS), PROMPTS, order, work);
        asked[i] = &prompts[order[at % PROMPTS]];
    }
    GenerateConfig generate = c->generate;
    generate.key = rng_key(7, "ppo.rollout");
    generate.capacity = c->max_prompt + c->generate.max_new;
    Rollout r[ROLLOUTS];
    Role reference = role_base(&base);
    ck_ok(rollout_sample(r, asked, ROLLOUTS, &reference, &base, &generate, false, 1, &arena, session, &error), error);
    ck_ok(rollout_score(r, ROLLOUTS, &reference, judge, NULL, 1, &arena, session, &error), error);

    // Reward: the score on the last action; return: the sum of what comes, gamma 0.9, values 0; advantage the same, whitened.
    double reward[ROLLOUTS][8] = {{0}}, advantage[ROLLOUTS][8], returns[ROLLOUTS][8];
    for (int i = 0; i < ROLLOUTS; i++) {
        T[i] = sequence_actions(&r[i].sequence);
        reward[i][T[i] - 1] = score_of(&r[i], c);
    }
    int group = c->whiten_group ? c->whiten_group : ROLLOUTS;
    if (c->whiten_reward == WHITEN_SCALE) whiten_all(reward, T, group, false, false);
    if (c->whiten_reward == WHITEN_KEEP_MEAN) whiten_all(reward, T, group, true, true);
    for (int i = 0; i < ROLLOUTS; i++) {
        double next_return = 0, next_advantage = 0;
        for (int t = T[i] - 1; t >= 0; t--) {
            next_advantage = reward[i][t] + 0.9 * 0.8 * next_advantage;
            next_return = next_advantage;
            advantage[i][t] = next_advantage;
            returns[i][t] = next_return;
        }
    }
    if (!value)
        advantages_by_group(advantage, reward, T, c);
    else if (c->whiten_advantage)
        whiten_all(advantage, T, group, true, false);

    rng_shuffle(rng_key(7, "ppo.minibatch"), 1 * 2 + 1, ROLLOUTS, batch, work);
    for (int k = MINIBATCH; k < ROLLOUTS; k++) actions += T[batch[k]];
    for (int k = c->last_unit ? ROLLOUTS - c->unit : MINIBATCH; k < ROLLOUTS; k++) {
        int i = batch[k], row[8];
        const Sequence *s = &r[i].sequence;
        const int32_t *ids = s->ids;
        for (int t = 0; t < T[i]; t++) row[t] = s->from - 1 + t;
        LlamaBatch one = llama_batch(&arena, &ids, &s->count, 1);
        Tape tape = tape_make(&arena);
        Tensor *h = llama_forward(&tape, policy->llama, policy->adapter, &one, NULL, &arena);
        LinearRows rows = llama_rows(policy->llama, 0, NULL);
        const Tensor *logp = logprob(&tape, op_gather(&tape, h, row, T[i]), policy->llama->weights.head, ids + s->from, 1, rows, NULL);
        // Actions count alike, or replies do: one ratio of the whole reply moves each of its actions as much as the reply.
        double of = value ? actions : MINIBATCH;
        if (c->algorithm == ALGORITHM_GRPO) of *= c->dr_grpo ? c->generate.max_new : T[i];
        for (int t = 0; t < T[i]; t++) logp->grad[t] = (float)(-advantage[i][t] / of);
        tape_backward(&tape);
        if (!value) continue;
        Tape second = tape_make(&arena);
        h = llama_forward(&second, value->llama, value->adapter, &one, NULL, &arena);
        const Tensor *v = linear(&second, op_gather(&second, h, row, T[i]), value->head, value->bias, rows);
        for (int t = 0; t < T[i]; t++) v->grad[t] = (float)(-returns[i][t] / actions);
        tape_backward(&second);
    }
}

static void near_block(const char *what, const float *found, const float *expected, size_t n) {
    double norm = 0, off = 0;
    for (size_t i = 0; i < n; i++) {
        norm += (double)expected[i] * (double)expected[i];
        off += ((double)found[i] - (double)expected[i]) * ((double)found[i] - (double)expected[i]);
    }
    ck_assert_msg(norm > 0 && off <= 1e-10 * norm, "%s: off by %.3g of %.3g", what, sqrt(off), sqrt(norm));
}

START_TEST(ppo_update_by_hand) {
    for (int v = 0; v < 6; v++) {
        const char *dir = temporary_make(&arena);
        PpoConfig config = config_of(2);
        config.schedule.rate = 0;
        config.adamw.beta1 = 0;
        config.max_norm = 0;
        config.gamma = 0.9f;
        config.lambda = 0.8f;
        // Values 0 are never further than the clip from returns 0: let the returns through.
        config.value_clip = 100;
        config.whiten_reward = v == 1 ? WHITEN_SCALE : v == 2 ? WHITEN_KEEP_MEAN : WHITEN_NONE;
        config.whiten_advantage = v != 3;
        if (v == 4) config.unit = 1, config.last_unit = true, config.missing_end = 1, config.missing_set = config.marker_only = true;
        if (v == 5) config.whiten_group = 4, config.whiten_reward = WHITEN_KEEP_MEAN, config.score_clip = 0.25f, config.missing_end = 2;
        Role *trained;
        ck_ok(train(&trained, dir, &config, -1, 64), error);

        Session session = tiny_session(&arena, dir);
        RoleConfig policy_shape = {.adapter = config.adapter, .trained = true},
                   value_shape = {.adapter = judge->config.adapter, .head = true, .head_bias = true, .trained = true};
        Role *policy = role_make(&arena, &base, &policy_shape, 7), *value = role_make(&arena, &base, &value_shape, 7);
        role_copy_trunk(value, judge);
        Optimizer optimizer[2] = {optimizer_make(&policy->params, &config.adamw, 0), optimizer_make(&value->params, &config.adamw, 0)};
        expect_gradients(&session, &config, policy, value);
        SavedRole saved[2] = {{"policy", policy, &optimizer[0]}, {"value", value, &optimizer[1]}};
        int64_t step;
        uint64_t offset;
        ck_ok(save_read(&session, &step, &offset, saved, 2, NULL, 0, &error), error);
        ck_assert_int_eq(step, 2);
        ck_assert_int_eq(optimizer[0].step, 2 * 2 * 2);
        near_block("policy", optimizer[0].m, policy->params.grad, policy->params.count);
        near_block("value", optimizer[1].m, value->params.grad, value->params.count);
        tiny_session_end(&session);
        temporary_remove(dir);
    }
}
END_TEST

// RLOO, GRPO and Dr. GRPO in the same way; the KL of GRPO's loss is 0 here, and so is its slope. Whitening and values count nothing.
START_TEST(ppo_groups_by_hand) {
    for (int v = 0; v < 4; v++) {
        const char *dir = temporary_make(&arena);
        PpoConfig config = config_of(2);
        config.algorithm = v < 2 ? ALGORITHM_RLOO : ALGORITHM_GRPO;
        config.dr_grpo = v == 3;
        config.group = v == 1 ? 2 : 4;
        config.schedule.rate = 0;
        config.adamw.beta1 = 0;
        config.max_norm = 0;
        config.whiten_reward = WHITEN_SCALE;
        Role *trained;
        ck_ok(train(&trained, dir, &config, -1, 64), error);
        ck_assert(!file_exists(path_join(&arena, dir, "checkpoint-000002/value.safetensors")));
        ck_assert_ptr_null(strstr(tiny_metrics(&arena, dir).data, "value"));

        Session session = tiny_session(&arena, dir);
        config.whiten_reward = WHITEN_NONE;
        RoleConfig shape = {.adapter = config.adapter, .trained = true};
        Role *policy = role_make(&arena, &base, &shape, 7);
        Optimizer optimizer = optimizer_make(&policy->params, &config.adamw, 0);
        expect_gradients(&session, &config, policy, NULL);
        SavedRole saved = {"policy", policy, &optimizer};
        int64_t step;
        uint64_t offset;
        ck_ok(save_read(&session, &step, &offset, &saved, 1, NULL, 0, &error), error);
        ck_assert_int_eq(step, 2);
        near_block("policy", optimizer.m, policy->params.grad, policy->params.count);
        tiny_session_end(&session);
        temporary_remove(dir);
    }
}
END_TEST

// Whole groups, KL in RLOO's reward and in GRPO's loss, and what shows of each option.
START_TEST(ppo_group_variants) {
    enum { VARIANTS = 8 };
    Text seen[VARIANTS];
    for (int v = 0; v < VARIANTS; v++) {
        const char *dir = temporary_make(&arena);
        PpoConfig config = config_of(2);
        config.algorithm = v < 4 ? ALGORITHM_RLOO : ALGORITHM_GRPO;
        config.samples = 8;
        if (v % 4 == 1) config.kl_coef = 2;
        if (v % 4 == 2) config.group = 2;
        if (v == 3) config.kl = KL_K3;
        if (v == 7) config.dr_grpo = true;
        Role *policy;
        ck_ok(train(&policy, dir, &config, -1, 64), error);
        for (int i = 0; i < 2; i++) {
            ck_assert_double_eq(metric(dir, i, "ratio_mismatch"), 0);
            double penalty = metric(dir, i, "objective/non_score_reward"), score = metric(dir, i, "objective/scores"),
                   kl = metric(dir, i, "objective/kl");
            ck_assert_double_eq_tol(penalty, v < 4 ? -(double)config.kl_coef * kl : 0, 1e-6);
            ck_assert_double_eq_tol(metric(dir, i, "objective/rlhf_reward"), score + penalty, 1e-5);
            // One prompt for a group, another for the next.
            for (int k = 0; k < 8; k++) {
                bool starts = k % config.group == 0;
                double index = tiny_number(&arena, dir, "samples.jsonl", 8 * i + k, "index");
                if (k) ck_assert_int_eq(index != tiny_number(&arena, dir, "samples.jsonl", 8 * i + k - 1, "index"), starts);
            }
        }
        seen[v] = tiny_metrics(&arena, dir);
        for (int w = 0; w < v; w++) ck_assert_msg(!text_equal(seen[v], seen[w]), "variants %d and %d", v, w);
        temporary_remove(dir);
    }
}
END_TEST

// The value model has its own share of the rate.
START_TEST(ppo_value_rate) {
    Text seen[3];
    for (int v = 0; v < 3; v++) {
        const char *dir = temporary_make(&arena);
        PpoConfig config = config_of(1);
        config.value_rate = (float)v / 2;
        Role *trained, *value;
        ck_ok(train(&trained, dir, &config, -1, 64), error);
        seen[v] = tiny_file(&arena, path_join(&arena, dir, "checkpoint-000001"), "value.safetensors");
        Session session = tiny_session(&arena, dir);
        ck_ok(save_load_role(&value, &base, dir, "value", &arena, &session, &error), error);
        bool still = true;
        for (int i = 0; i < 16; i++) still &= tensor_f32(value->head)[i] == 0;
        ck_assert_int_eq(still, v == 0);
        tiny_session_end(&session);
        temporary_remove(dir);
    }
    ck_assert(!text_equal(seen[1], seen[2]));
}
END_TEST

// Two samples of each step, with the keys that formats.md promises.
START_TEST(ppo_samples) {
    const char *dir = temporary_make(&arena);
    PpoConfig config = config_of(2);
    Role *policy;
    ck_ok(train(&policy, dir, &config, -1, 64), error);
    Text text = tiny_file(&arena, dir, "samples.jsonl");
    int lines = 0;
    for (const char *at = text.data; at < text.data + text.size; lines++) {
        const char *end = strchr(at, '\n');
        const Json *line;
        ck_ok(json_parse(&line, &arena, (Text){at, (size_t)(end - at)}, "samples", &error), error);
        static const char *const KEYS[] = {"step", "index", "prompt", "reply", "end", "score", "kl", "length"};
        const Json *member = line->child;
        for (int k = 0; k < 8; k++, member = member->next) ck_assert(text_equal(member->key, text_of(KEYS[k])));
        ck_assert_ptr_null(member);
        ck_assert_int_eq(json_get(line, "step")->integer, lines / 2);
        int64_t index = json_get(line, "index")->integer;
        ck_assert(index >= 100 && index < 100 + PROMPTS);
        char expected[32];
        snprintf(expected, sizeof expected, "%d and %d", (int)index - 100, (int)((index - 100) * (index - 100)));
        ck_assert(text_equal(json_get(line, "prompt")->string, text_of(expected)));
        at = end + 1;
    }
    ck_assert_int_eq(lines, 4);
    temporary_remove(dir);
}
END_TEST

// ---- the same bits

START_TEST(ppo_resumes) {
    const char *one = temporary_make(&arena), *two = temporary_make(&arena);
    PpoConfig config = config_of(4);
    config.algorithm = (PpoAlgorithm)_i;
    // An adaptive coefficient is part of what must come back.
    config.kl_target = 0.5f;
    config.kl_horizon = 20;
    config.schedule.kind = SCHEDULE_LINEAR;
    config.warmup_share = 0.2;
    // And so are the moments of all scores.
    if (_i == ALGORITHM_RLOO) config.score_scale = SCORE_WHITEN;
    Role *policy, *again;
    ck_ok(train(&policy, one, &config, -1, 64), error);
    ck_assert_double_ne(metric(one, 0, "objective/kl_coef"), metric(one, 3, "objective/kl_coef"));
    // Stopped at different places: while sampling, while scoring, between steps.
    int stops = 0;
    for (int after = 3;; after += 5) {
        Status status = train(&again, two, &config, after, 64);
        if (status == OK) break;
        ck_assert_msg(status == ERR_STOPPED, "%s", error.text);
        ck_assert_ptr_nonnull(strstr(error.text, "ppo: stopped after step"));
        ck_assert_int_lt(++stops, 20);
    }
    ck_assert_int_gt(stops, 3);
    same(one, two, 4, config.algorithm);
    check_bits("policy", again->params.value, policy->params.value, policy->params.count);

    // Killed behind the third step: back to the second checkpoint.
    ck_ok(directory_remove(path_join(&arena, two, "checkpoint-000004"), &error), error);
    ck_ok(train(&again, two, &config, -1, 64), error);
    same(one, two, 4, config.algorithm);
    // A finished run is left alone.
    ck_ok(train(&again, two, &config, 0, 64), error);
    same(one, two, 4, config.algorithm);
    temporary_remove(one);
    temporary_remove(two);
}
END_TEST

START_TEST(ppo_order_of_work) {
    const char *one = temporary_make(&arena);
    PpoConfig config = config_of(2);
    config.algorithm = (PpoAlgorithm)_i;
    config.unit = 2;
    Role *policy;
    ck_ok(train(&policy, one, &config, -1, 64), error);
    static const int SLOTS[] = {1, 8, 5}, ROWS[] = {1, 1000, 30}, THREADS[] = {1, 2, 3};
    for (int i = 0; i < 3; i++) {
        const char *two = temporary_make(&arena);
        PpoConfig other = config;
        other.generate.slots = SLOTS[i];
        ck_ok(pool_start(THREADS[i], &error), error);
        ck_ok(train(&policy, two, &other, -1, ROWS[i]), error);
        pool_stop();
        same(one, two, 2, config.algorithm);
        temporary_remove(two);
    }
    temporary_remove(one);
}
END_TEST

// ---- variants

// Every kind of penalty and whitening, all weights, temperature: ratios stay exact, and each choice shows.
START_TEST(ppo_variants) {
    enum { VARIANTS = 10 };
    Text seen[VARIANTS];
    for (int v = 0; v < VARIANTS; v++) {
        const char *dir = temporary_make(&arena);
        PpoConfig config = config_of(2);
        if (v == 1) config.kl = KL_CLAMP;
        if (v == 2) config.kl = KL_K2;
        if (v == 3) config.kl = KL_K3;
        if (v == 4) config.whiten_reward = WHITEN_SCALE;
        if (v == 5) config.whiten_reward = WHITEN_KEEP_MEAN;
        if (v == 6) config.whiten_advantage = false;
        if (v == 7) config.train_all = true;
        if (v == 8) config.generate.sampler.temperature = 0.7f, config.missing_end = 2;
        if (v == 9) config.repeat_coef = 2, config.repeat_length = 1;
        Role *policy;
        ck_ok(train(&policy, dir, &config, -1, 64), error);
        for (int i = 0; i < 2; i++) ck_assert_double_eq(metric(dir, i, "ratio_mismatch"), 0);
        ck_assert_double_eq(metric(dir, 0, "objective/kl"), 0);
        seen[v] = tiny_metrics(&arena, dir);
        for (int w = 0; w < v; w++) ck_assert_msg(!text_equal(seen[v], seen[w]), "variants %d and %d", v, w);
        if (v == 8) {
            // What is missing an end loses two points, in the reward alone.
            double unended = metric(dir, 0, "completions/clipped_ratio");
            ck_assert_double_gt(unended, 0);
            ck_assert_double_eq_tol(metric(dir, 0, "objective/rlhf_reward"), metric(dir, 0, "objective/scores") - 2 * unended, 1e-5);
        }
        temporary_remove(dir);
    }
}
END_TEST

// Scores over the deviation of all so far; what the metrics and the samples say of it at kl_coef 0, by hand.
START_TEST(ppo_scales_scores) {
    for (int shift = 0; shift < 2; shift++) {
        const char *dir = temporary_make(&arena);
        PpoConfig config = config_of(2);
        config.kl_coef = 0;
        config.samples = 8;
        config.score_scale = shift ? SCORE_WHITEN : SCORE_SCALE;
        Role *policy;
        ck_ok(train(&policy, dir, &config, -1, 64), error);
        double score[16], sum = 0;
        for (int step = 0; step < 2; step++) {
            double square = 0, mean, here = 0;
            int n = 8 * (step + 1);
            for (int i = n - 8; i < n; i++) sum += score[i] = tiny_number(&arena, dir, "samples.jsonl", i, "score"), here += score[i] / 8;
            mean = sum / n;
            for (int i = 0; i < n; i++) square += (score[i] - mean) * (score[i] - mean);
            double expected = (here - (shift ? mean : 0)) / sqrt(square / (n - 1));
            ck_assert_double_eq_tol(metric(dir, step, "objective/rlhf_reward"), expected, 1e-4);
        }
        temporary_remove(dir);
    }
}
END_TEST

// What steers a run: where the penalty stands, the gain of its coefficient, a rate that moves once a step, updates that end early.
START_TEST(ppo_steers) {
    for (int v = 0; v < 7; v++) {
        const char *dir = temporary_make(&arena);
        PpoConfig config = config_of(2);
        if (v == 0) config.kl_in = KL_IN_LOSS, config.kl = KL_FULL, config.train_all = true;
        if (v == 1) config.kl_in = KL_IN_LOSS, config.algorithm = ALGORITHM_RLOO, config.kl = KL_K2;
        if (v == 2) config.kl_in = KL_IN_REWARD, config.algorithm = ALGORITHM_GRPO;
        if (v == 3) config.kl_target = 0.5f, config.kl_gain = 0.25f;
        if (v == 4) config.rate_by_rollout = true, config.warmup_share = 0.5;
        if (v == 5) config.stop_kl = 1e-12f;
        if (v == 6) config.kl = KL_FULL;
        Role *policy;
        ck_ok(train(&policy, dir, &config, -1, 64), error);
        double kl = metric(dir, 1, "objective/kl"), penalty = metric(dir, 1, "objective/non_score_reward"),
               score = metric(dir, 1, "objective/scores");
        ck_assert_double_eq(metric(dir, 0, "objective/kl"), 0);
        ck_assert_double_eq(metric(dir, 1, "ratio_mismatch"), 0);
        ck_assert_double_eq_tol(penalty, v < 2 ? 0 : -metric(dir, 1, "objective/kl_coef") * kl, 1e-6);
        ck_assert_double_eq_tol(metric(dir, 1, "objective/rlhf_reward"), score + penalty, 1e-5);
        // Of whole distributions it is above 0 in every sample.
        for (int i = 0; config.kl == KL_FULL && i < 2; i++) ck_assert_double_gt(tiny_number(&arena, dir, "samples.jsonl", 2 + i, "kl"), 0);
        // The target is missed from below, so the error is -0.2.
        ck_assert_double_eq_tol(metric(dir, 1, "objective/kl_coef"), v == 3 ? 0.02 * (1 - 0.2 * 0.25) : 0.02, 1e-8);
        // Half of two steps is a step at rate 0; half of eight updates would not be.
        ck_assert_int_eq(kl == 0, v == 4);
        // The first minibatch is at KL 0, the second is not.
        for (int i = 0; v == 5 && i < 2; i++) ck_assert_double_eq(metric(dir, i, "policy/updates"), 1);
        temporary_remove(dir);
    }
}
END_TEST

// Every prompt is asked once before one is asked again.
START_TEST(ppo_goes_through_prompts) {
    const char *dir = temporary_make(&arena);
    PpoConfig config = config_of(2);
    config.rollouts = config.samples = PROMPTS;
    Role *policy;
    ck_ok(train(&policy, dir, &config, -1, 64), error);
    int order[2][PROMPTS];
    for (int step = 0; step < 2; step++) {
        int asked[PROMPTS] = {0};
        for (int i = 0; i < PROMPTS; i++) {
            order[step][i] = (int)tiny_number(&arena, dir, "samples.jsonl", step * PROMPTS + i, "index") - 100;
            asked[order[step][i]]++;
        }
        for (int i = 0; i < PROMPTS; i++) ck_assert_int_eq(asked[i], 1);
    }
    ck_assert_int_ne(memcmp(order[0], order[1], sizeof order[0]), 0);
    temporary_remove(dir);
}
END_TEST

START_TEST(ppo_names_prompt) {
    const char *dir = temporary_make(&arena);
    PpoConfig config = config_of(2);
    Role *policy;
    tensor_f32(judge->head)[3] = NAN;
    ck_assert_int_eq(train(&policy, dir, &config, -1, 64), ERR_NUMERIC);
    ck_assert_msg(strncmp(error.text, "ppo step 0: the policy loss of prompt 10", 40) == 0, "%s", error.text);
    ck_assert(!file_exists(path_join(&arena, dir, "checkpoint-000001")));
    temporary_remove(dir);
}
END_TEST

Suite *suite_ppo(void) {
    Suite *suite = suite_create("ppo");
    TCase *tc = tcase_create("ppo");
    tcase_set_timeout(tc, 30);
    tcase_add_checked_fixture(tc, setup, teardown);
    // An emulator shows nothing more in the algorithms that share the loop.
    int end = getenv("RLCD_QEMU") ? ALGORITHM_PPO + 1 : ALGORITHM_GRPO + 1;
    tcase_add_loop_test(tc, ppo_learns, ALGORITHM_PPO, end);
    tcase_add_test(tc, ppo_metrics);
    tcase_add_test(tc, ppo_update_by_hand);
    tcase_add_test(tc, ppo_groups_by_hand);
    tcase_add_test(tc, ppo_group_variants);
    tcase_add_test(tc, ppo_value_rate);
    tcase_add_test(tc, ppo_samples);
    tcase_add_loop_test(tc, ppo_resumes, ALGORITHM_PPO, end);
    tcase_add_loop_test(tc, ppo_order_of_work, ALGORITHM_PPO, end);
    tcase_add_test(tc, ppo_variants);
    tcase_add_test(tc, ppo_scales_scores);
    tcase_add_test(tc, ppo_steers);
    tcase_add_test(tc, ppo_goes_through_prompts);
    tcase_add_test(tc, ppo_names_prompt);
    suite_add_tcase(suite, tc);
    return suite;
}
