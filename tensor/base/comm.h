// Ranks: several processes, on one machine or many, that are one run of the program.
//
// Every rank runs every line. Costly work is shared out by index, what it gives is exchanged, and then all ranks hold the same
// state; rank 0 alone changes the disk (file.h). MPI carries bytes and never adds: sums are formed by nn/optimizer.c in an order
// that does not know how many ranks there are (numerics.md, G2).
// "Together" marks calls that all ranks make in the same order. comm_single.c (no MPI) and comm_mpi.c (make MPI=1) hold what
// differs; before comm_start, and without MPI, there is rank 0 of 1 and every call is next to nothing.
#ifndef TENSOR_BASE_COMM_H
#define TENSOR_BASE_COMM_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"

enum { COMM_RANKS = 4096 };  // at most

// ---- comm_single.c and comm_mpi.c

// Joins the ranks, together. ERR_IO when MPI does not start or has too many.
Status comm_start(Error *error);
// Leaves, together; safe when never joined.
void comm_end(void);
// Ends all ranks at once with an exit code: for a rank that fails alone.
_Noreturn void comm_abort(int code);

// This rank, 0 <= rank < size.
int comm_rank(void);
int comm_size(void);
// The MPI library and its version, or "no".
const char *comm_library(void);
// What was sent so far, and the seconds spent in sending and waiting.
uint64_t comm_sent_bytes(void);
double comm_seconds(void);

// Waits until all ranks have called it; false after `seconds`, when another one did not.
bool comm_wait(double seconds);
// all[r * bytes ..] = `mine` of rank r, together; the same number of bytes on every rank.
void comm_gather(void *all, const void *mine, size_t bytes);
// What goes to one rank and what comes from it.
typedef struct {
    const void *to;
    void *from;
    size_t give, take;
} CommPair;
// Sends pair[r].give bytes to each other rank r and takes pair[r].take bytes from it, together. The own entry is left alone.
void comm_exchange(const CommPair *pair);

// ---- comm.c: made of these

// The first of n things that are a rank's: it has [comm_first(n, rank), comm_first(n, rank + 1)).
int64_t comm_first(int64_t n, int rank);
// Whether any rank says so; waiting for all; a few bytes of rank `root` for all. Together.
bool comm_any(bool mine);
void comm_barrier(void);
void comm_broadcast(void *data, size_t bytes, int root);
// The first failure in rank order, with its sentence in `error` (may be NULL), on all ranks; together.
Status comm_agree(Status status, Error *error);
// Rank r holds bytes [offset[r], offset[r + 1]) of `data`; then all hold all. Together.
void comm_share(void *data, const size_t *offset);
// `mine` of all ranks one behind the other, in the arena; offset [size + 1] tells where each begins. Together.
char *comm_collect(const void *mine, size_t bytes, size_t *offset, Arena *arena);

#endif
