#include "tools/judge_questions.h"

#include <stdlib.h>

#include "tensor/base/file.h"
#include "tensor/base/rng.h"
#include "tools/json_rows.h"

Text judge_reply_a(const JudgeQuestion *q) { return q->swapped ? q->second : q->first; }
Text judge_reply_b(const JudgeQuestion *q) { return q->swapped ? q->first : q->second; }

// ---- writing

static void write_member(Str *out, const char *key, Text text) {
    str_printf(out, ",\"%s\":", key);
    json_write_string(out, text);
}

// One line; the id of a question in a drawn order does not tell the order.
static void write_question(Str *out, const JudgeReplies *sets, int b, int i, bool swapped, const JudgeChoice *choice) {
    const JudgeReply *ours = &sets[0].reply[i], *other = &sets[b].reply[i];
    str_printf(out, "{\"id\":\"%lld-%d", (long long)ours->index, b);
    if (choice->both) str_append(out, swapped ? TEXT("-2") : TEXT("-1"));
    str_printf(out, "\",\"index\":%lld", (long long)ours->index);
    write_member(out, "a", sets[0].policy);
    write_member(out, "b", sets[b].policy);
    str_printf(out, ",\"swapped\":%s", swapped ? "true" : "false");
    if (!choice->both) str_printf(out, ",\"seed\":%lld", (long long)choice->seed);
    write_member(out, "prompt", ours->prompt);
    write_member(out, "first", (swapped ? other : ours)->reply);
    write_member(out, "second", (swapped ? ours : other)->reply);
    str_append(out, TEXT("}\n"));
}

void judge_questions_write(Str *out, const JudgeReplies *sets, int n, const JudgeChoice *choice, Arena *scratch) {
    ArenaMark mark = arena_mark(scratch);
    int prompts = choice->limit >= 0 && choice->limit < sets[0].count ? (int)choice->limit : sets[0].count, count = prompts * (n - 1);
    int *order = arena_alloc(scratch, (size_t)count * sizeof *order);
    uint32_t *work = arena_alloc(scratch, (size_t)count * sizeof *work);
    RngKey sides = rng_key((uint64_t)choice->seed, "judge.side");
    for (int i = 0; i < count; i++) order[i] = i;
    if (!choice->both) rng_shuffle(rng_key((uint64_t)choice->seed, "judge.order"), 0, count, order, work);
    for (int k = 0; k < count; k++) {
        int i = order[k] / (n - 1), b = order[k] % (n - 1) + 1;
        bool drawn = rng_bits(sides, (RngDraw){.prompt = (uint32_t)sets[0].reply[i].index, .position = (uint32_t)b}) & 1;
        write_question(out, sets, b, i, choice->both ? false : drawn, choice);
        if (choice->both) write_question(out, sets, b, i, true, choice);
    }
    arena_release(scratch, mark);
}

// ---- reading

static Status read_question(JudgeQuestion *q, JsonRows *rows, const Json *row, Error *error) {
    TRY(json_rows_need_text(&q->id, rows, row, "id", error));
    TRY(json_need_int(row, "index", 0, INT64_MAX, &q->index, rows->where, error));
    TRY(json_rows_need_text(&q->a, rows, row, "a", error));
    TRY(json_rows_need_text(&q->b, rows, row, "b", error));
    TRY(json_bool_or(row, "swapped", false, &q->swapped, rows->where, error));
    TRY(json_int_or(row, "seed", 0, INT64_MAX, -1, &q->seed, rows->where, error));
    TRY(json_rows_need_text(&q->prompt, rows, row, "prompt", error));
    TRY(json_rows_need_text(&q->first, rows, row, "first", error));
    TRY(json_rows_need_text(&q->second, rows, row, "second", error));
    if (q->id.size == 0) return error_set(error, ERR_DATA, "%s: expected an id, found none", rows->where);
    if (text_equal(q->a, q->b)) return error_set(error, ERR_DATA, "%s: expected two policies, found one on both sides", rows->where);
    q->same = text_equal(text_trim(q->first), text_trim(q->second));
    return OK;
}

