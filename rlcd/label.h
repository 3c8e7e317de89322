// Labels from a judge (RLAIF, and RLCD-Rescore; paper, section 3 and appendix): the model itself is asked which of two replies is
// better, and its answer is read from the logits of the two label tokens behind the task's judge template.
//
//     log-odds = logit(first's label) - logit(second's label),   label = P(chosen is better) = sigmoid(log-odds of chosen)
//
// With both orders, the pair is asked twice and the two log-odds of `chosen` are averaged: what a place alone is worth goes out.
#ifndef RLCD_LABEL_H
#define RLCD_LABEL_H

#include "rlcd/pairs.h"
#include "rlcd/role.h"
#include "rlcd/session.h"

// Which places the chosen reply takes: both, the first, or one drawn by (seed, index).
typedef enum { ORDERS_BOTH, ORDERS_FIRST, ORDERS_RANDOM } LabelOrders;

// The label as a token: "A", " A", or both forms by log-sum-exp (paper.md, quirk 1).
typedef enum { LABELS_BARE, LABELS_SPACED, LABELS_BOTH } LabelForm;

typedef struct {
    LabelOrders orders;
    LabelForm form;
    bool hard;       // 0 or 1 by the sign of the log-odds, 0.5 at 0
    Text voice;      // fills {voice}
    int max_tokens;  // of a judge's prompt; longer ones lose turns of the dialogue, then the pair is left out
} LabelConfig;

typedef struct {
    int64_t labelled;  // pairs in the output, earlier runs included
    int64_t cut;       // of them: dialogues that lost turns
    int64_t too_long;  // left out
} LabelResult;

// Asks the base about every pair and appends it to DIR/pairs.jsonl with its label, method "rescore" (the pair came from contrast)
// or "rlaif", and the judge's log-odds; what stands there is skipped. ERR_DATA when a label is not one token of the tokenizer, a pair
// has no dialogue, or no pair fits. ERR_STOPPED: everything finished so far is on disk.
Status label_run(LabelResult *result, const Base *base, const Task *task, const PairList *pairs, const LabelConfig *config,
                 Session *session, Error *error);

#endif
