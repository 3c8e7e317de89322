// Matrix product tiles as their definition reads: one chain of fused multiply-adds per element (numerics.md, M1).
#include <math.h>

#include "tensor/kernels/kernels.h"
#include "tensor/kernels/table.h"

enum { PIECE = 256 };  // elements of a row expanded at a time: a multiple of every type's block

static void gemm_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode) {
    for (int i = 0; i < mr; i++)
        for (int j = 0; j < nr; j++) {
            float acc = mode == TILE_PROCEED ? c[i * ldc + j] : 0.0f;
            for (size_t kk = 0; kk < k; kk++) acc = fmaf(a[kk * GEMM_MR + i], b[kk * GEMM_NR + j], acc);
            c[i * ldc + j] = mode == TILE_ADD ? c[i * ldc + j] + acc : acc;
        }
}

static void pack_a(float *panel, const float *a, size_t row_stride, size_t k_stride, size_t k, int mr) {
    for (size_t kk = 0; kk < k; kk++)
        for (int i = 0; i < GEMM_MR; i++) panel[kk * GEMM_MR + i] = i < mr ? a[i * row_stride + kk * k_stride] : 0.0f;
}

static void pack_rows(float *panel, const void *rows, DType type, size_t stride, size_t first, size_t k, int nr) {
    float piece[PIECE];
    for (int j = 0; j < GEMM_NR; j++)
        for (size_t done = 0; done < k; done += PIECE) {
            size_t n = k - done < PIECE ? k - done : PIECE;
            if (j < nr) kernels.expand(piece, (const char *)rows + j * stride, type, first + done, n);
            for (size_t kk = 0; kk < n; kk++) panel[(done + kk) * GEMM_NR + j] = j < nr ? piece[kk] : 0.0f;
        }
}

static void gemm_few(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k,
                     int mr, int n, bool proceed) {
    float piece[PIECE];
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < mr; i++)
            if (!proceed) c[i * ldc + j] = 0.0f;
        // A piece of the row is expanded once and continues the chains of all mr elements.
        for (size_t done = 0; done < k; done += PIECE) {
            size_t some = k - done < PIECE ? k - done : PIECE;
            kernels.expand(piece, (const char *)rows + j * stride, type, done, some);
            for (int i = 0; i < mr; i++)
                for (size_t kk = 0; kk < some; kk++) c[i * ldc + j] = fmaf(a[i * lda + done + kk], piece[kk], c[i * ldc + j]);
        }
    }
}

void scalar_gemm_install(Kernels *table) {
    table->gemm_tile = gemm_tile;
    table->pack_a = pack_a;
    table->pack_rows = pack_rows;
    table->gemm_few = gemm_few;
}
