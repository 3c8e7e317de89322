#include "rlcd/dpo.h"

#include <math.h>

#include "tensor/base/comm.h"
#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_gather.h"
#include "tensor/op_scale.h"
#include "tensor/op_square.h"
#include "tensor/op_sub.h"
#include "tensor/op_sum.h"

DpoConfig dpo_default(void) {
    DpoConfig config = {.train = preference_default(), .beta = 0.1f};  // Rafailov et al., section 6
    config.train.schedule.rate = 5e-5;                                 // an adapter's; TRL takes 1e-6 for all weights
    return config;
}

// ---- the loss of pairs

void dpo_smooth_labels(PairTokens *pairs, int n, float share) {
    for (int i = 0; i < n; i++) pairs[i].label = pairs[i].label + share * (1 - 2 * pairs[i].label);
}

// loss = (h - a)^2, a = (label - 1/2) / beta: 1 / (2 beta) where chosen is surely better.    d loss / d h = 2 (h - a)
Tensor *dpo_squared_loss(Tape *tape, Tensor *h, const PairTokens *const *pair, float beta) {
    Tensor *aim = tensor_new_2d(h->arena, false, tensor_rows(h), 1);
    for (int i = 0; i < tensor_rows(h); i++) tensor_f32(aim)[i] = (pair[i]->label - 0.5f) / beta;
    return op_square(tape, op_sub(tape, h, aim));
}

// What is known about a pair before training, and what a step found.
typedef struct {
    float reference[2];  // log p_base of chosen, rejected
    float logp[2];       // log p
    float loss;
} DpoPair;

// Both replies of B pairs in one pass. Adds the gradient of the loss times `weight`; -1, or the first pair whose loss is not finite:
// then nothing was added.
static int pairs_step(Role *policy, const PairTokens *const *pair, DpoPair *state, int B, const DpoConfig *dpo, float weight,
                      Arena *arena) {
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    const Sequence **reply = arena_alloc(arena, 2 * (size_t)B * sizeof *reply);
    int *chosen = arena_alloc(arena, (size_t)B * sizeof *chosen), *rejected = arena_alloc(arena, (size_t)B * sizeof *rejected);
    Tensor *base = tensor_new_2d(arena, false, B, 1);
    for (int i = 0; i < B; i++) {
        reply[chosen[i] = 2 * i] = &pair[i]->chosen;
        reply[rejected[i] = 2 * i + 1] = &pair[i]->rejected;
        tensor_f32(base)[i] = state[i].reference[0] - state[i].reference[1];
    }
    ScoreRows rows = score_rows(reply, 2 * B, ROWS_ACTIONS, arena);

    Tensor *logp = op_sum(&tape, score_actions(&tape, policy, &rows, 1.0f, NULL, arena), rows.first, 2 * B);
    Tensor *difference = op_sub(&tape, op_gather(&tape, logp, chosen, B), op_gather(&tape, logp, rejected, B));
    Tensor *h = op_sub(&tape, difference, base);
    Tensor *loss = dpo->loss == DPO_SQUARED ? dpo_squared_loss(&tape, h, pair, dpo->beta)
                                            : preference_loss(&tape, op_scale(&tape, h, dpo->beta), pair, 0);

    int bad = -1;
    for (int i = 0; i < B; i++) {
        for (int k = 0; k < 2; k++) state[i].logp[k] = tensor_f32(logp)[2 * i + k];
        state[i].loss = tensor_f32(loss)[i];
        loss->grad[i] = weight;
        if (bad < 0 && !isfinite(state[i].loss)) bad = i;
    }
    if (bad < 0) tape_backward(&tape);
    arena_release(arena, mark);
    return bad;
}

// Log-probability of every reply under the base.
static Status score_reference(DpoPair *state, const Base *base, const PairTokens *pairs, int n, Session *session, Error *error) {
    ArenaMark mark = arena_mark(session->run);
    const Sequence *reply = preference_replies(pairs, n, session->run);
    float **logp = arena_alloc(session->run, 2 * (size_t)n * sizeof *logp);
    for (int i = 0; i < 2 * n; i++) logp[i] = arena_alloc(session->run, (size_t)reply[i].count * sizeof **logp);
    Role reference = role_base(base);
    Status status = score_logprob(logp, NULL, &reference, reply, 2 * n, 1.0f, session, error);
    for (int i = 0; status == OK && i < 2 * n; i++)
        state[i / 2].reference[i % 2] = kernels.sum(logp[i], (size_t)sequence_actions(&reply[i]));
    arena_release(session->run, mark);
    return status;
}

// ---- the loop

