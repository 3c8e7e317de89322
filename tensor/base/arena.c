#include "tensor/base/arena.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "tensor/base/status.h"

enum { ARENA_ALIGN = 64, ARENA_DEFAULT_CHUNK = 1 << 20 };

struct ArenaChunk {
    ArenaChunk *next;
    size_t size;  // whole mapping, this header included
    size_t used;  // header included; always a multiple of ARENA_ALIGN
    char pad[ARENA_ALIGN - sizeof(ArenaChunk *) - 2 * sizeof(size_t)];
};

_Static_assert(sizeof(ArenaChunk) == ARENA_ALIGN, "the first byte behind the header is aligned");

static void (*exhausted_handler)(const char *);
static size_t cap_bytes;
static atomic_size_t total_reserved, peak_reserved;

void arena_set_exhausted(void (*handler)(const char *)) { exhausted_handler = handler; }
void arena_set_cap(size_t bytes) { cap_bytes = bytes; }
size_t arena_total_reserved(void) { return atomic_load(&total_reserved); }
size_t arena_peak_reserved(void) { return atomic_load(&peak_reserved); }

// One sentence to the handler; a handler that returns is a caller's mistake.
static _Noreturn void exhausted(const Arena *arena, size_t bytes, const char *reason) {
    char text[256];
    snprintf(text, sizeof text, "memory for '%s': %zu bytes more than the %zu in use: %s", arena->name, bytes,
             arena_total_reserved(), reason);
    if (exhausted_handler) exhausted_handler(text);
    REQUIRE(false, "%s", text);
}

static size_t round_up(const Arena *arena, size_t bytes, size_t to) {
    size_t sum;
    if (!checked_add(bytes, to - 1, &sum)) exhausted(arena, bytes, "the size is not a possible one");
    return sum / to * to;
}

// Asks the system for one chunk of at least `bytes` usable bytes.
static ArenaChunk *chunk_new(Arena *arena, size_t bytes) {
    size_t want = round_up(arena, bytes, ARENA_ALIGN);
    if (!checked_add(want, sizeof(ArenaChunk), &want)) exhausted(arena, bytes, "the size is not a possible one");
    if (want < arena->chunk_bytes) want = arena->chunk_bytes;
    want = round_up(arena, want, 4096);
    size_t total = atomic_fetch_add(&total_reserved, want) + want;
    if (cap_bytes && total > cap_bytes) {
        atomic_fetch_sub(&total_reserved, want);
        exhausted(arena, want, "the cap set by --memory would be passed");
    }
    void *map = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        atomic_fetch_sub(&total_reserved, want);
        exhausted(arena, want, "the system has no more");
    }
#ifdef MADV_HUGEPAGE
    if (want >= (size_t)8 << 20) madvise(map, want, MADV_HUGEPAGE);
#endif
    for (size_t peak = atomic_load(&peak_reserved); total > peak;)
        if (atomic_compare_exchange_weak(&peak_reserved, &peak, total)) break;
    ArenaChunk *chunk = map;
    chunk->next = NULL;
    chunk->size = want;
    chunk->used = sizeof(ArenaChunk);
    arena->reserved += want;
    return chunk;
}

static void chunks_unmap(Arena *arena) {
    for (ArenaChunk *chunk = arena->first, *next; chunk; chunk = next) {
        next = chunk->next;
        atomic_fetch_sub(&total_reserved, chunk->size);
        munmap(chunk, chunk->size);
    }
    arena->first = arena->current = NULL;
    arena->reserved = arena->used = 0;
}

Arena arena_make(const char *name, size_t chunk_bytes) {
    return (Arena){.name = name, .chunk_bytes = chunk_bytes ? chunk_bytes : ARENA_DEFAULT_CHUNK};
}

void *arena_alloc(Arena *arena, size_t bytes) {
    size_t need = round_up(arena, bytes ? bytes : 1, ARENA_ALIGN);
    // Walk on to the next kept chunk that has room; make one when there is none.
    while (arena->current == NULL || arena->current->size - arena->current->used < need) {
        ArenaChunk **link = arena->current ? &arena->current->next : &arena->first;
        if (*link == NULL) *link = chunk_new(arena, need);
        (*link)->used = sizeof(ArenaChunk);
        arena->current = *link;
    }
    void *place = (char *)arena->current + arena->current->used;
    arena->current->used += need;
    arena->used += need;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return place;
}

void *arena_zeros(Arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (!checked_mul(count, size, &bytes)) exhausted(arena, SIZE_MAX, "the size is not a possible one");
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

char *arena_copy(Arena *arena, const void *data, size_t bytes) {
    char *copy = arena_alloc(arena, bytes + 1);
    if (bytes) memcpy(copy, data, bytes);
    copy[bytes] = '\0';
    return copy;
}

void *arena_grow(Arena *arena, void *old, size_t old_bytes, size_t new_bytes) {
    if (old && arena->current) {
        // The last allocation ends where the chunk's used part ends: move that end.
        size_t held = round_up(arena, old_bytes ? old_bytes : 1, ARENA_ALIGN);
        size_t wanted = round_up(arena, new_bytes ? new_bytes : 1, ARENA_ALIGN);
        char *end = (char *)arena->current + arena->current->used;
        if (wanted >= held && (char *)old + held == end && arena->current->size - arena->current->used >= wanted - held) {
            arena->current->used += wanted - held;
            arena->used += wanted - held;
            if (arena->used > arena->peak) arena->peak = arena->used;
            return old;
        }
    }
    void *place = arena_alloc(arena, new_bytes);
    if (old) memcpy(place, old, old_bytes < new_bytes ? old_bytes : new_bytes);
    return place;
}

ArenaMark arena_mark(const Arena *arena) {
    return (ArenaMark){arena->current, arena->current ? arena->current->used : 0, arena->used};
}

void arena_release(Arena *arena, ArenaMark mark) {
    arena->current = mark.chunk;
    if (mark.chunk) mark.chunk->used = mark.chunk_used;
    arena->used = mark.used;
}

void arena_reset(Arena *arena) {
    // Several chunks become one that holds the peak, so that the next turn never walks.
    if (arena->first && arena->first->next) {
        size_t peak = arena->peak;
        chunks_unmap(arena);
        arena->first = chunk_new(arena, peak + peak / 8);
    }
    arena->current = NULL;
    arena->used = 0;
}

void arena_free(Arena *arena) { chunks_unmap(arena); }
