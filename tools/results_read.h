// A matrix folder (`rlcd run` with run.methods, docs/formats.md): results.json, and what the stages that it names have left.
// One folder is one seed. Nothing here is computed beyond counting; tools/results.h does the statistics.
#ifndef TOOLS_RESULTS_READ_H
#define TOOLS_RESULTS_READ_H

#include "tensor/base/arena.h"
#include "tensor/base/json.h"
#include "tensor/base/status.h"

enum { MATRIX_METHODS = 64, VERDICT_LEVELS = 32, VERDICT_ILL_FORMED = -3 };

// What the oracle says of one text (oracle.jsonl).
typedef struct {
    bool known;
    double score;  // 0..1
    double tone;
    int words, sentences, well_formed;  // well_formed counts sentences
    int levels;                         // how many of the first sentences' levels are known
    signed char level[VERDICT_LEVELS];  // -2..2, or VERDICT_ILL_FORMED
} Verdict;

// One row of METHOD/eval/replies.jsonl.
typedef struct {
    int64_t index;
    Text prompt, reply;
    bool ended;        // by itself, not by the length limit
    double score, kl;  // NAN where the row has none; the score is that of the method's own preference model
    Verdict oracle;
} MatrixReply;

// One row of a file of pairs.
typedef struct {
    Text prompt, p_plus, p_minus;  // absent ones have size 0
    Text chosen, rejected;
    double label;
    Verdict chosen_oracle, rejected_oracle;
} MatrixPair;

// A count out of `of`; of 0: not measured.
typedef struct {
    int64_t right, of;
} MatrixShare;

// One PPO step. What is not known is NAN.
typedef struct {
    int64_t step;
    double score, kl;     // means over the step's rollouts (metrics.jsonl)
    int judged;           // rollouts in samples.jsonl that the oracle scored
    double oracle;        // their mean
    double oracle_error;  // and its standard error; NAN for a single rollout
} MatrixStep;

typedef struct {
    Text name, kind, voice;                          // kind: base, cd, rlcd, rlaif, rescore, dpo; voice may be empty
    const char *pairs, *preference, *policy, *eval;  // paths, NULL where the method has none
    int replies;
    MatrixReply *reply;         // in the file's order
    bool scored, near, judged;  // every reply has a score; every one a KL; oracle.jsonl was there
    MatrixShare label;          // pairs whose label takes the oracle's side, ties left out
    MatrixShare own;            // preference accuracy that the training run measured
    bool own_held_out;          // on pairs kept out of training
    MatrixShare accuracy;       // preference accuracy on the oracle's pairs (METHOD/accuracy), else on people's (METHOD/eval)
    int steps;
    MatrixStep *step;  // ascending
} MatrixMethod;

// run.json of a stage.
typedef struct {
    const char *stage;  // its folder, below the matrix's
    const Json *card;
} MatrixCard;

typedef struct {
    const char *dir;
    int64_t seed;
    Text version, task, model_path, model_hash;
    int methods;
    MatrixMethod *method;  // in the order of results.json
    int cards;
    MatrixCard *card;
    int pairs;
    MatrixPair *pair;  // the first rows of the contrast's pairs, at most as many as were asked for
} Matrix;

// Reads a matrix folder; texts and cards live in `arena`. `samples`: pairs to keep for reading. ERR_IO, ERR_FORMAT or ERR_DATA with one
// sentence that names file and line. Members that results.json does not name, and oracle.jsonl where there is none, are simply absent.
Status matrix_read(Matrix *out, Arena *arena, const char *dir, int samples, Error *error);

#endif
