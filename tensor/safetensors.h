// safetensors: a JSON header and raw tensors. Read through a map; written sorted by name, so equal weights give equal files.
#ifndef TENSOR_SAFETENSORS_H
#define TENSOR_SAFETENSORS_H

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/dtype.h"

typedef struct {
    Text name;
    Text type_name;       // "F32", "BF16", "I64", ...
    DType dtype;          // when `known`
    bool known;
    int rank;             // 0 is legal
    uint64_t dim[8];      // slowest first
    const uint8_t *data;
    size_t bytes;
} SafeTensor;

typedef struct {
    FileMap map;
    SafeTensor *tensors;  // sorted by offset
    size_t n_tensors;
    const Json *metadata; // __metadata__ or NULL
} SafeTensors;

// Maps and checks the whole file: every rule of reliability.md, section 1.
Status safetensors_open(SafeTensors *out, Arena *arena, const char *path, Error *error);
// The same over bytes that are mapped already (map.path names them in messages); the SafeTensors takes the map over when it succeeds.
Status safetensors_check(SafeTensors *out, Arena *arena, FileMap map, Error *error);
// Ends the map.
void safetensors_close(SafeTensors *file);
// The tensor of a name, or NULL.
const SafeTensor *safetensors_find(const SafeTensors *file, const char *name);

// One tensor to write; data of `dtype` (F32, F16 or BF16), rank 0..4, slowest first.
typedef struct {
    const char *name;
    DType dtype;
    int rank;
    int dim[4];
    const void *data;
} SafeTensorOut;

// Writes all tensors sorted by name (4-byte types first, so that every tensor lies aligned), with "__metadata__":
// {"format": "pt", then the given pairs key, value, key, value, NULL}. Names are distinct valid UTF-8 (REQUIRE). An fp32 NaN is
// written as 0x7fc00000 (numerics.md, A5). `metadata` may be NULL.
Status safetensors_write(const char *path, Arena *arena, const SafeTensorOut *tensors, int n, const char *const *metadata, Error *error);

// The same in pieces: opens the writer and puts the header (the tensors' data is not looked at). The caller puts the bytes of each
// tensor in the order of *in_order (pointers into `tensors`), then ends the writer. Both lists must live until then.
Status safetensors_begin(FileWriter *writer, const char *path, Arena *arena, const SafeTensorOut *tensors, int n,
                         const char *const *metadata, const SafeTensorOut ***in_order, Error *error);

#endif
