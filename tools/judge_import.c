#include "tools/judge_import.h"

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/judge_form.h"

enum { FILE_LIMIT = 64 << 20 };

// The head of an export, and that it belongs to these questions.
static Status check_head(const Json *file, const char *path, const JudgeQuestions *questions, Error *error) {
    int64_t version, seed, own = questions->question[0].seed;
    Text form;
    TRY(json_need_int(file, "version", 0, INT32_MAX, &version, path, error));
    if (version != 1) return error_set(error, ERR_DATA, "%s: expected version 1, found %lld", path, (long long)version);
    TRY(json_need_int(file, "seed", 0, INT64_MAX, &seed, path, error));
    if (seed != own)
        return error_set(error, ERR_DATA, "%s: it is of a form with seed %lld, the questions were drawn with %lld", path, (long long)seed,
                         (long long)own);
    TRY(json_need_string(file, "form", &form, path, error));
    if (!text_equal(form, text_of(questions->sha256)))
        return error_set(error, ERR_DATA, "%s: it belongs to another form (%.8s...), these questions are %.8s...", path,
                         form.size >= 8 ? form.data : "?", questions->sha256);
    return OK;
}

static Status read_rating(double *rating, JudgeWinner *winner, const Json *row, const char *path, const JudgeQuestions *questions,
                          Arena *arena, Error *error) {
    Text id;
    int64_t value;
    if (row->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected an object for each rating", path);
    TRY(json_need_string(row, "id", &id, path, error));
    int at = judge_questions_find(questions, id);
    if (at < 0) return error_set(error, ERR_DATA, "%s: no question has the id \"%.60s\"", path, text_copy(arena, id).data);
    const char *name = questions->question[at].id.data;
    if (winner[at] != WINNER_NONE) return error_set(error, ERR_DATA, "%s: a second rating of \"%.60s\"", path, name);
    Status status = json_need_int(row, "rating", 1, JUDGE_RATINGS, &value, path, error);
    if (status != OK) return error_prefix(error, "rating of \"%.60s\"", name);
    rating[at] = (double)value;
    winner[at] = 2 * value <= JUDGE_RATINGS ? WINNER_FIRST : WINNER_SECOND;
    return OK;
}

static Status read_file(JudgeAnswers *out, Arena *arena, const char *path, const JudgeQuestions *questions, Error *error) {
    Text text, annotator;
    const Json *file, *ratings;
    double *rating = arena_alloc(arena, (size_t)questions->count * sizeof *rating);
    double *first = arena_alloc(arena, (size_t)questions->count * sizeof *first);
    JudgeWinner *winner = arena_zeros(arena, (size_t)questions->count, sizeof *winner);
    TRY(file_read(&text, arena, path, FILE_LIMIT, error));
    TRY(json_parse(&file, arena, text, path, error));
    TRY(check_head(file, path, questions, error));
    TRY(json_need_string(file, "annotator", &annotator, path, error));
    if (text_trim(annotator).size == 0) return error_set(error, ERR_DATA, "%s: expected the annotator's name, found none", path);
    ratings = json_get(file, "ratings");
    if (ratings == NULL || ratings->type != JSON_ARRAY) return error_set(error, ERR_FORMAT, "%s: expected \"ratings\" to be a list", path);
    for (const Json *row = ratings->child; row; row = row->next) TRY(read_rating(rating, winner, row, path, questions, arena, error));
    TRY(judge_verdicts_complete(winner, questions, path, error));
    for (int i = 0; i < questions->count; i++) {
        bool same = questions->question[i].same;
        if (same) rating[i] = (JUDGE_RATINGS + 1) / 2.0;
        first[i] = same ? 0.5 : winner[i] == WINNER_FIRST;
    }
    *out = (JudgeAnswers){.judge = text_trim(annotator), .first = first, .rating = rating, .single = true};
    return OK;
}

Status judge_import_read(JudgeAnswers **answers, Arena *arena, const char *const *paths, int n, const JudgeQuestions *questions,
                         Error *error) {
    JudgeAnswers *a = *answers = arena_zeros(arena, (size_t)n, sizeof *a);
    for (int i = 0; i < questions->count; i++)
        if (questions->question[i].seed < 0)
            return error_set(error, ERR_DATA, "the questions are not those of a form: \"%.60s\" has no seed",
                             questions->question[i].id.data);
    for (int k = 0; k < n; k++) {
        TRY(read_file(&a[k], arena, paths[k], questions, error));
        for (int i = 0; i < k; i++)
            if (text_equal(a[i].judge, a[k].judge))
                return error_set(error, ERR_DATA, "%s and %s are both of \"%.60s\": expected one file an annotator", paths[i], paths[k],
                                 text_copy(arena, a[k].judge).data);
    }
    return OK;
}
