// Ranks: what is exchanged arrives, sums over ranks are the tree of one rank, a failure anywhere is a failure everywhere.
//
// One rank by itself (the other suites run so too); the real thing is `CK_FORK=no CK_RUN_SUITE=comm mpirun -n N build/mpi/tests/all`
// (tests/cross/mpi.sh). Every test is made together: an assertion holds on all ranks or ends them.
#include "tensor/base/comm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/optimizer.h"
#include "tensor/base/file.h"
#include "tests/gradcheck.h"
#include "tests/support.h"
#include "tools/ranks.h"

Suite *suite_comm(void);

static Arena arena;
static Error error;
static void set_up(void) {
    // MPI is joined once in a process and left at its end.
    static bool joined;
    if (!joined) atexit(comm_end);
    joined = true;
    arena = arena_make("test", 0);
    kernels_setup();
    ck_ok(comm_start(&error), error);
}
static void tear_down(void) { arena_free(&arena); }

START_TEST(shares_cover_everything) {
    ck_assert_int_ge(comm_rank(), 0);
    ck_assert_int_lt(comm_rank(), comm_size());
    for (int n = 0; n < 40; n++) {
        ck_assert_int_eq(comm_first(n, 0), 0);
        ck_assert_int_eq(comm_first(n, comm_size()), n);
        for (int r = 0; r < comm_size(); r++) ck_assert_int_le(comm_first(n, r), comm_first(n, r + 1));
    }
}
END_TEST

// Pieces of different lengths, one of them empty, and one longer than any buffer.
START_TEST(bytes_arrive) {
    int me = comm_rank(), ranks = comm_size();
    size_t offset[COMM_RANKS + 1], sizes[] = {3000000, 0, 17, 5, 1};
    uint8_t *mine = arena_alloc(&arena, 3000000);
    for (size_t i = 0; i < sizes[me % 5]; i++) mine[i] = (uint8_t)(i * 7 + (size_t)me);
    const char *all = comm_collect(mine, sizes[me % 5], offset, &arena);
    for (int r = 0; r < ranks; r++) {
        size_t wrong = 0;
        ck_assert_uint_eq(offset[r + 1] - offset[r], sizes[r % 5]);
        for (size_t i = 0; i < sizes[r % 5]; i++) wrong += (uint8_t)all[offset[r] + i] != (uint8_t)(i * 7 + (size_t)r);
        ck_assert_uint_eq(wrong, 0);
    }
    int number = 100 + me;
    comm_broadcast(&number, sizeof number, ranks - 1);
    ck_assert_int_eq(number, 100 + ranks - 1);
    ck_assert(comm_any(me == ranks - 1));
    ck_assert(!comm_any(false));
    comm_barrier();
}
END_TEST

START_TEST(failures_are_shared) {
    int last = comm_size() - 1;
    ck_assert_int_eq(comm_agree(OK, &error), OK);
    error_set(&error, ERR_DATA, "rank %d", comm_rank());
    ck_assert_int_eq(comm_agree(ERR_DATA, &error), ERR_DATA);
    ck_assert_str_eq(error.text, "rank 0");
    // The last rank alone, with and without a place for the sentence.
    Status mine = comm_rank() == last ? error_set(&error, ERR_NUMERIC, "the last one") : OK;
    ck_assert_int_eq(comm_agree(mine, NULL), ERR_NUMERIC);
    ck_assert_int_eq(comm_agree(mine, &error), ERR_NUMERIC);
    ck_assert_str_eq(error.text, "the last one");

    char hash[65];
    memset(hash, comm_rank() == last && last > 0 ? 'b' : 'a', 64);
    hash[64] = 0;
    Status status = ranks_same("input", hash, &error);
    ck_assert_int_eq(status, last > 0 ? ERR_DATA : OK);
    if (last > 0) ck_assert_msg(strstr(error.text, "its input differs from rank 0's") != NULL, "%s", error.text);
}
END_TEST

