#include "tools/self_bleu.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tools/measure.h"
#include "tools/normal.h"

enum { ORDER_MAX = 8 };

// One distinct n-gram: where it first stood, how often it stands in the sequence that is read, and the two highest counts in sequences.
typedef struct {
    int place;  // of its first id; -1: a free entry
    int sequence, count;
    int most, second;  // counts in the sequence `holder`, and in the others
    int holder;
} Gram;

typedef struct {
    const int32_t *ids;
    int order;
    size_t mask;
    Gram *gram;
} GramTable;

// The entry of the n-gram at ids[place], a free one where it is new.
static Gram *find(const GramTable *t, int place) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int k = 0; k < t->order; k++) {
        hash = (hash ^ (uint32_t)t->ids[place + k]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    size_t at = (size_t)hash & t->mask, bytes = (size_t)t->order * sizeof *t->ids;
    while (t->gram[at].place >= 0 && memcmp(t->ids + t->gram[at].place, t->ids + place, bytes) != 0) at = (at + 1) & t->mask;
    return &t->gram[at];
}

// Files a finished count of a sequence under the two highest.
static void close_count(Gram *g) {
    if (g->count > g->most) {
        g->second = g->most;
        g->most = g->count;
        g->holder = g->sequence;
    } else if (g->count > g->second) {
        g->second = g->count;
    }
    g->count = 0;
}

// Counts every n-gram of every sequence.
static void count_grams(GramTable *t, const int *offset, int sequences) {
    for (size_t i = 0; i <= t->mask; i++) t->gram[i] = (Gram){.place = -1, .holder = -1};
    for (int s = 0; s < sequences; s++) {
        for (int i = offset[s]; i + t->order <= offset[s + 1]; i++) {
            Gram *g = find(t, i);
            if (g->place < 0) g->place = i;
            g->sequence = s;
            g->count++;
        }
        for (int i = offset[s]; i + t->order <= offset[s + 1]; i++) {
            Gram *g = find(t, i);
            if (g->count) close_count(g);
        }
    }
}

// Hits of sequence s among the others, each n-gram at most as often as the one that has it most often.
static int hits_of(const GramTable *t, const int *offset, int s) {
    int hits = 0;
    for (int i = offset[s]; i + t->order <= offset[s + 1]; i++) find(t, i)->count++;
    for (int i = offset[s]; i + t->order <= offset[s + 1]; i++) {
        Gram *g = find(t, i);
        int most = g->holder == s ? g->second : g->most;
        hits += g->count < most ? g->count : most;
        g->count = 0;
    }
    return hits;
}

static int by_length(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

// The nearest of n ascending lengths, one of which is that of the sequence itself and is passed over.
static int nearest(const int *length, int n, int own) {
    int best = -1;
    bool passed = false;
    for (int i = 0; i < n; i++) {
        if (length[i] == own && !passed) {
            passed = true;
            continue;
        }
        if (best < 0 || abs(length[i] - own) < abs(best - own)) best = length[i];
    }
    return best;
}

// Multiplies product[s] by precision^(1 / orders); by 0 where no id is in common.
static void multiply(double *product, GramTable *t, const int *offset, int sequences, int orders) {
    count_grams(t, offset, sequences);
    for (int s = 0; s < sequences; s++) {
        int length = offset[s + 1] - offset[s], grams = length < t->order ? 1 : length - t->order + 1, hits = hits_of(t, offset, s);
        if (length == 0) continue;
        double precision = hits ? (double)hits / grams : 0.1 / grams;
        product[s] *= t->order == 1 && hits == 0 ? 0 : pow_real_f64(precision, 1.0 / orders);
    }
}

double self_bleu(Arena *scratch, const int32_t *ids, const int *offset, int sequences, int order) {
    REQUIRE(order >= 1 && order <= ORDER_MAX && sequences >= 0, "self_bleu: order %d, %d sequences", order, sequences);
    ArenaMark mark = arena_mark(scratch);
    size_t room = 16;
    int texts = 0;
    while (room < 2 * (size_t)(sequences ? offset[sequences] - offset[0] : 0)) room *= 2;
    GramTable table = {.ids = ids, .mask = room - 1, .gram = arena_alloc(scratch, room * sizeof(Gram))};
    double *product = arena_alloc(scratch, (size_t)sequences * sizeof *product), sum = 0;
    int *length = arena_alloc(scratch, (size_t)sequences * sizeof *length);
    for (int s = 0; s < sequences; s++) {
        product[s] = 1;
        if (offset[s + 1] > offset[s]) length[texts++] = offset[s + 1] - offset[s];
    }
    qsort(length, (size_t)texts, sizeof *length, by_length);
    for (table.order = 1; table.order <= order; table.order++) multiply(product, &table, offset, sequences, order);
    for (int s = 0; s < sequences && texts > 1; s++) {
        int own = offset[s + 1] - offset[s];
        if (own == 0) continue;
        int reference = nearest(length, texts, own);
        sum += own < reference ? product[s] * normal_exponential(1 - (double)reference / own) : product[s];
    }
    arena_release(scratch, mark);
    return texts > 1 ? sum / texts : 0;
}

// ---- words

// A word of a text: where it stands among all words, and its bytes.
typedef struct {
    Text text;
    int place;
} Word;

static int by_text(const void *a, const void *b) {
    const Word *x = a, *y = b;
    int order = text_compare(x->text, y->text);
    return order ? order : x->place - y->place;
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The next word at or after *i; false at the end.
static bool next_word(Text text, size_t *i, Text *word) {
    while (*i < text.size && is_blank(text.data[*i])) ++*i;
    size_t begin = *i;
    while (*i < text.size && !is_blank(text.data[*i])) ++*i;
    *word = (Text){text.data + begin, *i - begin};
    return *i > begin;
}

double self_bleu_words(Arena *scratch, const Text *texts, int count, int order) {
    ArenaMark mark = arena_mark(scratch);
    int *offset = arena_alloc(scratch, ((size_t)count + 1) * sizeof *offset);
    int64_t words = 0;
    for (int t = 0; t < count; t++) words += measure_words(texts[t]);
    REQUIRE(count >= 0 && words < INT32_MAX / 4, "self_bleu_words: %d texts, %lld words", count, (long long)words);
    Word *word = arena_alloc(scratch, (size_t)words * sizeof *word);
    int32_t *ids = arena_alloc(scratch, ((size_t)words + 1) * sizeof *ids);
    int n = 0;
    offset[0] = 0;
    for (int t = 0; t < count; t++) {
        size_t at = 0;
        for (Text one; next_word(texts[t], &at, &one); n++) word[n] = (Word){one, n};
        offset[t + 1] = n;
    }
    // Equal words stand together once sorted, and get one number.
    qsort(word, (size_t)n, sizeof *word, by_text);
    for (int i = 0, number = 0; i < n; i++) {
        number += i > 0 && !text_equal(word[i].text, word[i - 1].text);
        ids[word[i].place] = number;
    }
    double value = self_bleu(scratch, ids, offset, count, order);
    arena_release(scratch, mark);
    return value;
}
