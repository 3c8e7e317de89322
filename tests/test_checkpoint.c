#include "nn/checkpoint.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support.h"

static Arena arena;
static const char *run;
static Params params;
static float *moment;
static char warnings[4096];

static void setup(void) {
    arena = arena_make("test_checkpoint", 0);
    run = temporary_make(&arena);
    params = params_make(&arena);
    params_add(&params, "b.lora_A", 2, (int[]){2, 3});
    params_add(&params, "a.lora_B", 2, (int[]){3, 2});
    params_add(&params, "head", 1, (int[]){5});
    params_finish(&params, true);
    moment = arena_zeros(&arena, params.count, sizeof *moment);
    warnings[0] = '\0';
}

static void teardown(void) {
    temporary_remove(run);
    arena_free(&arena);
}

static void warn(const char *sentence) { snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", sentence); }

// The numbers of a step: every value and moment depends on it.
static void fill(int64_t step) {
    for (size_t i = 0; i < params.count; i++) {
        params.value[i] = (float)step + (float)i / 3;
        moment[i] = -params.value[i] / 7;
    }
}

static Status write_step(const char *dir, int64_t step, int keep, Error *error) {
    CheckpointWriter w;
    const CheckpointBlock moments[2] = {{"m.", &params, moment}, {"v.", &params, params.value}};
    fill(step);
    TRY(checkpoint_begin(&w, &arena, dir, step, error));
    // The name that sorts last is added first: the order of adding must not show.
    TRY(checkpoint_add_blocks(&w, "policy.safetensors", &(CheckpointBlock){"", &params, params.value}, 1, error));
    TRY(checkpoint_add_blocks(&w, "policy.optimizer.safetensors", moments, 2, error));
    TRY(checkpoint_add_bytes(&w, "notes.txt", "hello\n", 6, error));
    checkpoint_put_int(&w, "metrics_offset", 9007199254740993);
    checkpoint_put_number(&w, "kl_coefficient", 0.1);
    checkpoint_put_number(&w, "zero", -0.0);
    checkpoint_put_text(&w, "recipe", TEXT("00ff \"quoted\""));
    return checkpoint_commit(&w, keep, error);
}

static const char *folder(int64_t step) {
    Str s = str_make(&arena);
    str_printf(&s, "%s/checkpoint-%06lld", run, (long long)step);
    return s.data;
}

static void must_write(int64_t step, int keep) {
    Error error;
    ck_ok(write_step(run, step, keep, &error), error);
}

// Opens the newest and checks that it is of `step`, with its numbers; -1: there is none.
static void check_newest(int64_t step) {
    Checkpoint c;
    Error error = {0};
    bool found;
    ck_ok(checkpoint_open_newest(&c, &found, &arena, run, warn, &error), error);
    ck_assert_int_eq(found, step >= 0);
    if (!found) return;
    ck_assert_int_eq(c.step, step);
    fill(step);
    float *value = (float *)arena_copy(&arena, params.value, params.count * sizeof(float)),
          *old = (float *)arena_copy(&arena, moment, params.count * sizeof(float));
    fill(-1);
    const CheckpointBlock moments[2] = {{"m.", &params, moment}, {"v.", &params, params.grad}};
    ck_ok(checkpoint_read_params(&c, "policy.safetensors", &params, &error), error);
    ck_ok(checkpoint_read_blocks(&c, "policy.optimizer.safetensors", moments, 2, &error), error);
    ck_assert_int_eq(memcmp(params.value, value, params.count * sizeof(float)), 0);
    ck_assert_int_eq(memcmp(params.grad, value, params.count * sizeof(float)), 0);
    ck_assert_int_eq(memcmp(moment, old, params.count * sizeof(float)), 0);
    checkpoint_close(&c);
}

START_TEST(round_trip) {
    Checkpoint c;
    Error error = {0};
    bool found;
    check_newest(-1);
    must_write(20, 0);
    check_newest(20);
    ck_assert_str_eq(warnings, "");

    ck_ok(checkpoint_open_newest(&c, &found, &arena, run, NULL, &error), error);
    int64_t n;
    double x;
    ck_ok(json_need_int(c.state, "metrics_offset", 0, INT64_MAX, &n, c.where, &error), error);
    ck_assert_int_eq(n, 9007199254740993);
    ck_ok(json_need_number(c.state, "kl_coefficient", &x, c.where, &error), error);
    ck_assert(x == 0.1);
    ck_ok(json_need_number(c.state, "zero", &x, c.where, &error), error);
    ck_assert(x == 0 && 1 / x < 0);
    const CheckpointFile *notes = checkpoint_file(&c, "notes.txt");
    ck_assert(notes && !notes->is_tensors && notes->map.size == 6 && memcmp(notes->map.data, "hello\n", 6) == 0);
    ck_assert_ptr_null(checkpoint_file(&c, "absent"));

    // Another recipe or seed is refused by the key's name.
    ck_ok(checkpoint_expect_int(&c, "metrics_offset", 9007199254740993, &error), error);
    ck_assert_int_eq(checkpoint_expect_int(&c, "metrics_offset", 9007199254740992, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "'metrics_offset' is 9007199254740993, but this run has 9007199254740992"));
    ck_ok(checkpoint_expect_text(&c, "recipe", TEXT("00ff \"quoted\""), &error), error);
    ck_assert_int_eq(checkpoint_expect_text(&c, "recipe", TEXT("00fe"), &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "'recipe'"));
    ck_assert_int_ne(checkpoint_expect_text(&c, "absent", TEXT(""), &error), OK);
    checkpoint_close(&c);
}
END_TEST

// The same contents give the same bytes; state.json and COMPLETE are spelled as promised.
START_TEST(bytes) {
    Error error = {0};
    Text state, first, second;
    const char *other = path_join(&arena, run, "other");
    must_write(20, 0);
    ck_ok(directory_make(other, &error), error);
    ck_ok(write_step(other, 20, 0, &error), error);
    ck_ok(file_read(&state, &arena, path_join(&arena, folder(20), "state.json"), 1 << 20, &error), error);
    ck_assert_str_eq(state.data,
                     "{\"version\":1,\"step\":20,\"state\":{\"metrics_offset\":9007199254740993,\"kl_coefficient\":0.1,\"zero\":-0,"
                     "\"recipe\":\"00ff \\\"quoted\\\"\"}}\n");
    ck_ok(file_read(&first, &arena, path_join(&arena, folder(20), "COMPLETE"), 1 << 20, &error), error);
    ck_ok(file_read(&second, &arena, path_join(&arena, other, "checkpoint-000020/COMPLETE"), 1 << 20, &error), error);
    ck_assert(text_equal(first, second));
    // "hello\n" by any sha256sum.
    ck_assert(text_begins(first, TEXT("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  6  notes.txt\n")));
    ck_assert(text_ends(first, TEXT("  state.json\n")));
    const char **names;
    int n;
    ck_ok(directory_list(&arena, folder(20), &names, &n, &error), error);
    ck_assert_int_eq(n, 5);
}
END_TEST

START_TEST(older_ones_go) {
    const char **names;
    int n;
    Error error = {0};
    for (int64_t step = 10; step <= 40; step += 10) must_write(step, 2);
    ck_ok(directory_list(&arena, run, &names, &n, &error), error);
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(names[0], "checkpoint-000030");
    ck_assert_str_eq(names[1], "checkpoint-000040");
    check_newest(40);

    // A later checkpoint of a longer run does not count as older, and seven digits sort after six.
    must_write(35, 1);
    check_newest(40);
    ck_assert(!file_exists(folder(30)) && file_exists(folder(35)));
    must_write(1000000, 0);
    check_newest(1000000);
}
END_TEST

// What a killed writer left is cleared by the next; a folder of the same step is replaced.
START_TEST(stale_and_equal) {
    Error error = {0};
    CheckpointWriter w;
    ck_ok(checkpoint_begin(&w, &arena, run, 5, &error), error);
    ck_ok(checkpoint_add_bytes(&w, "notes.txt", "x", 1, &error), error);
    ck_assert(file_is_directory(path_join(&arena, run, "checkpoint-000005.tmp")));
    check_newest(-1);
    must_write(20, 1);
    ck_assert(!file_exists(path_join(&arena, run, "checkpoint-000005.tmp")));
    // Damaged, then written again.
    ck_ok(file_write(path_join(&arena, folder(20), "notes.txt"), "hullo\n", 6, &error), error);
    must_write(20, 1);
    check_newest(20);
    ck_assert(!file_exists(path_join(&arena, run, "checkpoint-000020.old.tmp")));

    ck_ok(checkpoint_begin(&w, &arena, run, 30, &error), error);
    checkpoint_abandon(&w);
    ck_assert(!file_exists(path_join(&arena, run, "checkpoint-000030.tmp")));
}
END_TEST

// Every flipped bit of every file is found, and the older checkpoint is used.
START_TEST(bit_flips) {
    const char **names;
    int n;
    Error error = {0};
    must_write(20, 0);
    ck_ok(directory_list(&arena, folder(20), &names, &n, &error), error);
    for (int f = 0; f < n; f++) {
        Text text;
        const char *path = path_join(&arena, folder(20), names[f]);
        ck_ok(file_read(&text, &arena, path, 1 << 20, &error), error);
        FILE *file = fopen(path, "r+b");
        ck_assert_ptr_nonnull(file);
        for (size_t at = 0; at < text.size; at++)
            for (int bit = 0; bit < 8; bit += names[f][0] == 'C' ? 1 : 5) {
                ArenaMark mark = arena_mark(&arena);
                Checkpoint c;
                fseek(file, (long)at, SEEK_SET);
                fputc(text.data[at] ^ 1 << bit, file);
                fflush(file);
                Status status = checkpoint_open(&c, &arena, folder(20), &error);
                ck_assert_msg(status == ERR_FORMAT || status == ERR_IO, "%s: byte %zu, bit %d: status %d", names[f], at, bit, status);
                fseek(file, (long)at, SEEK_SET);
                fputc(text.data[at], file);
                fflush(file);
                arena_release(&arena, mark);
            }
        fclose(file);
    }
    check_newest(20);
}
END_TEST

// Each file cut at each length, lengthened, emptied or lost; a file too many.
START_TEST(other_damage) {
    const char **names;
    int n;
    Error error = {0};
    Checkpoint c;
    must_write(20, 0);
    ck_ok(directory_list(&arena, folder(20), &names, &n, &error), error);
    for (int f = 0; f < n; f++) {
        Text text;
        const char *path = path_join(&arena, folder(20), names[f]);
        ck_ok(file_read(&text, &arena, path, 1 << 20, &error), error);
        for (size_t size = 0; size < text.size; size += names[f][0] == 'C' ? 1 : 9) {
            ArenaMark mark = arena_mark(&arena);
            ck_assert_int_eq(truncate(path, 0), 0);
            FILE *file = fopen(path, "wb");
            fwrite(text.data, 1, size, file);
            fclose(file);
            ck_assert_msg(checkpoint_open(&c, &arena, folder(20), &error) != OK, "%s cut to %zu bytes", names[f], size);
            arena_release(&arena, mark);
        }
        ck_ok(file_write(path, text.data, text.size + 1, &error), error);
        ck_assert_msg(checkpoint_open(&c, &arena, folder(20), &error) != OK, "%s longer", names[f]);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_msg(checkpoint_open(&c, &arena, folder(20), &error) != OK, "%s lost", names[f]);
        ck_ok(file_write(path, text.data, text.size, &error), error);
    }
    // A length in another spelling says the same, and is still not what was written.
    Text list;
    const char *complete = path_join(&arena, folder(20), "COMPLETE");
    ck_ok(file_read(&list, &arena, complete, 1 << 20, &error), error);
    Str other = str_make(&arena);
    str_append(&other, (Text){list.data, 66});
    str_append_char(&other, '0');
    str_append(&other, (Text){list.data + 66, list.size - 66});
    ck_ok(file_write(complete, other.data, other.size, &error), error);
    ck_assert_int_eq(checkpoint_open(&c, &arena, folder(20), &error), ERR_FORMAT);
    ck_ok(file_write(complete, list.data, list.size, &error), error);

    ck_ok(file_write(path_join(&arena, folder(20), "more"), "", 0, &error), error);
    ck_assert_int_eq(checkpoint_open(&c, &arena, folder(20), &error), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "'more', which COMPLETE does not list"));
}
END_TEST

