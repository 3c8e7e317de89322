#include "rlcd/ppo.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "nn/linear.h"
#include "rlcd/samples.h"
#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"

PpoConfig ppo_default(void) {
    PpoConfig config = {
        .steps = 40,     // paper.md, section 2: 40-80
        .rollouts = 32,  // the paper's 512 is for eight GPUs
        .minibatch = 16,
        .epochs = 2,                                            // paper.md, section 2
        .schedule = {.kind = SCHEDULE_CONSTANT, .rate = 2e-4},  // adapters want more than the paper's 1e-5 for all weights
        .adamw = adamw_default(),
        .max_norm = 1.0f,  // paper.md, section 2
        .value_rate = 1.0f,
        .gamma = 1.0f,
        .lambda = 1.0f,  // paper.md, section 2
        .clip = 0.2f,
        .value_clip = 0.2f,  // paper.md, section 2
        .kl = KL_K1,
        .kl_coef = 0.02f,              // paper.md, quirk 9
        .whiten_reward = WHITEN_NONE,  // paper.md, quirk 8
        .whiten_advantage = true,      // paper.md, section 2
        .adapter = adapter_default(),
        .max_prompt = 192,  // paper.md, section 2
        .samples = 4,
    };
    config.adamw.eps = 1e-5f;  // paper.md, section 2
    config.generate.sampler = sampler_default();
    config.generate.max_new = 64;
    config.generate.slots = 32;
    return config;
}

// Everything one run holds.
typedef struct {
    const PpoConfig *config;
    const Base *base;
    const Role *preference;
    Role reference, *policy, *value;
    Optimizer policy_optimizer, value_optimizer;
    GradTree policy_tree, value_tree;
    Session *session;
    Arena step;  // rollouts and their numbers; reset after each step
    float kl_coef;
    int64_t updates;  // optimizer steps done
} Ppo;

// Sums over the sequences of one PPO step's updates, for metrics.
typedef struct {
    double policy_loss, value_loss, entropy, approx_kl, ratio, ratio_square;
    int64_t actions, clipped, value_clipped, mismatched;
    float policy_norm, value_norm;
} Totals;

// ---- shape_reward and estimate_advantage

// Mean and population variance over all actions of one field.
static void batch_statistics(float *const *field, const int *count, int n, float *mean, float *variance, Arena *scratch) {
    float N = (float)ragged_count(count, n);
    *mean = ragged_sum((const float *const *)field, count, n, scratch) / N;
    *variance = ragged_sum_squares((const float *const *)field, count, n, *mean, scratch) / N;
}

static void shape_and_estimate(Ppo *ppo, Rollout *rollouts, int n) {
    const PpoConfig *c = ppo->config;
    int *count = arena_alloc(&ppo->step, (size_t)n * sizeof *count);
    float **reward = arena_alloc(&ppo->step, (size_t)n * sizeof *reward),
          **advantage = arena_alloc(&ppo->step, (size_t)n * sizeof *advantage);
    float mean, variance;

    // Reward: the KL penalty on every action, the score on the last one.
    for (int i = 0; i < n; i++) {
        Rollout *r = &rollouts[i];
        count[i] = sequence_actions(&r->sequence);
        reward[i] = r->reward;
        advantage[i] = r->advantage;
        float score = r->end == END_LIMIT ? r->score - c->missing_end : r->score;
        ppo_kl(r->kl, r->logp, r->ref_logp, count[i], c->kl);
        ppo_shape_reward(r->reward, r->kl, ppo->kl_coef, score, count[i]);
        if (c->repeat_coef > 0)
            ppo_penalise_repeats(r->reward, r->sequence.ids + r->sequence.from, count[i], c->repeat_length, c->repeat_coef);
    }
    if (c->whiten_reward != WHITEN_NONE) {
        batch_statistics(reward, count, n, &mean, &variance, &ppo->step);
        // Scale alone is whitening around zero.
        float centre = c->whiten_reward == WHITEN_SCALE ? 0 : mean;
        for (int i = 0; i < n; i++) ppo_whiten(reward[i], count[i], centre, variance, false);
    }

    // Advantage, then its whitening over the whole batch.
    for (int i = 0; i < n; i++)
        ppo_estimate_advantage(rollouts[i].advantage, rollouts[i].returns, rollouts[i].reward, rollouts[i].value, count[i], c->gamma,
                               c->lambda);
    if (c->whiten_advantage) {
        batch_statistics(advantage, count, n, &mean, &variance, &ppo->step);
        for (int i = 0; i < n; i++) ppo_whiten(advantage[i], count[i], mean, variance, true);
    }
}

