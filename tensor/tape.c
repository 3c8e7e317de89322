#include "tensor/tape.h"

Tape tape_make(Arena *arena) { return (Tape){.arena = arena}; }

void tape_record(Tape *tape, BackwardFunction backward, void *context) {
    if (tape->count == tape->capacity) {
        int capacity = tape->capacity ? 2 * tape->capacity : 256;
        tape->nodes = arena_grow(tape->arena, tape->nodes, (size_t)tape->capacity * sizeof(TapeNode), (size_t)capacity * sizeof(TapeNode));
        tape->capacity = capacity;
    }
    tape->nodes[tape->count++] = (TapeNode){backward, context};
}

void tape_backward(Tape *tape) {
    for (int i = tape->count - 1; i >= 0; i--) tape->nodes[i].backward(tape->nodes[i].context);
}
