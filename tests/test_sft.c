// Context distillation: golden loss and gradients, what it learns, the same bits after stops and for any pass, what stops it.
#include "rlcd/sft.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"
#include "tests/tune.h"

Suite *suite_sft(void);

static Arena arena;
static Error error;
static void setup(void) {
    kernels_setup();
    arena = arena_make("test_sft", 0);
}
static void teardown(void) { arena_free(&arena); }

static Status train(Role **policy, const Base *base, const PairTokens *pairs, int n, const SftConfig *config, Session *session) {
    return sft_train(policy, base, pairs, n, config, session, &error);
}

// One step at rate 0 from the golden policy: with beta1 0 and no clip the first moment is the gradient.
START_TEST(sft_golden) {
    SafeTensors golden = tiny_golden(&arena, "training_tune.safetensors");
    Base base = tune_model(&arena);
    PairTokens *pairs = tune_golden_pairs(&arena, 1);
    const char *dir = temporary_make(&arena);
    SftConfig config = tune_gradient_config(sft_default());
    Session session = tiny_session(&arena, dir);
    tune_start(&arena, &base, &config, &session);
    Role *policy;
    ck_ok(train(&policy, &base, pairs, 2, &config, &session), error);
    float loss = (float)tiny_number(&arena, dir, "metrics.jsonl", 0, "loss");
    tiny_check(&golden, "sft_loss", &loss, 1, 1e-5);
    ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", 0, "num_tokens"), 18);
    ck_assert_int_eq(tune_check_gradient(&arena, &golden, "sft_gradient", policy, &config, &session), policy->params.tensors);
    tiny_session_end(&session);
    temporary_remove(dir);
}
END_TEST

// The loss falls to what remains of replies that are always the same; rejected replies are never looked at.
START_TEST(sft_learns) {
    Base base = tiny_base(&arena, 1, true);
    PairTokens *pairs = tune_random_pairs(&arena, 10);
    for (int adapter = 0; adapter < 2; adapter++) {
        const char *dir = temporary_make(&arena);
        SftConfig config = tune_config(sft_default(), 12, 0.01);
        config.train_all = !adapter;
        Session session = tiny_session(&arena, dir);
        Role *policy;
        ck_ok(train(&policy, &base, pairs, 10, &config, &session), error);
        double first = tiny_number(&arena, dir, "metrics.jsonl", 0, "loss"), last = tiny_number(&arena, dir, "metrics.jsonl", -1, "loss");
        ck_assert_msg(last < first * 0.7, "%g -> %g", first, last);
        tiny_session_end(&session);
        temporary_remove(dir);
    }
}
END_TEST

// Stopped after every step, and in any number of sequences a pass: the same run. Units are the recipe's choice.
START_TEST(sft_same_bits) {
    Base base = tiny_base(&arena, 1, true);
    PairTokens *pairs = tune_random_pairs(&arena, 10), *other = tune_random_pairs(&arena, 10);
    // Other rejected replies change nothing.
    for (int i = 0; i < 10; i++) other[i].rejected = pairs[(i + 1) % 10].rejected;
    const char *one = temporary_make(&arena), *two = temporary_make(&arena);
    static const char *const FILES[] = {"policy.safetensors", "policy.optimizer.safetensors"};
    SftConfig config = tune_config(sft_default(), 2, 0.01);
    config.unit = 2;
    config.train_all = true;
    Session session = tiny_session(&arena, one);
    Role *policy;
    ck_ok(train(&policy, &base, pairs, 10, &config, &session), error);
    tiny_session_end(&session);
    int stops = 0;
    for (;; stops++) {
        session = tiny_session(&arena, two);
        session.rows = stops % 3 == 0 ? 1 : stops % 3 == 1 ? 25 : 1000;
        tiny_stop_after = 0;
        Status status = train(&policy, &base, other, 10, &config, &session);
        tiny_session_end(&session);
        if (status == OK) break;
        ck_assert_int_eq(status, ERR_STOPPED);
        ck_assert_ptr_nonnull(strstr(error.text, "sft: stopped after step"));
    }
    ck_assert_int_eq(stops, 5);
    tiny_same_run(&arena, one, two, 6, FILES, 2);
    temporary_remove(one);
    temporary_remove(two);
}
END_TEST

START_TEST(sft_names_pair) {
    Base base = tiny_base(&arena, 1, false);
    PairTokens *pairs = tune_random_pairs(&arena, 10);
    tune_poison(&arena, &base, &pairs[6].chosen);
    const char *dir = temporary_make(&arena);
    SftConfig config = tune_config(sft_default(), 1, 0.01);
    Session session = tiny_session(&arena, dir);
    Role *policy;
    ck_assert_int_eq(train(&policy, &base, pairs, 10, &config, &session), ERR_NUMERIC);
    ck_assert_msg(strstr(error.text, "loss of pair 6 is") != NULL && strncmp(error.text, "sft step ", 9) == 0, "%s", error.text);
    tiny_session_end(&session);
    temporary_remove(dir);
}
END_TEST

Suite *suite_sft(void) {
    Suite *suite = suite_create("sft");
    TCase *tc = tcase_create("sft");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, sft_golden);
    tcase_add_test(tc, sft_learns);
    tcase_add_test(tc, sft_same_bits);
    tcase_add_test(tc, sft_names_pair);
    suite_add_tcase(suite, tc);
    return suite;
}
