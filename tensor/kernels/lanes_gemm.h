// Matrix product tiles, the text of every vector table. Lanes are output columns, so every element keeps its one ascending chain
// (numerics.md, M1). A tile is 6 rows x 16 columns: with 8 lanes 12 accumulators, 2 registers of B, 1 of A.
//
// How stored rows come to lie side by side differs between instruction sets: rows.h of their folders.
#ifndef TENSOR_KERNELS_LANES_GEMM_H
#define TENSOR_KERNELS_LANES_GEMM_H

#include "tensor/kernels/lanes_vec.h"

enum { PIECE = 256 };  // elements of a row that are expanded at a time: a multiple of every type's block

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

typedef struct {
    Lanes row[GEMM_MR][PARTS];
} Tile;

// Chains from +0, or from what c holds.
INLINE void tile_start(Tile *t, const float *c, size_t ldc, const int mr, bool proceed) {
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int p = 0; p < PARTS; p++)
            t->row[i][p] = proceed ? lanes_load(c + (size_t)i * ldc, (size_t)p * WIDTH, LANES) : lanes_all(0.0f);
}

// All chains of a tile to c.
INLINE void tile_store(const Tile *t, float *c, size_t ldc, const int mr) {
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int p = 0; p < PARTS; p++) lanes_store(c + (size_t)i * ldc, (size_t)p * WIDTH, LANES, t->row[i][p]);
}

// One link of every chain: a[i * step] of row i times 16 columns of B.
INLINE void tile_link(Tile *t, const float *a, size_t step, const Lanes b[PARTS], const int mr) {
    UNROLL for (int i = 0; i < mr; i++) {
        Lanes x = lanes_all(a[(size_t)i * step]);
        UNROLL for (int p = 0; p < PARTS; p++) t->row[i][p] = lanes_fma(x, b[p], t->row[i][p]);
    }
}

// The same with 16 columns from a panel.
INLINE void tile_step(Tile *t, const float *a, size_t step, const float *b, const int mr) {
    Lanes row[PARTS];
    UNROLL for (size_t p = 0; p < PARTS; p++) row[p] = lanes_load(b, p * WIDTH, LANES);
    tile_link(t, a, step, row, mr);
}

// One tile: all links of its chains. `mr` is a constant wherever a tile is used, so the accumulators stay in registers.
INLINE void tile_run(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t k, TileMode mode,
                     const int mr) {
    Tile t;
    tile_start(&t, c, ldc, mr, mode == TILE_PROCEED);
    for (; k > 0; k--, a += k_step, b += GEMM_NR) tile_step(&t, a, row_step, b, mr);
    UNROLL for (int i = 0; mode == TILE_ADD && i < mr; i++)
        UNROLL for (int p = 0; p < PARTS; p++) t.row[i][p] = lanes_load(c + (size_t)i * ldc, (size_t)p * WIDTH, LANES) + t.row[i][p];
    tile_store(&t, c, ldc, mr);
}

// Copies mr x nr elements: a tile at the right border lives in a full-width buffer meanwhile.
static inline void copy_part(float *to, size_t ld_to, const float *from, size_t ld_from, int mr, int nr) {
    for (int i = 0; i < mr; i++) memcpy(to + (size_t)i * ld_to, from + (size_t)i * ld_from, (size_t)nr * sizeof(float));
}

// A from a panel (steps 1 and GEMM_MR) or from rows (steps lda and 1).
INLINE void tile_from(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t k, int mr, int nr,
                      TileMode mode) {
    float whole[GEMM_MR * GEMM_NR], *out = nr < GEMM_NR ? whole : c;
    size_t ld = nr < GEMM_NR ? GEMM_NR : ldc;
    if (nr < GEMM_NR) {
        memset(whole, 0, sizeof whole);
        if (mode != TILE_SET) copy_part(whole, GEMM_NR, c, ldc, mr, nr);
    }
    WITH_ROWS(mr, tile_run, out, ld, a, row_step, k_step, b, k, mode)
    if (nr < GEMM_NR) copy_part(c, ldc, whole, GEMM_NR, mr, nr);
}

// A call of its own: nothing tells a compiler that arithmetic depends on the processor's mode (bf16_tile of x86).
__attribute__((noinline)) static void gemm_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr,
                                                TileMode mode) {
    tile_from(c, ldc, a, 1, GEMM_MR, b, k, mr, nr, mode);
}

