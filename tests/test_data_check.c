// rlcd data check: what is told of leaks, duplicates and useless pairs, the findings as rows, exit codes, what is refused.
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tools/data_check.h"

static bool holds(Text text, const char *part) { return strstr(text.data, part) != NULL; }

#define Q "what is the best way to keep bread fresh for a whole week"
#define ROW(words) "{\"prompt\":\"\\n\\nHuman: " words "\\n\\nAssistant:\"}\n"
#define PAIR(words, a, b) "{\"prompt\":\"\\n\\nHuman: " words "\\n\\nAssistant:\",\"chosen\":\"" a "\",\"rejected\":\"" b "\"}\n"

static const char *train, *held;
static void write_files(void) {
    train =
        cli_file(&arena, folder, "train.jsonl",
                 PAIR(Q, " a", " b") PAIR("name a bird", " the wren", " no") "\n" PAIR("NAME a  bird", " x", "  ") PAIR("two", " y", " y"));
    held = cli_file(&arena, folder, "held.jsonl", ROW(Q " and a day") ROW("who are you") ROW("name a bird") ROW("who are you"));
}

START_TEST(report) {
    write_files();
    const char *out = path_join(&arena, folder, "found.jsonl");
    CliResult r = cli_ok(&arena, "data", "check", train, "--held-out", held, "--out", out);
    ck_assert_msg(text_begins(r.out, TEXT("rows 8\n")), "%s", r.out.data);
    ck_assert_msg(holds(r.out, "findings 6, leaks 2\n"), "%s", r.out.data);
    ck_assert(holds(r.out, "         1          0          1  LEAK of ") && holds(r.out, "         0          1          0  within "));
    ck_assert(holds(r.out, cli_format(&arena, "near       1.00  %s:1  repeats %s:1\n", held, train)));
    ck_assert(holds(r.out, cli_format(&arena, "normalised 1.00  %s:4  repeats %s:2\n", train, train)));
    ck_assert(holds(r.out, cli_format(&arena, "empty_rejected, the first:\n    %s:4\n", train)));
    // Every finding is a row.
    Text text;
    ck_ok(file_read(&text, &arena, out, 1 << 20, &error), error);
    ck_assert_int_eq(cli_lines(text), 6);
    static const char *const KINDS[] = {"empty_rejected", "equal_replies", "within", "leak", "leak", "within"};
    for (int i = 0; i < 6; i++) {
        const Json *row;
        Text kind = {0};
        size_t size = (size_t)(strchr(text.data, '\n') - text.data);
        ck_ok(json_parse(&row, &arena, (Text){text.data, size}, "row", &error), error);
        ck_ok(json_need_string(row, "finding", &kind, "row", &error), error);
        ck_assert_msg(text_equal(kind, text_of(KINDS[i])), "%d: %s", i, kind.data);
        text = (Text){text.data + size + 1, text.size - size - 1};
    }
    // The same whatever is shown, on any number of threads, from a pipe.
    CliResult other = cli_ok(&arena, "data", "check", train, "--held-out", held, "--threads", "2");
    ck_assert(text_equal(other.out, r.out));
    other = cli_run_setup(&(CliSetup){.in = train}, &arena, CLI_ARGUMENTS("data", "check", "-", "--held-out", held, "--shown", "0"));
    ck_assert(other.code == 0 && holds(other.out, "findings 6, leaks 2\n") && !holds(other.out, "repeats"));
}
END_TEST

START_TEST(exit_codes) {
    write_files();
    const char *other = cli_file(&arena, folder, "other.jsonl", ROW("something else"));
    ck_assert_int_eq(cli_run(&arena, "data", "check", train, "--held-out", held, "--strict").code, 3);
    ck_assert_int_eq(cli_run(&arena, "data", "check", train, held, "--strict").code, 3);
    ck_assert_int_eq(cli_run(&arena, "data", "check", train, held).code, 0);
    // Duplicates inside a file are no leak.
    ck_assert_int_eq(cli_run(&arena, "data", "check", train, "--held-out", other, "--strict").code, 0);
    // Two training files that share a prompt are none either, when something is held out.
    ck_assert_int_eq(cli_run(&arena, "data", "check", train, train, "--held-out", other, "--strict").code, 0);
    // A higher share or longer runs: what is near is no more; the equal one still is.
    CliResult r = cli_ok(&arena, "data", "check", train, "--held-out", held, "--held-out-limit", "2");
    ck_assert(holds(r.out, "leaks 1\n"));
    r = cli_ok(&arena, "data", "check", train, "--held-out", held, "--held-out-limit", "2", "--ngram", "14");
    ck_assert(holds(r.out, "leaks 0\n"));
    // A row counts once, in however many files its prompt stands.
    r = cli_ok(&arena, "data", "check", train, train, "--held-out", held);
    ck_assert_msg(holds(r.out, "leaks 2\n"), "%s", r.out.data);
    // Rows of one file against each other.
    r = cli_ok(&arena, "data", "check", TINY_HH, "--limit", "12", "--held-out", TINY_HH, "--held-out-first", "12");
    ck_assert(text_begins(r.out, TEXT("rows 24\n")) && holds(r.out, "leaks 0\n"));
    r = cli_run(&arena, "data", "check", TINY_HH, "--held-out", TINY_HH, "--strict");
    ck_assert(r.code == 3 && holds(r.out, "        24          0          0  LEAK of"));
}
END_TEST

