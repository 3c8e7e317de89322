// Added tokens: texts that are one token wherever they stand ("<|im_end|>"), found in the raw text before pieces are cut.
#ifndef LLAMA_ADDED_H
#define LLAMA_ADDED_H

#include "tensor/base/str.h"

typedef struct {
    Text text;
    int32_t id;
    bool strip_left, strip_right;  // white space around it belongs to it
} AddedToken;

typedef struct {
    AddedToken *token;   // ascending by text, once added_sort has run
    size_t count;
    bool begins[256];    // some token begins with this byte
} AddedList;

// Where an added token was found: text[begin, end) with the white space that it takes.
typedef struct {
    size_t begin, end;
    const AddedToken *token;
} AddedMatch;

// Prepares a list for added_find. Texts are not empty and all different.
void added_sort(AddedList *list);

// The leftmost, then longest, added token in text[from, size); false when there is none. White space on its left is taken
// back to `from` at most.
bool added_find(const AddedList *list, Text text, size_t from, AddedMatch *match);

#endif
