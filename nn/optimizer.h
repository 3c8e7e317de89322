// One optimizer step over a Params block: the tree of units' gradients, the global norm, the clip, AdamW.
#ifndef NN_OPTIMIZER_H
#define NN_OPTIMIZER_H

#include "nn/adamw.h"
#include "nn/params.h"
#include "tensor/base/status.h"

// Adds the units' gradients in the binary tree of numerics.md, G2: node (k, i) covers units [i*2^k, (i+1)*2^k), an empty
// right child passes the left through. Leaves come in ascending order; at most log2(units) sums are pending.
typedef struct {
    Arena *arena;
    size_t count;         // numbers in a gradient block
    float *pending[32];   // pending[k]: finished node of level k that waits for its right neighbour, or NULL
    float *spare[32];     // blocks to use again
    int spares;
    int64_t leaves;
} GradTree;

// A tree over blocks of `count` numbers, which it takes from `arena` as they are needed.
GradTree gradtree_make(Arena *arena, size_t count);
// Begins a minibatch of `units` units.
void gradtree_begin(GradTree *tree);
// Takes the gradient of the next unit from `grad`, which is zero afterwards, ready for the next unit. With `last` and no
// unit before, nothing is copied: a step of one unit costs nothing.
void gradtree_leaf(GradTree *tree, float *grad, bool last);
// Leaves the whole sum in `grad`.
void gradtree_end(GradTree *tree, float *grad);

typedef struct {
    Params *params;
    AdamWConfig config;
    float max_norm;     // 0: no clipping
    float *m, *v;       // moments, zeros at first
    int64_t step;       // updates done
} Optimizer;

// Moments from the params' arena.
Optimizer optimizer_make(Params *params, const AdamWConfig *config, float max_norm);

// G4: blocks of 4,096 elements, A1 sum of squares with fmaf inside, binary tree (G2's) over the blocks; square root at the end.
float gradient_norm(const float *grad, size_t n);

// Norm, clip factor min(1, max_norm / (norm + 1e-6)), AdamW; gradients are zero afterwards. ERR_NUMERIC when the norm is
// not finite: then nothing was changed and the sentence names the first tensor with such a value.
Status optimizer_step(Optimizer *optimizer, float lr, float *norm, Error *error);

#endif
