// Golden values of training (tests/golden/README.md): PyTorch in float64 against what the product computes, within 1e-5 of each
// tensor's norm.
#include <stdio.h>
#include <string.h>

#include "nn/logprob.h"
#include "rlcd/batch.h"
#include "rlcd/ppo_math.h"
#include "rlcd/preference.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_add.h"
#include "tensor/op_gather.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_training(void);

// What the issue asks; plain fp32 of PyTorch reaches 9e-7.
static const double TOLERANCE = 1e-5;

static Arena arena;
static Error error;

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_training", 0);
}
static void teardown(void) { arena_free(&arena); }

static Base open_model(const char *name) {
    Base base = {.end = 2};
    ck_ok(llama_open(&base.llama, &arena, path_join(&arena, "tests/golden", name), &error), error);
    ck_ok(llama_prepare(&base.llama, &arena, 64, &error), error);
    return base;
}

// The sequences of a golden file as one batch.
static LlamaBatch golden_batch(const SafeTensors *golden) {
    size_t n;
    const int32_t *ids = tiny_tensor(golden, "ids", NULL), *offsets = tiny_tensor(golden, "offsets", &n);
    const int32_t *part[8];
    int lengths[8], B = (int)n - 1;
    for (int i = 0; i < B; i++) {
        part[i] = ids + offsets[i];
        lengths[i] = offsets[i + 1] - offsets[i];
    }
    return llama_batch(&arena, part, lengths, B);
}

static float *all_logits(const Role *role, const LlamaBatch *batch) {
    const LlamaConfig *c = &role->llama->config;
    const Tensor *h = llama_forward(NULL, role->llama, role->adapter, batch, NULL, &arena), *head = role->llama->weights.head;
    float *z = arena_alloc(&arena, (size_t)batch->N * (size_t)c->V * sizeof *z);
    logits_forward(z, tensor_f32(h), head->data, head->type, 1.0f, PRECISION_FP32, batch->N, c->D, c->V);
    return z;
}

// Adds the gradient of the mean loss over all predictions, sequence by sequence (numerics.md, G1); returns the loss.
static float train_pass(const Role *role, const LlamaBatch *batch) {
    int predictions = batch->N - batch->B;
    float loss = 0;
    for (int i = 0; i < batch->B; i++) {
        ArenaMark mark = arena_mark(&arena);
        Tape tape = tape_make(&arena);
        const int32_t *ids = batch->ids + batch->offsets[i];
        int length = batch->offsets[i + 1] - batch->offsets[i], row[64];
        for (int t = 0; t < length - 1; t++) row[t] = t;
        LlamaBatch one = llama_batch(&arena, &ids, &length, 1);
        Tensor *h = llama_forward(&tape, role->llama, role->adapter, &one, NULL, &arena);
        LinearRows rows = llama_rows(role->llama, 0, NULL);
        const Tensor *logp = logprob(&tape, op_gather(&tape, h, row, length - 1), role->llama->weights.head, ids + 1, 1.0f, rows, NULL);
        for (int t = 0; t < length - 1; t++) {
            loss -= tensor_f32(logp)[t];
            logp->grad[t] = -1.0f / (float)predictions;
        }
        tape_backward(&tape);
        arena_release(&arena, mark);
    }
    return loss / (float)predictions;
}

// Compares one block (values, gradients) with the golden tensors "PREFIX/NAME", NAME without `strip`; returns how many there are.
static int check_block(const SafeTensors *golden, const char *prefix, const Params *params, const float *block, const char *strip) {
    int compared = 0;
    for (int i = 0; i < params->tensors; i++) {
        const Tensor *t = params->tensor[i];
        const char *bare = strncmp(t->name, strip, strlen(strip)) == 0 ? t->name + strlen(strip) : t->name;
        char name[192];
        snprintf(name, sizeof name, "%s/%s", prefix, bare);
        if (safetensors_find(golden, name) == NULL) continue;
        tiny_check(golden, name, block + (tensor_f32(t) - params->value), tensor_count(t), TOLERANCE);
        compared++;
    }
    return compared;
}

static int golden_count(const SafeTensors *golden, const char *prefix) {
    int n = 0;
    for (size_t i = 0; i < golden->n_tensors; i++) n += text_begins(golden->tensors[i].name, text_of(prefix));
    return n;
}

