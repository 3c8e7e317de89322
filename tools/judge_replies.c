#include "tools/judge_replies.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tools/json_rows.h"

JudgePath judge_path(Arena *arena, const char *argument, const char *file) {
    JudgePath p = {.path = argument};
    const char *equals = strchr(argument, '=');
    if (equals && equals > argument && !file_exists(argument)) p = (JudgePath){{argument, (size_t)(equals - argument)}, equals + 1};
    if (file_is_directory(p.path)) p.path = path_join(arena, p.path, file);
    return p;
}

// ---- one file

static int by_index(const void *a, const void *b) {
    int64_t x = ((const JudgeReply *)a)->index, y = ((const JudgeReply *)b)->index;
    return x < y ? -1 : x > y;
}

// One policy's replies while a file is read.
typedef struct {
    JudgeReplies *set;
    int capacity;
} Growing;

static Status add_reply(Growing *g, JsonRows *rows, const Json *row, const char *key, int64_t index, Text prompt, Error *error) {
    JudgeReplies *set = g->set;
    set->reply = json_rows_room(rows->arena, set->reply, set->count, &g->capacity, sizeof *set->reply);
    JudgeReply *r = &set->reply[set->count++];
    *r = (JudgeReply){.index = index, .prompt = prompt};
    return json_rows_need_text(&r->reply, rows, row, key, error);
}

// A row of either form; the first row says which form the file has.
static Status read_row(Growing sets[2], bool *both, JsonRows *rows, const Json *row, Error *error) {
    int64_t index;
    Text prompt, policy;
    bool two = json_get(row, "tuned") != NULL;
    if (sets[0].set->count == 0) *both = two;
    if (two != *both)
        return error_set(error, ERR_DATA, "%s: expected \"%s\" as in the rows before it", rows->where, *both ? "tuned" : "reply");
    TRY(json_need_int(row, "index", 0, INT64_MAX, &index, rows->where, error));
    TRY(json_rows_need_text(&prompt, rows, row, "prompt", error));
    if (two) {
        TRY(add_reply(&sets[0], rows, row, "tuned", index, prompt, error));
        return add_reply(&sets[1], rows, row, "base", index, prompt, error);
    }
    TRY(json_string_or(row, "policy", TEXT(""), &policy, rows->where, error));
    if (sets[0].set->count == 0) sets[0].set->policy = text_copy(rows->arena, policy);
    if (!text_equal(policy, sets[0].set->policy))
        return error_set(error, ERR_DATA, "%s: expected one policy a file, found \"%.40s\" and \"%.40s\"", rows->where,
                         sets[0].set->policy.data, text_copy(&rows->scratch, policy).data);
    return add_reply(&sets[0], rows, row, "reply", index, prompt, error);
}

static Status sort_replies(JudgeReplies *set, Error *error) {
    qsort(set->reply, (size_t)set->count, sizeof *set->reply, by_index);
    for (int i = 1; i < set->count; i++)
        if (set->reply[i].index == set->reply[i - 1].index)
            return error_set(error, ERR_DATA, "%s: expected one reply to each prompt, found two with index %lld", set->path,
                             (long long)set->reply[i].index);
    return OK;
}

// Fills sets[0], and sets[1] where rows hold two policies.
static Status read_file(JudgeReplies sets[2], int *found, Arena *arena, JudgePath from, Error *error) {
    JsonRows rows;
    const Json *row;
    bool both = false;
    Growing growing[2] = {{.set = &sets[0]}, {.set = &sets[1]}};
    for (int i = 0; i < 2; i++) sets[i] = (JudgeReplies){.path = from.path};
    Status status = json_rows_open(&rows, arena, from.path, error);
    while (status == OK) {
        TRY_DONE(json_rows_next(&rows, &row, error));
        if (row == NULL) break;
        TRY_DONE(read_row(growing, &both, &rows, row, error));
    }
    if (status == OK && sets[0].count == 0) status = error_set(error, ERR_DATA, "%s: expected replies, found none", from.path);
done:
    json_rows_close(&rows);
    TRY(status);
    *found = both ? 2 : 1;
    if (both) {
        if (from.name.size)
            return error_set(error, ERR_USAGE, "%s: it holds base and tuned; a name is for a file of one policy", from.path);
        sets[0].policy = TEXT("tuned");
        sets[1].policy = TEXT("base");
    } else if (from.name.size) {
        sets[0].policy = text_copy(arena, from.name);
    }
    for (int i = 0; i < *found; i++) TRY(sort_replies(&sets[i], error));
    return OK;
}

// ---- all of them

// Names differ, and every policy answers the prompts of the first.
static Status check(const JudgeReplies *sets, int n, Error *error) {
    const JudgeReplies *a = &sets[0];
    for (int k = 0; k < n; k++) {
        const JudgeReplies *b = &sets[k];
        if (b->policy.size == 0) return error_set(error, ERR_DATA, "%s: its rows name no policy: give NAME=%s", b->path, b->path);
        if (!utf8_valid(b->policy, NULL)) return error_set(error, ERR_DATA, "%s: the policy's name is not UTF-8", b->path);
        for (int i = 0; i < k; i++)
            if (text_equal(sets[i].policy, b->policy))
                return error_set(error, ERR_DATA, "%s and %s are both of the policy \"%.60s\": give one of them as NAME=%s", sets[i].path,
                                 b->path, b->policy.data, b->path);
        for (int i = 0; i < a->count || i < b->count; i++) {
            bool first = i < a->count && (i >= b->count || a->reply[i].index <= b->reply[i].index);
            bool second = i < b->count && (i >= a->count || b->reply[i].index <= a->reply[i].index);
            if (!first || !second)
                return error_set(error, ERR_DATA, "%s has no reply to prompt %lld, which %s has: expected the same prompts",
                                 first ? b->path : a->path, (long long)(first ? a : b)->reply[i].index, first ? a->path : b->path);
            if (!text_equal(a->reply[i].prompt, b->reply[i].prompt))
                return error_set(error, ERR_DATA, "%s and %s have different prompts with index %lld: expected the same", a->path, b->path,
                                 (long long)a->reply[i].index);
        }
    }
    return OK;
}

Status judge_replies_read(JudgeReplies **out, int *count, Arena *arena, const char *const *arguments, int n, Error *error) {
    JudgeReplies *sets = arena_zeros(arena, 2 * (size_t)n, sizeof *sets);
    *count = 0;
    for (int i = 0; i < n; i++) {
        JudgeReplies read[2];
        int found;
        TRY(read_file(read, &found, arena, judge_path(arena, arguments[i], "replies.jsonl"), error));
        for (int k = 0; k < found; k++) sets[(*count)++] = read[k];
    }
    if (*count < 2)
        return error_set(error, ERR_DATA, "%s: expected replies of two policies, found those of one: give a second file",
                         n ? sets[0].path : "judge");
    *out = sets;
    return check(sets, *count, error);
}
