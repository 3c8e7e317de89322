#include "tools/judge_verdicts.h"

#include <string.h>

#include "tools/json_rows.h"

static const char *const NAMES[] = {"none", "first", "second", "tie"};

const char *judge_winner_name(JudgeWinner winner) { return NAMES[winner]; }

// The file's name without folder and ending.
static Text stem_of(Arena *arena, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strchr(name, '.');
    Str s = str_make(arena);
    str_append(&s, TEXT(""));
    Text text = {name, dot && dot > name ? (size_t)(dot - name) : strlen(name)};
    if (utf8_valid(text, NULL)) str_append(&s, text);
    return str_text(&s);
}

static Status read_row(JudgeVerdicts *out, const JudgeQuestions *questions, JsonRows *rows, const Json *row, Error *error) {
    Text id, winner;
    JudgeWinner found = WINNER_NONE;
    TRY(json_need_string(row, "id", &id, rows->where, error));
    TRY(json_need_string(row, "winner", &winner, rows->where, error));
    for (int w = WINNER_FIRST; w <= WINNER_TIE; w++)
        if (text_equal(winner, text_of(NAMES[w]))) found = (JudgeWinner)w;
    if (found == WINNER_NONE)
        return error_set(error, ERR_DATA, "%s: expected the winner first, second or tie, found \"%.40s\"", rows->where,
                         text_copy(&rows->scratch, winner).data);
    int at = judge_questions_find(questions, id);
    if (at < 0) return error_set(error, ERR_DATA, "%s: no question has the id \"%.60s\"", rows->where, text_copy(&rows->scratch, id).data);
    if (out->winner[at] != WINNER_NONE)
        return error_set(error, ERR_DATA, "%s: a second verdict on \"%.60s\"", rows->where, questions->question[at].id.data);
    out->winner[at] = found;
    Text judge;
    TRY(json_string_or(row, "judge", TEXT(""), &judge, rows->where, error));
    if (out->judge.size == 0 && judge.size) out->judge = text_copy(rows->arena, judge);
    return OK;
}

Status judge_verdicts_complete(const JudgeWinner *winner, const JudgeQuestions *questions, const char *who, Error *error) {
    int missing = 0, first = -1;
    for (int i = 0; i < questions->count; i++) {
        if (winner[i] != WINNER_NONE || questions->question[i].same) continue;
        if (first < 0) first = i;
        missing++;
    }
    if (missing == 0) return OK;
    return error_set(error, ERR_DATA, "%s: no verdict on \"%.60s\": %d of %d questions have none", who, questions->question[first].id.data,
                     missing, questions->count);
}

Status judge_verdicts_read(JudgeVerdicts *out, Arena *arena, const char *argument, const JudgeQuestions *questions, Error *error) {
    JsonRows rows;
    const Json *row;
    JudgePath from = judge_path(arena, argument, "verdicts.jsonl");
    *out = (JudgeVerdicts){.path = from.path, .winner = arena_zeros(arena, (size_t)questions->count, sizeof *out->winner)};
    if (from.name.size) out->judge = text_copy(arena, from.name);
    Status status = json_rows_open(&rows, arena, from.path, error);
    while (status == OK) {
        TRY_DONE(json_rows_next(&rows, &row, error));
        if (row == NULL) break;
        TRY_DONE(read_row(out, questions, &rows, row, error));
    }
done:
    json_rows_close(&rows);
    TRY(status);
    TRY(judge_verdicts_complete(out->winner, questions, from.path, error));
    for (int i = 0; i < questions->count; i++)
        if (questions->question[i].same) out->winner[i] = WINNER_TIE;
    if (out->judge.size == 0) out->judge = stem_of(arena, from.path);
    if (!utf8_valid(out->judge, NULL)) return error_set(error, ERR_DATA, "%s: the judge's name is not UTF-8", from.path);
    return OK;
}