// ---- the two losses, over a pass of some sequences

// The rollouts of one pass, and what a loss compares their actions with.
typedef struct {
    ScoreRows rows;
    float *old, *against;  // [rows.N]
} Pass;

static float *join_field(const Rollout *const *rollout, const ScoreRows *rows, size_t field, Arena *arena) {
    float *out = arena_alloc(arena, (size_t)rows->N * sizeof *out);
    for (int i = 0; i < rows->B; i++) {
        float *const *from = (float *const *)((const char *)rollout[i] + field);
        memcpy(out + rows->first[i], *from, (size_t)(rows->first[i + 1] - rows->first[i]) * sizeof *out);
    }
    return out;
}

static Pass pass_make(const Rollout *const *rollout, int B, size_t old, size_t against, Arena *arena) {
    const Sequence **sequence = arena_alloc(arena, (size_t)B * sizeof *sequence);
    for (int i = 0; i < B; i++) sequence[i] = &rollout[i]->sequence;
    ScoreRows rows = score_rows(sequence, B, ROWS_ACTIONS, arena);
    return (Pass){rows, join_field(rollout, &rows, old, arena), join_field(rollout, &rows, against, arena)};
}

// Sets the gradient of every action and walks the tape back; the index of the first sequence whose loss is not finite, or -1.
static int pass_backward(Tape *tape, const Pass *pass, const Tensor *loss, float weight, double *total) {
    for (int i = 0; i < pass->rows.B; i++) {
        float sum = 0;
        for (int t = pass->rows.first[i]; t < pass->rows.first[i + 1]; t++) {
            sum += tensor_f32(loss)[t];
            loss->grad[t] = weight;
        }
        if (!isfinite(sum)) return i;
        *total += (double)sum;
    }
    tape_backward(tape);
    return -1;
}

// Adds the gradient of the clipped policy loss; `weight` is 1 / actions of the minibatch. `first` marks the minibatch in which
// the policy still is the one that sampled: there every ratio must be exactly 1 (numerics.md, S3).
static int policy_step(Ppo *ppo, const Rollout *const *rollout, int B, float weight, bool first, Totals *totals) {
    Arena *arena = ppo->session->step;
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    Pass pass = pass_make(rollout, B, offsetof(Rollout, logp), offsetof(Rollout, advantage), arena);
    int clipped, N = pass.rows.N;
    float *entropy = arena_alloc(arena, (size_t)N * sizeof *entropy);

    Tensor *logp = score_actions(&tape, ppo->policy, &pass.rows, sampler_temperature(&ppo->config->generate.sampler), entropy, arena);
    Tensor *loss = ppo_policy_loss(&tape, logp, pass.old, pass.against, ppo->config->clip, &clipped);

    for (int t = 0; t < N; t++) {
        float now = tensor_f32(logp)[t], difference = now - pass.old[t], ratio = exp_f32(difference);
        totals->entropy += (double)entropy[t];
        totals->approx_kl += 0.5 * (double)difference * (double)difference;
        totals->ratio += (double)ratio;
        totals->ratio_square += (double)ratio * (double)ratio;
        totals->mismatched += first && memcmp(&now, &pass.old[t], sizeof now) != 0;
    }
    totals->clipped += clipped;
    totals->actions += N;
    int bad = pass_backward(&tape, &pass, loss, weight, &totals->policy_loss);
    arena_release(arena, mark);
    return bad;
}

