// One optimizer step: the tree of the units' gradients (numerics.md, G2), the global norm (G4), the clip, AdamW.
#include "nn/optimizer.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tensor/spread.h"

enum { TREE_LEVELS = 32, NORM_BLOCK = 4096 };

GradTree gradtree_make(Arena *arena, size_t count) { return (GradTree){.arena = arena, .count = count}; }

void gradtree_begin(GradTree *tree) {
    // What an unfinished minibatch left waiting can be used again.
    for (int k = 0; k < TREE_LEVELS; k++)
        if (tree->pending[k]) {
            tree->spare[tree->spares++] = tree->pending[k];
            tree->pending[k] = NULL;
        }
    tree->leaves = 0;
}

static float *take_block(GradTree *tree) {
    if (tree->spares) return tree->spare[--tree->spares];
    return arena_alloc(tree->arena, tree->count * sizeof(float));
}

// Adds the waiting left neighbours to the node in `grad`, level by level; with `all`, empty levels are passed through.
static int fold(GradTree *tree, float *grad, bool all) {
    int level = 0;
    for (; level < TREE_LEVELS && (all || tree->pending[level]); level++) {
        float *left = tree->pending[level];
        if (left == NULL) continue;
        spread_binary(kernels.add, grad, left, grad, tree->count);
        tree->spare[tree->spares++] = left;
        tree->pending[level] = NULL;
    }
    return level;
}

void gradtree_leaf(GradTree *tree, float *grad, bool last) {
    REQUIRE(tree->leaves < INT64_C(1) << (TREE_LEVELS - 1), "gradtree: more than 2^31 units");
    tree->leaves++;
    // The last leaf ends the tree where it stands: every level above has it, or nothing, on the right.
    if (last) {
        fold(tree, grad, true);
        return;
    }
    // Like a binary counter: full levels carry into the next one.
    int level = fold(tree, grad, false);
    float *node = take_block(tree);
    memcpy(node, grad, tree->count * sizeof(float));
    memset(grad, 0, tree->count * sizeof(float));
    tree->pending[level] = node;
}

void gradtree_end(GradTree *tree, float *grad) {
    int level = 0;
    while (level < TREE_LEVELS && tree->pending[level] == NULL) level++;
    // Nothing waits: the last leaf left the sum in grad.
    if (level == TREE_LEVELS) return;
    float *node = tree->pending[level];
    tree->pending[level] = NULL;
    memcpy(grad, node, tree->count * sizeof(float));
    tree->spare[tree->spares++] = node;
    fold(tree, grad, true);
}

Optimizer optimizer_make(Params *params, const AdamWConfig *config, float max_norm) {
    REQUIRE(params->grad != NULL, "optimizer: parameters without gradients");
    Optimizer o = {.params = params, .config = *config, .max_norm = max_norm};
    o.m = arena_zeros(params->arena, params->count, sizeof(float));
    o.v = arena_zeros(params->arena, params->count, sizeof(float));
    return o;
}

typedef struct {
    float *sum;
    const float *grad;
    size_t n;
} NormTask;

static void norm_blocks(void *context, size_t first, size_t last, int thread) {
    const NormTask *c = context;
    (void)thread;
    for (size_t i = first; i < last; i++) {
        size_t at = i * NORM_BLOCK, n = c->n - at < NORM_BLOCK ? c->n - at : NORM_BLOCK;
        c->sum[i] = kernels.dot_lanes(c->grad + at, c->grad + at, n);
    }
}

float gradient_norm(const float *grad, size_t n) {
    size_t blocks = n / NORM_BLOCK + (n % NORM_BLOCK != 0);
    if (blocks == 0) return 0.0f;
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    NormTask c = {arena_alloc(scratch, blocks * sizeof(float)), grad, n};
    spread(blocks, NORM_BLOCK, norm_blocks, &c);
    // Level by level: a node without a right child passes its left one through.
    for (; blocks > 1; blocks = (blocks + 1) / 2)
        for (size_t i = 0; 2 * i < blocks; i++) c.sum[i] = 2 * i + 1 < blocks ? c.sum[2 * i] + c.sum[2 * i + 1] : c.sum[2 * i];
    float norm = sqrtf(c.sum[0]);
    arena_release(scratch, mark);
    return norm;
}

static bool is_finite(float x) { return x >= -FLT_MAX && x <= FLT_MAX; }

// The sentence for a norm that is not finite: the first tensor with a value that is not, else the one whose squares overflow.
static Status refuse(const Optimizer *optimizer, float norm, Error *error) {
    const Params *params = optimizer->params;
    long long step = (long long)optimizer->step + 1;
    for (int t = 0; t < params->tensors; t++) {
        const Tensor *tensor = params->tensor[t];
        size_t n = tensor_count(tensor);
        for (size_t i = 0; i < n; i++)
            if (!is_finite(tensor->grad[i]))
                return error_set(error, ERR_NUMERIC, "step %lld: gradient of '%s' element %zu: expected a finite number, found %g", step,
                                 tensor->name, i, (double)tensor->grad[i]);
    }
    for (int t = 0; t < params->tensors; t++)
        if (!is_finite(gradient_norm(params->tensor[t]->grad, tensor_count(params->tensor[t]))))
            return error_set(error, ERR_NUMERIC, "step %lld: gradient of '%s': expected a norm below 1.8e19, found squares that overflow",
                             step, params->tensor[t]->name);
    return error_set(error, ERR_NUMERIC, "step %lld: gradient norm: expected a finite number, found %g", step, (double)norm);
}

Status optimizer_step(Optimizer *optimizer, float lr, float *norm, Error *error) {
    Params *params = optimizer->params;
    *norm = gradient_norm(params->grad, params->count);
    if (!is_finite(*norm)) return refuse(optimizer, *norm, error);
    float factor = 1.0f;
    if (optimizer->max_norm > 0) {
        factor = optimizer->max_norm / (*norm + 1e-6f);
        if (!(factor < 1.0f)) factor = 1.0f;
    }
    optimizer->step++;
    adamw_update(params->value, optimizer->m, optimizer->v, params->grad, params->count, &optimizer->config, lr, optimizer->step, factor);
    params_clear_grad(params);
    return OK;
}
