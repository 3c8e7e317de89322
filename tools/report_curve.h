// A run of PPO over all seeds, for drawing and for what is said of it.
#ifndef TOOLS_REPORT_CURVE_H
#define TOOLS_REPORT_CURVE_H

#include "tools/results.h"

// Values by step; NAN where no seed has one. low and high: the seeds' smallest and largest; with one seed 95 % over the step's rollouts.
typedef struct {
    int n;
    double *step, *kl;
    double *oracle, *oracle_low, *oracle_high, *oracle_error;
    double *score, *score_low, *score_high;
} Curve;

// The curve of a method; n 0 when it has no run of PPO.
Curve curve_of(const Results *r, const ResultMethod *method, Arena *arena);

// Whether a curve has any value of this kind.
bool curve_has(const double *y, int n);

// Means of three neighbouring steps (two at the ends), in the arena; NAN where none of them is known.
double *curve_smooth(const double *y, int n, Arena *arena);

// Reward hacking: where the oracle (mean of three neighbouring steps) was best, and what came after. `seen` only when the oracle lies
// lower at the end by more than 0.03 and two standard errors while the own score rose.
typedef struct {
    bool seen;
    double step;        // where the oracle was best
    double fall, rise;  // from there to the end: the oracle's loss, the score's gain
} Hacking;
Hacking curve_hacking(const Curve *c);

#endif
