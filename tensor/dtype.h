// Number formats of stored weights and their exact expansion to fp32 (numerics.md, M2).
//
//     type   block  bytes  value of element i                       bytes of one block
//     F32        1      4  x                                        little-endian IEEE 754
//     F16        1      2  exact
//     BF16       1      2  exact: the upper half of an fp32
//     Q8_0      32     34  d * q[i]                                 f16 d, 32 x int8 q
//     Q4_0      32     18  d * (q[i] - 8)                           f16 d, 16 bytes: byte i holds element i (low nibble), i + 16 (high)
//     Q4_1      32     20  fmaf(d, q[i], m)                         f16 d, f16 m, 16 bytes as Q4_0
// (d and m are expanded to fp32 first; one rounding each.)
#ifndef TENSOR_DTYPE_H
#define TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_COUNT } DType;

typedef struct {
    const char *name;   // "f32", "q8_0", ...
    int block;          // elements in a block
    int bytes;          // bytes of a block
} DTypeInfo;

// Facts of a type.
const DTypeInfo *dtype_info(DType type);

// Type of a name such as "q8_0" (lower case); false when unknown.
bool dtype_from_name(const char *name, DType *type);

// Bytes of `n` elements; n is a multiple of the block (REQUIRE).
size_t dtype_bytes(DType type, size_t n);

// y[0..n) = elements [first, first + n) of the row at `row`; first and n are multiples of the block (n of the last piece may
// end with the row, which is itself a multiple). Dispatches to the kernel table.
void dtype_expand(float *y, const void *row, DType type, size_t first, size_t n);

// Writes n elements (a multiple of the block) of x as `type`: nearest even for F16 and BF16 (subnormals kept, overflow to
// infinity, NaN quiet), M2's rules for the block types. Bytes equal the gguf package's except at a rounding tie of the product.
void dtype_store(void *row, DType type, const float *x, size_t n);

// Single conversions, exact or nearest even; plain C on every machine.
float f16_to_f32(uint16_t half);
uint16_t f32_to_f16(float x);
float bf16_to_f32(uint16_t half);
uint16_t f32_to_bf16(float x);

#endif
