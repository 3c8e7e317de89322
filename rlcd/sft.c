#include "rlcd/sft.h"

#include <math.h>

#include "tensor/base/comm.h"
#include "tensor/base/rng.h"
#include "tensor/op_scale.h"
#include "tensor/op_sum.h"

SftConfig sft_default(void) {
    SftConfig config = preference_default();
    config.epochs = 3;  // paper.md, section 2
    return config;      // paper.md, section 2: batch 128 and 2e-5 for all weights; adapters want more
}

// ---- the loss of replies

// Negative log-probability of each of B replies (the sum over its actions) in one pass. Adds the gradient times `weight`; -1, or the
// first reply whose loss is not finite: then nothing was added.
static int replies_step(float *losses, Role *policy, const Sequence *const *reply, int B, float weight, Arena *arena) {
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    ScoreRows rows = score_rows(reply, B, ROWS_ACTIONS, arena);

    Tensor *logp = score_actions(&tape, policy, &rows, 1.0f, NULL, arena);
    Tensor *loss = op_scale(&tape, op_sum(&tape, logp, rows.first, B), -1);

    int bad = -1;
    for (int i = 0; i < B; i++) {
        losses[i] = tensor_f32(loss)[i];
        loss->grad[i] = weight;
        if (bad < 0 && !isfinite(losses[i])) bad = i;
    }
    if (bad < 0) tape_backward(&tape);
    arena_release(arena, mark);
    return bad;
}

// ---- the loop

Status sft_train(Role **out, const Base *base, const PairTokens *pairs, int n, const SftConfig *config, Session *session, Error *error) {
    // The policy: starts as the base.
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
    float *losses = arena_alloc(session->run, (size_t)batch * sizeof *losses);
    const Sequence **reply = arena_alloc(session->run, (size_t)batch * sizeof *reply);
    RngKey shuffle = rng_key(session->seed, "sft.shuffle");

    // Where a stopped run left off.
    SavedRole saved[] = {{"policy", policy, &optimizer}};
    int64_t done;
    TRY(save_begin(session, &done, saved, 1, NULL, 0, error));

    for (int64_t step = done; step < total; step++) {
        double start = clock_seconds(), tokens = 0;
        session->progress("sft", step, total, "");
        rng_shuffle(shuffle, (uint32_t)(step / per_epoch), n, order, work);
        int first = (int)(step % per_epoch) * batch, size = n - first < batch ? n - first : batch, actions = 0;
        for (int i = 0; i < size; i++) {
            reply[i] = &pairs[order[first + i]].chosen;
            length[i] = reply[i]->count;
            tokens += length[i];
            actions += sequence_actions(reply[i]);
        }

        // Gradient of the minibatch: units of replies, added in a fixed tree.
        Status status = OK;
        gradtree_begin(&tree, size, unit);
        for (int i, end; status == OK && gradtree_next(&tree, &i, &end); gradtree_leaf(&tree, policy->params.grad))
            // As many replies a pass as its rows allow: their number shows in no bit (numerics.md, G1).
            for (int B; status == OK && i < end; i += B) {
                B = llama_pass(policy->llama, length + i, end - i, session->rows);
                int bad = replies_step(losses + i, policy, reply + i, B, 1.0f / (float)actions, session->step);
                if (bad >= 0)
                    status = error_set(error, ERR_NUMERIC, "sft step %lld: the loss of pair %d is not finite", (long long)step,
                                       order[first + i + bad]);
            }
        TRY(comm_agree(status, error));
        gradtree_end(&tree, policy->params.grad);
        gradtree_share(&tree, losses, sizeof *losses, NULL);

        // Update.
        float norm, lr = schedule_rate(&schedule, step);
        if (optimizer_step(&optimizer, lr, &norm, error) != OK) return error_prefix(error, "sft step %lld", (long long)step);
        metrics_begin(session->metrics, step, "sft");
        metrics_add(session->metrics, "loss", (double)(tree_sum(losses, size) / (float)actions));
        metrics_add_int(session->metrics, "num_tokens", actions);
        metrics_add(session->metrics, "grad_norm", (double)norm);
        metrics_add(session->metrics, "lr", (double)lr);
        session_metrics(session, start, tokens);
        TRY(metrics_end(session->metrics, error));

        // Store what is done.
        bool last = step + 1 == total, stop = !last && session_stop(session);
        if (last || stop || (step + 1) % session->checkpoint_every == 0) TRY(save_write(session, step + 1, saved, 1, NULL, 0, error));
        if (stop) return error_set(error, ERR_STOPPED, "sft: stopped after step %lld of %lld", (long long)(step + 1), (long long)total);
    }
    session->progress("sft", total, total, "");
    return OK;
}
