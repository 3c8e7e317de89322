// What the world does wrong, each through the whole program: one sentence, the exit code of design.md 7, nothing half written.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tests/cli.h"
#include "tests/folder.h"

#define GGUF "tests/golden/tiny_chat.gguf"

// Runs what must be refused: exit code, sentence, and a folder that is as it was.
static void refuse(int code, const char *part, const char *const *argv) {
    Text before = cli_tree(&arena, folder);
    CliResult r = cli_run_setup(&(CliSetup){0}, &arena, argv);
    cli_check_refusal(&r, code, part);
    Text after = cli_tree(&arena, folder);
    ck_assert_msg(text_equal(before, after), "'%s' left something behind:\n%s", part, after.data);
}
#define REFUSE(code, part, ...) refuse((code), (part), CLI_ARGUMENTS(__VA_ARGS__))

static const char *in_folder(const char *name) { return path_join(&arena, folder, name); }
static const char *file_of(const char *name, const char *text) { return cli_file(&arena, folder, name, text); }

// The first `bytes` bytes of a file, as a file of the test's folder.
static const char *cut_file(const char *name, const char *from, size_t bytes) {
    Text text;
    ck_ok(file_read(&text, &arena, from, 1 << 24, &error), error);
    ck_assert_uint_ge(text.size, bytes);
    const char *path = in_folder(name);
    ck_ok(file_write(path, text.data, bytes, &error), error);
    return path;
}

// A copy of the tiny model's folder without `missing`, or with another text in it.
static const char *model_with(const char *name, const char *changed, const char *text) {
    static const char *const FILES[] = {"config.json", "tokenizer.json", "model.safetensors"};
    const char *model = in_folder(name);
    ck_ok(directory_make(model, &error), error);
    for (int i = 0; i < 3; i++) {
        Text bytes;
        if (strcmp(FILES[i], changed) == 0) {
            if (text) cli_file(&arena, model, FILES[i], text);
            continue;
        }
        ck_ok(file_read(&bytes, &arena, path_join(&arena, TINY, FILES[i]), 1 << 24, &error), error);
        ck_ok(file_write(path_join(&arena, model, FILES[i]), bytes.data, bytes.size, &error), error);
    }
    return model;
}

START_TEST(test_models) {
    REFUSE(1, "none.gguf", "generate", "--model", in_folder("none.gguf"), "--prompt", "x");
    REFUSE(1, "/none", "simulate", "--model", in_folder("none"), "--prompts", TINY_HH, "--out", in_folder("run"));
    // Cut inside the header, inside the tensor list, inside the data.
    static const size_t CUTS[] = {0, 3, 20, 1000, 20000, 70000};
    for (int i = 0; i < 6; i++) {
        const char *path = cut_file("cut.gguf", GGUF, CUTS[i]);
        REFUSE(1, "cut.gguf", "generate", "--model", path, "--prompt", "x");
    }
    REFUSE(1, "picture", "generate", "--model", file_of("picture", "\x89PNG\r\n\x1a\n and what follows"), "--prompt", "x");
    REFUSE(1, "program", "inspect",
           file_of("program",
                   "\x7f"
                   "ELF\x02\x01\x01 and what follows"));
    REFUSE(1, "config.json", "generate", "--model", model_with("a", "config.json", NULL), "--prompt", "x");
    REFUSE(1, "tokenizer.json", "generate", "--model", model_with("b", "tokenizer.json", NULL), "--prompt", "x");
    REFUSE(1, "safetensors", "generate", "--model", model_with("c", "model.safetensors", NULL), "--prompt", "x");
    REFUSE(1, "model.safetensors", "generate", "--model", model_with("d", "model.safetensors", "short"), "--prompt", "x");
    REFUSE(1, "tokenizer.json", "generate", "--model", model_with("e", "tokenizer.json", "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}"),
           "--prompt", "x");
    REFUSE(1, "model_type", "generate", "--model", model_with("f", "config.json", "{\"model_type\":\"gpt2\"}"), "--prompt", "x");
    REFUSE(1, "config.json", "inspect", model_with("g", "config.json", "{\"model_type\":"));
    REFUSE(1, "regular file", "generate", "--model", "/dev/null", "--prompt", "x");
}
END_TEST

#define SIMULATE(prompts) "simulate", "--model", TINY, "--prompts", prompts, "--out", in_folder("run")

