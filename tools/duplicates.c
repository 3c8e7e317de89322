#include "tools/duplicates.h"

#include <string.h>

#include "llama/unicode.h"
#include "tensor/base/sha256.h"

const char *const DUPLICATE_NAMES[DUPLICATE_KINDS] = {"exact", "normalised", "near"};

// ---- words

uint32_t duplicates_fold(uint32_t c) {
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) || (c >= 0x410 && c <= 0x42F)) return c + 32;
    if (c >= 0x400 && c <= 0x40F) return c + 80;
    // Pairs of neighbours, the capital one even or odd.
    if ((c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177) || (c >= 0x1E00 && c <= 0x1E95)) return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return c + (c & 1);
    return c;
}

static bool is_space(uint32_t c) { return c < 0x80 ? c == ' ' || (c >= '\t' && c <= '\r') : (unicode_class(c) & UNICODE_SPACE) != 0; }

static bool is_word(uint32_t c) {
    if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return (unicode_class(c) & (UNICODE_LETTER | UNICODE_NUMBER | UNICODE_NUMERIC)) != 0;
}

// Scripts without blanks between words: Thai to Khmer, and what East Asia writes.
static bool is_alone(uint32_t c) {
    return (c >= 0xE00 && c <= 0xEFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF) || (c >= 0x2E80 && c <= 0xD7FF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

static uint32_t mix_word(uint32_t hash, uint32_t c) { return (hash ^ c) * 0x01000193u; }

// The next code point, and its bytes; a byte that is none stands for itself.
static size_t next_point(Text text, size_t i, uint32_t *c) {
    *c = (unsigned char)text.data[i];
    if (*c < 0x80) return 1;
    int n = utf8_decode(text.data + i, text.size - i, c);
    return n > 0 ? (size_t)n : 1;
}

// Bytes of a turn marker that begins here; 0: none does.
static size_t marker_at(const Duplicates *d, Text text, size_t i) {
    for (int m = 0; m < 2; m++)
        if (d->marker[m].size && text.data[i] == d->marker[m].data[0] && text_begins((Text){text.data + i, text.size - i}, d->marker[m]))
            return d->marker[m].size;
    return 0;
}

// Word hashes of a text, at most one a byte.
static int32_t take_words(const Duplicates *d, uint32_t *out, Text text) {
    static const uint32_t BEGIN = 0x811C9DC5u;
    uint32_t hash = BEGIN, c;
    int32_t n = 0;
    for (size_t i = 0; i < text.size;) {
        size_t skipped = marker_at(d, text, i), bytes = skipped ? skipped : next_point(text, i, &c);
        bool inside = !skipped && is_word(c), alone = inside && is_alone(c);
        // A word ends before what is none, and around a character that is one by itself.
        if ((!inside || alone) && hash != BEGIN) out[n++] = hash, hash = BEGIN;
        if (inside) hash = mix_word(hash, duplicates_fold(c));
        if (alone) out[n++] = hash, hash = BEGIN;
        i += bytes;
    }
    if (hash != BEGIN) out[n++] = hash;
    return n;
}

// SHA-256 of the text with case folded and runs of white space as one blank, none at the ends.
static void hash_normalised(uint8_t out[16], Text text, char *room) {
    size_t n = 0;
    uint8_t digest[32];
    uint32_t c;
    bool gap = false;
    for (size_t i = 0; i < text.size;) {
        size_t bytes = next_point(text, i, &c);
        if (is_space(c)) {
            gap = n > 0;
        } else {
            if (gap) room[n++] = ' ';
            gap = false;
            n += (size_t)utf8_encode(duplicates_fold(c), room + n);
        }
        i += bytes;
    }
    Sha256 hash;
    sha256_begin(&hash);
    sha256_feed(&hash, room, n);
    sha256_end(&hash, digest);
    memcpy(out, digest, 16);
}

// ---- the collection

Duplicates duplicates_make(int ngram, double least, Text human, Text assistant) {
    REQUIRE(ngram >= 2 && ngram <= 64 && least > 0 && least <= 1, "duplicates: %d words, share %g", ngram, least);
    return (Duplicates){
        .ngram = ngram, .least = least, .marker = {human, assistant}, .words = arena_make("words", 0), .list = arena_make("texts", 0)};
}

void duplicates_add(Duplicates *d, Text text, int group) {
    REQUIRE(d->count < DUPLICATE_TEXTS_MAX, "duplicates: more than %d texts", DUPLICATE_TEXTS_MAX);
    REQUIRE(group >= 0 && group < DUPLICATE_GROUPS_MAX && (d->count == 0 || group >= d->text[d->count - 1].group), "duplicates: group %d",
            group);
    if (d->count == d->room) {
        int32_t room = d->room ? 2 * d->room : 1024;
        d->text = arena_grow(&d->list, d->text, (size_t)d->room * sizeof *d->text, (size_t)room * sizeof *d->text);
        d->room = room;
    }
    DuplicateText *t = &d->text[d->count++];
    *t = (DuplicateText){.group = group};
    Sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    sha256_feed(&hash, text.data, text.size);
    sha256_end(&hash, digest);
    memcpy(t->exact, digest, 16);
    // Folding never makes a text longer than four bytes for one; the room is given back, but for the words.
    ArenaMark mark = arena_mark(&d->words);
    hash_normalised(t->normalised, text, arena_alloc(&d->words, 4 * text.size + 4));
    arena_release(&d->words, mark);
    mark = arena_mark(&d->words);
    uint32_t *word = arena_alloc(&d->words, (text.size + 1) * sizeof *word);
    t->words = take_words(d, word, text);
    arena_release(&d->words, mark);
    // The same place again, as long as it is needed.
    t->word = arena_alloc(&d->words, (size_t)t->words * sizeof *word);
    if (t->word != word) memmove(t->word, word, (size_t)t->words * sizeof *word);
}

void duplicates_end(Duplicates *d) {
    arena_free(&d->words);
    arena_free(&d->list);
    d->text = NULL;
    d->count = d->room = 0;
}

// ---- sorting

// Sorts ascending; `work` holds n.
static void sort_keys(uint64_t *key, uint64_t *work, size_t n) {
    if (n < 64) {
        for (size_t i = 1; i < n; i++) {
            uint64_t k = key[i];
            size_t at = i;
            for (; at > 0 && key[at - 1] > k; at--) key[at] = key[at - 1];
            key[at] = k;
        }
        return;
    }
    // By bytes, the lowest first; a byte that all keys share is passed over.
    uint64_t *from = key, *to = work;
    for (int shift = 0; shift < 64; shift += 8) {
        size_t start[257] = {0};
        for (size_t i = 0; i < n; i++) start[(from[i] >> shift & 255) + 1]++;
        if (start[(from[0] >> shift & 255) + 1] == n) continue;
        for (int b = 0; b < 256; b++) start[b + 1] += start[b];
        for (size_t i = 0; i < n; i++) to[start[from[i] >> shift & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != key) memcpy(key, from, n * sizeof *key);
}

// ---- what was found

typedef struct {
    Duplicates *d;
    Arena arena;        // lists by text; what is found
    uint64_t *matched;  // by text: the groups in which it has a match
    Duplicate *found;
    size_t count, room;
} Finder;

static void note(Finder *f, int32_t text, int32_t match, DuplicateKind kind, double share) {
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 256;
        f->found = arena_grow(&f->arena, f->found, f->room * sizeof *f->found, room * sizeof *f->found);
        f->room = room;
    }
    f->found[f->count++] = (Duplicate){text, match, kind, share};
    f->matched[text] |= (uint64_t)1 << f->d->text[match].group;
}

static bool has_match(const Finder *f, int32_t text, int group) { return f->matched[text] >> group & 1; }

// Hands everything out by text, then by the match's group.
static void hand_out(Finder *f, void (*take)(void *, const Duplicate *), void *context) {
    uint64_t *key = arena_alloc(&f->arena, (f->count + 1) * sizeof *key), *work = arena_alloc(&f->arena, (f->count + 1) * sizeof *key);
    for (size_t i = 0; i < f->count; i++)
        key[i] = (uint64_t)f->found[i].text << 40 | (uint64_t)f->d->text[f->found[i].match].group << 34 | i;
    sort_keys(key, work, f->count);
    for (size_t i = 0; i < f->count; i++) take(context, &f->found[key[i] & (((uint64_t)1 << 34) - 1)]);
}

// ---- equal texts

static const uint8_t *digest_of(const DuplicateText *t, bool normalised) { return normalised ? t->normalised : t->exact; }

// Whether text a comes before text b: by digest, then by index.
static bool comes_before(const Duplicates *d, bool normalised, int32_t a, int32_t b) {
    int order = memcmp(digest_of(&d->text[a], normalised), digest_of(&d->text[b], normalised), 16);
    return order ? order < 0 : a < b;
}

// Bottom-up merge sort of the texts; returns the one of both arrays that holds the result.
static int32_t *sort_texts(const Duplicates *d, bool normalised, int32_t *order, int32_t *work) {
    size_t n = (size_t)d->count;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t low = 0; low < n; low += 2 * width) {
            size_t middle = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n, i = low, j = middle;
            for (size_t k = low; k < high; k++)
                work[k] = i < middle && (j == high || comes_before(d, normalised, order[i], order[j])) ? order[i++] : order[j++];
        }
        int32_t *swap = order;
        order = work;
        work = swap;
    }
    return order;
}

// Texts with one digest: each repeats the first of every group before it.
static void find_equal(Finder *f, bool normalised) {
    Duplicates *d = f->d;
    ArenaMark mark = arena_mark(&d->list);
    int32_t *order = arena_alloc(&d->list, (size_t)d->count * sizeof *order),
            *work = arena_alloc(&d->list, (size_t)d->count * sizeof *work);
    for (int32_t i = 0; i < d->count; i++) order[i] = i;
    order = sort_texts(d, normalised, order, work);
    int32_t first[DUPLICATE_GROUPS_MAX];
    int firsts = 0;
    for (int32_t k = 0; k < d->count; k++) {
        DuplicateText *t = &d->text[order[k]];
        bool same = k > 0 && memcmp(digest_of(t, normalised), digest_of(&d->text[order[k - 1]], normalised), 16) == 0;
        if (!same) firsts = 0;
        for (int g = 0; g < firsts; g++)
            if (!has_match(f, order[k], d->text[first[g]].group))
                note(f, order[k], first[g], normalised ? DUPLICATE_NORMALISED : DUPLICATE_EXACT, 1);
        // Groups never fall, so the last of the firsts is this text's group or an earlier one.
        if (firsts == 0 || d->text[first[firsts - 1]].group != t->group) first[firsts++] = order[k];
        if (normalised) t->shown = first[firsts - 1];
    }
    arena_release(&d->list, mark);
}

// ---- near texts

enum { GRAM_BITS = 40, TEXT_BITS = 24 };

static uint64_t mix_gram(uint64_t h) {
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
    h = (h ^ h >> 27) * 0x94D049BB133111EBu;
    return (h ^ h >> 31) >> (64 - GRAM_BITS);
}

// Hashes of a text's n-grams in their order; a shorter text is one. Returns their number.
static size_t take_grams(const Duplicates *d, const DuplicateText *t, uint64_t *out) {
    static const uint64_t BASE = 0x9E3779B97F4A7C15u;
    uint64_t hash = 0, leaving = 1;
    int32_t n = t->words < d->ngram ? t->words : d->ngram;
    size_t count = 0;
    for (int32_t i = 0; i < n; i++) leaving *= BASE;
    for (int32_t i = 0; i < t->words; i++) {
        // The polynomial of the last n words: one enters, one leaves.
        hash = hash * BASE + t->word[i] + 1;
        if (i >= n) hash -= leaving * (t->word[i - n] + 1);
        if (i >= n - 1) out[count++] = mix_gram(hash + (uint64_t)n);
    }
    return count;
}

typedef struct {
    Finder *f;
    uint64_t *gram, *work;   // of one text
    uint64_t *once, *twice;  // bits by hash: seen, seen again
    uint64_t mask;
    uint64_t *posting;  // hash << 24 | text, sorted
    size_t postings;
    int32_t *grams;             // by text: distinct n-grams that are no stock phrases
    uint32_t *start, *list;     // by text: its place in the list; begins of the runs of postings that it is in
    int32_t *shared, *touched;  // by text: n-grams in common with the present one; which these are
} Near;

static bool get_bit(const uint64_t *bits, uint64_t i) { return bits[i / 64] >> (i % 64) & 1; }
static void set_bit(uint64_t *bits, uint64_t i) { bits[i / 64] |= (uint64_t)1 << (i % 64); }

static bool is_shown(const Duplicates *d, int32_t i) { return d->text[i].shown == i; }

// Marks every n-gram as seen or seen again. Returns no less than the number of those that stand in two texts: each time that one is seen
// again counts for itself and for a first time.
static size_t mark_grams(Near *near, Arena *arena) {
    const Duplicates *d = near->f->d;
    size_t most = 1, all = 0, again = 0, bits = 1 << 16;
    for (int32_t i = 0; i < d->count; i++) {
        size_t words = (size_t)d->text[i].words;
        if (words > most) most = words;
        all += words;
    }
    while (bits < 8 * all) bits *= 2;
    near->mask = bits - 1;
    near->gram = arena_alloc(arena, most * sizeof *near->gram);
    near->work = arena_alloc(arena, most * sizeof *near->work);
    near->once = arena_zeros(arena, bits / 64, sizeof *near->once);
    near->twice = arena_zeros(arena, bits / 64, sizeof *near->twice);
    for (int32_t i = 0; i < d->count; i++) {
        if (!is_shown(d, i)) continue;
        size_t n = take_grams(d, &d->text[i], near->gram);
        for (size_t k = 0; k < n; k++) {
            uint64_t at = near->gram[k] & near->mask;
            bool seen = get_bit(near->once, at);
            set_bit(seen ? near->twice : near->once, at);
            again += seen;
        }
    }
    return 2 * again;
}

// Postings of the distinct n-grams that may stand in two texts, sorted by n-gram and text.
static void take_postings(Near *near, Arena *arena) {
    Duplicates *d = near->f->d;
    for (int32_t i = 0; i < d->count; i++) {
        if (!is_shown(d, i)) continue;
        size_t n = take_grams(d, &d->text[i], near->gram);
        sort_keys(near->gram, near->work, n);
        for (size_t k = 0; k < n; k++) {
            if (k > 0 && near->gram[k] == near->gram[k - 1]) continue;
            near->grams[i]++;
            d->grams++;
            if (get_bit(near->twice, near->gram[k] & near->mask))
                near->posting[near->postings++] = near->gram[k] << TEXT_BITS | (uint64_t)i;
        }
    }
    ArenaMark mark = arena_mark(arena);
    sort_keys(near->posting, arena_alloc(arena, (near->postings + 1) * sizeof *near->posting), near->postings);
    arena_release(arena, mark);
}

static int32_t text_in(const Near *near, size_t p) { return (int32_t)(near->posting[p] & ((1u << TEXT_BITS) - 1)); }

// The end of the run of postings of one n-gram.
static size_t run_end(const Near *near, size_t begin) {
    size_t end = begin + 1;
    while (end < near->postings && near->posting[end] >> TEXT_BITS == near->posting[begin] >> TEXT_BITS) end++;
    return end;
}

// For each text the runs that it is in; stock phrases are taken from its n-grams.
static void list_runs(Near *near, Arena *arena) {
    Duplicates *d = near->f->d;
    near->start = arena_zeros(arena, (size_t)d->count + 2, sizeof *near->start);
    near->list = arena_alloc(arena, (near->postings + 1) * sizeof *near->list);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t begin = 0, end; begin < near->postings; begin = end) {
            end = run_end(near, begin);
            bool stock = end - begin > DUPLICATE_STOCK;
            if (pass == 0) d->stock += stock;
            for (size_t p = begin; p < end && end - begin > 1; p++) {
                int32_t i = text_in(near, p);
                if (pass == 0 && stock)
                    near->grams[i]--;
                else if (pass == 0)
                    near->start[i + 2]++;
                else if (!stock)
                    near->list[near->start[i + 1]++] = (uint32_t)begin;
            }
        }
        // Counts become places; filling moves each on to where the next text's begins.
        for (int32_t i = 0; i < d->count && pass == 0; i++) near->start[i + 2] += near->start[i + 1];
    }
}

