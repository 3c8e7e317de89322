// Ranks over MPI: the one file that knows it. Bytes alone are sent, in pieces that MPI's int counts can hold.
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/comm.h"
#include "tensor/base/metrics.h"

enum { PIECE = 1 << 30 };

static int rank, size = 1;
static bool joined;
static MPI_Comm leaving;  // of comm_wait alone, so that it meets no other call
static uint64_t sent;
static double seconds;

Status comm_start(Error *error) {
    int given;
    if (joined) return OK;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS)
        return error_set(error, ERR_IO, "MPI: %s could not be started", comm_library());
    joined = true;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_dup(MPI_COMM_WORLD, &leaving);
    return size <= COMM_RANKS ? OK : error_set(error, ERR_IO, "MPI: expected at most %d ranks, found %d", COMM_RANKS, size);
}

void comm_end(void) {
    if (joined) MPI_Finalize();
    joined = false;
}

void comm_abort(int code) {
    fflush(NULL);
    if (size > 1) MPI_Abort(MPI_COMM_WORLD, code);
    _Exit(code);
}

int comm_rank(void) { return rank; }
int comm_size(void) { return size; }
uint64_t comm_sent_bytes(void) { return sent; }
double comm_seconds(void) { return seconds; }

// The library's first words of a long line: "Open MPI v4.1.4", "MPICH Version".
const char *comm_library(void) {
    static char name[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(name, &length);
    name[strcspn(name, ",:\t\n")] = '\0';
    return name;
}

bool comm_wait(double limit) {
    int here = size == 1;
    MPI_Request request;
    double begun = clock_seconds();
    if (!here) MPI_Ibarrier(leaving, &request);
    while (!here && clock_seconds() - begun < limit) {
        MPI_Test(&request, &here, MPI_STATUS_IGNORE);
        sched_yield();
    }
    return here;
}

void comm_gather(void *all, const void *mine, size_t bytes) {
    REQUIRE(bytes <= PIECE, "comm_gather: %zu bytes", bytes);
    double begun = clock_seconds();
    if (size == 1)
        memcpy(all, mine, bytes);
    else
        MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, MPI_COMM_WORLD);
    sent += bytes * (uint64_t)(size - 1);
    seconds += clock_seconds() - begun;
}

// In turn k a rank gives to the k-th one above it and takes from the k-th below: no rank waits for two.
void comm_exchange(const CommPair *pair) {
    double begun = clock_seconds();
    for (int k = 1; k < size; k++) {
        int above = (rank + k) % size, below = (rank - k + size) % size;
        size_t to = pair[above].give, from = pair[below].take;
        for (size_t at = 0; at < to || at < from; at += PIECE) {
            // The side that has nothing left talks to nobody.
            size_t give = at < to ? to - at : 0, take = at < from ? from - at : 0;
            MPI_Sendrecv((const char *)pair[above].to + at, (int)(give < PIECE ? give : PIECE), MPI_BYTE, give ? above : MPI_PROC_NULL, 0,
                         (char *)pair[below].from + at, (int)(take < PIECE ? take : PIECE), MPI_BYTE, take ? below : MPI_PROC_NULL, 0,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        }
        sent += to;
    }
    seconds += clock_seconds() - begun;
}
