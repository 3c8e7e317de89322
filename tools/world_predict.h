// What the knobs predict without a language model (docs/11-measuring.md): for each method a linear preference model is fitted to
// its labels on replies of the grammar; the optimum of E[r] - beta KL is the base's distribution weighted by exp(r / beta).
#ifndef TOOLS_WORLD_PREDICT_H
#define TOOLS_WORLD_PREDICT_H

#include "tools/world_draw.h"

enum {
    PREDICT_FEATURES = 6,  // mean level, mean tone, length, sum of levels, sum of tones, sentences
    PREDICT_BETAS_MAX = 8,
    PREDICT_METHODS_MAX = 1 + 2 * WORLD_VOICES_MAX,
};

typedef struct {
    const WorldTask *task;
    int n;  // pairs of a method; the base's distribution is 3 n replies (one more when n is odd)
    uint64_t seed;
    int betas;
    double beta[PREDICT_BETAS_MAX];
} PredictConfig;

// Means over replies: of a prompt as it is, or of an optimum.
typedef struct {
    double score, tone, words;
} PredictMean;

typedef struct {
    Text name;        // "rlcd", "rlaif-VOICE", "rescore-VOICE"
    double accuracy;  // of the preference model, on plain pairs that the oracle tells apart
    double labels;    // of the labels it is fitted to
    PredictMean mean[PREDICT_BETAS_MAX];
    double kl[PREDICT_BETAS_MAX];
} PredictMethod;

typedef struct {
    PredictMean plain, plus, minus;
    int methods;
    PredictMethod method[PREDICT_METHODS_MAX];
} Prediction;

// The calculation with the world's knobs. Every draw is a function of (seed, kind of sample, index). Names live in the arena;
// the arena gives its samples back. n >= 2, betas above 0.
void world_predict(Prediction *out, Arena *arena, const World *world, const PredictConfig *config);

// Appends one JSON line for p, p+, p- and each method (docs/formats.md, prediction). `knob` (may be NULL) and `value` are what a
// sweep has set.
void world_predict_write(Str *s, const Prediction *prediction, const PredictConfig *config, const char *knob, double value);

// Weights of a logistic regression without constant: the minimum of the mean cross-entropy against soft labels q[0..n) plus
// ridge / 2 |w|^2, over features x[n][PREDICT_FEATURES] scaled to standard deviation 1, by Newton's method. Weights are for x as given.
void predict_fit(double w[PREDICT_FEATURES], Arena *scratch, const double *x, const double *q, int n, double ridge);

#endif
