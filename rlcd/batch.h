// Sequences and statistics over them.
//
// A Sequence is a prompt followed by a reply; the reply's tokens are its actions. Statistics over a batch add inside a
// sequence by A1 and over sequences in the tree of numerics.md, G3, so they never depend on who computed which sequence.
#ifndef RLCD_BATCH_H
#define RLCD_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/arena.h"

typedef struct {
    int32_t *ids;  // [count]
    int count;
    int from;  // first action; actions are ids[from .. count)
} Sequence;

// Number of actions.
static inline int sequence_actions(const Sequence *s) { return s->count - s->from; }

// prompt + reply (+ one `end` id when end >= 0) as one sequence in the arena.
Sequence sequence_join(Arena *arena, const int32_t *prompt, int n_prompt, const int32_t *reply, int n_reply, int32_t end);

// A prompt cut from the left so that at most `room` ids are left: the ids that stay.
const int32_t *ids_keep_last(const int32_t *ids, int *count, int room);

// Sum of value[0..n) in the binary tree over the index: node (k, i) = node (k-1, 2i) + node (k-1, 2i+1), a missing right
// child passes the left through. Overwrites value. 0 for n = 0.
float tree_sum(float *value, int n);

// Ragged numbers: part i has count[i] values at part[i]. A1 over a part, then the tree. Scratch is released again.
float ragged_sum(const float *const *part, const int *count, int parts, Arena *scratch);
float ragged_sum_squares(const float *const *part, const int *count, int parts, float mean, Arena *scratch);
// Number of values in all.
int ragged_count(const int *count, int parts);

#endif
