// Direct preference optimisation (Rafailov et al., 2023, arXiv 2305.18290, equation 7): the policy itself is the preference model.
//
//     reward(reply) = beta * (log p(reply | p) - log p_base(reply | p)),   log p summed over the reply's tokens and the end
//     loss = -label * log sigmoid(margin) - (1 - label) * log sigmoid(-margin),   margin = reward(chosen) - reward(rejected)
//
// Conservative DPO (Mitchell, 2023) takes a share of the labels to be wrong. IPO (Azar et al., 2023, arXiv 2310.12036, equation 17) has
// another loss of h = margin / beta, whose minimum is not at infinity.
#ifndef RLCD_DPO_H
#define RLCD_DPO_H

#include "rlcd/preference.h"

typedef enum { DPO_SIGMOID, DPO_SQUARED } DpoLoss;

typedef struct {
    PreferenceConfig train;
    DpoLoss loss;
    float beta;
} DpoConfig;

// The recipe's defaults; each names its source in the definition.
DpoConfig dpo_default(void);

// label * (1 - share) + (1 - label) * share, in place: what is expected of labels of which that share (0 to 1/2) is turned over.
void dpo_smooth_labels(PairTokens *pairs, int n, float share);

// IPO's loss of B pairs from h [B, 1], the log-ratio of chosen less that of rejected: (h - (label - 1/2) / beta)^2.
Tensor *dpo_squared_loss(Tape *tape, Tensor *h, const PairTokens *const *pair, float beta);

// Tunes a new policy on pairs and stores checkpoints with the role "policy". The base's log-probabilities are computed once, before the
// first step. `policy` lives in session->run. ERR_STOPPED: what was finished is stored. ERR_NUMERIC: the loss of a named pair or a
// gradient is not finite; the weights are those before that step.
Status dpo_train(Role **policy, const Base *base, const PairTokens *pairs, int n, const DpoConfig *config, Session *session, Error *error);

#endif
