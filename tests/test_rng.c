// Randomness: Philox4x32-10 by the known answers of the Random123 distribution, streams, shuffles.
#include <math.h>
#include <signal.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tests/support.h"

// kat_vectors of Random123: counter, key, result.
static const uint32_t KNOWN[3][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
};

START_TEST(known_answers) {
    uint32_t out[4];
    rng_philox(out, KNOWN[_i], KNOWN[_i] + 4);
    for (int i = 0; i < 4; i++) ck_assert_uint_eq(out[i], KNOWN[_i][6 + i]);
    // In place as well.
    uint32_t same[4];
    memcpy(same, KNOWN[_i], sizeof same);
    rng_philox(same, same, KNOWN[_i] + 4);
    ck_assert_mem_eq(same, out, sizeof same);
}
END_TEST

// Keys from hashlib: sha256(little-endian seed + name), first eight bytes as two little-endian words.
START_TEST(keys_are_hashes_of_seed_and_stream) {
    RngKey key = rng_key(0, "simulate.sample");
    ck_assert_uint_eq(key.word[0], 0x8e3b0dfa);
    ck_assert_uint_eq(key.word[1], 0x3e95ee83);
    key = rng_key(0x0123456789abcdef, "ppo.shuffle");
    ck_assert_uint_eq(key.word[0], 0xb6c1801c);
    ck_assert_uint_eq(key.word[1], 0xd5638272);
}
END_TEST

START_TEST(draw_becomes_the_declared_counter) {
    RngKey key = rng_key(3, "test");
    RngDraw draw = {.step = 11, .prompt = 22, .position = 33, .side = 3, .sample = 65535, .attempt = 16383};
    uint32_t counter[4] = {11, 22, 33, 0xffffffff}, out[4];
    rng_philox(out, counter, key.word);
    ck_assert_uint_eq(rng_bits(key, draw), out[0]);
    draw = (RngDraw){.step = 1, .side = 2, .sample = 5, .attempt = 9};
    uint32_t second[4] = {1, 0, 0, 2u << 30 | 5u << 14 | 9u};
    rng_philox(out, second, key.word);
    ck_assert_uint_eq(rng_bits(key, draw), out[0]);
    ck_assert(rng_uniform(key, draw) == (float)(out[0] >> 8) / 16777216.0f);
}
END_TEST

START_TEST(side_out_of_range_aborts) { rng_bits(rng_key(0, "x"), (RngDraw){.side = 4}); }
END_TEST
START_TEST(sample_out_of_range_aborts) { rng_bits(rng_key(0, "x"), (RngDraw){.sample = 65536}); }
END_TEST
START_TEST(attempt_out_of_range_aborts) { rng_bits(rng_key(0, "x"), (RngDraw){.attempt = 16384}); }
END_TEST

START_TEST(uniform_fills_its_interval) {
    RngKey key = rng_key(1, "uniform");
    int bin[16] = {0};
    double sum = 0;
    for (uint32_t i = 0; i < 160000; i++) {
        float u = rng_uniform(key, (RngDraw){.position = i});
        ck_assert(u >= 0 && u < 1);
        bin[(int)(u * 16)]++;
        sum += u;
    }
    // Five standard deviations of a bin are 485, of the mean 0.0036.
    for (int i = 0; i < 16; i++) ck_assert_int_le(bin[i] > 10000 ? bin[i] - 10000 : 10000 - bin[i], 485);
    ck_assert(fabs(sum / 160000 - 0.5) < 0.0036);
}
END_TEST

START_TEST(normal_has_its_moments) {
    RngKey key = rng_key(2, "normal");
    double sum = 0, square = 0, fourth = 0;
    int n = 100000;
    for (uint32_t i = 0; i < (uint32_t)n; i++) {
        double x = rng_normal(key, (RngDraw){.position = i}, logf, cosf);
        ck_assert(isfinite(x) && fabs(x) < 6);
        sum += x;
        square += x * x;
        fourth += x * x * x * x;
    }
    // Five standard errors of mean, variance and fourth moment.
    ck_assert(fabs(sum / n) < 0.016);
    ck_assert(fabs(square / n - 1) < 0.023);
    ck_assert(fabs(fourth / n - 3) < 0.16);
}
END_TEST

START_TEST(shuffle_is_a_permutation) {
    static int order[5000];
    static uint32_t word[5000];
    static char seen[5000];
    static const int SIZES[] = {0, 1, 2, 3, 10, 1000, 5000};
    for (int s = 0; s < 7; s++) {
        memset(seen, 0, sizeof seen);
        rng_shuffle(rng_key(7, "shuffle"), 3, SIZES[s], order, word);
        for (int i = 0; i < SIZES[s]; i++) {
            ck_assert(order[i] >= 0 && order[i] < SIZES[s] && !seen[order[i]]);
            seen[order[i]] = 1;
        }
    }
    // Sorted by (bits of the draw, index), as declared.
    for (int i = 1; i < 5000; i++) {
        uint32_t a = rng_bits(rng_key(7, "shuffle"), (RngDraw){.step = 3, .prompt = (uint32_t)order[i - 1]});
        uint32_t b = rng_bits(rng_key(7, "shuffle"), (RngDraw){.step = 3, .prompt = (uint32_t)order[i]});
        ck_assert(a < b || (a == b && order[i - 1] < order[i]));
    }
}
END_TEST

START_TEST(shuffle_of_few_is_that_of_many) {
    static int few[100], many[1000];
    static uint32_t word[1000];
    RngKey key = rng_key(7, "shuffle");
    rng_shuffle(key, 0, 100, few, word);
    rng_shuffle(key, 0, 1000, many, word);
    // The first hundred stand in the same order among themselves, whatever else is drawn.
    int at = 0;
    for (int i = 0; i < 1000; i++)
        if (many[i] < 100) ck_assert_int_eq(many[i], few[at++]);
    ck_assert_int_eq(at, 100);
    // Another step or key gives another order.
    rng_shuffle(key, 1, 100, many, word);
    ck_assert_mem_ne(few, many, sizeof few);
    rng_shuffle(rng_key(8, "shuffle"), 0, 100, many, word);
    ck_assert_mem_ne(few, many, sizeof few);
}
END_TEST

Suite *suite_rng(void) {
    Suite *suite = suite_create("rng");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, known_answers, 0, 3);
    tcase_add_test(all, keys_are_hashes_of_seed_and_stream);
    tcase_add_test(all, draw_becomes_the_declared_counter);
    tcase_add_test_raise_signal(all, side_out_of_range_aborts, SIGABRT);
    tcase_add_test_raise_signal(all, sample_out_of_range_aborts, SIGABRT);
    tcase_add_test_raise_signal(all, attempt_out_of_range_aborts, SIGABRT);
    tcase_add_test(all, uniform_fills_its_interval);
    tcase_add_test(all, normal_has_its_moments);
    tcase_add_test(all, shuffle_is_a_permutation);
    tcase_add_test(all, shuffle_of_few_is_that_of_many);
    suite_add_tcase(suite, all);
    return suite;
}
