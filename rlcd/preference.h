// The preference model: base and adapter with a scalar head, trained on pairs (Bradley-Terry; paper, section 3).
//
//     loss = -label * log sigmoid(r+ - r-) - (1 - label) * log sigmoid(r- - r+),   r = w . h at the end-of-text
//
// The original prompt p is read with both replies, never p+ or p-. label is 1 for pairs made by contrast.
#ifndef RLCD_PREFERENCE_H
#define RLCD_PREFERENCE_H

#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "rlcd/pairs.h"
#include "rlcd/save.h"
#include "rlcd/score.h"

typedef struct {
    int epochs;
    int batch;            // pairs of one optimizer step
    int unit;             // pairs of one gradient unit (numerics.md, G2); 0: the whole batch
    Schedule schedule;    // total and warmup are filled in from warmup_share
    double warmup_share;  // paper: 3 %
    AdamWConfig adamw;
    float max_norm;
    AdapterConfig adapter;
    bool train_all;   // every weight instead of an adapter
    float head_init;  // the head starts with deviation head_init / sqrt(D + 1)
    int max_tokens;   // prompt + reply + end; longer ones lose the prompt's left
    float margin;     // by how much the better score must lead (Touvron et al., 2023, arXiv 2307.09288, equation 2, a constant)
    float centring;   // of preference_centre
    const float *weight;  // of each pair's loss, by PairTokens.pair; NULL: 1
} PreferenceConfig;

// The recipe's defaults; each names its source in the definition.
PreferenceConfig preference_default(void);

// One pair ready for the model.
typedef struct {
    Sequence chosen, rejected;
    float label;
    int pair;  // its place in the list
} PairTokens;

// How pairs met the length limit.
typedef struct {
    int kept;      // usable pairs
    int cut;       // of them: prompts that lost their left part
    int too_long;  // left out: a reply alone does not fit
} PairFit;

// Token ids of pairs: stored ids where they belong to this tokenizer, else the texts encoded apart and joined; one end-of-text.
// The kept pairs come first to last in out[0 .. fit->kept). ERR_DATA when none is left.
Status preference_tokens(PairTokens **out, PairFit *fit, const PairList *pairs, const Base *base, const char *tokenizer_hash,
                         int max_tokens, Arena *arena, Error *error);

// The replies of n pairs, chosen and rejected in turn, in `arena`: [2 n].
Sequence *preference_replies(const PairTokens *pairs, int n, Arena *arena);

// -label * log sigmoid(margin - lead) - (1 - label) * log sigmoid(-margin - lead) of B pairs, from their margins [B, 1].
Tensor *preference_loss(Tape *tape, Tensor *margin, const PairTokens *const *pair, float lead);

// coef * (r+ + r-)^2 of B pairs, which draws the scores to a mean of 0 (Eisenstein et al., 2023, arXiv 2312.09244).
Tensor *preference_centre(Tape *tape, Tensor *better, Tensor *worse, float coef);

// Trains a new role on pairs and stores checkpoints; the last one also holds mean and deviation of the scores of scale[0 .. n_scale)
// (NULL: of all replies trained on), by which score_preference normalises. `model` lives in session->run. ERR_STOPPED: a checkpoint
// was written. ERR_NUMERIC: the loss of a named pair or a gradient is not finite; the weights are those before that step.
Status preference_train(Role **model, const Base *base, const PairTokens *pairs, int n, const Sequence *scale, int n_scale,
                        const PreferenceConfig *config, Session *session, Error *error);

// Pairs with r+ > r- (ties count as wrong); margin[i] = r+ - r- when not NULL.
Status preference_accuracy(int64_t *right, double *margin, const Role *model, const PairTokens *pairs, int n, Session *session,
                           Error *error);

#endif
