// Reading rows of prompts and of pairs. A row's form is told by its keys: "prompt" with "chosen" and "rejected" is explicit;
// without "prompt" the two texts are whole dialogues, and what they share is the prompt.
#include "rlcd/pairs.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/json.h"

enum { PAIRS_IDS_MAX = 1 << 24, PAIRS_WHERE = 4096 };

Pair pair_make(void) { return (Pair){.index = 0, .affix = -1, .seed = -1, .label = 1}; }

// ---- writing ----

static void write_key(Str *line, const char *key) { str_printf(line, "%s\"%s\":", line->data[line->size - 1] == '{' ? "" : ",", key); }

static void write_text(Str *line, const char *key, Text text) {
    if (text.data == NULL) return;
    write_key(line, key);
    json_write_string(line, text);
}

static void write_int(Str *line, const char *key, int64_t value) {
    write_key(line, key);
    str_printf(line, "%lld", (long long)value);
}

static void write_ids(Str *line, const char *key, const int32_t *ids, int count) {
    if (ids == NULL) return;
    write_key(line, key);
    str_append_char(line, '[');
    for (int i = 0; i < count; i++) str_printf(line, "%s%d", i == 0 ? "" : ",", (int)ids[i]);
    str_append_char(line, ']');
}

void pair_write(Str *line, const Pair *pair) {
    str_append_char(line, '{');
    write_text(line, "prompt", pair->prompt);
    write_text(line, "chosen", pair->chosen);
    write_text(line, "rejected", pair->rejected);
    write_int(line, "index", pair->index);
    write_text(line, "task", pair->task);
    if (pair->affix >= 0) write_int(line, "affix", pair->affix);
    write_text(line, "p_plus", pair->p_plus);
    write_text(line, "p_minus", pair->p_minus);
    if (pair->seed >= 0) write_int(line, "seed", pair->seed);
    if (pair->tries_plus > 0) write_int(line, "tries_plus", pair->tries_plus);
    if (pair->tries_minus > 0) write_int(line, "tries_minus", pair->tries_minus);
    write_key(line, "label");
    json_write_number(line, pair->label);
    write_text(line, "method", pair->method);
    write_text(line, "tokenizer", pair->tokenizer);
    write_ids(line, "chosen_ids", pair->chosen_ids, pair->chosen_count);
    write_ids(line, "rejected_ids", pair->rejected_ids, pair->rejected_count);
    str_append_char(line, '}');
}

// ---- rows ----

// One row of a JSON Lines file in the reader's scratch arena, with the name by which messages call it.
typedef struct {
    const Json *object;
    char where[PAIRS_WHERE];
    int64_t index;  // rows before it
} Row;

// Why a first line that is no object is none: the two mistakes that are made most.
static Status refuse_foreign(const Row *row, Text line, Error *error) {
    static const char form[] = "{\"prompt\": \"\\n\\nHuman: ...\\n\\nAssistant:\"} or {\"chosen\": ..., \"rejected\": ...}";
    if (line.data[0] == '[')
        return error_set(error, ERR_FORMAT, "%s: expected one JSON object a line, such as %s; found a JSON list", row->where, form);
    return error_set(error, ERR_FORMAT, "%s: expected one JSON object a line, such as %s; found plain text", row->where, form);
}

