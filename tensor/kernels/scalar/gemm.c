// Matrix product tiles as their definition reads: one chain of fused multiply-adds per element (numerics.md, M1 and M3).
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

// ---- bf16 (numerics.md, M3)

static const float SMALLEST = 0x1p-126f;  // normal number

// x, or zero of its sign where it is subnormal.
static float flush(float x) { return x > -SMALLEST && x < SMALLEST ? x * 0.0f : x; }

static void bf16_pairs(float *panel, size_t k, size_t width) {
    for (size_t kk = 0; kk < k; kk += 2, panel += 2 * width)
        for (size_t j = 0; j < width; j++) {
            float even = panel[j], odd = kk + 1 < k ? panel[width + j] : 0.0f;
            panel[j] = bf16_to_f32(f32_to_bf16(flush(odd)));
            panel[width + j] = bf16_to_f32(f32_to_bf16(flush(even)));
        }
}

// fmaf(a, b, c) as x86 flushes it: what is below the smallest normal number once rounded, with an exponent that has no limit. When
// fmaf gives that number itself, what it was rounded from (exact in double) tells.
static float bf16_link(float a, float b, float c) {
    float r = fmaf(a, b, c);
    if (r != SMALLEST && r != -SMALLEST) return flush(r);
    const double exact = (double)a * (double)b + (double)c, limit = 0x1p-126 - 0x1p-151;
    return exact > -limit && exact < limit ? r * 0.0f : r;
}

void scalar_bf16_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode) {
    for (int i = 0; i < mr; i++)
        for (int j = 0; j < nr; j++) {
            float acc = mode == TILE_PROCEED ? flush(c[i * ldc + j]) : 0.0f;
            for (size_t kk = 0; kk < k + k % 2; kk++) acc = bf16_link(a[kk * GEMM_MR + i], b[kk * GEMM_NR + j], acc);
            c[i * ldc + j] = acc;
        }
}

// Through small panels, made and multiplied by the table's own kernels: the text for every instruction set without a better one.
static void bf16_few(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k, int mr, int n,
                     bool proceed) {
    float panel[PIECE * GEMM_NR], packed[PIECE * GEMM_MR];
    for (int j = 0; j < n; j += GEMM_NR)
        for (size_t done = 0; done < k; done += PIECE) {
            size_t some = k - done < PIECE ? k - done : PIECE;
            int nr = n - j < GEMM_NR ? n - j : GEMM_NR;
            kernels.pack_rows(panel, (const char *)rows + j * stride, type, stride, done, some, nr);
            kernels.bf16_pairs(panel, some, GEMM_NR);
            kernels.pack_a(packed, a + done, lda, 1, some + some % 2, mr);
            kernels.bf16_tile(c + j, ldc, packed, panel, some, mr, nr, proceed || done > 0 ? TILE_PROCEED : TILE_SET);
        }
}

void scalar_gemm_install(Kernels *table) {
    table->gemm_tile = gemm_tile;
    table->pack_a = pack_a;
    table->pack_rows = pack_rows;
    table->gemm_few = gemm_few;
    table->bf16_pairs = bf16_pairs;
    table->bf16_tile = scalar_bf16_tile;
    table->bf16_few = bf16_few;
}
