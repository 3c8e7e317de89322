// A fixed set of threads that share loops. Results never depend on how many there are: every task writes its own outputs.
//
// One pool per process, started by main (or by a test, inside the test: Check forks). The caller of pool_run works too,
// so pool_start(2, ...) makes one more thread. Waiting threads spin for a short time, then sleep.
#ifndef TENSOR_BASE_POOL_H
#define TENSOR_BASE_POOL_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"

// One piece of a loop: `task` counts from 0 below the loop's length, `thread` names the scratch arena to use.
typedef void (*PoolTask)(void *context, int task, int thread);

// Starts the threads (1 <= threads <= 256; 1 starts none). Fails with ERR_MEMORY when the system gives no thread.
Status pool_start(int threads, Error *error);

// Ends the threads and frees the scratch arenas. Safe when never started.
void pool_stop(void);

// Number of threads, the caller's included; 1 before pool_start.
int pool_threads(void);

// Runs task(context, i, thread) for all i in [0, n) and returns when all are done. Tasks are taken in ascending order by
// whoever is free. A call from inside a task runs its loop in that thread alone.
void pool_run(int n, PoolTask task, void *context);

// The scratch arena of a thread; what a task takes there it releases before it returns.
Arena *pool_scratch(int thread);

#endif
