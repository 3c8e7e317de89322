#include "rlcd/ppo_math.h"

#include <math.h>
#include <string.h>

#include "rlcd/batch.h"
#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_add.h"
#include "tensor/op_clip.h"
#include "tensor/op_exp.h"
#include "tensor/op_max.h"
#include "tensor/op_mul.h"
#include "tensor/op_scale.h"
#include "tensor/op_square.h"
#include "tensor/op_sub.h"
#include "tensor/op_sum.h"

void ppo_kl(float *kl, const float *logp, const float *ref_logp, int T, KlKind kind) {
    for (int t = 0; t < T; t++) {
        float l = logp[t] - ref_logp[t];
        switch (kind) {
            case KL_CLAMP: kl[t] = l > 0 ? l : 0; break;
            case KL_K1: kl[t] = l; break;
            case KL_K2: kl[t] = (l * l) * 0.5f; break;
            case KL_K3: kl[t] = (exp_f32(-l) - 1.0f) + l; break;
            case KL_FULL: break;
        }
    }
}

void ppo_shape_reward(float *reward, const float *kl, float coef, float score, int T) {
    for (int t = 0; t < T; t++) reward[t] = -(coef * kl[t]);
    reward[T - 1] = reward[T - 1] + score;
}

void ppo_penalise_repeats(float *reward, const int32_t *action, int T, int n, float coef) {
    for (int t = n; t < T; t++)
        for (int before = t - 1; before >= n - 1; before--)
            if (memcmp(action + before - (n - 1), action + t - (n - 1), (size_t)n * sizeof *action) == 0) {
                reward[t] = reward[t] - coef;
                break;
            }
}

void ppo_estimate_advantage(float *advantage, float *returns, const float *reward, const float *value, int T, float gamma, float lambda) {
    float next_advantage = 0, next_value = 0;
    for (int t = T - 1; t >= 0; t--) {
        float delta = (reward[t] + gamma * next_value) - value[t];
        advantage[t] = delta + (gamma * lambda) * next_advantage;
        returns[t] = advantage[t] + value[t];
        next_advantage = advantage[t];
        next_value = value[t];
    }
}

// A_i = R_i - (sum of R - R_i) / (k - 1)
void ppo_leave_one_out(float *advantage, const float *returns, int k) {
    memcpy(advantage, returns, (size_t)k * sizeof *advantage);
    float total = tree_sum(advantage, k);
    for (int i = 0; i < k; i++) advantage[i] = returns[i] - (total - returns[i]) / (float)(k - 1);
}

// A_i = (R_i - mean) / sqrt(variance + 1e-8), or A_i = R_i - mean
void ppo_group_advantage(float *advantage, const float *returns, int k, bool divide) {
    memcpy(advantage, returns, (size_t)k * sizeof *advantage);
    float mean = tree_sum(advantage, k) / (float)k;
    for (int i = 0; i < k; i++) advantage[i] = (returns[i] - mean) * (returns[i] - mean);
    float variance = tree_sum(advantage, k) / (float)k;
    for (int i = 0; i < k; i++) advantage[i] = returns[i] - mean;
    if (divide) ppo_whiten(advantage, k, 0, variance, true);
}

void ppo_add_scores(PpoMoments *all, const float *score, float *work, int n) {
    memcpy(work, score, (size_t)n * sizeof *work);
    float mean = tree_sum(work, n) / (float)n;
    for (int i = 0; i < n; i++) work[i] = (score[i] - mean) * (score[i] - mean);
    double off = (double)mean - all->mean, total = all->n + n;
    all->square += (double)tree_sum(work, n) + off * off * (all->n * n / total);
    all->mean += off * n / total;
    all->n = total;
}

float ppo_scale_score(const PpoMoments *all, float score, bool shift) {
    double deviation = all->n > 1 ? sqrt(all->square / (all->n - 1)) : 0;
    return (float)(((double)score - (shift ? all->mean : 0)) / (deviation + 0x1p-23));
}

