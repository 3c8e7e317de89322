// The limits of this machine, and products against them.
#include "tools/bench_limits.h"

#include <stdio.h>

#include "tensor/base/metrics.h"
#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"

enum {
    TILE_K = 256,            // steps of a panel: 6 KiB of A and 16 KiB of B stay in the first cache
    TILE_LOOPS = 20000,      // tiles of one task
    READ_FLOATS = 64 << 20,  // 256 MiB, more than any cache
    READ_PIECE = 1 << 16,
};

// ---- the limits

typedef struct {
    Precision precision;
    float *a, *b;
} Tiles;

static void run_tiles(void *context, int task, int thread) {
    const Tiles *t = context;
    (void)task, (void)thread;
    float c[GEMM_MR * GEMM_NR];
    for (int i = 0; i < TILE_LOOPS; i++) {
        if (t->precision == PRECISION_BF16)
            kernels.bf16_tile(c, GEMM_NR, t->a, t->b, TILE_K, GEMM_MR, GEMM_NR, TILE_SET);
        else
            kernels.gemm_tile(c, GEMM_NR, t->a, t->b, TILE_K, GEMM_MR, GEMM_NR, TILE_SET);
    }
}

// Rates of the repetitions behind a first one that warms up.
static void measure_tiles(const Bench *b, Precision precision, double *rate) {
    Arena *arena = &b->tool->run;
    ArenaMark mark = arena_mark(arena);
    Tiles tiles = {precision, arena_zeros(arena, TILE_K * GEMM_MR, sizeof(float)), arena_zeros(arena, TILE_K * GEMM_NR, sizeof(float))};
    for (int i = 0; i < TILE_K * GEMM_MR; i++) tiles.a[i] = 0.5f;
    for (int i = 0; i < TILE_K * GEMM_NR; i++) tiles.b[i] = 0.25f;
    if (precision == PRECISION_BF16) {
        kernels.bf16_pairs(tiles.a, TILE_K, GEMM_MR);
        kernels.bf16_pairs(tiles.b, TILE_K, GEMM_NR);
    }
    int threads = pool_threads();
    for (int r = -1; r < b->repeat; r++) {
        double start = clock_seconds();
        pool_run(threads, run_tiles, &tiles);
        if (r >= 0) rate[r] = 2e-9 * GEMM_MR * GEMM_NR * TILE_K * TILE_LOOPS * threads / (clock_seconds() - start);
    }
    arena_release(arena, mark);
}

typedef struct {
    const float *x;
    float *sum;
} Pieces;

static void read_piece(void *context, int task, int thread) {
    const Pieces *p = context;
    (void)thread;
    p->sum[task] = kernels.sum(p->x + (size_t)task * READ_PIECE, READ_PIECE);
}

static const char *precision_name(Precision precision) { return precision == PRECISION_BF16 ? "bf16" : "fp32"; }

double bench_tile_peak(Bench *b, Precision precision) {
    if (b->tile_peak[precision] == 0) {
        double rate[BENCH_REPEAT_MOST];
        measure_tiles(b, precision, rate);
        // The best of all: a limit is what was reached once.
        for (int r = 0; r < b->repeat; r++)
            if (rate[r] > b->tile_peak[precision]) b->tile_peak[precision] = rate[r];
    }
    return b->tile_peak[precision];
}

void bench_limits(Bench *b) {
    double rate[BENCH_REPEAT_MOST];
    for (Precision precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++) {
        char part[64];
        snprintf(part, sizeof part, "tile in cache, %s", precision_name(precision));
        measure_tiles(b, precision, rate);
        bench_row(b, part, "GFLOP/s", rate, b->repeat, 0);
    }
    Arena *arena = &b->tool->run;
    int pieces = READ_FLOATS / READ_PIECE;
    float *x = arena_alloc(arena, (size_t)READ_FLOATS * sizeof *x);
    for (size_t i = 0; i < READ_FLOATS; i++) x[i] = 1;
    Pieces p = {x, arena_alloc(arena, (size_t)pieces * sizeof(float))};
    for (int r = -1; r < b->repeat; r++) {
        double start = clock_seconds();
        pool_run(pieces, read_piece, &p);
        if (r >= 0) rate[r] = 1e-9 * (double)READ_FLOATS * sizeof(float) / (clock_seconds() - start);
    }
    bench_row(b, "memory, read", "GB/s", rate, b->repeat, 0);
    arena_reset(arena);
}

// ---- products

typedef enum { LAYOUT_NN, LAYOUT_NT, LAYOUT_TN, LAYOUTS } Layout;
static const char *const LAYOUT_NAMES[] = {"NN", "NT", "TN"};

typedef struct {
    int M, N, K;
} Shape;
static const Shape SHAPES[] = {{512, 512, 512},  {1024, 1024, 1024}, {2048, 2048, 2048},
                               {512, 1536, 576}, {512, 11008, 4096}, {1, 4096, 4096}};

static void bench_shape(Bench *b, Precision precision, Layout layout, Shape s) {
    char part[96];
    snprintf(part, sizeof part, "%s %dx%dx%d %s", precision_name(precision), s.M, s.N, s.K, LAYOUT_NAMES[layout]);
    if (!text_begins(text_of(part), text_of(args_text(b->tool->args, "bench.shape")))) return;
    Arena *arena = &b->tool->run;
    size_t m = (size_t)s.M, n = (size_t)s.N, k = (size_t)s.K;
    float *A = arena_alloc(arena, m * k * sizeof *A), *B = arena_alloc(arena, k * n * sizeof *B),
          *C = arena_alloc(arena, m * n * sizeof *C);
    for (size_t i = 0; i < m * k; i++) A[i] = 0.5f;
    for (size_t i = 0; i < k * n; i++) B[i] = 0.25f;
    double rate[BENCH_REPEAT_MOST], work = 2e-9 * (double)s.M * s.N * s.K;
    for (int r = -1; r < b->repeat; r++) {
        double start = clock_seconds();
        int loops = 0;
        do {
            if (layout == LAYOUT_NN) gemm_nn(GEMM_SET, precision, C, n, A, k, B, DTYPE_F32, s.M, s.N, s.K);
            if (layout == LAYOUT_NT) gemm_nt(GEMM_SET, precision, C, n, A, k, B, DTYPE_F32, s.M, s.N, s.K);
            if (layout == LAYOUT_TN) gemm_tn(GEMM_SET, precision, C, n, A, m, B, n, s.M, s.N, s.K);
            loops++;
        } while (work * loops < 2);
        if (r >= 0) rate[r] = work * loops / (clock_seconds() - start);
    }
    bench_row(b, part, "GFLOP/s", rate, b->repeat, s.M > 1 ? bench_tile_peak(b, precision) : 0);
    arena_reset(arena);
}

void bench_shapes(Bench *b) {
    for (Precision precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++)
        for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++)
            for (Layout layout = LAYOUT_NN; layout < LAYOUTS; layout++) bench_shape(b, precision, layout, SHAPES[s]);
}
