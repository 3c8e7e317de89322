// Matrix product tiles, NEON. Lanes are output columns, so every element keeps its one ascending chain.
//
// A tile is 6 rows x 16 columns: 24 accumulators, 4 registers of B, 1 of A. Stored rows are expanded into a small buffer and
// transposed four by four.
#include <arm_neon.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/kernels/neon/lanes.h"
#include "tensor/kernels/table.h"
#include "tensor/kernels/tile.h"

enum {
    QUARTERS = GEMM_NR / 4,  // registers of one row of a tile
    PIECE = 256              // elements of a row expanded at a time: a multiple of every type's block
};

// ---- the tile: `mr` is a constant wherever these are used, so the accumulators stay in registers

typedef struct {
    float32x4_t row[GEMM_MR][QUARTERS];
} Tile;

INLINE void tile_start(Tile *t, const float *c, size_t ldc, const int mr, bool proceed) {
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int q = 0; q < QUARTERS; q++) t->row[i][q] = proceed ? vld1q_f32(c + (size_t)i * ldc + 4 * q) : vdupq_n_f32(0);
}

// One link of every chain: a[i * step] of row i times 16 columns of B.
INLINE void tile_link(Tile *t, const float *a, size_t step, const float *b, const int mr) {
    float32x4_t column[QUARTERS];
    UNROLL for (int q = 0; q < QUARTERS; q++) column[q] = vld1q_f32(b + 4 * q);
    UNROLL for (int i = 0; i < mr; i++) {
        float32x4_t x = vld1q_dup_f32(a + (size_t)i * step);
        UNROLL for (int q = 0; q < QUARTERS; q++) t->row[i][q] = vfmaq_f32(t->row[i][q], x, column[q]);
    }
}

INLINE void tile_store(const Tile *t, float *c, size_t ldc, const int mr) {
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int q = 0; q < QUARTERS; q++) vst1q_f32(c + (size_t)i * ldc + 4 * q, t->row[i][q]);
}

INLINE void tile_add(Tile *t, const float *c, size_t ldc, const int mr) {
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int q = 0; q < QUARTERS; q++) t->row[i][q] = vaddq_f32(vld1q_f32(c + (size_t)i * ldc + 4 * q), t->row[i][q]);
}

INLINE void tile_run(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t k, TileMode mode,
                     const int mr) {
    Tile t;
    tile_start(&t, c, ldc, mr, mode == TILE_PROCEED);
    for (; k > 0; k--, a += k_step, b += GEMM_NR) tile_link(&t, a, row_step, b, mr);
    if (mode == TILE_ADD) tile_add(&t, c, ldc, mr);
    tile_store(&t, c, ldc, mr);
}

// A from a panel (steps 1 and GEMM_MR) or from rows (steps lda and 1).
static void tile_from(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t k, int mr, int nr,
                      TileMode mode) {
    if (nr < GEMM_NR) {
        float whole[GEMM_MR * GEMM_NR] = {0};
        if (mode != TILE_SET) copy_part(whole, GEMM_NR, c, ldc, mr, nr);
        tile_from(whole, GEMM_NR, a, row_step, k_step, b, k, mr, GEMM_NR, mode);
        copy_part(c, ldc, whole, GEMM_NR, mr, nr);
        return;
    }
    WITH_ROWS(mr, tile_run, c, ldc, a, row_step, k_step, b, k, mode)
}

static void gemm_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode) {
    tile_from(c, ldc, a, 1, GEMM_MR, b, k, mr, nr, mode);
}

// ---- panels

static void pack_a(float *panel, const float *a, size_t row_stride, size_t k_stride, size_t k, int mr) {
    if (row_stride == 1 && mr == GEMM_MR) {
        for (size_t kk = 0; kk < k; kk++) memcpy(panel + kk * GEMM_MR, a + kk * k_stride, GEMM_MR * sizeof(float));
        return;
    }
    for (size_t kk = 0; kk < k; kk++)
        for (int i = 0; i < GEMM_MR; i++) panel[kk * GEMM_MR + (size_t)i] = i < mr ? a[(size_t)i * row_stride + kk * k_stride] : 0.0f;
}

// Four elements of four rows, transposed.
INLINE void transpose4(float *to, const float *a, const float *b, const float *c, const float *d) {
    float32x4x2_t ab = vtrnq_f32(vld1q_f32(a), vld1q_f32(b)), cd = vtrnq_f32(vld1q_f32(c), vld1q_f32(d));
    vst1q_f32(to, vcombine_f32(vget_low_f32(ab.val[0]), vget_low_f32(cd.val[0])));
    vst1q_f32(to + GEMM_NR, vcombine_f32(vget_low_f32(ab.val[1]), vget_low_f32(cd.val[1])));
    vst1q_f32(to + 2 * GEMM_NR, vcombine_f32(vget_high_f32(ab.val[0]), vget_high_f32(cd.val[0])));
    vst1q_f32(to + 3 * GEMM_NR, vcombine_f32(vget_high_f32(ab.val[1]), vget_high_f32(cd.val[1])));
}

