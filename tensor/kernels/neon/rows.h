// What products need beside their lanes, NEON: squares of four stored rows, and bf16 without the processor's flushing.
#ifndef TENSOR_KERNELS_NEON_ROWS_H
#define TENSOR_KERNELS_NEON_ROWS_H

enum { SQUARE = 4 };

#include "tensor/kernels/lanes_gemm.h"

// Four elements of four rows, transposed.
INLINE void transpose_square(float *to, const float *from, size_t ld) {
    float32x4x2_t ab = vtrnq_f32(vld1q_f32(from), vld1q_f32(from + ld));
    float32x4x2_t cd = vtrnq_f32(vld1q_f32(from + 2 * ld), vld1q_f32(from + 3 * ld));
    vst1q_f32(to, vcombine_f32(vget_low_f32(ab.val[0]), vget_low_f32(cd.val[0])));
    vst1q_f32(to + GEMM_NR, vcombine_f32(vget_low_f32(ab.val[1]), vget_low_f32(cd.val[1])));
    vst1q_f32(to + 2 * GEMM_NR, vcombine_f32(vget_high_f32(ab.val[0]), vget_high_f32(cd.val[0])));
    vst1q_f32(to + 3 * GEMM_NR, vcombine_f32(vget_high_f32(ab.val[1]), vget_high_f32(cd.val[1])));
}

// The table's gemm_few.
static void gemm_few(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k, int mr, int n,
                     bool proceed) {
    few_pieces(c, ldc, a, lda, rows, type, stride, k, mr, n, proceed, false);
}

// ---- bf16 (numerics.md, M3): FZ stays 0, for Arm flushes before rounding

// Size less 1 of each sum's bits, the least of all: a sum of zero does not count.
INLINE uint32x4_t tile_least(const Tile *t, uint32x4_t least, const int mr) {
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int p = 0; p < PARTS; p++) {
            uint32x4_t size = vandq_u32(vreinterpretq_u32_f32(t->row[i][p]), vdupq_n_u32(0x7fffffff));
            least = vminq_u32(least, vsubq_u32(size, vdupq_n_u32(1)));
        }
    return least;
}

// The plain tile in c; false when one of its sums was so small that it might have to be flushed.
INLINE bool bf16_run(float *c, const float *a, const float *b, size_t k, bool proceed, const int mr) {
    Tile t;
    tile_start(&t, c, GEMM_NR, mr, proceed);
    uint32x4_t least = tile_least(&t, vdupq_n_u32(UINT32_MAX), mr);
    for (; k > 0; k--, a += GEMM_MR, b += GEMM_NR) {
        tile_step(&t, a, 1, b, mr);
        least = tile_least(&t, least, mr);
    }
    tile_store(&t, c, GEMM_NR, mr);
    return vminvq_u32(least) >= 0x00800000;
}

// The table's bf16_tile.
static void bf16_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode) {
    float whole[GEMM_MR * GEMM_NR] = {0};
    bool normal = false;
    if (mode == TILE_PROCEED) copy_part(whole, GEMM_NR, c, ldc, mr, nr);
    WITH_ROWS(mr, normal = bf16_run, whole, a, b, k + k % 2, mode == TILE_PROCEED)
    if (normal) copy_part(c, ldc, whole, GEMM_NR, mr, nr);
    else scalar_bf16_tile(c, ldc, a, b, k, mr, nr, mode);
}

#endif