void ppo_whiten(float *x, int T, float mean, float variance, bool shift_mean) {
    float deviation = sqrtf(variance + 1e-8f);
    for (int t = 0; t < T; t++) {
        x[t] = (x[t] - mean) / deviation;
        if (!shift_mean) x[t] = x[t] + mean;
    }
}

// A constant beside the tape: numbers that no gradient reaches.
static Tensor *constant(const Tensor *like, const float *data) {
    return tensor_wrap(like->arena, DTYPE_F32, like->rank, like->dim, data, NULL, NULL);
}

// How often b is larger than a.
static int count_larger(const Tensor *a, const Tensor *b) {
    int n = 0;
    for (size_t i = 0; i < tensor_count(a); i++) n += tensor_f32(b)[i] > tensor_f32(a)[i];
    return n;
}

Tensor *ppo_policy_loss(Tape *tape, Tensor *logp, const float *old_logp, const float *advantage, float eps, int *clipped) {
    Tensor *ratio = op_exp(tape, op_sub(tape, logp, constant(logp, old_logp)));
    Tensor *minus_a = op_scale(NULL, constant(logp, advantage), -1.0f);
    Tensor *plain = op_mul(tape, ratio, minus_a);
    Tensor *cut = op_mul(tape, op_clip(tape, ratio, 1.0f - eps, 1.0f + eps), minus_a);
    if (clipped) *clipped = count_larger(plain, cut);
    return op_max(tape, plain, cut);
}

// d loss / d logp_t = -A ratio for every t of a reply whose ratio is not clipped, else 0.
Tensor *ppo_sequence_loss(Tape *tape, Tensor *logp, const float *old_logp, const float *advantage, const int *first, int B, float eps,
                          int *clipped) {
    Tensor *whole = op_sum(tape, logp, first, B), *old = op_sum(NULL, constant(logp, old_logp), first, B);
    float *a = arena_alloc(logp->arena, (size_t)B * sizeof *a);
    for (int b = 0; b < B; b++) a[b] = advantage[first[b]];
    return ppo_policy_loss(tape, whole, tensor_f32(old), a, eps, clipped);
}

// l = logp - ref_logp; k3: loss = coef (exp(-l) - 1 + l), d loss / d logp = coef (1 - exp(-l))
Tensor *ppo_kl_loss(Tape *tape, Tensor *logp, const float *ref_logp, float coef, KlKind kind) {
    Tensor *l = op_sub(tape, logp, constant(logp, ref_logp));
    if (kind == KL_K1) return op_scale(tape, l, coef);
    if (kind == KL_CLAMP) return op_scale(tape, op_clip(tape, l, 0, INFINITY), coef);
    if (kind == KL_K2) return op_scale(tape, op_square(tape, l), 0.5f * coef);
    float *one = arena_alloc(logp->arena, tensor_count(l) * sizeof *one);
    for (size_t i = 0; i < tensor_count(l); i++) one[i] = 1;
    Tensor *less = op_sub(tape, op_exp(tape, op_scale(tape, l, -1)), constant(logp, one));
    return op_scale(tape, op_add(tape, less, l), coef);
}

Tensor *ppo_value_loss(Tape *tape, Tensor *value, const float *old_value, const float *returns, float eps, int *clipped) {
    Tensor *old = constant(value, old_value), *target = constant(value, returns);
    Tensor *moved = op_add(tape, op_clip(tape, op_sub(tape, value, old), -eps, eps), old);
    Tensor *plain = op_square(tape, op_sub(tape, value, target));
    Tensor *cut = op_square(tape, op_sub(tape, moved, target));
    if (clipped) *clipped = count_larger(plain, cut);
    return op_scale(tape, op_max(tape, plain, cut), 0.5f);
}

float ppo_adapt_kl(float coef, float kl, float target, float steps, float horizon) {
    float error = kl / target - 1.0f;
    if (error > 0.2f) error = 0.2f;
    if (error < -0.2f) error = -0.2f;
    return coef * (1.0f + error * steps / horizon);
}
