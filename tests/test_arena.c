// Arenas: alignment, marks, growth in place, merging, the cap and its handler.
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support.h"

START_TEST(allocations_are_aligned_and_apart) {
    Arena arena = arena_make("test", 4096);
    unsigned char *place[200];
    for (int i = 0; i < 200; i++) {
        place[i] = arena_alloc(&arena, (size_t)i);
        ck_assert_uint_eq((uintptr_t)place[i] % 64, 0);
        memset(place[i], i, (size_t)i);
    }
    // Nothing written later has changed what was written before, over several chunks.
    for (int i = 0; i < 200; i++)
        for (int j = 0; j < i; j++) ck_assert_int_eq(place[i][j], i);
    ck_assert_uint_ge(arena.reserved, arena.used);
    ck_assert_uint_eq(arena.peak, arena.used);
    arena_free(&arena);
    ck_assert_uint_eq(arena.reserved, 0);
}
END_TEST

START_TEST(zeros_are_zero_after_reuse) {
    Arena arena = arena_make("test", 0);
    memset(arena_alloc(&arena, 1000), 0xAA, 1000);
    arena_reset(&arena);
    unsigned char *place = arena_zeros(&arena, 100, 10);
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(place[i], 0);
    arena_free(&arena);
}
END_TEST

START_TEST(copy_ends_in_nul) {
    Arena arena = arena_make("test", 0);
    char *text = arena_copy(&arena, "a\0b", 3);
    ck_assert_int_eq(memcmp(text, "a\0b", 4), 0);
    ck_assert_str_eq(arena_copy(&arena, NULL, 0), "");
    arena_free(&arena);
}
END_TEST

START_TEST(release_goes_back_over_chunks) {
    Arena arena = arena_make("test", 4096);
    char *kept = arena_copy(&arena, "kept", 4);
    ArenaMark mark = arena_mark(&arena);
    void *first = arena_alloc(&arena, 100);
    for (int i = 0; i < 50; i++) arena_alloc(&arena, 3000);
    size_t reserved = arena.reserved;
    // A second turn takes the same places and asks the system for nothing.
    for (int turn = 0; turn < 3; turn++) {
        arena_release(&arena, mark);
        ck_assert_uint_eq(arena.used, mark.used);
        ck_assert_ptr_eq(arena_alloc(&arena, 100), first);
        for (int i = 0; i < 50; i++) memset(arena_alloc(&arena, 3000), turn, 3000);
        ck_assert_uint_eq(arena.reserved, reserved);
    }
    ck_assert_str_eq(kept, "kept");
    // A mark of the empty arena.
    Arena empty = arena_make("empty", 0);
    mark = arena_mark(&empty);
    first = arena_alloc(&empty, 1);
    arena_release(&empty, mark);
    ck_assert_ptr_eq(arena_alloc(&empty, 1), first);
    arena_free(&empty);
    arena_free(&arena);
}
END_TEST

START_TEST(grow_in_place_or_by_copy) {
    Arena arena = arena_make("test", 1 << 16);
    char *text = arena_alloc(&arena, 100);
    memset(text, 'a', 100);
    // The last allocation is extended where it stands.
    char *longer = arena_grow(&arena, text, 100, 5000);
    ck_assert_ptr_eq(longer, text);
    memset(longer + 100, 'b', 4900);
    char *other = arena_alloc(&arena, 10);
    ck_assert(other >= longer + 5000);
    memset(other, 'c', 10);
    // Now it is not the last, and the second time the chunk is too small.
    char *moved = arena_grow(&arena, longer, 5000, 6000);
    ck_assert_ptr_ne(moved, longer);
    char *far = arena_grow(&arena, moved, 6000, 1 << 20);
    for (int i = 0; i < 5000; i++) ck_assert_int_eq(far[i], i < 100 ? 'a' : 'b');
    for (int i = 0; i < 10; i++) ck_assert_int_eq(other[i], 'c');
    ck_assert_ptr_nonnull(arena_grow(&arena, NULL, 0, 10));
    arena_free(&arena);
}
END_TEST

START_TEST(reset_merges_chunks) {
    Arena arena = arena_make("test", 4096);
    for (int i = 0; i < 20; i++) arena_alloc(&arena, 3000);
    size_t peak = arena.peak;
    arena_reset(&arena);
    ck_assert_uint_eq(arena.used, 0);
    size_t reserved = arena.reserved;
    // All of the last turn fits into the one chunk.
    char *first = arena_alloc(&arena, 3000), *last = first;
    for (int i = 1; i < 20; i++) last = arena_alloc(&arena, 3000);
    ck_assert_uint_eq(arena.reserved, reserved);
    ck_assert_int_eq(last - first, 19 * 3008);
    ck_assert_uint_eq(arena.peak, peak);
    arena_free(&arena);
}
END_TEST

START_TEST(totals_count_all_arenas) {
    size_t before = arena_total_reserved();
    Arena a = arena_make("a", 1 << 20), b = arena_make("b", 1 << 20);
    arena_alloc(&a, 1);
    arena_alloc(&b, 1);
    ck_assert_uint_eq(arena_total_reserved(), before + a.reserved + b.reserved);
    arena_free(&a);
    ck_assert_uint_eq(arena_total_reserved(), before + b.reserved);
    ck_assert_uint_ge(arena_peak_reserved(), before + (2 << 20));
    arena_free(&b);
}
END_TEST

static char heard[256];

static void exit_handler(const char *sentence) {
    ck_assert_ptr_nonnull(strstr(sentence, "'greedy'"));
    ck_assert_ptr_nonnull(strstr(sentence, "--memory"));
    strncpy(heard, sentence, sizeof heard - 1);
    exit(44);
}

START_TEST(cap_calls_the_handler) {
    Arena arena = arena_make("greedy", 0);
    arena_set_exhausted(exit_handler);
    arena_set_cap(arena_total_reserved() + (8 << 20));
    for (int i = 0; i < 100; i++) arena_alloc(&arena, 1 << 20);
    ck_abort_msg("100 MiB were given under a cap of 8 MiB");
}
END_TEST

START_TEST(handler_that_returns_aborts) {
    Arena arena = arena_make("greedy", 0);
    arena_set_cap(1);
    arena_alloc(&arena, 1);
}
END_TEST

START_TEST(impossible_size_aborts) {
    Arena arena = arena_make("huge", 0);
    arena_zeros(&arena, SIZE_MAX / 2, 3);
}
END_TEST

Suite *suite_arena(void) {
    Suite *suite = suite_create("arena");
    TCase *all = tcase_create("all");
    tcase_add_test(all, allocations_are_aligned_and_apart);
    tcase_add_test(all, zeros_are_zero_after_reuse);
    tcase_add_test(all, copy_ends_in_nul);
    tcase_add_test(all, release_goes_back_over_chunks);
    tcase_add_test(all, grow_in_place_or_by_copy);
    tcase_add_test(all, reset_merges_chunks);
    tcase_add_test(all, totals_count_all_arenas);
    tcase_add_exit_test(all, cap_calls_the_handler, 44);
    tcase_add_test_raise_signal(all, handler_that_returns_aborts, SIGABRT);
    tcase_add_test_raise_signal(all, impossible_size_aborts, SIGABRT);
    suite_add_tcase(suite, all);
    return suite;
}
