// Any bytes as a file: every line is the right piece of it, and nothing is left over.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Reads all lines of `path` and checks each against the bytes.
static void check_lines(Arena *arena, const char *path, const uint8_t *data, size_t size) {
    LineReader *reader;
    Error error;
    Text line;
    size_t number, count = 0, at = 0;
    bool more;
    REQUIRE(lines_open(&reader, arena, path, &error) == OK, "%s", error.text);
    for (;;) {
        REQUIRE(lines_next(reader, &line, &number, &more, &error) == OK, "%s", error.text);
        if (!more) break;
        REQUIRE(number == ++count, "line %zu is numbered %zu", count, number);
        const uint8_t *newline = at < size ? memchr(data + at, '\n', size - at) : NULL;
        size_t end = newline ? (size_t)(newline - data) : size;
        size_t cut = newline && end > at && data[end - 1] == '\r';
        REQUIRE(line.size == end - at - cut && (line.size == 0 || memcmp(line.data, data + at, line.size) == 0), "line %zu", number);
        at = newline ? end + 1 : size;
    }
    REQUIRE(at == size, "%zu of %zu bytes became lines", at, size);
    lines_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Arena arena = {.name = NULL};
    static char path[64];
    static int file = -1;
    // One nameless file for all inputs.
    if (file < 0) {
        arena = arena_make("fuzz", 0);
        snprintf(path, sizeof path, "/tmp/rlcd-fuzz-XXXXXX");
        file = mkstemp(path);
        REQUIRE(file >= 0, "%s", path);
        unlink(path);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    ArenaMark mark = arena_mark(&arena);
    REQUIRE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size, "%zu bytes", size);
    check_lines(&arena, path, data, size);
    arena_release(&arena, mark);
    return 0;
}
