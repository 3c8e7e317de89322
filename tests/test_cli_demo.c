// rlcd demo from the command line: a shortened one whose final hash is in the repository, the same bits in any way of running it,
// and the bad inputs of its issue.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tensor/base/file.h"
#include "tests/cli.h"

Suite *suite_cli_demo(void);

static Arena arena;
static Error error;
static const char *dir;

static void setup(void) {
    arena = arena_make("test_cli_demo", 0);
    dir = temporary_make(&arena);
}
static void teardown(void) {
    temporary_remove(dir);
    arena_free(&arena);
}

// The shortened demo (tests/cross/demo.sh runs it too): one step of PPO, a judged method, DPO.
#define SHORT                                                                                                                       \
    "demo.prompts=8", "demo.held_out=8", "ppo.steps=1", "ppo.rollouts=4", "ppo.minibatch=2", "ppo.samples=4", "preference.batch=4", \
        "dpo.batch=4", "preference.plain_limit=4", "run.methods=[base, rlcd, rlaif-novice, dpo]"

// The hash that a run printed.
static Text printed_hash(const CliResult *result) {
    ptrdiff_t at = text_find(result->out, TEXT("\nhash           "));
    ck_assert_msg(at >= 0 && result->out.size >= (size_t)at + 80, "no hash in: %.*s", (int)result->out.size, result->out.data);
    return (Text){result->out.data + at + 16, 64};
}

static void check_hash(const CliResult *result, const char *how) {
    Text found = printed_hash(result), expected = text_of(cli_golden(&arena, "demo/short"));
    ck_assert_msg(text_equal(found, expected), "%s: %.*s, expected %.*s", how, (int)found.size, found.data, (int)expected.size,
                  expected.data);
}

