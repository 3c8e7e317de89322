// Tape: the record of what was computed, walked backwards for the gradient (reverse-mode differentiation).
//
// An op computes its result and then appends one node: a backward function and a context that holds what it needs. Because a
// node is appended after its inputs' nodes, the tape is in topological order by construction and backward is a loop from the
// end. A NULL tape records nothing. Ops add into their inputs' gradients, so a value used twice receives both parts, in the
// fixed order of the tape.
#ifndef TENSOR_TAPE_H
#define TENSOR_TAPE_H

#include "tensor/tensor.h"

// Reads the result's gradient and adds to the gradients of the inputs.
typedef void (*BackwardFunction)(void *context);

typedef struct {
    BackwardFunction backward;
    void *context;
} TapeNode;

typedef struct {
    Arena *arena;     // holds nodes, contexts and everything computed under this tape
    TapeNode *nodes;
    int count, capacity;
} Tape;

// An empty tape whose nodes live in `arena` until the caller releases it.
Tape tape_make(Arena *arena);

// Appends a node. `context` lives in the tape's arena.
void tape_record(Tape *tape, BackwardFunction backward, void *context);

// Calls every node's backward from the last to the first. The caller has put the loss's derivative into the gradients of the
// tensors it starts from.
void tape_backward(Tape *tape);

// True when an op must record: there is a tape and one of the inputs wants a gradient.
static inline bool tape_wants(const Tape *tape, const Tensor *a, const Tensor *b) {
    return tape && ((a && a->grad) || (b && b->grad));
}

#endif
