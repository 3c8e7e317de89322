#include "tensor/base/comm.h"

#include <string.h>

#include "tensor/base/pool.h"

int64_t comm_first(int64_t n, int rank) { return n * rank / comm_size(); }

bool comm_any(bool mine) {
    bool all[COMM_RANKS], any = false;
    comm_gather(all, &mine, sizeof mine);
    for (int r = 0; r < comm_size(); r++) any |= all[r];
    return any;
}

void comm_barrier(void) { comm_any(false); }

void comm_broadcast(void *data, size_t bytes, int root) {
    ArenaMark mark = arena_mark(pool_scratch(0));
    char *all = arena_alloc(pool_scratch(0), (size_t)comm_size() * bytes);
    comm_gather(all, data, bytes);
    memcpy(data, all + (size_t)root * bytes, bytes);
    arena_release(pool_scratch(0), mark);
}

Status comm_agree(Status status, Error *error) {
    Status all[COMM_RANKS];
    int first = 0;
    if (comm_size() == 1) return status;
    comm_gather(all, &status, sizeof status);
    while (first < comm_size() && all[first] == OK) first++;
    if (first == comm_size()) return OK;
    Error told = error && status != OK ? *error : (Error){.status = status};
    comm_broadcast(&told, sizeof told, first);
    if (error) *error = told;
    return all[first];
}

void comm_share(void *data, const size_t *offset) {
    CommPair pair[COMM_RANKS];
    int me = comm_rank();
    for (int r = 0; r < comm_size(); r++)
        pair[r] = (CommPair){(char *)data + offset[me], (char *)data + offset[r], offset[me + 1] - offset[me], offset[r + 1] - offset[r]};
    comm_exchange(pair);
}

char *comm_collect(const void *mine, size_t bytes, size_t *offset, Arena *arena) {
    offset[0] = 0;
    comm_gather(offset + 1, &bytes, sizeof bytes);
    for (int r = 0; r < comm_size(); r++) offset[r + 1] += offset[r];
    char *all = arena_alloc(arena, offset[comm_size()]);
    if (bytes) memcpy(all + offset[comm_rank()], mine, bytes);
    comm_share(all, offset);
    return all;
}
