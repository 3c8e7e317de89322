// A product in three steps. (1) C is cut into pieces of rows, the contracted index into pieces of depth, so that a piece of A
// fits LIMIT. (2) All threads pack that piece as A panels, block of depth after block. (3) All threads share the piece's tasks,
// a task being some panels of columns times some panels of rows: it packs its B panels, block by block, and multiplies.
//
//     packed A, per block of depth: [panel 0: depth x 6][panel 1] ...      B panels of a task: [panel 0: depth x 16][panel 1] ...
//
// A B panel (20 KiB) stays in L1 while a chunk of rows passes, a chunk's A panels and its part of C (150 and 60 KiB) stay in L2
// while the B panels pass. The next chunk of rows finds the B panels packed.
#include "tensor/gemm.h"

#include <string.h>

#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"

enum {
    DEPTH = 320,          // largest block of the contracted index
    DEPTH_UNIT = 32,      // blocks are multiples of it: the quantised types' block (a longer one takes its place)
    LONGEST_BLOCK = 256,  // elements of the longest quantised block there is
    GROUP = 8,            // most B panels of a task
    BLOCKS = 4,           // most blocks of depth in a piece of many rows: a task's B panels then fit 640 KiB
    ROW_PANELS = 20,      // A panels of a chunk
    PIECE_ROWS = 768,     // most rows of a piece
    LIMIT = 1 << 20,      // elements of a packed piece of A, and of the scratch that holds cut chains
    A_STRIP = 8,          // A panels that one task packs
    A_RUN = 16,           // depths of a strip packed at a time when A is stored transposed
    AHEAD = 8,            // stored rows of B that are asked for before they are packed
    SMALL = 1 << 13,      // elements that one thread packs sooner than others are asked
    GRAIN = 4             // tasks a thread, about: enough to even out, few enough to be worth asking
};

typedef struct {
    GemmMode mode;
    Precision precision;
    float *C;
    size_t ldc;
    const float *A;
    size_t a_row, a_k;    // elements from row to row and along the contracted index
    const char *B;
    DType type;
    size_t b_stride;      // bytes from a stored row of B to the next
    bool b_by_columns;    // a stored row of B holds one column of the product's B (nt)
    int M, N, K;
} Product;

// The piece in work: rows [m0, m0 + m), columns [n0, n0 + n), depths [k0, k0 + k).
typedef struct {
    const Product *p;
    int m0, m, n0, n, k0, k;
    int depth;            // largest block of depth
    int panels;           // A panels; rows are dealt to them evenly
    int group;            // B panels of a task
    int groups, splits;   // tasks are groups of columns x splits of the rows
    float *packed;        // A panels
    float *chain;         // where cut chains live: C itself, or scratch for GEMM_ADD; element [m0, n0]
    size_t ld_chain;
} Piece;

static int min_int(int a, int b) { return a < b ? a : b; }
static int round_up(int a, int unit) { return (a + unit - 1) / unit * unit; }
static int pieces(int n, int size) { return n / size + (n % size != 0); }

// Rows of a panel of `depth`: in bf16 the last pair is whole.
static int panel_depth(int depth) { return round_up(depth, 2); }

// First of `n` things that part i of `parts` gets when they are dealt evenly.
static int deal(int n, int parts, int i) { return (int)((int64_t)n * i / parts); }

// ---- packing

// Panel i of the block of depth that begins at kb.
static float *a_panel(const Piece *piece, int kb, int depth, int i) {
    return piece->packed + ((size_t)kb * piece->panels + (size_t)panel_depth(depth) * i) * GEMM_MR;
}

