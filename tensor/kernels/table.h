// How the scalar table is filled: one installer per file, each sets the entries that the file holds.
// Private to tensor/kernels/; everyone else includes kernels.h.
#ifndef TENSOR_KERNELS_TABLE_H
#define TENSOR_KERNELS_TABLE_H

#include "tensor/kernels/kernels.h"

// Operations on lanes vanish in the kernel that is made of them; loops over registers leave none of their counting behind.
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

// math: exp, log, tanh. vec: elementwise and A1 reductions. row: rows of layers. attn: attention. quant: expand.
// adamw: the optimizer. gemm: products.
void scalar_math_install(Kernels *table);
void scalar_vec_install(Kernels *table);
void scalar_row_install(Kernels *table);
void scalar_attn_install(Kernels *table);
void scalar_quant_install(Kernels *table);
void scalar_adamw_install(Kernels *table);
void scalar_gemm_install(Kernels *table);

// The scalar bf16_tile, which a twin calls for what its lanes cannot decide.
void scalar_bf16_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode);

#endif
