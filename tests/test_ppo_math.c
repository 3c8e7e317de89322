// PPO's arithmetic by hand: KL kinds, reward, advantages, whitening, both losses with their gradients, the adaptive coefficient.
// Golden values of the same functions: test_training.c.
#include "rlcd/ppo_math.h"

#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_ppo_math(void);

static Arena arena;

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_ppo_math", 0);
}
static void teardown(void) { arena_free(&arena); }

START_TEST(ppo_math_names) {
    KlKind kind = KL_K3;
    static const char *const NAMES[] = {"clamp", "k1", "k2", "k3"};
    for (int i = 0; i < 4; i++) {
        ck_assert(kl_from_name(NAMES[i], &kind));
        ck_assert_int_eq(kind, i);
    }
    kind = KL_K1;
    ck_assert(!kl_from_name("k4", &kind) && !kl_from_name("", &kind) && !kl_from_name("k11", &kind) && !kl_from_name("K1", &kind));
    ck_assert_int_eq(kind, KL_K1);
}
END_TEST

// l = 1, -1, 0: powers of two leave nothing to round.
START_TEST(ppo_math_kl) {
    const float logp[] = {-1, -3, -2}, ref[] = {-2, -2, -2};
    const float clamp[] = {1, 0, 0}, k1[] = {1, -1, 0}, k2[] = {0.5f, 0.5f, 0};
    float kl[3];
    ppo_kl(kl, logp, ref, 3, KL_CLAMP);
    check_bits("clamp", kl, clamp, 3);
    ppo_kl(kl, logp, ref, 3, KL_K1);
    check_bits("k1", kl, k1, 3);
    ppo_kl(kl, logp, ref, 3, KL_K2);
    check_bits("k2", kl, k2, 3);
    ppo_kl(kl, logp, ref, 3, KL_K3);
    ck_assert_float_eq_tol(kl[0], 0.36787944f, 1e-6f);
    ck_assert_float_eq_tol(kl[1], 0.71828183f, 1e-6f);
    // Equal distributions: exactly 0, whatever the kind.
    for (int kind = KL_CLAMP; kind <= KL_K3; kind++) {
        ppo_kl(kl, ref, ref, 3, (KlKind)kind);
        for (int t = 0; t < 3; t++) ck_assert(kl[t] == 0);
    }
}
END_TEST

START_TEST(ppo_math_reward) {
    const float kl[] = {1, -2, 4}, expected[] = {-0.5f, 1, -5};
    float reward[3];
    ppo_shape_reward(reward, kl, 0.5f, -3, 3);
    check_bits("reward", reward, expected, 3);
    ppo_shape_reward(reward, kl + 2, 0.25f, 2, 1);
    ck_assert_float_eq(reward[0], 1);
}
END_TEST

// Of 1 2 3 1 2 3 2 3 the pairs 12, 23 and 23 were there before: places 4, 5 and 7.
START_TEST(ppo_math_repeats) {
    const int32_t action[] = {1, 2, 3, 1, 2, 3, 2, 3};
    const float expected[] = {0, 0, 0, 0, -0.5f, -0.5f, 0, -0.5f}, none[8] = {0};
    float reward[8] = {0}, longer[8] = {0};
    ppo_penalise_repeats(reward, action, 8, 2, 0.5f);
    check_bits("repeats", reward, expected, 8);
    ppo_penalise_repeats(longer, action, 8, 4, 0.5f);
    check_bits("no four twice", longer, none, 8);
    ppo_penalise_repeats(longer, action, 2, 4, 0.5f);
    check_bits("shorter than an n-gram", longer, none, 8);
}
END_TEST