static void refuse(int code, const char *part, const char *const *argv) {
    Text before = cli_tree(&arena, folder);
    CliResult r = cli_run_setup(&(CliSetup){0}, &arena, argv);
    cli_check_refusal(&r, code, part);
    ck_assert(text_equal(before, cli_tree(&arena, folder)));
}
#define REFUSE(code, part, ...) refuse((code), (part), CLI_ARGUMENTS("data", __VA_ARGS__))

START_TEST(refusals) {
    write_files();
    const char *bad = cli_file(&arena, folder, "bad.jsonl", ROW("x") "{\"prompt\":\"\xff\"}\n");
    const char *out = path_join(&arena, folder, "found.jsonl");
    REFUSE(1, "bad.jsonl:2", "check", bad, "--out", out);
    REFUSE(1, "bad.jsonl:2", "check", train, "--held-out", bad);
    REFUSE(1, "none.jsonl", "check", path_join(&arena, folder, "none.jsonl"));
    REFUSE(1, "torn.jsonl.gz", "check", cli_file(&arena, folder, "torn.jsonl.gz", "\x1f\x8b\x08 and nothing good"));
    REFUSE(1, "directory", "check", folder);
    REFUSE(1, "begins at row 9", "check", train, "--first", "9");
    REFUSE(2, "needs a FILE", "check");
    REFUSE(2, "expected check", "chek", train);
    REFUSE(2, "needs --held-out", "check", train, "--strict");
    REFUSE(2, "at least 1", "check", train, "--limit", "0");
    REFUSE(2, "ngram", "check", train, "--ngram", "1");
    REFUSE(2, "near", "check", train, "--near", "0");
    REFUSE(2, "harmless", "check", train, "--task", "harmles");
    const char *many[70] = {"data", "check"};
    for (int i = 2; i < 68; i++) many[i] = train;
    refuse(2, "at most 64 files", many);
    // A cap on memory is told, and nothing is written.
    CliResult r = cli_run(&arena, "data", "check", train, "--memory", "100K", "--out", out);
    ck_assert(r.code == 1 && !file_exists(out) && cli_lines(r.err) == 1);
}
END_TEST

// Real dialogues: what stands twice among them is known.
START_TEST(real_dialogues) {
    const char *hh = shared_file("data/hh-harmless-dev.jsonl.gz");
    if (hh == NULL) return;
    CliResult r = cli_ok(&arena, "data", "check", hh);
    ck_assert_msg(text_begins(r.out, TEXT("rows 1000\n")) && holds(r.out, "\n         0          0         28  within "), "%s", r.out.data);
    ck_assert(holds(r.out, "      1000       1000          0            3              0  "));
    // The rows of the recipe hh-135m: none that is held out is trained on; among its human pairs all that are.
    r = cli_ok(&arena, "data", "check", hh, "--limit", "128", "--held-out", hh, "--held-out-first", "128", "--held-out-limit", "64",
               "--strict");
    ck_assert(holds(r.out, "leaks 0\n"));
    r = cli_run(&arena, "data", "check", hh, "--limit", "128", "--held-out", hh, "--strict");
    ck_assert_msg(r.code == 3 && holds(r.out, "       128          0         10  LEAK of"), "%s", r.out.data);
}
END_TEST

Suite *suite_data_check(void);
Suite *suite_data_check(void) {
    Suite *suite = suite_create("data_check");
    TCase *tc = tcase_create("data_check");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, report);
    tcase_add_test(tc, exit_codes);
    tcase_add_test(tc, refusals);
    tcase_add_test(tc, real_dialogues);
    suite_add_tcase(suite, tc);
    return suite;
}
