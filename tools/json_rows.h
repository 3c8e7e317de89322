// Rows of a JSON Lines file: one object a line, blank lines passed over, each named "path:line" in what is said about it.
#ifndef TOOLS_JSON_ROWS_H
#define TOOLS_JSON_ROWS_H

#include "tensor/base/arena.h"
#include "tensor/base/json.h"
#include "tensor/base/lines.h"
#include "tensor/base/status.h"

typedef struct {
    LineReader *lines;
    Arena *arena;   // what is kept
    Arena scratch;  // one row
    const char *path;
    size_t number;      // of the present row's line, from 1
    const char *where;  // "path:line" of the present row
} JsonRows;

// Opens a file, plain or .gz. Must be closed, also after a failure of json_rows_next; `path` must outlive it. ERR_IO.
Status json_rows_open(JsonRows *rows, Arena *arena, const char *path, Error *error);

// The next row, valid until the next call; NULL at the end. ERR_FORMAT for what is not an object of strict JSON.
Status json_rows_next(JsonRows *rows, const Json **row, Error *error);

// Safe when the file was not opened.
void json_rows_close(JsonRows *rows);

// A text member copied into rows->arena; absent: size 0. ERR_FORMAT when it is no text.
Status json_rows_text(Text *out, JsonRows *rows, const Json *row, const char *key, Error *error);

// The same for a member that must be there.
Status json_rows_need_text(Text *out, JsonRows *rows, const Json *row, const char *key, Error *error);

// Room for one more item of `size` bytes in an array that doubles: `items` itself, or a larger copy of it.
void *json_rows_room(Arena *arena, void *items, int count, int *capacity, size_t size);

#endif
