#include "tools/data_rows.h"

#include <stdio.h>

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

static size_t common_prefix(Text a, Text b) {
    size_t n = 0;
    while (n < a.size && n < b.size && a.data[n] == b.data[n]) n++;
    return n;
}

static bool is_blank(Text text) { return text_trim(text).size == 0; }
static Text rest_of(Text text, size_t begin) { return (Text){text.data + begin, text.size - begin}; }

// A text that may be absent (data NULL then); lists of messages have a sentence of their own.
static Status take_text(const Json *object, const char *key, Text *out, const char *where, Error *error) {
    const Json *value = json_get(object, key);
    if (value && value->type == JSON_ARRAY)
        return error_set(error, ERR_DATA, "%s: \"%s\" is a list of messages; this reader takes texts", where, key);
    return json_string_or(object, key, (Text){NULL, 0}, out, where, error);
}

// Bytes of the prompt that two HH dialogues share: up to their last Assistant marker, or the last one in the common beginning; 0: none.
static Status shared_prompt(size_t *size, DataRows *r, Text chosen, Text rejected, const char *where, Error *error) {
    Dialogue a, b, prompt_a, prompt_b;
    TRY(dialogue_parse(&a, &r->scratch, r->task, chosen, where, error));
    TRY(dialogue_parse(&b, &r->scratch, r->task, rejected, where, error));
    *size = 0;
    if (dialogue_prompt(&prompt_a, NULL, &a, where, NULL) != OK || dialogue_prompt(&prompt_b, NULL, &b, where, NULL) != OK) return OK;
    *size = prompt_a.text.size;
    if (text_equal(prompt_a.text, prompt_b.text)) return OK;
    ptrdiff_t last = text_find_last((Text){chosen.data, common_prefix(chosen, rejected)}, r->task->assistant);
    *size = last < 0 ? 0 : (size_t)last + r->task->assistant.size;
    return OK;
}

// Finds prompt and replies of a pair as pairs_next does, and what is wrong with it.
static Status take_pair(DataRows *r, DataRow *row, Text chosen, Text rejected, const char *where, Error *error) {
    if (row->prompt.data == NULL) {
        size_t size;
        if (text_begins(chosen, r->task->human) || text_begins(rejected, r->task->human)) {
            TRY(shared_prompt(&size, r, chosen, rejected, where, error));
        } else {
            // The common beginning, one step back when it ends with a blank, never inside a character.
            size = common_prefix(chosen, rejected);
            while (size > 0 && size < chosen.size && ((unsigned char)chosen.data[size] & 0xc0) == 0x80) size--;
            if (size > 0 && chosen.data[size - 1] == ' ') size--;
        }
        row->prompt = (Text){chosen.data, size};
        chosen = rest_of(chosen, size);
        rejected = rest_of(rejected, size);
        if (size == 0) {
            row->fault = ROW_NO_PROMPT;
            return OK;
        }
    }
    row->fault = is_blank(chosen)               ? ROW_EMPTY_CHOSEN
                 : is_blank(rejected)           ? ROW_EMPTY_REJECTED
                 : text_equal(chosen, rejected) ? ROW_EQUAL
                                                : ROW_SOUND;
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
