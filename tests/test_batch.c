// Sequences, and sums over ragged batches against their definition.
#include "rlcd/batch.h"

#include <math.h>
#include <string.h>

#include "tests/gradcheck.h"
#include "tests/naive.h"
#include "tests/tiny.h"

Suite *suite_batch(void);

static Arena arena;

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_batch", 0);
}
static void teardown(void) { arena_free(&arena); }

START_TEST(batch_sequence_join) {
    const int32_t prompt[] = {5, 6, 7}, reply[] = {8, 9};
    Sequence s = sequence_join(&arena, prompt, 3, reply, 2, 2);
    const int32_t whole[] = {5, 6, 7, 8, 9, 2};
    ck_assert_int_eq(s.count, 6);
    ck_assert_int_eq(s.from, 3);
    ck_assert_int_eq(sequence_actions(&s), 3);
    ck_assert_int_eq(memcmp(s.ids, whole, sizeof whole), 0);
    // No end; an end whose id is 0; an empty reply.
    s = sequence_join(&arena, prompt, 3, reply, 2, -1);
    ck_assert_int_eq(s.count, 5);
    ck_assert_int_eq(sequence_actions(&s), 2);
    s = sequence_join(&arena, prompt, 3, reply, 2, 0);
    ck_assert(s.count == 6 && s.ids[5] == 0);
    s = sequence_join(&arena, prompt, 3, NULL, 0, 4);
    ck_assert(s.count == 4 && s.ids[3] == 4 && sequence_actions(&s) == 1);
}
END_TEST

START_TEST(batch_keep_last) {
    const int32_t ids[] = {1, 2, 3, 4, 5};
    for (int room = 1; room <= 7; room++) {
        int count = 5;
        const int32_t *kept = ids_keep_last(ids, &count, room);
        ck_assert_int_eq(count, room < 5 ? room : 5);
        ck_assert_ptr_eq(kept, ids + 5 - count);
    }
}
END_TEST

// The definition: node (k, i) covers [i * 2^k, (i + 1) * 2^k).
static float node(const float *x, int n, int k, int i) {
    if (k == 0) return x[i];
    float left = node(x, n, k - 1, 2 * i);
    return (2 * i + 1) << (k - 1) < n ? left + node(x, n, k - 1, 2 * i + 1) : left;
}

START_TEST(batch_tree_sum) {
    ck_assert_float_eq(tree_sum(NULL, 0), 0);
    int unlike_chain = 0;
    for (int n = 1; n <= 40; n++) {
        float x[40], work[40], chain = 0;
        random_fill(x, 40, (unsigned)n, 1);
        memcpy(work, x, sizeof work);
        int k = 0;
        while (1 << k < n) k++;
        float expected = node(x, n, k, 0), found = tree_sum(work, n);
        check_bits("tree", &found, &expected, 1);
        for (int i = 0; i < n; i++) chain += x[i];
        unlike_chain += chain != found;
        // Nothing behind n was looked at.
        check_bits("rest", work + n, x + n, (size_t)(40 - n));
    }
    ck_assert_int_gt(unlike_chain, 10);
    // An empty right child is passed by, not added: -0 stays.
    float zero[3] = {-0.0f, -0.0f, -0.0f};
    ck_assert(signbit(tree_sum(zero, 3)));
}
END_TEST

// A1 inside a part, the tree over parts.
START_TEST(batch_ragged) {
    enum { PARTS = 11 };
    static const int COUNT[PARTS] = {1, 40, 0, 17, 16, 3, 100, 2, 33, 15, 5};
    static float x[PARTS][100];
    const float *part[PARTS];
    float sum[PARTS], squares[PARTS];
    int n = 0;
    for (int i = 0; i < PARTS; i++) {
        random_fill(x[i], 100, (unsigned)i + 1, 2);
        part[i] = x[i];
        n += COUNT[i];
    }
    for (int parts = 0; parts <= PARTS; parts++) {
        float d[100];
        for (int i = 0; i < parts; i++) {
            sum[i] = naive_sum(x[i], (size_t)COUNT[i]);
            for (int t = 0; t < COUNT[i]; t++) d[t] = x[i][t] - 0.3f;
            squares[i] = naive_dot(d, d, (size_t)COUNT[i]);
        }
        size_t used = arena.used;
        float found[2] = {ragged_sum(part, COUNT, parts, &arena), ragged_sum_squares(part, COUNT, parts, 0.3f, &arena)};
        float expected[2] = {tree_sum(sum, parts), tree_sum(squares, parts)};
        ck_assert_uint_eq(arena.used, used);
        check_bits("ragged", found, expected, 2);
    }
    ck_assert_int_eq(ragged_count(COUNT, PARTS), n);
    ck_assert_int_eq(ragged_count(COUNT, 0), 0);
}
END_TEST

Suite *suite_batch(void) {
    Suite *suite = suite_create("batch");
    TCase *tc = tcase_create("batch");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, batch_sequence_join);
    tcase_add_test(tc, batch_keep_last);
    tcase_add_test(tc, batch_tree_sum);
    tcase_add_test(tc, batch_ragged);
    suite_add_tcase(suite, tc);
    return suite;
}
