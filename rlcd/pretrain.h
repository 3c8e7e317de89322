// Pre-training: a language model from text by next-token prediction.
//
//     loss = sum_t w_t (-log p(x_t | x_<t)) / sum_t w_t       over the tokens of a batch
//
// One document is one sequence, from position 0, closed by one end-of-text; there is no token in front. w is 1, or what the
// document's weight ranges say. A document longer than the context is cut into pieces that overlap by one token, so that every
// token but the first is predicted once.
// An epoch is a shuffle of all pieces (a function of seed and epoch); batches take them in that order, as many as fit into
// `batch` tokens, at least one. The rate follows the share of tokens done.
#ifndef RLCD_PRETRAIN_H
#define RLCD_PRETRAIN_H

#include "nn/schedule.h"
#include "rlcd/save.h"

// Bytes [start, end) of a document count `weight`.
typedef struct {
    size_t start, end;
    float weight;
} PretrainWeight;

// One sequence; weight[i] of ids[i] is weight[i], NULL: all 1.
typedef struct {
    const int32_t *ids;
    const float *weight;
    int count;
} PretrainPiece;

// All sequences of a run.
typedef struct {
    Arena *arena;
    const Base *base;
    int context;
    PretrainPiece *piece;
    int count, capacity;
    int64_t documents, tokens;  // tokens: end-of-text counted, overlaps not
    int64_t cut;                // documents that were longer than the context
    bool weighted;              // some weight is not 1
} PretrainText;

typedef struct {
    int64_t tokens;     // of the whole run
    int batch;          // tokens of one optimizer step
    int unit;           // sequences of one gradient unit (numerics.md, G2); 0: the whole batch
    Schedule schedule;  // total and warmup are filled in, in tokens
    double warmup_share;
    AdamWConfig adamw;
    float max_norm;
    bool fresh;                          // random weights; else those of the base
    double init_embedding, init_matrix;  // deviations of random weights
} PretrainConfig;

// The recipe of the small world (tinyworld.md, section 8).
PretrainConfig pretrain_default(void);

// An empty text; ids will live in `arena`. Pieces have at most `context` + 1 tokens.
PretrainText pretrain_text(Arena *arena, const Base *base, int context);

// Adds one document; of ranges that overlap, the last counts. A token counts as its range says if any byte of it lies in it.
// ERR_DATA: not UTF-8, or weights with a tokenizer whose tokens do not give the text back.
Status pretrain_add(PretrainText *text, Text document, const PretrainWeight *weight, int weights, Error *error);

// A base without a file: shape, tokenizer, end-of-text; its weights are declared by pretrain_train.
Base pretrain_base(Arena *arena, const LlamaConfig *config, Tokenizer *tokenizer, int32_t end);

// Trains every weight and stores checkpoints (role "model"); `loss` is that of the last step. `model` lives in session->run; rope
// is prepared by the caller. session->rows bounds the rows of one pass and never changes a bit. ERR_STOPPED: a checkpoint was
// written. ERR_NUMERIC: the loss of a step or a gradient is not finite; the weights are those before that step.
Status pretrain_train(Role **model, double *loss, const Base *base, const PretrainText *text, const PretrainConfig *config,
                      Session *session, Error *error);

#endif
