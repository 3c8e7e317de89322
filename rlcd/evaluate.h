// Base and tuned model on held-out prompts: score, KL, length, perplexity, variety; and preference accuracy with intervals.
#ifndef RLCD_EVALUATE_H
#define RLCD_EVALUATE_H

#include "rlcd/measure.h"
#include "rlcd/rollout.h"

// What one model said to n prompts.
typedef struct {
    int n;
    Rollout *rollouts;               // [n], in prompt order
    double *score;                   // [n] preference score; NULL without a preference model
    MeasureMean scores, kl, length;  // KL in nats a reply, sampled, at its temperature: sum of logp - ref_logp; length in tokens
    double perplexity;               // exp(-mean log-probability under the base, at temperature 1) over all tokens
    double distinct[3];              // Dist-1, -2, -3 over tokens
    double ended;                    // share that ended before the limit
} EvaluateResult;

// Samples one reply to each prompt from `role` and measures it. The same seed draws the same numbers for every role, so two
// results are paired prompt by prompt. `cut_unfinished`: as in rollout_sample. Memory from session->run.
Status evaluate_replies(EvaluateResult *result, const Role *role, const Base *base, const Role *preference, const PromptTokens *prompts,
                        int n, const GenerateConfig *config, bool cut_unfinished, Session *session, Error *error);

#endif
