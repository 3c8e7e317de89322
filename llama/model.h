// LLaMA (Touvron et al., 2023, arXiv 2302.13971): wiring only; the arithmetic is in nn/.
//
//     ids -> embedding -> L x [ norm, attention, add, norm, feed-forward, add ] -> norm -> hidden rows
//
// One function serves training, scoring and generation: a NULL tape records nothing, a NULL cache means whole sequences, a
// NULL adapter means the base. Rows are ragged: N rows of B sequences with offsets, no padding anywhere.
#ifndef LLAMA_MODEL_H
#define LLAMA_MODEL_H

#include "llama/adapter.h"
#include "llama/config.h"
#include "llama/kvcache.h"
#include "llama/weights.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "tensor/tape.h"

typedef struct {
    LlamaConfig config;
    LlamaWeights weights;
    LlamaSource source;
    RopeTable rope;  // positions that may occur in this run
    Precision precision;  // of linear layers and the head: the recipe's choice
} Llama;

// The rows of one call.
typedef struct {
    int N, B;
    const int32_t *ids;   // [N]
    const int *offsets;   // [B + 1]
    const int *position;  // [N] place in its sequence
    const int *slot;      // [B] place in the cache; NULL without a cache
    TiedHead *tied;       // order of a tied head's gradient (llama_tie); NULL: not needed
} LlamaBatch;

// Opens a model's weights and prepares angles for `positions` positions (at most the model's context, checked).
Status llama_open(Llama *model, Arena *arena, const char *path, Error *error);
void llama_close(Llama *model);

// The rows of B sequences for the model's linear layers and heads; `first` (may be NULL without a tape) must outlive backward.
LinearRows llama_rows(const Llama *model, int B, const int *first);

// Makes sure that rows up to position `positions - 1` can be computed; ERR_DATA when the model's context is shorter.
Status llama_prepare(Llama *model, Arena *arena, int positions, Error *error);

// A model whose every weight is an fp32 tensor of `params` (names of formats.md, section 2): for training all of them. Of `model`
// the config and the angles are used. The caller finishes the block, then llama_fill copies the numbers of `model` into it (or a
// checkpoint is loaded, or random numbers are drawn).
Llama *llama_declare(Params *params, const Llama *model);
void llama_fill(Llama *twin, const Llama *model);

// A batch of whole sequences in `arena`: ids are joined, offsets and positions filled in.
LlamaBatch llama_batch(Arena *arena, const int32_t *const *ids, const int *lengths, int B);

// For a pass of several sequences whose head has the rows head_rows[b] .. head_rows[b+1] of sequence b: where the head is the
// trained embedding itself, gives what logprob needs to keep the order of numerics.md, G1, and notes it in `batch`. Else NULL.
TiedHead *llama_tie(LlamaBatch *batch, const Llama *model, const int *head_rows, Arena *arena);

// How many of the next sequences (lengths[0 .. n), at least 1) make one training pass of about `rows` rows; a tied and trained
// head keeps all its logits' gradients, so their size counts as well. The number never changes a bit.
int llama_pass(const Llama *model, const int *lengths, int n, int rows);

// Hidden rows [N, D] behind the final norm, in `arena`. With a cache: keys and values of the new rows are stored in their
// slots, whose lengths grow. Without a tape everything but the result is released again.
Tensor *llama_forward(Tape *tape, const Llama *model, const Adapter *adapter, const LlamaBatch *batch, KvCache *cache, Arena *arena);

#endif
