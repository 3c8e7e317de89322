// One optimizer step: the tree of the units' gradients (numerics.md, G2), the global norm (G4), the clip, AdamW.
#include "nn/optimizer.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/base/comm.h"
#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tensor/spread.h"

enum { NORM_BLOCK = 4096 };

// ---- slices

// Where a rank's slice of a block of n numbers begins: slices end on the norm's blocks.
static size_t slice_first(size_t n, int rank) {
    size_t first = (size_t)comm_first((int64_t)(n / NORM_BLOCK + (n % NORM_BLOCK != 0)), rank) * NORM_BLOCK;
    return first < n ? first : n;
}

// Gives all ranks the slices of each other: of one number for `every` of the block's.
static void share_slices(float *data, size_t n, size_t every) {
    size_t offset[COMM_RANKS + 1];
    for (int r = 0; r <= comm_size(); r++) offset[r] = (slice_first(n, r) + every - 1) / every * sizeof *data;
    comm_share(data, offset);
}

// ---- the tree

GradTree gradtree_make(Arena *arena, size_t count) { return (GradTree){.arena = arena, .count = count}; }

void gradtree_begin(GradTree *tree, int size, int unit) {
    // What an unfinished minibatch left waiting can be used again.
    for (int i = 0; i < tree->nodes; i++)
        if (tree->node[i].sum) tree->spare[tree->spares++] = tree->node[i].sum;
    tree->nodes = 0, tree->size = size, tree->unit = unit;
    tree->units = size / unit + (size % unit != 0);
    tree->next = (int)comm_first(tree->units, comm_rank());
    tree->end = (int)comm_first(tree->units, comm_rank() + 1);
}

bool gradtree_next(const GradTree *tree, int *from, int *to) {
    if (tree->next == tree->end) return false;
    *from = tree->next * tree->unit;
    *to = tree->size - *from < tree->unit ? tree->size : *from + tree->unit;
    return true;
}

// Adds the node before the last one to it, which keeps its place in memory.
static float *add_left(GradNode *node, int *nodes, size_t count) {
    GradNode right = node[*nodes - 1];
    float *left = node[*nodes - 2].sum;
    spread_binary(kernels.add, right.sum, left, right.sum, count);
    node[--*nodes - 1] = (GradNode){right.level + 1, right.index / 2, right.sum};
    return left;
}

static bool are_siblings(const GradNode *left, const GradNode *right) {
    return left->level == right->level && left->index % 2 == 0 && left->index + 1 == right->index;
}

void gradtree_leaf(GradTree *tree, float *grad) {
    REQUIRE(tree->next < tree->end, "gradtree: %d units, another one came", tree->end);
    GradNode *node = tree->node;
    node[tree->nodes++] = (GradNode){0, tree->next++, grad};
    // Like a binary counter: full levels carry into the next one.
    while (tree->nodes > 1 && are_siblings(&node[tree->nodes - 2], &node[tree->nodes - 1]))
        tree->spare[tree->spares++] = add_left(node, &tree->nodes, tree->count);
    float *sum = NULL;
    if (tree->next < tree->end) {
        sum = tree->spares ? tree->spare[--tree->spares] : arena_alloc(tree->arena, tree->count * sizeof(float));
        memcpy(sum, grad, tree->count * sizeof(float));
        memset(grad, 0, tree->count * sizeof(float));
    }
    node[tree->nodes - 1].sum = sum;
}

// The nodes that [first, end) falls into: at each place the largest that begins there and fits.
static int range_nodes(GradNode *out, int64_t first, int64_t end) {
    int n = 0;
    for (int level; first < end; first += INT64_C(1) << level) {
        for (level = 0; first % (INT64_C(2) << level) == 0 && first + (INT64_C(2) << level) <= end;) level++;
        out[n++] = (GradNode){level, first >> level, NULL};
    }
    return n;
}

// Each rank gets its slice of every rank's nodes and adds them as one rank alone would have. The result is its slice of `grad`.
static void add_slices(const GradTree *tree, float *grad) {
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    int ranks = comm_size(), me = comm_rank(), nodes = 0, begin[COMM_RANKS + 1] = {0}, most = 0;
    size_t n = tree->count, first = slice_first(n, me), mine = slice_first(n, me + 1) - first;
    GradNode *node = arena_alloc(scratch, (size_t)ranks * GRAD_NODES * sizeof *node), stack[2 * GRAD_NODES];
    CommPair pair[COMM_RANKS];
    for (int r = 0; r < ranks; r++) {
        int own = range_nodes(node + begin[r], comm_first(tree->units, r), comm_first(tree->units, r + 1));
        begin[r + 1] = begin[r] + own;
        most = own > most ? own : most;
    }
    // The k-th node of every rank in one exchange.
    for (int k = 0; k < most; k++) {
        for (int r = 0; r < ranks; r++) {
            pair[r] = (CommPair){0};
            if (k < tree->nodes) {
                pair[r].to = tree->node[k].sum + slice_first(n, r);
                pair[r].give = (slice_first(n, r + 1) - slice_first(n, r)) * sizeof(float);
            }
            if (k >= begin[r + 1] - begin[r]) continue;
            pair[r].take = mine * sizeof(float);
            pair[r].from = node[begin[r] + k].sum = r == me ? tree->node[k].sum + first : arena_alloc(scratch, pair[r].take);
        }
        comm_exchange(pair);
    }
    for (int i = 0; i < begin[ranks]; i++) {
        stack[nodes++] = node[i];
        while (nodes > 1 && are_siblings(&stack[nodes - 2], &stack[nodes - 1])) add_left(stack, &nodes, mine);
    }
    while (nodes > 1) add_left(stack, &nodes, mine);
    if (stack[0].sum != grad + first) memcpy(grad + first, stack[0].sum, mine * sizeof(float));
    arena_release(scratch, mark);
}

