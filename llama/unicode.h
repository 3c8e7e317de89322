// Classes of Unicode code points that pre-tokenisers ask for. The tables come from the field's own library, see
// unicode_table.inc for the versions of Unicode.
#ifndef LLAMA_UNICODE_H
#define LLAMA_UNICODE_H

#include <stdint.h>

enum {
    UNICODE_LETTER = 1,   // \p{L}
    UNICODE_NUMBER = 2,   // \p{N} of regular expressions
    UNICODE_SPACE = 4,    // \s, White_Space
    UNICODE_NUMERIC = 8,  // \p{N} of the Digits pre-tokeniser, a newer version of Unicode
};

// The classes of a code point, or-ed; 0 for punctuation, marks, controls, unassigned ones and all above U+10FFFF.
int unicode_class(uint32_t code_point);

#endif
