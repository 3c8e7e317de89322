// JSON (RFC 8259), strict: valid UTF-8, no duplicate keys, no trailing text, nesting at most 512, at most 8388608 values,
// numbers correctly rounded and finite.
// A parsed value is a const tree in an arena. Strings may hold NUL (written \u0000), so they carry their length.
// Lone surrogates (\ud800) are an error. Nothing recurses on input.
#ifndef TENSOR_BASE_JSON_H
#define TENSOR_BASE_JSON_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

typedef enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonType;

typedef struct Json Json;
struct Json {
    JsonType type;
    bool boolean;
    bool is_integer;   // written without point or exponent and within int64
    double number;
    int64_t integer;
    Text string;       // of a JSON_STRING
    Text key;          // when this value is a member of an object
    size_t count;      // children of an array or object
    const Json *child; // first child
    const Json *next;  // next sibling
};

// Parses the whole of `text`. On failure the sentence says `where` (a file name, with ":line" if the caller has one),
// line and column inside the text, what was expected and found. ERR_FORMAT.
Status json_parse(const Json **out, Arena *arena, Text text, const char *where, Error *error);

// Member of an object by key, or NULL (also when `object` is NULL or not an object). Objects with many members are
// searched in O(n): for vocabularies walk child/next.
const Json *json_get(const Json *object, const char *key);

// Typed members. `where` prefixes the sentence. The *_or forms return `fallback` when the key is absent or null and still
// fail on a wrong type. Integers must lie in [low, high]; numbers must be finite.
Status json_need_int(const Json *object, const char *key, int64_t low, int64_t high, int64_t *out, const char *where, Error *error);
Status json_int_or(const Json *object, const char *key, int64_t low, int64_t high, int64_t fallback, int64_t *out, const char *where,
                   Error *error);
Status json_need_number(const Json *object, const char *key, double *out, const char *where, Error *error);
Status json_number_or(const Json *object, const char *key, double fallback, double *out, const char *where, Error *error);
Status json_need_string(const Json *object, const char *key, Text *out, const char *where, Error *error);
Status json_string_or(const Json *object, const char *key, Text fallback, Text *out, const char *where, Error *error);
Status json_bool_or(const Json *object, const char *key, bool fallback, bool *out, const char *where, Error *error);

// Writing: appends to a Str. Strings must be valid UTF-8 (REQUIRE); '"', '\\' and controls are escaped, the rest is raw.
// Non-finite numbers are written null.
void json_write_string(Str *s, Text text);
void json_write_number(Str *s, double value);
void json_write_float(Str *s, float value);
// Any parsed value, compact.
void json_write(Str *s, const Json *value);

#endif
