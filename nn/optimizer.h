// One optimizer step over a Params block: the tree of units' gradients, the global norm, the clip, AdamW.
//
// With several ranks (comm.h) each computes the gradients of some units and owns a slice of the block: it adds that slice of all units,
// holds the moments of it and updates it; then the new values are exchanged. Which units and which slice shows in no bit.
#ifndef NN_OPTIMIZER_H
#define NN_OPTIMIZER_H

#include "nn/adamw.h"
#include "nn/params.h"
#include "tensor/base/status.h"

// The sum of the gradients of units [index * 2^level, (index + 1) * 2^level), cut at the last one.
typedef struct {
    int level;
    int64_t index;
    float *sum;  // NULL: it lies where gradients are formed
} GradNode;
enum { GRAD_NODES = 64 };  // more than a range of 2^31 units falls into

// Adds the units' gradients in the binary tree of numerics.md, G2: an empty right child passes the left through. This rank's units
// come in ascending order; at most log2(units) sums wait (twice that where its range is not one node).
typedef struct {
    Arena *arena;
    size_t count;               // numbers in a gradient block
    GradNode node[GRAD_NODES];  // finished, ascending; no two of them are siblings
    float *spare[GRAD_NODES];  // blocks to use again
    int nodes, spares;
    int size, unit;        // sequences of the minibatch, of a unit (the last one may have fewer)
    int units, next, end;  // units; those of this rank that are still to come
} GradTree;

// A tree over blocks of `count` numbers, which it takes from `arena` as they are needed.
GradTree gradtree_make(Arena *arena, size_t count);
// Begins a minibatch of `size` sequences in units of `unit`.
void gradtree_begin(GradTree *tree, int size, int unit);
// The sequences [*from, *to) of this rank's next unit; false when it has no more.
bool gradtree_next(const GradTree *tree, int *from, int *to);
// Takes the gradient of that unit from `grad`, which is zero afterwards, ready for the next. A rank's last one stays where it is: a step of
// one unit costs nothing.
void gradtree_leaf(GradTree *tree, float *grad);
// Leaves the whole sum in `grad` (with several ranks: this rank's slice of it); together.
void gradtree_end(GradTree *tree, float *grad);
// Gives all ranks what each computed of the sequences of its units: `bytes` bytes at item + i * bytes for sequence i, or for each of
// [offset[i], offset[i + 1]) where `offset` [size + 1] is not NULL. Together.
void gradtree_share(const GradTree *tree, void *item, size_t bytes, const int *offset);

typedef struct {
    Params *params;
    AdamWConfig config;
    float max_norm;       // 0: no clipping
    size_t first, count;  // this rank's slice of the block: all of it with one rank
    float *m, *v;         // [count] its moments, zeros at first
    int64_t step;         // updates done
} Optimizer;

// Moments from the params' arena.
Optimizer optimizer_make(Params *params, const AdamWConfig *config, float max_norm);

// The moments (optimizer->m or ->v) of the whole block: themselves with one rank, else gathered into `arena`; together.
float *optimizer_whole(const Optimizer *optimizer, float *slice, Arena *arena);

// G4: blocks of 4,096 elements, A1 sum of squares with fmaf inside, binary tree (G2's) over the blocks; square root at the end.
float gradient_norm(const float *grad, size_t n);
// The same of the optimizer's gradient, each rank's slice by itself; together.
float optimizer_norm(const Optimizer *optimizer);

// Norm, clip factor min(1, max_norm / (norm + 1e-6)), AdamW; gradients are zero afterwards. ERR_NUMERIC when the norm is
// not finite: then nothing was changed and the sentence names the first tensor with such a value. Together.
Status optimizer_step(Optimizer *optimizer, float lr, float *norm, Error *error);

#endif
