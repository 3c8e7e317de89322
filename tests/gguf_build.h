// Writes GGUF files byte by byte for the tests, wrong ones included: nothing here checks what it is told.
#ifndef TESTS_GGUF_BUILD_H
#define TESTS_GGUF_BUILD_H

#include <string.h>

#include "tensor/base/str.h"
#include "tensor/gguf.h"

// `bytes` bytes of a number, little-endian.
static inline void put_uint(Str *s, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) str_append_char(s, (char)(value >> (8 * i) & 0xff));
}

static inline void put_string(Str *s, const char *text) {
    put_uint(s, strlen(text), 8);
    str_append(s, text_of(text));
}

static inline void put_header(Str *s, uint64_t tensors, uint64_t values) {
    str_append(s, TEXT("GGUF"));
    put_uint(s, 3, 4);
    put_uint(s, tensors, 8);
    put_uint(s, values, 8);
}

static inline void put_u32_key(Str *s, const char *key, uint32_t value) {
    put_string(s, key);
    put_uint(s, GGUF_U32, 4);
    put_uint(s, value, 4);
}

static inline void put_f32_key(Str *s, const char *key, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_string(s, key);
    put_uint(s, GGUF_F32, 4);
    put_uint(s, bits, 4);
}

static inline void put_string_key(Str *s, const char *key, const char *value) {
    put_string(s, key);
    put_uint(s, GGUF_STRING, 4);
    put_string(s, value);
}

static inline void put_tensor(Str *s, const char *name, int rank, const uint64_t *dims, uint64_t type, uint64_t offset) {
    put_string(s, name);
    put_uint(s, (uint64_t)rank, 4);
    for (int i = 0; i < rank; i++) put_uint(s, dims[i], 8);
    put_uint(s, type, 4);
    put_uint(s, offset, 8);
}

static inline void put_padding(Str *s, size_t alignment) {
    while (s->size % alignment != 0) str_append_char(s, '\0');
}

#endif