START_TEST(demo_short) {
    const char *out = cli_format(&arena, "out=%s/demo", dir), *place = cli_format(&arena, "%s/demo", dir);
    CliResult first = cli_ok(&arena, "demo", "--quiet", out, SHORT);
    check_hash(&first, "as it comes");
    static const char *const ROWS[] = {"\nbase ", "\nrlcd ", "\nrlaif-novice ", "\ndpo "};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        ck_assert_msg(text_find(first.out, text_of(ROWS[i])) >= 0, "no row %s", ROWS[i]);
    static const char *const FILES[] = {"report.html",
                                        "harmless/seed-1/results.json",
                                        "harmless/seed-1/contrast/oracle.jsonl",
                                        "harmless/seed-1/rlaif-novice/label/oracle.jsonl",
                                        "harmless/seed-1/rlcd/policy/oracle.jsonl",
                                        "harmless/seed-1/rlcd/accuracy/run.json",
                                        "harmless/seed-1/base/eval/oracle.jsonl"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        ck_assert_msg(file_exists(path_join(&arena, place, FILES[i])), "no %s", FILES[i]);
    // Once more: everything is there, nothing changes, the same table is shown.
    Text before = cli_tree(&arena, place);
    CliResult again = cli_ok(&arena, "demo", "--quiet", out, SHORT);
    ck_assert(text_equal(again.out, first.out));
    ck_assert(text_equal(cli_tree(&arena, place), before));
    // The page is made from files: `report` makes the same one from the folder.
    Text page, same;
    cli_ok(&arena, "report", place, "--pairs", "6", "--prompts", "8", "--out", cli_format(&arena, "%s/again/report.html", dir));
    ck_ok(file_read(&page, &arena, path_join(&arena, place, "report.html"), 16 << 20, &error), error);
    ck_ok(file_read(&same, &arena, cli_format(&arena, "%s/again/report.html", dir), 16 << 20, &error), error);
    ck_assert(text_equal(page, same));
}
END_TEST

START_TEST(demo_bits) {
    if (getenv("RLCD_QEMU")) return;  // the emulator's one run of the short demo takes minutes, and it is the proof for NEON
    CliResult one = cli_ok(&arena, "demo", "--quiet", "--threads", "1", cli_format(&arena, "out=%s/one", dir), SHORT, "rows=60",
                           "simulate.batch=3", "ppo.batch=5", "eval.batch=2");
    check_hash(&one, "one thread, other batches");
}
END_TEST

// All tasks with the methods that were asked for; the calculation is on the page.
START_TEST(demo_full) {
    if (getenv("RLCD_QEMU")) return;  // nothing in it is new to another machine
    const char *place = cli_format(&arena, "%s/full", dir), *again = cli_format(&arena, "%s/again", dir);
    CliResult r = cli_ok(&arena, "demo", "--full", "--seeds", "1", "--quiet", cli_format(&arena, "out=%s", place), "demo.prompts=8",
                         "demo.held_out=8", "demo.predict_pairs=50", "run.methods=[base]");
    static const char *const PARTS[] = {"\nharmless: 8 held-out", "\nhelpful: 8 held-out", "\noutline: 8 held-out",
                                        "\nharmless  delta   0.25 ", "\noutline   leak    1.00 "};
    Str out = str_make(&arena);
    str_printf(&out, "\n%.*s", (int)r.out.size, r.out.data);
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        ck_assert_msg(text_find(str_text(&out), text_of(PARTS[i])) >= 0, "no%s in %s", PARTS[i], out.data);
    ck_assert(text_find(r.out, TEXT("\nrlcd ")) < 0);
    Text page, same, predict;
    ck_ok(file_read(&predict, &arena, path_join(&arena, place, "predict.jsonl"), 1 << 20, &error), error);
    ck_assert_int_eq(cli_lines(predict), 3 * 9 * 10);
    ck_ok(file_read(&page, &arena, path_join(&arena, place, "report.html"), 16 << 20, &error), error);
    ck_assert(text_find(page, TEXT("id=\"t2-sweep-5-t\"")) >= 0);
    cli_ok(&arena, "report", place, "--pairs", "6", "--prompts", "8", "--out", path_join(&arena, again, "report.html"));
    ck_ok(file_read(&same, &arena, path_join(&arena, again, "report.html"), 16 << 20, &error), error);
    ck_assert(text_equal(page, same));
}
END_TEST

// A copy of what is installed, in which a file can be damaged.
static const char *installed_copy(void) {
    const char *command = cli_format(&arena,
                                     "mkdir -p %s/bin %s/share/rlcd/models && cp \"${RLCD_BINARY:-build/rlcd}\" %s/bin/rlcd && "
                                     "cp -R rlcd/tasks %s/share/rlcd/ && cp -R models/tiny %s/share/rlcd/models/",
                                     dir, dir, dir, dir, dir);
    ck_assert_int_eq(system(command), 0);
    return cli_format(&arena, "%s/share/rlcd/models/tiny", dir);
}

START_TEST(demo_bad) {
    CliResult r = cli_run(&arena, "demo", "--task", "harmles", cli_format(&arena, "out=%s/x", dir));
    cli_check_refusal(&r, 2, "did you mean harmless?");
    r = cli_run(&arena, "demo", "--seeds", "0", cli_format(&arena, "out=%s/x", dir));
    cli_check_refusal(&r, 2, "seeds");
    r = cli_run(&arena, "demo", "demo.held_out=1", cli_format(&arena, "out=%s/x", dir));
    cli_check_refusal(&r, 2, "held_out");
    r = cli_run(&arena, "demo", "run.methods=[base, rlcdd]", cli_format(&arena, "out=%s/x", dir), "demo.prompts=8", "demo.held_out=8");
    cli_check_refusal(&r, 2, "rlcdd");
}
END_TEST

// One byte of the weights: named before anything runs.
START_TEST(demo_damaged_base) {
    if (getenv("RLCD_QEMU")) return;  // a copy of the program cannot be started there
    const char *tiny = installed_copy(), *weights = path_join(&arena, tiny, "model.safetensors");
    Text bytes;
    ck_ok(file_read(&bytes, &arena, weights, (size_t)64 << 20, &error), error);
    ((char *)bytes.data)[bytes.size / 2] ^= 1;
    ck_ok(file_write(weights, bytes.data, bytes.size, &error), error);
    const char *command = cli_format(&arena, "%s/bin/rlcd demo out=%s/x >%s/out 2>%s/err", dir, dir, dir, dir);
    int status = system(command);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    Text said;
    ck_ok(file_read(&said, &arena, cli_format(&arena, "%s/err", dir), 4096, &error), error);
    ck_assert_msg(text_find(said, TEXT("model.safetensors: damaged")) >= 0, "%.*s", (int)said.size, said.data);
    ck_assert(!file_is_directory(cli_format(&arena, "%s/x", dir)));
}
END_TEST

Suite *suite_cli_demo(void) {
    Suite *suite = suite_create("cli_demo");
    TCase *tc = tcase_create("demo");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, demo_short);
    tcase_add_test(tc, demo_bits);
    tcase_add_test(tc, demo_full);
    tcase_add_test(tc, demo_bad);
    tcase_add_test(tc, demo_damaged_base);
    suite_add_tcase(suite, tc);
    return suite;
}
