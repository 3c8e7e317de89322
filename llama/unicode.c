#include "llama/unicode.h"

#include <stddef.h>

typedef struct {
    uint32_t first, last;
    uint8_t classes;
} UnicodeRange;

#include "llama/unicode_table.inc"

int unicode_class(uint32_t code_point) {
    if (code_point < 128) return ASCII_CLASS[code_point];
    // Binary search for the first range that does not end before the code point.
    size_t low = 0, high = sizeof RANGES / sizeof RANGES[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (RANGES[middle].last < code_point) low = middle + 1;
        else high = middle;
    }
    if (low == sizeof RANGES / sizeof RANGES[0] || RANGES[low].first > code_point) return 0;
    return RANGES[low].classes;
}
