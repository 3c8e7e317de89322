#include "tools/data_check.h"

#include "tensor/base/json.h"
#include "tools/html.h"

// What one part holds.
typedef struct {
    int64_t rows, pairs, fault[ROW_FAULTS];
} PartCounts;

// Prompts of part a that repeat one of part b, by kind.
typedef struct {
    int64_t count[DUPLICATE_KINDS];
    Str place[DUPLICATE_KINDS];  // the first ones as lines
} Relation;

typedef struct {
    const DataCheckConfig *config;
    Arena *arena;
    Duplicates duplicates;
    uint32_t *line;  // of each prompt, in the order of adding; in an arena of its own
    int32_t room;
    Arena lines;
    PartCounts part[DUPLICATE_GROUPS_MAX];
    Relation *relation;  // [parts][parts]
    Str fault_place[ROW_FAULTS];
    Str *findings;
    DataCheckCounts *counts;
    int32_t leaked;  // the last text that counted as a leak, from 1
} Check;

// ---- places

// "FILE:12"
static void put_place(Str *s, const Check *c, int part, int64_t line) {
    str_printf(s, "%s:%lld", c->config->part[part].path, (long long)line);
}

static void put_json_place(Str *s, const Check *c, const char *file, const char *line_key, int part, int64_t line) {
    str_printf(s, ",\"%s\":", file);
    Text path = text_of(c->config->part[part].path);
    if (utf8_valid(path, NULL))
        json_write_string(s, path);
    else
        json_write_string(s, TEXT("?"));
    str_printf(s, ",\"%s\":%lld", line_key, (long long)line);
}

// "training" or "held_out" in JSON, and in words.
static const char *role_of(const Check *c, int part) { return c->config->part[part].held_out ? "held_out" : "training"; }

static bool has_held_out(const Check *c) { return c->config->part[c->config->parts - 1].held_out; }

// Between training and held-out rows; where nothing is held out, between parts.
static bool is_leak(const Check *c, int a, int b) {
    if (has_held_out(c)) return c->config->part[a].held_out != c->config->part[b].held_out;
    return a != b;
}

// ---- reading

static void note_fault(Check *c, int part, const DataRow *row) {
    int64_t before = 0;
    c->part[part].fault[row->fault]++;
    for (int p = 0; p < c->config->parts; p++) before += c->part[p].fault[row->fault];
    c->counts->findings++;
    str_printf(c->findings, "{\"finding\":\"%s\",\"part\":\"%s\"", ROW_FAULT_NAMES[row->fault], role_of(c, part));
    put_json_place(c->findings, c, "file", "line", part, (int64_t)row->line);
    str_append(c->findings, TEXT("}\n"));
    if (before > c->config->shown) return;
    str_append(&c->fault_place[row->fault], TEXT("    "));
    put_place(&c->fault_place[row->fault], c, part, (int64_t)row->line);
    str_append_char(&c->fault_place[row->fault], '\n');
}

static void add_prompt(Check *c, int part, const DataRow *row) {
    if (c->duplicates.count == c->room) {
        int32_t room = c->room ? 2 * c->room : 1024;
        c->line = arena_grow(&c->lines, c->line, (size_t)c->room * sizeof *c->line, (size_t)room * sizeof *c->line);
        c->room = room;
    }
    c->line[c->duplicates.count] = (uint32_t)row->line;
    duplicates_add(&c->duplicates, row->prompt, part);
}

static Status read_part(Check *c, int part, Error *error) {
    const DataPart *p = &c->config->part[part];
    DataRows rows;
    DataRow row;
    bool more = true;
    Status status = data_rows_open(&rows, c->arena, p->path, c->config->task, p->first, p->limit, error);
    while (status == OK) {
        status = data_rows_next(&rows, &row, &more, error);
        if (status != OK || !more) break;
        if (c->duplicates.count == DUPLICATE_TEXTS_MAX || row.line > UINT32_MAX) {
            status = error_set(error, ERR_DATA, "%s:%zu: more than %d rows in all", p->path, row.line, DUPLICATE_TEXTS_MAX);
            break;
        }
        c->part[part].rows++;
        c->part[part].pairs += row.is_pair;
        if (row.fault != ROW_SOUND) note_fault(c, part, &row);
        if (row.fault != ROW_NO_PROMPT) add_prompt(c, part, &row);
    }
    data_rows_close(&rows);
    return status;
}

// ---- findings

// A row counts once as a leak, in however many parts its prompt stands: all that is found of a text comes together.
static void count_leak(Check *c, const Duplicate *found) {
    int a = c->duplicates.text[found->text].group, b = c->duplicates.text[found->match].group;
    if (!is_leak(c, a, b) || c->leaked == found->text + 1) return;
    c->leaked = found->text + 1;
    c->counts->leaks++;
}