// Three optimizer steps over the same batch: loss, logits and gradients before, norms on the way, weights after 1 and 3.
static void check_steps(const char *file, const Role *role, int steps, const char *strip) {
    SafeTensors golden = tiny_golden(&arena, file);
    LlamaBatch batch = golden_batch(&golden);
    const float *norms = tiny_tensor(&golden, "norms", NULL);
    AdamWConfig adamw = {0.9f, 0.999f, 1e-8f, 0.01f};
    Params params = role->params;
    Optimizer optimizer = optimizer_make(&params, &adamw, 1.0f);
    for (int step = 1; step <= steps; step++) {
        float loss = train_pass(role, &batch), norm;
        if (step == 1) {
            tiny_check(&golden, "loss", &loss, 1, TOLERANCE);
            // Every gradient has its golden tensor, and every golden tensor its gradient.
            ck_assert_int_eq(check_block(&golden, "gradient", &params, params.grad, strip), params.tensors);
            ck_assert_int_eq(golden_count(&golden, "gradient/"), params.tensors);
        }
        ck_ok(optimizer_step(&optimizer, 1e-2f, &norm, &error), error);
        ck_assert_float_eq_tol(norm, norms[step - 1], norms[step - 1] * 1e-5f);
        char prefix[16];
        snprintf(prefix, sizeof prefix, "after_%d", step);
        int there = golden_count(&golden, prefix);
        ck_assert(there > 0 || step < steps);
        ck_assert_int_eq(check_block(&golden, prefix, &params, params.value, strip), there);
    }
}

START_TEST(training_untied) {
    Base base = open_model("tiny_untied");
    RoleConfig all = {.train_all = true, .trained = true};
    const Role *role = role_make(&arena, &base, &all, 1);
    SafeTensors golden = tiny_golden(&arena, "training_untied.safetensors");
    LlamaBatch batch = golden_batch(&golden);
    tiny_check(&golden, "logits", all_logits(role, &batch), 38 * 67, TOLERANCE);
    // The frozen base computes the very same bits.
    Role frozen = role_base(&base);
    check_bits("base", all_logits(&frozen, &batch), all_logits(role, &batch), 38 * 67);
    check_steps("training_untied.safetensors", role, 3, "");
}
END_TEST

START_TEST(training_tied) {
    Base base = open_model("tiny_tied");
    RoleConfig all = {.train_all = true, .trained = true};
    const Role *role = role_make(&arena, &base, &all, 1);
    ck_assert_ptr_eq(role->llama->weights.head, role->llama->weights.embedding);
    SafeTensors golden = tiny_golden(&arena, "training_tied.safetensors");
    LlamaBatch batch = golden_batch(&golden);
    const float *z = all_logits(role, &batch);
    float last[3 * 67];
    for (int i = 0; i < 3; i++) memcpy(last + i * 67, z + (batch.offsets[i + 1] - 1) * 67, 67 * sizeof *last);
    tiny_check(&golden, "logits", last, 3 * 67, TOLERANCE);
    check_steps("training_tied.safetensors", role, 3, "");
}
END_TEST

// All sequences in one pass: the same bits as one after the other, tied or not (numerics.md, G1).
static void one_pass(const char *model_name, const char *file, bool tied_head, Precision precision) {
    Base base = open_model(model_name);
    base.llama.precision = precision;
    RoleConfig all = {.train_all = true, .trained = true};
    const Role *alone = role_make(&arena, &base, &all, 1), *together = role_make(&arena, &base, &all, 1);
    SafeTensors golden = tiny_golden(&arena, file);
    LlamaBatch batch = golden_batch(&golden);
    train_pass(alone, &batch);

    int n = batch.N - batch.B, *row = arena_alloc(&arena, (size_t)n * sizeof *row), *first = arena_alloc(&arena, 8 * sizeof *first), at = 0;
    int32_t *target = arena_alloc(&arena, (size_t)n * sizeof *target);
    for (int i = 0; i < batch.B; i++) {
        first[i] = at;
        for (int t = batch.offsets[i]; t < batch.offsets[i + 1] - 1; t++, at++) row[at] = t, target[at] = batch.ids[t + 1];
    }
    first[batch.B] = at;
    Tape tape = tape_make(&arena);
    LogprobExtra extra = {.tied = llama_tie(&batch, together->llama, first, &arena)};
    ck_assert_int_eq(extra.tied != NULL, tied_head);
    Tensor *h = llama_forward(&tape, together->llama, NULL, &batch, NULL, &arena);
    LinearRows rows = llama_rows(together->llama, batch.B, first);
    const Tensor *logp = logprob(&tape, op_gather(&tape, h, row, n), together->llama->weights.head, target, 1.0f, rows, &extra);
    for (int i = 0; i < n; i++) logp->grad[i] = -1.0f / (float)n;
    tape_backward(&tape);
    check_bits(model_name, together->params.grad, alone->params.grad, alone->params.count);
}

