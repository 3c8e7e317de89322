// What products need beside their lanes, x86: 16 stored rows side by side, few rows of A, bf16 by the processor's flushing.
//
// Stored weights lie row by row while a tile wants 16 rows side by side, so rows are transposed in registers of eight: fp32 after
// widening, quantised ones as bytes. AVX-512 includes this text too.
#ifndef TENSOR_KERNELS_AVX2_ROWS_H
#define TENSOR_KERNELS_AVX2_ROWS_H

enum { SQUARE = 8 };  // rows and elements that are transposed at a time

#include "tensor/kernels/expand.h"
#include "tensor/kernels/lanes_gemm.h"

enum {
    FAR_AHEAD = 1 << 17,   // bytes that may be asked for early and still be in L2 when wanted
    NEAR_AHEAD = 1 << 10
};

// ---- transposing 8 x 8 numbers

// x[i] holds 8 elements of row i; afterwards x[kk] holds element kk of 8 rows.
INLINE void transpose8(__m256 x[8]) {
    __m256 y[8], z[8];
    UNROLL for (int i = 0; i < 8; i += 2) {
        y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    UNROLL for (int i = 0; i < 8; i += 4) {
        z[i] = _mm256_shuffle_ps(y[i], y[i + 2], 0x44);
        z[i + 1] = _mm256_shuffle_ps(y[i], y[i + 2], 0xee);
        z[i + 2] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0x44);
        z[i + 3] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0xee);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        x[i] = _mm256_permute2f128_ps(z[i], z[i + 4], 0x20);
        x[i + 4] = _mm256_permute2f128_ps(z[i], z[i + 4], 0x31);
    }
}

// Eight elements of eight rows.
INLINE void transpose_square(float *to, const float *from, size_t ld) {
    __m256 x[8];
    UNROLL for (size_t i = 0; i < 8; i++) x[i] = _mm256_loadu_ps(from + i * ld);
    transpose8(x);
    UNROLL for (size_t i = 0; i < 8; i++) _mm256_storeu_ps(to + i * GEMM_NR, x[i]);
}

// pack_a where rows are contiguous: 8 elements of 6 rows at a time; rows that are missing are zero.
static void pack_a_across(float *panel, const float *a, size_t row_stride, size_t k_stride, size_t k, int mr) {
    for (; k_stride == 1 && k >= 8; k -= 8, a += 8) {
        __m256 x[8];
        UNROLL for (int i = 0; i < 8; i++) x[i] = i < mr ? _mm256_loadu_ps(a + (size_t)i * row_stride) : _mm256_setzero_ps();
        transpose8(x);
        // Two places more are written where the next six overwrite them.
        UNROLL for (int i = 0; i < 7; i++) _mm256_storeu_ps(panel + i * GEMM_MR, x[i]);
        _mm_storeu_ps(panel + 7 * GEMM_MR, _mm256_castps256_ps128(x[7]));
        _mm_storel_pi((__m64 *)(panel + 7 * GEMM_MR + 4), _mm256_extractf128_ps(x[7], 1));
        panel += 8 * GEMM_MR;
    }
    pack_a(panel, a, row_stride, k_stride, k, mr);
}

// ---- 16 stored rows side by side

// Sixteen rows, `stride` bytes apart, of which `present` exist.
typedef struct {
    const uint8_t *base;
    size_t stride;
    int present;
    size_t ahead;  // bytes to what is wanted soon
} Rows;

// Memory is asked for what comes next: the same place of the next 16 rows; in long rows, further on in the row.
INLINE Rows rows_at(const void *rows, size_t stride, size_t offset, int nr) {
    size_t next = stride * GEMM_NR;
    return (Rows){(const uint8_t *)rows + offset, stride, nr < GEMM_NR ? nr : GEMM_NR, next <= FAR_AHEAD ? next : NEAR_AHEAD};
}

// The address of `n` bytes at `at` of each row; if rows are missing or `room` goes beyond them, a zero-padded copy.
INLINE const uint8_t *rows_view(const Rows *rows, size_t at, size_t n, uint8_t *copy, size_t room, size_t *stride) {
    *stride = rows->stride;
    if (rows->present == GEMM_NR && n == room) return rows->base + at;
    memset(copy, 0, room * GEMM_NR);
    for (int j = 0; j < rows->present; j++) memcpy(copy + (size_t)j * room, rows->base + at + (size_t)j * rows->stride, n);
    *stride = room;
    return copy;
}