// The pairing of a question, a new one where its policies were not met yet.
static Status find_pairing(JudgeQuestions *list, JudgeQuestion *q, const char *where, Error *error) {
    for (q->pairing = 0; q->pairing < list->pairings; q->pairing++)
        if (text_equal(list->pairing[q->pairing].a, q->a) && text_equal(list->pairing[q->pairing].b, q->b)) return OK;
    if (list->pairings == JUDGE_PAIRINGS) return error_set(error, ERR_DATA, "%s: expected at most %d pairings", where, JUDGE_PAIRINGS);
    list->pairing[list->pairings++] = (JudgePairing){q->a, q->b};
    return OK;
}

// What the sort compares: qsort passes no context.
typedef struct {
    const JudgeQuestion *q;
    int number;
} Entry;

static int by_id(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    int order = text_compare(x->q->id, y->q->id);
    return order ? order : x->number - y->number;
}

static int by_pair(const void *a, const void *b) {
    const JudgeQuestion *x = ((const Entry *)a)->q, *y = ((const Entry *)b)->q;
    if (x->pairing != y->pairing) return x->pairing - y->pairing;
    if (x->index != y->index) return x->index < y->index ? -1 : 1;
    if (x->swapped != y->swapped) return x->swapped ? 1 : -1;
    return ((const Entry *)a)->number - ((const Entry *)b)->number;
}

static const int *sorted(const JudgeQuestions *list, Arena *arena, int (*compare)(const void *, const void *)) {
    int *order = arena_alloc(arena, (size_t)list->count * sizeof *order);
    ArenaMark mark = arena_mark(arena);
    Entry *e = arena_alloc(arena, (size_t)list->count * sizeof *e);
    for (int i = 0; i < list->count; i++) e[i] = (Entry){&list->question[i], i};
    qsort(e, (size_t)list->count, sizeof *e, compare);
    for (int i = 0; i < list->count; i++) order[i] = e[i].number;
    arena_release(arena, mark);
    return order;
}

// Ids once each; both orders of a pair show the same.
static Status check(const JudgeQuestions *list, const char *path, Error *error) {
    for (int i = 1; i < list->count; i++) {
        const JudgeQuestion *p = &list->question[list->by_id[i - 1]], *q = &list->question[list->by_id[i]];
        if (text_equal(p->id, q->id)) return error_set(error, ERR_DATA, "%s: the id \"%.60s\" stands twice", path, q->id.data);
    }
    for (int i = 1; i < list->count; i++) {
        const JudgeQuestion *p = &list->question[list->by_pair[i - 1]], *q = &list->question[list->by_pair[i]];
        if (p->pairing != q->pairing || p->index != q->index) continue;
        if (p->swapped == q->swapped)
            return error_set(error, ERR_DATA, "%s: \"%.60s\" and \"%.60s\" ask the same in the same order", path, p->id.data, q->id.data);
        if (!text_equal(p->prompt, q->prompt) || !text_equal(p->first, q->second) || !text_equal(p->second, q->first))
            return error_set(error, ERR_DATA, "%s: \"%.60s\" and \"%.60s\" are two orders of one pair, and their texts differ", path,
                             p->id.data, q->id.data);
    }
    return OK;
}

Status judge_questions_read(JudgeQuestions *out, Arena *arena, const char *path, Error *error) {
    JsonRows rows;
    const Json *row;
    int capacity = 0;
    *out = (JudgeQuestions){.pairing = arena_zeros(arena, JUDGE_PAIRINGS, sizeof *out->pairing)};
    Status status = json_rows_open(&rows, arena, path, error);
    while (status == OK) {
        TRY_DONE(json_rows_next(&rows, &row, error));
        if (row == NULL) break;
        out->question = json_rows_room(arena, out->question, out->count, &capacity, sizeof *out->question);
        JudgeQuestion *q = &out->question[out->count++];
        TRY_DONE(read_question(q, &rows, row, error));
        TRY_DONE(find_pairing(out, q, rows.where, error));
    }
    if (status == OK && out->count == 0) status = error_set(error, ERR_DATA, "%s: expected questions, found none", path);
done:
    json_rows_close(&rows);
    TRY(status);
    out->by_id = sorted(out, arena, by_id);
    out->by_pair = sorted(out, arena, by_pair);
    TRY(check(out, path, error));
    return file_sha256(path, out->sha256, error);
}

int judge_questions_find(const JudgeQuestions *list, Text id) {
    int low = 0, high = list->count;
    while (low < high) {
        int middle = low + (high - low) / 2, order = text_compare(list->question[list->by_id[middle]].id, id);
        if (order == 0) return list->by_id[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}
