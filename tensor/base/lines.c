#include "tensor/base/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES_FIRST = 1 << 16, LINE_MAX_BYTES = 64 << 20 };

// "PATH: what: the system's reason".
static Status fail_io(Error *error, const char *path, const char *what, int code) {
    return error_set(error, ERR_IO, "%s: %s: %s", path, what, strerror(code));
}

struct LineReader {
    const char *path;
    int fd;
    pid_t child;                     // gzip, or 0
    bool ended;                      // nothing more to read
    Arena memory;                    // of the buffer alone, so that the caller may release what it takes between two lines
    char *buffer;
    size_t capacity, begin, scanned, end;  // begin..end is held, begin..scanned has no '\n'
    size_t number;
};

// Starts `gzip -dc` with the file as its input. Its own process group keeps a ^C for us from ending it, its complaints are
// dropped because its exit status tells enough.
static Status start_gzip(LineReader *reader, Error *error) {
    extern char **environ;
    char *const arguments[] = {"gzip", "-dc", NULL};
    int ends[2];
    if (pipe(ends) != 0) return fail_io(error, reader->path, "cannot make a pipe", errno);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, reader->fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    if (ends[1] > STDERR_FILENO) posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int code = posix_spawnp(&reader->child, "gzip", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    // From here on the file is gzip's; we read the pipe.
    close(ends[1]);
    close(reader->fd);
    reader->fd = ends[0];
    fcntl(reader->fd, F_SETFD, FD_CLOEXEC);
    if (code == 0) return OK;
    reader->child = 0;
    return fail_io(error, reader->path, "cannot start gzip", code);
}

Status lines_open(LineReader **out, Arena *arena, const char *path, Error *error) {
    LineReader *reader = arena_zeros(arena, 1, sizeof *reader);
    struct stat info;
    bool standard = strcmp(path, "-") == 0;
    reader->path = standard ? "standard input" : arena_copy(arena, path, strlen(path));
    reader->memory = arena_make("lines", LINES_FIRST);
    reader->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (reader->fd < 0) return fail_io(error, path, "cannot open", errno);
    Status status = OK;
    if (fstat(reader->fd, &info) == 0 && S_ISDIR(info.st_mode))
        status = error_set(error, ERR_IO, "%s: expected a file, found a directory", path);
    if (status == OK && text_ends(text_of(path), TEXT(".gz"))) status = start_gzip(reader, error);
    *out = reader;
    if (status != OK) lines_close(reader);
    return status;
}

// Waits for gzip; any status but 0 (damaged, cut short, bytes behind the end) makes the file a bad one.
static Status end_gzip(LineReader *reader, Error *error) {
    int status = 0;
    if (reader->child == 0) return OK;
    pid_t child = reader->child;
    reader->child = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return fail_io(error, reader->path, "cannot wait for gzip", errno);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return OK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return error_set(error, ERR_IO, "%s: cannot start gzip", reader->path);
    const char *kind = WIFEXITED(status) ? "exit status" : "signal";
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    return error_set(error, ERR_FORMAT, "%s: expected a whole gzip file, found one that gzip refuses (%s %d) behind line %zu", reader->path,
                     kind, code, reader->number);
}

// Makes room behind the held bytes: moves them to the front, or into twice the place.
static void lines_room(LineReader *reader) {
    if (reader->end < reader->capacity) return;
    size_t held = reader->end - reader->begin;
    if (reader->capacity == 0 || held > reader->capacity / 2) {
        size_t capacity = reader->capacity ? 2 * reader->capacity : LINES_FIRST;
        Arena larger = arena_make("lines", LINES_FIRST);
        char *buffer = arena_alloc(&larger, capacity);
        if (held) memcpy(buffer, reader->buffer + reader->begin, held);
        arena_free(&reader->memory);
        reader->memory = larger;
        reader->buffer = buffer;
        reader->capacity = capacity;
    } else {
        memmove(reader->buffer, reader->buffer + reader->begin, held);
    }
    reader->scanned -= reader->begin;
    reader->end = held;
    reader->begin = 0;
}

static Status fail_long(const LineReader *reader, Error *error) {
    return error_set(error, ERR_FORMAT, "%s:%zu: expected lines of at most %d bytes", reader->path, reader->number + 1, LINE_MAX_BYTES);
}

Status lines_next(LineReader *reader, Text *line, size_t *number, bool *more, Error *error) {
    const char *newline = NULL;
    *more = false;
    for (;;) {
        // The next newline among the bytes not yet looked at.
        if (reader->scanned < reader->end)
            newline = memchr(reader->buffer + reader->scanned, '\n', reader->end - reader->scanned);
        reader->scanned = newline ? (size_t)(newline - reader->buffer) : reader->end;
        // Two bytes more may be the end of the line.
        if (reader->scanned - reader->begin > (size_t)LINE_MAX_BYTES + 1) return fail_long(reader, error);
        if (newline || reader->ended) break;
        lines_room(reader);
        ssize_t got = read(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end);
        if (got < 0 && errno != EINTR) return fail_io(error, reader->path, "cannot read", errno);
        if (got > 0) reader->end += (size_t)got;
        // A damaged .gz is told before its last, torn line is handed out.
        if (got == 0) {
            reader->ended = true;
            TRY(end_gzip(reader, error));
        }
    }
    if (newline == NULL && reader->begin == reader->end) return OK;
    size_t begin = reader->begin, size = reader->scanned - begin;
    if (newline && size && reader->buffer[begin + size - 1] == '\r') size--;
    if (size > LINE_MAX_BYTES) return fail_long(reader, error);
    *line = (Text){reader->buffer + begin, size};
    *number = ++reader->number;
    *more = true;
    reader->begin = reader->scanned = newline ? reader->scanned + 1 : reader->end;
    return OK;
}

void lines_close(LineReader *reader) {
    if (reader == NULL) return;
    if (reader->fd > STDIN_FILENO) close(reader->fd);
    reader->fd = -1;
    // Closed early, gzip ends at its next write.
    end_gzip(reader, NULL);
    arena_free(&reader->memory);
}
