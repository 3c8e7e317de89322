// Formulas of measure.h. Sums run ascending; Dist-n counts through a hash table whose order never reaches a result.
#include "tools/measure.h"

#include <math.h>
#include <string.h>

#include "tensor/base/status.h"

MeasureInterval measure_wilson(int64_t successes, int64_t n, double z) {
    REQUIRE(n >= 1 && successes >= 0 && successes <= n && z >= 0,
            "measure_wilson: %lld of %lld, z %g", (long long)successes, (long long)n, z);
    // (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
    double count = (double)n, p = (double)successes / count, z2 = z * z;
    double centre = p + z2 / (2 * count);
    double half = z * sqrt(p * (1 - p) / count + z2 / (4 * count * count));
    double scale = 1 + z2 / count;
    MeasureInterval i = {(centre - half) / scale, (centre + half) / scale};
    // At 0 and n successes one end is exact; rounding must not push it outside.
    if (successes == 0 || i.low < 0) i.low = 0;
    if (successes == n || i.high > 1) i.high = 1;
    return i;
}

// Shared by single samples (b NULL) and paired ones: the mean first, then the squares around it.
static MeasureMean mean_of(const double *a, const double *b, int64_t n) {
    MeasureMean m = {.n = n};
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += b == NULL ? a[i] : a[i] - b[i];
    m.mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double d = (b == NULL ? a[i] : a[i] - b[i]) - m.mean;
        squares += d * d;
    }
    if (n > 1) m.deviation = sqrt(squares / (double)(n - 1));
    m.standard_error = m.deviation / sqrt((double)n);
    return m;
}

MeasureMean measure_mean(const double *x, int64_t n) {
    REQUIRE(n >= 1, "measure_mean: %lld values", (long long)n);
    return mean_of(x, NULL, n);
}

MeasureMean measure_paired(const double *a, const double *b, int64_t n) {
    REQUIRE(n >= 1, "measure_paired: %lld pairs", (long long)n);
    return mean_of(a, b, n);
}

MeasureInterval measure_normal(MeasureMean m, double z) {
    return (MeasureInterval){m.mean - z * m.standard_error, m.mean + z * m.standard_error};
}

// A set of n-grams: each entry is the index of the first of `order` codes; 0 marks a free place, so entries are index + 1.
typedef struct {
    const int32_t *code;
    int order;
    size_t mask;
    size_t *place;
} GramSet;

// Adds the n-gram at code[i]; false when an equal one is there.
static bool gram_add(GramSet *set, size_t i) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int k = 0; k < set->order; k++) {
        hash = (hash ^ (uint32_t)set->code[i + (size_t)k]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    size_t at = (size_t)hash & set->mask, bytes = (size_t)set->order * sizeof *set->code;
    for (; set->place[at] != 0; at = (at + 1) & set->mask)
        if (memcmp(set->code + set->place[at] - 1, set->code + i, bytes) == 0) return false;
    set->place[at] = i + 1;
    return true;
}

double measure_distinct_ids(Arena *scratch, const int32_t *ids, const int *offset, int sequences, int order) {
    REQUIRE(order >= 1 && order <= 8 && sequences >= 0, "measure_distinct_ids: order %d, %d sequences", order, sequences);
    // The number of n-grams, and a table at most half full.
    size_t total = 0, room = 16, distinct = 0;
    for (int s = 0; s < sequences; s++) {
        int length = offset[s + 1] - offset[s];
        if (length >= order) total += (size_t)(length - order + 1);
    }
    if (total == 0) return 0;
    while (room < 2 * total) room *= 2;
    ArenaMark mark = arena_mark(scratch);
    GramSet set = {.code = ids, .order = order, .mask = room - 1, .place = arena_zeros(scratch, room, sizeof(size_t))};
    for (int s = 0; s < sequences; s++)
        for (int i = offset[s]; i + order <= offset[s + 1]; i++) distinct += gram_add(&set, (size_t)i);
    arena_release(scratch, mark);
    return (double)distinct / (double)total;
}

// The next word at or after *i: its bytes; false at the end.
static bool next_word(Text text, size_t *i, Text *word) {
    while (*i < text.size && (text.data[*i] == ' ' || (text.data[*i] >= '\t' && text.data[*i] <= '\r'))) (*i)++;
    size_t begin = *i;
    while (*i < text.size && text.data[*i] != ' ' && !(text.data[*i] >= '\t' && text.data[*i] <= '\r')) (*i)++;
    *word = (Text){text.data + begin, *i - begin};
    return *i > begin;
}

int64_t measure_words(Text text) {
    size_t i = 0;
    int64_t n = 0;
    Text word;
    while (next_word(text, &i, &word)) n++;
    return n;
}

// Words by number: equal words get the number of their first occurrence.
typedef struct {
    Text *word;
    size_t *place;  // number + 1; 0 is free
    size_t mask;
    int32_t count;
} WordTable;

static int32_t word_number(WordTable *table, Text word) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < word.size; i++) hash = (hash ^ (unsigned char)word.data[i]) * 0x100000001b3u;
    size_t at = (size_t)(hash ^ hash >> 32) & table->mask;
    for (; table->place[at] != 0; at = (at + 1) & table->mask)
        if (text_equal(table->word[table->place[at] - 1], word)) return (int32_t)table->place[at] - 1;
    table->word[table->count] = word;
    table->place[at] = (size_t)table->count + 1;
    return table->count++;
}

double measure_distinct_words(Arena *scratch, const Text *texts, int count, int order) {
    REQUIRE(count >= 0, "measure_distinct_words: %d texts", count);
    ArenaMark mark = arena_mark(scratch);
    int *offset = arena_alloc(scratch, ((size_t)count + 1) * sizeof *offset);
    offset[0] = 0;
    int64_t words = 0;
    for (int t = 0; t < count; t++) {
        words += measure_words(texts[t]);
        REQUIRE(words < INT32_MAX, "measure_distinct_words: %lld words", (long long)words);
        offset[t + 1] = (int)words;
    }
    // Words become numbers, then n-grams of numbers are counted.
    size_t room = 16;
    while (room < 2 * (size_t)words) room *= 2;
    WordTable table = {.mask = room - 1};
    table.word = arena_alloc(scratch, (size_t)words * sizeof(Text));
    table.place = arena_zeros(scratch, room, sizeof(size_t));
    int32_t *ids = arena_alloc(scratch, (size_t)words * sizeof *ids);
    for (int t = 0, n = 0; t < count; t++) {
        size_t i = 0;
        Text word;
        while (next_word(texts[t], &i, &word)) ids[n++] = word_number(&table, word);
    }
    double share = measure_distinct_ids(scratch, ids, offset, count, order);
    arena_release(scratch, mark);
    return share;
}