START_TEST(training_one_pass) {
    one_pass("tiny_tied", "training_tied.safetensors", true, (Precision)_i);
    one_pass("tiny_untied", "training_untied.safetensors", false, (Precision)_i);
}
END_TEST

// Loss and gradient in bf16 lie near those in fp32, as near as operands of 8 bits let them, and are not the same.
START_TEST(training_bf16) {
    for (int train_all = 0; train_all < 2; train_all++) {
        Base base = open_model("tiny_untied");
        RoleConfig config = {.train_all = train_all, .adapter = adapter_default(), .trained = true};
        SafeTensors golden = tiny_golden(&arena, "training_untied.safetensors");
        LlamaBatch batch = golden_batch(&golden);
        const Role *role[2];
        float loss[2];
        for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++) {
            base.llama.precision = (Precision)p;
            Role *made = role_make(&arena, &base, &config, 1);
            // B starts at zero, where A has no gradient.
            for (int i = 0; i < made->params.tensors && !train_all; i++)
                random_fill(tensor_f32(made->params.tensor[i]), tensor_count(made->params.tensor[i]), (unsigned)i, 0.2f);
            loss[p] = train_pass(role[p] = made, &batch);
        }
        ck_assert(loss[0] != loss[1]);
        ck_assert_float_eq_tol(loss[1], loss[0], 2e-3f * loss[0]);
        for (int i = 0; i < role[0]->params.tensors; i++) {
            const Tensor *a = role[0]->params.tensor[i], *b = role[1]->params.tensor[i];
            double apart = 0, norm = 0;
            for (size_t k = 0; k < tensor_count(a); k++) {
                apart += ((double)a->grad[k] - (double)b->grad[k]) * ((double)a->grad[k] - (double)b->grad[k]);
                norm += (double)a->grad[k] * (double)a->grad[k];
            }
            ck_assert_msg(apart > 0 && sqrt(apart) < 5e-2 * sqrt(norm), "%s: %g of %g", a->name, sqrt(apart), sqrt(norm));
        }
    }
}
END_TEST

START_TEST(training_lora) {
    Base base = open_model("tiny_untied");
    RoleConfig config = {.adapter = adapter_default(), .trained = true};
    config.adapter.rank = 4;
    config.adapter.alpha = 8;
    const Role *role = role_make(&arena, &base, &config, 1);
    // The given A and B.
    SafeTensors given = tiny_golden(&arena, "tiny_lora/adapter_model.safetensors"),
                golden = tiny_golden(&arena, "training_lora.safetensors");
    ck_assert_uint_eq(given.n_tensors, (size_t)role->params.tensors);
    for (int i = 0; i < role->params.tensors; i++) {
        size_t n;
        const Tensor *t = role->params.tensor[i];
        const float *value = tiny_tensor(&given, t->name, &n);
        ck_assert_uint_eq(n, tensor_count(t));
        memcpy(tensor_f32(t), value, n * sizeof *value);
    }
    LlamaBatch batch = golden_batch(&golden);
    tiny_check(&golden, "logits_last", all_logits(role, &batch) + (batch.offsets[1] - 1) * 67, 67, TOLERANCE);
    check_steps("training_lora.safetensors", role, 1, "base_model.model.");
}
END_TEST

// ---- the preference model: through preference_train itself

// The pairs of the golden file.
static PairTokens *golden_pairs(const SafeTensors *golden, float label) {
    const int32_t *ids[2] = {tiny_tensor(golden, "chosen_ids", NULL), tiny_tensor(golden, "rejected_ids", NULL)},
                  *offsets[2] = {tiny_tensor(golden, "chosen_offsets", NULL), tiny_tensor(golden, "rejected_offsets", NULL)};
    PairTokens *pairs = arena_zeros(&arena, 2, sizeof *pairs);
    for (int i = 0; i < 2; i++) {
        pairs[i].chosen = (Sequence){(int32_t *)ids[0] + offsets[0][i], offsets[0][i + 1] - offsets[0][i], 1};
        pairs[i].rejected = (Sequence){(int32_t *)ids[1] + offsets[1][i], offsets[1][i + 1] - offsets[1][i], 1};
        pairs[i].label = label;
    }
    return pairs;
}

