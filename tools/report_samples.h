// The part of a report that is to be read: pairs as they were made, and replies to the same prompt before and after training.
#ifndef TOOLS_REPORT_SAMPLES_H
#define TOOLS_REPORT_SAMPLES_H

#include "tools/report_figures.h"

// p, p+ and p-, o+ and o-, the label, and what the oracle says of both; o- is folded until it is asked for.
void samples_pairs(Page *page);

// The first `most` held-out prompts of the first seed, with every method's reply and the oracle's verdict.
void samples_replies(Page *page, int most);

#endif
