// How the kernel table is filled: one installer per file of an ISA's folder, each sets the entries that the file holds.
// Private to tensor/kernels/; everyone else includes kernels.h.
#ifndef TENSOR_KERNELS_TABLE_H
#define TENSOR_KERNELS_TABLE_H

#include "tensor/kernels/kernels.h"

// math: exp, log, tanh. vec: elementwise and A1 reductions. row: rows of layers. attn: attention. quant: expand.
// adamw: the optimizer. gemm: products.
void scalar_math_install(Kernels *table);
void scalar_vec_install(Kernels *table);
void scalar_row_install(Kernels *table);
void scalar_attn_install(Kernels *table);
void scalar_quant_install(Kernels *table);
void scalar_adamw_install(Kernels *table);
void scalar_gemm_install(Kernels *table);

#ifdef KERNELS_AVX2
// The same files of avx2/: eight lanes, FMA, F16C.
void avx2_math_install(Kernels *table);
void avx2_vec_install(Kernels *table);
void avx2_row_install(Kernels *table);
void avx2_attn_install(Kernels *table);
void avx2_quant_install(Kernels *table);
void avx2_adamw_install(Kernels *table);
void avx2_gemm_install(Kernels *table);
#endif

// The scalar bf16_tile, which a twin calls for what its lanes cannot decide.
void scalar_bf16_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode);

#ifdef KERNELS_NEON
// The same files of neon/: four lanes.
void neon_math_install(Kernels *table);
void neon_vec_install(Kernels *table);
void neon_row_install(Kernels *table);
void neon_attn_install(Kernels *table);
void neon_quant_install(Kernels *table);
void neon_adamw_install(Kernels *table);
void neon_gemm_install(Kernels *table);
#endif

#endif