// Asks for what lies `ahead` of `at` in each row.
INLINE void rows_prefetch(const Rows *rows, size_t at) {
    // An address is computed as a number: it may lie behind the matrix, where nothing is fetched.
    uintptr_t next = (uintptr_t)rows->base + at + rows->ahead;
    UNROLL for (int j = 0; j < GEMM_NR; j++) _mm_prefetch((const char *)(next + (size_t)j * rows->stride), _MM_HINT_T1);
}

// ---- B from rows of F32, F16 and BF16

// Eight elements, widened exactly.
INLINE __m256 load_wide(const void *at, const DType type) {
    if (type == DTYPE_F32) return _mm256_loadu_ps(at);
    __m128i half = _mm_loadu_si128(at);
    if (type == DTYPE_F16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

// Elements [0, k) of 16 rows, transposed: panel[kk * 16 + j]. The last step may write up to 7 * 16 zeros behind the panel.
INLINE void wide_steps(float *panel, const Rows *rows, size_t first, size_t k, const DType type) {
    const size_t bytes = type == DTYPE_F32 ? 4 : 2;
    uint8_t copy[GEMM_NR * SQUARE * 4];
    for (size_t kk = 0; kk < k; kk += SQUARE) {
        size_t stride, n = k - kk < SQUARE ? k - kk : SQUARE, at = (first + kk) * bytes;
        const uint8_t *row = rows_view(rows, at, n * bytes, copy, SQUARE * bytes, &stride);
        if (kk * bytes % 64 == 0) rows_prefetch(rows, at);
        UNROLL for (size_t side = 0; side < GEMM_NR; side += 8) {
            __m256 x[8];
            UNROLL for (size_t i = 0; i < 8; i++) x[i] = load_wide(row + (side + i) * stride, type);
            transpose8(x);
            UNROLL for (size_t i = 0; i < 8; i++) _mm256_storeu_ps(panel + (kk + i) * GEMM_NR + side, x[i]);
        }
    }
}

// The same for a type that is known at run time.
static void wide_panel(float *panel, const Rows *rows, size_t first, size_t k, DType type) {
    if (type == DTYPE_F32) wide_steps(panel, rows, first, k, DTYPE_F32);
    else if (type == DTYPE_F16) wide_steps(panel, rows, first, k, DTYPE_F16);
    else wide_steps(panel, rows, first, k, DTYPE_BF16);
}

// Any k: the last step goes through a buffer.
static void pack_wide(float *panel, const Rows *rows, size_t k, DType type) {
    size_t whole = k / SQUARE * SQUARE;
    wide_panel(panel, rows, 0, whole, type);
    if (whole == k) return;
    float part[SQUARE * GEMM_NR];
    wide_panel(part, rows, whole, k - whole, type);
    memcpy(panel + whole * GEMM_NR, part, (k - whole) * GEMM_NR * sizeof(float));
}

// ---- B from rows of Q8_0, Q4_0 and Q4_1

// One block of 16 rows: quants as signed bytes, element kk of rows 0..7 at quant_at(kk), of rows 8..15 sixteen behind it.
typedef struct {
    int8_t quant[BLOCK * GEMM_NR];
    __m256 d[2], m[2];  // scale and offset of each row
} Block;

// Where element kk of row 0 stands among the quants.
INLINE size_t quant_at(size_t kk) { return kk / 2 * 32 + kk % 2 * 8; }

// Sixteen bytes of each of 16 rows, transposed: y[i] holds elements 2i and 2i+1 in quant_at's order.
INLINE void transpose_bytes(__m256i y[8], const uint8_t *row, size_t stride) {
    __m256i x[8];
    UNROLL for (size_t i = 0; i < 8; i++) {
        __m128i low = _mm_loadu_si128((const void *)(row + i * stride)), high = _mm_loadu_si128((const void *)(row + (i + 8) * stride));
        x[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    }
    // Pairs of rows, then fours, then eights stand side by side.
    UNROLL for (int i = 0; i < 8; i += 2) {
        y[i] = _mm256_unpacklo_epi8(x[i], x[i + 1]);
        y[i + 1] = _mm256_unpackhi_epi8(x[i], x[i + 1]);
    }
    UNROLL for (int i = 0; i < 2; i++) {
        x[i * 2] = _mm256_unpacklo_epi16(y[i], y[i + 2]);
        x[i * 2 + 1] = _mm256_unpackhi_epi16(y[i], y[i + 2]);
        x[i * 2 + 4] = _mm256_unpacklo_epi16(y[i + 4], y[i + 6]);
        x[i * 2 + 5] = _mm256_unpackhi_epi16(y[i + 4], y[i + 6]);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        y[i * 2] = _mm256_unpacklo_epi32(x[i], x[i + 4]);
        y[i * 2 + 1] = _mm256_unpackhi_epi32(x[i], x[i + 4]);
    }
}

// Four bytes from any address.
INLINE int word_at(const uint8_t *at) {
    int word;
    memcpy(&word, at, sizeof word);
    return word;
}

// The first 4 bytes of a block of 8 rows: f16 d and, in Q4_1, f16 m. The others add -0, which changes no product's bits.
INLINE void scales_load(__m256 *d, __m256 *m, const uint8_t *row, size_t stride, const DType type) {
    const uint8_t *lower = row + 4 * stride;
    __m256i words = _mm256_setr_epi32(word_at(row), word_at(row + stride), word_at(row + 2 * stride), word_at(row + 3 * stride),
                                      word_at(lower), word_at(lower + stride), word_at(lower + 2 * stride), word_at(lower + 3 * stride));
    const __m256i even_odd = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    words = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(words, even_odd), 0xd8);
    *d = _mm256_cvtph_ps(_mm256_castsi256_si128(words));
    *m = type == DTYPE_Q4_1 ? _mm256_cvtph_ps(_mm256_extracti128_si256(words, 1)) : _mm256_set1_ps(-0.0f);
}

// Bytes of a block of 32 elements.
INLINE size_t block_bytes(DType type) { return type == DTYPE_Q8_0 ? 34 : type == DTYPE_Q4_0 ? 18 : 20; }

// Reads one block of 16 rows.
INLINE void block_read(Block *block, const Rows *rows, size_t at, const DType type) {
    uint8_t copy[GEMM_NR * 34];
    size_t stride;
    const uint8_t *row = rows_view(rows, at, block_bytes(type), copy, block_bytes(type), &stride);
    __m256i y[8], *quant = (__m256i *)(void *)block->quant;
    rows_prefetch(rows, at);
    UNROLL for (size_t side = 0; side < 2; side++) scales_load(&block->d[side], &block->m[side], row + side * 8 * stride, stride, type);
    if (type == DTYPE_Q8_0) {
        UNROLL for (int half = 0; half < 2; half++) {
            transpose_bytes(y, row + 2 + half * 16, stride);
            UNROLL for (int i = 0; i < 8; i++) _mm256_storeu_si256(quant + half * 8 + i, y[i]);
        }
        return;
    }
    // A byte of a 4-bit type carries element i in its low and i + 16 in its high half.
    const __m256i mask = _mm256_set1_epi8(15), zero_point = _mm256_set1_epi8(type == DTYPE_Q4_0 ? 8 : 0);
    transpose_bytes(y, row + (type == DTYPE_Q4_0 ? 2 : 4), stride);
    UNROLL for (int i = 0; i < 8; i++) {
        __m256i low = _mm256_and_si256(y[i], mask), high = _mm256_and_si256(_mm256_srli_epi16(y[i], 4), mask);
        _mm256_storeu_si256(quant + i, type == DTYPE_Q4_0 ? _mm256_sub_epi8(low, zero_point) : low);
        _mm256_storeu_si256(quant + 8 + i, type == DTYPE_Q4_0 ? _mm256_sub_epi8(high, zero_point) : high);
    }
}

// The same for a type that is known at run time.
static void block_load(Block *block, const Rows *rows, size_t at, DType type) {
    if (type == DTYPE_Q8_0) block_read(block, rows, at, DTYPE_Q8_0);
    else if (type == DTYPE_Q4_0) block_read(block, rows, at, DTYPE_Q4_0);
    else block_read(block, rows, at, DTYPE_Q4_1);
}

// Element kk of 16 rows, expanded by its one rounding.
INLINE void block_value(Lanes y[PARTS], const Block *block, size_t kk) {
    __m256 x[2];
    UNROLL for (int side = 0; side < 2; side++) {
        __m256i whole = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(block->quant + quant_at(kk) + 16 * side)));
        x[side] = _mm256_fmadd_ps(block->d[side], _mm256_cvtepi32_ps(whole), block->m[side]);
    }
    lanes_join(y, x);
}