// Packs A_STRIP panels for all blocks of the piece's depth.
static void pack_a_task(void *context, int task, int thread) {
    (void)thread;
    const Piece *piece = context;
    const Product *p = piece->p;
    int panel0 = task * A_STRIP, panel1 = min_int(panel0 + A_STRIP, piece->panels);
    // Where A is stored transposed, a line of memory crosses panels: short runs of depth use it up while it is near.
    int run = p->a_row == 1 ? A_RUN : piece->depth;
    for (int kb = 0; kb < piece->k; kb += piece->depth) {
        int depth = min_int(piece->depth, piece->k - kb);
        for (int kk = 0; kk < depth; kk += run)
            for (int i = panel0; i < panel1; i++) {
                int row = deal(piece->m, piece->panels, i), rows = deal(piece->m, piece->panels, i + 1) - row;
                float *panel = a_panel(piece, kb, depth, i) + (size_t)kk * GEMM_MR;
                const float *a = p->A + (size_t)(piece->m0 + row) * p->a_row + (size_t)(piece->k0 + kb + kk) * p->a_k;
                kernels.pack_a(panel, a, p->a_row, p->a_k, (size_t)min_int(run, depth - kk), rows);
                if (p->precision == PRECISION_BF16) kernels.bf16_pairs(panel, (size_t)min_int(run, depth - kk), GEMM_MR);
            }
    }
}

// Packs B panels from stored rows that run along the columns: columns [column, column + n), depths [k, k + depth).
static void pack_along(float *panels, const Product *p, int column, int n, int k, int depth) {
    float expanded[GROUP * GEMM_NR + 2 * LONGEST_BLOCK];
    // Whole blocks around the columns are expanded.
    const DTypeInfo *info = dtype_info(p->type);
    int block = info->block, start = column / block * block, end = round_up(column + n, block);
    for (int kk = 0; kk < depth; kk++) {
        const char *stored = p->B + (size_t)(k + kk) * p->b_stride;
        const float *row = (const float *)(const void *)stored + column;
        // Rows lie pages apart, where the processor does not look ahead by itself.
        for (int line = 0; line < (end - start) / block * info->bytes; line += 64)
            __builtin_prefetch((const void *)((uintptr_t)stored + AHEAD * p->b_stride + (size_t)(start / block * info->bytes + line)));
        if (p->type != DTYPE_F32) {
            kernels.expand(expanded, stored, p->type, (size_t)start, (size_t)(end - start));
            row = expanded + (column - start);
        }
        for (int j = 0; j < n; j += GEMM_NR) {
            float *to = panels + (size_t)j * panel_depth(depth) + (size_t)kk * GEMM_NR;
            if (n - j >= GEMM_NR) {
                memcpy(to, row + j, GEMM_NR * sizeof(float));
            } else {
                memset(to, 0, GEMM_NR * sizeof(float));
                memcpy(to, row + j, (size_t)(n - j) * sizeof(float));
            }
        }
    }
}

// ---- multiplying

// C = C + the finished product of one tile.
static void add_tile(float *c, size_t ldc, const float *x, size_t ldx, int mr, int nr) {
    for (int i = 0; i < mr; i++) kernels.add(c + (size_t)i * ldc, c + (size_t)i * ldc, x + (size_t)i * ldx, (size_t)nr);
}

// One tile of one block of depth: starts, continues or ends its chains. row and column count inside the piece.
static void multiply_tile(const Piece *piece, const float *a, const float *b, int row, int mr, int column, int nr, int kb, int depth) {
    const Product *p = piece->p;
    bool first = piece->k0 + kb == 0, last = piece->k0 + kb + depth == p->K;
    float *c = p->C + (size_t)(piece->m0 + row) * p->ldc + (size_t)(piece->n0 + column);
    if (p->mode == GEMM_ADD && first && last && p->precision == PRECISION_FP32) {
        kernels.gemm_tile(c, p->ldc, a, b, (size_t)depth, mr, nr, TILE_ADD);
        return;
    }
    float *chain = piece->chain + (size_t)row * piece->ld_chain + (size_t)column;
    // The next tile lies below; its rows are far apart and would be waited for.
    for (int i = 0; i < GEMM_MR; i++) __builtin_prefetch(chain + (size_t)(mr + i) * piece->ld_chain, 1);
    TileMode begin = !first || p->mode == GEMM_PROCEED ? TILE_PROCEED : TILE_SET;
    (p->precision == PRECISION_BF16 ? kernels.bf16_tile : kernels.gemm_tile)(chain, piece->ld_chain, a, b, (size_t)depth, mr, nr, begin);
    if (p->mode == GEMM_ADD && last) add_tile(c, p->ldc, chain, piece->ld_chain, mr, nr);
}

