// metrics.jsonl: one JSON object a line, keys in the order in which they were added (numerics.md, F2).
// What depends on the machine (wall clock, memory, speed) goes to `t`, written last; hashing strips it. Non-finite numbers
// are written null and named in "nonfinite".
#ifndef TENSOR_BASE_METRICS_H
#define TENSOR_BASE_METRICS_H

#include "tensor/base/file.h"

enum { METRICS_MAX = 64 };

typedef struct {
    FileAppend log;
    bool open;          // false: a sink that keeps nothing (no run directory)
    struct {
        const char *name;
        double value;
        bool machine;   // belongs into t
        bool is_integer;
    } field[METRICS_MAX];
    int fields;
    int64_t step;
    const char *phase;
    Arena *arena;       // for building a line; released after each
} Metrics;

// Opens DIR/metrics.jsonl and cuts it to `keep` bytes (0 for a new run). Names passed later must outlive the line.
Status metrics_open(Metrics *m, Arena *arena, const char *dir, uint64_t keep, Error *error);
// Begins a line for a step of a phase ("preference", "ppo", ...).
void metrics_begin(Metrics *m, int64_t step, const char *phase);
void metrics_add(Metrics *m, const char *name, double value);
void metrics_add_int(Metrics *m, const char *name, int64_t value);
// wall_s, rss_bytes, tokens_per_s and their like.
void metrics_add_machine(Metrics *m, const char *name, double value);
Status metrics_end(Metrics *m, Error *error);
Status metrics_close(Metrics *m, Error *error);
// Bytes written so far: what a checkpoint stores.
uint64_t metrics_offset(const Metrics *m);

// Seconds of a monotonic clock, and the peak resident set in bytes (0 where the system does not tell).
double clock_seconds(void);
size_t memory_peak_bytes(void);

#endif