// The rows as a panel, block by block.
static void pack_quantised(float *panel, const Rows *rows, size_t k, DType type) {
    Block block;
    for (size_t done = 0, at = 0; done < k; done += BLOCK, at += block_bytes(type), panel += BLOCK * GEMM_NR) {
        block_load(&block, rows, at, type);
        _Pragma("GCC unroll 4") for (size_t kk = 0; kk < BLOCK; kk++) {
            Lanes y[PARTS];
            block_value(y, &block, kk);
            UNROLL for (size_t p = 0; p < PARTS; p++) lanes_store(panel + kk * GEMM_NR, p * WIDTH, LANES, y[p]);
        }
    }
}

// ---- few rows of A: `panels` sets of 16 stored rows at a time, so that enough chains run side by side

// Wide types wait for memory, not for chains: one panel is enough.
INLINE void few_wide(float *c, size_t ldc, const float *a, size_t lda, const Rows *rows, DType type, size_t k, bool proceed, bool bf16,
                     const int mr) {
    float part[BLOCK * GEMM_NR];
    Tile t;
    tile_start(&t, c, ldc, mr, proceed);
    for (size_t done = 0; done < k; done += BLOCK) {
        size_t n = k - done < BLOCK ? k - done : BLOCK;
        wide_panel(part, rows, done, n, type);
        if (bf16) bf16_pairs(part, n, GEMM_NR);
        if (bf16) n += n % 2;
        for (size_t kk = 0; kk < n; kk++) tile_step(&t, a + done + kk, lda, part + kk * GEMM_NR, mr);
    }
    tile_store(&t, c, ldc, mr);
}

