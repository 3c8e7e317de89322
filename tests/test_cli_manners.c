// How the program speaks: help, spellings of options, streams, and the verbs that print.
#include <stdlib.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/cli.h"
#include "tests/folder.h"

#define GGUF "tests/golden/tiny_chat.gguf"

static bool holds(Text text, const char *part) { return strstr(text.data, part) != NULL; }

// Where `part` ends in the text; the test fails when it is not there.
static const char *behind(const char *text, const char *part) {
    const char *at = strstr(text, part);
    ck_assert_msg(at != NULL, "'%s' is not in: %s", part, text);
    return at + strlen(part);
}

static const char *const VERBS[] = {"run", "simulate", "label", "preference", "sft", "dpo", "ppo", "eval", "generate", "trace", "tokenizer",
                                    "inspect", "bench", "world", "report", "theory", "data", "convert"};
enum { VERB_COUNT = sizeof VERBS / sizeof *VERBS };

// Lines of at most 100 columns; characters of UTF-8 count once.
static int widest(Text text) {
    int column = 0, most = 0;
    for (size_t i = 0; i < text.size; i++) {
        column = text.data[i] == '\n' ? 0 : column + (((unsigned char)text.data[i] & 0xc0) != 0x80);
        if (column > most) most = column;
    }
    return most;
}

START_TEST(test_help) {
    CliResult all = cli_ok(&arena, "help");
    ck_assert_int_eq(all.err.size, 0);
    for (int i = 0; i < VERB_COUNT; i++) {
        CliResult by_option = cli_ok(&arena, VERBS[i], "--help"), by_verb = cli_ok(&arena, "help", VERBS[i]);
        CliResult late = cli_ok(&arena, VERBS[i], "--threads", "2", "-h");
        ck_assert(holds(all.out, cli_format(&arena, "\n  %-11s ", VERBS[i])));
        ck_assert_int_eq(by_option.err.size, 0);
        ck_assert_msg(text_begins(by_option.out, text_of(cli_format(&arena, "Usage: rlcd %s", VERBS[i]))), "%s", by_option.out.data);
        ck_assert(text_equal(by_option.out, by_verb.out) && text_equal(by_option.out, late.out));
        ck_assert(holds(by_option.out, "--seed N") && holds(by_option.out, "--[no-]quiet"));
        ck_assert_int_le(widest(by_option.out), 100);
    }
    ck_assert(text_equal(cli_ok(&arena, "--help").out, all.out) && text_equal(cli_ok(&arena, "-h").out, all.out));
    CliResult version = cli_ok(&arena, "version");
    ck_assert(text_begins(version.out, TEXT("rlcd 0.")) && holds(version.out, "kernels: scalar"));
    ck_assert(text_equal(cli_ok(&arena, "--version").out, version.out));
}
END_TEST