// Adds the gradient of the clipped value loss.
static int value_step(Ppo *ppo, const Rollout *const *rollout, int B, float weight, Totals *totals) {
    Arena *arena = ppo->session->step;
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    Pass pass = pass_make(rollout, B, offsetof(Rollout, value), offsetof(Rollout, returns), arena);
    int clipped;

    Tensor *x = score_hidden(&tape, ppo->value, &pass.rows, arena);
    Tensor *v = linear(&tape, x, ppo->value->head, ppo->value->bias, llama_rows(ppo->value->llama, pass.rows.B, pass.rows.first));
    Tensor *loss = ppo_value_loss(&tape, v, pass.old, pass.against, ppo->config->value_clip, &clipped);
    totals->value_clipped += clipped;
    int bad = pass_backward(&tape, &pass, loss, weight, &totals->value_loss);
    arena_release(arena, mark);
    return bad;
}

// ---- epochs x minibatches

// One optimizer step of both models over rollouts order[0..size).
static Status update(Ppo *ppo, const Rollout *rollouts, const int *order, int size, int64_t step, bool first, Totals *totals,
                     Error *error) {
    const PpoConfig *c = ppo->config;
    int unit = c->unit > 0 && c->unit < size ? c->unit : size;
    const Rollout **chosen = arena_alloc(&ppo->step, (size_t)size * sizeof *chosen);
    int *length = arena_alloc(&ppo->step, (size_t)size * sizeof *length), actions = 0;
    for (int i = 0; i < size; i++) {
        chosen[i] = &rollouts[order[i]];
        length[i] = chosen[i]->sequence.count;
        actions += sequence_actions(&chosen[i]->sequence);
    }
    float weight = 1.0f / (float)actions;

    gradtree_begin(&ppo->policy_tree);
    gradtree_begin(&ppo->value_tree);
    for (int at = 0; at < size; at += unit) {
        // As many sequences a pass as its rows allow: their number shows in no bit (numerics.md, G1).
        for (int i = at, end = at + unit < size ? at + unit : size, B; i < end; i += B) {
            B = llama_pass(ppo->policy->llama, length + i, end - i, ppo->session->rows);
            int bad = policy_step(ppo, chosen + i, B, weight, first, totals), bad_value = value_step(ppo, chosen + i, B, weight, totals);
            if (bad >= 0 || bad_value >= 0)
                return error_set(error, ERR_NUMERIC, "ppo step %lld: the %s loss of prompt %lld is not finite", (long long)step,
                                 bad >= 0 ? "policy" : "value", (long long)chosen[i + (bad >= 0 ? bad : bad_value)]->prompt->index);
        }
        gradtree_leaf(&ppo->policy_tree, ppo->policy->params.grad, at + unit >= size);
        gradtree_leaf(&ppo->value_tree, ppo->value->params.grad, at + unit >= size);
    }
    gradtree_end(&ppo->policy_tree, ppo->policy->params.grad);
    gradtree_end(&ppo->value_tree, ppo->value->params.grad);

    Schedule schedule = c->schedule;
    schedule.total = (int64_t)c->steps * c->epochs * ((c->rollouts + c->minibatch - 1) / c->minibatch);
    schedule.warmup = (int64_t)(c->warmup_share * (double)schedule.total);
    float rate = schedule_rate(&schedule, ppo->updates);
    // Both gradients are finite before either model moves.
    if (!isfinite(gradient_norm(ppo->value->params.grad, ppo->value->params.count)))
        return error_set(error, ERR_NUMERIC, "ppo step %lld: the value model's gradient is not finite", (long long)step);
    TRY(optimizer_step(&ppo->policy_optimizer, rate, &totals->policy_norm, error));
    TRY(optimizer_step(&ppo->value_optimizer, rate * c->value_rate, &totals->value_norm, error));
    ppo->updates++;
    return OK;
}

