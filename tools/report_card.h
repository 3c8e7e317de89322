// The end of a report: why draws were rejected, and the card of the run.
#ifndef TOOLS_REPORT_CARD_H
#define TOOLS_REPORT_CARD_H

#include "tools/report_figures.h"

// Outcomes of the draws of both simulations, over all seeds.
void card_rejections(Page *page);

// Version, model, seeds, machine, time, memory; folded: every stage with its hash, every option of the recipe.
void card_run(Page *page);

#endif
