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
typedef enum { KL_CLAMP, KL_K1, KL_K2, KL_K3 } KlKind;

// The kind of a name ("clamp", "k1", "k2", "k3"); false when unknown.
bool kl_from_name(const char *name, KlKind *kind);

// kl[T] of each action.
void ppo_kl(float *kl, const float *logp, const float *ref_logp, int T, KlKind kind);

// reward[t] = -(coef * kl[t]), plus the score on the last action.
void ppo_shape_reward(float *reward, const float *kl, float coef, float score, int T);

// Takes coef from the reward of every action that completes n ids which these actions already had in the same order.
void ppo_penalise_repeats(float *reward, const int32_t *action, int T, int n, float coef);

// Generalised advantage estimation (Schulman et al., 2016, arXiv 1506.02438), from the end:
//   delta_t = reward_t + gamma * value_{t+1} - value_t  (value behind the end = 0)
//   advantage_t = delta_t + (gamma * lambda) * advantage_{t+1};  return_t = advantage_t + value_t
void ppo_estimate_advantage(float *advantage, float *returns, const float *reward, const float *value, int T, float gamma, float lambda);

// x = (x - mean) / sqrt(variance + 1e-8), then + mean when the mean is not to be shifted.
void ppo_whiten(float *x, int T, float mean, float variance, bool shift_mean);

// Clipped policy loss per action: max(-A * ratio, -A * clip(ratio, 1 - eps, 1 + eps)), ratio = exp(logp - old_logp).
// Also counts actions whose clipped term was the larger one (into *clipped) when not NULL.
Tensor *ppo_policy_loss(Tape *tape, Tensor *logp, const float *old_logp, const float *advantage, float eps, int *clipped);

// Clipped value loss per action: 0.5 * max((v - R)^2, (v_c - R)^2), v_c = old + clip(v - old, -eps, eps).
Tensor *ppo_value_loss(Tape *tape, Tensor *value, const float *old_value, const float *returns, float eps, int *clipped);

// Adaptive coefficient (Ziegler et al., 2019, arXiv 1909.08593): error = clip(kl / target - 1, -0.2, 0.2);
// coef * (1 + error * steps / horizon).
float ppo_adapt_kl(float coef, float kl, float target, float steps, float horizon);

#endif
