// The limits of this machine, and products against them.
#ifndef TOOLS_BENCH_LIMITS_H
#define TOOLS_BENCH_LIMITS_H

#include "tools/bench.h"

// The limits of this machine as our kernels meet them: tile kernels on panels in the first cache (GFLOP/s), one pass over memory (GB/s).
void bench_limits(Bench *b);
// GFLOP/s of the tile kernel in cache on all threads, measured once.
double bench_tile_peak(Bench *b, Precision precision);
// Products of fixed shapes, in the three layouts of training, fp32 and bf16.
void bench_shapes(Bench *b);

#endif
