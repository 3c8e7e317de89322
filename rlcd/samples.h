// samples.jsonl: replies that a person can read, a few of each step, with what was computed about them.
#ifndef RLCD_SAMPLES_H
#define RLCD_SAMPLES_H

#include "rlcd/rollout.h"

typedef struct {
    FileAppend log;
    Arena *arena;
} Samples;

// Opens DIR/samples.jsonl, cut to `keep` bytes.
Status samples_open(Samples *samples, Arena *arena, const char *dir, uint64_t keep, Error *error);

// Appends rollouts[0..n): step, index, prompt, reply, end, score, kl, length.
Status samples_write(Samples *samples, const Base *base, const Rollout *rollouts, int n, int64_t step, Error *error);

// Makes what was written durable; samples->log.offset is what a checkpoint stores.
Status samples_sync(Samples *samples, Error *error);

// Safe when never opened.
void samples_close(Samples *samples);

// "limit", "end of text" or "stop".
const char *samples_end_name(GenerateEnd end);

// Appends text as a JSON string, bytes that are not UTF-8 replaced by U+FFFD (a reply may end inside a character).
void samples_write_text(Str *line, Text text);

#endif
