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

START_TEST(ppo_math_groups) {
    // Sum 12; the others of each have means 4, 10/3, 8/3 and 2, or of two replies alone the other one.
    const float returns[] = {0, 2, 4, 6}, others[] = {-4, 2 - 10 / 3.0f, 4 - 8 / 3.0f, 4}, two[] = {-2, 2}, centred[] = {-3, -1, 1, 3};
    float a[4];
    ppo_leave_one_out(a, returns, 4);
    for (int i = 0; i < 4; i++) ck_assert_float_eq_tol(a[i], others[i], 1e-6f);
    ppo_leave_one_out(a, returns, 2);
    check_bits("leave one out of two", a, two, 2);
    // Mean 3, variance 5.
    ppo_group_advantage(a, returns, 4, false);
    check_bits("centred", a, centred, 4);
    ppo_group_advantage(a, returns, 4, true);
    for (int i = 0; i < 4; i++) ck_assert_float_eq_tol(a[i], centred[i] / sqrtf(5), 1e-6f);
    // Replies that are all worth the same say nothing.
    const float equal[] = {0.75f, 0.75f, 0.75f, 0.75f}, none[4] = {0};
    ppo_leave_one_out(a, equal, 4);
    check_bits("equal replies", a, none, 4);
    ppo_group_advantage(a, equal, 4, true);
    check_bits("equal replies", a, none, 4);
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

// Three replies of 1, 2 and 3 actions whose ratios are 1/2 = 1 * 1/2, 2 and 2 * 2 * 1/2, under A = 1, 2, -1, clip 1/4.
START_TEST(ppo_math_sequence_by_hand) {
    const float two = log_f32(2), old[] = {-1, -2, -3, -4, -5, -6}, advantage[] = {1, 2, 9, -1, 9, 9};
    const float now[] = {-1 - two, -2, -3 + two, -4 + two, -5 + two, -6 - two};
    const float loss[] = {-0.5f, -2.5f, 2}, gradient[] = {-0.5f, 0, 0, 2, 2, 2};
    const int first[] = {0, 1, 3, 6};
    Tape tape = tape_make(&arena);
    int clipped = -1;
    Tensor *logp = variable(now);
    const Tensor *found = ppo_sequence_loss(&tape, logp, old, advantage, first, 3, 0.25f, &clipped);
    ck_assert_int_eq(clipped, 1);
    for (int b = 0; b < 3; b++) found->grad[b] = 1;
    tape_backward(&tape);
    for (int b = 0; b < 3; b++) ck_assert_float_eq_tol(tensor_f32(found)[b], loss[b], 2e-6f);
    for (int t = 0; t < T; t++) ck_assert_float_eq_tol(logp->grad[t], gradient[t], 4e-6f);
    // Nothing moved: every ratio is exactly 1, and the gradient REINFORCE's.
    Tape still = tape_make(&arena);
    Tensor *same = variable(old);
    const float start[] = {-1, -2, 1}, reinforce[] = {-1, -2, -2, 1, 1, 1};
    found = ppo_sequence_loss(&still, same, old, advantage, first, 3, 0.25f, NULL);
    check_bits("at ratio 1", tensor_f32(found), start, 3);
    for (int b = 0; b < 3; b++) found->grad[b] = 1;
    tape_backward(&still);
    check_bits("REINFORCE", same->grad, reinforce, T);
}
END_TEST

// The same as in the reward, times 1/2, for l = 0, 1, -1/2, 2, 0, -3; k3's slope 1 - exp(-l) is 0 where policy and reference agree.
START_TEST(ppo_math_kl_loss) {
    const float ref[] = {-1, -2, -3, -4, -5, -6}, now[] = {-1, -1, -3.5f, -2, -5, -9};
    static const float SLOPE[][T] = {{0.5f, 0.5f, 0, 0.5f, 0.5f, 0},
                                     {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f},
                                     {0, 0.5f, -0.25f, 1, 0, -1.5f},
                                     {0, 0.31606028f, -0.32436064f, 0.43233236f, 0, -9.5427685f}};
    for (int kind = KL_CLAMP; kind <= KL_K3; kind++) {
        float kl[T];
        ppo_kl(kl, now, ref, T, (KlKind)kind);
        Tape tape = tape_make(&arena);
        Tensor *logp = variable(now);
        const Tensor *found = ppo_kl_loss(&tape, logp, ref, 0.5f, (KlKind)kind);
        for (int t = 0; t < T; t++) found->grad[t] = 1, kl[t] = kl[t] * 0.5f;
        tape_backward(&tape);
        check_bits("loss", tensor_f32(found), kl, T);
        for (int t = 0; t < T; t++) ck_assert_float_eq_tol(logp->grad[t], SLOPE[kind][t], 4e-6f);
        if (kind != KL_CLAMP && kind != KL_K1) ck_assert(logp->grad[0] == 0 && logp->grad[4] == 0);
    }
}
END_TEST

// 1, 3 and 5, 7: together mean 4, squares 9 + 1 + 1 + 9; one score alone has no deviation.
START_TEST(ppo_math_running_scores) {
    const float first[] = {1, 3}, second[] = {5, 7};
    float work[2];
    PpoMoments all = {0};
    ppo_add_scores(&all, first, work, 1);
    ck_assert(all.n == 1 && all.mean == 1 && all.square == 0);
    ck_assert_float_eq(ppo_scale_score(&all, 1, true), 0);
    all = (PpoMoments){0};
    ppo_add_scores(&all, first, work, 2);
    ck_assert(all.n == 2 && all.mean == 2 && all.square == 2);
    ppo_add_scores(&all, second, work, 2);
    ck_assert(all.n == 4 && all.mean == 4 && all.square == 20);
    ck_assert_float_eq_tol(ppo_scale_score(&all, 3, false), 3 / sqrtf(20 / 3.0f), 1e-6f);
    ck_assert_float_eq_tol(ppo_scale_score(&all, 3, true), -1 / sqrtf(20 / 3.0f), 1e-6f);
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
    KlKind kind;
} Given;

static Tensor *apply_policy(Tape *tape, Tensor *const *input, void *context) {
    const Given *g = context;
    return ppo_policy_loss(tape, input[0], g->old, g->other, 0.2f, NULL);
}

static Tensor *apply_value(Tape *tape, Tensor *const *input, void *context) {
    const Given *g = context;
    return ppo_value_loss(tape, input[0], g->old, g->other, 0.3f, NULL);
}

// Four replies of six actions: what a reply moves is the sum of what its actions do.
static Tensor *apply_sequence(Tape *tape, Tensor *const *input, void *context) {
    static const int FIRST[] = {0, 6, 12, 18, 24};
    const Given *g = context;
    return ppo_sequence_loss(tape, input[0], g->old, g->other, FIRST, 4, 0.2f, NULL);
}

static Tensor *apply_kl(Tape *tape, Tensor *const *input, void *context) {
    const Given *g = context;
    return ppo_kl_loss(tape, input[0], g->old, 0.3f, g->kind);
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
    // The clamp's corner lies at l = 0, where two of the moves are.
    for (g.kind = KL_K1; g.kind <= KL_K3; g.kind++) gradcheck(&(Gradcheck){.op = apply_kl, .context = &g, .input = {x}, .inputs = 1}, 1e-4);
    for (int i = 0; i < 24; i++) g.old[i] -= MOVE[i % 8] == 0 ? 0.5f : 0;
    g.kind = KL_CLAMP;
    gradcheck(&(Gradcheck){.op = apply_kl, .context = &g, .input = {x}, .inputs = 1}, 1e-4);
    for (int i = 0; i < 24; i++) g.old[i] += MOVE[i % 8] == 0 ? 0.5f : 0;
    // Sums of the moves by reply: -1, -0.18, 0.58 and 2.1 under A > 0, > 0, < 0 and > 0: the last one alone is clipped.
    gradcheck(&(Gradcheck){.op = apply_sequence, .context = &g, .input = {x}, .inputs = 1}, 1e-4);
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
    // AlpacaFarm's gain of 1/4 in place of 25 / 100.
    ck_assert_float_eq(ppo_adapt_kl(2, 12, 6, 0.25f, 1), 2 * (1 + 0.2f * 0.25f));
}
END_TEST

Suite *suite_ppo_math(void) {
    Suite *suite = suite_create("ppo_math");
    TCase *tc = tcase_create("ppo_math");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, ppo_math_kl);
    tcase_add_test(tc, ppo_math_reward);
    tcase_add_test(tc, ppo_math_repeats);
    tcase_add_test(tc, ppo_math_advantage);
    tcase_add_test(tc, ppo_math_whiten);
    tcase_add_test(tc, ppo_math_groups);
    tcase_add_test(tc, ppo_math_policy_by_hand);
    tcase_add_test(tc, ppo_math_sequence_by_hand);
    tcase_add_test(tc, ppo_math_kl_loss);
    tcase_add_test(tc, ppo_math_running_scores);
    tcase_add_test(tc, ppo_math_value_by_hand);
    tcase_add_test(tc, ppo_math_gradients);
    tcase_add_test(tc, ppo_math_adapts_kl);
    suite_add_tcase(suite, tc);
    return suite;
}
