// Context distillation (paper, section 4): the base is tuned on the replies to p+ as replies to p itself, without a preference
// model. What the phrase of p+ moved goes into the weights.
//
//     loss = -mean over the actions of a minibatch of log p(action | p, actions before),   actions = tokens of o+ and the end
#ifndef RLCD_SFT_H
#define RLCD_SFT_H

#include "rlcd/preference.h"

// The settings are those of the preference model; unit and batch count replies.
typedef PreferenceConfig SftConfig;

// The recipe's defaults; each names its source in the definition.
SftConfig sft_default(void);

// Tunes a new policy on the chosen reply of every pair and stores checkpoints with the role "policy". `policy` lives in
// session->run. ERR_STOPPED: a checkpoint was written. ERR_NUMERIC: the loss of a named pair or a gradient is not finite; the weights
// are those before that step.
Status sft_train(Role **policy, const Base *base, const PairTokens *pairs, int n, const SftConfig *config, Session *session, Error *error);

#endif
