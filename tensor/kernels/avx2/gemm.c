// Matrix product tiles, AVX2 and FMA. Lanes are output columns, so every element keeps its one ascending chain.
//
// A tile is 6 rows x 16 columns: 12 accumulators, 2 registers of B, 1 of A broadcast. Stored weights lie row by row while a
// tile wants 16 rows side by side, so rows are transposed in registers: fp32 after widening, quantised ones as bytes.
#include <immintrin.h>
#include <string.h>

#include "tensor/kernels/avx2/lanes.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/table.h"
#include "tensor/kernels/tile.h"

enum {
    BLOCK = 32,  // elements of a block of Q8_0, Q4_0, Q4_1
    STEP = 8,    // elements of a row that are transposed at a time
    FAR_AHEAD = 1 << 17,   // bytes that may be asked for early and still be in L2 when wanted
    NEAR_AHEAD = 1 << 10,
    PIECE = 256  // elements of a row that are expanded at a time: a multiple of every type's block
};

// ---- the tile: `mr` is a constant wherever these are used, so the accumulators stay in registers

typedef struct {
    __m256 low[GEMM_MR], high[GEMM_MR];  // columns 0..7 and 8..15 of each row
} Tile;

INLINE void tile_start(Tile *t, const float *c, size_t ldc, const int mr, bool proceed) {
    UNROLL for (int i = 0; i < mr; i++) {
        t->low[i] = proceed ? _mm256_loadu_ps(c + i * ldc) : _mm256_setzero_ps();
        t->high[i] = proceed ? _mm256_loadu_ps(c + i * ldc + 8) : _mm256_setzero_ps();
    }
}

// One link of every chain: a[i * step] of row i times 16 columns of B.
INLINE void tile_link(Tile *t, const float *a, size_t step, __m256 low, __m256 high, const int mr) {
    UNROLL for (int i = 0; i < mr; i++) {
        __m256 x = _mm256_broadcast_ss(a + i * step);
        t->low[i] = _mm256_fmadd_ps(x, low, t->low[i]);
        t->high[i] = _mm256_fmadd_ps(x, high, t->high[i]);
    }
}

INLINE void tile_store(const Tile *t, float *c, size_t ldc, const int mr) {
    UNROLL for (int i = 0; i < mr; i++) {
        _mm256_storeu_ps(c + i * ldc, t->low[i]);
        _mm256_storeu_ps(c + i * ldc + 8, t->high[i]);
    }
}

#define WITH_FEW(mr, FUNCTION, ...)               \
    switch (mr) {                                 \
    case 1: FUNCTION(__VA_ARGS__, 1); break;      \
    case 2: FUNCTION(__VA_ARGS__, 2); break;      \
    default: FUNCTION(__VA_ARGS__, 3); break;     \
    }

INLINE void tile_add(Tile *t, const float *c, size_t ldc, const int mr) {
    UNROLL for (int i = 0; i < mr; i++) {
        t->low[i] = _mm256_add_ps(_mm256_loadu_ps(c + i * ldc), t->low[i]);
        t->high[i] = _mm256_add_ps(_mm256_loadu_ps(c + i * ldc + 8), t->high[i]);
    }
}

INLINE void tile_run(float *c, size_t ldc, const float *a, const float *b, size_t k, TileMode mode, const int mr) {
    Tile t;
    tile_start(&t, c, ldc, mr, mode == TILE_PROCEED);
    for (; k > 0; k--, a += GEMM_MR, b += GEMM_NR) tile_link(&t, a, 1, _mm256_loadu_ps(b), _mm256_loadu_ps(b + 8), mr);
    if (mode == TILE_ADD) tile_add(&t, c, ldc, mr);
    tile_store(&t, c, ldc, mr);
}

__attribute__((noinline)) static void gemm_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr,
                                                TileMode mode) {
    if (nr < GEMM_NR) {
        float whole[GEMM_MR * GEMM_NR] = {0};
        if (mode != TILE_SET) copy_part(whole, GEMM_NR, c, ldc, mr, nr);
        gemm_tile(whole, GEMM_NR, a, b, k, mr, GEMM_NR, mode);
        copy_part(c, ldc, whole, GEMM_NR, mr, nr);
        return;
    }
    WITH_ROWS(mr, tile_run, c, ldc, a, b, k, mode)
}

