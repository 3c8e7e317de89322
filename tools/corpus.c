#include "tools/corpus.h"

#include <stdio.h>

#include "tensor/base/json.h"
#include "tensor/base/lines.h"

typedef struct {
    CorpusSplit split;
    CorpusTake take;
    void *context;
    Arena row;  // one document
} Corpus;

// The text of a row: "text", or prompt with what was chosen.
static Status row_text(Text *out, const Json *row, Arena *arena, const char *where, Error *error) {
    static const char *const REPLIES[] = {"chosen", "reply", "completion"};
    if (row->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected an object", where);
    if (json_get(row, "text")) return json_need_string(row, "text", out, where, error);
    Text prompt, reply = TEXT("");
    bool found = json_get(row, "prompt") != NULL;
    TRY(json_string_or(row, "prompt", TEXT(""), &prompt, where, error));
    for (int i = 0; i < 3 && reply.size == 0; i++) {
        found |= json_get(row, REPLIES[i]) != NULL;
        TRY(json_string_or(row, REPLIES[i], TEXT(""), &reply, where, error));
    }
    if (!found) return error_set(error, ERR_FORMAT, "%s: expected a member \"text\", \"prompt\" or \"chosen\"", where);
    Str s = str_make(arena);
    str_append(&s, prompt);
    str_append(&s, reply);
    *out = str_text(&s);
    return OK;
}

// "weight": [[start, end, w], ...].
static Status row_weights(PretrainWeight **out, int *n, const Json *row, Text text, Arena *arena, const char *where, Error *error) {
    const Json *list = json_get(row, "weight");
    *n = 0;
    if (list == NULL || list->type == JSON_NULL) return OK;
    if (list->type != JSON_ARRAY) return error_set(error, ERR_FORMAT, "%s: \"weight\": expected an array", where);
    *out = arena_alloc(arena, (list->count + 1) * sizeof **out);
    for (const Json *item = list->child; item; item = item->next) {
        const Json *start = item->child, *end = start ? start->next : NULL, *w = end ? end->next : NULL;
        if (item->type != JSON_ARRAY || item->count != 3 || !start->is_integer || !end->is_integer || w->type != JSON_NUMBER)
            return error_set(error, ERR_FORMAT, "%s: \"weight\" %d: expected [start, end, weight]", where, *n);
        if (start->integer < 0 || end->integer <= start->integer || (uint64_t)end->integer > text.size)
            return error_set(error, ERR_DATA, "%s: \"weight\" %d: expected a range inside the text of %zu bytes, found [%lld, %lld]", where,
                             *n, text.size, (long long)start->integer, (long long)end->integer);
        if (!(w->number >= 0 && w->number <= 1e6))
            return error_set(error, ERR_DATA, "%s: \"weight\" %d: expected a weight from 0 to 1000000, found %g", where, *n, w->number);
        (*out)[(*n)++] = (PretrainWeight){(size_t)start->integer, (size_t)end->integer, (float)w->number};
    }
    return OK;
}

static Status take_row(Corpus *c, Text line, const char *where, Error *error) {
    const Json *row;
    Text text;
    PretrainWeight *weight = NULL;
    int weights;
    TRY(json_parse(&row, &c->row, line, where, error));
    TRY(row_text(&text, row, &c->row, where, error));
    TRY(row_weights(&weight, &weights, row, text, &c->row, where, error));
    if (text.size == 0) return OK;
    if (c->take(c->context, text, weight, weights, error) != OK) return error_prefix(error, "%s", where);
    return OK;
}

// Hands out the lines gathered so far as one document.
static Status take_plain(Corpus *c, Str *held, const char *where, Error *error) {
    Status status = OK;
    if (held->size && c->take(c->context, str_text(held), NULL, 0, error) != OK) status = error_prefix(error, "%s", where);
    arena_reset(&c->row);
    *held = str_make(&c->row);
    return status;
}

static const char *place(char *where, size_t size, const char *path, size_t line) {
    snprintf(where, size, "%s:%zu", path, line);
    return where;
}

static Status read_file(Corpus *c, const char *path, LineReader *reader, Error *error) {
    bool rows = text_ends(text_of(path), TEXT(".jsonl")) || text_ends(text_of(path), TEXT(".jsonl.gz")), more;
    Text line;
    size_t number = 0, first = 1, bad;
    char where[4200];
    Str held = str_make(&c->row);
    for (;;) {
        TRY(lines_next(reader, &line, &number, &more, error));
        if (!more) break;
        if (rows) {
            if (line.size) TRY(take_row(c, line, place(where, sizeof where, path, number), error));
            arena_reset(&c->row);
            continue;
        }
        if (!utf8_valid(line, &bad))
            return error_set(error, ERR_FORMAT, "%s:%zu: byte %zu of the line is not UTF-8 (0x%02x)", path, number, bad,
                             (unsigned char)line.data[bad]);
        // A document begins here, goes on, or has ended.
        bool ended = c->split != CORPUS_FILE && line.size == 0;
        if (ended || c->split == CORPUS_LINE) TRY(take_plain(c, &held, place(where, sizeof where, path, first), error));
        if (ended) continue;
        if (held.size == 0 && c->split != CORPUS_FILE)
            first = number;
        else if (number > 1)
            str_append_char(&held, '\n');
        str_append(&held, line);
    }
    return rows ? OK : take_plain(c, &held, place(where, sizeof where, path, first), error);
}

Status corpus_read(const char *const *files, int n_files, CorpusSplit split, CorpusTake take, void *context, Error *error) {
    Corpus c = {.split = split, .take = take, .context = context, .row = arena_make("corpus", 0)};
    Arena readers = arena_make("readers", 0);
    Status status = OK;
    for (int i = 0; i < n_files && status == OK; i++) {
        LineReader *reader;
        status = lines_open(&reader, &readers, files[i], error);
        if (status != OK) break;
        status = read_file(&c, files[i], reader, error);
        lines_close(reader);
    }
    arena_free(&c.row);
    arena_free(&readers);
    return status;
}
