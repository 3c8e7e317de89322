// Text: a growing string in an arena, strict UTF-8, numbers that print as the shortest text that reads back, near names.
#ifndef TENSOR_BASE_STR_H
#define TENSOR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/arena.h"
#include "tensor/base/status.h"

// A piece of text of known length; need not end in NUL. Never owns its bytes.
typedef struct {
    const char *data;
    size_t size;
} Text;

#define TEXT(literal) ((Text){(literal), sizeof(literal) - 1})
// The text of a NUL-terminated string, which it points into.
Text text_of(const char *c_string);
// Same length and same bytes.
bool text_equal(Text a, Text b);
// Bytewise order (unsigned), shorter first when one begins with the other: <0, 0, >0. Independent of locale and char's sign.
int text_compare(Text a, Text b);
bool text_begins(Text text, Text prefix);
bool text_ends(Text text, Text suffix);
// Index of the first / last occurrence of `what` in `text`, or -1.
ptrdiff_t text_find(Text text, Text what);
ptrdiff_t text_find_last(Text text, Text what);
// The part between leading and trailing blanks: spaces, tabs, newlines and returns.
Text text_trim(Text text);
// A NUL-terminated copy in the arena.
Text text_copy(Arena *arena, Text text);

// A growing text. data[size] is always NUL once anything was appended.
typedef struct {
    Arena *arena;
    char *data;
    size_t size, capacity;
} Str;

// An empty text; nothing is taken from the arena until something is appended.
Str str_make(Arena *arena);
// Appends a text, one byte, or what printf would print (never numbers for data files: those go through number_print).
void str_append(Str *s, Text text);
void str_append_char(Str *s, char c);
void str_printf(Str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
// What was appended so far; valid until the next append.
Text str_text(const Str *s);

// Length 1..4 of the valid UTF-8 sequence at data[0..size) with its code point, or 0 (overlong, surrogate, > U+10FFFF, cut).
int utf8_decode(const char *data, size_t size, uint32_t *code_point);
// Writes 1..4 bytes, returns their number.
int utf8_encode(uint32_t code_point, char out[4]);
// True when all bytes form valid UTF-8; otherwise *bad (may be NULL) is the offset of the first wrong byte.
bool utf8_valid(Text text, size_t *bad);

// Reads a whole text as a number in JSON's grammar (plus leading '+', and nothing else), correctly rounded, without locale.
bool number_parse(Text text, double *value);
bool number_parse_int(Text text, int64_t *value);
// Shortest decimal text that reads back to the same double / float; writes at most 32 bytes with NUL. Integers below 2^53
// print without exponent or point. The value must be finite.
void number_print(double value, char out[32]);
void number_print_float(float value, char out[32]);

// Sizes such as 24G, 512M, 1024 (bytes) and times such as 3h30m, 90s, 45m, 2d (seconds).
bool size_parse(Text text, size_t *bytes);
bool duration_parse(Text text, double *seconds);

// The entry of `names` (NULL-terminated) nearest to `name` by edit distance, or NULL when none is near.
const char *nearest_name(const char *name, const char *const *names);

#endif
