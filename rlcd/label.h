// Labels from a judge (RLAIF, and RLCD-Rescore; paper, section 4): the model itself is asked which of two replies is better, and
// its answer is read from the logits of the two label tokens behind the task's judge template.
//
//     log-odds = logit(first's label) - logit(second's label),   label = P(chosen is better) = sigmoid(log-odds of chosen)
//
// With both orders, the pair is asked twice and the two log-odds of `chosen` are averaged: what a place alone is worth goes out.
#ifndef RLCD_LABEL_H
#define RLCD_LABEL_H

#include "rlcd/pairs.h"
#include "rlcd/role.h"
#include "rlcd/score.h"

// Which places the chosen reply takes: both, the first, or one drawn by (seed, index).
typedef enum { ORDERS_BOTH, ORDERS_FIRST, ORDERS_RANDOM } LabelOrders;

// The label as a token: "A", " A", or both forms by log-sum-exp (paper.md, quirk 1).
typedef enum { LABELS_BARE, LABELS_SPACED, LABELS_BOTH } LabelForm;

typedef struct {
    const Base *base;
    const Task *task;  // with a judge's template
    LabelOrders orders;
    LabelForm form;
    bool hard;       // labels 0 or 1 by the sign of the log-odds, 0.5 at 0
    Text voice;      // fills {voice}
    int max_tokens;  // of a judge's prompt; longer ones lose turns of the dialogue
    // Filled in by label_begin:
    uint64_t seed;
    int32_t id[4];  // label tokens: the first reply's, the second's; with both forms two each
    int ids;        // 2 or 4
} LabelJudge;

// A pair on its way; index 0: the chosen reply stands first, 1: second.
typedef struct {
    const Pair *pair;
    Sequence prompt[2];
    bool asked[2];
    bool fits;      // false: too long even with the shortest dialogue; nothing is asked
    bool cut;       // the dialogue lost turns
    float odds[2];  // log-odds that chosen is better, where asked
    float label;
} LabelQuestion;

// Finds the label tokens. ERR_DATA names a label that is not one token of the model.
Status label_begin(LabelJudge *judge, uint64_t seed, Arena *scratch, Error *error);

// Writes the judge's prompts for a pair, in `arena`; the pair must outlive them. ERR_DATA when its prompt is no dialogue, or its affix not
// one of the task's.
Status label_prepare(LabelQuestion *question, const LabelJudge *judge, const Pair *pair, Arena *arena, Error *error);

// Asks n questions, all of which fit, and fills odds and label. How many at once never changes a bit. ERR_STOPPED when asked to stop;
// ERR_NUMERIC names the pair whose logits are not finite.
Status label_ask(LabelQuestion *questions, int n, const LabelJudge *judge, Session *session, Error *error);

#endif
