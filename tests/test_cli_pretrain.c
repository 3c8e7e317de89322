// From text to a model through the program: tokenizer train, pretrain, and other verbs on what they made; what is refused.
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tests/cli.h"

Suite *suite_cli_pretrain(void);

static Arena arena;
static const char *folder, *text, *rows, *tokenizer;
static Error error;

// Forty sentences, every third with a weight on its last word.
static void set_up(void) {
    static const char *const WHO[] = {"the cat", "a dog", "my uncle", "the old king"}, *const WHAT[] = {"sees", "likes", "hides"};
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
    Str plain = str_make(&arena), lines = str_make(&arena);
    for (int i = 0; i < 40; i++) {
        const char *sentence = cli_format(&arena, "%s %s %s number %d.", WHO[i % 4], WHAT[i % 3], WHO[(i / 3) % 4], i);
        size_t n = strlen(sentence);
        str_printf(&plain, "%s\n\n", sentence);
        str_printf(&lines, "{\"text\":\"%s\"", sentence);
        if (i % 3 == 0) str_printf(&lines, ",\"weight\":[[%zu,%zu,4]]", n - 2, n);
        str_append(&lines, TEXT("}\n"));
    }
    text = cli_file(&arena, folder, "text.txt", plain.data);
    rows = cli_file(&arena, folder, "rows.jsonl", lines.data);
    tokenizer = path_join(&arena, folder, "tokenizer");
    cli_ok(&arena, "tokenizer", "train", "--text", text, "--vocab", "300", "--out", tokenizer);
}
static void tear_down(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

static const char *in_folder(const char *name) { return path_join(&arena, folder, name); }

static const char *hash_of(const char *dir) {
    Text card;
    ck_ok(file_read(&card, &arena, path_join(&arena, dir, "run.json"), 1 << 20, &error), error);
    // The run's own hash comes behind those of its inputs.
    const char *at = card.data, *last = NULL;
    while ((at = strstr(at, "\"sha256\":\"")) != NULL) last = at += 10;
    ck_assert_ptr_nonnull(last);
    return cli_format(&arena, "%.64s", last);
}

#define SMALL "--dim", "16", "--layers", "1", "--heads", "2", "--hidden", "24", "--context", "24", "--batch", "200", "--tokens", "3000"

// Two phases, the second from the first one's folder; threads, kernels, rows and a stop in between leave no trace.
START_TEST(test_phases) {
    const char *one = in_folder("one"), *two = in_folder("two"), *again = in_folder("again");
    CliResult r = cli_ok(&arena, "pretrain", "--text", rows, "--tokenizer", tokenizer, SMALL, "--out", one, "--threads", "1");
    ck_assert_ptr_nonnull(strstr(r.out.data, "pretrain "));
    cli_ok(&arena, "pretrain", "--text", rows, "--tokenizer", tokenizer, SMALL, "--out", again, "--threads", "2", "--kernels", "scalar",
           "--rows", "30", "--quiet");
    ck_assert_str_eq(hash_of(one), hash_of(again));
    cli_ok(&arena, "pretrain", "--text", text, "--model", path_join(&arena, one, "model"), "--tokens", "600", "--seed", "3", "--out", two);
    ck_assert_str_ne(hash_of(one), hash_of(two));
    // A finished run is shown, not run.
    r = cli_ok(&arena, "pretrain", "--text", text, "--model", path_join(&arena, one, "model"), "--tokens", "600", "--seed", "3", "--out",
               two);
    ck_assert_int_eq(cli_lines(r.out), 1);
    // Other verbs open what was made.
    const char *model = path_join(&arena, two, "model");
    r = cli_ok(&arena, "generate", "--model", model, "--prompt", "the cat", "--max-new", "5", "--threads", "1");
    ck_assert_uint_gt(r.out.size, 0);
    cli_ok(&arena, "inspect", model);
    r = cli_ok(&arena, "tokenizer", "encode", "--model", model, "--text", "the cat sees<eos>");
    ck_assert_ptr_nonnull(strstr(r.out.data, " 0\n"));
}
END_TEST

START_TEST(test_tokenizer) {
    // The same text gives the same file, in a folder or alone.
    const char *file = in_folder("alone.json");
    cli_ok(&arena, "tokenizer", "train", "--text", text, "--vocab", "300", "--out", file);
    Text a, b;
    ck_ok(file_read(&a, &arena, file, 1 << 20, &error), error);
    ck_ok(file_read(&b, &arena, path_join(&arena, tokenizer, "tokenizer.json"), 1 << 20, &error), error);
    ck_assert(text_equal(a, b));
    // A text that is used up early is told, and gives what it has.
    CliResult r = cli_ok(&arena, "tokenizer", "train", "--text", text, "--vocab", "5000", "--out", file);
    ck_assert_ptr_nonnull(strstr(r.err.data, "every piece of the text is one token"));
}
END_TEST

// Runs what must be refused: exit code, sentence, and a folder that is as it was.
static void refuse(int code, const char *part, const char *const *argv) {
    Text before = cli_tree(&arena, folder);
    CliResult r = cli_run_setup(&(CliSetup){0}, &arena, argv);
    cli_check_refusal(&r, code, part);
    Text after = cli_tree(&arena, folder);
    ck_assert_msg(text_equal(before, after), "'%s' left something behind:\n%s", part, after.data);
}
#define REFUSE(code, part, ...) refuse((code), (part), CLI_ARGUMENTS(__VA_ARGS__))

START_TEST(test_refused) {
    const char *out = in_folder("out"), *empty = cli_file(&arena, folder, "empty.txt", "\n\n");
    const char *bad = cli_file(&arena, folder, "bad.txt", "fine\n\nnot \xff\n");
    const char *outside = cli_file(&arena, folder, "outside.jsonl", "{\"text\":\"abc\",\"weight\":[[0,9,2]]}\n");
    const char *bare = in_folder("alone.json");
    cli_ok(&arena, "tokenizer", "train", "--text", text, "--vocab", "300", "--out", bare);
    REFUSE(2, "expected --vocab of at least 257", "tokenizer", "train", "--text", text, "--vocab", "256", "--out", out);
    REFUSE(2, "expected --out DIR", "tokenizer", "train", "--text", text);
    REFUSE(2, "expected --text FILE", "tokenizer", "train", "--out", out);
    REFUSE(1, "expected text, found none", "tokenizer", "train", "--text", empty, "--out", out);
    REFUSE(1, "bad.txt:3: byte 4 of the line is not UTF-8", "tokenizer", "train", "--text", bad, "--out", out);
    REFUSE(2, "unlike learned ones", "tokenizer", "train", "--text", text, "--vocab", "300", "--special", "a", "--out", out);
    REFUSE(2, "unlike each other", "tokenizer", "train", "--text", text, "--vocab", "300", "--special", "<x>", "--special", "<x>", "--out",
           out);
    REFUSE(1, "cannot open", "tokenizer", "train", "--text", in_folder("none.txt"), "--out", out);

    REFUSE(2, "--text", "pretrain", "--tokenizer", tokenizer, "--out", out);
    REFUSE(2, "found neither", "pretrain", "--text", text, "--out", out);
    REFUSE(2, "expected tiny|stories15m|smollm-135m", "pretrain", "--text", text, "--tokenizer", tokenizer, "--config-model", "tinny",
           "--out", out);
    REFUSE(2, "cannot be shared by 3 heads", "pretrain", "--text", text, "--tokenizer", tokenizer, "--dim", "16", "--heads", "3", "--out",
           out);
    REFUSE(2, "cannot share 3 kv heads", "pretrain", "--text", text, "--tokenizer", tokenizer, "--kv-heads", "3", "--out", out);
    REFUSE(2, "expected --end TOKEN", "pretrain", "--text", text, "--tokenizer", bare, "--out", out);
    REFUSE(1, "expected the token \"<end>\"", "pretrain", "--text", text, "--tokenizer", tokenizer, "--end", "<end>", "--out", out);
    REFUSE(1, "expected text, found none", "pretrain", "--text", empty, "--tokenizer", tokenizer, "--out", out);
    REFUSE(1, "bad.txt:3: byte 4 of the line is not UTF-8", "pretrain", "--text", bad, "--tokenizer", tokenizer, "--out", out);
    REFUSE(1, "expected a range inside the text of 3 bytes", "pretrain", "--text", outside, "--tokenizer", tokenizer, "--out", out);
    REFUSE(2, "brings its own tokenizer", "pretrain", "--text", text, "--tokenizer", tokenizer, "--model", TINY, "--out", out);
    REFUSE(2, "expected a Hugging Face folder", "pretrain", "--text", text, "--model", "tests/golden/tiny_chat.gguf", "--out", out);
}
END_TEST

Suite *suite_cli_pretrain(void) {
    Suite *suite = suite_create("cli_pretrain");
    TCase *tc = tcase_create("cli_pretrain");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_phases);
    tcase_add_test(tc, test_tokenizer);
    tcase_add_test(tc, test_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