START_TEST(ppo_math_advantage) {
    // gamma 1/2, lambda 1/2, from the end: delta = 4 - 1 = 3; 2 + 1/2 - 2 = 1/2; 1 + 1 - 4 = -2.
    const float reward[] = {1, 2, 4}, value[] = {4, 2, 1}, advantage[] = {-1.6875f, 1.25f, 3}, returns[] = {2.3125f, 3.25f, 4};
    float a[3], r[3];
    ppo_estimate_advantage(a, r, reward, value, 3, 0.5f, 0.5f);
    check_bits("advantage", a, advantage, 3);
    check_bits("returns", r, returns, 3);
    // gamma = lambda = 1: the return is the sum of what comes, whatever the values.
    const float sums[] = {7, 6, 4};
    ppo_estimate_advantage(a, r, reward, value, 3, 1, 1);
    check_bits("returns", r, sums, 3);
    // lambda 0: one step ahead alone.
    const float steps[] = {-1, 1, 3};
    ppo_estimate_advantage(a, r, reward, value, 3, 1, 0);
    check_bits("advantage", a, steps, 3);
    // gamma 0: nothing but the own reward.
    const float own[] = {-3, 0, 3};
    ppo_estimate_advantage(a, r, reward, value, 3, 0, 1);
    check_bits("advantage", a, own, 3);
    check_bits("returns", r, reward, 3);
}
END_TEST

START_TEST(ppo_math_whiten) {
    // Mean 3, variance 4.
    const float x[] = {1, 5, 1, 5}, shifted[] = {-1, 1, -1, 1}, kept[] = {2, 4, 2, 4};
    float y[4];
    memcpy(y, x, sizeof y);
    ppo_whiten(y, 4, 3, 4, true);
    check_bits("shifted", y, shifted, 4);
    memcpy(y, x, sizeof y);
    ppo_whiten(y, 4, 3, 4, false);
    check_bits("kept", y, kept, 4);
    // 1e-8 stands under the root: equal numbers give 0, a variance of 3e-8 a deviation of 2e-4.
    float equal[] = {3, 3};
    ppo_whiten(equal, 2, 3, 0, true);
    ck_assert(equal[0] == 0 && equal[1] == 0);
    float small[] = {2e-4f};
    ppo_whiten(small, 1, 0, 3e-8f, true);
    ck_assert_float_eq_tol(small[0], 1, 1e-6f);
}
END_TEST

// ---- losses

enum { T = 6 };

static Tensor *variable(const float *x) {
    Tensor *t = tensor_new_1d(&arena, true, T);
    memcpy(t->data, x, T * sizeof *x);
    return t;
}

// Ratios 1/2, 2, 1, 2, 1/2, 2 under A = 1, 1, 1, -1, -1, 1, clip 1/4.
START_TEST(ppo_math_policy_by_hand) {
    const float two = log_f32(2), old[] = {-1, -2, -3, -4, -5, -6}, advantage[] = {1, 1, 1, -1, -1, 1};
    const float now[] = {-1 - two, -2 + two, -3, -4 + two, -5 - two, -6 + two};
    const float loss[] = {-0.5f, -1.25f, -1, 2, 0.75f, -1.25f}, gradient[] = {-0.5f, 0, -1, 2, 0, 0};
    Tape tape = tape_make(&arena);
    int clipped = -1;
    Tensor *logp = variable(now);
    const Tensor *found = ppo_policy_loss(&tape, logp, old, advantage, 0.25f, &clipped);
    ck_assert_int_eq(clipped, 3);
    for (int t = 0; t < T; t++) found->grad[t] = 1;
    tape_backward(&tape);
    for (int t = 0; t < T; t++) {
        ck_assert_float_eq_tol(tensor_f32(found)[t], loss[t], 2e-6f);
        ck_assert_float_eq_tol(logp->grad[t], gradient[t], 2e-6f);
    }
    // Nobody has to count, and nobody has to differentiate.
    const Tensor *plain = ppo_policy_loss(NULL, logp, old, advantage, 0.25f, NULL);
    ck_assert_ptr_null(plain->grad);
    check_bits("untaped", tensor_f32(plain), tensor_f32(found), T);
}
END_TEST

