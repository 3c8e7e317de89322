#include "rlcd/ppo.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "nn/linear.h"
#include "rlcd/clean.h"
#include "rlcd/samples.h"
#include "tensor/base/comm.h"
#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_add.h"
#include "tensor/op_scale.h"
#include "tensor/op_sum.h"

PpoConfig ppo_default(void) {
    PpoConfig config = {
        .group = 4,      // Ahmadian et al., 2024: 2 or 4
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
    Role reference, *policy, *value;  // value: NULL where the algorithm has none
    Optimizer policy_optimizer, value_optimizer;
    GradTree policy_tree, value_tree;
    Session *session;
    Arena step;  // rollouts and their numbers; reset after each step
    float kl_coef;
    int64_t updates;    // optimizer steps done
    PpoMoments scores;  // of the run so far
} Ppo;

// Sums over the sequences of one PPO step's updates, for metrics.
typedef struct {
    double policy_loss, value_loss, entropy, approx_kl, ratio, ratio_square;
    int64_t actions, terms, clipped, value_clipped, mismatched;
    float policy_norm, value_norm;
    int updates;
    bool stopped;  // the approximate KL was too large
} Totals;

// ---- shape_reward and estimate_advantage

// The KL of whole distributions into every rollout.
static Status score_whole(Ppo *ppo, Rollout *rollouts, int n, Error *error) {
    Sequence *actions = arena_alloc(&ppo->step, (size_t)n * sizeof *actions);
    float **kl = arena_alloc(&ppo->step, (size_t)n * sizeof *kl), temperature = sampler_temperature(&ppo->config->generate.sampler);
    for (int i = 0; i < n; i++) actions[i] = rollouts[i].sequence, kl[i] = rollouts[i].kl;
    return score_kl(kl, ppo->policy, &ppo->reference, actions, n, temperature, ppo->session, error);
}

// Mean and population variance over all actions of one field.
static void batch_statistics(float *const *field, const int *count, int n, float *mean, float *variance, Arena *scratch) {
    float N = (float)ragged_count(count, n);
    *mean = ragged_sum((const float *const *)field, count, n, scratch) / N;
    *variance = ragged_sum_squares((const float *const *)field, count, n, *mean, scratch) / N;
}

// x = (x - mean) / deviation (+ mean) by the statistics of each group of whiten_group rollouts; `centre` false: around zero.
static void whiten(Ppo *ppo, float *const *field, const int *count, int n, bool centre, bool shift) {
    int group = ppo->config->whiten_group > 0 ? ppo->config->whiten_group : n;
    for (int at = 0, size; at < n; at += size) {
        float mean, variance;
        size = n - at < group ? n - at : group;
        batch_statistics(field + at, count + at, size, &mean, &variance, &ppo->step);
        for (int i = at; i < at + size; i++) ppo_whiten(field[i], count[i], centre ? mean : 0, variance, shift);
    }
}

// The scores as training takes them: scaled by all of the run so far, cut, and what a missing end costs.
static void post_reward(Ppo *ppo, float *score, const Rollout *rollouts, int n) {
    const PpoConfig *c = ppo->config;
    for (int i = 0; i < n; i++) score[i] = rollouts[i].score;
    if (c->score_scale != SCORE_AS_IS) ppo_add_scores(&ppo->scores, score, arena_alloc(&ppo->step, (size_t)n * sizeof *score), n);
    for (int i = 0; i < n; i++) {
        const Rollout *r = &rollouts[i];
        if (c->score_scale != SCORE_AS_IS) score[i] = ppo_scale_score(&ppo->scores, score[i], c->score_scale == SCORE_WHITEN);
        if (c->score_clip > 0) score[i] = score[i] < -c->score_clip ? -c->score_clip : score[i] > c->score_clip ? c->score_clip : score[i];
        if (r->end == END_LIMIT || (c->marker_only && (r->end == END_TEXT || clean_reply_size(r->text, false) == 0)))
            score[i] = c->missing_set ? -c->missing_end : score[i] - c->missing_end;
    }
}

static bool kl_in_loss(const PpoConfig *c) {
    return c->kl_in == KL_IN_LOSS || (c->kl_in == KL_BY_ALGORITHM && c->algorithm == ALGORITHM_GRPO);
}

// A reply's advantage is that of its return among those of its group; the same for all of its actions.
static void estimate_groups(Ppo *ppo, Rollout *rollouts, const int *count, int n) {
    const PpoConfig *c = ppo->config;
    float *returns = arena_alloc(&ppo->step, (size_t)n * sizeof *returns),
          *advantage = arena_alloc(&ppo->step, (size_t)n * sizeof *advantage);
    for (int i = 0; i < n; i++) returns[i] = kernels.sum(rollouts[i].reward, (size_t)count[i]);
    for (int at = 0; at < n; at += c->group) {
        if (c->algorithm == ALGORITHM_RLOO)
            ppo_leave_one_out(advantage + at, returns + at, c->group);
        else
            ppo_group_advantage(advantage + at, returns + at, c->group, !c->dr_grpo);
    }
    for (int i = 0; i < n; i++)
        for (int t = 0; t < count[i]; t++) rollouts[i].advantage[t] = advantage[i];
}

static void shape_and_estimate(Ppo *ppo, Rollout *rollouts, int n) {
    const PpoConfig *c = ppo->config;
    int *count = arena_alloc(&ppo->step, (size_t)n * sizeof *count);
    float **reward = arena_alloc(&ppo->step, (size_t)n * sizeof *reward),
          **advantage = arena_alloc(&ppo->step, (size_t)n * sizeof *advantage);
    float *score = arena_alloc(&ppo->step, (size_t)n * sizeof *score);
    post_reward(ppo, score, rollouts, n);

    // Reward: the KL penalty on every action, the score on the last one.
    for (int i = 0; i < n; i++) {
        Rollout *r = &rollouts[i];
        count[i] = sequence_actions(&r->sequence);
        reward[i] = r->reward;
        advantage[i] = r->advantage;
        ppo_kl(r->kl, r->logp, r->ref_logp, count[i], c->kl);
        ppo_shape_reward(r->reward, r->kl, kl_in_loss(c) ? 0 : ppo->kl_coef, score[i], count[i]);
        if (c->repeat_coef > 0)
            ppo_penalise_repeats(r->reward, r->sequence.ids + r->sequence.from, count[i], c->repeat_length, c->repeat_coef);
    }
    if (c->algorithm != ALGORITHM_PPO) {
        estimate_groups(ppo, rollouts, count, n);
        return;
    }
    // Scale alone is whitening around zero.
    if (c->whiten_reward != WHITEN_NONE) whiten(ppo, reward, count, n, c->whiten_reward == WHITEN_KEEP_MEAN, false);

    // Advantage, then its whitening.
    for (int i = 0; i < n; i++)
        ppo_estimate_advantage(rollouts[i].advantage, rollouts[i].returns, rollouts[i].reward, rollouts[i].value, count[i], c->gamma,
                               c->lambda);
    if (c->whiten_advantage) whiten(ppo, advantage, count, n, true, true);
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

// What the passes of one minibatch found; totals are formed from it in one order, whoever computed which sequence.
typedef struct {
    const int *first;                 // [size + 1] actions by sequence
    float *now, *entropy;             // [actions] log-probability of the policy as it is, and entropy
    float *policy_loss, *value_loss;  // [size] sums over a sequence's actions
    int *clipped, *value_clipped;     // [size] actions of a pass, noted at its first sequence
} Minibatch;

// Sets the gradient of every action, or of B whole replies, sums the losses of each, and walks the tape back; the index of the first
// sequence whose loss is not finite, or -1.
static int pass_backward(float *sums, Tape *tape, const Pass *pass, const Tensor *loss, const float *weight, bool whole) {
    for (int i = 0; i < pass->rows.B; i++) {
        float sum = 0;
        for (int t = whole ? i : pass->rows.first[i]; t < (whole ? i + 1 : pass->rows.first[i + 1]); t++) {
            sum += tensor_f32(loss)[t];
            loss->grad[t] = weight[i];
        }
        if (!isfinite(sum)) return i;
        sums[i] = sum;
    }
    tape_backward(tape);
    return -1;
}

// What an action's loss counts in its minibatch: PPO's actions alike, GRPO's replies alike. With RLOO a reply has one loss.
static float loss_weight(const PpoConfig *c, const Rollout *rollout, int actions, int size) {
    if (c->algorithm == ALGORITHM_PPO) return 1.0f / (float)actions;
    if (c->algorithm == ALGORITHM_RLOO) return 1.0f / (float)size;
    return 1.0f / ((float)size * (float)(c->dr_grpo ? c->generate.max_new : sequence_actions(&rollout->sequence)));
}

// Adds the gradient of the clipped policy loss of B rollouts from the minibatch's `at`-th on; `weight` is that of each rollout.
static int policy_step(Ppo *ppo, const Rollout *const *rollouts, int at, int B, const float *weight, Minibatch *m) {
    const PpoConfig *c = ppo->config;
    const Rollout *const *rollout = rollouts + at;
    bool whole = c->algorithm == ALGORITHM_RLOO;
    Arena *arena = ppo->session->step;
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    Pass pass = pass_make(rollout, B, offsetof(Rollout, logp), offsetof(Rollout, advantage), arena);
    int *clipped = &m->clipped[at];
    KlKind kind = c->kl_in == KL_IN_LOSS ? c->kl : KL_K3;
    LogprobExtra extra = {.entropy = m->entropy + m->first[at]};
    if (kl_in_loss(c) && kind == KL_FULL) extra.reference = score_reference_rows(&tape, &ppo->reference, &pass.rows, arena);

    Tensor *logp = score_actions(&tape, ppo->policy, &pass.rows, sampler_temperature(&c->generate.sampler), &extra, arena);
    Tensor *loss = whole ? ppo_sequence_loss(&tape, logp, pass.old, pass.against, pass.rows.first, B, c->clip, clipped)
                         : ppo_policy_loss(&tape, logp, pass.old, pass.against, c->clip, clipped);
    if (kl_in_loss(c)) {
        const float *ref_logp = join_field(rollout, &pass.rows, offsetof(Rollout, ref_logp), arena);
        Tensor *kl =
            extra.reference ? op_scale(&tape, extra.reference->kl, ppo->kl_coef) : ppo_kl_loss(&tape, logp, ref_logp, ppo->kl_coef, kind);
        loss = op_add(&tape, loss, whole ? op_sum(&tape, kl, pass.rows.first, B) : kl);
    }

    memcpy(m->now + m->first[at], tensor_f32(logp), (size_t)pass.rows.N * sizeof(float));
    int bad = pass_backward(m->policy_loss + at, &tape, &pass, loss, weight + at, whole);
    arena_release(arena, mark);
    return bad;
}

// Adds the gradient of the clipped value loss.
static int value_step(Ppo *ppo, const Rollout *const *rollout, int at, int B, const float *weight, Minibatch *m) {
    Arena *arena = ppo->session->step;
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    Pass pass = pass_make(rollout + at, B, offsetof(Rollout, value), offsetof(Rollout, returns), arena);

    Tensor *x = score_hidden(&tape, ppo->value, &pass.rows, arena);
    Tensor *v = linear(&tape, x, ppo->value->head, ppo->value->bias, llama_rows(ppo->value->llama, pass.rows.B, pass.rows.first));
    Tensor *loss = ppo_value_loss(&tape, v, pass.old, pass.against, ppo->config->value_clip, &m->value_clipped[at]);
    int bad = pass_backward(m->value_loss + at, &tape, &pass, loss, weight + at, false);
    arena_release(arena, mark);
    return bad;
}

// Adds a minibatch to the step's totals. `first` marks the one in which the policy still is the one that sampled: there every ratio must
// be exactly 1 (numerics.md, S3).
static void count_minibatch(Totals *totals, const Minibatch *m, const Rollout *const *rollout, int size, bool whole, bool first) {
    for (int i = 0; i < size; i++) {
        for (int t = m->first[i]; t < m->first[i + 1]; t++) {
            float now = m->now[t], old = rollout[i]->logp[t - m->first[i]], difference = now - old, ratio = exp_f32(difference);
            totals->entropy += (double)m->entropy[t];
            totals->approx_kl += 0.5 * (double)difference * (double)difference;
            totals->ratio += (double)ratio;
            totals->ratio_square += (double)ratio * (double)ratio;
            totals->mismatched += first && memcmp(&now, &old, sizeof now) != 0;
        }
        totals->policy_loss += (double)m->policy_loss[i];
        totals->value_loss += (double)m->value_loss[i];
        totals->clipped += m->clipped[i];
        totals->value_clipped += m->value_clipped[i];
    }
    totals->actions += m->first[size];
    totals->terms += whole ? size : m->first[size];
}

// ---- epochs x minibatches

// One optimizer step of the policy, and of the value model if there is one, over rollouts order[0..size).
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
    float *weight = arena_alloc(&ppo->step, (size_t)size * sizeof *weight);
    for (int i = 0; i < size; i++) weight[i] = loss_weight(c, chosen[i], actions, size);

    // The last unit alone, or all.
    int skipped = c->last_unit ? (size - 1) / unit * unit : 0;
    chosen += skipped, length += skipped, weight += skipped, size -= skipped;
    int *begin = arena_alloc(&ppo->step, ((size_t)size + 1) * sizeof *begin);
    begin[0] = 0;
    for (int i = 0; i < size; i++) begin[i + 1] = begin[i] + sequence_actions(&chosen[i]->sequence);
    Minibatch m = {.first = begin};
    m.now = arena_alloc(&ppo->step, (size_t)begin[size] * sizeof *m.now);
    m.entropy = arena_alloc(&ppo->step, (size_t)begin[size] * sizeof *m.entropy);
    m.policy_loss = arena_zeros(&ppo->step, 2 * (size_t)size, sizeof *m.policy_loss), m.value_loss = m.policy_loss + size;
    m.clipped = arena_zeros(&ppo->step, 2 * (size_t)size, sizeof *m.clipped), m.value_clipped = m.clipped + size;

    double kl = totals->approx_kl;
    int64_t counted = totals->actions;
    Status status = OK;
    gradtree_begin(&ppo->policy_tree, size, unit);
    if (ppo->value) gradtree_begin(&ppo->value_tree, size, unit);
    for (int i, end; status == OK && gradtree_next(&ppo->policy_tree, &i, &end);) {
        // As many sequences a pass as its rows allow: their number shows in no bit (numerics.md, G1).
        for (int B; status == OK && i < end; i += B) {
            B = llama_pass(ppo->policy->llama, length + i, end - i, ppo->session->rows);
            int bad = policy_step(ppo, chosen, i, B, weight, &m);
            int bad_value = ppo->value ? value_step(ppo, chosen, i, B, weight, &m) : -1;
            if (bad >= 0 || bad_value >= 0)
                status = error_set(error, ERR_NUMERIC, "ppo step %lld: the %s loss of prompt %lld is not finite", (long long)step,
                                   bad >= 0 ? "policy" : "value", (long long)chosen[i + (bad >= 0 ? bad : bad_value)]->prompt->index);
        }
        gradtree_leaf(&ppo->policy_tree, ppo->policy->params.grad);
        if (ppo->value) gradtree_leaf(&ppo->value_tree, ppo->value->params.grad);
    }
    TRY(comm_agree(status, error));
    gradtree_end(&ppo->policy_tree, ppo->policy->params.grad);
    if (ppo->value) gradtree_end(&ppo->value_tree, ppo->value->params.grad);
    gradtree_share(&ppo->policy_tree, m.now, sizeof *m.now, begin);
    gradtree_share(&ppo->policy_tree, m.entropy, sizeof *m.entropy, begin);
    for (int i = 0; i < 2; i++) {
        gradtree_share(&ppo->policy_tree, m.policy_loss + i * size, sizeof *m.policy_loss, NULL);
        gradtree_share(&ppo->policy_tree, m.clipped + i * size, sizeof *m.clipped, NULL);
    }
    count_minibatch(totals, &m, chosen, size, c->algorithm == ALGORITHM_RLOO, first);

    // A policy that is too far from its samples stays where it is.
    totals->stopped = c->stop_kl > 0 && totals->approx_kl - kl > (double)c->stop_kl * (double)(totals->actions - counted);
    if (totals->stopped) {
        params_clear_grad(&ppo->policy->params);
        if (ppo->value) params_clear_grad(&ppo->value->params);
        return OK;
    }
    Schedule schedule = c->schedule;
    schedule.total = (int64_t)c->steps * (c->rate_by_rollout ? 1 : c->epochs * ((c->rollouts + c->minibatch - 1) / c->minibatch));
    schedule.warmup = (int64_t)(c->warmup_share * (double)schedule.total);
    float rate = schedule_rate(&schedule, c->rate_by_rollout ? step : ppo->updates);
    // Both gradients are finite before either model moves.
    if (ppo->value && !isfinite(optimizer_norm(&ppo->value_optimizer)))
        return error_set(error, ERR_NUMERIC, "ppo step %lld: the value model's gradient is not finite", (long long)step);
    TRY(optimizer_step(&ppo->policy_optimizer, rate, &totals->policy_norm, error));
    if (ppo->value) TRY(optimizer_step(&ppo->value_optimizer, rate * c->value_rate, &totals->value_norm, error));
    ppo->updates++;
    totals->updates++;
    return OK;
}

static Status update_all(Ppo *ppo, const Rollout *rollouts, int n, int64_t step, Totals *totals, Error *error) {
    const PpoConfig *c = ppo->config;
    int *order = arena_alloc(&ppo->step, (size_t)n * sizeof *order);
    uint32_t *work = arena_alloc(&ppo->step, (size_t)n * sizeof *work);
    RngKey shuffle = rng_key(ppo->session->seed, "ppo.minibatch");
    for (int epoch = 0; epoch < c->epochs; epoch++) {
        rng_shuffle(shuffle, (uint32_t)(step * c->epochs + epoch), n, order, work);
        for (int at = 0; at < n && !totals->stopped; at += c->minibatch) {
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
    int shortest = 1 << 30, longest = 0, actions = 0, ends = 0;
    for (int i = 0; i < n; i++) {
        int T = sequence_actions(&rollouts[i].sequence);
        if (T < shortest) shortest = T;
        if (T > longest) longest = T;
        actions += T;
        ends += rollouts[i].end != END_LIMIT;
    }
    metrics_begin(m, step, "ppo");
    metrics_add_int(m, "episode", (step + 1) * n);
    metrics_add(m, "objective/scores", batch_mean(rollouts, n, pick_score, &ppo->step));
    metrics_add(m, "objective/kl", kl);
    metrics_add(m, "objective/entropy", t->entropy / N);
    metrics_add(m, "objective/non_score_reward", kl_in_loss(ppo->config) ? 0 : -(double)ppo->kl_coef * kl);
    metrics_add(m, "objective/rlhf_reward", batch_mean(rollouts, n, pick_reward, &ppo->step));
    metrics_add(m, "objective/kl_coef", ppo->kl_coef);
    metrics_add(m, "policy/approxkl_avg", t->approx_kl / N);
    metrics_add(m, "policy/clipfrac_avg", (double)t->clipped / (double)t->terms);
    metrics_add(m, "policy/entropy_avg", t->entropy / N);
    metrics_add(m, "loss/policy_avg", t->policy_loss / (double)t->terms);
    if (ppo->value) metrics_add(m, "loss/value_avg", t->value_loss / N);
    if (ppo->value) metrics_add(m, "val/clipfrac_avg", (double)t->value_clipped / N);
    metrics_add(m, "val/ratio", t->ratio / N);
    metrics_add(m, "val/ratio_var", t->ratio_square / N - t->ratio / N * (t->ratio / N));
    metrics_add_int(m, "val/num_eos_tokens", ends);
    if (ppo->value) metrics_add(m, "val/explained_variance", explained_variance(rollouts, n));
    metrics_add_int(m, "ratio_mismatch", t->mismatched);
    if (ppo->config->stop_kl > 0) metrics_add_int(m, "policy/updates", t->updates);
    metrics_add(m, "grad_norm", t->policy_norm);
    if (ppo->value) metrics_add(m, "grad_norm/value", t->value_norm);
    metrics_add(m, "completions/mean_length", (float)actions / (float)n);
    metrics_add_int(m, "completions/min_length", shortest);
    metrics_add_int(m, "completions/max_length", longest);
    metrics_add(m, "completions/clipped_ratio", 1 - (double)((float)ends / (float)n));
    session_metrics(ppo->session, start, tokens);
    return metrics_end(m, error);
}

// ---- the loop

// The prompts of one step, each `group` times: epochs over the prompts, each in its own shuffle.
static void choose_prompts(const PromptTokens **chosen, const PromptTokens *prompts, int n, int64_t step, int rollouts, int group,
                           uint64_t seed, Arena *arena) {
    RngKey key = rng_key(seed, "ppo.prompts");
    int *order = arena_alloc(arena, (size_t)n * sizeof *order);
    uint32_t *work = arena_alloc(arena, (size_t)n * sizeof *work);
    int64_t shuffled = -1;
    for (int i = 0; i < rollouts; i++) {
        int64_t at = (step * rollouts + i) / group;
        if (at / n != shuffled) rng_shuffle(key, (uint32_t)(shuffled = at / n), n, order, work);
        chosen[i] = &prompts[order[at % n]];
    }
}

static void prepare(Ppo *ppo) {
    const PpoConfig *c = ppo->config;
    Session *session = ppo->session;
    // Policy: starts as the base. Value model, of PPO alone: the preference model's trunk, a new head of zeros.
    RoleConfig policy = {.train_all = c->train_all, .adapter = c->adapter, .trained = true}, value = ppo->preference->config;
    value.head = value.head_bias = value.trained = true;
    ppo->reference = role_base(ppo->base);
    ppo->policy = role_make(session->run, ppo->base, &policy, session->seed);
    ppo->policy_optimizer = optimizer_make(&ppo->policy->params, &c->adamw, c->max_norm);
    ppo->policy_tree = gradtree_make(session->run, ppo->policy->params.count);
    ppo->kl_coef = c->kl_coef;
    if (c->algorithm != ALGORITHM_PPO) return;
    ppo->value = role_make(session->run, ppo->base, &value, session->seed);
    role_copy_trunk(ppo->value, ppo->preference);
    ppo->value_optimizer = optimizer_make(&ppo->value->params, &c->adamw, c->max_norm);
    ppo->value_tree = gradtree_make(session->run, ppo->value->params.count);
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
    int n = config->rollouts, group = config->algorithm == ALGORITHM_PPO ? 1 : config->group;
    REQUIRE(group == 1 || (group > 1 && n % group == 0), "ppo: %d rollouts in groups of %d", n, group);
    Rollout *rollouts = arena_zeros(session->run, (size_t)n, sizeof *rollouts);
    const PromptTokens **chosen = arena_alloc(session->run, (size_t)n * sizeof *chosen);

    // Where a stopped run left off.
    SavedRole saved[] = {{"policy", ppo.policy, &ppo.policy_optimizer}, {"value", ppo.value, &ppo.value_optimizer}};
    SavedNumber numbers[] = {
        {"kl_coef", (double)ppo.kl_coef}, {"updates", 0}, {"samples_offset", 0}, {"scores_n", 0}, {"scores_mean", 0}, {"scores_square", 0}};
    int64_t first;
    int roles = ppo.value ? 2 : 1, n_numbers = config->score_scale == SCORE_AS_IS ? 3 : 6;
    Samples samples = {0};
    Status status = save_begin(session, &first, saved, roles, numbers, n_numbers, error);
    if (status == OK) status = samples_open(&samples, session->run, session->dir, (uint64_t)numbers[2].value, error);
    if (status != OK) goto done;
    ppo.kl_coef = (float)numbers[0].value;
    ppo.updates = (int64_t)numbers[1].value;
    ppo.scores = (PpoMoments){numbers[3].value, numbers[4].value, numbers[5].value};

    for (int64_t step = first; step < config->steps; step++) {
        double start = clock_seconds(), tokens = 0;
        session->progress("ppo", step, config->steps, "");

        // rollout and post_reward; until the first update nothing has changed, so a stop costs only this step's samples.
        choose_prompts(chosen, prompts, n_prompts, step, n, group, session->seed, &ppo.step);
        status = rollout_sample(rollouts, chosen, n, ppo.policy, base, &generate, config->cut_unfinished, (uint32_t)step, &ppo.step,
                                session, error);
        if (status == OK)
            status = rollout_score(rollouts, n, &ppo.reference, preference, ppo.value, sampler_temperature(&generate.sampler), &ppo.step,
                                   session, error);
        if (status == OK && config->kl == KL_FULL) status = score_whole(&ppo, rollouts, n, error);
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
                ppo.kl_coef = ppo_adapt_kl(ppo.kl_coef, batch_mean(rollouts, n, pick_kl, &ppo.step), config->kl_target,
                                           config->kl_gain > 0 ? config->kl_gain : (float)n, config->kl_gain > 0 ? 1 : config->kl_horizon);
        }

        // Store what is done.
        int64_t finished = stop ? step : step + 1;
        bool last = finished == config->steps;
        stop = stop || (!last && session_stop(session));
        if (last || stop || finished % session->checkpoint_every == 0) {
            numbers[0].value = (double)ppo.kl_coef;
            numbers[1].value = (double)ppo.updates;
            numbers[3].value = ppo.scores.n, numbers[4].value = ppo.scores.mean, numbers[5].value = ppo.scores.square;
            TRY_DONE(samples_sync(&samples, error));
            numbers[2].value = (double)samples.log.offset;
            TRY_DONE(save_write(session, finished, saved, roles, numbers, n_numbers, error));
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