// Expands and transposes at most PIECE elements of nr rows.
static void pack_piece(float *panel, const void *rows, DType type, size_t stride, size_t first, size_t n, int nr) {
    float piece[GEMM_NR][PIECE];
    for (int j = 0; j < GEMM_NR; j++) {
        if (j < nr) kernels.expand(piece[j], (const char *)rows + (size_t)j * stride, type, first, n);
        else memset(piece[j], 0, n * sizeof(float));
    }
    size_t kk = 0;
    for (; kk + 4 <= n; kk += 4)
        for (int j = 0; j < GEMM_NR; j += 4)
            transpose4(panel + kk * GEMM_NR + j, piece[j] + kk, piece[j + 1] + kk, piece[j + 2] + kk, piece[j + 3] + kk);
    for (; kk < n; kk++)
        for (int j = 0; j < GEMM_NR; j++) panel[kk * GEMM_NR + (size_t)j] = piece[j][kk];
}

static void pack_rows(float *panel, const void *rows, DType type, size_t stride, size_t first, size_t k, int nr) {
    for (size_t done = 0; done < k; done += PIECE)
        pack_piece(panel + done * GEMM_NR, rows, type, stride, first + done, k - done < PIECE ? k - done : PIECE, nr);
}

// ---- few rows of A: every piece of a panel is multiplied while it lies in L1

static void gemm_few(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k,
                     int mr, int n, bool proceed) {
    float panel[PIECE * GEMM_NR];
    for (int j = 0; j < n; j += GEMM_NR) {
        const char *from = (const char *)rows + (size_t)j * stride;
        int nr = n - j < GEMM_NR ? n - j : GEMM_NR;
        for (size_t done = 0; done < k || done == 0; done += PIECE) {
            size_t some = k - done < PIECE ? k - done : PIECE;
            pack_piece(panel, from, type, stride, done, some, nr);
            tile_from(c + j, ldc, a + done, lda, 1, panel, some, mr, nr,
                      proceed || done > 0 ? TILE_PROCEED : TILE_SET);
        }
    }
}

// ---- bf16 (numerics.md, M3): FZ stays 0, for Arm flushes before rounding

// Four numbers rounded to bf16.
INLINE float32x4_t round4(float32x4_t x) {
    const uint32x4_t sign = vdupq_n_u32(0x80000000), upper = vdupq_n_u32(0xffff0000);
    uint32x4_t bits = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t near = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    uint32x4_t normal = vtstq_u32(bits, vdupq_n_u32(0x7f800000));
    uint32x4_t keep = vorrq_u32(sign, vandq_u32(normal, upper));
    return vreinterpretq_f32_u32(vandq_u32(vbslq_u32(vceqq_f32(x, x), near, quiet), keep));
}

static void bf16_pairs(float *panel, size_t k, size_t width) {
    for (size_t kk = 0; kk < k; kk += 2, panel += 2 * width)
        for (size_t j = 0; j < width; j += WIDTH) {
            float32x4_t even = lanes_load(panel, j, width), odd = kk + 1 < k ? lanes_load(panel + width, j, width) : vdupq_n_f32(0);
            lanes_store(panel, j, width, round4(odd));
            lanes_store(panel + width, j, width, round4(even));
        }
}

// Size less 1 of each sum's bits, the least of all: a sum of zero does not count.
INLINE uint32x4_t tile_least(const Tile *t, uint32x4_t least, const int mr) {
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int q = 0; q < QUARTERS; q++) {
            uint32x4_t size = vandq_u32(vreinterpretq_u32_f32(t->row[i][q]), vdupq_n_u32(0x7fffffff));
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
        tile_link(&t, a, 1, b, mr);
        least = tile_least(&t, least, mr);
    }
    tile_store(&t, c, GEMM_NR, mr);
    return vminvq_u32(least) >= 0x00800000;
}

static void bf16_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode) {
    float whole[GEMM_MR * GEMM_NR] = {0};
    bool normal = false;
    if (mode == TILE_PROCEED) copy_part(whole, GEMM_NR, c, ldc, mr, nr);
    WITH_ROWS(mr, normal = bf16_run, whole, a, b, k + k % 2, mode == TILE_PROCEED)
    if (normal) copy_part(c, ldc, whole, GEMM_NR, mr, nr);
    else scalar_bf16_tile(c, ldc, a, b, k, mr, nr, mode);
}

void neon_gemm_install(Kernels *table) {
    table->gemm_tile = gemm_tile;
    table->pack_a = pack_a;
    table->pack_rows = pack_rows;
    table->gemm_few = gemm_few;
    table->bf16_pairs = bf16_pairs;
    table->bf16_tile = bf16_tile;
}
