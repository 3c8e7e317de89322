// Names of methods, and the part of a recipe that a stage reads.
#include "tools/matrix.h"

#include <string.h>

#include "tests/support.h"
#include "tools/options.h"

Suite *suite_matrix(void);

static Arena arena;
static Error error;
static void set_up(void) { arena = arena_make("test_matrix", 0); }
static void tear_down(void) { arena_free(&arena); }

START_TEST(matrix_names) {
    static const struct {
        const char *name;
        MethodKind kind;
        const char *voice;
    } GOOD[] = {{"base", METHOD_BASE, NULL},
                {"cd", METHOD_CD, NULL},
                {"rlcd", METHOD_RLCD, NULL},
                {"rlaif", METHOD_RLAIF, NULL},
                {"rescore", METHOD_RESCORE, NULL},
                {"dpo", METHOD_DPO, NULL},
                {"ipo", METHOD_IPO, NULL},
                {"cdpo", METHOD_CDPO, NULL},
                {"rloo", METHOD_RLOO, NULL},
                {"grpo", METHOD_GRPO, NULL},
                {"bon", METHOD_BON, NULL},
                {"human", METHOD_HUMAN, NULL},
                {"hybrid", METHOD_HYBRID, NULL},
                {"rlaif-novice", METHOD_RLAIF, "novice"},
                {"rescore-Judge_2", METHOD_RESCORE, "Judge_2"}};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        Method m;
        ck_ok(matrix_method(&m, GOOD[i].name, &error), error);
        ck_assert(m.kind == GOOD[i].kind && (m.voice == NULL) == (GOOD[i].voice == NULL));
        ck_assert_str_eq(m.name, GOOD[i].name);
        if (m.voice) ck_assert_str_eq(m.voice, GOOD[i].voice);
    }
    static const char *const BAD[][2] = {
        {"rlcdd", "did you mean rlcd?"}, {"rescored", "did you mean rescore?"},     {"zzzzzzzz", "there are base, cd, rlcd"},
        {"", "unknown method"},          {"rlcd-novice", "only rlaif and rescore"}, {"base-", "only rlaif and rescore"},
        {"rlaif-", "letters, digits"},   {"rlaif-../x", "letters, digits"},         {"rescore-a b", "letters, digits"},
        {"rlaif-a-b", "letters, digits"}};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        Method m;
        ck_assert_int_eq(matrix_method(&m, BAD[i][0], &error), ERR_USAGE);
        ck_assert_msg(strstr(error.text, BAD[i][1]) != NULL, "%s: %s", BAD[i][0], error.text);
    }
}
END_TEST

// A stage's hash covers its own sections only, and is that of the verb alone with the same options.
START_TEST(matrix_stage_hash) {
    static const char *const RECIPE[] = {"tests/golden/tiny_matrix.yaml", "ppo.lr=1e-3"},
                             *const OTHER[] = {"tests/golden/tiny_matrix.yaml", "ppo.lr=2e-3", "label.hard=yes"},
                             *const ALONE[] = {"--model=m", "--out=o",  "--seed=7",  "--rank=4",        "--alpha=8",
                                               "--batch=4", "--unit=2", "--lr=1e-3", "--max-tokens=200"};
    Args all, other, alone;
    ck_ok(args_parse(&all, &arena, &VERB_RUN, 2, RECIPE, &error), error);
    ck_ok(args_parse(&other, &arena, &VERB_RUN, 3, OTHER, &error), error);
    ck_ok(args_parse(&alone, &arena, &VERB_SFT, 9, ALONE, &error), error);
    const Verb *const verbs[] = {&VERB_SIMULATE, &VERB_LABEL, &VERB_PREFERENCE, &VERB_SFT, &VERB_DPO, &VERB_PPO, &VERB_EVAL};
    for (int i = 0; i < 7; i++) {
        char a[65], b[65], c[65];
        Args one = matrix_stage_args(&all, verbs[i], &arena), two = matrix_stage_args(&other, verbs[i], &arena);
        args_recipe_hash(a, &arena, &one);
        args_recipe_hash(b, &arena, &two);
        args_recipe_hash(c, &arena, &alone);
        ck_assert_int_eq(strcmp(a, b) == 0, verbs[i] != &VERB_PPO && verbs[i] != &VERB_LABEL);
        if (verbs[i] == &VERB_SFT) ck_assert_str_eq(a, c);
        // Setting an option of the part leaves the whole as it was.
        if (verbs[i] != &VERB_LABEL) continue;
        ck_ok(args_set(&one, &arena, "label.voice", TEXT("novice"), &error), error);
        ck_assert_str_eq(args_text(&one, "label.voice"), "novice");
        ck_assert_str_eq(args_text(&all, "label.voice"), "");
    }
}
END_TEST

Suite *suite_matrix(void) {
    Suite *suite = suite_create("matrix");
    TCase *tc = tcase_create("matrix");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, matrix_names);
    tcase_add_test(tc, matrix_stage_hash);
    suite_add_tcase(suite, tc);
    return suite;
}