// The next row that is not blank. Memory: one line and its tree.
static Status next_row(LineReader *lines, Arena *scratch, const char *path, int64_t rows, Row *row, bool *more, Error *error) {
    Text line;
    size_t number;
    do {
        TRY(lines_next(lines, &line, &number, more, error));
        if (!*more) return OK;
    } while (text_trim(line).size == 0);
    arena_reset(scratch);
    snprintf(row->where, sizeof row->where, "%s:%zu", path, number);
    row->index = rows;
    size_t i = 0;
    while (line.data[i] == ' ' || line.data[i] == '\t') i++;
    if (rows == 0 && line.data[i] != '{') return refuse_foreign(row, (Text){line.data + i, line.size - i}, error);
    TRY(json_parse(&row->object, scratch, line, row->where, error));
    if (row->object->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected a JSON object", row->where);
    return OK;
}

// A text member that may be absent (data NULL then); a list of messages has a sentence of its own.
static Status take_text(const Row *row, const char *key, Text *out, Error *error) {
    const Json *value = json_get(row->object, key);
    if (value != NULL && value->type == JSON_ARRAY)
        return error_set(error, ERR_DATA, "%s: \"%s\" is a list of messages; this reader takes texts", row->where, key);
    return json_string_or(row->object, key, (Text){NULL, 0}, out, row->where, error);
}

static Status take_int(const Row *row, const char *key, int64_t low, int64_t high, int64_t fallback, int64_t *out, Error *error) {
    return json_int_or(row->object, key, low, high, fallback, out, row->where, error);
}

static Status take_ids(const Row *row, Arena *arena, const char *key, const int32_t **ids, int *count, Error *error) {
    const Json *list = json_get(row->object, key);
    *ids = NULL;
    *count = 0;
    if (list == NULL || list->type == JSON_NULL) return OK;
    if (list->type != JSON_ARRAY || list->count > PAIRS_IDS_MAX)
        return error_set(error, ERR_FORMAT, "%s: \"%s\" must be a list of at most %d token ids", row->where, key, PAIRS_IDS_MAX);
    int32_t *out = arena_alloc(arena, list->count * sizeof *out);
    for (const Json *id = list->child; id != NULL; id = id->next) {
        if (id->type != JSON_NUMBER || !id->is_integer || id->integer < 0 || id->integer > INT32_MAX)
            return error_set(error, ERR_FORMAT, "%s: item %d of \"%s\" is not a token id", row->where, *count, key);
        out[(*count)++] = (int32_t)id->integer;
    }
    *ids = out;
    return OK;
}

// A copy that outlives the line; an absent text stays absent.
static Status take_copy(const Row *row, Arena *arena, const char *key, Text *out, Error *error) {
    TRY(take_text(row, key, out, error));
    if (out->data != NULL) *out = text_copy(arena, *out);
    return OK;
}

// Fields beside the three texts. Keys that are not ours are passed over.
static Status take_fields(const Row *row, Arena *arena, Pair *pair, Error *error) {
    int64_t affix, plus, minus;
    TRY(take_int(row, "index", 0, INT64_MAX, row->index, &pair->index, error));
    TRY(take_int(row, "affix", -1, INT32_MAX, -1, &affix, error));
    TRY(take_int(row, "seed", 0, INT64_MAX, -1, &pair->seed, error));
    TRY(take_int(row, "tries_plus", 0, INT32_MAX, 0, &plus, error));
    TRY(take_int(row, "tries_minus", 0, INT32_MAX, 0, &minus, error));
    TRY(json_number_or(row->object, "label", 1, &pair->label, row->where, error));
    if (!(pair->label >= 0 && pair->label <= 1))
        return error_set(error, ERR_DATA, "%s: \"label\" must lie in [0, 1], found %g", row->where, pair->label);
    TRY(take_copy(row, arena, "task", &pair->task, error));
    TRY(take_copy(row, arena, "p_plus", &pair->p_plus, error));
    TRY(take_copy(row, arena, "p_minus", &pair->p_minus, error));
    TRY(take_copy(row, arena, "method", &pair->method, error));
    TRY(take_copy(row, arena, "tokenizer", &pair->tokenizer, error));
    pair->affix = (int)affix;
    pair->tries_plus = (int)plus;
    pair->tries_minus = (int)minus;
    TRY(take_ids(row, arena, "chosen_ids", &pair->chosen_ids, &pair->chosen_count, error));
    return take_ids(row, arena, "rejected_ids", &pair->rejected_ids, &pair->rejected_count, error);
}

// ---- pairs ----

static bool is_blank_text(Text text) { return text_trim(text).size == 0; }

static Text rest_of(Text text, size_t begin) { return (Text){text.data + begin, text.size - begin}; }

static size_t common_prefix(Text a, Text b) {
    size_t n = 0;
    while (n < a.size && n < b.size && a.data[n] == b.data[n]) n++;
    return n;
}

// HH rows: two dialogues. The prompt goes up to the last Assistant marker; where these prompts differ, up to the last one
// that both dialogues share. *size is 0 when there is none.
static Status shared_prompt(size_t *size, bool *differing, const Pair *pair, const Task *task, Arena *scratch, const char *row,
                            Error *error) {
    Dialogue chosen, rejected, a, b;
    char where[PAIRS_WHERE + 16];
    *size = 0;
    snprintf(where, sizeof where, "%s, \"chosen\"", row);
    TRY(dialogue_parse(&chosen, scratch, task, pair->chosen, where, error));
    bool has_a = dialogue_prompt(&a, NULL, &chosen, where, NULL) == OK;
    snprintf(where, sizeof where, "%s, \"rejected\"", row);
    TRY(dialogue_parse(&rejected, scratch, task, pair->rejected, where, error));
    bool has_b = dialogue_prompt(&b, NULL, &rejected, where, NULL) == OK;
    if (!has_a || !has_b) return OK;
    *size = a.text.size;
    if (text_equal(a.text, b.text)) return OK;
    ptrdiff_t last = text_find_last((Text){pair->chosen.data, common_prefix(pair->chosen, pair->rejected)}, task->assistant);
    *size = last < 0 ? 0 : (size_t)last + task->assistant.size;
    *differing = last >= 0;
    return OK;
}

// TRL's implicit form outside HH: the common prefix, one step back when it ends with a blank, never inside a character.
static size_t common_prompt(const Pair *pair) {
    size_t n = common_prefix(pair->chosen, pair->rejected);
    while (n > 0 && n < pair->chosen.size && ((unsigned char)pair->chosen.data[n] & 0xc0) == 0x80) n--;
    return n > 0 && pair->chosen.data[n - 1] == ' ' ? n - 1 : n;
}

Status pair_split(Pair *pair, bool *differing, const Task *task, Arena *scratch, const char *where, Error *error) {
    size_t size;
    *differing = false;
    if (text_begins(pair->chosen, task->human) || text_begins(pair->rejected, task->human))
        TRY(shared_prompt(&size, differing, pair, task, scratch, where, error));
    else
        size = common_prompt(pair);
    pair->prompt = (Text){pair->chosen.data, size};
    pair->chosen = rest_of(pair->chosen, size);
    pair->rejected = rest_of(pair->rejected, size);
    return OK;
}

// Explicit prompts may end in a blank behind their marker (TRL keeps it there): it belongs to the replies.
static void move_blank(const PairReader *reader, Arena *scratch, Pair *pair) {
    Text marker = reader->task->assistant;
    ptrdiff_t last = text_find_last(pair->prompt, marker);
    if (last < 0) return;
    size_t end = (size_t)last + marker.size;
    Text blank = rest_of(pair->prompt, end);
    if (blank.size == 0 || !is_blank_text(blank)) return;
    Str chosen = str_make(scratch), rejected = str_make(scratch);
    str_append(&chosen, blank);
    str_append(&chosen, pair->chosen);
    str_append(&rejected, blank);
    str_append(&rejected, pair->rejected);
    pair->prompt.size = end;
    pair->chosen = str_text(&chosen);
    pair->rejected = str_text(&rejected);
}

// Fills the three texts from a row; unusable rows are counted.
static Status take_texts(PairReader *reader, const Row *row, Pair *pair, bool *usable, Error *error) {
    Text prompt;
    TRY(take_text(row, "prompt", &prompt, error));
    TRY(take_text(row, "chosen", &pair->chosen, error));
    TRY(take_text(row, "rejected", &pair->rejected, error));
    if (pair->chosen.data == NULL || pair->rejected.data == NULL)
        return error_set(error, ERR_DATA, "%s: a pair needs \"chosen\" and \"rejected\"; \"%s\" is missing", row->where,
                         pair->chosen.data == NULL ? "chosen" : "rejected");
    bool differing = false;
    pair->prompt = prompt;
    if (prompt.data != NULL)
        move_blank(reader, &reader->scratch, pair);
    else
        TRY(pair_split(pair, &differing, reader->task, &reader->scratch, row->where, error));
    reader->counts.differing += differing;
    *usable = prompt.data != NULL || pair->prompt.size > 0;
    // Reasons in this order: each row is counted once.
    if (!*usable) reader->counts.no_prompt++;
    else if (is_blank_text(pair->chosen) || is_blank_text(pair->rejected)) reader->counts.empty++;
    else if (text_equal(pair->chosen, pair->rejected)) reader->counts.same++;
    else return OK;
    *usable = false;
    return OK;
}

Status pairs_open(PairReader *reader, Arena *arena, const char *path, const Task *task, Error *error) {
    *reader = (PairReader){.arena = arena, .task = task, .path = arena_copy(arena, path, strlen(path))};
    reader->scratch = arena_make("pairs", 0);
    return lines_open(&reader->lines, arena, path, error);
}

Status pairs_next(PairReader *reader, Arena *arena, Pair *pair, bool *more, Error *error) {
    PairCounts *counts = &reader->counts;
    for (;;) {
        Row row;
        bool usable = false;
        TRY(next_row(reader->lines, &reader->scratch, reader->path, counts->rows, &row, more, error));
        if (!*more) break;
        counts->rows++;
        *pair = pair_make();
        int64_t differing = counts->differing;
        TRY(take_texts(reader, &row, pair, &usable, error));
        if (!usable) {
            counts->differing = differing;
            continue;
        }
        counts->kept++;
        pair->prompt = text_copy(arena, pair->prompt);
        pair->chosen = text_copy(arena, pair->chosen);
        pair->rejected = text_copy(arena, pair->rejected);
        return take_fields(&row, arena, pair, error);
    }
    if (counts->rows == 0) return error_set(error, ERR_DATA, "%s: no rows", reader->path);
    if (counts->kept == 0)
        return error_set(error, ERR_DATA,
                         "%s: none of the %lld rows can be used: %lld share no prompt, %lld have an empty reply, %lld equal replies",
                         reader->path, (long long)counts->rows, (long long)counts->no_prompt, (long long)counts->empty,
                         (long long)counts->same);
    return OK;
}

void pairs_close(PairReader *reader) {
    if (reader->lines != NULL) lines_close(reader->lines);
    reader->lines = NULL;
    arena_free(&reader->scratch);
}

// ---- whole files ----

static void add_counts(PairCounts *a, const PairCounts *b) {
    a->rows += b->rows;
    a->kept += b->kept;
    a->no_prompt += b->no_prompt;
    a->empty += b->empty;
    a->same += b->same;
    a->differing += b->differing;
}

// Merge sort by index, stable: what was read first stays first (F1). `work` holds count pairs.
static void sort_by_index(Pair *pair, Pair *work, int count) {
    for (size_t width = 1; width < (size_t)count; width *= 2) {
        for (size_t low = 0; low < (size_t)count; low += 2 * width) {
            size_t middle = low + width < (size_t)count ? low + width : (size_t)count;
            size_t high = middle + width < (size_t)count ? middle + width : (size_t)count;
            size_t i = low, j = middle;
            for (size_t k = low; k < high; k++) {
                bool left = i < middle && (j == high || pair[i].index <= pair[j].index);
                work[k] = left ? pair[i++] : pair[j++];
            }
        }
        memcpy(pair, work, (size_t)count * sizeof *pair);
    }
}

// Appends the usable pairs of one file. The texts live in `arena`, the growing list in `list`.
static Status read_file(PairList *out, Arena *arena, Arena *list, int *room, const char *path, const Task *task, Error *error) {
    PairReader reader;
    bool more = true;
    Status status = pairs_open(&reader, arena, path, task, error);
    while (status == OK) {
        Pair pair;
        status = pairs_next(&reader, arena, &pair, &more, error);
        if (status != OK || !more) break;
        if (out->count == *room) {
            REQUIRE(*room <= INT32_MAX / 2, "pairs_read: more than %d pairs", *room);
            size_t old = (size_t)*room * sizeof pair;
            *room = *room == 0 ? 64 : *room * 2;
            out->pair = arena_grow(list, out->pair, old, (size_t)*room * sizeof pair);
        }
        out->pair[out->count++] = pair;
    }
    add_counts(&out->counts, &reader.counts);
    pairs_close(&reader);
    return status;
}

Status pairs_read(PairList *out, Arena *arena, const char *const *paths, int files, const Task *task, bool sort, Error *error) {
    Arena list = arena_make("pair list", 0);
    Status status = OK;
    int room = 0;
    *out = (PairList){0};
    for (int f = 0, i = 0; f < files && status == OK; f++) {
        status = read_file(out, arena, &list, &room, paths[f], task, error);
        for (; i < out->count; i++) out->pair[i].file = f;
    }
    // The finished list moves to the caller's arena; the place it leaves is what sorting works in.
    if (status == OK) {
        Pair *pair = arena_alloc(arena, (size_t)out->count * sizeof *pair);
        if (out->count > 0) memcpy(pair, out->pair, (size_t)out->count * sizeof *pair);
        if (sort) sort_by_index(pair, out->pair, out->count);
        out->pair = pair;
    }
    arena_free(&list);
    return status;
}

// ---- prompts ----

// One row's prompt in `arena`: "prompt" itself, else the part of "chosen" up to its last Assistant marker.
static Status take_prompt(Prompt *out, Arena *arena, const Row *row, const Task *task, Error *error) {
    Text prompt, chosen;
    Dialogue whole;
    out->index = row->index;
    TRY(take_text(row, "prompt", &prompt, error));
    if (prompt.data != NULL) return dialogue_parse_prompt(&out->dialogue, arena, task, text_copy(arena, prompt), row->where, error);
    TRY(take_text(row, "chosen", &chosen, error));
    if (chosen.data == NULL) return error_set(error, ERR_DATA, "%s: a row of prompts needs \"prompt\" or \"chosen\"", row->where);
    TRY(dialogue_parse(&whole, arena, task, text_copy(arena, chosen), row->where, error));
    return dialogue_prompt(&out->dialogue, NULL, &whole, row->where, error);
}

// Where rows of prompts come from and which are wanted.
typedef struct {
    LineReader *lines;
    Arena scratch, list;  // one line; the growing list
    const char *path;
    const Task *task;
    int64_t first, limit;
} PromptReader;

// Reads rows until the range is full or the file ends.
static Status read_prompts(PromptList *out, Arena *arena, PromptReader *r, Error *error) {
    int room = 0;
    while (r->limit < 0 || out->count < r->limit) {
        Row row;
        bool more;
        TRY(next_row(r->lines, &r->scratch, r->path, out->rows, &row, &more, error));
        if (!more) break;
        out->rows++;
        if (row.index < r->first) continue;
        if (out->count == room) {
            REQUIRE(room <= INT32_MAX / 2, "prompts_read: more than %d prompts", room);
            size_t old = (size_t)room * sizeof *out->prompt;
            room = room == 0 ? 64 : room * 2;
            out->prompt = arena_grow(&r->list, out->prompt, old, (size_t)room * sizeof *out->prompt);
        }
        TRY(take_prompt(&out->prompt[out->count], arena, &row, r->task, error));
        out->count++;
    }
    if (out->rows == 0) return error_set(error, ERR_DATA, "%s: no rows", r->path);
    if (out->count == 0)
        return error_set(error, ERR_DATA, "%s: no rows in the range: it begins at row %lld (counted from 0), the file has %lld", r->path,
                         (long long)r->first, (long long)out->rows);
    return OK;
}

Status prompts_read(PromptList *out, Arena *arena, const char *path, const Task *task, int64_t first, int64_t limit, Error *error) {
    REQUIRE(first >= 0 && limit != 0, "prompts_read: rows from %lld, %lld of them", (long long)first, (long long)limit);
    PromptReader r = {.path = path, .task = task, .first = first, .limit = limit};
    r.scratch = arena_make("prompts", 0);
    r.list = arena_make("prompt list", 0);
    Status status;
    *out = (PromptList){0};
    TRY_DONE(lines_open(&r.lines, arena, path, error));
    TRY_DONE(read_prompts(out, arena, &r, error));
    Prompt *prompt = arena_alloc(arena, (size_t)out->count * sizeof *prompt);
    memcpy(prompt, out->prompt, (size_t)out->count * sizeof *prompt);
    out->prompt = prompt;
done:
    if (r.lines != NULL) lines_close(r.lines);
    arena_free(&r.scratch);
    arena_free(&r.list);
    return status;
}
