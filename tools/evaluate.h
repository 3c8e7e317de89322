// Base and tuned model on held-out prompts: score, KL, length, perplexity, variety; and preference accuracy with intervals.
#ifndef TOOLS_EVALUATE_H
#define TOOLS_EVALUATE_H

#include "rlcd/rollout.h"
#include "tools/measure.h"

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

// Samples `best_of` replies to each prompt from `role` and measures the one that the preference model likes best (of equal ones the
// first); one reply needs no preference model. The same seed draws the same numbers for every role, so two results are paired prompt
// by prompt, and the first of several is the one reply. `cut_unfinished`: as in rollout_sample. Memory from session->run.
Status evaluate_replies(EvaluateResult *result, const Role *role, const Base *base, const Role *preference, const PromptTokens *prompts,
                        int n, const GenerateConfig *config, bool cut_unfinished, int best_of, Session *session, Error *error);

// How far the best of k samples may lie from what they were sampled from, in nats: at most log k - (k - 1) / k (Beirami et al., 2024,
// arXiv 2401.01879).
double evaluate_best_kl(int k);

#endif
