// PPO against the preference model with a KL penalty towards the base (paper, section 3; Schulman et al., 2017).
//
// One step: rollout -> post_reward -> shape_reward -> estimate_advantage -> epochs x minibatches -> checkpoint.
// RLOO and GRPO are the same loop without a value model: the other replies to the same prompt say what was to be expected.
#ifndef RLCD_PPO_H
#define RLCD_PPO_H

#include "nn/schedule.h"
#include "rlcd/ppo_math.h"
#include "rlcd/rollout.h"
#include "rlcd/save.h"

typedef enum { WHITEN_NONE, WHITEN_SCALE, WHITEN_KEEP_MEAN } WhitenReward;

// Where the KL penalty stands; by the algorithm: in the reward, with GRPO in the loss as k3.
typedef enum { KL_BY_ALGORITHM, KL_IN_REWARD, KL_IN_LOSS } KlPlace;

// What scores are divided by: nothing, the deviation of all scores of the run so far, the same without their mean.
typedef enum { SCORE_AS_IS, SCORE_SCALE, SCORE_WHITEN } ScoreScale;

typedef enum { ALGORITHM_PPO, ALGORITHM_RLOO, ALGORITHM_GRPO } PpoAlgorithm;

typedef struct {
    PpoAlgorithm algorithm;
    int group;          // RLOO, GRPO: sequences of one prompt, at least 2
    bool dr_grpo;       // GRPO: no division by a group's deviation nor by a reply's length (Liu et al., 2025, arXiv 2503.20783)
    int steps;          // PPO steps
    int rollouts;       // sequences of one step; whole groups
    int minibatch;      // sequences of one optimizer step
    int unit;           // sequences of one gradient unit; 0: the whole minibatch
    int epochs;         // passes over the rollouts
    Schedule schedule;  // total is filled in: optimizer steps
    double warmup_share;
    bool rate_by_rollout;  // the rate moves once a PPO step (paper.md, quirk 11)
    bool last_unit;        // an update has the gradient of its minibatch's last unit alone (paper.md, quirk 14)
    AdamWConfig adamw;
    float max_norm;
    float value_rate;  // the value model's learning rate as a multiple of the policy's
    float gamma, lambda, clip, value_clip;
    KlKind kl;
    KlPlace kl_in;
    float kl_coef;
    float kl_target, kl_horizon, kl_gain;  // adaptive coefficient; target 0: fixed; gain above 0: AlpacaFarm's k_beta, not the horizon
    float stop_kl;                         // a minibatch with a larger approximate KL ends the step's updates, itself left out; 0: none
    WhitenReward whiten_reward;            // scale: divided by the deviation; keep_mean: AlpacaFarm's form (paper.md, quirk 8)
    bool whiten_advantage;
    int whiten_group;  // rollouts whose statistics whiten them; 0: all of the step (paper.md, quirk 7)
    ScoreScale score_scale;
    float score_clip;       // scores lie within -clip and clip; 0: anywhere
    float missing_end;      // taken off the score of a reply without an end
    bool missing_set;       // instead such a score is -missing_end
    bool marker_only;       // a reply that ended by end-of-text, or is empty, has no end either (paper.md, quirk 15)
    float repeat_coef;      // taken from the reward of each action that completes repeat_length ids the reply already had
    int repeat_length;
    AdapterConfig adapter;  // of policy and value model
    bool train_all;
    int max_prompt;  // longer prompts lose turns from the left
    GenerateConfig generate;
    bool cut_unfinished;  // a reply without an end is judged up to its last sentence
    int samples;  // rollouts of each step that are written to samples.jsonl
} PpoConfig;

// The recipe's defaults; each names its source in the definition.
PpoConfig ppo_default(void);

// Tunes a new policy. `preference` is frozen; the value model (of PPO) starts as its trunk with a new head of zeros. The policy lives
// in session->run. ERR_STOPPED: a checkpoint was written. ERR_NUMERIC names step and sequence; weights are those before.
Status ppo_train(Role **policy, const Base *base, const Role *preference, const PromptTokens *prompts, int n, const PpoConfig *config,
                 Session *session, Error *error);

#endif