START_TEST(next_older_is_used) {
    Checkpoint c;
    Error error = {0};
    bool found;
    for (int64_t step = 10; step <= 30; step += 10) must_write(step, 0);
    ck_ok(file_write(path_join(&arena, folder(30), "notes.txt"), "hullo\n", 6, &error), error);
    check_newest(20);
    ck_assert_ptr_nonnull(strstr(warnings, "step 30 is damaged and passed over"));
    ck_assert_ptr_nonnull(strstr(warnings, "checkpoint-000030/notes.txt: its SHA-256"));
    // A folder under another step's name is damaged too.
    ck_assert_int_eq(rename(folder(20), folder(25)), 0);
    check_newest(10);
    ck_assert_ptr_nonnull(strstr(warnings, "'step' is 20"));
    // With none left whole nothing is begun anew in silence.
    ck_assert_int_eq(unlink(path_join(&arena, folder(10), "COMPLETE")), 0);
    ck_assert_int_eq(checkpoint_open_newest(&c, &found, &arena, run, warn, &error), ERR_DATA);
    ck_assert(!found);
    ck_assert_ptr_nonnull(strstr(error.text, "all of its checkpoints (3) are damaged"));
}
END_TEST

// Writes a checkpoint folder by hand: any state.json under a right COMPLETE.
static void forge(int64_t step, const char *state) {
    Error error;
    char hex[65], line[200];
    const char *path = path_join(&arena, folder(step), "state.json");
    ck_ok(directory_make(folder(step), &error), error);
    ck_ok(file_write(path, state, strlen(state), &error), error);
    ck_ok(file_sha256(path, hex, &error), error);
    snprintf(line, sizeof line, "%s  %zu  state.json\n", hex, strlen(state));
    ck_ok(file_write(path_join(&arena, folder(step), "COMPLETE"), line, strlen(line), &error), error);
}