// One step at rate 0 from a checkpoint that holds the golden head. With beta1 = 0 and no clip the first moment is the gradient;
// at rate 0 the stored mean and deviation are those of the golden scores.
static void check_preference(float label, const char *loss, const char *prefix, int expected) {
    Base base = open_model("tiny_tied");
    SafeTensors golden = tiny_golden(&arena, "training_preference.safetensors");
    PairTokens *pairs = golden_pairs(&golden, label);
    const char *dir = temporary_make(&arena);
    Session session = tiny_session(&arena, dir);
    RoleConfig shape = {.train_all = true, .head = true, .trained = true};
    PreferenceConfig config = preference_default();
    config.train_all = true;
    config.batch = 2;
    config.warmup_share = 0;
    config.schedule = (Schedule){.kind = SCHEDULE_CONSTANT, .rate = 0};
    config.adamw.beta1 = 0;
    config.max_norm = 0;

    Role *start = role_make(&arena, &base, &shape, session.seed);
    memcpy(tensor_f32(start->head), tiny_tensor(&golden, "score.weight", NULL), 24 * sizeof(float));
    Optimizer optimizer = optimizer_make(&start->params, &config.adamw, 0);
    SavedRole saved = {"preference", start, &optimizer};
    ck_ok(metrics_open(session.metrics, &arena, dir, 0, &error), error);
    ck_ok(save_write(&session, 0, &saved, 1, NULL, 0, &error), error);
    ck_ok(metrics_close(session.metrics, &error), error);

    Role *model;
    ck_ok(preference_train(&model, &base, pairs, 2, NULL, 0, &config, &session, &error), error);
    float found = (float)tiny_number(&arena, dir, "metrics.jsonl", 0, "loss");
    tiny_check(&golden, loss, &found, 1, TOLERANCE);

    // Scores: normalised by what the training stored, and back.
    Sequence all[4] = {pairs[0].chosen, pairs[1].chosen, pairs[0].rejected, pairs[1].rejected};
    float score[4];
    ck_ok(score_preference(score, model, all, 4, &session, &error), error);
    for (int i = 0; i < 4; i++) score[i] = score[i] * model->deviation + model->mean;
    tiny_check(&golden, "chosen_scores", score, 2, TOLERANCE);
    tiny_check(&golden, "rejected_scores", score + 2, 2, TOLERANCE);

    // Gradients: the moments of the checkpoint.
    int64_t step;
    uint64_t offset;
    ck_ok(save_read(&session, &step, &offset, &saved, 1, NULL, 0, &error), error);
    ck_assert_int_eq(step, 1);
    ck_assert_int_eq(optimizer.step, 1);
    ck_assert_int_eq(golden_count(&golden, prefix), expected);
    char bare[32];
    snprintf(bare, sizeof bare, "%.*s", (int)strlen(prefix) - 1, prefix);
    ck_assert_int_eq(check_block(&golden, bare, &start->params, optimizer.m, ""), expected);
    if (label == 1) ck_assert_int_eq(expected, start->params.tensors);
    tiny_session_end(&session);
    temporary_remove(dir);
}

START_TEST(training_preference) { check_preference(1, "loss", "gradient/", 12); }
END_TEST
START_TEST(training_preference_soft) { check_preference(0.8f, "loss_soft", "gradient_soft/", 2); }
END_TEST

// ---- advantages and whitening