// Any strides; missing rows are zero.
static void pack_a(float *panel, const float *a, size_t row_stride, size_t k_stride, size_t k, int mr) {
    // Where six numbers of a column lie side by side they are copied at once.
    for (; row_stride == 1 && mr == GEMM_MR && k > 0; k--, panel += GEMM_MR, a += k_stride) memcpy(panel, a, GEMM_MR * sizeof(float));
    for (size_t kk = 0; kk < k; kk++)
        for (int i = 0; i < GEMM_MR; i++) panel[kk * GEMM_MR + (size_t)i] = i < mr ? a[(size_t)i * row_stride + kk * k_stride] : 0.0f;
}

// ---- bf16 (numerics.md, M3)

// Rounded to bf16: nearest even, a subnormal number becomes zero of its sign, NaN quiet. The processor's mode does not matter.
INLINE Lanes round_bf16(Lanes x) {
    Words bits = (Words)x, near = bits + ((bits >> 16 & 1) + 0x7fff), quiet = bits | 0x400000, sign = (Words)lanes_all(-0.0f);
    Mask tiny = lanes_more(lanes_all(0x1p-126f), (Lanes)(bits & ~sign));
    Lanes rounded = lanes_choose(lanes_equal(x, x), (Lanes)near, (Lanes)quiet), keep = (Lanes)(sign | 0xffff0000);
    return (Lanes)((Words)rounded & (Words)lanes_choose(tiny, (Lanes)sign, keep));
}

// Every number rounded, the odd step of a pair first.
static void bf16_pairs(float *panel, size_t k, size_t width) {
    for (size_t kk = 0; kk < k; kk += 2, panel += 2 * width)
        for (size_t j = 0; j < width; j += WIDTH) {
            Lanes even = lanes_load(panel, j, width), odd = kk + 1 < k ? lanes_load(panel + width, j, width) : lanes_all(0.0f);
            lanes_store(panel, j, width, round_bf16(odd));
            lanes_store(panel + width, j, width, round_bf16(even));
        }
}

// ---- stored rows of any type: expanded into a small buffer, then transposed

// Squares of rows.h: SQUARE elements of as many rows that lie ld apart, from row to row of a panel.
INLINE void transpose_square(float *to, const float *from, size_t ld);

// At most PIECE elements of nr rows.
static void pack_piece(float *panel, const void *rows, DType type, size_t stride, size_t first, size_t n, int nr) {
    float piece[GEMM_NR][PIECE];
    for (int j = 0; j < GEMM_NR; j++) {
        if (j < nr) kernels.expand(piece[j], (const char *)rows + (size_t)j * stride, type, first, n);
        else memset(piece[j], 0, n * sizeof(float));
    }
    size_t kk = 0;
    for (; kk + SQUARE <= n; kk += SQUARE)
        for (size_t j = 0; j < GEMM_NR; j += SQUARE) transpose_square(panel + kk * GEMM_NR + j, piece[j] + kk, PIECE);
    for (; kk < n; kk++)
        for (int j = 0; j < GEMM_NR; j++) panel[kk * GEMM_NR + (size_t)j] = piece[j][kk];
}

// All k elements, piece by piece.
static void pack_rows(float *panel, const void *rows, DType type, size_t stride, size_t first, size_t k, int nr) {
    for (size_t done = 0; done < k; done += PIECE)
        pack_piece(panel + done * GEMM_NR, rows, type, stride, first + done, k - done < PIECE ? k - done : PIECE, nr);
}

// Few rows of A: every piece of a panel is multiplied while it lies in L1.
INLINE void few_pieces(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k, int mr,
                       int n, bool proceed, bool bf16) {
    float panel[PIECE * GEMM_NR];
    for (int j = 0; j < n; j += GEMM_NR) {
        const char *from = (const char *)rows + (size_t)j * stride;
        int nr = n - j < GEMM_NR ? n - j : GEMM_NR;
        for (size_t done = 0; done < k || done == 0; done += PIECE) {
            size_t some = k - done < PIECE ? k - done : PIECE;
            pack_piece(panel, from, type, stride, done, some, nr);
            if (bf16) bf16_pairs(panel, some, GEMM_NR);
            if (bf16) some += some % 2;
            tile_from(c + j, ldc, a + done, lda, 1, panel, some, mr, nr, proceed || done > 0 ? TILE_PROCEED : TILE_SET);
        }
    }
}

#endif