START_TEST(test_prompts) {
    const char *good = "{\"prompt\":\"\\n\\nHuman: Hi.\\n\\nAssistant:\"}\n", *path;
    path = file_of("no_turn.jsonl", cli_format(&arena, "%s{\"prompt\":\"\\n\\nHuman: Hi there.\"}\n", good));
    REFUSE(1, "no_turn.jsonl:2", SIMULATE(path));
    path = file_of("text.jsonl", "{\"prompt\":\"just a text\"}\n");
    REFUSE(1, "text.jsonl:1", SIMULATE(path));
    path = file_of("bytes.jsonl", cli_format(&arena, "%s%s{\"prompt\":\"\\n\\nHuman: \xff.\\n\\nAssistant:\"}\n", good, good));
    REFUSE(1, "bytes.jsonl:3", SIMULATE(path));
    path = file_of("json.jsonl", cli_format(&arena, "%s%s%s{\"prompt\":\"x\",}\n", good, good, good));
    REFUSE(1, "json.jsonl:4", SIMULATE(path));
    path = file_of("other.jsonl", "{\"text\":\"x\"}\n");
    REFUSE(1, "other.jsonl:1", SIMULATE(path));
    REFUSE(1, "empty.jsonl", SIMULATE(file_of("empty.jsonl", "")));
    REFUSE(1, "blank.jsonl", SIMULATE(file_of("blank.jsonl", "\n\n")));
    REFUSE(1, "none.jsonl", SIMULATE(in_folder("none.jsonl")));
    REFUSE(1, "torn.jsonl.gz", SIMULATE(file_of("torn.jsonl.gz", "\x1f\x8b\x08 and nothing good")));
    REFUSE(1, "begins at row 24", SIMULATE(TINY_HH), "--first", "24");
    REFUSE(2, "at least 1", SIMULATE(TINY_HH), "--limit", "0");
    REFUSE(2, "harmless", SIMULATE(TINY_HH), "--task", "harmles");
    REFUSE(1, "task.yaml", SIMULATE(TINY_HH), "--task", file_of("task.yaml", "nonsense: 1\n"));
    // The same through pairs and eval.
    const char *pair = "{\"chosen\":\"\\n\\nHuman: Hi.\\n\\nAssistant: A.\",\"rejected\":\"\\n\\nHuman: Hi.\\n\\nAssistant: B.\"}\n";
    path = file_of("pairs.jsonl", cli_format(&arena, "%s%s{\"chosen\":1}\n", pair, pair));
    REFUSE(1, "pairs.jsonl:3", "preference", "--model", TINY, "--pairs", path, "--out", in_folder("run"));
    REFUSE(1, "empty.jsonl", "preference", "--model", TINY, "--pairs", in_folder("empty.jsonl"), "--out", in_folder("run"));
    REFUSE(1, "nothing to train on", "preference", "--model", TINY, "--pairs", TINY_HH, "--out", in_folder("run"), "--holdout", "24");
    REFUSE(1, "none of 24 fits", "preference", "--model", TINY, "--pairs", TINY_HH, "--out", in_folder("run"), "--max-tokens", "8");
    path = in_folder("no_turn.jsonl");
    REFUSE(1, "no_turn.jsonl:2", "eval", "--model", TINY, "--prompts", path, "--out", in_folder("run"), "--max-prompt", "100", "--max-new",
           "8");
}
END_TEST

START_TEST(test_generate) {
    // 240 tokens and 64 new ones do not fit into 256.
    Str text = str_make(&arena);
    for (int i = 0; i < 240; i++) str_append(&text, TEXT("7"));
    REFUSE(1, "context of 256", "generate", "--model", TINY, "--prompt", text.data, "--max-new", "64");
    REFUSE(1, "context of 256", "generate", "--model", TINY, "--prompt", "x", "--max-new", "256");
    REFUSE(2, "--prompt", "generate", "--model", TINY, "--prompt", "");
    REFUSE(2, "UTF-8", "generate", "--model", TINY, "--prompt", "\xff");
    REFUSE(2, "neither", "generate", "--model", TINY);
    REFUSE(2, "both", "generate", "--model", TINY, "--prompt", "x", "--prompts", TINY_HH);
    REFUSE(2, "0 to 599", "generate", "--model", TINY, "--prompt", "x", "--ban", "600");
    REFUSE(1, "run.json", "generate", "--model", TINY, "--prompt", "x", "--max-new", "9", "--adapter", in_folder("none"));
    CliResult r = cli_run_setup(&(CliSetup){.in = file_of("in", "a\xff\xfe")}, &arena,
                                CLI_ARGUMENTS("generate", "--model", TINY, "--prompt", "-", "--max-new", "1"));
    ck_assert(r.code == 0 || (r.code == 1 && strstr(r.err.data, "UTF-8") != NULL));
}
END_TEST

