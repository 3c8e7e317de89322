// Tokens of the piece are a linked list over an array; candidates for merging wait in a heap ordered by (rank, position).
// A merge changes the two pairs around it; their old candidates stay in the heap and are recognised as stale when they
// come up, because every position remembers the rank of the pair that starts there now.
#include "llama/bpe.h"

typedef struct {
    int32_t id;
    int32_t before, after;  // neighbours in the list, -1 at the ends
    uint32_t rank;          // of the pair of this token and the next, or NO_RANK
} Symbol;

// Candidates as rank << 32 | position, smallest on top.
typedef struct {
    uint64_t *entry;
    size_t count;
} Heap;

static void heap_push(Heap *heap, uint64_t entry) {
    size_t at = heap->count++;
    for (; at > 0 && heap->entry[(at - 1) / 2] > entry; at = (at - 1) / 2) heap->entry[at] = heap->entry[(at - 1) / 2];
    heap->entry[at] = entry;
}

static uint64_t heap_pop(Heap *heap) {
    uint64_t top = heap->entry[0], last = heap->entry[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; at = child, child = 2 * at + 1) {
        if (child + 1 < heap->count && heap->entry[child + 1] < heap->entry[child]) child++;
        if (heap->entry[child] >= last) break;
        heap->entry[at] = heap->entry[child];
    }
    heap->entry[at] = last;
    return top;
}

// Looks up the pair that starts at a position and makes it a candidate.
static void consider(const Vocabulary *v, Symbol *symbol, Heap *heap, int32_t at) {
    int32_t next = symbol[at].after;
    symbol[at].rank = next < 0 ? NO_RANK : vocabulary_rank(v, symbol[at].id, symbol[next].id);
    if (symbol[at].rank != NO_RANK) heap_push(heap, (uint64_t)symbol[at].rank << 32 | (uint32_t)at);
}

// Merges n symbols until no candidate is left. The heap has room for 2 n entries: n - 1 at first, each of at most n - 1
// merges takes one and gives two.
static void merge_all(const Vocabulary *v, Symbol *symbol, Heap *heap, int32_t n) {
    for (int32_t i = 0; i + 1 < n; i++) consider(v, symbol, heap, i);
    while (heap->count) {
        uint64_t top = heap_pop(heap);
        int32_t at = (int32_t)(top & UINT32_MAX);
        uint32_t rank = (uint32_t)(top >> 32);
        if (symbol[at].rank != rank) continue;
        // Join the pair: the left symbol takes the new token, the right one leaves the list.
        int32_t gone = symbol[at].after;
        symbol[at].id = v->joined[rank];
        symbol[at].after = symbol[gone].after;
        symbol[gone].rank = NO_RANK;
        if (symbol[at].after >= 0) symbol[symbol[at].after].before = at;
        consider(v, symbol, heap, at);
        if (symbol[at].before >= 0) consider(v, symbol, heap, symbol[at].before);
    }
}

int bpe_encode(const Vocabulary *v, Arena *arena, Text piece, int32_t *ids) {
    enum { SHORT = 64 };
    Symbol short_symbols[SHORT];
    uint64_t short_entries[2 * SHORT];
    REQUIRE(piece.size <= INT32_MAX, "bpe_encode: piece of %zu bytes", piece.size);
    // Words fit the stack; longer pieces borrow from the arena.
    ArenaMark mark = arena_mark(arena);
    bool is_short = piece.size <= SHORT;
    Symbol *symbol = is_short ? short_symbols : arena_alloc(arena, piece.size * sizeof *symbol);
    Heap heap = {is_short ? short_entries : arena_alloc(arena, 2 * piece.size * sizeof *heap.entry), 0};
    // One symbol per byte.
    int32_t n = (int32_t)piece.size;
    for (int32_t i = 0; i < n; i++) {
        int32_t id = v->of_byte[(unsigned char)piece.data[i]];
        REQUIRE(id >= 0, "bpe_encode: byte 0x%02x has no token", (unsigned char)piece.data[i]);
        symbol[i] = (Symbol){id, i - 1, i + 1 < n ? i + 1 : -1, NO_RANK};
    }
    merge_all(v, symbol, &heap, n);
    int count = 0;
    for (int32_t i = n ? 0 : -1; i >= 0; i = symbol[i].after) ids[count++] = symbol[i].id;
    arena_release(arena, mark);
    return count;
}
