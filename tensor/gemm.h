// Matrix products: blocking, packing and threads around the kernel gemm_tile (numerics.md, M1).
//
// Every element of C is one chain of fused multiply-adds in ascending order of the contracted index. Threads share C's tiles,
// never a chain. K is cut into blocks for the cache; a later block continues from what is stored.
#ifndef TENSOR_GEMM_H
#define TENSOR_GEMM_H

#include <stddef.h>

#include "tensor/dtype.h"

typedef enum {
    GEMM_SET,       // C = product, chains from +0
    GEMM_PROCEED,   // chains continue from what C holds (weight gradients: one chain over a unit's tokens)
    GEMM_ADD,       // C = C + finished product (the product's chain starts at +0)
} GemmMode;

// C[M,N] (op) A[M,K] x B[N,K]^T: y = x W^T, the forward product. B of any DType, row-major [N,K], K a multiple of its block.
// lda, ldc in elements; rows of B lie dtype_bytes(type, K) apart.
void gemm_nt(GemmMode mode, float *C, size_t ldc, const float *A, size_t lda, const void *B, DType type, int M, int N, int K);

// C[M,N] (op) A[M,K] x B[K,N]: dx = dy W, the backward product. B of any DType, row-major [K,N], N a multiple of its block.
void gemm_nn(GemmMode mode, float *C, size_t ldc, const float *A, size_t lda, const void *B, DType type, int M, int N, int K);

// C[M,N] (op) A[K,M]^T x B[K,N], all fp32: dW = dy^T x, contracted over tokens.
void gemm_tn(GemmMode mode, float *C, size_t ldc, const float *A, size_t lda, const float *B, size_t ldb, int M, int N, int K);

// Largest share of scratch that one thread's packing takes, in bytes: what `plan` and the memory report count.
size_t gemm_scratch_bytes(int M, int N, int K);

#endif
