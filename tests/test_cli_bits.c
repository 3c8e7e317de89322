// The same recipe and seed give the same bits through the whole program (numerics.md): its golden hashes are committed, and
// every axis that must not show is turned alone, then several at once. make_hashes.sh writes the table.
#include <stdlib.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/sha256.h"
#include "tests/cli.h"

#define GGUF "tests/golden/tiny_chat.gguf"

static Arena arena;
static const char *folder;
static void set_up(void) {
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
}
static void tear_down(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

// One run of the whole method and the options it differs by; the first stands alone, so that a failure of all is told by it.
typedef struct {
    const char *golden;  // set of hashes
    const char *option[8];
    bool emulated;  // runs under an emulator too, where each takes many seconds
} Variant;

#define ALL_WEIGHTS "preference.train=all", "ppo.train=all"
#define BF16 "precision=bf16"
static const Variant VARIANTS[] = {
    {"tiny_chat", {"threads=1"}, true},
    {"tiny_chat", {"threads=2"}, false},
    {"tiny_chat", {"threads=3"}, false},
    {"tiny_chat", {"threads=7"}, false},
    {"tiny_chat", {"kernels=scalar", "threads=1"}, true},
    {"tiny_chat", {"kernels=native", "threads=2", "checkpoint_every=100", "keep=1"}, false},
    {"tiny_chat", {"simulate.batch=1", "ppo.batch=1", "eval.batch=1", "threads=1"}, false},
    {"tiny_chat", {"simulate.batch=16", "ppo.batch=16", "eval.batch=16", "threads=2"}, false},
    {"tiny_chat", {"rows=1", "threads=1"}, false},
    {"tiny_chat", {"rows=64", "threads=2"}, false},
    {"tiny_chat", {"model=" GGUF, "threads=1"}, false},
    {"tiny_chat", {"model=" GGUF, "threads=3", "kernels=scalar", "simulate.batch=5", "ppo.batch=3", "rows=100"}, true},
    {"tiny_chat", {"threads=7", "kernels=scalar", "simulate.batch=2", "ppo.batch=5", "eval.batch=3", "rows=33", "memory=500M"}, false},
    {"tiny_chat_all", {ALL_WEIGHTS, "threads=1"}, true},
    {"tiny_chat_all", {ALL_WEIGHTS, "threads=3", "kernels=scalar", "rows=7", "ppo.batch=2"}, false},
    {"tiny_chat_all", {ALL_WEIGHTS, "threads=2", "model=" GGUF}, false},
    {"tiny_chat", {"precision=fp32", "threads=2"}, false},
    {"tiny_bf16", {BF16, "threads=1"}, true},
    {"tiny_bf16", {BF16, "threads=3", "kernels=scalar", "simulate.batch=1", "ppo.batch=3", "rows=33"}, false},
    {"tiny_bf16", {BF16, "threads=2", "model=" GGUF, "rows=1", "checkpoint_every=100"}, false},
    {"tiny_bf16_all", {BF16, ALL_WEIGHTS, "threads=1"}, false},
    {"tiny_bf16_all", {BF16, ALL_WEIGHTS, "threads=3", "kernels=scalar", "rows=7", "ppo.batch=2"}, true},
};

START_TEST(test_recipe) {
    const Variant *v = &VARIANTS[_i];
    const char *out = path_join(&arena, folder, "run"), *argv[16] = {"run", TINY_RECIPE, "--quiet", "--out", out};
    for (int i = 0; v->option[i]; i++) argv[5 + i] = v->option[i];
    CliResult run = cli_expect(&arena, argv);
    ck_assert_int_eq(run.err.size, 0);
    ck_assert_msg(strstr(run.out.data, "first ratios not 1: 0\n") != NULL, "%s", run.out.data);
    for (int s = 0; s < 4; s++) {
        const char *golden = cli_golden(&arena, cli_format(&arena, "%s/%s", v->golden, CLI_STAGES[s]));
        const char *found = cli_hash(&arena, out, CLI_STAGES[s]);
        ck_assert_msg(strcmp(golden, found) == 0, "%s with %s: expected %s, found %s", CLI_STAGES[s], v->option[0], golden, found);
    }
}
END_TEST

// The text and its log-probabilities on stdout; the prompt alone, from a file, in any batch.
START_TEST(test_generate) {
    static const char *const AXES[][3] = {{"--threads=1", "--kernels=scalar", "--batch=1"},
                                          {"--threads=2", "--kernels=native", "--batch=16"},
                                          {"--threads=3", "--kernels=native", "--batch=5"},
                                          {"--threads=7", "--kernels=native", "--batch=32"}};
    const char *golden = cli_golden(&arena, "tiny_chat/generate"), *first = NULL;
    for (int i = 0; i < 8; i++) {
        const char *const *axis = AXES[i / 2], *model = i % 2 ? GGUF : TINY;
        CliResult r = cli_ok(&arena, "generate", "--model", model, "--prompts", TINY_HH, "--n", "2", "--max-new", "24", "--seed", "7",
                             "--top-k", "100", "--top-p", "0.95", "--stop", "\\n\\nHuman:", "--quiet", axis[0], axis[1], axis[2]);
        Sha256 hash;
        uint8_t digest[32];
        char hex[65];
        sha256_begin(&hash);
        sha256_feed(&hash, r.out.data, r.out.size);
        sha256_end(&hash, digest);
        sha256_hex(digest, hex);
        ck_assert_int_eq(cli_lines(r.out), 48);
        ck_assert_msg(strcmp(hex, golden) == 0, "%s %s: expected %s, found %s", model, axis[0], golden, hex);
        // The first prompt alone gives the first reply of the file.
        if (first == NULL) first = r.out.data;
    }
    CliResult alone = cli_ok(&arena, "generate", "--model", TINY, "--prompts", TINY_HH, "--limit", "1", "--max-new", "24", "--seed", "7",
                             "--top-k", "100", "--top-p", "0.95", "--stop", "\\n\\nHuman:", "--quiet");
    ck_assert_int_eq(cli_lines(alone.out), 1);
    ck_assert(strncmp(alone.out.data, first, alone.out.size) == 0);
}
END_TEST

// A check that hashes differ where the recipe does: what is compared above is not blind.
START_TEST(test_recipe_shows) {
    const char *out = path_join(&arena, folder, "run");
    cli_ok(&arena, "run", TINY_RECIPE, "--quiet", "--out", out, "seed=8", "threads=1");
    for (int s = 0; s < 4; s++) {
        const char *golden = cli_golden(&arena, cli_format(&arena, "tiny_chat/%s", CLI_STAGES[s]));
        ck_assert_str_ne(golden, cli_hash(&arena, out, CLI_STAGES[s]));
    }
}
END_TEST

Suite *suite_cli_bits(void) {
    Suite *suite = suite_create("cli_bits");
    TCase *test = tcase_create("bits");
    tcase_add_checked_fixture(test, set_up, tear_down);
    tcase_set_timeout(test, 600);
    for (int i = 0; i < (int)(sizeof VARIANTS / sizeof *VARIANTS); i++)
        if (getenv("RLCD_QEMU") == NULL || VARIANTS[i].emulated) tcase_add_loop_test(test, test_recipe, i, i + 1);
    tcase_add_test(test, test_generate);
    tcase_add_test(test, test_recipe_shows);
    suite_add_tcase(suite, test);
    return suite;
}
