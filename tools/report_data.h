// The numbers of a report as CSV files (RFC 4180, UTF-8, "\n"): one header line, numbers in their shortest form, nothing for what was not
// measured. docs/formats.md lists the columns.
#ifndef TOOLS_REPORT_DATA_H
#define TOOLS_REPORT_DATA_H

#include "tools/results.h"
#include "tools/sweep.h"

// Writes methods.csv, seeds.csv, steps.csv, rejections.csv and predict.csv into the folder, which is made; `sweeps` may be NULL.
Status report_data_write(const ResultsList *list, const SweepList *sweeps, const char *folder, Arena *arena, Error *error);

// Appends one field: quoted where it must be.
void report_data_field(Str *s, Text text);

#endif
