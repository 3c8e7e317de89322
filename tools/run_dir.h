// A run directory: its lock, its card run.json, and the golden hash of what the run made (numerics.md, F3).
#ifndef TOOLS_RUN_DIR_H
#define TOOLS_RUN_DIR_H

#include "tensor/base/json.h"
#include "tensor/base/status.h"
#include "tools/args.h"

enum { RUN_INPUTS = 32 };

typedef struct {
    Arena *arena;
    const char *path;
    const char *verb;
    const Args *args;
    int lock;  // -1: not held
    double start;
    char recipe_hash[65];  // over the options that can change bits and the inputs' hashes
    struct {
        const char *name, *path;
        char sha256[65];
    } input[RUN_INPUTS];
    int inputs;
    Str result;  // further members of the card, each begun with a comma
} RunDir;

// Names the directory.
void run_dir_open(RunDir *run, Arena *arena, const char *path, const char *verb, const Args *args);

// Notes an input file (or directory's hash) for the card and the recipe's hash.
Status run_dir_input(RunDir *run, const char *name, const char *path, Error *error);
void run_dir_input_hash(RunDir *run, const char *name, const char *path, const char *sha256);

// Forms the recipe's hash; after the inputs were noted. Compares with a card that is there: a finished run with the same hash
// gives *finished; another hash is ERR_DATA (a run directory belongs to one recipe), no card under --resume must too. Writes
// nothing, so that inputs which turn out to be useless leave no trace.
Status run_dir_begin(RunDir *run, bool *finished, Error *error);

// Makes and locks the directory and writes run.json with status "running"; after the inputs were read, before the work. ERR_BUSY
// when another process works there.
Status run_dir_start(RunDir *run, Error *error);

// The golden hash: SHA-256 over the newest checkpoint's safetensors and the directory's JSON Lines files in name order,
// metrics.jsonl without its `t`.
Status run_dir_hash(const char *path, Arena *arena, char hex[65], Error *error);

// Writes DIR/table.txt (the stage's part of the final table), then the card with status "done", the golden hash, wall time and
// peak memory. Appends the table to `summary` when that is not NULL.
Status run_dir_finish(RunDir *run, const Str *table, Str *summary, Error *error);

// Appends the stored table of a finished run to `summary` (may be NULL).
Status run_dir_show(RunDir *run, Str *summary, Error *error);

// Releases the lock; safe at any time.
void run_dir_close(RunDir *run);

// A number or text from a finished run's card: run.json of `path`. ERR_DATA when the run is not finished.
Status run_dir_card(const Json **card, Arena *arena, const char *path, Error *error);

#endif
