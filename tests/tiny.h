// Small models for tests: golden tensors of tests/golden/*.safetensors, a random base with a tokenizer, a session.
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include "rlcd/role.h"
#include "rlcd/session.h"
#include "tests/support.h"

// ---- golden tensors

// Opens tests/golden/NAME; lives until the test ends.
SafeTensors tiny_golden(Arena *arena, const char *name);
// The numbers of a tensor of 4-byte type, their count in *n (may be NULL). Fails when it is missing.
const void *tiny_tensor(const SafeTensors *file, const char *name, size_t *n);
// Fails unless the largest difference to tensor `name` is below `tolerance` times that tensor's norm.
void tiny_check(const SafeTensors *file, const char *name, const float *found, size_t n, double tolerance);

// ---- a random base

enum { TINY_V = 600, TINY_END = 2, TINY_CONTEXT = 96 };

// A base in a folder of its own (written, opened, removed): V 600, D 16, L 2, H 4, K 2, S 4, F 24, the tokenizer of
// tests/golden/tokenizer_smollm.json, end-of-text 2; its logits are spread enough that tokens differ in probability.
// `tied`: one matrix for embedding and head. Rope is prepared for TINY_CONTEXT positions.
Base tiny_base(Arena *arena, unsigned seed, bool tied);
// The same with V >= 600 ids, of which the tokenizer knows the first 600.
Base tiny_base_wide(Arena *arena, unsigned seed, bool tied, int V);

// Ids of a text.
const int32_t *tiny_encode(const Base *base, Arena *arena, const char *text, int *count);

// ---- a session

extern bool tiny_stop;            // what stop_wanted says
extern int tiny_stop_after;       // stop_wanted turns true after this many calls of it; negative: never
extern char tiny_warnings[4096];  // sentences of warn, each with a newline

// A session in `dir` with metrics, run and step arenas of its own, seed 7, a checkpoint every step, 2 kept, resuming.
Session tiny_session(Arena *arena, const char *dir);
// Closes its metrics and frees its arenas.
void tiny_session_end(Session *session);

// A JSON number of a line of DIR/NAME (line from 0; negative: from the end).
double tiny_number(Arena *arena, const char *dir, const char *name, int line, const char *key);
// The whole file as text.
Text tiny_file(Arena *arena, const char *dir, const char *name);
// DIR/metrics.jsonl without each line's `t`.
Text tiny_metrics(Arena *arena, const char *dir);
// Fails unless both run directories hold the same metrics (but for `t`) and the same safetensors files in checkpoint `step`.
void tiny_same_run(Arena *arena, const char *a, const char *b, int step, const char *const *files, int n);

#endif