// Quantised blocks wait for chains: two panels side by side where there are few rows of A.
INLINE void few_quantised(float *c, size_t ldc, const float *a, size_t lda, const Rows *rows, DType type, size_t k, bool proceed,
                          const bool bf16, const int panels, const int mr) {
    Block block[2];
    Tile t[2];
    UNROLL for (int p = 0; p < panels; p++) tile_start(&t[p], c + p * GEMM_NR, ldc, mr, proceed);
    for (size_t done = 0, at = 0; done < k; done += BLOCK, at += block_bytes(type), a += BLOCK) {
        UNROLL for (int p = 0; p < panels; p++) block_load(&block[p], &rows[p], at, type);
        _Pragma("GCC unroll 2") for (size_t kk = 0; kk < BLOCK; kk++)
            UNROLL for (int p = 0; p < panels; p++) {
                Lanes y[PARTS];
                block_value(y, &block[p], bf16 ? kk ^ 1 : kk);
                UNROLL for (int q = 0; q < PARTS; q++) y[q] = bf16 ? round_bf16(y[q]) : y[q];
                tile_link(&t[p], a + kk, lda, y, mr);
            }
    }
    UNROLL for (int p = 0; p < panels; p++) tile_store(&t[p], c + p * GEMM_NR, ldc, mr);
}

// ---- the table's entries

// Types that are moved or widened.
INLINE bool is_wide(DType type) { return type == DTYPE_F32 || type == DTYPE_F16 || type == DTYPE_BF16; }

// Types of blocks of 32.
INLINE bool is_quantised(DType type) { return type == DTYPE_Q8_0 || type == DTYPE_Q4_0 || type == DTYPE_Q4_1; }

