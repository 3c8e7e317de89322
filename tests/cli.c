#include "tests/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"

const char *const CLI_STAGES[4] = {"simulate", "preference", "ppo", "eval"};

// A file without a name, for a stream.
static int capture(void) {
    char path[4096];
    const char *root = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/rlcd-stream-XXXXXX", root ? root : "/tmp");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    unlink(path);
    return fd;
}

// In the child: streams and limits, then the program. 126 tells that something here failed.
// `begun` closes when the program stands in the child's place.
static void become(const CliSetup *setup, const char *const *argv, int out, int err, int begun) {
    int in = open(setup->in ? setup->in : "/dev/null", O_RDONLY), to = out, ends[2];
    if (setup->out) to = open(setup->out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (setup->dead_pipe) {
        if (pipe(ends) != 0) _exit(126);
        close(ends[0]);
        to = ends[1];
    }
    if (in < 0 || to < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(to, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0) _exit(126);
    for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
        if (fd != begun) close(fd);
    fcntl(begun, F_SETFD, FD_CLOEXEC);
    if (setup->close_out) close(STDOUT_FILENO);
    if (setup->file_limit) {
        struct rlimit limit = {setup->file_limit, setup->file_limit};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(126);
    }
    // What the harness may ignore or catch, the program sees in its usual form.
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    char *list[128] = {(char *)program_path()};
    for (int i = 0; argv[i] != NULL; i++) list[i + 1] = (char *)argv[i];
    execv(list[0], list);
    _exit(126);
}

CliProcess cli_start(const CliSetup *setup, const char *const *argv) {
    int count = 0;
    while (argv[count] != NULL) count++;
    ck_assert_int_lt(count, 127);
    ck_assert_msg(access(program_path(), X_OK) == 0, "%s is not there: make builds it", program_path());
    CliProcess p = {.out = capture(), .err = capture()};
    int begun[2];
    ck_assert_int_eq(pipe(begun), 0);
    p.pid = fork();
    ck_assert_int_ge(p.pid, 0);
    if (p.pid == 0) become(setup, argv, p.out, p.err, begun[1]);
    // Before it is the program, the child has the harness's handlers: a signal then would end the harness.
    char byte;
    close(begun[1]);
    while (read(begun[0], &byte, 1) < 0 && errno == EINTR) continue;
    close(begun[0]);
    return p;
}

bool cli_running(const CliProcess *process) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

bool cli_catches(const CliProcess *process, int number) {
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/%d/status", (int)process->pid);
    int fd = open(path, O_RDONLY);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (size < 0) return true;
    text[size] = '\0';
    const char *caught = strstr(text, "SigCgt:");
    return caught == NULL || (strtoull(caught + 7, NULL, 16) >> (number - 1) & 1);
}

static Text take_stream(int fd, Arena *arena) {
    struct stat info;
    ck_assert_int_eq(fstat(fd, &info), 0);
    char *data = arena_alloc(arena, (size_t)info.st_size + 1);
    size_t size = 0;
    while (size < (size_t)info.st_size) {
        ssize_t got = pread(fd, data + size, (size_t)info.st_size - size, (off_t)size);
        ck_assert_int_gt(got, 0);
        size += (size_t)got;
    }
    data[size] = '\0';
    close(fd);
    return (Text){data, size};
}

CliResult cli_wait(CliProcess *process, Arena *arena) {
    const char *factor = getenv("CK_TIMEOUT_MULTIPLIER");
    int status = 0, seconds = 240 * (factor && atoi(factor) > 0 ? atoi(factor) : 1);
    bool late = false;
    time_t begun = time(NULL);
    for (;;) {
        pid_t got = waitpid(process->pid, &status, WNOHANG);
        if (got == process->pid) break;
        ck_assert(got == 0 || errno == EINTR);
        if (time(NULL) - begun > seconds && !late) {
            late = true;
            kill(process->pid, SIGKILL);
        }
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    CliResult result = {.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
    result.out = take_stream(process->out, arena);
    result.err = take_stream(process->err, arena);
    ck_assert_msg(!late, "the program did not end within %d s; stderr: %s", seconds, result.err.data);
    ck_assert_msg(result.code != 126, "the program could not be started");
    return result;
}

CliResult cli_run_setup(const CliSetup *setup, Arena *arena, const char *const *argv) {
    CliProcess process = cli_start(setup, argv);
    return cli_wait(&process, arena);
}

CliResult cli_expect(Arena *arena, const char *const *argv) {
    CliResult result = cli_run_setup(&(CliSetup){0}, arena, argv);
    ck_assert_msg(result.code == 0, "rlcd %s ... ended with %d: %s", argv[0], result.code, result.err.data);
    return result;
}

int cli_lines(Text text) {
    int lines = 0;
    for (size_t i = 0; i < text.size; i++) lines += text.data[i] == '\n' || i + 1 == text.size;
    return lines;
}

void cli_check_refusal(const CliResult *result, int code, const char *part) {
    ck_assert_msg(result->code == code, "expected exit %d, found %d: %s", code, result->code, result->err.data);
    ck_assert_msg(cli_lines(result->err) == 1 && text_begins(result->err, TEXT("rlcd: ")) && text_ends(result->err, TEXT("\n")),
                  "expected one line that begins with 'rlcd: ', found: %s", result->err.data);
    ck_assert_msg(strstr(result->err.data, part) != NULL, "'%s' is not in: %s", part, result->err.data);
    ck_assert_msg(result->out.size == 0, "expected nothing on stdout, found: %s", result->out.data);
}

// Folders that are still to be listed stand in a queue: no recursion.
Text cli_tree(Arena *arena, const char *folder) {
    enum { FOLDERS = 64 };
    const char *queue[FOLDERS] = {folder};
    int n = 1;
    Error error;
    Str s = str_make(arena);
    str_append(&s, TEXT(""));
    for (int at = 0; at < n; at++) {
        const char **names;
        int count;
        ck_ok(directory_list(arena, queue[at], &names, &count, &error), error);
        for (int i = 0; i < count; i++) {
            const char *path = path_join(arena, queue[at], names[i]);
            char hex[65];
            if (file_is_directory(path)) {
                ck_assert_int_lt(n, FOLDERS);
                queue[n++] = path;
                str_printf(&s, "%s/\n", path);
            } else if (strcmp(names[i], "lock") != 0) {
                ck_ok(file_sha256(path, hex, &error), error);
                str_printf(&s, "%s %s\n", path, hex);
            }
        }
    }
    return str_text(&s);
}

const char *cli_format(Arena *arena, const char *format, ...) {
    char text[4096];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    ck_assert(n >= 0 && n < (int)sizeof text);
    return arena_copy(arena, text, (size_t)n);
}

const char *cli_file(Arena *arena, const char *folder, const char *name, const char *text) {
    Error error;
    const char *path = path_join(arena, folder, name);
    ck_ok(file_write(path, text, strlen(text), &error), error);
    return path;
}

const char *cli_hash(Arena *arena, const char *dir, const char *stage) {
    Error error;
    Text text, state = {0}, hash = {0};
    const Json *card;
    const char *path = cli_format(arena, "%s/%s/run.json", dir, stage);
    if (!file_exists(path)) return "";
    ck_ok(file_read(&text, arena, path, 1 << 20, &error), error);
    ck_ok(json_parse(&card, arena, text, path, &error), error);
    ck_ok(json_need_string(card, "status", &state, path, &error), error);
    if (!text_equal(state, TEXT("done"))) return "";
    ck_ok(json_need_string(card, "sha256", &hash, path, &error), error);
    ck_assert_int_eq(hash.size, 64);
    return hash.data;
}

const char *cli_golden(Arena *arena, const char *name) {
    Error error;
    Text text;
    ck_ok(file_read(&text, arena, "tests/golden/hashes.txt", 1 << 20, &error), error);
    const char *wanted = cli_format(arena, "  %s\n", name), *found = strstr(text.data, wanted);
    ck_assert_msg(found != NULL && found - text.data >= 64, "tests/golden/hashes.txt has no %s", name);
    return arena_copy(arena, found - 64, 64);
}
