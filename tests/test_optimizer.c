// The tree of units, the global norm, the clip, the refusal of gradients that are not finite.
#include "nn/optimizer.h"

#include <math.h>
#include <string.h>

#include "tests/gradcheck.h"
#include "tests/naive.h"

Suite *suite_optimizer(void);

enum { N = 17011, MOST = 19 };

// Node (k, i) of the tree over x[0 .. units), one number each: numerics.md, G2, word for word (depth at most 5).
static float node(const float *x, int units, int k, int i) {
    if (k == 0) return x[i];
    int right = (2 * i + 1) << (k - 1);
    float left = node(x, units, k - 1, 2 * i);
    return right < units ? left + node(x, units, k - 1, 2 * i + 1) : left;
}

static void fill_unit(float *grad, int unit) { random_fill(grad, N, 100 + (unsigned)unit, 1.0f); }

// Every number of units up to 19, the last one whole or cut; grad is zero before each leaf.
START_TEST(gradtree_is_the_tree) {
    static float grad[N], zeros[N], unit[MOST][N];
    Arena arena = arena_make("test", 0);
    GradTree tree = gradtree_make(&arena, N);
    for (int u = 0; u < MOST; u++) fill_unit(unit[u], u);
    for (int units = 1; units <= MOST; units++)
        for (int missing = 0; missing < 2; missing++) {
            int u = 0, from, to;
            memset(grad, 0, sizeof grad);
            gradtree_begin(&tree, 3 * units - missing, 3);
            for (; gradtree_next(&tree, &from, &to); u++) {
                ck_assert_int_eq(from, 3 * u);
                ck_assert_int_eq(to, u == units - 1 ? 3 * units - missing : 3 * u + 3);
                check_bits("grad before a leaf", grad, zeros, N);
                memcpy(grad, unit[u], sizeof grad);
                gradtree_leaf(&tree, grad);
            }
            ck_assert_int_eq(u, units);
            gradtree_end(&tree, grad);
            for (int i = 0; i < N; i += 97) {
                float x[MOST];
                for (int k = 0; k < units; k++) x[k] = unit[k][i];
                ck_assert_msg(float_bits(grad[i]) == float_bits(node(x, units, 5, 0)), "%d units, element %d", units, i);
            }
        }
    // At most log2(units) sums wait.
    ck_assert_uint_le(arena.used, 5 * (N * sizeof(float) + 64));
    arena_free(&arena);
}
END_TEST

// One unit a step copies nothing and takes no memory.
START_TEST(gradtree_of_one) {
    static float grad[N], expected[N];
    Arena arena = arena_make("test", 0);
    GradTree tree = gradtree_make(&arena, N);
    fill_unit(grad, 1);
    fill_unit(expected, 1);
    gradtree_begin(&tree, 5, 5);
    gradtree_leaf(&tree, grad);
    gradtree_end(&tree, grad);
    check_bits("grad", grad, expected, N);
    ck_assert_uint_eq(arena.used, 0);
}
END_TEST

// A minibatch that was given up leaves nothing behind.
START_TEST(gradtree_begins_again) {
    static float grad[N], expected[N];
    Arena arena = arena_make("test", 0);
    GradTree tree = gradtree_make(&arena, N);
    gradtree_begin(&tree, 9, 1);
    for (int u = 0; u < 3; u++) {
        fill_unit(grad, u);
        gradtree_leaf(&tree, grad);
    }
    gradtree_begin(&tree, 1, 1);
    fill_unit(grad, 7);
    fill_unit(expected, 7);
    gradtree_leaf(&tree, grad);
    gradtree_end(&tree, grad);
    check_bits("grad", grad, expected, N);
    arena_free(&arena);
}
END_TEST

START_TEST(norm_is_the_tree) {
    static float grad[5 * 4096 + 17];
    const size_t lengths[] = {0, 1, 4096, 4097, 3 * 4096, 5 * 4096 + 17};
    random_fill(grad, sizeof grad / sizeof *grad, 1, 3.0f);
    for (int c = 0; c < 6; c++) {
        float block[6];
        double sum = 0;
        int blocks = 0;
        for (size_t at = 0; at < lengths[c]; at += 4096) {
            size_t n = lengths[c] - at < 4096 ? lengths[c] - at : 4096;
            block[blocks++] = naive_dot(grad + at, grad + at, n);
        }
        for (size_t i = 0; i < lengths[c]; i++) sum += (double)grad[i] * (double)grad[i];
        float found = gradient_norm(grad, lengths[c]);
        ck_assert_uint_eq(float_bits(found), float_bits(blocks ? sqrtf(node(block, blocks, 3, 0)) : 0.0f));
        ck_assert_double_le(fabs((double)found - sqrt(sum)), 1e-6 * sqrt(sum));
    }
}
END_TEST