static void take_duplicate(void *context, const Duplicate *found) {
    Check *c = context;
    int a = c->duplicates.text[found->text].group, b = c->duplicates.text[found->match].group;
    Relation *r = &c->relation[a * c->config->parts + b];
    int64_t line = c->line[found->text], match = c->line[found->match];
    count_leak(c, found);
    c->counts->findings++;
    str_printf(c->findings, "{\"finding\":\"%s\",\"kind\":\"%s\",\"share\":",
               a == b             ? "within"
               : is_leak(c, a, b) ? "leak"
                                  : "between",
               DUPLICATE_NAMES[found->kind]);
    json_write_number(c->findings, found->share);
    str_printf(c->findings, ",\"part\":\"%s\"", role_of(c, a));
    put_json_place(c->findings, c, "file", "line", a, line);
    put_json_place(c->findings, c, "match_file", "match_line", b, match);
    str_append(c->findings, TEXT("}\n"));
    if (r->count[found->kind]++ >= c->config->shown) return;
    Str *s = &r->place[found->kind];
    str_printf(s, "    %-10s ", DUPLICATE_NAMES[found->kind]);
    html_number(s, found->share, 2);
    str_append(s, TEXT("  "));
    put_place(s, c, a, line);
    str_append(s, TEXT("  repeats "));
    put_place(s, c, b, match);
    str_append_char(s, '\n');
}

// ---- the table

static void put_parts(Str *s, const Check *c) {
    str_printf(s, "%10s %10s %10s %12s %14s  %s\n", "rows", "pairs", "no prompt", "empty reply", "equal replies", "file");
    for (int p = 0; p < c->config->parts; p++) {
        const PartCounts *n = &c->part[p];
        const DataPart *part = &c->config->part[p];
        str_printf(s, "%10lld %10lld %10lld %12lld %14lld  %s", (long long)n->rows, (long long)n->pairs, (long long)n->fault[ROW_NO_PROMPT],
                   (long long)(n->fault[ROW_EMPTY_CHOSEN] + n->fault[ROW_EMPTY_REJECTED]), (long long)n->fault[ROW_EQUAL], part->path);
        if (part->first > 0 || part->limit >= 0) str_printf(s, " from row %lld", (long long)part->first);
        str_printf(s, "%s\n", part->held_out ? " (held out)" : "");
    }
    for (int f = 1; f < ROW_FAULTS; f++)
        if (c->fault_place[f].size) str_printf(s, "  %s, the first:\n%s", ROW_FAULT_NAMES[f], c->fault_place[f].data);
}

static void put_relation(Str *s, const Check *c, int a, int b) {
    const Relation *r = &c->relation[a * c->config->parts + b];
    str_printf(s, "%10lld %10lld %10lld  ", (long long)r->count[0], (long long)r->count[1], (long long)r->count[2]);
    if (a == b)
        str_printf(s, "within %s%s\n", c->config->part[a].path, c->config->part[a].held_out ? " (held out)" : "");
    else
        str_printf(s, "%s of %s%s in %s\n", is_leak(c, a, b) && has_held_out(c) ? "LEAK" : "prompts", c->config->part[a].path,
                   c->config->part[a].held_out ? " (held out)" : "", c->config->part[b].path);
    for (int k = 0; k < DUPLICATE_KINDS; k++)
        if (r->place[k].size) str_append(s, str_text(&r->place[k]));
}

static void put_table(Str *s, const Check *c) {
    str_printf(s, "rows %lld\n\n", (long long)c->counts->rows);
    put_parts(s, c);
    str_printf(s, "\nprompts that repeat an earlier one (near: a share of at least ");
    html_number(s, c->config->least, 2);
    str_printf(s, " of the %d-word runs)\n%10s %10s %10s\n", c->config->ngram, "exact", "normalised", "near");
    for (int a = 0; a < c->config->parts; a++)
        for (int b = 0; b <= a; b++) put_relation(s, c, a, b);
    if (c->duplicates.stock)
        str_printf(s, "%lld runs of words in more than %d prompts were left out as stock phrases\n", (long long)c->duplicates.stock,
                   DUPLICATE_STOCK);
    str_printf(s, "\nfindings %lld, leaks %lld\n", (long long)c->counts->findings, (long long)c->counts->leaks);
}

Status data_check(DataCheckCounts *out, Str *table, Str *findings, const DataCheckConfig *config, Arena *arena, Error *error) {
    REQUIRE(config->parts >= 1 && config->parts <= DUPLICATE_GROUPS_MAX, "data_check: %d parts", config->parts);
    Check *c = arena_zeros(arena, 1, sizeof *c);
    *out = (DataCheckCounts){0};
    *c = (Check){.config = config, .arena = arena, .findings = findings, .counts = out, .lines = arena_make("lines of prompts", 0)};
    c->duplicates = duplicates_make(config->ngram, config->least, config->task->human, config->task->assistant);
    c->relation = arena_zeros(arena, (size_t)config->parts * (size_t)config->parts, sizeof *c->relation);
    for (int i = 0; i < config->parts * config->parts; i++)
        for (int k = 0; k < DUPLICATE_KINDS; k++) c->relation[i].place[k] = str_make(arena);
    for (int f = 0; f < ROW_FAULTS; f++) c->fault_place[f] = str_make(arena);
    Status status = OK;
    for (int p = 0; p < config->parts && status == OK; p++) {
        status = read_part(c, p, error);
        out->rows += c->part[p].rows;
    }
    if (status == OK) {
        duplicates_find(&c->duplicates, take_duplicate, c);
        put_table(table, c);
    }
    duplicates_end(&c->duplicates);
    arena_free(&c->lines);
    return status;
}
