// rlcd bench: what its parts share. Rates are medians over the repetitions; nothing is asserted.
#ifndef TOOLS_BENCH_H
#define TOOLS_BENCH_H

#include "tensor/gemm.h"
#include "tools/stage.h"

enum { BENCH_REPEAT_MOST = 1000 };

typedef struct {
    Tool *tool;
    int repeat;
    bool json;
    double tile_peak[2];  // GFLOP/s of the tile kernels in cache, by Precision; 0: not measured yet
} Bench;

// Prints least, median and largest of the n rates (which it sorts) as one row; `limit` above 0 adds the median's share of it.
void bench_row(const Bench *b, const char *part, const char *unit, double *rate, int n, double limit);

// Token ids that no model was trained on in this order: a fixed pseudo-random walk over the vocabulary. In the arena, [n].
int32_t *bench_ids(Arena *arena, int n, int V);

#endif
