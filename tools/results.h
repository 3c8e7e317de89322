// The table of a matrix: for every method what was measured, as a mean with its 95 % interval, over one seed or several.
//
// With one seed an interval covers the prompts (or pairs): mean +- 1.96 standard errors, Wilson's for a share. With several, each
// seed is one value and the interval covers the seeds: Student's t, so what differs between seeds is in it. Comparisons are paired:
// RLCD and the other method on the same prompt of the same seed.
#ifndef TOOLS_RESULTS_H
#define TOOLS_RESULTS_H

#include "tools/measure.h"
#include "tools/results_read.h"

typedef enum {
    RESULT_ORACLE,     // the oracle's score, 0..1
    RESULT_WINS,       // share of prompts on which RLCD's reply scores higher with the oracle, a tie counts half
    RESULT_LEAD,       // RLCD's oracle score less the method's, on the same prompt
    RESULT_ACCURACY,   // preference accuracy on pairs that the oracle (or people) labelled
    RESULT_OWN,        // preference accuracy on the method's own pairs
    RESULT_LABEL,      // labels that take the oracle's side, ties left out
    RESULT_KL,         // nats a reply
    RESULT_SCORE,      // of the method's own preference model
    RESULT_WORDS,      // words of a reply
    RESULT_SENTENCES,  // sentences of a reply, by the oracle
    RESULT_TONE,       // mean tone, by the oracle
    RESULT_WELL,       // share of well-formed sentences, by the oracle
    RESULT_ENDED,      // share of replies that ended before the limit
    RESULT_DIST1,      // distinct words / words over all replies; then pairs and triples of words
    RESULT_DIST2,
    RESULT_DIST3,
    RESULT_SELF_BLEU,  // mean BLEU-4 of a reply against the method's other replies, over words
    RESULT_MEASURES
} ResultMeasure;

// The name in tables and CSV files ("oracle", "wins", "dist_2"), and one sentence on what it is.
const char *result_name(ResultMeasure measure);
const char *result_meaning(ResultMeasure measure);

// A value over the seeds that have it.
typedef struct {
    int seeds;  // 0: not measured
    double mean;
    bool ranged;               // has an interval
    MeasureInterval interval;  // 95 %: over prompts with one seed, over seeds with several
    bool sampled;              // has an interval over prompts
    MeasureInterval prompts;   // 95 % over the prompts of all seeds together
    double *seed;              // [seeds of the task] each seed's value, NAN where it has none
} Estimate;

typedef struct {
    Text name, kind, voice;
    const MatrixMethod **run;  // [seeds of the task] NULL where a seed does not have the method
    Estimate value[RESULT_MEASURES];
} ResultMethod;

// All seeds of one task.
typedef struct {
    Text task;
    int seeds;
    const Matrix **matrix;  // [seeds]
    int methods;
    ResultMethod *method;  // in the order of the first seed, then what later ones add
    int rlcd;              // index of the first method of kind "rlcd"; -1: none
    int64_t prompts;       // held-out prompts of the first seed
} Results;

typedef struct {
    int count;
    Results *task;  // in the order in which the folders name them
} ResultsList;

// Reads matrix folders and computes every estimate; folders of several tasks are told apart. `samples` pairs of each are kept for reading.
// ERR_DATA also when one seed of the same task and model comes twice, or a method is of another kind in another seed.
Status results_read(ResultsList *out, Arena *arena, const char *const *dirs, int n, int samples, Error *error);

// 0.975 quantile of Student's t distribution with `degrees` >= 1 degrees of freedom, to four digits.
double results_student(int degrees);

// Mean and 95 % interval (Student's t) of the known ones among n values; NAN is not known.
Estimate results_over_seeds(const double *values, int n);

// The table as plain text, ASCII but for names, at most `columns` wide (80 or more) unless names are long: what does not fit goes on
// in a second block. Columns that nothing was measured for are left out.
void results_table(Str *s, const ResultsList *list, int columns);

// Half the width of an interval as "+-" tells it: the larger of both distances from the mean.
double results_half(const Estimate *e);

#endif
