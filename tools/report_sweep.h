// The figures of a sweep: the oracle of each method's optimum over a knob of the small world, and what retrained models reached.
#ifndef TOOLS_REPORT_SWEEP_H
#define TOOLS_REPORT_SWEEP_H

#include "tools/report_frame.h"
#include "tools/sweep.h"

// One figure for each knob of the page's task; nothing when there is none.
void figure_sweeps(Page *page, const SweepList *sweeps);

#endif