START_TEST(test_command_line) {
    REFUSE(2, "did you mean '--max-new'?", "generate", "--model", TINY, "--prompt", "x", "--max-mew", "3");
    REFUSE(2, "did you mean simulate?", "simulat");
    REFUSE(2, "did you mean preference?", "preferences", "--model", TINY);
    REFUSE(2, "did you mean trace?", "help", "trac");
    REFUSE(2, "rlcd help", "frobnicate");
    REFUSE(2, "expected a verb", "");
    REFUSE(2, "found '-1'", "generate", "--model", TINY, "--prompt", "x", "--seed", "-1");
    REFUSE(2, "1 to 256", "generate", "--model", TINY, "--prompt", "x", "--threads", "0");
    REFUSE(2, "whole number", "generate", "--model", TINY, "--prompt", "x", "--top-k", "many");
    REFUSE(2, "number from", "ppo", "--model", TINY, "--prompts", TINY_HH, "--preference", "p", "--out", in_folder("run"), "--lr", "11");
    REFUSE(2, "scalar", "generate", "--model", TINY, "--prompt", "x", "--kernels", "sse");
    REFUSE(2, "needs --model", "generate", "--prompt", "x");
    REFUSE(2, "needs --out", "simulate", "--model", TINY, "--prompts", TINY_HH);
    REFUSE(2, "--prompts", "simulate", "--model", TINY, "--out", in_folder("run"));
    REFUSE(2, "--pairs", "preference", "--model", TINY, "--out", in_folder("run"));
    REFUSE(2, "--preference", "ppo", "--model", TINY, "--prompts", TINY_HH, "--out", in_folder("run"));
    REFUSE(2, "neither", "eval", "--model", TINY, "--out", in_folder("run"));
    REFUSE(2, "I/N", "simulate", "--model", TINY, "--prompts", TINY_HH, "--out", in_folder("run"), "--shard", "2/2");
    REFUSE(2, "q_proj", "preference", "--model", TINY, "--pairs", TINY_HH, "--out", in_folder("run"), "--targets", "q_pro");
    REFUSE(2, "unexpected argument", "generate", "--model", TINY, "--prompt", "x", "more");
    REFUSE(2, "needs a value", "generate", "--prompt", "x", "--model");
    REFUSE(2, "none.yaml", "simulate", "--config", in_folder("none.yaml"));
    REFUSE(2, "encode, decode or train", "tokenizer", "code", "--model", TINY);
    REFUSE(1, "0 to 599", "tokenizer", "decode", "--model", TINY, "--text", "1 2 600");
}
END_TEST

START_TEST(test_recipes) {
    const char *out = cli_format(&arena, "model: %s\nout: %s\ndata.prompts: %s\n", TINY, in_folder("run"), TINY_HH);
    const char *recipe = file_of("key.yaml", cli_format(&arena, "%sppo.stesp: 3\n", out));
    REFUSE(2, "key.yaml:4: unknown key 'ppo.stesp'; did you mean 'ppo.steps'?", "run", recipe);
    recipe = file_of("value.yaml", cli_format(&arena, "%sppo.lr: 20\n", out));
    REFUSE(2, "value.yaml:4", "run", recipe);
    recipe = file_of("twice.yaml", cli_format(&arena, "%sseed: 1\nseed: 2\n", out));
    REFUSE(2, "twice.yaml:5", "run", recipe);
    REFUSE(2, "'model' is missing", "run", file_of("bare.yaml", "seed: 1\n"));
    recipe = file_of("good.yaml", out);
    REFUSE(2, "did you mean 'ppo.steps'?", "run", recipe, "ppo.stesp=3");
    REFUSE(2, "expected key=value", "run", recipe, "ppo.steps");
    REFUSE(2, "none.yaml", "run", in_folder("none.yaml"));
    REFUSE(2, "an argument is missing", "run");
    REFUSE(1, "none.gguf", "run", recipe, cli_format(&arena, "model=%s", in_folder("none.gguf")));
    REFUSE(1, "expected a run to resume", "run", recipe, "resume=must");
}
END_TEST

