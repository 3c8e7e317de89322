// Pieces are counted once each and held as lists of token ids. A pair remembers its count and in which pieces it may stand; a
// merge visits these pieces alone and changes the counts of the pairs around it. A heap holds a candidate for every pair at its
// count when it was pushed: counts that fell since are put right when they come up.
#include "tools/bpe_train.h"

#include <string.h>

#include "llama/vocabulary.h"
#include "tools/tokenizer_text.h"

// Distinct texts, numbered in the order in which they came.
typedef struct {
    Text *text;
    size_t count, capacity;
    uint32_t *slot;  // [slots] number + 1 at the hash, 0: empty
    size_t slots;    // a power of two
} TextSet;

typedef struct {
    int64_t count;    // occurrences in the texts
    int32_t *symbol;  // token ids, filled in by bpe_train_merge
    int32_t length;
} Piece;

enum { BLOCK_PIECES = 13 };
typedef struct PieceBlock {
    struct PieceBlock *next;
    int32_t n, piece[BLOCK_PIECES];
} PieceBlock;

typedef struct {
    int32_t left, right;
    int64_t count;       // occurrences now
    int64_t queued;      // highest count that waits in the heap
    PieceBlock *pieces;  // where it may occur: more often than needed, never less
    bool merged, noted;  // has its merge; is in `grown`
} Pair;

typedef struct {
    int64_t count;
    uint32_t pair;
} Candidate;

typedef struct {
    int32_t left, right;
} Joined;

struct BpeTrainer {
    Arena *arena;
    Pretoken rule;
    uint64_t bytes;
    TextSet text;  // pieces
    Piece *piece;  // beside text
    size_t piece_capacity;
    TextSet token;  // bytes of each token
    Joined *merge;
    size_t merges, merge_capacity;
    TextSet pair_key;  // both ids of a pair
    Pair *pair;        // beside pair_key
    size_t pair_capacity;
    Candidate *heap;
    size_t heap_count, heap_capacity;
    uint32_t *grown;  // pairs whose count rose in the present merge
    size_t grown_count, grown_capacity;
};

// Makes room for one more element of an array.
static void *room(Arena *arena, void *array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return array;
    size_t wanted = *capacity ? 2 * *capacity : 1024;
    array = arena_grow(arena, array, *capacity * size, wanted * size);
    *capacity = wanted;
    return array;
}

static uint64_t hash_text(Text text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.size; i++) hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

// The number of a text, which is added when it is new.
static uint32_t set_number(TextSet *set, Arena *arena, Text text) {
    // At most half full.
    if (2 * set->count >= set->slots) {
        set->slots = set->slots ? 2 * set->slots : 4096;
        set->slot = arena_zeros(arena, set->slots, sizeof *set->slot);
        for (size_t i = 0; i < set->count; i++) {
            size_t at = hash_text(set->text[i]) & (set->slots - 1);
            while (set->slot[at]) at = (at + 1) & (set->slots - 1);
            set->slot[at] = (uint32_t)i + 1;
        }
    }
    size_t at = hash_text(text) & (set->slots - 1);
    for (; set->slot[at]; at = (at + 1) & (set->slots - 1))
        if (text_equal(set->text[set->slot[at] - 1], text)) return set->slot[at] - 1;
    REQUIRE(set->count < INT32_MAX, "bpe_train: more than %d distinct pieces", INT32_MAX);
    set->text = room(arena, set->text, set->count, &set->capacity, sizeof *set->text);
    set->text[set->count] = text_copy(arena, text);
    set->slot[at] = (uint32_t)++set->count;
    return set->slot[at] - 1;
}

BpeTrainer *bpe_train_make(Arena *arena, const Pretoken *rule) {
    BpeTrainer *t = arena_zeros(arena, 1, sizeof *t);
    t->arena = arena;
    t->rule = *rule;
    return t;
}

void bpe_train_add(BpeTrainer *t, Text text) {
    PretokenCursor cursor = pretoken_begin(&t->rule, text);
    for (Text piece; pretoken_next(&cursor, &piece);) {
        size_t known = t->text.count;
        uint32_t number = set_number(&t->text, t->arena, piece);
        if (number == known) {
            t->piece = room(t->arena, t->piece, known, &t->piece_capacity, sizeof *t->piece);
            t->piece[number] = (Piece){0};
        }
        t->piece[number].count++;
    }
    t->bytes += text.size;
}

