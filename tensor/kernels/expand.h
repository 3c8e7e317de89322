// Expansion by type: what every instruction set's quant.c ends with, over the functions of that file (numerics.md, M2).
#ifndef TENSOR_KERNELS_EXPAND_H
#define TENSOR_KERNELS_EXPAND_H

#include <string.h>

#include "tensor/dtype.h"

enum { BLOCK = 32 };  // elements of a quantised block

// Two stored bytes, the lower one first.
static inline uint16_t half_at(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

// Numbers of 16 bits, n of them; one block of each quantised type.
static void expand_f16(float *y, const uint8_t *at, size_t n);
static void expand_bf16(float *y, const uint8_t *at, size_t n);
static inline void expand_q8_0(float *y, const uint8_t *block);
static inline void expand_q4_0(float *y, const uint8_t *block);
static inline void expand_q4_1(float *y, const uint8_t *block);

// The table's entry `expand`.
static void expand(float *y, const void *row, DType type, size_t first, size_t n) {
    const DTypeInfo *info = dtype_info(type);
    const uint8_t *at = (const uint8_t *)row + first / (size_t)info->block * (size_t)info->bytes;
    switch (type) {
    case DTYPE_F32:
        memcpy(y, at, n * sizeof(float));
        break;
    case DTYPE_F16:
        expand_f16(y, at, n);
        break;
    case DTYPE_BF16:
        expand_bf16(y, at, n);
        break;
    case DTYPE_Q8_0:
        for (size_t i = 0; i < n; i += BLOCK, at += info->bytes) expand_q8_0(y + i, at);
        break;
    case DTYPE_Q4_0:
        for (size_t i = 0; i < n; i += BLOCK, at += info->bytes) expand_q4_0(y + i, at);
        break;
    case DTYPE_Q4_1:
        for (size_t i = 0; i < n; i += BLOCK, at += info->bytes) expand_q4_1(y + i, at);
        break;
    case DTYPE_COUNT:
        break;
    }
}

#endif