START_TEST(training_gae) {
    SafeTensors golden = tiny_golden(&arena, "training_gae.safetensors");
    static const char *const NAMES[] = {"1", "0.95"};
    static const float NUMBERS[] = {1, 0.95f};
    const int32_t *offsets = tiny_tensor(&golden, "offsets", NULL);
    const float *reward = tiny_tensor(&golden, "rewards", NULL), *value = tiny_tensor(&golden, "values", NULL);
    for (int g = 0; g < 2; g++)
        for (int l = 0; l < 2; l++) {
            float advantage[65], returns[65];
            char name[64];
            for (int i = 0; i < 5; i++) {
                int at = offsets[i], T = offsets[i + 1] - at;
                ppo_estimate_advantage(advantage + at, returns + at, reward + at, value + at, T, NUMBERS[g], NUMBERS[l]);
            }
            snprintf(name, sizeof name, "gamma_%s_lambda_%s/advantages", NAMES[g], NAMES[l]);
            tiny_check(&golden, name, advantage, 65, TOLERANCE);
            snprintf(name, sizeof name, "gamma_%s_lambda_%s/returns", NAMES[g], NAMES[l]);
            tiny_check(&golden, name, returns, 65, TOLERANCE);
        }
}
END_TEST

// Mean and variance by the batch's own sums, over the five sequences.
START_TEST(training_whiten) {
    SafeTensors golden = tiny_golden(&arena, "training_gae.safetensors");
    const int32_t *offsets = tiny_tensor(&golden, "offsets", NULL);
    static const char *const NAMES[] = {"whiten_rewards", "whiten_small"};
    for (int k = 0; k < 2; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s/x", NAMES[k]);
        const float *x = tiny_tensor(&golden, name, NULL), *part[5];
        int count[5];
        for (int i = 0; i < 5; i++) {
            part[i] = x + offsets[i];
            count[i] = offsets[i + 1] - offsets[i];
        }
        float n = (float)ragged_count(count, 5), mean = ragged_sum(part, count, 5, &arena) / n,
              variance = ragged_sum_squares(part, count, 5, mean, &arena) / n, white[65];
        ck_assert_float_eq(n, 65);
        for (int keep = 0; keep < 2; keep++) {
            memcpy(white, x, sizeof white);
            ppo_whiten(white, 65, mean, variance, !keep);
            snprintf(name, sizeof name, "%s/%s", NAMES[k], keep ? "unshifted" : "shifted");
            tiny_check(&golden, name, white, 65, TOLERANCE);
        }
    }
}
END_TEST

// ---- PPO's losses

static Tensor *variable(const float *x) {
    Tensor *t = tensor_new_1d(&arena, true, 64);
    memcpy(t->data, x, 64 * sizeof *x);
    return t;
}

// One loss per reply and per action: advantages, losses and gradients.
START_TEST(training_groups) {
    SafeTensors golden = tiny_golden(&arena, "training_groups.safetensors");
    const float *returns = tiny_tensor(&golden, "returns", NULL), *old = tiny_tensor(&golden, "old_logp", NULL),
                *ref = tiny_tensor(&golden, "ref_logp", NULL), *advantages = tiny_tensor(&golden, "advantages", NULL);
    const int *offsets = tiny_tensor(&golden, "offsets", NULL);
    float advantage[3][12];
    for (int g = 0; g < 12; g += 4) {
        ppo_leave_one_out(advantage[0] + g, returns + g, 4);
        ppo_group_advantage(advantage[1] + g, returns + g, 4, true);
        ppo_group_advantage(advantage[2] + g, returns + g, 4, false);
    }
    static const char *const NAMES[] = {"leave_one_out", "divided", "centred"};
    for (int k = 0; k < 3; k++) tiny_check(&golden, NAMES[k], advantage[k], 12, TOLERANCE);

    enum { REPLIES = 6, ACTIONS = 44 };
    for (int whole = 0; whole < 2; whole++) {
        Tape tape = tape_make(&arena);
        Tensor *logp = tensor_new_1d(&arena, true, ACTIONS), *loss;
        memcpy(logp->data, tiny_tensor(&golden, "logp", NULL), ACTIONS * sizeof(float));
        if (whole) loss = ppo_sequence_loss(&tape, logp, old, advantages, offsets, REPLIES, 0.2f, NULL);
        else
            loss = op_add(&tape, ppo_policy_loss(&tape, logp, old, advantages, 0.2f, NULL), ppo_kl_loss(&tape, logp, ref, 0.04f, KL_K3));
        tiny_check(&golden, whole ? "sequence_losses" : "losses", tensor_f32(loss), whole ? REPLIES : ACTIONS, TOLERANCE);
        for (int i = 0; i < REPLIES; i++)
            for (int t = whole ? i : offsets[i]; t < (whole ? i + 1 : offsets[i + 1]); t++)
                loss->grad[t] = 1.0f / (float)(REPLIES * (whole ? 1 : offsets[i + 1] - offsets[i]));
        tape_backward(&tape);
        tiny_check(&golden, whole ? "d_sequence" : "d_logp", logp->grad, ACTIONS, TOLERANCE);
    }
}
END_TEST

