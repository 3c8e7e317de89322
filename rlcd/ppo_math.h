// The arithmetic of PPO (Schulman et al., 2017, arXiv 1707.06347), pure: no model, no files.
//
// Names follow the paper and AlpacaFarm's five steps: rollout, post_reward, shape_reward, estimate_advantage, losses.
// One sequence of T actions at a time; statistics over a batch are given in as numbers (rlcd/batch.h forms them).
#ifndef RLCD_PPO_MATH_H
#define RLCD_PPO_MATH_H

#include <stdbool.h>

#include "tensor/tape.h"

// KL of one action, from l = logp - ref_logp (Schulman, "Approximating KL divergence", 2020):
//   clamp: max(0, l) (the reference's, biased upwards);  k1: l;  k2: l^2 / 2;  k3: exp(-l) - 1 + l
//   full: none of these, but the KL of the whole distributions (rlcd/score.h: score_kl)
typedef enum { KL_CLAMP, KL_K1, KL_K2, KL_K3, KL_FULL } KlKind;

// kl[T] of each action; full: what stands there stays.
void ppo_kl(float *kl, const float *logp, const float *ref_logp, int T, KlKind kind);

// reward[t] = -(coef * kl[t]), plus the score on the last action.
void ppo_shape_reward(float *reward, const float *kl, float coef, float score, int T);

// Takes coef from the reward of every action that completes n ids which these actions already had in the same order.
void ppo_penalise_repeats(float *reward, const int32_t *action, int T, int n, float coef);

// Generalised advantage estimation (Schulman et al., 2016, arXiv 1506.02438), from the end:
//   delta_t = reward_t + gamma * value_{t+1} - value_t  (value behind the end = 0)
//   advantage_t = delta_t + (gamma * lambda) * advantage_{t+1};  return_t = advantage_t + value_t
void ppo_estimate_advantage(float *advantage, float *returns, const float *reward, const float *value, int T, float gamma, float lambda);

// Advantages of k replies to one prompt from the sum of each one's rewards, without values (sums in the tree of numerics.md, G3):
// RLOO (Ahmadian et al., 2024, arXiv 2402.14740), k >= 2: returns_i less the mean of the k - 1 others;
void ppo_leave_one_out(float *advantage, const float *returns, int k);
// GRPO (Shao et al., 2024, arXiv 2402.03300, section 4.1): returns_i less the mean of all, by default over their population deviation.
void ppo_group_advantage(float *advantage, const float *returns, int k, bool divide);

// Count, mean and sum of squared deviations of all scores so far.
typedef struct {
    double n, mean, square;
} PpoMoments;

// Adds a batch of n scores (Chan, Golub and LeVeque, 1979; its own sums in the tree of G3); work[n] is overwritten.
void ppo_add_scores(PpoMoments *all, const float *score, float *work, int n);

// score / (deviation + 2^-23), the deviation of all so far with divisor n - 1; `shift` takes off their mean first. TRL's score scaling.
float ppo_scale_score(const PpoMoments *all, float score, bool shift);

// x = (x - mean) / sqrt(variance + 1e-8), then + mean when the mean is not to be shifted.
void ppo_whiten(float *x, int T, float mean, float variance, bool shift_mean);

// Clipped policy loss per action: max(-A * ratio, -A * clip(ratio, 1 - eps, 1 + eps)), ratio = exp(logp - old_logp).
// Also counts actions whose clipped term was the larger one (into *clipped) when not NULL.
Tensor *ppo_policy_loss(Tape *tape, Tensor *logp, const float *old_logp, const float *advantage, float eps, int *clipped);

// The same per reply, which is one action of probability exp(sum of logp): B losses from rows first[b] to first[b + 1], an advantage
// at the first of them (RLOO). At ratio 1 its gradient is REINFORCE's, -A * d sum of logp.
Tensor *ppo_sequence_loss(Tape *tape, Tensor *logp, const float *old_logp, const float *advantage, const int *first, int B, float eps,
                          int *clipped);

// KL towards the reference as a loss per action: coef times what ppo_kl says; GRPO takes k3. Slopes by l: clamp 1 above 0, else 0;
// k1 1, whose mean over samples is no gradient of the KL; k2 l, whose mean is; k3 1 - exp(-l).
Tensor *ppo_kl_loss(Tape *tape, Tensor *logp, const float *ref_logp, float coef, KlKind kind);

// Clipped value loss per action: 0.5 * max((v - R)^2, (v_c - R)^2), v_c = old + clip(v - old, -eps, eps).
Tensor *ppo_value_loss(Tape *tape, Tensor *value, const float *old_value, const float *returns, float eps, int *clipped);

// Adaptive coefficient (Ziegler et al., 2019, arXiv 1909.08593): error = clip(kl / target - 1, -0.2, 0.2);
// coef * (1 + error * steps / horizon). AlpacaFarm's has a constant, its k_beta, for steps / horizon.
float ppo_adapt_kl(float coef, float kl, float target, float steps, float horizon);

#endif