// The table's pack_rows; types that are unknown here go piece by piece.
static void pack_rows_across(float *panel, const void *stored, DType type, size_t stride, size_t first, size_t k, int nr) {
    Rows rows = rows_at(stored, stride, dtype_bytes(type, first), nr);
    if (is_wide(type)) pack_wide(panel, &rows, k, type);
    else if (is_quantised(type)) pack_quantised(panel, &rows, k, type);
    else pack_rows(panel, stored, type, stride, first, k, nr);
    // Missing rows read as zero bytes, which are not the number zero in every type.
    for (size_t kk = 0; nr < GEMM_NR && kk < k; kk++)
        for (int j = nr; j < GEMM_NR; j++) panel[kk * GEMM_NR + (size_t)j] = 0.0f;
}

// Both precisions. A call of its own, as gemm_tile is. What is expanded under FTZ and DAZ is never subnormal: a block's numbers are
// whole multiples of an f16, and F32 and BF16 are moved, not computed.
__attribute__((noinline)) static void few_rows(float *c, size_t ldc, const float *a, size_t lda, const void *stored, DType type,
                                               size_t stride, size_t k, int mr, int n, bool proceed, bool bf16) {
    if (!is_wide(type) && !is_quantised(type)) few_pieces(c, ldc, a, lda, stored, type, stride, k, mr, n, proceed, bf16), n = 0;
    for (int j = 0, nr; j < n; j += nr) {
        const uint8_t *from = (const uint8_t *)stored + (size_t)j * stride;
        Rows rows[2] = {rows_at(from, stride, 0, n - j)};
        // Up to 3 rows of A take 32 columns at once.
        if (mr <= 3 && n - j >= 2 * GEMM_NR && is_quantised(type)) {
            nr = 2 * GEMM_NR;
            rows[1] = rows_at(from + GEMM_NR * stride, stride, 0, GEMM_NR);
            rows[0].ahead *= 2;
            rows[1].ahead *= 2;
            if (bf16) { WITH_ROWS(mr, few_quantised, c + j, ldc, a, lda, rows, type, k, proceed, true, 2) }
            else { WITH_ROWS(mr, few_quantised, c + j, ldc, a, lda, rows, type, k, proceed, false, 2) }
            continue;
        }
        // At the right border a full-width buffer takes the place of C.
        nr = n - j < GEMM_NR ? n - j : GEMM_NR;
        float whole[GEMM_MR * GEMM_NR], *out = nr < GEMM_NR ? whole : c + j;
        size_t ld = nr < GEMM_NR ? GEMM_NR : ldc;
        if (nr < GEMM_NR) memset(whole, 0, sizeof whole);
        if (nr < GEMM_NR && proceed) copy_part(whole, GEMM_NR, c + j, ldc, mr, nr);
        if (is_wide(type)) { WITH_ROWS(mr, few_wide, out, ld, a, lda, rows, type, k, proceed, bf16) }
        else if (bf16) { WITH_ROWS(mr, few_quantised, out, ld, a, lda, rows, type, k, proceed, true, 1) }
        else { WITH_ROWS(mr, few_quantised, out, ld, a, lda, rows, type, k, proceed, false, 1) }
        if (nr < GEMM_NR) copy_part(c + j, ldc, whole, GEMM_NR, mr, nr);
    }
}

// The table's gemm_few.
static void gemm_few(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k, int mr, int n,
                     bool proceed) {
    few_rows(c, ldc, a, lda, rows, type, stride, k, mr, n, proceed, false);
}

// ---- bf16 (numerics.md, M3): the same text while the processor flushes and takes subnormals as zero

// Sets FTZ and DAZ; returns what is to be restored.
static unsigned flush_begin(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
}

// The table's bf16_tile.
static void bf16_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode) {
    unsigned before = flush_begin();
    gemm_tile(c, ldc, a, b, k + k % 2, mr, nr, mode);
    _mm_setcsr(before);
}

// The table's bf16_few.
static void bf16_few(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k, int mr, int n,
                     bool proceed) {
    unsigned before = flush_begin();
    few_rows(c, ldc, a, lda, rows, type, stride, k, mr, n, proceed, true);
    _mm_setcsr(before);
}

#endif
