// report.html: one page about one or several matrices that needs no network, no script and no other file, and its numbers as CSV beside it.
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include "tools/results.h"
#include "tools/sweep.h"

typedef struct {
    const char *path;         // of the page; "x/report.html" has its numbers in "x/report-data"
    int prompts;              // held-out prompts whose replies are shown
    const SweepList *sweeps;  // what turning the knobs does; NULL: nothing is known
} ReportConfig;

// Appends the page. The folder of its numbers is linked beside it.
void report_page(Str *s, const ResultsList *list, const ReportConfig *config, Arena *arena);

// Writes numbers and page, each file whole or not at all; folders that are missing are made. `folder` (may be NULL) receives the
// folder of the numbers, in the arena. ERR_IO.
Status report_write(const ResultsList *list, const ReportConfig *config, Arena *arena, const char **folder, Error *error);

#endif