// ---- bf16 (numerics.md, M3): the same tile while the processor flushes and takes subnormals as zero

// Eight numbers rounded to bf16.
INLINE __m256 round8(__m256 x) {
    const __m256i sign = _mm256_set1_epi32(INT32_MIN), upper = _mm256_set1_epi32(-0x10000), exponent = _mm256_set1_epi32(0x7f800000);
    __m256i bits = _mm256_castps_si256(x), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i near = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)), nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i zero = _mm256_cmpeq_epi32(_mm256_and_si256(bits, exponent), _mm256_setzero_si256());
    __m256i keep = _mm256_or_si256(sign, _mm256_andnot_si256(zero, upper));
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_blendv_epi8(near, quiet, nan), keep));
}

static void bf16_pairs(float *panel, size_t k, size_t width) {
    for (size_t kk = 0; kk < k; kk += 2, panel += 2 * width)
        for (size_t j = 0; j < width; j += WIDTH) {
            __m256 even = lanes_load(panel, j, width), odd = kk + 1 < k ? lanes_load(panel + width, j, width) : _mm256_setzero_ps();
            lanes_store(panel, j, width, round8(odd));
            lanes_store(panel + width, j, width, round8(even));
        }
}

// Sets FTZ and DAZ; returns what is to be restored.
static unsigned flush_begin(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
}

// gemm_tile stays a call of its own: nothing tells a compiler that arithmetic depends on MXCSR.
static void bf16_tile(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode) {
    unsigned before = flush_begin();
    gemm_tile(c, ldc, a, b, k + k % 2, mr, nr, mode);
    _mm_setcsr(before);
}

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

// ---- A panels

// Six numbers to the panel; `whole` tells that two more places follow, which the next six overwrite.
INLINE void store_six(float *to, __m256 x, bool whole) {
    if (whole) {
        _mm256_storeu_ps(to, x);
    } else {
        _mm_storeu_ps(to, _mm256_castps256_ps128(x));
        _mm_storel_pi((__m64 *)(to + 4), _mm256_extractf128_ps(x, 1));
    }
}

static void pack_a(float *panel, const float *a, size_t row_stride, size_t k_stride, size_t k, int mr) {
    size_t kk = 0;
    if (k_stride == 1) {
        // Rows are contiguous: transpose 8 elements of 6 rows; rows that are missing are zero.
        for (; kk + STEP <= k; kk += STEP) {
            __m256 x[8];
            UNROLL for (int i = 0; i < 8; i++) x[i] = i < mr ? _mm256_loadu_ps(a + (size_t)i * row_stride + kk) : _mm256_setzero_ps();
            transpose8(x);
            UNROLL for (int i = 0; i < 8; i++) store_six(panel + (kk + (size_t)i) * GEMM_MR, x[i], i < 7);
        }
    } else if (mr == GEMM_MR) {
        // Columns are contiguous (A is stored transposed): six numbers are copied for each k.
        for (; kk < k; kk++) {
            const float *from = a + kk * k_stride;
            _mm_storeu_ps(panel + kk * GEMM_MR, _mm_loadu_ps(from));
            _mm_storel_pi((__m64 *)(panel + kk * GEMM_MR + 4), _mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)(from + 4)));
        }
    }
    for (; kk < k; kk++)
        for (int i = 0; i < GEMM_MR; i++) panel[kk * GEMM_MR + (size_t)i] = i < mr ? a[(size_t)i * row_stride + kk * k_stride] : 0.0f;
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

INLINE void rows_prefetch(const Rows *rows, size_t at) {
    // An address is computed as a number: it may lie behind the matrix, where nothing is fetched.
    uintptr_t next = (uintptr_t)rows->base + at + rows->ahead;
    UNROLL for (int j = 0; j < GEMM_NR; j++) _mm_prefetch((const char *)(next + (size_t)j * rows->stride), _MM_HINT_T1);
}

// ---- B from rows of F32, F16 and BF16

INLINE size_t wide_bytes(const DType type) { return type == DTYPE_F32 ? 4 : 2; }

