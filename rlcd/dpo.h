// Direct preference optimisation (Rafailov et al., 2023, arXiv 2305.18290, equation 7): the policy itself is the preference model.
//
//     reward(reply) = beta * (log p(reply | p) - log p_base(reply | p)),   log p summed over the reply's tokens and the end
//     loss = -label * log sigmoid(margin) - (1 - label) * log sigmoid(-margin),   margin = reward(chosen) - reward(rejected)
//
// With a label below 1 this is conservative DPO (Mitchell, 2023).
#ifndef RLCD_DPO_H
#define RLCD_DPO_H

#include "rlcd/preference.h"

typedef struct {
    PreferenceConfig train;
    float beta;
} DpoConfig;

// The recipe's defaults; each names its source in the definition.
DpoConfig dpo_default(void);

// Tunes a new policy on pairs and stores checkpoints with the role "policy". The base's log-probabilities are computed once, before the
// first step. `policy` lives in session->run. ERR_STOPPED: what was finished is stored. ERR_NUMERIC: the loss of a named pair or a
// gradient is not finite; the weights are those before that step.
Status dpo_train(Role **policy, const Base *base, const PairTokens *pairs, int n, const DpoConfig *config, Session *session, Error *error);

#endif