// Small runs for the tests below.
#define SMALL "--quiet", "--threads", "1", "--max-new", "4", "--cut-unfinished", "--limit", "3", "--max-prompt", "128"
#define LONG "--epochs", "100000", "--checkpoint-every", "100000"
#define SMALL_PPO "--model", TINY, "--prompts", TINY_HH, "--out", in_folder("p"), "--max-prompt", "100", "--max-new", "8"
#define SMALL_PREFERENCE "--quiet", "--threads", "1", "--pairs", TINY_HH, "--rank", "2", "--batch", "12", "--max-tokens", "160"

START_TEST(test_directories) {
    const char *run = in_folder("run"), *preference = in_folder("preference");
    cli_ok(&arena, "simulate", "--model", TINY, "--prompts", TINY_HH, "--out", run, SMALL);
    REFUSE(1, "another recipe", "simulate", "--model", TINY, "--prompts", TINY_HH, "--out", run, SMALL, "--seed", "5");
    REFUSE(1, "another recipe", "preference", "--model", TINY, "--out", run, SMALL_PREFERENCE);
    // A preference run: of another model, of another kind, unfinished.
    cli_ok(&arena, "preference", "--model", TINY, "--out", preference, SMALL_PREFERENCE);
    REFUSE(1, "another model", "ppo", SMALL_PPO, "--model", GGUF, "--preference", preference);
    REFUSE(1, "checkpoint", "ppo", SMALL_PPO, "--preference", run);
    REFUSE(1, "policy", "generate", "--model", TINY, "--prompt", "x", "--max-new", "9", "--adapter", preference);
    REFUSE(1, "run.json", "ppo", SMALL_PPO, "--preference", folder);
    CliResult r = cli_run(&arena, "preference", "--model", TINY, "--out", in_folder("half"), SMALL_PREFERENCE, "--epochs", "1000",
                          "--max-time", "0.05s");
    ck_assert_int_eq(r.code, 75);
    REFUSE(1, "running", "ppo", SMALL_PPO, "--preference", in_folder("half"));
    // No place for a run: below a file, and (not for root) in a folder that may not be written.
    const char *file = file_of("file", "x");
    REFUSE(1, "file", "simulate", "--model", TINY, "--prompts", TINY_HH, "--out", path_join(&arena, file, "run"), SMALL);
    REFUSE(1, "file", "simulate", "--model", TINY, "--prompts", TINY_HH, "--out", file, SMALL);
    if (geteuid() == 0) return;
    const char *closed = in_folder("closed");
    ck_assert_int_eq(mkdir(closed, 0555), 0);
    REFUSE(1, "closed", "simulate", "--model", TINY, "--prompts", TINY_HH, "--out", path_join(&arena, closed, "run"), SMALL);
}
END_TEST

// Two processes want one directory: the second names the first and leaves; a killed owner leaves no stale lock.
START_TEST(test_busy) {
    const char *half = in_folder("half"), *card = path_join(&arena, half, "metrics.jsonl");
    const char *const *argv = CLI_ARGUMENTS("preference", "--model", TINY, "--out", half, SMALL_PREFERENCE, LONG);
    CliProcess first = cli_start(&(CliSetup){0}, argv);
    while (!file_exists(card) && cli_running(&first)) usleep(500);
    CliResult r = cli_run_setup(&(CliSetup){0}, &arena, argv);
    kill(first.pid, SIGKILL);
    CliResult killed = cli_wait(&first, &arena);
    cli_check_refusal(&r, 1, "half: in use by process ");
    // Under qemu a script stands before the program, which has the same process id.
    const char *pid = strstr(r.err.data, "process ") + 8;
    ck_assert_str_eq(pid, cli_format(&arena, "%ld\n", (long)first.pid));
    ck_assert_msg(killed.code == 128 + SIGKILL, "%d: %s", killed.code, killed.err.data);
    r = cli_run(&arena, "preference", "--model", TINY, "--out", half, SMALL_PREFERENCE, LONG, "--max-time", "0.01s");
    ck_assert_msg(r.code == 75, "%d: %s", r.code, r.err.data);
}
END_TEST

// A cap that does not suffice, however large the run is by then.
START_TEST(test_memory) {
    static const char *const CAPS[] = {"1M", "2M", "4M", "20M"};
    for (int i = 0; i < 4; i++) {
        const char *out = cli_format(&arena, "%s/%s", folder, CAPS[i]);
        CliResult r = cli_run(&arena, "run", TINY_RECIPE, "--quiet", "--out", out, "--threads", "1", "--memory", CAPS[i]);
        ck_assert_msg(r.code == 1 && cli_lines(r.err) == 1 && text_begins(r.err, TEXT("rlcd: ")), "%s: %d %s", CAPS[i], r.code, r.err.data);
        ck_assert_msg(strstr(r.err.data, "memory") != NULL, "%s", r.err.data);
        ck_assert(strstr(cli_tree(&arena, folder).data, ".tmp") == NULL);
    }
}
END_TEST

