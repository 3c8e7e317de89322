// The cache: sizes, places of its heads, clearing.
#include "llama/kvcache.h"

#include <signal.h>

#include "tensor/kernels/kernels.h"
#include "tests/tiny.h"

Suite *suite_kvcache(void);

static const LlamaConfig CONFIG = {.V = 10, .D = 12, .L = 3, .H = 4, .K = 2, .S = 6, .F = 5, .context = 64};

START_TEST(kvcache_sizes) {
    // Keys come in blocks of 16, values one by one.
    const size_t floats = 3 * 5 * 2 * 6;
    ck_assert_uint_eq(kvcache_bytes(&CONFIG, 5, 16), floats * (16 + 16) * sizeof(float));
    ck_assert_uint_eq(kvcache_bytes(&CONFIG, 5, 17), floats * (32 + 17) * sizeof(float));
    ck_assert_uint_eq(kvcache_bytes(&CONFIG, 1, 1), 3 * 2 * 6 * (16 + 1) * sizeof(float));
}
END_TEST

// Every head of every layer and slot has its own memory of the promised size: filling one changes no other.
START_TEST(kvcache_places) {
    Arena arena = arena_make("test", 0);
    KvCache *cache = kvcache_make(&arena, &CONFIG, 2, 17);
    ck_assert(cache->slots == 2 && cache->capacity == 17 && cache->L == 3 && cache->K == 2 && cache->S == 6);
    for (int slot = 0; slot < 2; slot++) ck_assert_int_eq(cache->length[slot], 0);
    int wrong = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int l = 0; l < 3; l++)
            for (int slot = 0; slot < 2; slot++)
                for (int h = 0; h < 2; h++) {
                    const KeyValue *head = &kvcache_heads(cache, l, slot)[h];
                    float mark = (float)((l * 2 + slot) * 2 + h + 1);
                    for (int i = 0; i < 32 * 6; i++) {
                        wrong += head->kt[i] != (pass ? mark : 0);
                        head->kt[i] = mark;
                    }
                    for (int i = 0; i < 17 * 6; i++) {
                        wrong += head->v[i] != (pass ? mark : 0);
                        head->v[i] = mark;
                    }
                }
    ck_assert_int_eq(wrong, 0);
    cache->length[0] = 4;
    cache->length[1] = 5;
    kvcache_clear(cache, 1);
    ck_assert(cache->length[0] == 4 && cache->length[1] == 0);
    arena_free(&arena);
}
END_TEST

START_TEST(kvcache_refuses) {
    Arena arena = arena_make("test", 0);
    KvCache *cache = kvcache_make(&arena, &CONFIG, 2, 4);
    kvcache_heads(cache, _i & 1 ? 3 : 0, _i & 2 ? 2 : _i & 4 ? -1 : 0);
}
END_TEST

START_TEST(kvcache_refuses_empty) {
    Arena arena = arena_make("test", 0);
    kvcache_make(&arena, &CONFIG, _i, !_i);
}
END_TEST

Suite *suite_kvcache(void) {
    Suite *suite = suite_create("kvcache");
    TCase *tc = tcase_create("kvcache");
    tcase_add_test(tc, kvcache_sizes);
    tcase_add_test(tc, kvcache_places);
    // Layer 3 of 3; slot 2 of 2; both; slot -1.
    tcase_add_loop_test_raise_signal(tc, kvcache_refuses, SIGABRT, 1, 5);
    tcase_add_loop_test_raise_signal(tc, kvcache_refuses_empty, SIGABRT, 0, 2);
    suite_add_tcase(suite, tc);
    return suite;
}
