#include "tools/gguf_write.h"

#include <string.h>

// Numbers of our types in the file format.
static const struct {
    uint32_t tensor, file;
} NUMBERS[DTYPE_COUNT] = {
    [DTYPE_F32] = {0, 0},  [DTYPE_F16] = {1, 1},  [DTYPE_BF16] = {30, 32},
    [DTYPE_Q8_0] = {8, 7}, [DTYPE_Q4_0] = {2, 2}, [DTYPE_Q4_1] = {3, 3},
};

uint32_t gguf_type_of(DType type) { return NUMBERS[type].tensor; }
uint32_t gguf_file_type_of(DType type) { return NUMBERS[type].file; }

GgufHead gguf_head_make(Arena *arena) { return (GgufHead){.keys = str_make(arena), .tensors = str_make(arena)}; }

static void put_number(Str *s, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) str_append_char(s, (char)(value >> 8 * i & 0xff));
}

static void put_text(Str *s, Text text) {
    put_number(s, text.size, 8);
    str_append(s, text);
}

static void begin_key(GgufHead *head, const char *key, GgufType type) {
    put_text(&head->keys, text_of(key));
    put_number(&head->keys, type, 4);
    head->n_keys++;
}

static void begin_array(GgufHead *head, const char *key, GgufType type, size_t n) {
    begin_key(head, key, GGUF_ARRAY);
    put_number(&head->keys, type, 4);
    put_number(&head->keys, n, 8);
}

void gguf_put_int(GgufHead *head, const char *key, uint32_t value) {
    begin_key(head, key, GGUF_U32);
    put_number(&head->keys, value, 4);
}

void gguf_put_float(GgufHead *head, const char *key, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    begin_key(head, key, GGUF_F32);
    put_number(&head->keys, bits, 4);
}

void gguf_put_bool(GgufHead *head, const char *key, bool value) {
    begin_key(head, key, GGUF_BOOL);
    put_number(&head->keys, value, 1);
}

void gguf_put_string(GgufHead *head, const char *key, Text value) {
    begin_key(head, key, GGUF_STRING);
    put_text(&head->keys, value);
}

void gguf_put_strings(GgufHead *head, const char *key, const Text *value, size_t n) {
    begin_array(head, key, GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) put_text(&head->keys, value[i]);
}

void gguf_put_ints(GgufHead *head, const char *key, const int32_t *value, size_t n) {
    begin_array(head, key, GGUF_I32, n);
    for (size_t i = 0; i < n; i++) put_number(&head->keys, (uint32_t)value[i], 4);
}

static size_t padding_of(size_t bytes) { return (GGUF_ALIGNMENT - bytes % GGUF_ALIGNMENT) % GGUF_ALIGNMENT; }

void gguf_put_tensor(GgufHead *head, const char *name, DType type, int rows, int columns) {
    size_t bytes = dtype_bytes(type, (size_t)columns) * (size_t)(rows ? rows : 1);
    put_text(&head->tensors, text_of(name));
    put_number(&head->tensors, rows ? 2 : 1, 4);
    put_number(&head->tensors, (uint64_t)columns, 8);
    if (rows) put_number(&head->tensors, (uint64_t)rows, 8);
    put_number(&head->tensors, gguf_type_of(type), 4);
    put_number(&head->tensors, head->bytes, 8);
    head->bytes += bytes + padding_of(bytes);
    head->n_tensors++;
}

void gguf_put_padding(FileWriter *writer, size_t bytes) {
    static const char ZEROS[GGUF_ALIGNMENT];
    writer_put(writer, ZEROS, padding_of(bytes));
}

void gguf_write_head(FileWriter *writer, const GgufHead *head) {
    Str begin = str_make(head->keys.arena);
    str_append(&begin, TEXT("GGUF"));
    put_number(&begin, 3, 4);
    put_number(&begin, head->n_tensors, 8);
    put_number(&begin, head->n_keys, 8);
    writer_put(writer, begin.data, begin.size);
    writer_put(writer, head->keys.data, head->keys.size);
    writer_put(writer, head->tensors.data, head->tensors.size);
    gguf_put_padding(writer, begin.size + head->keys.size + head->tensors.size);
}
