// The pool: every task once, whatever the number of threads; nested loops; many short loops; restart.
#include <stdatomic.h>
#include <string.h>

#include "tensor/base/pool.h"
#include "tests/support.h"

enum { TASKS = 1000 };
static const int THREADS[] = {1, 2, 3, 7};

typedef struct {
    atomic_int times[TASKS];
    atomic_int bad_thread;
    uint64_t result[TASKS];
} Work;

static Work work;

// Arithmetic long enough that several threads take part.
static void count_task(void *context, int task, int thread) {
    Work *w = context;
    if (thread < 0 || thread >= pool_threads()) atomic_store(&w->bad_thread, 1);
    atomic_fetch_add(&w->times[task], 1);
    uint64_t x = (uint64_t)task + 1;
    for (int i = 0; i < 200; i++) x = x * 6364136223846793005u + 1442695040888963407u;
    w->result[task] = x;
}

START_TEST(every_task_runs_once) {
    Error error;
    ck_ok(pool_start(THREADS[_i], &error), error);
    ck_assert_int_eq(pool_threads(), THREADS[_i]);
    for (int n = 0; n <= TASKS; n = n < 10 ? n + 1 : n * 10) {
        memset(&work, 0, sizeof work);
        pool_run(n, count_task, &work);
        for (int i = 0; i < TASKS; i++) ck_assert_int_eq(atomic_load(&work.times[i]), i < n);
        ck_assert_int_eq(atomic_load(&work.bad_thread), 0);
        for (int i = 0; i < n; i++) {
            uint64_t x = (uint64_t)i + 1;
            for (int k = 0; k < 200; k++) x = x * 6364136223846793005u + 1442695040888963407u;
            ck_assert(work.result[i] == x);
        }
    }
    pool_stop();
    ck_assert_int_eq(pool_threads(), 1);
}
END_TEST

typedef struct {
    atomic_int inner[20][30];
    atomic_int other_thread;
} Nested;

static Nested nested;
static _Thread_local int outer_task, outer_thread;

static void inner_task(void *context, int task, int thread) {
    Nested *n = context;
    atomic_fetch_add(&n->inner[outer_task][task], 1);
    if (thread != outer_thread) atomic_store(&n->other_thread, 1);
}

static void outer(void *context, int task, int thread) {
    outer_task = task;
    outer_thread = thread;
    pool_run(30, inner_task, context);
}

START_TEST(nested_loops_stay_in_their_thread) {
    Error error;
    ck_ok(pool_start(THREADS[_i], &error), error);
    memset(&nested, 0, sizeof nested);
    pool_run(20, outer, &nested);
    for (int i = 0; i < 20; i++)
        for (int j = 0; j < 30; j++) ck_assert_int_eq(atomic_load(&nested.inner[i][j]), 1);
    ck_assert_int_eq(atomic_load(&nested.other_thread), 0);
    // After a nested loop the outer level still shares its work.
    memset(&work, 0, sizeof work);
    pool_run(TASKS, count_task, &work);
    for (int i = 0; i < TASKS; i++) ck_assert_int_eq(atomic_load(&work.times[i]), 1);
    pool_stop();
}
END_TEST

// What a task wrote, the caller sees after the loop without locks of its own.
static void plain_write(void *context, int task, int thread) {
    (void)thread;
    ((int *)context)[task]++;
}

START_TEST(many_short_loops) {
    Error error;
    int counts[8] = {0}, loops = THREADS[_i] == 7 ? 500 : 5000;
    ck_ok(pool_start(THREADS[_i], &error), error);
    for (int i = 0; i < loops; i++) pool_run(8, plain_write, counts);
    for (int i = 0; i < 8; i++) ck_assert_int_eq(counts[i], loops);
    pool_stop();
}
END_TEST

static void scratch_task(void *context, int task, int thread) {
    Arena *arena = pool_scratch(thread);
    ArenaMark mark = arena_mark(arena);
    unsigned char *place = arena_alloc(arena, 5000);
    memset(place, task & 0xFF, 5000);
    for (int i = 0; i < 5000; i++)
        if (place[i] != (task & 0xFF)) atomic_store((atomic_int *)context, 1);
    arena_release(arena, mark);
}

START_TEST(scratch_belongs_to_one_thread) {
    Error error;
    atomic_int mixed = 0;
    ck_ok(pool_start(3, &error), error);
    pool_run(300, scratch_task, &mixed);
    ck_assert_int_eq(atomic_load(&mixed), 0);
    ck_assert_uint_eq(pool_scratch(0)->used, 0);
    size_t before = arena_total_reserved();
    pool_stop();
    ck_assert_uint_lt(arena_total_reserved(), before);
}
END_TEST

START_TEST(starts_again_and_refuses_nonsense) {
    Error error;
    ck_assert_int_eq(pool_start(0, &error), ERR_USAGE);
    ck_assert_int_eq(pool_start(257, &error), ERR_USAGE);
    pool_stop();
    for (int i = 0; i < 5; i++) {
        ck_ok(pool_start(1 + i % 3, &error), error);
        memset(&work, 0, sizeof work);
        pool_run(100, count_task, &work);
        for (int k = 0; k < 100; k++) ck_assert_int_eq(atomic_load(&work.times[k]), 1);
        pool_stop();
    }
}
END_TEST

Suite *suite_pool(void) {
    Suite *suite = suite_create("pool");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, every_task_runs_once, 0, 4);
    tcase_add_loop_test(all, nested_loops_stay_in_their_thread, 0, 4);
    tcase_add_loop_test(all, many_short_loops, 0, 4);
    tcase_add_test(all, scratch_belongs_to_one_thread);
    tcase_add_test(all, starts_again_and_refuses_nonsense);
    suite_add_tcase(suite, all);
    return suite;
}