void gradtree_end(GradTree *tree, float *grad) {
    REQUIRE(tree->next == tree->end && tree->units > 0, "gradtree: unit %d of %d is missing", tree->next, tree->end);
    if (tree->nodes) tree->node[tree->nodes - 1].sum = grad;
    // Empty levels are passed through: what waits is on the left of what comes behind it.
    if (comm_size() > 1)
        add_slices(tree, grad);
    else
        while (tree->nodes > 1) tree->spare[tree->spares++] = add_left(tree->node, &tree->nodes, tree->count);
    for (int i = 0; i < tree->nodes; i++)
        if (tree->node[i].sum != grad) tree->spare[tree->spares++] = tree->node[i].sum;
    tree->nodes = 0;
}

void gradtree_share(const GradTree *tree, void *item, size_t bytes, const int *offset) {
    size_t begin[COMM_RANKS + 1];
    for (int r = 0; r <= comm_size(); r++) {
        int64_t whole = comm_first(tree->units, r) * tree->unit, at = whole < tree->size ? whole : tree->size;
        begin[r] = (size_t)(offset ? offset[at] : at) * bytes;
    }
    comm_share(item, begin);
}

// ---- the step

Optimizer optimizer_make(Params *params, const AdamWConfig *config, float max_norm) {
    REQUIRE(params->grad != NULL, "optimizer: parameters without gradients");
    Optimizer o = {.params = params, .config = *config, .max_norm = max_norm, .first = slice_first(params->count, comm_rank())};
    o.count = slice_first(params->count, comm_rank() + 1) - o.first;
    o.m = arena_zeros(params->arena, o.count, sizeof(float));
    o.v = arena_zeros(params->arena, o.count, sizeof(float));
    return o;
}

float *optimizer_whole(const Optimizer *optimizer, float *slice, Arena *arena) {
    if (comm_size() == 1) return slice;
    float *whole = arena_alloc(arena, optimizer->params->count * sizeof *whole);
    memcpy(whole + optimizer->first, slice, optimizer->count * sizeof *whole);
    share_slices(whole, optimizer->params->count, 1);
    return whole;
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

// The norm of a block of n numbers from [first, first + count) and, together, what the other ranks have of it.
static float slices_norm(const float *grad, size_t n, size_t first, size_t count, bool together) {
    size_t blocks = n / NORM_BLOCK + (n % NORM_BLOCK != 0);
    if (blocks == 0) return 0.0f;
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    float *sum = arena_alloc(scratch, blocks * sizeof *sum);
    NormTask c = {sum + first / NORM_BLOCK, grad + first, count};
    spread(count / NORM_BLOCK + (count % NORM_BLOCK != 0), NORM_BLOCK, norm_blocks, &c);
    if (together) share_slices(sum, n, NORM_BLOCK);
    // Level by level: a node without a right child passes its left one through.
    for (; blocks > 1; blocks = (blocks + 1) / 2)
        for (size_t i = 0; 2 * i < blocks; i++) sum[i] = 2 * i + 1 < blocks ? sum[2 * i] + sum[2 * i + 1] : sum[2 * i];
    float norm = sqrtf(sum[0]);
    arena_release(scratch, mark);
    return norm;
}

float gradient_norm(const float *grad, size_t n) { return slices_norm(grad, n, 0, n, false); }

float optimizer_norm(const Optimizer *o) { return slices_norm(o->params->grad, o->params->count, o->first, o->count, true); }

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
    *norm = optimizer_norm(optimizer);
    if (!is_finite(*norm)) {
        // Whoever names the tensor needs the whole.
        share_slices(params->grad, params->count, 1);
        return refuse(optimizer, *norm, error);
    }
    float factor = 1.0f;
    if (optimizer->max_norm > 0) {
        factor = optimizer->max_norm / (*norm + 1e-6f);
        if (!(factor < 1.0f)) factor = 1.0f;
    }
    optimizer->step++;
    adamw_update(params->value + optimizer->first, optimizer->m, optimizer->v, params->grad + optimizer->first, optimizer->count,
                 &optimizer->config, lr, optimizer->step, factor);
    share_slices(params->value, params->count, 1);
    params_clear_grad(params);
    return OK;
}
