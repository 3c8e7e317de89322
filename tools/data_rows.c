#include "tools/data_rows.h"

#include <stdio.h>

#include "rlcd/pairs.h"
#include "tensor/base/json.h"

const char *const ROW_FAULT_NAMES[ROW_FAULTS] = {"", "no_prompt", "empty_chosen", "empty_rejected", "equal_replies"};

enum { WHERE_MAX = 4300 };

Status data_rows_open(DataRows *r, Arena *arena, const char *path, const Task *task, int64_t first, int64_t limit, Error *error) {
    REQUIRE(first >= 0 && limit != 0, "data_rows: rows from %lld, %lld of them", (long long)first, (long long)limit);
    *r = (DataRows){.task = task, .path = path, .first = first, .limit = limit, .scratch = arena_make("rows", 0)};
    return lines_open(&r->lines, arena, path, error);
}

void data_rows_close(DataRows *r) {
    if (r->lines) lines_close(r->lines);
    r->lines = NULL;
    arena_free(&r->scratch);
}

static bool is_blank(Text text) { return text_trim(text).size == 0; }

// A text that may be absent (data NULL then); lists of messages have a sentence of their own.
static Status take_text(const Json *object, const char *key, Text *out, const char *where, Error *error) {
    const Json *value = json_get(object, key);
    if (value && value->type == JSON_ARRAY)
        return error_set(error, ERR_DATA, "%s: \"%s\" is a list of messages; this reader takes texts", where, key);
    return json_string_or(object, key, (Text){NULL, 0}, out, where, error);
}

// Finds prompt and replies of a pair as pairs_next does, and what is wrong with it.
static Status take_pair(DataRows *r, DataRow *row, Text chosen, Text rejected, const char *where, Error *error) {
    Pair pair = {.prompt = row->prompt, .chosen = chosen, .rejected = rejected};
    bool differing;
    if (row->prompt.data == NULL) TRY(pair_split(&pair, &differing, r->task, &r->scratch, where, error));
    row->fault = row->prompt.data == NULL && pair.prompt.size == 0 ? ROW_NO_PROMPT
                 : is_blank(pair.chosen)                           ? ROW_EMPTY_CHOSEN
                 : is_blank(pair.rejected)                         ? ROW_EMPTY_REJECTED
                 : text_equal(pair.chosen, pair.rejected)          ? ROW_EQUAL
                                                                   : ROW_SOUND;
    row->prompt = pair.prompt;
    return OK;
}

static Status take_row(DataRows *r, DataRow *row, Text line, const char *where, Error *error) {
    const Json *object;
    Text chosen, rejected;
    TRY(json_parse(&object, &r->scratch, line, where, error));
    if (object->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected a JSON object", where);
    TRY(take_text(object, "prompt", &row->prompt, where, error));
    TRY(take_text(object, "chosen", &chosen, where, error));
    TRY(take_text(object, "rejected", &rejected, where, error));
    row->is_pair = chosen.data && rejected.data;
    if (row->is_pair) return take_pair(r, row, chosen, rejected, where, error);
    if (row->prompt.data) return OK;
    if (chosen.data == NULL)
        return error_set(error, ERR_DATA, "%s: expected a row with \"prompt\", or with \"chosen\" and \"rejected\"", where);
    // A dialogue alone: its prompt goes up to the last Assistant marker.
    Dialogue whole, prompt;
    TRY(dialogue_parse(&whole, &r->scratch, r->task, chosen, where, error));
    TRY(dialogue_prompt(&prompt, NULL, &whole, where, error));
    row->prompt = prompt.text;
    return OK;
}

Status data_rows_next(DataRows *r, DataRow *row, bool *more, Error *error) {
    char where[WHERE_MAX];
    Text line;
    *row = (DataRow){0};
    *more = true;
    while (r->limit < 0 || r->rows < r->first + r->limit) {
        TRY(lines_next(r->lines, &line, &row->line, more, error));
        if (!*more) break;
        if (text_trim(line).size == 0) continue;
        if (r->rows++ < r->first) continue;
        arena_reset(&r->scratch);
        snprintf(where, sizeof where, "%s:%zu", r->path, row->line);
        return take_row(r, row, line, where, error);
    }
    *more = false;
    if (r->rows == 0) return error_set(error, ERR_DATA, "%s: no rows", r->path);
    if (r->rows <= r->first)
        return error_set(error, ERR_DATA, "%s: no rows in the range: it begins at row %lld (counted from 0), the file has %lld", r->path,
                         (long long)r->first, (long long)r->rows);
    return OK;
}
