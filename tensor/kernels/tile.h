// What the vector twins of gemm.c share beside their registers.
#ifndef TENSOR_KERNELS_TILE_H
#define TENSOR_KERNELS_TILE_H

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

// Calls FUNCTION(..., mr) with mr as a constant, so that a tile's accumulators stay in registers.
#define WITH_ROWS(mr, FUNCTION, ...)              \
    switch (mr) {                                 \
    case 1: FUNCTION(__VA_ARGS__, 1); break;      \
    case 2: FUNCTION(__VA_ARGS__, 2); break;      \
    case 3: FUNCTION(__VA_ARGS__, 3); break;      \
    case 4: FUNCTION(__VA_ARGS__, 4); break;      \
    case 5: FUNCTION(__VA_ARGS__, 5); break;      \
    default: FUNCTION(__VA_ARGS__, 6); break;     \
    }

// Copies mr x nr elements: a tile at the right border lives in a full-width buffer meanwhile.
static inline void copy_part(float *to, size_t ld_to, const float *from, size_t ld_from, int mr, int nr) {
    for (int i = 0; i < mr; i++) memcpy(to + (size_t)i * ld_to, from + (size_t)i * ld_from, (size_t)nr * sizeof(float));
}

#endif
