// The sampler against the definition in numerics.md, S2, written as plain loops; ties, bans, extremes; frequencies.
#include "llama/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"
#include "tests/gradcheck.h"
#include "tests/naive.h"
#include "tests/tiny.h"

Suite *suite_sampler(void);

static Arena arena;
static Error error;

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_sampler", 0);
}
static void teardown(void) { arena_free(&arena); }

enum { MOST = 1600 };

// ---- the definition

static const float *sorting;

static int by_weight(const void *a, const void *b) {
    int i = *(const int *)a, j = *(const int *)b;
    if (sorting[i] != sorting[j]) return sorting[i] > sorting[j] ? -1 : 1;
    return i - j;
}

static float naive_blocks(const float *e, int V) {
    float sum = 0;
    for (int at = 0; at < V; at += 256) sum += naive_sum(e + at, (size_t)(V - at < 256 ? V - at : 256));
    return sum;
}

// The id that S2 draws, or -1.
static int naive_draw(const SamplerConfig *config, const float *z, int V, float u, float *logprob) {
    static float e[MOST], all[MOST];
    static int order[MOST];
    float max = naive_max(z, (size_t)V);
    for (int i = 0; i < V; i++) all[i] = e[i] = exp_f32(z[i] - max);
    float total = naive_sum(all, (size_t)V);
    for (int i = 0; i < config->n_banned; i++) e[config->banned[i]] = 0;
    int chosen = -1;
    if (config->temperature == 0) {
        for (int i = V - 1; i >= 0; i--)
            if (e[i] > 0 && (chosen < 0 || e[i] >= e[chosen])) chosen = i;
    } else {
        sorting = e;
        for (int i = 0; i < V; i++) order[i] = i;
        qsort(order, (size_t)V, sizeof *order, by_weight);
        int kept = config->top_k > 0 && config->top_k < V ? config->top_k : V;
        for (int i = kept; i < V; i++) e[order[i]] = 0;
        if (config->top_p < 1) {
            float goal = config->top_p * naive_blocks(e, V), sum = 0;
            int n = 0;
            while (n < kept && (n == 0 || sum < goal)) sum += e[order[n++]];
            for (int i = n; i < kept; i++) e[order[i]] = 0;
        }
        // Blocks first, then inside the first that passes t.
        float t = u * naive_blocks(e, V), sum = 0;
        int at = 0;
        for (; at < V; at += 256) {
            float next = sum + naive_sum(e + at, (size_t)(V - at < 256 ? V - at : 256));
            if (next > t) break;
            sum = next;
        }
        int end = at + 256 < V ? at + 256 : V;
        for (int i = at; i < end && chosen < 0; i++) {
            sum += e[i];
            if (e[i] > 0 && sum > t) chosen = i;
        }
        for (int i = end - 1; i >= 0 && chosen < 0; i--)
            if (e[i] > 0) chosen = i;
    }
    if (chosen >= 0) *logprob = (z[chosen] - max) - log_f32(total);
    return chosen;
}

static void compare(const SamplerConfig *config, const float *z, int V, float u) {
    int32_t id = -7;
    float logprob = 7, expected_logprob = 0;
    int expected = naive_draw(config, z, V, u, &expected_logprob);
    size_t used = arena.used;
    Status status = sampler_draw(config, z, V, u, &arena, &id, &logprob, &error);
    ck_assert_uint_eq(arena.used, used);
    if (status != OK) ck_abort_msg("V %d u %g: %s", V, (double)u, error.text);
    if (id != expected)
        ck_abort_msg("V %d, k %d, p %g, u %.9g: drew %d, expected %d", V, config->top_k, (double)config->top_p, (double)u, id, expected);
    check_bits("log-probability", &logprob, &expected_logprob, 1);
}

