// Lines of a text file, one at a time and with bounded memory: the way in for data sets.
#ifndef TENSOR_BASE_LINES_H
#define TENSOR_BASE_LINES_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

// Reads lines one at a time, plain or .gz (by name; through `gzip -dc`, its exit status checked at the end), "-" is stdin.
// A line is at most 64 MiB, without its '\n' or '\r\n'; a missing final newline is accepted. Memory: one line.
typedef struct LineReader LineReader;
Status lines_open(LineReader **out, Arena *arena, const char *path, Error *error);
// Next line: *more false at the end. `line` is valid until the next call. Line numbers count from 1.
Status lines_next(LineReader *reader, Text *line, size_t *number, bool *more, Error *error);
void lines_close(LineReader *reader);

#endif