// Rank 0's bytes are the file's; the others count along and read what it wrote.
START_TEST(files_are_rank_0s) {
    char name[4096] = {0};
    if (comm_rank() == 0) snprintf(name, sizeof name, "%s", temporary_make(&arena));
    comm_broadcast(name, sizeof name, 0);
    const char *path = path_join(&arena, name, "log.jsonl"), *whole = path_join(&arena, name, "whole");
    FileAppend log;
    Text text;
    ck_ok(append_open(&log, path, 0, &error), error);
    for (int i = 0; i < 3; i++) ck_ok(append_line(&log, comm_rank() ? TEXT("from another") : TEXT("from rank 0!"), &error), error);
    ck_assert_uint_eq(log.offset, 39);
    ck_ok(append_close(&log, &error), error);
    ck_ok(file_read(&text, &arena, path, 100, &error), error);
    ck_assert(text_equal(text, TEXT("from rank 0!\nfrom rank 0!\nfrom rank 0!\n")));
    ck_ok(append_open(&log, path, 13, &error), error);
    ck_assert_uint_eq(log.offset, 13);
    ck_ok(append_close(&log, &error), error);

    FileWriter writer;
    ck_ok(writer_open(&writer, &arena, whole, &error), error);
    writer_put(&writer, comm_rank() ? "b" : "a", 1);
    ck_ok(writer_finish(&writer, &error), error);
    ck_ok(file_read(&text, &arena, whole, 100, &error), error);
    ck_assert(text_equal(text, TEXT("a")));
    // A failure of rank 0 is everybody's.
    ck_assert_int_eq(file_write(path_join(&arena, whole, "below"), "x", 1, &error), ERR_IO);
    ck_ok(directory_remove(name, &error), error);
    ck_assert(!file_exists(name));
}
END_TEST

// The tree of numerics.md, G2, by its definition over one number of each unit.
static float node(const float *x, int units, int k, int i) {
    if (k == 0) return x[i];
    int right = (2 * i + 1) << (k - 1);
    float left = node(x, units, k - 1, 2 * i);
    return right < units ? left + node(x, units, k - 1, 2 * i + 1) : left;
}

enum { COUNT = 3 * 4096 + 100, UNITS = 21 };
static void fill_unit(float *grad, int unit) { random_fill(grad, COUNT, 7 + (unsigned)unit, 1.0f); }

// Units over ranks, the step on slices: the numbers that one rank gets, which are formed here without any of it.
START_TEST(steps_are_those_of_one_rank) {
    static float unit[UNITS][COUNT], sum[COUNT];
    AdamWConfig config = adamw_default();
    for (int u = 0; u < UNITS; u++) fill_unit(unit[u], u);
    for (int units = 1; units <= UNITS; units++) {
        Params params = params_make(&arena), alone = params_make(&arena);
        params_add(&params, "w", 1, (int[]){COUNT});
        params_add(&alone, "w", 1, (int[]){COUNT});
        params_finish(&params, true);
        params_finish(&alone, true);
        GradTree tree = gradtree_make(&arena, COUNT);
        Optimizer optimizer = optimizer_make(&params, &config, 1.0f);
        float norm, *m = arena_zeros(&arena, COUNT, sizeof *m), *v = arena_zeros(&arena, COUNT, sizeof *v);
        for (int i = 0; i < COUNT; i++) {
            float x[UNITS];
            for (int u = 0; u < units; u++) x[u] = unit[u][i];
            sum[i] = node(x, units, 5, 0);
        }
        for (int step = 1; step <= 2; step++) {
            int from, to, seen[2 * UNITS] = {0};
            gradtree_begin(&tree, 2 * units, 2);
            while (gradtree_next(&tree, &from, &to)) {
                memcpy(params.grad, unit[from / 2], sizeof unit[0]);
                for (int i = from; i < to; i++) seen[i] = 1 + i;
                gradtree_leaf(&tree, params.grad);
            }
            gradtree_end(&tree, params.grad);
            gradtree_share(&tree, seen, sizeof *seen, NULL);
            for (int i = 0; i < 2 * units; i++) ck_assert_int_eq(seen[i], 1 + i);
            check_bits("slice", params.grad + optimizer.first, sum + optimizer.first, optimizer.count);

            float expected = gradient_norm(sum, COUNT), factor = 1.0f / (expected + 1e-6f);
            ck_ok(optimizer_step(&optimizer, 0.01f, &norm, &error), error);
            ck_assert_uint_eq(float_bits(norm), float_bits(expected));
            adamw_update(alone.value, m, v, sum, COUNT, &config, 0.01f, step, factor < 1 ? factor : 1);
            check_bits("values", params.value, alone.value, COUNT);
            check_bits("first moments", optimizer_whole(&optimizer, optimizer.m, &arena), m, COUNT);
            check_bits("second moments", optimizer_whole(&optimizer, optimizer.v, &arena), v, COUNT);
        }
    }
}
END_TEST

Suite *suite_comm(void) {
    Suite *suite = suite_create("comm");
    TCase *test = tcase_create("ranks");
    tcase_add_checked_fixture(test, set_up, tear_down);
    tcase_add_test(test, shares_cover_everything);
    tcase_add_test(test, bytes_arrive);
    tcase_add_test(test, failures_are_shared);
    tcase_add_test(test, files_are_rank_0s);
    tcase_add_test(test, steps_are_those_of_one_rank);
    suite_add_tcase(suite, test);
    return suite;
}
