// The recipe of the base as its two files have it, scaled, and damaged.
#include <string.h>

#include "tensor/base/file.h"
#include "tests/cli.h"
#include "tools/base_recipe.h"

static Arena arena;
static Error error;
static const char *folder;
static Tool tool;

static void set_up(void) {
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
}
static void tear_down(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

START_TEST(embedded) {
    BaseRecipe r;
    ck_ok(base_recipe_read(&r, &arena, &tool, "models/tiny", 0, "auto", &error), error);
    ck_assert_int_eq(r.tokens, args_int(&r.phase[0], "pretrain.tokens") + args_int(&r.phase[1], "pretrain.tokens"));
    ck_assert_int_gt(r.tokens, 1000000);
    ck_assert(args_has(&r.phase[0], "pretrain.config_model") && args_int(&r.phase[0], "seed") != args_int(&r.phase[1], "seed"));
    // The judges' share is part of it, what the demo sweeps is not.
    ck_assert(base_recipe_sets(&r, world_find_knob(TEXT("p_judge"))));
    ck_assert(!base_recipe_sets(&r, world_find_knob(TEXT("delta"))) && !base_recipe_sets(&r, world_find_knob(TEXT("leak"))));
    ck_assert_int_eq(base_recipe_left(&r, folder), r.tokens);
}
END_TEST

START_TEST(scaled) {
    BaseRecipe r;
    cli_file(&arena, folder, "phase-1.yaml", "seed: 1\nworld.tokens: 6000\npretrain.tokens: 9000\n");
    cli_file(&arena, folder, "phase-2.yaml", "seed: 2\nworld.tokens: 1000\npretrain.tokens: 1000\npretrain.lr: 1e-3\n");
    ck_ok(base_recipe_read(&r, &arena, &tool, folder, 2000, "never", &error), error);
    ck_assert_int_eq(r.tokens, 2000);
    ck_assert_int_eq(args_int(&r.phase[0], "world.tokens"), 1200);
    ck_assert_int_eq(args_int(&r.phase[0], "pretrain.tokens"), 1800);
    ck_assert_int_eq(args_int(&r.phase[1], "world.tokens"), 200);
    ck_assert(args_double(&r.phase[1], "pretrain.lr") == 1e-3 && args_choice(&r.phase[1], "resume") == 1);
    // Never nothing.
    ck_ok(base_recipe_read(&r, &arena, &tool, folder, 1, "auto", &error), error);
    ck_assert(args_int(&r.phase[0], "pretrain.tokens") == 1 && args_int(&r.phase[1], "world.tokens") == 1);
}
END_TEST

START_TEST(damaged) {
    static const char *const CASES[][2] = {
        {"world.tokens: 5\nworld.detla: 1\n", "did you mean 'world.delta'?"},
        {"world.tokens: 5\nmodel: x\n", NULL},
        {"pretrain.tokens: 5\n", "expected \"world.tokens\", found none"},
        {"world.tokens: x\n", "expected a whole number"},
        {"world.tokens: 5\npretrain.tokens: 0\n", "from 1 to"},
        {"world.tokens: 5\nworld.tokens: 5\n", "phase-2.yaml:2"},
        {"world.tokens: [5, 6]\n", "expected one value"},
        {"\xff", "phase-2.yaml:1"},
    };
    BaseRecipe r;
    cli_file(&arena, folder, "phase-1.yaml", "world.tokens: 6000\n");
    ck_assert_int_eq(base_recipe_read(&r, &arena, &tool, folder, 0, "auto", &error), ERR_USAGE);
    ck_assert_msg(strstr(error.text, "phase-2.yaml") != NULL, "%s", error.text);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        cli_file(&arena, folder, "phase-2.yaml", CASES[i][0]);
        Status status = base_recipe_read(&r, &arena, &tool, folder, 0, "auto", &error);
        // Keys of other verbs are passed over, as in any config.
        ck_assert_int_eq(status, CASES[i][1] ? ERR_USAGE : OK);
        if (status != OK) ck_assert_msg(strstr(error.text, CASES[i][1]) && strstr(error.text, "phase-2.yaml"), "%s", error.text);
    }
}
END_TEST

Suite *suite_base_recipe(void);
Suite *suite_base_recipe(void) {
    Suite *suite = suite_create("base_recipe");
    TCase *tc = tcase_create("base_recipe");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, embedded);
    tcase_add_test(tc, scaled);
    tcase_add_test(tc, damaged);
    suite_add_tcase(suite, tc);
    return suite;
}
