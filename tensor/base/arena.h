// Arena: the only place that asks the system for memory.
//
//     chunk 0                         chunk 1 (asked for when chunk 0 was full)
//     [ a | b | c |.... free ....]    [ d | ..... free ..... ]
//                 ^ mark                    ^ used
//
// Allocation moves a pointer; nothing is freed alone. A mark remembers the pointer, release goes back to it. Chunks stay
// with the arena, so a loop that releases what it took asks the system for memory in its first turn only.
// Three lives: model (until exit), step (released per unit of work), scratch (one per thread, released per task).
//
// Running out of memory is not passed up through every layer: the handler that tools/main.c installs prints one sentence
// and exits 1. That is safe anywhere, because every file is written under a temporary name first.
#ifndef TENSOR_BASE_ARENA_H
#define TENSOR_BASE_ARENA_H

#include <stddef.h>

typedef struct ArenaChunk ArenaChunk;

typedef struct {
    const char *name;     // shown in messages and memory reports
    ArenaChunk *first;    // chunks in the order in which they are filled
    ArenaChunk *current;  // the chunk being filled
    size_t used;          // bytes handed out, over all chunks, holes included
    size_t peak;          // largest `used` so far
    size_t reserved;      // bytes asked from the system
    size_t chunk_bytes;   // least size of a new chunk
} Arena;

typedef struct {
    ArenaChunk *chunk;
    size_t chunk_used;
    size_t used;
} ArenaMark;

// Makes an empty arena; nothing is asked from the system until the first allocation. `name` must outlive the arena.
// `chunk_bytes` 0 means 1 MiB.
Arena arena_make(const char *name, size_t chunk_bytes);

// `bytes` bytes aligned to 64, contents undefined; never NULL (see arena_set_exhausted). Zero bytes give a valid pointer.
void *arena_alloc(Arena *arena, size_t bytes);

// count * size bytes, set to zero, the product checked for overflow.
void *arena_zeros(Arena *arena, size_t count, size_t size);

// A copy of `bytes` bytes of `data` with one NUL behind it: strings of known length.
char *arena_copy(Arena *arena, const void *data, size_t bytes);

// The array at `old` (`old_bytes` long, may be NULL) in a place of `new_bytes` bytes: extended where it stands if it was
// the last allocation, else copied. The old place is lost until release.
void *arena_grow(Arena *arena, void *old, size_t old_bytes, size_t new_bytes);

// Remembers the present end; release makes everything allocated since then invalid.
ArenaMark arena_mark(const Arena *arena);
void arena_release(Arena *arena, ArenaMark mark);

// Releases everything but keeps the chunks. If there were several, they are merged into one at the next allocation.
void arena_reset(Arena *arena);

// Gives all memory back to the system.
void arena_free(Arena *arena);

// Called with one sentence when the system or the cap refuses; must not return. Set once by main; without it: abort.
void arena_set_exhausted(void (*handler)(const char *sentence));

// Bytes that all arenas together may reserve (0: no cap): the option --memory. Also the total and its high-water mark.
void arena_set_cap(size_t bytes);
size_t arena_total_reserved(void);
size_t arena_peak_reserved(void);

#endif
