// Tensor: contiguous numbers of rank 1 to 4, without strides, in an arena that someone else owns.
//
// Activations are fp32. Weights may be any DType while frozen; a trained weight is fp32 and has a gradient. `grad` NULL means
// that no gradient is wanted; backward functions then skip the work.
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include "tensor/base/arena.h"
#include "tensor/dtype.h"

typedef struct {
    DType type;
    int rank;
    int dim[4];         // dim[0] slowest; unused ones are 1
    void *data;         // fp32 if type is DTYPE_F32; const memory (a map) when frozen
    float *grad;        // same shape in fp32, zero until a backward adds to it, or NULL
    Arena *arena;       // where results that are computed from this tensor are placed
    const char *name;   // for messages; NULL for activations
} Tensor;

// An fp32 tensor in `arena`; contents undefined. with_grad: a zeroed gradient beside it. Unused dims: pass rank.
Tensor *tensor_new(Arena *arena, bool with_grad, int rank, const int *dims);
Tensor *tensor_new_1d(Arena *arena, bool with_grad, int a);
Tensor *tensor_new_2d(Arena *arena, bool with_grad, int a, int b);

// A tensor around memory of someone else (a mapped weight, a slice of a parameter block); grad may be NULL.
Tensor *tensor_wrap(Arena *arena, DType type, int rank, const int *dims, const void *data, float *grad, const char *name);

// Number of elements; rows = dim[0] (rank 1: 1), columns = the product of the others (rank 1: dim[0]).
size_t tensor_count(const Tensor *t);
int tensor_rows(const Tensor *t);
int tensor_columns(const Tensor *t);

// fp32 data (REQUIRE that type is F32).
static inline float *tensor_f32(const Tensor *t) { return (float *)t->data; }

#endif
