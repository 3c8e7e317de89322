// Rollouts: what the policy says to a batch of prompts, and everything PPO needs to know about it.
#ifndef RLCD_ROLLOUT_H
#define RLCD_ROLLOUT_H

#include "llama/generate.h"
#include "rlcd/pairs.h"
#include "rlcd/ppo_math.h"
#include "rlcd/score.h"

// A prompt as ids, ready to be sampled from.
typedef struct {
    int64_t index;  // of its row in the file
    const int32_t *ids;
    int count;
} PromptTokens;

// Encodes prompts; one longer than max_tokens loses turns from the left (then ids, if a single turn is still too long).
// *cut counts those that lost something.
Status rollout_prompts(PromptTokens **out, const PromptList *prompts, const Base *base, int max_tokens, Arena *arena, int *cut,
                       Error *error);

typedef struct {
    const PromptTokens *prompt;
    Sequence sequence;  // prompt + actions (the ending token included)
    Sequence judged;    // prompt + ids of the reply's text (or of its finished part) + end-of-text: what the preference model reads
    GenerateEnd end;
    Text text;
    float *logp;                               // [T] of the sampling policy
    float *ref_logp;                           // [T] of the base
    float *value;                              // [T]
    float *kl, *reward, *advantage, *returns;  // [T]
    float score;                               // preference score
} Rollout;

// Samples one reply to each of n prompts; rollouts[i] belongs to prompts[i] in any order of finishing. `step` and sample
// number (how often the same prompt came before in this batch) name the draws. With `cut_unfinished` a reply that met the limit is
// judged up to its last line or sentence, as simulation cuts it; all its tokens stay actions. Memory from `arena`.
// ERR_STOPPED when asked to stop.
Status rollout_sample(Rollout *rollouts, const PromptTokens *const *prompts, int n, const Role *policy, const Base *base,
                      const GenerateConfig *config, bool cut_unfinished, uint32_t step, Arena *arena, Session *session, Error *error);

// Fills ref_logp (with the reference: the base), value (when `value` is not NULL) and score (when `preference` is not NULL).
Status rollout_score(Rollout *rollouts, int n, const Role *reference, const Role *preference, const Role *value, float temperature,
                     Arena *arena, Session *session, Error *error);

#endif