// A group of columns times a split of the rows.
static void multiply_task(void *context, int task, int thread) {
    const Piece *piece = context;
    const Product *p = piece->p;
    Arena *scratch = pool_scratch(thread);
    ArenaMark mark = arena_mark(scratch);
    int column = task / piece->splits * piece->group * GEMM_NR, split = task % piece->splits;
    int columns = min_int(piece->group * GEMM_NR, piece->n - column);
    int panel0 = deal(piece->panels, piece->splits, split), panel1 = deal(piece->panels, piece->splits, split + 1);
    // The panels of all blocks are kept when several chunks of rows pass over them.
    bool keep = panel1 - panel0 > ROW_PANELS;
    float *b = arena_alloc(scratch, (size_t)panel_depth(keep ? piece->k : piece->depth) * (size_t)(piece->group * GEMM_NR) * sizeof(float));

    for (int start = panel0; start < panel1; start += ROW_PANELS) {
        int end = min_int(start + ROW_PANELS, panel1);
        for (int kb = 0; kb < piece->k; kb += piece->depth) {
            int depth = min_int(piece->depth, piece->k - kb);
            float *panels = b + (keep ? (size_t)kb * (size_t)(piece->group * GEMM_NR) : 0);
            if (start == panel0 && !p->b_by_columns) pack_along(panels, p, piece->n0 + column, columns, piece->k0 + kb, depth);
            for (int j = 0; j < columns; j += GEMM_NR) {
                float *panel = panels + (size_t)j * panel_depth(depth);
                int nr = min_int(GEMM_NR, columns - j);
                // Transposed just before its first use, a panel is still in L1.
                if (start == panel0 && p->b_by_columns)
                    kernels.pack_rows(panel, p->B + (size_t)(piece->n0 + column + j) * p->b_stride, p->type, p->b_stride,
                                      (size_t)(piece->k0 + kb), (size_t)depth, nr);
                if (start == panel0 && p->precision == PRECISION_BF16) kernels.bf16_pairs(panel, (size_t)depth, GEMM_NR);
                for (int i = start; i < end; i++) {
                    int row = deal(piece->m, piece->panels, i), mr = deal(piece->m, piece->panels, i + 1) - row;
                    multiply_tile(piece, a_panel(piece, kb, depth, i), panel, row, mr, column + j, nr, kb, depth);
                }
            }
        }
    }
    arena_release(scratch, mark);
}

// ---- cutting

// Even blocks of depth, none above DEPTH unless the type's own block is longer.
static int block_depth(int K, DType type) {
    int unit = dtype_info(type)->block > DEPTH_UNIT ? dtype_info(type)->block : DEPTH_UNIT;
    int most = DEPTH / unit * unit > 0 ? DEPTH / unit * unit : unit;
    return round_up(pieces(K, pieces(K, most)), unit);
}

// Deals the piece's columns and rows to tasks: the shape of a task never shows in the bits.
static void plan_tasks(Piece *piece) {
    int threads = pool_threads(), panels = pieces(piece->n, GEMM_NR), group = min_int(GROUP, pieces(panels, threads * GRAIN));
    // A quantised block is expanded whole: when it lies along the columns, tasks of half a block would do it twice.
    if (!piece->p->b_by_columns && dtype_info(piece->p->type)->block > GEMM_NR) group = round_up(group, 2);
    piece->group = group;
    piece->groups = pieces(panels, group);
    piece->splits = 1;
    if (threads > 1 && piece->groups < threads * 2) piece->splits = min_int(piece->panels, pieces(threads * 2, piece->groups));
}

static void run_piece(Piece *piece) {
    plan_tasks(piece);
    // A few rows are packed before the others could have come.
    int strips = pieces(piece->panels, A_STRIP);
    if ((int64_t)piece->m * piece->k < SMALL)
        for (int i = 0; i < strips; i++) pack_a_task(piece, i, 0);
    else
        pool_run(strips, pack_a_task, piece);
    pool_run(piece->groups * piece->splits, multiply_task, piece);
}

static int piece_rows(int M) { return pieces(M, pieces(M, PIECE_ROWS)); }

// Columns of a piece: all, unless scratch must hold the chains of GEMM_ADD.
static int piece_columns(int m, int N) { return min_int(N, LIMIT / m / 256 * 256); }

