// Texts that say the same: equal bytes, equal but for white space and case, or mostly the same runs of words.
//
// Near: of the distinct n-grams (runs of n words) of the shorter text at least a share `least` stands in the other one too, so a
// dialogue is found in its continuation. A word is a run of letters and digits, case folded; of scripts that write without blanks every
// character is one. A text of fewer than n words is one n-gram of that length. N-grams that more than DUPLICATE_STOCK texts hold are
// stock phrases and count nowhere. No text is passed over: the shares are exact but for collisions of 40-bit hashes.
#ifndef TOOLS_DUPLICATES_H
#define TOOLS_DUPLICATES_H

#include "tensor/base/arena.h"
#include "tensor/base/str.h"

typedef enum { DUPLICATE_EXACT, DUPLICATE_NORMALISED, DUPLICATE_NEAR, DUPLICATE_KINDS } DuplicateKind;

// "exact", "normalised", "near"
extern const char *const DUPLICATE_NAMES[DUPLICATE_KINDS];

enum { DUPLICATE_GROUPS_MAX = 64, DUPLICATE_STOCK = 256, DUPLICATE_TEXTS_MAX = 1 << 24 };

// A text and an earlier one that it repeats, by the order of adding.
typedef struct {
    int32_t text, match;
    DuplicateKind kind;
    double share;  // of n-grams; 1 for the other kinds
} Duplicate;

typedef struct {
    uint8_t exact[16], normalised[16];  // beginnings of SHA-256
    uint32_t *word;                     // hash of each word
    int32_t words;
    int32_t group;
    int32_t shown;  // of the texts with this normalised form in its group, the first
} DuplicateText;

typedef struct {
    int ngram;       // 2..64
    double least;    // above 0, at most 1
    Text marker[2];  // turn markers: passed over, they belong to no text's words
    Arena words, list;
    DuplicateText *text;
    int32_t count, room;
    int64_t grams, stock;  // distinct n-grams of all texts together, and stock phrases among them; set by duplicates_find
} Duplicates;

// Begins an empty collection. `marker` texts must outlive it.
Duplicates duplicates_make(int ngram, double least, Text human, Text assistant);

// Adds a text (UTF-8) of a group (0 <= group < DUPLICATE_GROUPS_MAX, never falling). At most DUPLICATE_TEXTS_MAX texts (REQUIRE).
void duplicates_add(Duplicates *d, Text text, int group);

// Hands out, for each text and each group, the strongest repetition of an earlier text of that group: by kind, then share, then the
// earliest. In the order of texts, then of groups. Memory: about 8 bytes a word, 16 more for each
// n-gram that stands in two texts.
void duplicates_find(Duplicates *d, void (*take)(void *context, const Duplicate *found), void *context);

// Gives all memory back; the collection is empty then.
void duplicates_end(Duplicates *d);

// One code point folded to lower case: Latin, Greek and Cyrillic letters of the main blocks; others stay.
uint32_t duplicates_fold(uint32_t code_point);

#endif