// Random logits, some rounded so that ties are many, in vocabularies around the block of 256.
START_TEST(sampler_definition) {
    static const int VOCABULARY[] = {1, 2, 17, 255, 256, 257, 600, MOST};
    static const int TOP_K[] = {0, 1, 2, 50, 255, 5000};
    static const float TOP_P[] = {1, 0.9f, 0.5f, 0, 0.999999f}, U[] = {0, 0x1p-24f, 0.25f, 0.5f, 0.75f, 1 - 0x1p-24f};
    static float z[MOST];
    RngKey key = rng_key(3, "sampler");
    uint32_t n = 0;
    for (int v = 0; v < 8; v++)
        for (int spread = 0; spread < 3; spread++) {
            random_fill(z, MOST, n + 1, spread == 0 ? 0.1f : spread == 1 ? 3 : 30);
            if (spread == 1)
                for (int i = 0; i < MOST; i++) z[i] = roundf(z[i]);
            for (int k = 0; k < 6; k++)
                for (int p = 0; p < 5; p++) {
                    SamplerConfig config = {.temperature = 1, .top_k = TOP_K[k], .top_p = TOP_P[p]};
                    for (int i = 0; i < 6; i++) compare(&config, z, VOCABULARY[v], U[i]);
                    for (int i = 0; i < 6; i++) compare(&config, z, VOCABULARY[v], rng_uniform(key, (RngDraw){.position = n++}));
                }
        }
}
END_TEST

// Bans change the draw, never the log-probability, and come before top-k.
START_TEST(sampler_bans) {
    static float z[600];
    static int32_t banned[400];
    random_fill(z, 600, 9, 2);
    for (int i = 0; i < 400; i++) banned[i] = (i * 7) % 600;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 300; i++) {
            SamplerConfig config = {.temperature = i % 5 ? 1 : 0, .top_k = k * 25, .top_p = k == 2 ? 0.8f : 1};
            config.banned = banned;
            config.n_banned = 400;
            compare(&config, z, 600, (float)i / 300);
        }
    // The best two are out: the third is drawn, its log-probability that of the whole softmax.
    const float three[] = {0, log_f32(2), log_f32(5)};
    const int32_t best[] = {2, 1};
    SamplerConfig config = {.temperature = 1, .top_k = 1, .top_p = 1, .banned = best, .n_banned = 2};
    int32_t id;
    float logprob;
    ck_ok(sampler_draw(&config, three, 3, 0.5f, &arena, &id, &logprob, &error), error);
    ck_assert_int_eq(id, 0);
    ck_assert_float_eq_tol(logprob, -log_f32(8), 1e-6f);
}
END_TEST

// Hand-made cases: ties go to the lowest id, the shortest prefix that reaches p, the borders of the running sum.
START_TEST(sampler_by_hand) {
    const float tie[] = {1, 3, 3, 0, 3};
    int32_t id;
    float logprob;
    SamplerConfig config = sampler_default();
    ck_assert_float_eq(config.temperature, 1);
    ck_assert_float_eq(config.top_p, 1);
    ck_assert_int_eq(config.top_k, 0);
    ck_assert_int_eq(config.n_banned, 0);
    config.temperature = 0;
    ck_ok(sampler_draw(&config, tie, 5, 0.999f, &arena, &id, &logprob, &error), error);
    ck_assert_int_eq(id, 1);
    config.temperature = 1;
    config.top_k = 2;
    ck_ok(sampler_draw(&config, tie, 5, 0.499f, &arena, &id, &logprob, &error), error);
    ck_assert_int_eq(id, 1);
    // t equals the first sum: the sum must be larger, so the next id.
    ck_ok(sampler_draw(&config, tie, 5, 0.5f, &arena, &id, &logprob, &error), error);
    ck_assert_int_eq(id, 2);
    // Two of four equal weights reach one half exactly; one more is not taken.
    const float flat[] = {0, 0, 0, 0};
    config = (SamplerConfig){.temperature = 1, .top_p = 0.5f};
    ck_ok(sampler_draw(&config, flat, 4, 0.99f, &arena, &id, &logprob, &error), error);
    ck_assert_int_eq(id, 1);
    config.top_p = 0.51f;
    ck_ok(sampler_draw(&config, flat, 4, 0.99f, &arena, &id, &logprob, &error), error);
    ck_assert_int_eq(id, 2);
    check_bits("log-probability", &logprob, (float[]){-log_f32(4)}, 1);
    ck_assert_float_eq(sampler_temperature(&config), 1);
    config.temperature = 0;
    ck_assert_float_eq(sampler_temperature(&config), 1);
    config.temperature = 0.25f;
    ck_assert_float_eq(sampler_temperature(&config), 0.25f);
}
END_TEST