// Eight elements, widened exactly.
INLINE __m256 load_wide(const uint8_t *at, const DType type) {
    if (type == DTYPE_F32) return _mm256_loadu_ps((const float *)(const void *)at);
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)at);
    if (type == DTYPE_F16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

// Elements [0, k) of 16 rows, transposed: panel[kk * 16 + j]. The last step may write up to 7 * 16 zeros behind the panel.
INLINE void wide_steps(float *panel, const Rows *rows, size_t first, size_t k, const DType type) {
    const size_t bytes = wide_bytes(type);
    uint8_t copy[GEMM_NR * STEP * 4];
    for (size_t kk = 0; kk < k; kk += STEP) {
        size_t stride, n = k - kk < STEP ? k - kk : STEP, at = (first + kk) * bytes;
        const uint8_t *row = rows_view(rows, at, n * bytes, copy, STEP * bytes, &stride);
        if (kk * bytes % 64 == 0) rows_prefetch(rows, at);
        UNROLL for (int side = 0; side < GEMM_NR; side += 8) {
            __m256 x[8];
            UNROLL for (int i = 0; i < 8; i++) x[i] = load_wide(row + (size_t)(side + i) * stride, type);
            transpose8(x);
            UNROLL for (int i = 0; i < 8; i++) _mm256_storeu_ps(panel + (kk + (size_t)i) * GEMM_NR + side, x[i]);
        }
    }
}

static void wide_panel(float *panel, const Rows *rows, size_t first, size_t k, DType type) {
    if (type == DTYPE_F32) wide_steps(panel, rows, first, k, DTYPE_F32);
    else if (type == DTYPE_F16) wide_steps(panel, rows, first, k, DTYPE_F16);
    else wide_steps(panel, rows, first, k, DTYPE_BF16);
}

static void pack_wide(float *panel, const Rows *rows, size_t k, DType type) {
    size_t whole = k / STEP * STEP;
    wide_panel(panel, rows, 0, whole, type);
    if (whole == k) return;
    float part[STEP * GEMM_NR];
    wide_panel(part, rows, whole, k - whole, type);
    memcpy(panel + whole * GEMM_NR, part, (k - whole) * GEMM_NR * sizeof(float));
}

// ---- B from rows of Q8_0, Q4_0 and Q4_1

// One block of 16 rows: quants as signed bytes, element kk of rows 0..7 at quant_at(kk), of rows 8..15 sixteen behind it.
typedef struct {
    int8_t quant[BLOCK * GEMM_NR];
    __m256 d_low, d_high, m_low, m_high;  // scale and offset of each row
} Block;

INLINE size_t quant_at(size_t kk) { return kk / 2 * 32 + kk % 2 * 8; }

// Sixteen bytes of each of 16 rows, transposed: y[i] holds elements 2i and 2i+1 in quant_at's order.
INLINE void transpose_bytes(__m256i y[8], const uint8_t *row, size_t stride) {
    __m256i x[8];
    UNROLL for (int i = 0; i < 8; i++) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(row + (size_t)i * stride));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(row + (size_t)(i + 8) * stride));
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

INLINE size_t block_bytes(DType type) { return type == DTYPE_Q8_0 ? 34 : type == DTYPE_Q4_0 ? 18 : 20; }

INLINE void block_read(Block *block, const Rows *rows, size_t at, const DType type) {
    uint8_t copy[GEMM_NR * 34];
    size_t stride;
    const uint8_t *row = rows_view(rows, at, block_bytes(type), copy, block_bytes(type), &stride);
    __m256i y[8];
    __m256i *quant = (__m256i *)(void *)block->quant;
    rows_prefetch(rows, at);
    scales_load(&block->d_low, &block->m_low, row, stride, type);
    scales_load(&block->d_high, &block->m_high, row + 8 * stride, stride, type);
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

static void block_load(Block *block, const Rows *rows, size_t at, DType type) {
    if (type == DTYPE_Q8_0) block_read(block, rows, at, DTYPE_Q8_0);
    else if (type == DTYPE_Q4_0) block_read(block, rows, at, DTYPE_Q4_0);
    else block_read(block, rows, at, DTYPE_Q4_1);
}

// Element kk of 8 rows, expanded by its one rounding.
INLINE __m256 block_value(const int8_t *quant, __m256 d, __m256 m) {
    __m256i whole = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)quant));
    return _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(whole), m);
}

