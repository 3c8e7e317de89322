// Statistics of judgements: quantiles, the bootstrap of a mean, Cohen's kappa, a logistic regression on one variable.
// All in double, sums ascending from index 0, no libm but sqrt: the same bits everywhere.
#ifndef TOOLS_STATS_H
#define TOOLS_STATS_H

#include "tools/measure.h"

// 1 / (1 + exp(-x)) and (exp(2x) - 1) / (exp(2x) + 1): relative error below 1e-12 where |x| < 100 (tanh: absolute error).
double stats_sigmoid(double x);
double stats_tanh(double x);

// The p-quantile of n >= 1 ascending values, linear between neighbours: at place p (n - 1) (Hyndman and Fan, 1996, type 7).
double stats_quantile(const double *sorted, int n, double p);

// Divides n values into at most `groups` groups of about equal size by rank, equal values into the same: group[i] counts from 0, ascending
// with x; some may be empty.
void stats_groups(int *group, const double *x, int n, int groups, Arena *scratch);

// 95 % percentile interval of the mean of n >= 1 values (Efron, 1979): `replicates` >= 1 means of n draws with replacement, of which the
// 0.025 and 0.975 quantiles. Draw i of replicate r is x[bits(r, i) n / 2^32] with the bits of stream "judge.bootstrap" under `seed`,
// so that samples of the same n take the same places: differences between them are paired.
MeasureInterval stats_bootstrap_mean(const double *x, int n, int replicates, uint64_t seed, Arena *scratch);

// What a disagreement of i and j among K categories costs: all the same, |i - j|, (i - j)^2.
typedef enum { KAPPA_PLAIN, KAPPA_LINEAR, KAPPA_QUADRATIC } StatsWeights;

typedef struct {
    bool defined;               // false: both answered alike throughout, with one category, and agreement by chance is certain
    double observed, expected;  // weighted agreement, and what chance gives at the same shares
    double kappa;               // (observed - expected) / (1 - expected)
    double error;               // standard error for large samples (Fleiss, Cohen and Everitt, 1969)
    MeasureInterval interval;   // kappa +- 1.96 error
} StatsKappa;

// Cohen's kappa (1960; weighted 1968) of table[K K]: table[i K + j] items that the first put into category i, the second into j.
// K >= 2, at least one item.
StatsKappa stats_kappa(const int64_t *table, int K, StatsWeights weights);

typedef struct {
    bool found;  // false: no finite maximum (x separates y, or y is all 0 or all 1), or x is constant
    int steps;   // Newton steps
    double intercept, slope;
    double intercept_error, slope_error;  // robust standard errors (the sandwich of White, 1980, HC0)
} StatsLogistic;

// Maximum likelihood of P(y = 1) = sigmoid(intercept + slope x) over n >= 1 rows, y in [0, 1], by Newton's method.
StatsLogistic stats_logistic(const double *x, const double *y, int n);

#endif