static void run_norm(void *context, float *out) {
    static float grad[300001];
    (void)context;
    random_fill(grad, 300001, 1, 3.0f);
    *out = gradient_norm(grad, 300001);
}

START_TEST(norm_threads) { check_threads(run_norm, NULL, 1); }
END_TEST

static Params make_params(Arena *arena) {
    Params params = params_make(arena);
    params_add(&params, "first", 2, (int[]){3, 5});
    params_add(&params, "second", 1, (int[]){7});
    params_add(&params, "third", 1, (int[]){4});
    params_finish(&params, true);
    random_fill(params.value, params.count, 1, 1.0f);
    random_fill(params.grad, params.count, 2, 1.0f);
    return params;
}

// The norm before clipping is told, weights move by the clipped gradient, gradients are zero afterwards.
START_TEST(step_clips) {
    Arena arena = arena_make("test", 0);
    Params params = make_params(&arena), copy = make_params(&arena);
    AdamWConfig config = adamw_default();
    Optimizer optimizer = optimizer_make(&params, &config, 0.25f);
    Error error;
    float norm, *zeros = arena_zeros(&arena, 2 * params.count, sizeof(float)), expected = gradient_norm(copy.grad, copy.count);
    ck_ok(optimizer_step(&optimizer, 0.1f, &norm, &error), error);
    ck_assert_uint_eq(float_bits(norm), float_bits(expected));
    ck_assert_float_gt(norm, 0.25f);
    adamw_update(copy.value, zeros, zeros + params.count, copy.grad, copy.count, &config, 0.1f, 1, 0.25f / (norm + 1e-6f));
    check_bits("weights", params.value, copy.value, params.count);
    check_bits("first moments", optimizer.m, zeros, params.count);
    for (size_t i = 0; i < params.count; i++) ck_assert_float_eq(params.grad[i], 0.0f);
    ck_assert_int_eq(optimizer.step, 1);
    arena_free(&arena);
}
END_TEST

// A norm below the limit, or no limit, leaves the gradient as it is.
START_TEST(step_without_clip) {
    const float limits[] = {0.0f, 1000.0f};
    for (int c = 0; c < 2; c++) {
        Arena arena = arena_make("test", 0);
        Params params = make_params(&arena), copy = make_params(&arena);
        AdamWConfig config = adamw_default();
        Optimizer optimizer = optimizer_make(&params, &config, limits[c]);
        Error error;
        float norm, *zeros = arena_zeros(&arena, 2 * params.count, sizeof(float));
        ck_ok(optimizer_step(&optimizer, 0.1f, &norm, &error), error);
        adamw_update(copy.value, zeros, zeros + params.count, copy.grad, copy.count, &config, 0.1f, 1, 1.0f);
        check_bits("weights", params.value, copy.value, params.count);
        arena_free(&arena);
    }
}
END_TEST

// NaN, infinity and squares that overflow: refused by the tensor's name, nothing moved, nothing counted.
START_TEST(step_refuses) {
    const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    for (int c = 0; c < 4; c++) {
        Arena arena = arena_make("test", 0);
        Params params = make_params(&arena), copy = make_params(&arena);
        AdamWConfig config = adamw_default();
        Optimizer optimizer = optimizer_make(&params, &config, 1.0f);
        params.tensor[1]->grad[6] = bad[c];
        params.tensor[2]->grad[0] = bad[c];
        memcpy(copy.grad, params.grad, params.count * sizeof(float));
        Error error;
        float norm;
        ck_assert_int_eq(optimizer_step(&optimizer, 0.1f, &norm, &error), ERR_NUMERIC);
        ck_assert_msg(strstr(error.text, "'second'") != NULL, "%s", error.text);
        check_bits("weights", params.value, copy.value, params.count);
        check_bits("gradients", params.grad, copy.grad, params.count);
        for (size_t i = 0; i < params.count; i++) ck_assert(optimizer.m[i] == 0.0f && optimizer.v[i] == 0.0f);
        ck_assert_int_eq(optimizer.step, 0);
        arena_free(&arena);
    }
}
END_TEST

Suite *suite_optimizer(void) {
    Suite *suite = suite_create("optimizer");
    TCase *tc = tcase_create("optimizer");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, gradtree_is_the_tree);
    tcase_add_test(tc, gradtree_of_one);
    tcase_add_test(tc, gradtree_begins_again);
    tcase_add_test(tc, norm_is_the_tree);
    tcase_add_test(tc, norm_threads);
    tcase_add_test(tc, step_clips);
    tcase_add_test(tc, step_without_clip);
    tcase_add_test(tc, step_refuses);
    suite_add_tcase(suite, tc);
    return suite;
}
