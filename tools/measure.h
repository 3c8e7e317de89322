// Figures for tables: proportions with Wilson's interval, means with their standard error, paired differences, Dist-n.
// All in double, sums ascending from index 0, no libm but sqrt: the same bits everywhere.
#ifndef TOOLS_MEASURE_H
#define TOOLS_MEASURE_H

#include <stdint.h>

#include "tensor/base/arena.h"
#include "tensor/base/str.h"

// 0.975 quantile of the standard normal distribution: two-sided 95 %.
#define MEASURE_Z95 1.959963984540054

typedef struct {
    double low, high;
} MeasureInterval;

// Wilson's score interval (1927) of `successes` of n at quantile z; n >= 1, 0 <= successes <= n. Inside [0, 1].
MeasureInterval measure_wilson(int64_t successes, int64_t n, double z);

typedef struct {
    int64_t n;
    double mean;
    double deviation;       // sample standard deviation, divisor n - 1; 0 when n < 2
    double standard_error;  // deviation / sqrt(n)
} MeasureMean;

// Mean of n >= 1 values, in two passes.
MeasureMean measure_mean(const double *x, int64_t n);

// The same of the differences a[i] - b[i]: what "above by k standard errors" refers to.
MeasureMean measure_paired(const double *a, const double *b, int64_t n);

// mean +- z * standard_error.
MeasureInterval measure_normal(MeasureMean m, double z);

// Dist-n (Li et al., NAACL 2016): distinct n-grams / all n-grams over sequences ids[offset[s], offset[s + 1]), which no n-gram
// crosses; 0 when there is none. 1 <= order <= 8. Works in `scratch` and releases it.
double measure_distinct_ids(Arena *scratch, const int32_t *ids, const int *offset, int sequences, int order);

// The same over words: runs of bytes other than space, tab, newline and return, case kept.
double measure_distinct_words(Arena *scratch, const Text *texts, int count, int order);

// Words of a text by the same rule.
int64_t measure_words(Text text);

#endif