START_TEST(test_spellings) {
    // One run, spelled in five ways.
    const char *config = cli_file(&arena, folder, "c.yaml", "seed: 3\ngenerate.max_new: 6\nppo.lr: 1e-4\ngenerate.top_k: 20\n");
    Text first = cli_ok(&arena, "generate", "--model", TINY, "--prompt", "a b", "--seed", "3", "--max-new", "6", "--top-k", "20").out;
    Text other[] = {
        cli_ok(&arena, "generate", "--model=" TINY, "--prompt=a b", "--seed=3", "--max_new=6", "--top_k=20").out,
        cli_ok(&arena, "generate", "--generate.prompt", "a b", "--generate.max-new", "6", "--model", TINY, "--seed", "3", "--top-k=20").out,
        cli_ok(&arena, "generate", "--config", config, "--model", TINY, "--prompt", "a b").out,
        cli_ok(&arena, "generate", "--seed", "9", "--model", TINY, "--config", config, "--prompt", "a b", "--seed", "3").out,
        cli_run_setup(&(CliSetup){.in = cli_file(&arena, folder, "in", "a b")}, &arena,
                      CLI_ARGUMENTS("generate", "--model", TINY, "--prompt", "-", "--seed", "3", "--max-new", "6", "--top-k", "20"))
            .out,
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        ck_assert_msg(text_equal(first, other[i]), "%zu: '%s' is not '%s'", i, other[i].data, first.data);
    Text differs = cli_ok(&arena, "generate", "--config", config, "--model", TINY, "--prompt", "a b", "--seed", "4").out;
    ck_assert(!text_equal(first, differs));
    // Behind "--" nothing is an option.
    CliResult r = cli_run(&arena, "inspect", "--", "--check");
    cli_check_refusal(&r, 1, "--check");
    ck_assert(holds(cli_ok(&arena, "inspect", "--check", "--", TINY).out, "sha256 "));
    // Overrides of a recipe beat the recipe, wherever they stand.
    const char *out = path_join(&arena, folder, "run");
    Text card;
    cli_ok(&arena, "run", "--threads=1", TINY_RECIPE, "ppo.steps=1", "--quiet", cli_format(&arena, "out=%s", out), "simulate.max_new=4");
    ck_ok(file_read(&card, &arena, path_join(&arena, out, "ppo/run.json"), 1 << 20, &error), error);
    ck_assert(holds(card, "\"ppo.steps\":1,") && holds(card, "\"seed\":7,") && holds(card, "\"threads\":1,"));
}
END_TEST

// stderr is no terminal here: plain lines, one when a stage begins and one when it ends; none with --quiet.
START_TEST(test_progress) {
    const char *out = path_join(&arena, folder, "run");
    CliResult r = cli_ok(&arena, "run", TINY_RECIPE, "--out", out, "--threads", "1");
    for (size_t i = 0; i < r.err.size; i++) ck_assert_msg(r.err.data[i] == '\n' || r.err.data[i] >= ' ', "byte %d", r.err.data[i]);
    for (int s = 0; s < 4; s++) {
        ck_assert_msg(holds(r.err, cli_format(&arena, "%s 0/", CLI_STAGES[s])), "%s", r.err.data);
        ck_assert(!holds(r.out, cli_format(&arena, "%s 0/", CLI_STAGES[s])));
    }
    // A slow machine may show a line more every twenty seconds.
    ck_assert_msg(cli_lines(r.err) >= 8 && cli_lines(r.err) <= 30, "%s", r.err.data);
    ck_assert(!holds(r.err, " \n") && !holds(r.err, "\n\n"));
    ck_assert_int_eq(cli_ok(&arena, "run", TINY_RECIPE, "--out", out, "--threads", "1", "--quiet").err.size, 0);
}
END_TEST

START_TEST(test_tokenizer) {
    static const char *const TEXTS[] = {"Human: How do I keep bread fresh?", " two  spaces ", "naïve café ευχαριστώ 緑茶 🎶", "12345",
                                        "<|im_start|>x<|im_end|>"};
    for (int i = 0; i < 5; i++) {
        Text ids = cli_ok(&arena, "tokenizer", "encode", "--model", TINY, "--text", TEXTS[i]).out;
        ck_assert_int_eq(cli_lines(ids), 1);
        ck_assert(text_equal(cli_ok(&arena, "tokenizer", "encode", "--model", GGUF, "--text", TEXTS[i]).out, ids));
        ck_assert(text_equal(cli_ok(&arena, "tokenizer", "encode", "--tokenizer", TINY "/tokenizer.json", "--text", TEXTS[i]).out, ids));
        CliResult back = cli_run_setup(&(CliSetup){.in = cli_file(&arena, folder, "ids", ids.data)}, &arena,
                                       CLI_ARGUMENTS("tokenizer", "decode", "--model", TINY));
        ck_assert_msg(text_equal(back.out, text_of(TEXTS[i])), "'%s' came back as '%s'", TEXTS[i], back.out.data);
    }
    ck_assert_str_eq(cli_ok(&arena, "tokenizer", "encode", "--model", TINY, "--text", "<|im_end|>").out.data, "2\n");
    ck_assert_str_eq(cli_ok(&arena, "tokenizer", "decode", "--model", TINY, "--text", "0, 1 2").out.data,
                     "<|endoftext|><|im_start|><|im_end|>");
    // "\n" in --text is a line break, and stdin is taken as it is.
    Text line = cli_ok(&arena, "tokenizer", "encode", "--model", TINY, "--text", "a\\nb").out;
    CliResult r = cli_run_setup(&(CliSetup){.in = cli_file(&arena, folder, "text", "a\nb")}, &arena,
                                CLI_ARGUMENTS("tokenizer", "encode", "--model", TINY));
    ck_assert(r.code == 0 && text_equal(r.out, line));
}
END_TEST

START_TEST(test_inspect) {
    Text text = cli_ok(&arena, "inspect", TINY, "--check").out;
    ck_assert(holds(text, "56992 weights, Hugging Face folder") && holds(text, "vocabulary 600, width 32, layers 2, heads 4, kv heads 2"));
    text = cli_ok(&arena, "inspect", GGUF, "--tensors", "--check").out;
    char hex[65];
    ck_ok(file_sha256(GGUF, hex, &error), error);
    ck_assert(holds(text, "56992 weights, GGUF") && holds(text, "blk.1.attn_q.weight q4_1 [32, 32]") && holds(text, hex));
    text = cli_ok(&arena, "inspect", TINY "/model.safetensors", "--tensors").out;
    ck_assert(holds(text, "safetensors, 21 tensors") && holds(text, "model.embed_tokens.weight F32 [600, 32]"));

    // A run, its checkpoint, and both after one bit of a file changed.
    const char *out = path_join(&arena, folder, "run");
    cli_ok(&arena, "preference", "--model", TINY, "--pairs", TINY_HH, "--rank", "2", "--batch", "24", "--max-tokens", "160", "--out", out,
           "--quiet", "--threads", "1");
    const char *checkpoint = path_join(&arena, out, "checkpoint-000001"), *file = path_join(&arena, checkpoint, "preference.safetensors");
    Text card, bytes;
    const Json *json;
    Text hash = {0};
    ck_ok(file_read(&card, &arena, path_join(&arena, out, "run.json"), 1 << 20, &error), error);
    ck_ok(json_parse(&json, &arena, card, "run.json", &error), error);
    ck_ok(json_need_string(json, "sha256", &hash, "run.json", &error), error);
    text = cli_ok(&arena, "inspect", out).out;
    ck_assert(holds(text, "run of preference, done") && holds(text, "step 1, ") && holds(text, hash.data));
    ck_assert(holds(cli_ok(&arena, "inspect", checkpoint, "--check").out, "all hashes right"));
    ck_ok(file_read(&bytes, &arena, file, 1 << 24, &error), error);
    char *copy = arena_copy(&arena, bytes.data, bytes.size);
    copy[bytes.size - 1] ^= 1;
    ck_ok(file_write(file, copy, bytes.size, &error), error);
    CliResult r = cli_run(&arena, "inspect", checkpoint);
    cli_check_refusal(&r, 1, "preference.safetensors");
    r = cli_run(&arena, "inspect", out);
    ck_assert_msg(r.code == 1, "%s", r.err.data);
}
END_TEST

// The number behind a mark.
static double number_behind(const char *text, const char *mark) {
    char *end;
    const char *at = behind(text, mark);
    double value = strtod(at, &end);
    ck_assert_msg(end != at, "no number behind '%s'", mark);
    return value;
}

static void near(double a, double b) { ck_assert_msg(a - b < 1e-5 && b - a < 1e-5, "%.9g is not %.9g", a, b); }

// Eight sections; what a person would recompute from the printed numbers is recomputed here.
START_TEST(test_trace) {
    CliResult r = cli_ok(&arena, "trace", "--model", _i ? GGUF : TINY, "--prompts", TINY_HH, "--row", _i ? "2" : "7", "--seed", "5",
                         "--max-new", "12", "--threads", "1", "--shown", "100");
    const char *text = r.out.data;
    ck_assert_int_eq(r.err.size, 0);
    for (int i = 1; i <= 8; i++) text = behind(text, cli_format(&arena, "\n== %d. ", i));
    ck_assert(strstr(text, "\n== ") == NULL);
    text = r.out.data;

    // 2: the affix is the random word modulo the number of affixes.
    double word = number_behind(text, " gives ");
    ck_assert_int_eq((int)((long)word % 16), (int)number_behind(text, "mod 16 = affix "));
    // 3: the log-probability of the drawn id is the difference that is printed.
    const char *log = behind(text, "log-probability = (z - max) - log(sum) = (");
    char *end;
    double z = strtod(log, &end), max = strtod(end + 3, &end), total = strtod(end + 4, &end);
    near((z - max) - total, strtod(end + 3, &end));
    near(max, number_behind(text, "largest "));
    // 5: the two gradients are opposite, and by hand the same.
    double plus = number_behind(text, "= -sigmoid(-(r+ - r-)) = ");
    near(plus, -number_behind(text, "d loss / d r- = "));
    near(plus, number_behind(text, "by hand: "));
    near(number_behind(text, "-log sigmoid(r+ - r-) = -log sigmoid("),
         number_behind(text, "r+ = w . h(o+) = ") - number_behind(text, "r- = w . h(o-) = "));
    // 6: reward = -coefficient kl, the score on the last action; returns = advantage + value.
    double score = number_behind(text, "(w . h - mean) / deviation = "), sum = 0, last = 0;
    int rows = 0;
    char *row = (char *)behind(text, "advantage   return\n");
    while (strncmp(row, "\n==", 3) != 0) {
        double field[9];
        for (int k = 0; k < 9; k++) field[k] = strtod(row, &row);
        ck_assert_int_eq((int)field[0], rows++);
        near(field[4], field[2] - field[3]);
        near(field[8], field[7] + field[6]);
        sum += field[5] + 0.02 * field[4];
        last = field[5] + 0.02 * field[4];
        while (*row == ' ') row++;
        ck_assert_int_eq(*row++, '\n');
    }
    near(last, score);
    near(sum, score);
    // 7: every first ratio is 1, every gradient the one by hand.
    ck_assert(strstr(text, cli_format(&arena, "in %d of %d actions: the first ratio is exactly 1", rows, rows)) != NULL);
    const char *at = text;
    for (int i = 0; i < rows; i++) {
        at = behind(at, "d loss / d logp ");
        near(strtod(at, &end), number_behind(at, "by hand "));
        at = end;
    }
    // 8: the update is AdamW's first step: the rate in the gradient's direction.
    double by_hand = number_behind(text, "/ (sqrt(v) + 1e-8) = "), update = number_behind(text, "the update gave ");
    ck_assert_msg(by_hand - update < 1e-9 && update - by_hand < 1e-9, "%.9g %.9g", by_hand, update);
    near(number_behind(text, "clip factor min(1, 1 / (norm + 1e-6)) = ") * number_behind(text, "[0]: gradient "),
         number_behind(text, ", clipped "));
}
END_TEST

START_TEST(test_bench) {
    static const char *const PARTS[] = {"prefill", "decode", "batch", "lora", "train"};
    for (int i = 0; i < 5; i++) {
        CliResult r = cli_ok(&arena, "bench", "--model", TINY, "--parts", PARTS[i], "--tokens", "16", "--context", "4", "--steps", "200",
                             "--batch", "3", "--train-batch", "1", "--train-tokens", "16", "--repeat", "3", "--threads", "1", "--json");
        const Json *json;
        double median = 0;
        ck_assert_int_eq(cli_lines(r.out), 1);
        ck_ok(json_parse(&json, &arena, r.out, "bench", &error), error);
        ck_ok(json_need_number(json, "median", &median, "bench", &error), error);
        ck_assert_msg(median > 0 && holds(r.out, "\"unit\":\"tok/s\""), "%s", r.out.data);
    }
    // Whole steps: by the verbs' functions, in a folder that is gone afterwards; in a PPO step the unit is seconds.
    const char *scratch = path_join(&arena, folder, "bench");
    CliResult r = cli_ok(&arena, "bench", "--model", TINY, "--parts", "[preference, preference-all, ppo, ppo-all]", "--batch", "2",
                         "--context", "6", "--new", "5", "--minibatch", "1", "--epochs", "2", "--train-batch", "2", "--train-tokens", "12",
                         "--repeat", "1", "--threads", "1", "--json", "--scratch", scratch);
    ck_assert_int_eq(cli_lines(r.out), 4);
    ck_assert(holds(r.out, "preference step, all weights\",\"unit\":\"tok/s") && holds(r.out, "PPO step, adapters\",\"unit\":\"s/step"));
    ck_assert(!file_is_directory(scratch));
    r = cli_ok(&arena, "bench", "--model", TINY, "--parts", "product", "--batch", "8", "--repeat", "1", "--threads", "1", "--json");
    ck_assert(holds(r.out, "\"share\":0.") && holds(r.out, "product bf16 512x"));
    r = cli_ok(&arena, "bench", "--model", TINY, "--parts", "prefill", "--tokens", "16", "--threads", "1");
    ck_assert(cli_lines(r.out) == 1 && text_begins(r.out, TEXT("prefill ")) && holds(r.out, "tok/s"));
    r = cli_run(&arena, "bench", "--model", TINY, "--parts", "prefil", "--tokens", "16", "--context", "4", "--train-tokens", "16");
    cli_check_refusal(&r, 2, "prefill");
}
END_TEST

// Preference accuracy in groups by length: they hold every pair once, ascending, and add up to the whole.
static void check_by_length(const char *run) {
    const Json *card, *pairs;
    Text text;
    const char *dir = path_join(&arena, folder, "pairs");
    CliResult r = cli_ok(&arena, "eval", "--model", TINY, "--preference", run, "--pairs", TINY_HH, "--max-tokens", "200", "--out", dir);
    ck_ok(file_read(&text, &arena, path_join(&arena, dir, "run.json"), 1 << 20, &error), error);
    ck_ok(json_parse(&card, &arena, text, "run.json", &error), error);
    pairs = json_get(card, "pairs");
    int64_t right = 0, of = 0, told = 0;
    double before = -1e9;
    for (const Json *g = json_get(pairs, "by_length")->child; g; g = g->next, told++) {
        ck_assert(json_get(g, "from")->number > before && json_get(g, "to")->number >= json_get(g, "from")->number);
        before = json_get(g, "to")->number;
        right += json_get(g, "right")->integer;
        of += json_get(g, "of")->integer;
    }
    ck_assert(told >= 2 && told <= 4 && of == json_get(pairs, "of")->integer && right == json_get(pairs, "right")->integer);
    ck_assert_int_eq(cli_lines(r.out), 1 + (int)told);
    // Rows that training saw can be left out.
    r = cli_ok(&arena, "eval", "--model", TINY, "--preference", run, "--pairs", TINY_HH, "--max-tokens", "200", "--pairs-first", "20",
               "--out", path_join(&arena, folder, "last_pairs"));
    ck_assert_msg(holds(r.out, " on 4 pairs"), "%s", r.out.data);
    r = cli_run(&arena, "eval", "--model", TINY, "--preference", run, "--pairs", TINY_HH, "--max-tokens", "200", "--pairs-first",
                "24", "--out", path_join(&arena, folder, "no_pairs"));
    cli_check_refusal(&r, 1, "an index of at least 24");
}

// Beside the table on stdout every run leaves what design.md 7 says.
START_TEST(test_eval_require) {
    const char *out = path_join(&arena, folder, "run"), *ppo = path_join(&arena, out, "ppo");
    cli_ok(&arena, "run", TINY_RECIPE, "--out", out, "--quiet", "--threads", "1");
    for (int again = 0; again < 2; again++) {
        CliResult r = cli_run(&arena, "run", TINY_RECIPE, "--out", out, "--quiet", "--threads", "1", "eval.require=50");
        ck_assert_msg(r.code == 3 && holds(r.out, "standard errors"), "%d %s", r.code, r.err.data);
        cli_ok(&arena, "run", TINY_RECIPE, "--out", out, "--quiet", "--threads", "1", "eval.require=-50");
    }
    // The tuned model speaks through its run directory.
    Text base = cli_ok(&arena, "generate", "--model", TINY, "--prompts", TINY_HH, "--max-new", "8", "--quiet").out;
    Text tuned = cli_ok(&arena, "generate", "--model", TINY, "--adapter", ppo, "--prompts", TINY_HH, "--max-new", "8", "--quiet").out;
    ck_assert_int_eq(cli_lines(tuned), 24);
    ck_assert(!text_equal(base, tuned));
    check_by_length(path_join(&arena, out, "preference"));
}
END_TEST

Suite *suite_cli_manners(void) {
    Suite *suite = suite_create("cli_manners");
    TCase *test = tcase_create("manners");
    tcase_add_checked_fixture(test, set_up, tear_down);
    tcase_set_timeout(test, 600);
    tcase_add_test(test, test_help);
    tcase_add_test(test, test_spellings);
    tcase_add_test(test, test_progress);
    tcase_add_test(test, test_tokenizer);
    tcase_add_test(test, test_inspect);
    tcase_add_loop_test(test, test_trace, 0, 2);
    tcase_add_test(test, test_bench);
    tcase_add_test(test, test_eval_require);
    suite_add_tcase(suite, test);
    return suite;
}