static void pack_quantised(float *panel, const Rows *rows, size_t k, DType type) {
    Block block;
    for (size_t done = 0, at = 0; done < k; done += BLOCK, at += block_bytes(type), panel += BLOCK * GEMM_NR) {
        block_load(&block, rows, at, type);
        const __m256 d_low = block.d_low, d_high = block.d_high, m_low = block.m_low, m_high = block.m_high;
        _Pragma("GCC unroll 4") for (size_t kk = 0; kk < BLOCK; kk++) {
            const int8_t *quant = block.quant + quant_at(kk);
            _mm256_storeu_ps(panel + kk * GEMM_NR, block_value(quant, d_low, m_low));
            _mm256_storeu_ps(panel + kk * GEMM_NR + 8, block_value(quant + 16, d_high, m_high));
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
        if (bf16) {
            bf16_pairs(part, n, GEMM_NR);
            n += n % 2;
        }
        for (size_t kk = 0; kk < n; kk++)
            tile_link(&t, a + done + kk, lda, _mm256_loadu_ps(part + kk * GEMM_NR), _mm256_loadu_ps(part + kk * GEMM_NR + 8), mr);
    }
    tile_store(&t, c, ldc, mr);
}

INLINE void few_quantised(float *c, size_t ldc, const float *a, size_t lda, const Rows *rows, DType type, size_t k, bool proceed,
                          const bool bf16, const int panels, const int mr) {
    Block block[2];
    Tile t[2];
    UNROLL for (int p = 0; p < panels; p++) tile_start(&t[p], c + p * GEMM_NR, ldc, mr, proceed);
    for (size_t done = 0, at = 0; done < k; done += BLOCK, at += block_bytes(type), a += BLOCK) {
        UNROLL for (int p = 0; p < panels; p++) block_load(&block[p], &rows[p], at, type);
        _Pragma("GCC unroll 2") for (size_t kk = 0; kk < BLOCK; kk++)
            UNROLL for (int p = 0; p < panels; p++) {
                const int8_t *quant = block[p].quant + quant_at(bf16 ? kk ^ 1 : kk);
                __m256 low = block_value(quant, block[p].d_low, block[p].m_low);
                __m256 high = block_value(quant + 16, block[p].d_high, block[p].m_high);
                tile_link(&t[p], a + kk, lda, bf16 ? round8(low) : low, bf16 ? round8(high) : high, mr);
            }
    }
    UNROLL for (int p = 0; p < panels; p++) tile_store(&t[p], c + p * GEMM_NR, ldc, mr);
}

// ---- other types: expanded row by row, then transposed as fp32

static void pack_expanded(float *panel, const Rows *rows, DType type, size_t k) {
    float piece[GEMM_NR][PIECE];
    for (size_t done = 0; done < k; done += PIECE) {
        size_t n = k - done < PIECE ? k - done : PIECE;
        for (int j = 0; j < rows->present; j++) kernels.expand(piece[j], rows->base + (size_t)j * rows->stride, type, done, n);
        Rows wide = {(const uint8_t *)piece, sizeof piece[0], rows->present, 0};
        pack_wide(panel + done * GEMM_NR, &wide, n, DTYPE_F32);
    }
}

static void few_expanded(float *c, size_t ldc, const float *a, size_t lda, const Rows *rows, DType type, size_t k, bool proceed,
                         bool bf16, int mr) {
    float panel[PIECE * GEMM_NR], packed[PIECE * GEMM_MR];
    for (size_t done = 0; done < k; done += PIECE) {
        size_t n = k - done < PIECE ? k - done : PIECE;
        Rows rest = *rows;
        rest.base += dtype_bytes(type, done);
        pack_expanded(panel, &rest, type, n);
        if (bf16) bf16_pairs(panel, n, GEMM_NR);
        pack_a(packed, a + done, lda, 1, n, mr);
        gemm_tile(c, ldc, packed, panel, n, mr, GEMM_NR, proceed || done > 0 ? TILE_PROCEED : TILE_SET);
    }
}

// ---- the table's entries

static void pack_rows(float *panel, const void *stored, DType type, size_t stride, size_t first, size_t k, int nr) {
    Rows rows = rows_at(stored, stride, dtype_bytes(type, first), nr);
    switch (type) {
    case DTYPE_F32: case DTYPE_F16: case DTYPE_BF16: pack_wide(panel, &rows, k, type); break;
    case DTYPE_Q8_0: case DTYPE_Q4_0: case DTYPE_Q4_1: pack_quantised(panel, &rows, k, type); break;
    default: pack_expanded(panel, &rows, type, k);
    }
    // Missing rows read as zero bytes, which are not the number zero in every type.
    for (size_t kk = 0; nr < GEMM_NR && kk < k; kk++)
        for (int j = nr; j < GEMM_NR; j++) panel[kk * GEMM_NR + (size_t)j] = 0.0f;
}

// Both precisions. A call of its own, as gemm_tile is. What is expanded under FTZ and DAZ is never subnormal: a block's numbers are
// whole multiples of an f16, and F32 and BF16 are moved, not computed.
__attribute__((noinline)) static void few_rows(float *c, size_t ldc, const float *a, size_t lda, const void *stored, DType type,
                                               size_t stride, size_t k, int mr, int n, bool proceed, bool bf16) {
    bool wide = type == DTYPE_F32 || type == DTYPE_F16 || type == DTYPE_BF16;
    bool quantised = type == DTYPE_Q8_0 || type == DTYPE_Q4_0 || type == DTYPE_Q4_1;
    for (int j = 0, nr; j < n; j += nr) {
        const uint8_t *from = (const uint8_t *)stored + (size_t)j * stride;
        Rows rows[2] = {rows_at(from, stride, 0, n - j)};
        // Up to 3 rows of A take 32 columns at once.
        if (mr <= 3 && n - j >= 2 * GEMM_NR && quantised) {
            nr = 2 * GEMM_NR;
            rows[1] = rows_at(from + GEMM_NR * stride, stride, 0, GEMM_NR);
            rows[0].ahead *= 2;
            rows[1].ahead *= 2;
            if (bf16) { WITH_FEW(mr, few_quantised, c + j, ldc, a, lda, rows, type, k, proceed, true, 2) }
            else { WITH_FEW(mr, few_quantised, c + j, ldc, a, lda, rows, type, k, proceed, false, 2) }
            continue;
        }
        // At the right border a full-width buffer takes the place of C.
        nr = n - j < GEMM_NR ? n - j : GEMM_NR;
        float whole[GEMM_MR * GEMM_NR];
        float *out = nr < GEMM_NR ? whole : c + j;
        size_t ld = nr < GEMM_NR ? GEMM_NR : ldc;
        if (nr < GEMM_NR) {
            memset(whole, 0, sizeof whole);
            if (proceed) copy_part(whole, GEMM_NR, c + j, ldc, mr, nr);
        }
        if (wide) { WITH_ROWS(mr, few_wide, out, ld, a, lda, rows, type, k, proceed, bf16) }
        else if (quantised && bf16) { WITH_ROWS(mr, few_quantised, out, ld, a, lda, rows, type, k, proceed, true, 1) }
        else if (quantised) { WITH_ROWS(mr, few_quantised, out, ld, a, lda, rows, type, k, proceed, false, 1) }
        else few_expanded(out, ld, a, lda, rows, type, k, proceed, bf16, mr);
        if (nr < GEMM_NR) copy_part(c + j, ldc, whole, GEMM_NR, mr, nr);
    }
}

static void gemm_few(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k, int mr, int n,
                     bool proceed) {
    few_rows(c, ldc, a, lda, rows, type, stride, k, mr, n, proceed, false);
}

static void bf16_few(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k, int mr, int n,
                     bool proceed) {
    unsigned before = flush_begin();
    few_rows(c, ldc, a, lda, rows, type, stride, k, mr, n, proceed, true);
    _mm_setcsr(before);
}

void avx2_gemm_install(Kernels *table) {
    table->gemm_tile = gemm_tile;
    table->pack_a = pack_a;
    table->pack_rows = pack_rows;
    table->gemm_few = gemm_few;
    table->bf16_pairs = bf16_pairs;
    table->bf16_tile = bf16_tile;
    table->bf16_few = bf16_few;
}
