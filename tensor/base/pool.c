#include "tensor/base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

// A waiting thread spins, then offers its core to others, which costs little where nobody wants it, then sleeps.
enum { POOL_MAX = 256, POOL_SPINS = 500, POOL_YIELDS = 200 };

// One loop at a time. `state` holds three things that change together: the loop's number, whether it is open, and how many workers
// are inside. A worker enters an open loop only, and the caller waits only for those who did: one that the system wakes too late
// (a busy machine, more threads than cores) finds the loop closed and has held up nobody.
enum { STATE_OPEN = 1u << 16, STATE_INSIDE = STATE_OPEN - 1 };
#define STATE_NUMBER ((uint64_t)1 << 32)

static struct {
    pthread_t thread[POOL_MAX];
    int threads;
    bool locks_ready;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic uint64_t state;
    atomic_int sleeping;
    atomic_bool quit;

    PoolTask task;
    void *context;
    int n;
    atomic_int next;  // the next task to take
} pool = {.threads = 1};

static Arena scratch[POOL_MAX];
static _Thread_local int thread_index;
static _Thread_local bool inside;

int pool_threads(void) { return pool.threads; }

Arena *pool_scratch(int thread) {
    REQUIRE(thread >= 0 && thread < POOL_MAX, "pool: thread %d", thread);
    if (scratch[thread].name == NULL) scratch[thread] = arena_make("scratch", (size_t)1 << 20);
    return &scratch[thread];
}

// One turn of waiting, the `turn`-th in a row: with more threads than cores the others need this core to get on.
static inline void wait_a_little(int turn) {
    if (turn >= POOL_SPINS) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Takes tasks until none is left.
static void work(void) {
    inside = true;
    for (int i; (i = atomic_fetch_add(&pool.next, 1)) < pool.n;) pool.task(pool.context, i, thread_index);
    inside = false;
}

// The loop's number in a state.
static uint32_t number_of(uint64_t state) { return (uint32_t)(state >> 32); }

static void *worker(void *argument) {
    thread_index = (int)(intptr_t)argument;
    uint32_t seen = 0;
    for (;;) {
        // Wait for a new loop, at last asleep.
        for (int turn = 0; number_of(atomic_load(&pool.state)) == seen && turn < POOL_SPINS + POOL_YIELDS; turn++) wait_a_little(turn);
        if (number_of(atomic_load(&pool.state)) == seen) {
            pthread_mutex_lock(&pool.lock);
            atomic_fetch_add(&pool.sleeping, 1);
            while (number_of(atomic_load(&pool.state)) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
            atomic_fetch_sub(&pool.sleeping, 1);
            pthread_mutex_unlock(&pool.lock);
        }
        if (atomic_load(&pool.quit)) return NULL;
        // Enter while it is open.
        uint64_t state = atomic_load(&pool.state);
        while ((state & STATE_OPEN) && !atomic_compare_exchange_weak(&pool.state, &state, state + 1)) {
        }
        seen = number_of(state);
        if (!(state & STATE_OPEN)) continue;
        work();
        atomic_fetch_sub(&pool.state, 1);
    }
}

// Opens the loop that has been written to `pool` under the next number, and wakes those who sleep.
static void publish(void) {
    uint64_t number = atomic_load(&pool.state) & ~(uint64_t)(STATE_OPEN | STATE_INSIDE);
    atomic_store(&pool.state, (number + STATE_NUMBER) | STATE_OPEN);
    if (atomic_load(&pool.sleeping)) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.lock);
    }
}

// Lets nobody else in and waits for those inside.
static void close_loop(void) {
    atomic_fetch_and(&pool.state, ~(uint64_t)STATE_OPEN);
    for (int turn = 0; atomic_load(&pool.state) & STATE_INSIDE; turn += turn < POOL_SPINS) wait_a_little(turn);
}

Status pool_start(int threads, Error *error) {
    REQUIRE(pool.threads == 1, "pool: started twice");
    if (threads < 1 || threads > POOL_MAX) return error_set(error, ERR_USAGE, "threads: expected 1 to %d, found %d", POOL_MAX, threads);
    if (!pool.locks_ready) {
        pthread_mutex_init(&pool.lock, NULL);
        pthread_cond_init(&pool.wake, NULL);
        pool.locks_ready = true;
    }
    atomic_store(&pool.quit, false);
    atomic_store(&pool.state, 0);
    // Signals go to the main thread alone.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int made = 1;
    for (; made < threads; made++)
        if (pthread_create(&pool.thread[made], NULL, worker, (void *)(intptr_t)made) != 0) break;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pool.threads = made;
    if (made == threads) return OK;
    pool_stop();
    return error_set(error, ERR_MEMORY, "threads: the system gave %d of %d", made, threads);
}

void pool_stop(void) {
    if (pool.threads > 1) {
        atomic_store(&pool.quit, true);
        publish();
        for (int i = 1; i < pool.threads; i++) pthread_join(pool.thread[i], NULL);
        pool.threads = 1;
    }
    for (int i = 0; i < POOL_MAX; i++)
        if (scratch[i].name) arena_free(&scratch[i]);
}

void pool_run(int n, PoolTask task, void *context) {
    // Alone, nested or a single task: no one else is asked.
    if (pool.threads == 1 || n <= 1 || inside) {
        for (int i = 0; i < n; i++) task(context, i, thread_index);
        return;
    }
    pool.task = task;
    pool.context = context;
    pool.n = n;
    atomic_store(&pool.next, 0);
    publish();
    work();
    close_loop();
}