static Status update_all(Ppo *ppo, const Rollout *rollouts, int n, int64_t step, Totals *totals, Error *error) {
    const PpoConfig *c = ppo->config;
    int *order = arena_alloc(&ppo->step, (size_t)n * sizeof *order);
    uint32_t *work = arena_alloc(&ppo->step, (size_t)n * sizeof *work);
    RngKey shuffle = rng_key(ppo->session->seed, "ppo.minibatch");
    for (int epoch = 0; epoch < c->epochs; epoch++) {
        rng_shuffle(shuffle, (uint32_t)(step * c->epochs + epoch), n, order, work);
        for (int at = 0; at < n; at += c->minibatch) {
            ppo->session->progress("updating", (int64_t)epoch * n + at, (int64_t)c->epochs * n, "");
            TRY(update(ppo, rollouts, order + at, n - at < c->minibatch ? n - at : c->minibatch, step, epoch == 0 && at == 0, totals,
                       error));
        }
    }
    return OK;
}

// ---- metrics

// Mean over the batch of what `pick` gives for each rollout, in the tree of G3.
static float batch_mean(const Rollout *rollouts, int n, float (*pick)(const Rollout *), Arena *scratch) {
    ArenaMark mark = arena_mark(scratch);
    float *x = arena_alloc(scratch, (size_t)n * sizeof *x);
    for (int i = 0; i < n; i++) x[i] = pick(&rollouts[i]);
    float mean = tree_sum(x, n) / (float)n;
    arena_release(scratch, mark);
    return mean;
}

static float chain(const float *x, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return sum;
}

static float pick_score(const Rollout *r) { return r->score; }
static float pick_kl(const Rollout *r) { return chain(r->kl, sequence_actions(&r->sequence)); }
static float pick_reward(const Rollout *r) { return chain(r->reward, sequence_actions(&r->sequence)); }
static float pick_length(const Rollout *r) { return (float)sequence_actions(&r->sequence); }
static float pick_ended(const Rollout *r) { return r->end == END_LIMIT ? 0.0f : 1.0f; }

// 1 - Var(return - value) / Var(return) over all actions, in double.
static double explained_variance(const Rollout *rollouts, int n) {
    double sum = 0, square = 0, error_sum = 0, error_square = 0;
    int64_t N = 0;
    for (int i = 0; i < n; i++)
        for (int t = 0; t < sequence_actions(&rollouts[i].sequence); t++, N++) {
            double R = (double)rollouts[i].returns[t], e = R - (double)rollouts[i].value[t];
            sum += R, square += R * R, error_sum += e, error_square += e * e;
        }
    double variance = square / (double)N - sum / (double)N * (sum / (double)N);
    return variance > 0 ? 1 - (error_square / (double)N - error_sum / (double)N * (error_sum / (double)N)) / variance : 0;
}