// The best match of text i in each group, by n-grams in common.
static void find_near_of(Near *near, int32_t i) {
    Finder *f = near->f;
    const Duplicates *d = f->d;
    double best[DUPLICATE_GROUPS_MAX] = {0};
    int32_t match[DUPLICATE_GROUPS_MAX];
    int32_t touched = 0;
    for (uint32_t k = near->start[i]; k < near->start[i + 1]; k++)
        for (size_t p = near->list[k]; text_in(near, p) < i; p++) {
            int32_t j = text_in(near, p);
            if (near->shared[j]++ == 0) near->touched[touched++] = j;
        }
    for (int32_t t = 0; t < touched; t++) {
        int32_t j = near->touched[t], group = d->text[j].group, fewer = near->grams[i] < near->grams[j] ? near->grams[i] : near->grams[j];
        double share = (double)near->shared[j] / fewer;
        near->shared[j] = 0;
        if (share < d->least || share < best[group] || (share == best[group] && j > match[group])) continue;
        best[group] = share;
        match[group] = j;
    }
    for (int g = 0; g <= d->text[i].group; g++)
        if (best[g] > 0 && !has_match(f, i, g)) note(f, i, match[g], DUPLICATE_NEAR, best[g]);
}

static void find_near(Finder *f) {
    Duplicates *d = f->d;
    Near near = {.f = f};
    Arena arena = arena_make("n-grams", 0);
    size_t again = mark_grams(&near, &arena);
    REQUIRE(again < UINT32_MAX, "duplicates: %zu n-grams in common", again);
    near.posting = arena_alloc(&arena, (again + 1) * sizeof *near.posting);
    near.grams = arena_zeros(&arena, (size_t)d->count + 1, sizeof *near.grams);
    near.shared = arena_zeros(&arena, (size_t)d->count + 1, sizeof *near.shared);
    near.touched = arena_alloc(&arena, ((size_t)d->count + 1) * sizeof *near.touched);
    take_postings(&near, &arena);
    list_runs(&near, &arena);
    // Of a text that has equals in its group the first is compared; the others get what it got. begin[i]: where that stands.
    size_t *begin = arena_alloc(&arena, ((size_t)d->count + 1) * sizeof *begin),
           *end = arena_alloc(&arena, ((size_t)d->count + 1) * sizeof *end);
    for (int32_t i = 0; i < d->count; i++) {
        begin[i] = f->count;
        if (is_shown(d, i)) find_near_of(&near, i);
        end[i] = f->count;
        int32_t shown = d->text[i].shown;
        for (size_t k = begin[shown]; shown != i && k < end[shown]; k++) {
            Duplicate same = f->found[k];
            if (!has_match(f, i, d->text[same.match].group)) note(f, i, same.match, same.kind, same.share);
        }
    }
    arena_free(&arena);
}

void duplicates_find(Duplicates *d, void (*take)(void *context, const Duplicate *found), void *context) {
    if (d->count == 0) return;
    Finder f = {.d = d, .arena = arena_make("duplicates", 0)};
    f.matched = arena_zeros(&f.arena, (size_t)d->count, sizeof *f.matched);
    d->grams = d->stock = 0;
    find_equal(&f, false);
    find_equal(&f, true);
    find_near(&f);
    hand_out(&f, take, context);
    arena_free(&f.arena);
}
