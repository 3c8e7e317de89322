// The figures of a report: each a <figure> with a drawing, its title, and a caption that tells what is seen and where its numbers lie.
#ifndef TOOLS_REPORT_FIGURES_H
#define TOOLS_REPORT_FIGURES_H

#include "tools/report_frame.h"

// Methods as dots with whiskers: one measure, named `axis` below its scale. `reference` NAN: no line. Nothing is written when no method
// has the measure.
void figure_methods(Page *page, const char *id, const char *title, ResultMeasure measure, const char *axis, double reference,
                    const char *caption);

// Oracle and own score over the steps of PPO: one small figure a method, both scales shared by all.
void figure_steps(Page *page);

// Oracle, and own score, against KL: the way of each run and where every policy ended.
void figure_distance(Page *page);

// The oracle's score of RLAIF (and Rescore) against the label accuracy of its judge, with RLCD as the line that they must reach.
void figure_judges(Page *page);

// Where RLAIF's line, by label accuracy, crosses RLCD's; false when it does not, or fewer than two judges are known. *above tells
// (also then) whether the best judge's RLAIF lies above RLCD.
bool figure_crossing(const Results *r, double *accuracy, bool *above);

#endif