static const float *numbers(const SafeTensors *golden, const char *name) {
    size_t n;
    const float *x = tiny_tensor(golden, name, &n);
    ck_assert_uint_eq(n, 64);
    return x;
}

// Checks losses, their mean, the gradient of the mean and the share of clipped actions.
static void check_loss(const SafeTensors *golden, Tape *tape, const Tensor *x, const Tensor *loss, int clipped, const char *kind,
                       const char *gradient) {
    char name[64];
    float share = (float)clipped / 64, mean;
    snprintf(name, sizeof name, "%s_losses", kind);
    tiny_check(golden, name, tensor_f32(loss), 64, TOLERANCE);
    mean = kernels.sum(tensor_f32(loss), 64) / 64;
    snprintf(name, sizeof name, "%s_loss", kind);
    tiny_check(golden, name, &mean, 1, TOLERANCE);
    snprintf(name, sizeof name, "%s_clipped", kind);
    tiny_check(golden, name, &share, 1, TOLERANCE);
    for (int i = 0; i < 64; i++) loss->grad[i] = 1.0f / 64;
    tape_backward(tape);
    tiny_check(golden, gradient, x->grad, 64, TOLERANCE);
}

START_TEST(training_ppo_losses) {
    SafeTensors golden = tiny_golden(&arena, "training_ppo.safetensors");
    int clipped;
    Tape tape = tape_make(&arena);
    Tensor *logp = variable(numbers(&golden, "logp"));
    const Tensor *loss = ppo_policy_loss(&tape, logp, numbers(&golden, "old_logp"), numbers(&golden, "advantages"), 0.2f, &clipped);
    check_loss(&golden, &tape, logp, loss, clipped, "policy", "d_logp");
    Tape second = tape_make(&arena);
    Tensor *value = variable(numbers(&golden, "values"));
    loss = ppo_value_loss(&second, value, numbers(&golden, "old_values"), numbers(&golden, "returns"), 0.2f, &clipped);
    check_loss(&golden, &second, value, loss, clipped, "value", "d_values");
}
END_TEST

START_TEST(training_kl) {
    SafeTensors golden = tiny_golden(&arena, "training_ppo.safetensors");
    const float *logp = numbers(&golden, "logp"), *ref = numbers(&golden, "ref_logp"), *old = numbers(&golden, "old_logp");
    static const char *const NAMES[] = {"clamp", "k1", "k2", "k3"};
    float kl[64];
    for (int k = 0; k < 4; k++) {
        KlKind kind = (KlKind)k;
        char name[64];
        ppo_kl(kl, logp, ref, 64, kind);
        snprintf(name, sizeof name, "kl_%s", NAMES[k]);
        tiny_check(&golden, name, kl, 64, TOLERANCE);
        if (k == 0) {
            float reward[64];
            ppo_shape_reward(reward, kl, 0.05f, 1.5f, 64);
            tiny_check(&golden, "shaped_rewards", reward, 64, TOLERANCE);
            continue;
        }
        // The same estimators between the sampling policy and the present one.
        ppo_kl(kl, old, logp, 64, kind);
        float mean = kernels.sum(kl, 64) / 64;
        snprintf(name, sizeof name, "approx_kl_%s", NAMES[k]);
        tiny_check(&golden, name, &mean, 1, TOLERANCE);
    }
}
END_TEST

Suite *suite_training(void) {
    Suite *suite = suite_create("training");
    TCase *tc = tcase_create("training");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, training_untied);
    tcase_add_test(tc, training_tied);
    tcase_add_loop_test(tc, training_one_pass, PRECISION_FP32, PRECISION_BF16 + 1);
    tcase_add_test(tc, training_bf16);
    tcase_add_test(tc, training_lora);
    tcase_add_test(tc, training_preference);
    tcase_add_test(tc, training_preference_soft);
    tcase_add_test(tc, training_gae);
    tcase_add_test(tc, training_whiten);
    tcase_add_test(tc, training_ppo_losses);
    tcase_add_test(tc, training_kl);
    tcase_add_test(tc, training_groups);
    suite_add_tcase(suite, tc);
    return suite;
}
