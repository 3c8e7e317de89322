// GGUF v2 and v3: a header of key-value pairs, a list of tensors, aligned data. Read through a map; hostile files are expected.
#ifndef TENSOR_GGUF_H
#define TENSOR_GGUF_H

#include "tensor/base/file.h"
#include "tensor/dtype.h"

typedef enum {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64
} GgufType;

typedef struct {
    Text key;
    GgufType type;        // GGUF_ARRAY: see element
    GgufType element;     // type of an array's elements (arrays of arrays are refused)
    uint64_t count;       // elements of an array, 1 otherwise
    const uint8_t *data;  // first byte of the value (of an array: of its first element), inside the map
    size_t bytes;
} GgufValue;

typedef struct {
    Text name;
    int type;             // the file's number for the type
    DType dtype;          // ours, when `known`
    bool known;
    int rank;
    uint64_t dim[4];      // fastest first, as in the file
    const uint8_t *data;  // inside the map
    size_t bytes;
} GgufTensor;

typedef struct {
    FileMap map;
    uint32_t version;
    GgufValue *values;
    size_t n_values;
    GgufTensor *tensors;
    size_t n_tensors;
} Gguf;

// Maps and checks the whole file: every rule of reliability.md, section 2. Values and tensors are listed in file order.
// `path` must outlive the Gguf.
Status gguf_open(Gguf *out, Arena *arena, const char *path, Error *error);
// The same over bytes that are mapped already (map.path names them in messages); the Gguf takes the map over when it succeeds.
Status gguf_check(Gguf *out, Arena *arena, FileMap map, Error *error);
// Ends the map.
void gguf_close(Gguf *gguf);

// Name of a tensor's type by the file's number ("Q6_K"), or NULL when GGUF has no such type.
const char *gguf_type_name(int type);

// The value of a key, and the tensor of a name; NULL when absent.
const GgufValue *gguf_find(const Gguf *gguf, const char *key);
const GgufTensor *gguf_tensor(const Gguf *gguf, const char *name);

// Typed values; a missing key fails in the need forms, a wrong type or range always. Any integer type counts as integer.
Status gguf_need_int(const Gguf *gguf, const char *key, int64_t low, int64_t high, int64_t *out, Error *error);
Status gguf_int_or(const Gguf *gguf, const char *key, int64_t low, int64_t high, int64_t fallback, int64_t *out, Error *error);
Status gguf_need_float(const Gguf *gguf, const char *key, double *out, Error *error);
Status gguf_float_or(const Gguf *gguf, const char *key, double fallback, double *out, Error *error);
Status gguf_string_or(const Gguf *gguf, const char *key, Text fallback, Text *out, Error *error);
Status gguf_bool_or(const Gguf *gguf, const char *key, bool fallback, bool *out, Error *error);

// An array of strings as Texts into the map, allocated in the arena.
Status gguf_need_strings(const Gguf *gguf, Arena *arena, const char *key, Text **out, size_t *count, Error *error);
// An array of 32-bit integers (I32 or U32), allocated in the arena; *out NULL and *count 0 when absent.
Status gguf_ints_or_null(const Gguf *gguf, Arena *arena, const char *key, int32_t **out, size_t *count, Error *error);

#endif