// Depth of a piece, a multiple of a block's.
static int piece_depth(int panels, int depth) {
    int k = LIMIT / (panels * GEMM_MR) / depth * depth;
    return panels > ROW_PANELS && k > BLOCKS * depth ? BLOCKS * depth : k;
}

// A finished product that is to be added stands apart when it comes in blocks, and in bf16, whose chains flush and whose sums do not.
static bool needs_chain(const Product *p, int depth) { return p->mode == GEMM_ADD && (p->K > depth || p->precision == PRECISION_BF16); }

// Runs in the caller's thread, whose scratch holds what all threads share.
static void product_task(void *context, int task, int thread) {
    (void)task;
    const Product *p = context;
    Arena *scratch = pool_scratch(thread);
    ArenaMark mark = arena_mark(scratch);
    int depth = block_depth(p->K, p->type), m = piece_rows(p->M);
    bool own_chain = needs_chain(p, depth);
    int n = own_chain ? piece_columns(m, p->N) : p->N;
    int panels = pieces(m, GEMM_MR), k = min_int(p->K, piece_depth(panels, depth));
    float *packed = arena_alloc(scratch, (size_t)panels * GEMM_MR * (size_t)panel_depth(k) * sizeof(float));
    float *chain = own_chain ? arena_alloc(scratch, (size_t)m * (size_t)n * sizeof(float)) : NULL;

    for (int n0 = 0; n0 < p->N; n0 += n)
        for (int m0 = 0; m0 < p->M; m0 += m)
            for (int k0 = 0; k0 < p->K; k0 += k) {
                Piece piece = {.p = p, .m0 = m0, .m = min_int(m, p->M - m0), .n0 = n0, .n = min_int(n, p->N - n0), .k0 = k0,
                               .k = min_int(k, p->K - k0), .depth = depth, .packed = packed};
                piece.panels = pieces(piece.m, GEMM_MR);
                piece.chain = own_chain ? chain : p->C + (size_t)m0 * p->ldc + (size_t)n0;
                piece.ld_chain = own_chain ? (size_t)n : p->ldc;
                run_piece(&piece);
            }
    arena_release(scratch, mark);
}

// ---- few rows: no packing at all

enum {
    FEW_WORK = 1 << 16,  // weights of a task, about: 10 microseconds
    FEW_ADD = 64         // columns of the buffer that holds finished products of GEMM_ADD
};

typedef struct {
    const Product *p;
    int columns;  // of a task, a multiple of GEMM_NR
} Few;

static void few_task(void *context, int task, int thread) {
    (void)thread;
    const Few *few = context;
    const Product *p = few->p;
    int start = task * few->columns, end = min_int(p->N, start + few->columns);
    const char *rows = p->B + (size_t)start * p->b_stride;
    FewKernel *multiply = p->precision == PRECISION_BF16 ? kernels.bf16_few : kernels.gemm_few;
    if (p->mode != GEMM_ADD) {
        multiply(p->C + start, p->ldc, p->A, p->a_row, rows, p->type, p->b_stride, (size_t)p->K, p->M, end - start,
                         p->mode == GEMM_PROCEED);
        return;
    }
    float whole[GEMM_FEW * FEW_ADD];
    for (int j = start; j < end; j += FEW_ADD, rows += FEW_ADD * p->b_stride) {
        int n = min_int(FEW_ADD, end - j);
        multiply(whole, FEW_ADD, p->A, p->a_row, rows, p->type, p->b_stride, (size_t)p->K, p->M, n, false);
        add_tile(p->C + j, p->ldc, whole, FEW_ADD, p->M, n);
    }
}

static void run_few(const Product *p) {
    // Pairs of panels: with one to three rows the kernel takes 32 columns at once.
    int pairs = pieces(p->N, 2 * GEMM_NR), each = min_int(pieces(pairs, pool_threads() * GRAIN), FEW_WORK / (2 * GEMM_NR) / p->K + 1);
    Few few = {.p = p, .columns = each * 2 * GEMM_NR};
    pool_run(pieces(pairs, each), few_task, &few);
}