// Values 3, -1, 1/4, 1, -2, 3 above old ones of 1, 2, ..., returns 2, 2, 2, -1, -2, 2 above them, clip 1/2.
START_TEST(ppo_math_value_by_hand) {
    const float above[] = {3, -1, 0.25f, 1, -2, 3}, aim[] = {2, 2, 2, -1, -2, 2};
    // Clipped: 1/2, -1/2, 1/4, 1/2, -1/2, 1/2; squares by value 1, 9, 49/16, 4, 0, 1, by clipped 9/4, 25/4, 49/16, 9/4, 9/4, 9/4.
    const float loss[] = {1.125f, 4.5f, 1.53125f, 2, 1.125f, 1.125f}, gradient[] = {0, -3, -1.75f, 2, 0, 0};
    float value[T], old[T], returns[T];
    for (int t = 0; t < T; t++) {
        old[t] = (float)(t + 1);
        value[t] = old[t] + above[t];
        returns[t] = old[t] + aim[t];
    }
    Tape tape = tape_make(&arena);
    int clipped = -1;
    Tensor *v = variable(value);
    const Tensor *found = ppo_value_loss(&tape, v, old, returns, 0.5f, &clipped);
    ck_assert_int_eq(clipped, 3);
    for (int t = 0; t < T; t++) found->grad[t] = 1;
    tape_backward(&tape);
    check_bits("loss", tensor_f32(found), loss, T);
    for (int t = 0; t < T; t++) ck_assert_float_eq(v->grad[t], gradient[t]);
    const Tensor *plain = ppo_value_loss(NULL, v, old, returns, 0.5f, NULL);
    check_bits("untaped", tensor_f32(plain), loss, T);
}
END_TEST

// Finite differences: inputs lie further from every border of a clip than the differences reach (1/16).
typedef struct {
    float old[24], other[24];
} Given;

static Tensor *apply_policy(Tape *tape, Tensor *const *input, void *context) {
    const Given *g = context;
    return ppo_policy_loss(tape, input[0], g->old, g->other, 0.2f, NULL);
}

static Tensor *apply_value(Tape *tape, Tensor *const *input, void *context) {
    const Given *g = context;
    return ppo_value_loss(tape, input[0], g->old, g->other, 0.3f, NULL);
}

START_TEST(ppo_math_gradients) {
    // Moves well inside and well outside of the clip, to both sides, with both signs of what they meet.
    static const float MOVE[] = {-1, -0.6f, -0.08f, 0, 0.08f, 0.6f, 1, 0.5f};
    Given g;
    Tensor *x = tensor_new_2d(&arena, true, 4, 6);
    for (int i = 0; i < 24; i++) {
        g.old[i] = -1 - 0.05f * (float)i;
        g.other[i] = (i / 8 % 2 ? -1.0f : 1.0f) * (0.5f + 0.1f * (float)i);
        tensor_f32(x)[i] = g.old[i] + MOVE[i % 8];
    }
    gradcheck(&(Gradcheck){.op = apply_policy, .context = &g, .input = {x}, .inputs = 1}, 1e-4);
    // Returns far on either side of the value: one of the two squares is clearly the larger one.
    for (int i = 0; i < 24; i++) g.other[i] = g.old[i] + (i / 8 % 2 ? -2.0f : 2.0f);
    gradcheck(&(Gradcheck){.op = apply_value, .context = &g, .input = {x}, .inputs = 1}, 1e-4);
}
END_TEST

START_TEST(ppo_math_adapts_kl) {
    // Twice the target: the error is cut at 0.2; steps are a quarter of the horizon.
    ck_assert_float_eq(ppo_adapt_kl(2, 12, 6, 25, 100), 2 * (1 + 0.2f * 25 / 100));
    ck_assert_float_eq(ppo_adapt_kl(2, 0, 6, 25, 100), 2 * (1 - 0.2f * 25 / 100));
    ck_assert_float_eq(ppo_adapt_kl(2, 6, 6, 25, 100), 2);
    ck_assert_float_eq(ppo_adapt_kl(2, 4.5f, 4, 50, 100), 2 * 1.0625f);
    ck_assert_float_eq(ppo_adapt_kl(2, 3.5f, 4, 50, 100), 2 * 0.9375f);
}
END_TEST

Suite *suite_ppo_math(void) {
    Suite *suite = suite_create("ppo_math");
    TCase *tc = tcase_create("ppo_math");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, ppo_math_names);
    tcase_add_test(tc, ppo_math_kl);
    tcase_add_test(tc, ppo_math_reward);
    tcase_add_test(tc, ppo_math_repeats);
    tcase_add_test(tc, ppo_math_advantage);
    tcase_add_test(tc, ppo_math_whiten);
    tcase_add_test(tc, ppo_math_policy_by_hand);
    tcase_add_test(tc, ppo_math_value_by_hand);
    tcase_add_test(tc, ppo_math_gradients);
    tcase_add_test(tc, ppo_math_adapts_kl);
    suite_add_tcase(suite, tc);
    return suite;
}
