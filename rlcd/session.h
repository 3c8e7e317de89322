// What every long run shares: where it writes, how it is stopped, how it tells how far it is.
#ifndef RLCD_SESSION_H
#define RLCD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/base/metrics.h"

typedef struct {
    const char *dir;  // run directory, locked by the caller
    Metrics *metrics;
    Arena *run;   // lives as long as the run
    Arena *step;  // reset after every step
    uint64_t seed;
    int64_t checkpoint_every;  // steps between checkpoints; one is always written at the end and when stopped
    int keep;                  // checkpoints kept
    bool resume;               // continue from the newest checkpoint when there is one
    int rows;                  // rows of a scoring batch or a training pass: never changes a bit
    const char *recipe_hash;   // stored in checkpoints; another one is refused
    bool (*stop_wanted)(void);
    // Progress of a phase; total 0 when unknown. Called often: the receiver decides what to show.
    void (*progress)(const char *phase, int64_t done, int64_t total, const char *note);
    // One sentence for the user that is not an error (a damaged checkpoint was passed over).
    void (*warn)(const char *sentence);
} Session;

// Whether a stop is wanted of any rank, together: all stop at the same step.
bool session_stop(const Session *session);

// Fills the machine's part of the current metrics line: wall_s since `start`, rss_bytes, tokens_per_s; with several ranks what they sent
// and waited so far: comm_bytes, comm_s.
void session_metrics(Session *session, double start, double tokens);

#endif
