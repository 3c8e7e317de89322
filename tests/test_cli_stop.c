// A run that is stopped, killed or damaged ends with the hashes and the table of one that was not (reliability.md, P1, P6, P8).
//
// Each test is a chain on one run directory: run, wait for a moment, signal, run again, ... until a run ends by itself.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tests/cli.h"

static Arena arena, whole;
static const char *folder, *reference;
static Text table;
static const char *hashes[4];

// A recipe with enough steps to be met in the middle of each stage.
#define OPTIONS                                                                                                                  \
    "--quiet", "--threads=1", "data.limit=24", "simulate.batch=3", "preference.epochs=4", "ppo.steps=5", "eval.batch=2", "eval.limit=8", \
        "checkpoint_every=2"

// The uninterrupted run, once for all tests.
static void begin_all(void) {
    whole = arena_make("reference", 0);
    reference = temporary_make(&whole);
    CliResult r = cli_ok(&whole, "run", TINY_RECIPE, "--out", reference, OPTIONS);
    table = r.out;
    for (int s = 0; s < 4; s++) hashes[s] = cli_hash(&whole, reference, CLI_STAGES[s]);
}
static void end_all(void) {
    temporary_remove(reference);
    arena_free(&whole);
}

static void set_up(void) {
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
}
static void tear_down(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

static void nap(long microseconds) {
    struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
    nanosleep(&time, NULL);
}

// A moment: a file of the run directory has this many lines, or (0) is there at all.
typedef struct {
    const char *file;
    int lines;
    bool twice;  // the signal comes a second time at once
} Moment;

static const Moment MOMENTS[] = {
    {"simulate/run.json", 0, false},        {"simulate/pairs.jsonl", 4, false},       {"simulate/pairs.jsonl", 14, true},
    {"preference/metrics.jsonl", 1, false}, {"preference/metrics.jsonl", 6, true},    {"preference/checkpoint-000010", 0, false},
    {"ppo/run.json", 0, false},             {"ppo/metrics.jsonl", 1, false},          {"ppo/checkpoint-000002.tmp", 0, false},
    {"ppo/metrics.jsonl", 3, true},         {"eval/run.json", 0, false},
};
enum { MOMENT_COUNT = sizeof MOMENTS / sizeof *MOMENTS };

static bool reached(const Moment *m) {
    char path[4096], buffer[4096];
    snprintf(path, sizeof path, "%s/%s", folder, m->file);
    int fd = open(path, O_RDONLY), lines = 0;
    if (fd < 0) {
        // A checkpoint under way has its final name a moment later.
        char *tail = strstr(path, ".tmp");
        if (tail) *tail = '\0';
        return tail && access(path, F_OK) == 0;
    }
    for (ssize_t n; m->lines && (n = read(fd, buffer, sizeof buffer)) > 0;)
        for (ssize_t i = 0; i < n; i++) lines += buffer[i] == '\n';
    close(fd);
    return lines >= m->lines;
}

static CliProcess begin_run(void) { return cli_start(&(CliSetup){0}, CLI_ARGUMENTS("run", TINY_RECIPE, "--out", folder, OPTIONS)); }

// The last run of a chain: it ends by itself with what the uninterrupted one made, and leaves nothing half done.
static CliResult finish(void) {
    CliResult r = cli_ok(&arena, "run", TINY_RECIPE, "--out", folder, OPTIONS);
    ck_assert_msg(text_equal(r.out, table), "the table differs:\n%s\nexpected:\n%s", r.out.data, table.data);
    for (int s = 0; s < 4; s++) ck_assert_str_eq(cli_hash(&arena, folder, CLI_STAGES[s]), hashes[s]);
    Text tree = cli_tree(&arena, folder);
    ck_assert_msg(strstr(tree.data, ".tmp") == NULL, "left behind: %s", tree.data);
    return r;
}

// One link of the chain. Returns the exit code.
static int interrupt(const Moment *m, int number, int code) {
    CliProcess process = begin_run();
    // The moment may be one of an earlier link.
    while (!(reached(m) && cli_catches(&process, SIGTERM)) && cli_running(&process)) nap(200);
    kill(process.pid, number);
    if (m->twice) {
        nap(300);
        kill(process.pid, number);
    }
    CliResult r = cli_wait(&process, &arena);
    if (r.code == 0 || number == SIGKILL) return r.code;
    ck_assert_msg(r.code == code, "at %s: expected exit %d, found %d: %s", m->file, code, r.code, r.err.data);
    // The second ^C ends it at once, without a word.
    if (r.err.size == 0 && m->twice && number == SIGINT) return code;
    ck_assert_msg(cli_lines(r.err) == 1 && text_begins(r.err, TEXT("rlcd: ")) && strstr(r.err.data, "stopped") != NULL, "at %s: %s",
                  m->file, r.err.data);
    return r.code;
}

// A moment may be missed on a busy machine; most are not.
static void chain(int number, int code) {
    int stopped = 0;
    for (int i = 0; i < MOMENT_COUNT; i++) stopped += interrupt(&MOMENTS[i], number, code) != 0;
    ck_assert_msg(stopped >= MOMENT_COUNT / 2, "only %d of %d signals came in time", stopped, MOMENT_COUNT);
    finish();
}

START_TEST(test_interrupt) { chain(SIGINT, 130); }
END_TEST

START_TEST(test_terminate) { chain(SIGTERM, 75); }
END_TEST

// Kills at the same moments, then at times spread over a run.
START_TEST(test_kill) {
    unsigned state = 12345;
    int stopped = 0;
    for (int i = 0; i < MOMENT_COUNT; i++) stopped += interrupt(&MOMENTS[i], SIGKILL, 137) == 137;
    ck_assert_int_ge(stopped, MOMENT_COUNT / 2);
    temporary_remove(folder);
    for (int i = 0; i < 8; i++) {
        state = state * 1103515245 + 12345;
        CliProcess process = begin_run();
        nap(1000 + (long)(state >> 8) % 120000);
        kill(process.pid, SIGKILL);
        cli_wait(&process, &arena);
    }
    finish();
}
END_TEST

// Time that runs out again and again, a little later each time.
START_TEST(test_max_time) {
    int stops = 0, code = 75;
    for (double seconds = 0.02; code == 75 && seconds < 60; seconds *= 1.3, stops++) {
        const char *limit = cli_format(&arena, "--max-time=%.3fs", seconds);
        CliResult r = cli_run(&arena, "run", TINY_RECIPE, "--out", folder, limit, OPTIONS);
        code = r.code;
        if (code == 75) ck_assert_msg(cli_lines(r.err) == 1 && strstr(r.err.data, "stopped") != NULL, "%s", r.err.data);
    }
    ck_assert_int_eq(code, 0);
    ck_assert_int_gt(stops, 2);
    finish();
}
END_TEST

static struct timespec changed(const char *path) {
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    return info.st_mtim;
}

// A finished recipe is shown again without a byte written.
START_TEST(test_finished) {
    Text before = cli_tree(&arena, reference);
    struct timespec then[4];
    for (int s = 0; s < 4; s++) then[s] = changed(cli_format(&arena, "%s/%s/run.json", reference, CLI_STAGES[s]));
    CliResult r = cli_ok(&arena, "run", TINY_RECIPE, "--out", reference, OPTIONS);
    ck_assert(text_equal(r.out, table));
    ck_assert(text_equal(cli_tree(&arena, reference), before));
    for (int s = 0; s < 4; s++) {
        struct timespec now = changed(cli_format(&arena, "%s/%s/run.json", reference, CLI_STAGES[s]));
        ck_assert(now.tv_sec == then[s].tv_sec && now.tv_nsec == then[s].tv_nsec);
    }
}
END_TEST

// --resume never makes everything anew and ends with the same bits; nothing of the earlier run can be gone on from.
START_TEST(test_never) {
    const char *out = cli_format(&arena, "%s-never", reference);
    cli_ok(&arena, "run", TINY_RECIPE, "--out", out, OPTIONS);
    struct timespec then = changed(cli_format(&arena, "%s/preference/run.json", out));
    CliResult r = cli_ok(&arena, "run", TINY_RECIPE, "--out", out, "--resume", "never", OPTIONS);
    struct timespec now = changed(cli_format(&arena, "%s/preference/run.json", out));
    ck_assert(text_equal(r.out, table));
    ck_assert(now.tv_sec != then.tv_sec || now.tv_nsec != then.tv_nsec);
}
END_TEST

// A damaged newest checkpoint is named, and the next older one goes on to the same bits; with none whole left the run refuses.
START_TEST(test_damage) {
    Error error;
    Text bytes;
    ck_assert_int_ne(interrupt(&(Moment){"ppo/metrics.jsonl", 4, false}, SIGTERM, 75), 0);
    const char **names, *newest = NULL;
    int count, checkpoints = 0;
    const char *ppo = path_join(&arena, folder, "ppo");
    ck_ok(directory_list(&arena, ppo, &names, &count, &error), error);
    for (int i = 0; i < count; i++)
        if (text_begins(text_of(names[i]), TEXT("checkpoint-"))) {
            newest = names[i];
            checkpoints++;
        }
    ck_assert_int_eq(checkpoints, 2);
    const char *path = path_join(&arena, path_join(&arena, ppo, newest), "value.safetensors");
    ck_ok(file_read(&bytes, &arena, path, 1 << 24, &error), error);
    char *copy = arena_copy(&arena, bytes.data, bytes.size);
    copy[bytes.size / 2] ^= 4;
    ck_ok(file_write(path, copy, bytes.size, &error), error);
    CliResult r = finish();
    ck_assert_msg(strstr(r.err.data, "rlcd: warning: ") != NULL && strstr(r.err.data, newest) != NULL, "%s", r.err.data);
}
END_TEST

// A stopped child of a terminal goes on where it was; a hangup of nothing that we own is none of our concern.
START_TEST(test_pause) {
    CliProcess process = begin_run();
    for (int i = 0; i < 3; i++) {
        nap(20000);
        kill(process.pid, SIGSTOP);
        nap(5000);
        kill(process.pid, SIGCONT);
    }
    CliResult r = cli_wait(&process, &arena);
    ck_assert_msg(r.code == 0, "%d: %s", r.code, r.err.data);
    finish();
}
END_TEST

Suite *suite_cli_stop(void) {
    Suite *suite = suite_create("cli_stop");
    TCase *test = tcase_create("stop");
    tcase_add_unchecked_fixture(test, begin_all, end_all);
    tcase_add_checked_fixture(test, set_up, tear_down);
    tcase_set_timeout(test, 600);
    tcase_add_test(test, test_interrupt);
    tcase_add_test(test, test_finished);
    tcase_add_test(test, test_never);
    suite_add_tcase(suite, test);
    // An emulator shows nothing more in the other chains, and takes minutes for them.
    if (getenv("RLCD_QEMU") != NULL) return suite;
    tcase_add_test(test, test_terminate);
    tcase_add_test(test, test_kill);
    tcase_add_test(test, test_max_time);
    tcase_add_test(test, test_damage);
    tcase_add_test(test, test_pause);
    return suite;
}