uint64_t bpe_train_bytes(const BpeTrainer *t) { return t->bytes; }
size_t bpe_train_pieces(const BpeTrainer *t) { return t->text.count; }

// ---- pairs

// The number of a pair, which is added when it is new.
static uint32_t pair_number(BpeTrainer *t, int32_t left, int32_t right) {
    int32_t key[2] = {left, right};
    size_t known = t->pair_key.count;
    uint32_t number = set_number(&t->pair_key, t->arena, (Text){(const char *)key, sizeof key});
    if (number == known) {
        t->pair = room(t->arena, t->pair, known, &t->pair_capacity, sizeof *t->pair);
        t->pair[number] = (Pair){.left = left, .right = right};
    }
    return number;
}

// Changes the count of a pair by what happened in one piece; a pair that grew is noted with the piece.
static void change(BpeTrainer *t, int32_t left, int32_t right, int64_t by, int32_t piece) {
    uint32_t number = pair_number(t, left, right);
    Pair *pair = &t->pair[number];
    pair->count += by;
    if (by < 0) return;
    if (!pair->noted) {
        pair->noted = true;
        t->grown = room(t->arena, t->grown, t->grown_count, &t->grown_capacity, sizeof *t->grown);
        t->grown[t->grown_count++] = number;
    }
    PieceBlock *block = pair->pieces;
    if (block && block->piece[block->n - 1] == piece) return;
    if (block == NULL || block->n == BLOCK_PIECES) {
        block = arena_alloc(t->arena, sizeof *block);
        *block = (PieceBlock){.next = pair->pieces};
        pair->pieces = block;
    }
    block->piece[block->n++] = piece;
}

// ---- the heap: the highest count, then the smallest ids, on top