static Status log_step(Ppo *ppo, const Rollout *rollouts, int n, int64_t step, const Totals *t, double start, double tokens, Error *error) {
    Metrics *m = ppo->session->metrics;
    double N = (double)t->actions, kl = (double)batch_mean(rollouts, n, pick_kl, &ppo->step);
    int shortest = 1 << 30, longest = 0;
    for (int i = 0; i < n; i++) {
        int T = sequence_actions(&rollouts[i].sequence);
        if (T < shortest) shortest = T;
        if (T > longest) longest = T;
    }
    double ended = (double)batch_mean(rollouts, n, pick_ended, &ppo->step);
    metrics_begin(m, step, "ppo");
    metrics_add_int(m, "episode", (step + 1) * n);
    metrics_add(m, "objective/scores", batch_mean(rollouts, n, pick_score, &ppo->step));
    metrics_add(m, "objective/kl", kl);
    metrics_add(m, "objective/entropy", t->entropy / N);
    metrics_add(m, "objective/non_score_reward", -(double)ppo->kl_coef * kl);
    metrics_add(m, "objective/rlhf_reward", batch_mean(rollouts, n, pick_reward, &ppo->step));
    metrics_add(m, "objective/kl_coef", ppo->kl_coef);
    metrics_add(m, "policy/approxkl_avg", t->approx_kl / N);
    metrics_add(m, "policy/clipfrac_avg", (double)t->clipped / N);
    metrics_add(m, "policy/entropy_avg", t->entropy / N);
    metrics_add(m, "loss/policy_avg", t->policy_loss / N);
    metrics_add(m, "loss/value_avg", t->value_loss / N);
    metrics_add(m, "val/clipfrac_avg", (double)t->value_clipped / N);
    metrics_add(m, "val/ratio", t->ratio / N);
    metrics_add(m, "val/ratio_var", t->ratio_square / N - t->ratio / N * (t->ratio / N));
    metrics_add_int(m, "val/num_eos_tokens", (int64_t)(ended * n + 0.5));
    metrics_add(m, "val/explained_variance", explained_variance(rollouts, n));
    metrics_add_int(m, "ratio_mismatch", t->mismatched);
    metrics_add(m, "grad_norm", t->policy_norm);
    metrics_add(m, "grad_norm/value", t->value_norm);
    metrics_add(m, "completions/mean_length", batch_mean(rollouts, n, pick_length, &ppo->step));
    metrics_add_int(m, "completions/min_length", shortest);
    metrics_add_int(m, "completions/max_length", longest);
    metrics_add(m, "completions/clipped_ratio", 1 - ended);
    session_metrics(ppo->session, start, tokens);
    return metrics_end(m, error);
}

// ---- the loop

// The prompts of one step: epochs over the prompts, each in its own shuffle.
static void choose_prompts(const PromptTokens **chosen, const PromptTokens *prompts, int n, int64_t step, int rollouts, uint64_t seed,
                           Arena *arena) {
    RngKey key = rng_key(seed, "ppo.prompts");
    int *order = arena_alloc(arena, (size_t)n * sizeof *order);
    uint32_t *work = arena_alloc(arena, (size_t)n * sizeof *work);
    int64_t shuffled = -1;
    for (int i = 0; i < rollouts; i++) {
        int64_t at = step * rollouts + i;
        if (at / n != shuffled) rng_shuffle(key, (uint32_t)(shuffled = at / n), n, order, work);
        chosen[i] = &prompts[order[at % n]];
    }
}

static void prepare(Ppo *ppo) {
    const PpoConfig *c = ppo->config;
    Session *session = ppo->session;
    // Policy: starts as the base. Value model: the preference model's trunk, a new head of zeros.
    RoleConfig policy = {.train_all = c->train_all, .adapter = c->adapter, .trained = true};
    RoleConfig value = {.train_all = ppo->preference->config.train_all,
                        .adapter = ppo->preference->config.adapter,
                        .head = true,
                        .head_bias = true,
                        .trained = true};
    ppo->reference = role_base(ppo->base);
    ppo->policy = role_make(session->run, ppo->base, &policy, session->seed);
    ppo->value = role_make(session->run, ppo->base, &value, session->seed);
    role_copy_trunk(ppo->value, ppo->preference);
    ppo->policy_optimizer = optimizer_make(&ppo->policy->params, &c->adamw, c->max_norm);
    ppo->value_optimizer = optimizer_make(&ppo->value->params, &c->adamw, c->max_norm);
    ppo->policy_tree = gradtree_make(session->run, ppo->policy->params.count);
    ppo->value_tree = gradtree_make(session->run, ppo->value->params.count);
    ppo->kl_coef = c->kl_coef;
}