// A file size limit stands for a full disk: it is told, no temporary file stays, and with room the run ends as any other.
START_TEST(test_full_disk) {
    static const size_t ROOM[] = {1, 700, 2500, 6000, 9000, 14000, 20000};
    const char *out = in_folder("run");
    for (int i = 0; i < 7; i++) {
        CliResult r = cli_run_setup(&(CliSetup){.file_limit = ROOM[i]}, &arena,
                                    CLI_ARGUMENTS("run", TINY_RECIPE, "--quiet", "--out", out, "--threads", "1"));
        // stderr is a file too, and may be as full as the disk.
        ck_assert_msg(r.code == 1, "%zu bytes: %d %s", ROOM[i], r.code, r.err.data);
        if (ROOM[i] > 500) ck_assert_msg(cli_lines(r.err) == 1 && strstr(r.err.data, out) != NULL, "%zu: %s", ROOM[i], r.err.data);
        Text tree = cli_tree(&arena, folder);
        ck_assert_msg(strstr(tree.data, ".tmp") == NULL, "%zu: %s", ROOM[i], tree.data);
    }
    cli_ok(&arena, "run", TINY_RECIPE, "--quiet", "--out", out, "--threads", "1");
    for (int s = 0; s < 4; s++)
        ck_assert_str_eq(cli_hash(&arena, out, CLI_STAGES[s]), cli_golden(&arena, cli_format(&arena, "tiny_chat/%s", CLI_STAGES[s])));
}
END_TEST

// stdout that is full, closed, or read by nobody: one sentence and exit 1 from every verb that prints.
START_TEST(test_stdout) {
    const CliSetup setups[] = {{.out = "/dev/full"}, {.close_out = true}, {.dead_pipe = true}};
    for (int i = 0; i < 3; i++) {
        CliResult r[] = {
            cli_run_setup(&setups[i], &arena, CLI_ARGUMENTS("help")),
            cli_run_setup(&setups[i], &arena, CLI_ARGUMENTS("version")),
            cli_run_setup(&setups[i], &arena, CLI_ARGUMENTS("run", "--help")),
            cli_run_setup(&setups[i], &arena, CLI_ARGUMENTS("tokenizer", "encode", "--model", TINY, "--text", "some words")),
            cli_run_setup(&setups[i], &arena, CLI_ARGUMENTS("inspect", TINY)),
            cli_run_setup(&setups[i], &arena, CLI_ARGUMENTS("generate", "--model", TINY, "--prompt", "a", "--max-new", "2")),
            cli_run_setup(&setups[i], &arena, CLI_ARGUMENTS("trace", "--model", TINY, "--prompts", TINY_HH)),
        };
        for (size_t k = 0; k < sizeof r / sizeof *r; k++) cli_check_refusal(&r[k], 1, "stdout");
    }
    // A run whose table cannot be shown is still done and whole.
    const char *out = in_folder("run");
    CliResult r =
        cli_run_setup(&(CliSetup){.close_out = true}, &arena, CLI_ARGUMENTS("run", TINY_RECIPE, "--quiet", "--out", out, "--threads", "1"));
    cli_check_refusal(&r, 1, "stdout");
    for (int s = 0; s < 4; s++)
        ck_assert_str_eq(cli_hash(&arena, out, CLI_STAGES[s]), cli_golden(&arena, cli_format(&arena, "tiny_chat/%s", CLI_STAGES[s])));
}
END_TEST

Suite *suite_cli_bad(void) {
    Suite *suite = suite_create("cli_bad");
    TCase *test = tcase_create("bad");
    tcase_add_checked_fixture(test, set_up, tear_down);
    tcase_set_timeout(test, 600);
    tcase_add_test(test, test_models);
    tcase_add_test(test, test_prompts);
    tcase_add_test(test, test_generate);
    tcase_add_test(test, test_command_line);
    tcase_add_test(test, test_recipes);
    tcase_add_test(test, test_directories);
    tcase_add_test(test, test_busy);
    tcase_add_test(test, test_memory);
    tcase_add_test(test, test_full_disk);
    tcase_add_test(test, test_stdout);
    suite_add_tcase(suite, test);
    return suite;
}
