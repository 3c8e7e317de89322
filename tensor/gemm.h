// Matrix products: blocking, packing and threads around the kernels gemm_tile and bf16_tile (numerics.md, M1 and M3).
//
// Every element of C is one chain of fused multiply-adds in ascending order of the contracted index, or of its pairs. Threads
// share C's tiles, never a chain. K is cut into blocks for the cache; a later block continues from what is stored.
#ifndef TENSOR_GEMM_H
#define TENSOR_GEMM_H

#include <stddef.h>

#include "tensor/dtype.h"

typedef enum {
    GEMM_SET,       // C = product, chains from +0
    GEMM_PROCEED,   // chains continue from what C holds (weight gradients: one chain over a unit's tokens)
    GEMM_ADD,       // C = C + finished product (the product's chain starts at +0)
} GemmMode;

// What a chain is made of: the operands as they are, in ascending order (M1), or rounded to bf16, in pairs (2i, 2i + 1) whose odd
// one comes first (M3). Sums are fp32 in both. A choice of the recipe: it changes bits.
typedef enum { PRECISION_FP32, PRECISION_BF16 } Precision;

// C[M,N] (op) A[M,K] x B[N,K]^T: y = x W^T, the forward product. B of any DType, row-major [N,K], K a multiple of its block.
// lda, ldc in elements; rows of B lie dtype_bytes(type, K) apart.
void gemm_nt(GemmMode mode, Precision precision, float *C, size_t ldc, const float *A, size_t lda, const void *B, DType type, int M, int N,
             int K);

// C[M,N] (op) A[M,K] x B[K,N]: dx = dy W, the backward product. B of any DType, row-major [K,N], N a multiple of its block.
void gemm_nn(GemmMode mode, Precision precision, float *C, size_t ldc, const float *A, size_t lda, const void *B, DType type, int M, int N,
             int K);

// C[M,N] (op) A[K,M]^T x B[K,N], all stored as fp32: dW = dy^T x, contracted over tokens; in bf16 those of one sequence.
void gemm_tn(GemmMode mode, Precision precision, float *C, size_t ldc, const float *A, size_t lda, const float *B, size_t ldb, int M, int N,
             int K);

// Largest share of scratch that one thread's packing takes, in bytes: what `plan` and the memory report count.
size_t gemm_scratch_bytes(int M, int N, int K);

#endif