Status ppo_train(Role **policy, const Base *base, const Role *preference, const PromptTokens *prompts, int n_prompts,
                 const PpoConfig *config, Session *session, Error *error) {
    Ppo ppo = {
        .config = config, .base = base, .preference = preference, .session = session, .step = arena_make("ppo.step", (size_t)4 << 20)};
    prepare(&ppo);
    *policy = ppo.policy;
    GenerateConfig generate = config->generate;
    generate.key = rng_key(session->seed, "ppo.rollout");
    generate.capacity = config->max_prompt + config->generate.max_new;
    int n = config->rollouts;
    Rollout *rollouts = arena_zeros(session->run, (size_t)n, sizeof *rollouts);
    const PromptTokens **chosen = arena_alloc(session->run, (size_t)n * sizeof *chosen);

    // Where a stopped run left off.
    SavedRole saved[] = {{"policy", ppo.policy, &ppo.policy_optimizer}, {"value", ppo.value, &ppo.value_optimizer}};
    SavedNumber numbers[] = {{"kl_coef", (double)ppo.kl_coef}, {"updates", 0}, {"samples_offset", 0}};
    int64_t first;
    Samples samples = {0};
    Status status = save_begin(session, &first, saved, 2, numbers, 3, error);
    if (status == OK) status = samples_open(&samples, session->run, session->dir, (uint64_t)numbers[2].value, error);
    if (status != OK) goto done;
    ppo.kl_coef = (float)numbers[0].value;
    ppo.updates = (int64_t)numbers[1].value;

    for (int64_t step = first; step < config->steps; step++) {
        double start = clock_seconds(), tokens = 0;
        session->progress("ppo", step, config->steps, "");

        // rollout and post_reward; until the first update nothing has changed, so a stop costs only this step's samples.
        choose_prompts(chosen, prompts, n_prompts, step, n, session->seed, &ppo.step);
        status = rollout_sample(rollouts, chosen, n, ppo.policy, base, &generate, config->cut_unfinished, (uint32_t)step, &ppo.step,
                                session, error);
        if (status == OK)
            status = rollout_score(rollouts, n, &ppo.reference, preference, ppo.value, sampler_temperature(&generate.sampler), &ppo.step,
                                   session, error);
        bool stop = status == ERR_STOPPED;
        if (status != OK && !stop) goto done;

        if (!stop) {
            // shape_reward, estimate_advantage, epochs x minibatches.
            Totals totals = {0};
            shape_and_estimate(&ppo, rollouts, n);
            TRY_DONE(update_all(&ppo, rollouts, n, step, &totals, error));
            for (int i = 0; i < n; i++) tokens += rollouts[i].sequence.count;
            TRY_DONE(log_step(&ppo, rollouts, n, step, &totals, start, tokens, error));
            TRY_DONE(samples_write(&samples, base, rollouts, n < config->samples ? n : config->samples, step, error));
            if (config->kl_target > 0)
                ppo.kl_coef =
                    ppo_adapt_kl(ppo.kl_coef, batch_mean(rollouts, n, pick_kl, &ppo.step), config->kl_target, (float)n, config->kl_horizon);
        }

        // Store what is done.
        int64_t finished = stop ? step : step + 1;
        bool last = finished == config->steps;
        stop = stop || (!last && session->stop_wanted());
        if (last || stop || finished % session->checkpoint_every == 0) {
            numbers[0].value = (double)ppo.kl_coef;
            numbers[1].value = (double)ppo.updates;
            TRY_DONE(samples_sync(&samples, error));
            numbers[2].value = (double)samples.log.offset;
            TRY_DONE(save_write(session, finished, saved, 2, numbers, 3, error));
        }
        arena_reset(&ppo.step);
        if (stop) {
            status = error_set(error, ERR_STOPPED, "ppo: stopped after step %lld of %d", (long long)finished, config->steps);
            goto done;
        }
    }
    session->progress("ppo", config->steps, config->steps, "");
done:
    samples_close(&samples);
    arena_free(&ppo.step);
    return status;
}
