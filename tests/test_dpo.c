// DPO, IPO and conservative DPO: golden margins, losses and gradients against a reference that is not the policy; what they learn; the
// same bits; what stops them.
#include "rlcd/dpo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/gradcheck.h"
#include "tests/tiny.h"
#include "tests/tune.h"

Suite *suite_dpo(void);

static Arena arena;
static Error error;
static void setup(void) {
    kernels_setup();
    arena = arena_make("test_dpo", 0);
}
static void teardown(void) { arena_free(&arena); }

static Status train(Role **policy, const Base *base, const PairTokens *pairs, int n, const DpoConfig *config, Session *session) {
    return dpo_train(policy, base, pairs, n, config, session, &error);
}

// One step at rate 0 from the golden policy, 1.05 times the base, which is the reference.
static void check_golden(DpoLoss kind, float label, float smoothing, const char *loss_name, const char *prefix, int expected) {
    SafeTensors golden = tiny_golden(&arena, "training_tune.safetensors");
    Base base = tune_model(&arena);
    PairTokens *pairs = tune_golden_pairs(&arena, label);
    if (smoothing > 0) dpo_smooth_labels(pairs, 2, smoothing);
    const char *dir = temporary_make(&arena);
    DpoConfig config = {.train = tune_gradient_config(dpo_default().train), .loss = kind, .beta = 0.3f};
    Session session = tiny_session(&arena, dir);
    tune_start(&arena, &base, &config.train, &session);
    Role *policy;
    ck_ok(train(&policy, &base, pairs, 2, &config, &session), error);
    float loss = (float)tiny_number(&arena, dir, "metrics.jsonl", 0, "loss");
    tiny_check(&golden, loss_name, &loss, 1, 1e-5);
    ck_assert_int_eq(tune_check_gradient(&arena, &golden, prefix, policy, &config.train, &session), expected);

    // TRL's names: means over the pairs.
    const float *logps = tiny_tensor(&golden, "logps", NULL), *margin = tiny_tensor(&golden, "margin", NULL);
    double right = ((margin[0] > 0) + (margin[1] > 0)) / 2.0, mean = ((double)margin[0] + (double)margin[1]) / 2;
    double chosen = ((double)logps[0] + (double)logps[1]) / 2, rejected = ((double)logps[2] + (double)logps[3]) / 2;
    ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", 0, "logps/chosen"), chosen, 1e-4);
    ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", 0, "logps/rejected"), rejected, 1e-4);
    ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", 0, "rewards/margins"), mean, 1e-4);
    ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", 0, "rewards/accuracies"), right);
    double better = tiny_number(&arena, dir, "metrics.jsonl", 0, "rewards/chosen");
    ck_assert_double_eq_tol(better - tiny_number(&arena, dir, "metrics.jsonl", 0, "rewards/rejected"), mean, 1e-5);
    tiny_session_end(&session);
    temporary_remove(dir);
}

START_TEST(dpo_golden) {
    check_golden(DPO_SIGMOID, 1, 0, "loss", "gradient", 11);
    check_golden(DPO_SIGMOID, 0.8f, 0, "loss_soft", "gradient_soft", 2);
    // A fifth of the labels taken to be wrong.
    check_golden(DPO_SIGMOID, 1, 0.2f, "loss_soft", "gradient_soft", 2);
    check_golden(DPO_SQUARED, 1, 0, "loss_ipo", "gradient_ipo", 2);
    check_golden(DPO_SQUARED, 0.8f, 0, "loss_ipo_soft", "gradient_ipo_soft", 2);
}
END_TEST

// h = 1, 3, -2 under labels 1, 1/2, 0 with beta 1/4: aims 2, 0, -2.
static Tensor *apply_squared(Tape *tape, Tensor *const *input, void *context) { return dpo_squared_loss(tape, input[0], context, 0.25f); }

START_TEST(dpo_squared_by_hand) {
    const PairTokens given[] = {{.label = 1}, {.label = 0.5f}, {.label = 0}}, *pair[] = {&given[0], &given[1], &given[2]};
    const float value[] = {1, 3, -2}, loss[] = {1, 9, 0}, gradient[] = {-2, 6, 0};
    Tensor *h = tensor_new_2d(&arena, true, 3, 1);
    memcpy(h->data, value, sizeof value);
    Tape tape = tape_make(&arena);
    const Tensor *found = dpo_squared_loss(&tape, h, pair, 0.25f);
    for (int i = 0; i < 3; i++) found->grad[i] = 1;
    tape_backward(&tape);
    check_bits("loss", tensor_f32(found), loss, 3);
    check_bits("gradient", h->grad, gradient, 3);
    gradcheck(&(Gradcheck){.op = apply_squared, .context = (void *)pair, .input = {h}, .inputs = 1}, 1e-4);
}
END_TEST

START_TEST(dpo_smooths) {
    PairTokens pairs[] = {{.label = 1}, {.label = 0}, {.label = 0.5f}, {.label = 0.75f}};
    const float expected[] = {0.875f, 0.125f, 0.5f, 0.6875f};
    dpo_smooth_labels(pairs, 4, 0.125f);
    for (int i = 0; i < 4; i++) ck_assert_float_eq(pairs[i].label, expected[i]);
}
END_TEST

