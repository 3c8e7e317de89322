#include "tools/json_rows.h"

#include <string.h>

Status json_rows_open(JsonRows *rows, Arena *arena, const char *path, Error *error) {
    *rows = (JsonRows){.arena = arena, .path = path, .scratch = arena_make("row", 0)};
    return lines_open(&rows->lines, arena, path, error);
}

Status json_rows_next(JsonRows *rows, const Json **row, Error *error) {
    Text line;
    bool more;
    do {
        arena_reset(&rows->scratch);
        TRY(lines_next(rows->lines, &line, &rows->number, &more, error));
        *row = NULL;
        if (!more) return OK;
    } while (line.size == 0);
    Str where = str_make(&rows->scratch);
    str_printf(&where, "%s:%zu", rows->path, rows->number);
    rows->where = where.data;
    TRY(json_parse(row, &rows->scratch, line, rows->where, error));
    if ((*row)->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected a JSON object", rows->where);
    return OK;
}

void json_rows_close(JsonRows *rows) {
    if (rows->lines) lines_close(rows->lines);
    arena_free(&rows->scratch);
}

Status json_rows_text(Text *out, JsonRows *rows, const Json *row, const char *key, Error *error) {
    Text text;
    TRY(json_string_or(row, key, TEXT(""), &text, rows->where, error));
    *out = text_copy(rows->arena, text);
    return OK;
}

Status json_rows_need_text(Text *out, JsonRows *rows, const Json *row, const char *key, Error *error) {
    Text text;
    TRY(json_need_string(row, key, &text, rows->where, error));
    *out = text_copy(rows->arena, text);
    return OK;
}

void *json_rows_room(Arena *arena, void *items, int count, int *capacity, size_t size) {
    if (count < *capacity) return items;
    int wanted = *capacity ? 2 * *capacity : 64;
    void *grown = arena_alloc(arena, (size_t)wanted * size);
    if (count) memcpy(grown, items, (size_t)count * size);
    *capacity = wanted;
    return grown;
}
