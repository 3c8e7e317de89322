#include "tools/sweep.h"

#include <math.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/world_grammar.h"

enum { NAME_MOST = 64 };

// A row's task, knob, value and method.
typedef struct {
    Text task, method;
    const WorldKnob *knob;  // NULL: the row is of no sweep
    double value;
} RowHead;

static Status read_name(Text *out, const Json *row, const char *key, const char *where, Error *error) {
    TRY(json_need_string(row, key, out, where, error));
    if (out->size == 0 || out->size > NAME_MOST)
        return error_set(error, ERR_DATA, "%s: expected \"%s\" of 1 to %d bytes, found %zu", where, key, NAME_MOST, out->size);
    return OK;
}

// The knob is the member that has a knob's name.
static Status read_head(RowHead *out, const Json *row, const char *where, Error *error) {
    *out = (RowHead){.knob = NULL};
    if (row->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected a JSON object", where);
    TRY(read_name(&out->task, row, "task", where, error));
    TRY(read_name(&out->method, row, "method", where, error));
    for (const Json *member = row->child; member; member = member->next) {
        const WorldKnob *knob = world_find_knob(member->key);
        if (knob == NULL) continue;
        if (out->knob) return error_set(error, ERR_DATA, "%s: expected one knob, found %s and %s", where, out->knob->name, knob->name);
        out->knob = knob;
        TRY(json_need_number(row, knob->name, &out->value, where, error));
    }
    if (out->knob && !(out->value >= out->knob->low && out->value <= out->knob->high))
        return error_set(error, ERR_DATA, "%s: expected %s from %g to %g, found %g", where, out->knob->name, out->knob->low,
                         out->knob->high, out->value);
    return OK;
}

static Status need_score(double *out, const Json *object, const char *key, const char *where, Error *error) {
    TRY(json_need_number(object, key, out, where, error));
    if (*out >= 0 && *out <= 1) return OK;
    return error_set(error, ERR_DATA, "%s: expected \"%s\" from 0 to 1, found %g", where, key, *out);
}

// ---- places

static Status find_sweep(Sweep **out, SweepList *list, Arena *arena, const RowHead *head, const char *where, Error *error) {
    Text knob = text_of(head->knob->name);
    for (int i = 0; i < list->count; i++) {
        *out = list->sweep[i];
        if (text_equal((*out)->task, head->task) && text_equal((*out)->knob, knob)) return OK;
    }
    if (list->count == SWEEP_MOST) return error_set(error, ERR_DATA, "%s: expected at most %d tasks and knobs", where, SWEEP_MOST);
    *out = arena_zeros(arena, 1, sizeof **out);
    **out = (Sweep){.task = text_copy(arena, head->task), .knob = knob, .beta = NAN};
    list->sweep[list->count++] = *out;
    return OK;
}

// Puts a point into its method's line, by its value.
static Status add_point(SweepLines *lines, Arena *arena, Text method, const SweepPoint *point, const char *where, Error *error) {
    int i = 0;
    while (i < lines->count && !text_equal(lines->line[i].name, method)) i++;
    if (i == SWEEP_LINES) return error_set(error, ERR_DATA, "%s: expected at most %d methods", where, SWEEP_LINES);
    SweepLine *line = &lines->line[i];
    if (i == lines->count) {
        lines->count++;
        line->name = text_copy(arena, method);
        line->point = arena_alloc(arena, SWEEP_POINTS * sizeof *line->point);
    }
    if (line->points == SWEEP_POINTS) return error_set(error, ERR_DATA, "%s: expected at most %d values", where, SWEEP_POINTS);
    int at = line->points;
    while (at > 0 && line->point[at - 1].value > point->value) at--;
    if (at > 0 && line->point[at - 1].value == point->value)
        return error_set(error, ERR_DATA, "%s: the method \"%.*s\" is there twice at %g", where, (int)method.size, method.data,
                         point->value);
    memmove(line->point + at + 1, line->point + at, (size_t)(line->points - at) * sizeof *line->point);
    line->point[at] = *point;
    line->points++;
    return OK;
}

// ---- rows

// The optimum's score at the sweep's beta: one half where the sweep's first row has it, else that row's first.
static Status read_optimum(double *score, Sweep *sweep, const Json *row, const char *where, Error *error) {
    const Json *optimum = json_get(row, "optimum");
    double beta;
    if (optimum == NULL || optimum->type != JSON_ARRAY || optimum->count == 0)
        return error_set(error, ERR_FORMAT, "%s: expected \"optimum\", a list", where);
    for (const Json *entry = optimum->child; entry && isnan(sweep->beta); entry = entry->next) {
        TRY(json_need_number(entry, "beta", &beta, where, error));
        if (beta == 0.5) sweep->beta = beta;
    }
    if (isnan(sweep->beta)) TRY(json_need_number(optimum->child, "beta", &sweep->beta, where, error));
    for (const Json *entry = optimum->child; entry; entry = entry->next) {
        TRY(json_need_number(entry, "beta", &beta, where, error));
        if (beta == sweep->beta) return need_score(score, entry, "score", where, error);
    }
    return error_set(error, ERR_DATA, "%s: expected an optimum at beta %g, as in the rows before", where, sweep->beta);
}

static Status take_prediction(SweepList *list, Arena *arena, const Json *row, const char *where, Error *error) {
    RowHead head;
    Sweep *sweep;
    SweepPoint point = {.low = NAN, .high = NAN};
    TRY(read_head(&head, row, where, error));
    if (head.knob == NULL || text_equal(head.method, TEXT("p+")) || text_equal(head.method, TEXT("p-"))) return OK;
    TRY(find_sweep(&sweep, list, arena, &head, where, error));
    point.value = head.value;
    if (text_equal(head.method, TEXT("p"))) {
        head.method = TEXT("base");
        TRY(need_score(&point.oracle, row, "score", where, error));
    } else {
        TRY(read_optimum(&point.oracle, sweep, row, where, error));
    }
    return add_point(&sweep->predicted, arena, head.method, &point, where, error);
}

static Status take_trained(SweepList *list, Arena *arena, const Json *row, const char *where, Error *error) {
    RowHead head;
    Sweep *sweep;
    SweepPoint point = {.low = NAN, .high = NAN};
    TRY(read_head(&head, row, where, error));
    if (head.knob == NULL) return OK;
    TRY(find_sweep(&sweep, list, arena, &head, where, error));
    point.value = head.value;
    TRY(need_score(&point.oracle, row, "oracle", where, error));
    TRY(json_number_or(row, "low", NAN, &point.low, where, error));
    TRY(json_number_or(row, "high", NAN, &point.high, where, error));
    // Both or none, on either side of the mean.
    if (isnan(point.low) != isnan(point.high) || point.low > point.oracle || point.high < point.oracle)
        return error_set(error, ERR_DATA, "%s: expected \"low\" and \"high\" around \"oracle\", or neither", where);
    return add_point(&sweep->trained, arena, head.method, &point, where, error);
}

typedef Status (*TakeRow)(SweepList *, Arena *, const Json *, const char *, Error *);

// Every line of a file that is there.
static Status read_rows(SweepList *list, Arena *arena, const char *path, TakeRow take, Error *error) {
    LineReader *lines;
    Arena scratch = arena_make("row", 0);
    if (!file_exists(path)) return OK;
    Status status = lines_open(&lines, arena, path, error);
    bool open = status == OK;
    while (status == OK) {
        Text text;
        size_t number;
        bool more;
        const Json *row;
        arena_reset(&scratch);
        TRY_DONE(lines_next(lines, &text, &number, &more, error));
        if (!more) break;
        if (text.size == 0) continue;
        Str where = str_make(&scratch);
        str_printf(&where, "%s:%zu", path, number);
        TRY_DONE(json_parse(&row, &scratch, text, where.data, error));
        TRY_DONE(take(list, arena, row, where.data, error));
    }
done:
    if (open) lines_close(lines);
    arena_free(&scratch);
    return status;
}

Status sweep_read(SweepList *out, Arena *arena, const char *folder, Error *error) {
    *out = (SweepList){.count = 0};
    TRY(read_rows(out, arena, path_join(arena, folder, "predict.jsonl"), take_prediction, error));
    return read_rows(out, arena, path_join(arena, folder, "retrain/points.jsonl"), take_trained, error);
}