// Statistics of one minibatch for metrics.jsonl, by TRL's names.
static void log_step(Session *session, int64_t step, DpoPair *state, int n, float beta, float norm, float lr) {
    static const char *const NAMES[] = {"loss",         "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins",
                                        "logps/chosen", "logps/rejected"};
    enum { COUNT = sizeof NAMES / sizeof *NAMES };
    ArenaMark mark = arena_mark(session->step);
    float *value[COUNT];
    for (int k = 0; k < COUNT; k++) value[k] = arena_alloc(session->step, (size_t)n * sizeof **value);
    for (int i = 0; i < n; i++) {
        const DpoPair *p = &state[i];
        float better = beta * (p->logp[0] - p->reference[0]), worse = beta * (p->logp[1] - p->reference[1]);
        float row[COUNT] = {p->loss, better, worse, better > worse, better - worse, p->logp[0], p->logp[1]};
        for (int k = 0; k < COUNT; k++) value[k][i] = row[k];
    }
    metrics_begin(session->metrics, step, "dpo");
    for (int k = 0; k < COUNT; k++) metrics_add(session->metrics, NAMES[k], (double)(tree_sum(value[k], n) / (float)n));
    metrics_add(session->metrics, "grad_norm", (double)norm);
    metrics_add(session->metrics, "lr", (double)lr);
    arena_release(session->step, mark);
}

Status dpo_train(Role **out, const Base *base, const PairTokens *pairs, int n, const DpoConfig *dpo, Session *session, Error *error) {
    // The policy: starts as the base.
    const PreferenceConfig *config = &dpo->train;
    RoleConfig shape = {.train_all = config->train_all, .adapter = config->adapter, .trained = true};
    Role *policy = *out = role_make(session->run, base, &shape, session->seed);
    Optimizer optimizer = optimizer_make(&policy->params, &config->adamw, config->max_norm);
    GradTree tree = gradtree_make(session->run, policy->params.count);

    // The plan: every epoch is a shuffle of the pairs; its last minibatch may be smaller.
    int batch = config->batch < n ? config->batch : n, unit = config->unit > 0 && config->unit < batch ? config->unit : batch;
    int64_t per_epoch = (n + batch - 1) / batch, total = per_epoch * config->epochs;
    Schedule schedule = config->schedule;
    schedule.total = total;
    schedule.warmup = (int64_t)(config->warmup_share * (double)total);
    int *order = arena_alloc(session->run, (size_t)n * sizeof *order), *length = arena_alloc(session->run, (size_t)batch * sizeof *length);
    uint32_t *work = arena_alloc(session->run, (size_t)n * sizeof *work);
    DpoPair *all = arena_alloc(session->run, (size_t)n * sizeof *all), *state = arena_alloc(session->run, (size_t)batch * sizeof *state);
    const PairTokens **chosen = arena_alloc(session->run, (size_t)batch * sizeof *chosen);
    RngKey shuffle = rng_key(session->seed, "dpo.shuffle");

    // Where a stopped run left off.
    SavedRole saved[] = {{"policy", policy, &optimizer}};
    int64_t done;
    TRY(save_begin(session, &done, saved, 1, NULL, 0, error));
    if (done < total) TRY(score_reference(all, base, pairs, n, session, error));

    for (int64_t step = done; step < total; step++) {
        double start = clock_seconds(), tokens = 0;
        session->progress("dpo", step, total, "");
        rng_shuffle(shuffle, (uint32_t)(step / per_epoch), n, order, work);
        int first = (int)(step % per_epoch) * batch, size = n - first < batch ? n - first : batch;
        for (int i = 0; i < size; i++) {
            chosen[i] = &pairs[order[first + i]];
            state[i] = all[order[first + i]];
            length[i] = chosen[i]->chosen.count + chosen[i]->rejected.count;
            tokens += length[i];
        }

        // Gradient of the minibatch: units of pairs, added in a fixed tree.
        Status status = OK;
        gradtree_begin(&tree, size, unit);
        for (int i, end; status == OK && gradtree_next(&tree, &i, &end); gradtree_leaf(&tree, policy->params.grad))
            // As many pairs a pass as its rows allow: their number shows in no bit (numerics.md, G1).
            for (int B; status == OK && i < end; i += B) {
                B = llama_pass(policy->llama, length + i, end - i, session->rows);
                int bad = pairs_step(policy, chosen + i, state + i, B, dpo, 1.0f / (float)size, session->step);
                if (bad >= 0)
                    status = error_set(error, ERR_NUMERIC, "dpo step %lld: the loss of pair %d is not finite", (long long)step,
                                       order[first + i + bad]);
            }
        TRY(comm_agree(status, error));
        gradtree_end(&tree, policy->params.grad);
        gradtree_share(&tree, state, sizeof *state, NULL);

        // Update.
        float norm, lr = schedule_rate(&schedule, step);
        if (optimizer_step(&optimizer, lr, &norm, error) != OK) return error_prefix(error, "dpo step %lld", (long long)step);
        log_step(session, step, state, size, dpo->beta, norm, lr);
        session_metrics(session, start, tokens);
        TRY(metrics_end(session->metrics, error));

        // Store what is done.
        bool last = step + 1 == total, stop = !last && session_stop(session);
        if (last || stop || (step + 1) % session->checkpoint_every == 0) TRY(save_write(session, step + 1, saved, 1, NULL, 0, error));
        if (stop) return error_set(error, ERR_STOPPED, "dpo: stopped after step %lld of %lld", (long long)(step + 1), (long long)total);
    }
    session->progress("dpo", total, total, "");
    return OK;
}