// At the start policy and reference are one model: margin exactly 0, loss log 2. Then the margin grows.
START_TEST(dpo_learns) {
    Base base = tiny_base(&arena, 1, true);
    PairTokens *pairs = tune_random_pairs(&arena, 10);
    for (int adapter = 0; adapter < 2; adapter++) {
        const char *dir = temporary_make(&arena);
        DpoConfig config = {.train = tune_config(dpo_default().train, 8, 0.01), .beta = 0.1f};
        config.train.train_all = !adapter;
        config.train.warmup_share = 0;
        Session session = tiny_session(&arena, dir);
        Role *policy;
        ck_ok(train(&policy, &base, pairs, 10, &config, &session), error);
        ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", 0, "rewards/margins"), 0);
        ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", 0, "loss"), 0.693147180559945, 1e-6);
        double margin = tiny_number(&arena, dir, "metrics.jsonl", -1, "rewards/margins");
        ck_assert_msg(margin > 0.5, "margin %g", margin);
        ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", -1, "rewards/accuracies"), 1);
        tiny_session_end(&session);
        temporary_remove(dir);
    }
}
END_TEST

// IPO's margins stop near what they aim at, 1/2 with this beta's factor, where DPO's go on.
START_TEST(dpo_squared_stops) {
    Base base = tiny_base(&arena, 1, true);
    PairTokens *pairs = tune_random_pairs(&arena, 10);
    for (int i = 0; i < 10; i++) pairs[i].label = 1;
    double margin[2];
    for (int kind = DPO_SIGMOID; kind <= DPO_SQUARED; kind++) {
        const char *dir = temporary_make(&arena);
        DpoConfig config = {.train = tune_config(dpo_default().train, 16, 0.01), .loss = (DpoLoss)kind, .beta = 0.1f};
        Session session = tiny_session(&arena, dir);
        Role *policy;
        ck_ok(train(&policy, &base, pairs, 10, &config, &session), error);
        // At the start h is 0.
        double start = kind == DPO_SQUARED ? 25 : 0.693147180559945;
        ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", 0, "loss"), start, 1e-4);
        margin[kind] = tiny_number(&arena, dir, "metrics.jsonl", -1, "rewards/margins");
        tiny_session_end(&session);
        temporary_remove(dir);
    }
    ck_assert_msg(margin[DPO_SQUARED] > 0.25 && margin[DPO_SQUARED] < 0.75 && margin[DPO_SIGMOID] > 1, "margins %g, %g",
                  margin[DPO_SIGMOID], margin[DPO_SQUARED]);
}
END_TEST

START_TEST(dpo_same_bits) {
    Base base = tiny_base(&arena, 1, true);
    PairTokens *pairs = tune_random_pairs(&arena, 10);
    const char *one = temporary_make(&arena), *two = temporary_make(&arena);
    static const char *const FILES[] = {"policy.safetensors", "policy.optimizer.safetensors"};
    DpoConfig config = {.train = tune_config(dpo_default().train, 2, 0.01), .beta = 0.1f};
    config.train.unit = 2;
    config.train.train_all = true;
    config.loss = (DpoLoss)_i;
    Session session = tiny_session(&arena, one);
    Role *policy;
    ck_ok(train(&policy, &base, pairs, 10, &config, &session), error);
    tiny_session_end(&session);
    // Stops while the reference is scored cost nothing, those after a step store it; any number of pairs a pass.
    int stops = 0, unscored = 0;
    for (;; stops++) {
        session = tiny_session(&arena, two);
        session.rows = stops % 3 == 0 ? 1 : stops % 3 == 1 ? 40 : 1000;
        tiny_stop_after = stops % 2 ? 30 : 0;
        Status status = train(&policy, &base, pairs, 10, &config, &session);
        tiny_session_end(&session);
        if (status == OK) break;
        ck_assert_int_eq(status, ERR_STOPPED);
        unscored += strstr(error.text, "scoring") != NULL;
        ck_assert_int_lt(stops, 40);
    }
    ck_assert(unscored > 0);
    tiny_same_run(&arena, one, two, 6, FILES, 2);
    temporary_remove(one);
    temporary_remove(two);
}
END_TEST

START_TEST(dpo_names_pair) {
    Base base = tiny_base(&arena, 1, false);
    PairTokens *pairs = tune_random_pairs(&arena, 10);
    tune_poison(&arena, &base, &pairs[6].rejected);
    const char *dir = temporary_make(&arena);
    DpoConfig config = {.train = tune_config(dpo_default().train, 1, 0.01), .beta = 0.1f};
    Session session = tiny_session(&arena, dir);
    Role *policy;
    ck_assert_int_eq(train(&policy, &base, pairs, 10, &config, &session), ERR_NUMERIC);
    ck_assert_msg(strstr(error.text, "loss of pair 6 is") != NULL && strncmp(error.text, "dpo step ", 9) == 0, "%s", error.text);
    tiny_session_end(&session);
    temporary_remove(dir);
}
END_TEST

Suite *suite_dpo(void) {
    Suite *suite = suite_create("dpo");
    TCase *tc = tcase_create("dpo");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, dpo_golden);
    tcase_add_test(tc, dpo_squared_by_hand);
    tcase_add_test(tc, dpo_smooths);
    tcase_add_test(tc, dpo_learns);
    tcase_add_test(tc, dpo_squared_stops);
    tcase_add_loop_test(tc, dpo_same_bits, DPO_SIGMOID, DPO_SQUARED + 1);
    tcase_add_test(tc, dpo_names_pair);
    suite_add_tcase(suite, tc);
    return suite;
}