// The same with rows of A rounded and their pairs exchanged; runs in the caller's thread.
static void few_bf16_task(void *context, int task, int thread) {
    (void)task;
    Product p = *(const Product *)context;
    Arena *scratch = pool_scratch(thread);
    ArenaMark mark = arena_mark(scratch);
    size_t row = (size_t)panel_depth(p.K);
    float *rounded = arena_alloc(scratch, (size_t)p.M * row * sizeof(float));
    for (int i = 0; i < p.M; i++) {
        memcpy(rounded + (size_t)i * row, p.A + (size_t)i * p.a_row, (size_t)p.K * sizeof(float));
        kernels.bf16_pairs(rounded + (size_t)i * row, (size_t)p.K, 1);
    }
    p.A = rounded;
    p.a_row = row;
    run_few(&p);
    arena_release(scratch, mark);
}

// ---- entries

enum { LARGEST = 1 << 30 };  // sizes that can be rounded up without overflow

static void run(Product *p) {
    REQUIRE(p->M >= 0 && p->N >= 0 && p->K >= 0, "gemm: M %d, N %d, K %d", p->M, p->N, p->K);
    REQUIRE(p->M <= LARGEST && p->N <= LARGEST && p->K <= LARGEST, "gemm: M %d, N %d, K %d", p->M, p->N, p->K);
    if (p->M == 0 || p->N == 0) return;
    if (p->K == 0) {
        // An empty chain is +0.
        for (int i = 0; i < p->M && p->mode != GEMM_PROCEED; i++)
            for (int j = 0; j < p->N; j++) {
                float *c = p->C + (size_t)i * p->ldc + j;
                *c = p->mode == GEMM_ADD ? *c + 0.0f : 0.0f;
            }
        return;
    }
    bool few = p->b_by_columns && p->M <= GEMM_FEW;
    if (few && p->precision == PRECISION_FP32) run_few(p);
    else pool_run(1, few ? few_bf16_task : product_task, p);
}

void gemm_nt(GemmMode mode, Precision precision, float *C, size_t ldc, const float *A, size_t lda, const void *B, DType type, int M, int N,
             int K) {
    Product p = {.mode = mode, .precision = precision, .C = C, .ldc = ldc, .A = A, .a_row = lda, .a_k = 1, .B = B, .type = type,
                 .b_stride = dtype_bytes(type, (size_t)K), .b_by_columns = true, .M = M, .N = N, .K = K};
    run(&p);
}

void gemm_nn(GemmMode mode, Precision precision, float *C, size_t ldc, const float *A, size_t lda, const void *B, DType type, int M, int N,
             int K) {
    Product p = {.mode = mode, .precision = precision, .C = C, .ldc = ldc, .A = A, .a_row = lda, .a_k = 1, .B = B, .type = type,
                 .b_stride = dtype_bytes(type, (size_t)N), .M = M, .N = N, .K = K};
    run(&p);
}

void gemm_tn(GemmMode mode, Precision precision, float *C, size_t ldc, const float *A, size_t lda, const float *B, size_t ldb, int M, int N,
             int K) {
    Product p = {.mode = mode, .precision = precision, .C = C, .ldc = ldc, .A = A, .a_row = 1, .a_k = lda, .B = (const char *)B,
                 .type = DTYPE_F32, .b_stride = ldb * sizeof(float), .M = M, .N = N, .K = K};
    run(&p);
}

size_t gemm_scratch_bytes(int M, int N, int K) {
    if (M <= 0 || N <= 0 || K <= 0) return 0;
    // The costliest case: cut chains of GEMM_ADD, the deepest blocks, a full group of B panels.
    int m = piece_rows(M), panels = pieces(m, GEMM_MR), depth = min_int(round_up(K, DEPTH_UNIT), DEPTH);
    size_t a = (size_t)panels * GEMM_MR * (size_t)panel_depth(min_int(K, LIMIT / (panels * GEMM_MR)));
    size_t b = (size_t)GROUP * GEMM_NR * (size_t)panel_depth(panels > ROW_PANELS ? min_int(K, BLOCKS * depth) : depth);
    size_t chain = (size_t)m * (size_t)piece_columns(m, N);
    return (a + b + chain) * sizeof(float) + 3 * 64;
}
