// PPO against the preference model with a KL penalty towards the base (paper, section 3; Schulman et al., 2017).
//
// One step: rollout -> post_reward -> shape_reward -> estimate_advantage -> epochs x minibatches -> checkpoint.
#ifndef RLCD_PPO_H
#define RLCD_PPO_H

#include "nn/schedule.h"
#include "rlcd/ppo_math.h"
#include "rlcd/rollout.h"
#include "rlcd/save.h"

typedef enum { WHITEN_NONE, WHITEN_SCALE, WHITEN_KEEP_MEAN } WhitenReward;

typedef struct {
    int steps;          // PPO steps
    int rollouts;       // sequences of one step
    int minibatch;      // sequences of one optimizer step
    int unit;           // sequences of one gradient unit; 0: the whole minibatch
    int epochs;         // passes over the rollouts
    Schedule schedule;  // total is filled in: optimizer steps
    double warmup_share;
    AdamWConfig adamw;
    float max_norm;
    float value_rate;  // the value model's learning rate as a multiple of the policy's
    float gamma, lambda, clip, value_clip;
    KlKind kl;
    float kl_coef;
    float kl_target, kl_horizon;  // adaptive coefficient; target 0: fixed
    WhitenReward whiten_reward;   // scale: divided by the deviation; keep_mean: AlpacaFarm's form (paper.md, quirk 8)
    bool whiten_advantage;
    float missing_end;      // subtracted from the score of a reply without an end
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

// Tunes a new policy. `preference` is frozen; the value model starts as its trunk with a new head of zeros. The policy lives
// in session->run. ERR_STOPPED: a checkpoint was written. ERR_NUMERIC names step and sequence; weights are those before.
Status ppo_train(Role **policy, const Base *base, const Role *preference, const PromptTokens *prompts, int n, const PpoConfig *config,
                 Session *session, Error *error);

#endif