static bool goes_before(const BpeTrainer *t, Candidate a, Candidate b) {
    if (a.count != b.count) return a.count > b.count;
    const Pair *x = &t->pair[a.pair], *y = &t->pair[b.pair];
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static void push(BpeTrainer *t, uint32_t pair) {
    t->pair[pair].queued = t->pair[pair].count;
    t->heap = room(t->arena, t->heap, t->heap_count, &t->heap_capacity, sizeof *t->heap);
    Candidate c = {t->pair[pair].count, pair};
    size_t at = t->heap_count++;
    for (; at > 0 && goes_before(t, c, t->heap[(at - 1) / 2]); at = (at - 1) / 2) t->heap[at] = t->heap[(at - 1) / 2];
    t->heap[at] = c;
}

static Candidate pop(BpeTrainer *t) {
    Candidate top = t->heap[0], last = t->heap[--t->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < t->heap_count; at = child, child = 2 * at + 1) {
        if (child + 1 < t->heap_count && goes_before(t, t->heap[child + 1], t->heap[child])) child++;
        if (!goes_before(t, t->heap[child], last)) break;
        t->heap[at] = t->heap[child];
    }
    t->heap[at] = last;
    return top;
}

// Pushes the pairs that grew.
static void push_grown(BpeTrainer *t) {
    for (size_t i = 0; i < t->grown_count; i++) {
        Pair *pair = &t->pair[t->grown[i]];
        pair->noted = false;
        if (pair->count > pair->queued) push(t, t->grown[i]);
    }
    t->grown_count = 0;
}

// The pair that occurs most often now; false when none is left.
static bool best_pair(BpeTrainer *t, uint32_t *pair) {
    while (t->heap_count) {
        Candidate c = pop(t);
        Pair *p = &t->pair[c.pair];
        if (c.count != p->queued) continue;
        p->queued = 0;
        if (p->count == c.count) {
            *pair = c.pair;
            return true;
        }
        if (p->count > 0) push(t, c.pair);
    }
    return false;
}

// ---- merging

// Every piece as the ids of its bytes, every pair counted.
static void count_pairs(BpeTrainer *t, const int32_t id_of[256]) {
    size_t total = 0;
    for (size_t i = 0; i < t->text.count; i++) total += t->text.text[i].size;
    int32_t *symbol = arena_alloc(t->arena, total * sizeof *symbol);
    for (size_t i = 0; i < t->text.count; i++) {
        Text text = t->text.text[i];
        REQUIRE(text.size <= INT32_MAX, "bpe_train: piece of %zu bytes", text.size);
        t->piece[i].symbol = symbol;
        t->piece[i].length = (int32_t)text.size;
        for (size_t k = 0; k < text.size; k++) symbol[k] = id_of[(unsigned char)text.data[k]];
        for (size_t k = 1; k < text.size; k++) change(t, symbol[k - 1], symbol[k], t->piece[i].count, (int32_t)i);
        symbol += text.size;
    }
    push_grown(t);
}

// Joins a pair in one piece, from the left: what stood beside it stands beside the joined token now.
static void join_in_piece(BpeTrainer *t, int32_t left, int32_t right, int32_t joined, int32_t number) {
    Piece *p = &t->piece[number];
    int32_t n = 0;
    for (int32_t at = 0; at < p->length; at++) {
        int32_t *s = p->symbol;
        if (s[at] != left || at + 1 == p->length || s[at + 1] != right) {
            s[n++] = s[at];
            continue;
        }
        if (n > 0) {
            change(t, s[n - 1], left, -p->count, number);
            change(t, s[n - 1], joined, p->count, number);
        }
        if (at + 2 < p->length) {
            change(t, right, s[at + 2], -p->count, number);
            change(t, joined, s[at + 2], p->count, number);
        }
        s[n++] = joined;
        at++;
    }
    p->length = n;
}

// The number of the token that a pair makes; two pairs may make the same.
static int32_t joined_token(BpeTrainer *t, int32_t left, int32_t right) {
    Text a = t->token.text[left], b = t->token.text[right];
    char *bytes = arena_alloc(t->arena, a.size + b.size);
    memcpy(bytes, a.data, a.size);
    memcpy(bytes + a.size, b.data, b.size);
    return (int32_t)set_number(&t->token, t->arena, (Text){bytes, a.size + b.size});
}

int bpe_train_merge(BpeTrainer *t, int tokens) {
    REQUIRE(tokens >= 256 && t->token.count == 0, "bpe_train_merge: %d tokens, %zu before", tokens, t->token.count);
    // The bytes, in the order of their letters.
    int32_t id_of[256];
    for (uint32_t letter = 0; t->token.count < 256; letter++) {
        int byte = vocabulary_byte_of_letter(letter);
        if (byte < 0) continue;
        char one = (char)byte;
        id_of[byte] = (int32_t)set_number(&t->token, t->arena, (Text){&one, 1});
    }
    count_pairs(t, id_of);

    for (uint32_t number; t->token.count < (size_t)tokens && best_pair(t, &number);) {
        int32_t left = t->pair[number].left, right = t->pair[number].right, joined = joined_token(t, left, right);
        // A pair that comes back (its token was made in another way too) has its merge already.
        if (!t->pair[number].merged) {
            t->merge = room(t->arena, t->merge, t->merges, &t->merge_capacity, sizeof *t->merge);
            t->merge[t->merges++] = (Joined){left, right};
        }
        PieceBlock *block = t->pair[number].pieces;
        t->pair[number].pieces = NULL;
        for (; block; block = block->next)
            for (int32_t i = 0; i < block->n; i++) join_in_piece(t, left, right, joined, block->piece[i]);
        t->pair[number].merged = true;
        t->pair[number].count = 0;
        push_grown(t);
    }
    return (int)t->token.count;
}

// ---- tokenizer.json

// A token in the byte alphabet.
static Text letters_of(Arena *arena, Text bytes) {
    Str s = str_make(arena);
    for (size_t i = 0; i < bytes.size; i++) {
        char letter[4];
        int n = utf8_encode(vocabulary_letter_of_byte((unsigned char)bytes.data[i]), letter);
        str_append(&s, (Text){letter, (size_t)n});
    }
    return str_text(&s);
}

void bpe_train_write(Str *json, const BpeTrainer *t, const Text *special, int n) {
    TokenizerText text = {.rule = t->rule, .tokens = (size_t)n + t->token.count, .n_added = (size_t)n, .merges = t->merges};
    text.token = arena_alloc(t->arena, text.tokens * sizeof *text.token);
    text.added = arena_alloc(t->arena, text.n_added * sizeof *text.added);
    text.merge = arena_alloc(t->arena, text.merges * sizeof *text.merge);
    // Special tokens, then what was learned.
    for (size_t i = 0; i < text.tokens; i++)
        text.token[i] = i < text.n_added ? special[i] : letters_of(t->arena, t->token.text[i - text.n_added]);
    for (int i = 0; i < n; i++) text.added[i] = (AddedText){.id = i, .special = true};
    for (size_t i = 0; i < t->merges; i++)
        text.merge[i] = (MergeText){text.token[n + t->merge[i].left], text.token[n + t->merge[i].right]};
    tokenizer_text_json(json, &text);
}