static void refused(const SamplerConfig *config, const float *z, int V) {
    int32_t id = -7;
    float logprob = 7;
    ck_assert_int_eq(sampler_draw(config, z, V, 0.5f, &arena, &id, &logprob, &error), ERR_NUMERIC);
    ck_assert_int_eq(id, -7);
    ck_assert_ptr_nonnull(strstr(error.text, "sampling"));
}

START_TEST(sampler_refuses) {
    static float z[300];
    const int32_t all[] = {0, 1, 2};
    for (int zero = 0; zero < 2; zero++) {
        SamplerConfig config = {.temperature = zero ? 0 : 1, .top_k = 0, .top_p = 1};
        // A NaN in any lane, at the end of a block, in the last block.
        static const int PLACE[] = {0, 15, 255, 256, 299};
        for (int i = 0; i < 5; i++) {
            random_fill(z, 300, 4, 1);
            z[PLACE[i]] = NAN;
            refused(&config, z, 300);
        }
        random_fill(z, 300, 4, 1);
        z[7] = INFINITY;
        refused(&config, z, 300);
        for (int i = 0; i < 300; i++) z[i] = -INFINITY;
        refused(&config, z, 300);
        config.banned = all;
        config.n_banned = 3;
        refused(&config, (float[]){1, 2, 3}, 3);
        // One of minus infinity is a token of probability 0, no more.
        config.n_banned = 0;
        for (int i = 0; i < 20; i++) compare(&config, (float[]){1, -INFINITY, 0.5f}, 3, (float)i / 20);
        int32_t id;
        float logprob;
        ck_ok(sampler_draw(&config, (float[]){-INFINITY, -4}, 2, 0, &arena, &id, &logprob, &error), error);
        ck_assert_int_eq(id, 1);
        ck_assert_float_eq(logprob, 0);
        // What is left after bans has weight zero.
        config.n_banned = 1;
        refused(&config, (float[]){1, -INFINITY, -INFINITY}, 3);
    }
}
END_TEST

// Frequencies of 40,000 draws lie within five standard deviations of the softmax over what is kept.
START_TEST(sampler_frequencies) {
    enum { N = 40000, V = 300 };
    static float z[V];
    static int seen[V];
    random_fill(z, V, 21, 2.5f);
    RngKey key = rng_key(11, "frequencies");
    for (int k = 0; k < 2; k++) {
        SamplerConfig config = {.temperature = 1, .top_k = k ? 20 : 0, .top_p = 1};
        double weight[V], total = 0;
        memset(seen, 0, sizeof seen);
        for (int i = 0; i < V; i++) {
            int above = 0;
            for (int j = 0; j < V; j++) above += z[j] > z[i];
            weight[i] = k && above >= 20 ? 0 : exp((double)z[i]);
            total += weight[i];
        }
        for (int n = 0; n < N; n++) {
            int32_t id;
            float logprob;
            RngDraw draw = {.prompt = (uint32_t)k, .position = (uint32_t)n};
            if (sampler_draw(&config, z, V, rng_uniform(key, draw), &arena, &id, &logprob, &error) != OK) ck_abort_msg("%s", error.text);
            seen[id]++;
        }
        for (int i = 0; i < V; i++) {
            double p = weight[i] / total, off = fabs(seen[i] - N * p), sigma = sqrt(N * p * (1 - p));
            if (off > 5 * sigma) ck_abort_msg("id %d: %d times, expected %.1f +- %.1f", i, seen[i], N * p, sigma);
        }
    }
}
END_TEST

Suite *suite_sampler(void) {
    Suite *suite = suite_create("sampler");
    TCase *tc = tcase_create("sampler");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, sampler_definition);
    tcase_add_test(tc, sampler_bans);
    tcase_add_test(tc, sampler_by_hand);
    tcase_add_test(tc, sampler_refuses);
    tcase_add_test(tc, sampler_frequencies);
    suite_add_tcase(suite, tc);
    return suite;
}
