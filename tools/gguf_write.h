// Writing GGUF version 3: keys and the list of tensors are gathered first, the tensors' bytes follow in pieces.
#ifndef TOOLS_GGUF_WRITE_H
#define TOOLS_GGUF_WRITE_H

#include "tensor/gguf.h"

enum { GGUF_ALIGNMENT = 32 };

// The head of a file in the making.
typedef struct {
    Str keys, tensors;
    uint64_t n_keys, n_tensors;
    uint64_t bytes;  // of the data so far, each tensor padded to GGUF_ALIGNMENT
} GgufHead;

// An empty head in the arena.
GgufHead gguf_head_make(Arena *arena);

// One key each. Keys are distinct, and texts valid UTF-8, by the caller's care; integers are written as u32.
void gguf_put_int(GgufHead *head, const char *key, uint32_t value);
void gguf_put_float(GgufHead *head, const char *key, float value);
void gguf_put_bool(GgufHead *head, const char *key, bool value);
void gguf_put_string(GgufHead *head, const char *key, Text value);
void gguf_put_strings(GgufHead *head, const char *key, const Text *value, size_t n);
void gguf_put_ints(GgufHead *head, const char *key, const int32_t *value, size_t n);

// Lists a tensor of `rows` rows (0: a vector) of `columns` numbers; whole blocks make rows (REQUIRE).
void gguf_put_tensor(GgufHead *head, const char *name, DType type, int rows, int columns);

// Puts everything in front of the data. Then the caller puts each tensor's bytes in the order of listing, each followed by
// gguf_put_padding.
void gguf_write_head(FileWriter *writer, const GgufHead *head);
// Zeros that bring `bytes` bytes of a tensor to the alignment.
void gguf_put_padding(FileWriter *writer, size_t bytes);

// GGUF's numbers for a type: of a tensor, and of a file that is mostly of it (general.file_type).
uint32_t gguf_type_of(DType type);
uint32_t gguf_file_type_of(DType type);

#endif
