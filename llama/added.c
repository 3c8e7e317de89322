#include "llama/added.h"

#include <stdlib.h>

#include "llama/unicode.h"

static int compare_text(const void *a, const void *b) { return text_compare(((const AddedToken *)a)->text, ((const AddedToken *)b)->text); }

void added_sort(AddedList *list) {
    if (list->count) qsort(list->token, list->count, sizeof *list->token, compare_text);
    for (int byte = 0; byte < 256; byte++) list->begins[byte] = false;
    for (size_t i = 0; i < list->count; i++) {
        REQUIRE(list->token[i].text.size > 0, "added_sort: token %d is empty", list->token[i].id);
        list->begins[(unsigned char)list->token[i].text.data[0]] = true;
    }
}

// First token in [low, high) whose byte `depth` is at least `least`; all of them share the bytes before it and have it.
static size_t lower_bound(const AddedList *list, size_t low, size_t high, size_t depth, int least) {
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((unsigned char)list->token[middle].text.data[depth] < least) low = middle + 1;
        else high = middle;
    }
    return low;
}

// The longest token that stands at the start of `text`, or NULL. The tokens that share the first bytes of the text are a
// range of the sorted list; each further byte narrows it.
static const AddedToken *longest_at(const AddedList *list, Text text) {
    const AddedToken *found = NULL;
    size_t low = 0, high = list->count;
    for (size_t depth = 0; low < high; depth++) {
        // A token that ends here is the first of its range.
        if (list->token[low].text.size == depth) found = &list->token[low++];
        if (depth == text.size) break;
        int byte = (unsigned char)text.data[depth];
        low = lower_bound(list, low, high, depth, byte);
        high = lower_bound(list, low, high, depth, byte + 1);
    }
    return found;
}

// Moves `end` back over white space, to `from` at most.
static size_t strip_left(Text text, size_t from, size_t end) {
    while (end > from) {
        size_t start = end - 1;
        while (start > from && ((unsigned char)text.data[start] & 0xc0) == 0x80) start--;
        uint32_t code;
        if (utf8_decode(text.data + start, end - start, &code) == 0 || !(unicode_class(code) & UNICODE_SPACE)) break;
        end = start;
    }
    return end;
}

static size_t strip_right(Text text, size_t at) {
    while (at < text.size) {
        uint32_t code;
        int bytes = utf8_decode(text.data + at, text.size - at, &code);
        if (bytes == 0 || !(unicode_class(code) & UNICODE_SPACE)) break;
        at += (size_t)bytes;
    }
    return at;
}

bool added_find(const AddedList *list, Text text, size_t from, AddedMatch *match) {
    if (list->count == 0) return false;
    for (size_t at = from; at < text.size; at++) {
        if (!list->begins[(unsigned char)text.data[at]]) continue;
        const AddedToken *token = longest_at(list, (Text){text.data + at, text.size - at});
        if (token == NULL) continue;
        size_t end = at + token->text.size;
        match->begin = token->strip_left ? strip_left(text, from, at) : at;
        match->end = token->strip_right ? strip_right(text, end) : end;
        match->token = token;
        return true;
    }
    return false;
}
