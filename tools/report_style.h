// How a report looks: its style sheet, and which colour, mark and dash stands for a method.
#ifndef TOOLS_REPORT_STYLE_H
#define TOOLS_REPORT_STYLE_H

#include "tools/results.h"

// The style sheet: light and dark, wide and narrow, no file of any other place.
extern const char *const REPORT_STYLE;

// The class that gives a method its colour, by its kind: "k-rlcd", ..., "k-other".
const char *report_class(const ResultMethod *method);

// Which of its kind a method is, from 0: the shape of its mark and the dash of its line.
int report_turn(const Results *r, const ResultMethod *method);

// The dash of a turn; NULL: solid.
const char *report_dash(int turn);

#endif