// A whole checkpoint of another version is not passed over: the run would lose steps without need.
START_TEST(other_versions) {
    Checkpoint c;
    Error error = {0};
    bool found;
    must_write(10, 0);
    forge(20, "{\"version\":2,\"step\":20,\"state\":{}}");
    ck_assert_int_eq(checkpoint_open_newest(&c, &found, &arena, run, warn, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "'version' is not 1"));
    forge(20, "{\"version\":1,\"step\":20,\"state\":{}}");
    ck_ok(checkpoint_open_newest(&c, &found, &arena, run, warn, &error), error);
    ck_assert_int_eq(c.step, 20);
    checkpoint_close(&c);
    static const char *const DAMAGED[] = {"{\"version\":1,\"step\":20}", "{\"version\":1,\"step\":-1,\"state\":{}}",
                                          "{\"version\":1,\"step\":20,\"state\":[]}", "{\"version\":1,\"step\":20,\"state\":{}", ""};
    for (size_t i = 0; i < sizeof DAMAGED / sizeof *DAMAGED; i++) {
        forge(20, DAMAGED[i]);
        check_newest(10);
    }
}
END_TEST

// The reader is strict: a missing, further, renamed or turned tensor is named, and no number is touched.
START_TEST(strict_params) {
    static const struct {
        const char *names[4], *word;
        int dims[2];
        bool half;
    } CASES[] = {
        {{"b.lora_A", "a.lora_B", "head"}, NULL, {2, 3}, false},
        {{"b.lora_A", "a.lora_B"}, "'head' is missing", {2, 3}, false},
        {{"b.lora_A", "a.lora_B", "head", "tail"}, "'tail' is not expected", {2, 3}, false},
        {{"b.lora_A", "a.lora_B", "heap"}, "'head' is missing", {2, 3}, false},
        {{"b.lora_A", "a.lora_B", "head"}, "'b.lora_A' has another shape", {3, 2}, false},
        {{"b.lora_A", "a.lora_B", "head"}, "'b.lora_A' is of type BF16", {2, 3}, true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CheckpointWriter w;
        Checkpoint c;
        Error error = {0};
        SafeTensorOut out[4];
        int n = 0;
        for (; n < 4 && CASES[i].names[n]; n++) out[n] = (SafeTensorOut){CASES[i].names[n], DTYPE_F32, 1, {5}, params.value};
        out[0] = (SafeTensorOut){"b.lora_A", CASES[i].half ? DTYPE_BF16 : DTYPE_F32, 2, {CASES[i].dims[0], CASES[i].dims[1]}, params.value};
        out[1].rank = 2, out[1].dim[0] = 3, out[1].dim[1] = 2;
        fill(7);
        ck_ok(checkpoint_begin(&w, &arena, run, 1, &error), error);
        ck_ok(checkpoint_add_tensors(&w, "p.safetensors", out, n, &error), error);
        ck_ok(checkpoint_commit(&w, 0, &error), error);
        ck_ok(checkpoint_open(&c, &arena, folder(1), &error), error);
        fill(8);
        float before = params.value[0];
        Status status = checkpoint_read_params(&c, "p.safetensors", &params, &error);
        if (CASES[i].word) {
            ck_assert_int_eq(status, ERR_DATA);
            ck_assert_msg(strstr(error.text, CASES[i].word) != NULL, "'%s' in: %s", CASES[i].word, error.text);
            ck_assert(params.value[0] == before);
        } else {
            ck_ok(status, error);
            ck_assert(params.value[0] == 7);
        }
        ck_assert_int_eq(checkpoint_read_params(&c, "q.safetensors", &params, &error), ERR_DATA);
        checkpoint_close(&c);
    }
}
END_TEST

// A number that JSON cannot hold stops the commit; the older checkpoint and nothing else remains.
START_TEST(not_finite) {
    CheckpointWriter w;
    Error error = {0};
    double zero = params.value[0];
    must_write(10, 0);
    ck_ok(checkpoint_begin(&w, &arena, run, 20, &error), error);
    checkpoint_put_number(&w, "loss", 1 / zero);
    ck_assert_int_eq(checkpoint_commit(&w, 1, &error), ERR_NUMERIC);
    ck_assert_ptr_nonnull(strstr(error.text, "'loss'"));
    check_newest(10);
    ck_assert(!file_exists(path_join(&arena, run, "checkpoint-000020.tmp")));
}
END_TEST

START_TEST(no_run_directory) {
    CheckpointWriter w;
    Checkpoint c;
    Error error = {0};
    bool found;
    const char *absent = path_join(&arena, run, "absent");
    ck_assert_int_eq(checkpoint_begin(&w, &arena, absent, 1, &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, absent));
    ck_assert_int_eq(checkpoint_open_newest(&c, &found, &arena, absent, NULL, &error), ERR_IO);
}
END_TEST

Suite *suite_checkpoint(void);
Suite *suite_checkpoint(void) {
    Suite *suite = suite_create("checkpoint");
    TCase *tests = tcase_create("checkpoint");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, bytes);
    tcase_add_test(tests, older_ones_go);
    tcase_add_test(tests, stale_and_equal);
    tcase_add_test(tests, bit_flips);
    tcase_add_test(tests, other_damage);
    tcase_add_test(tests, next_older_is_used);
    tcase_add_test(tests, other_versions);
    tcase_add_test(tests, strict_params);
    tcase_add_test(tests, not_finite);
    tcase_add_test(tests, no_run_directory);
    suite_add_tcase(suite, tests);
    return suite;
}
