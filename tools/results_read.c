#include "tools/results_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tools/json_rows.h"

enum { CARD_LIMIT = 16 << 20 };

// ---- oracle.jsonl

// Verdicts by line of the file beside it: entry i is line i + 1.
typedef struct {
    const char *path;  // NULL: there is no such file
    int count;
    struct {
        Verdict reply, chosen, rejected;
    } * line;
} Oracle;

// The levels of a text's sentences; an ill-formed one has null.
static Status read_levels(Verdict *out, const Json *levels, const char *where, Error *error) {
    if (levels == NULL) return OK;
    if (levels->type != JSON_ARRAY || levels->count > VERDICT_LEVELS)
        return error_set(error, ERR_FORMAT, "%s: expected \"levels\" to be a list of at most %d", where, VERDICT_LEVELS);
    for (const Json *item = levels->child; item; item = item->next) {
        bool formed = item->type != JSON_NULL;
        if (formed && !(item->is_integer && item->integer >= -2 && item->integer <= 2))
            return error_set(error, ERR_DATA, "%s: expected a level from -2 to 2, or null, in \"levels\"", where);
        out->level[out->levels++] = (signed char)(formed ? item->integer : VERDICT_ILL_FORMED);
    }
    return OK;
}

static Status read_verdict(Verdict *out, const Json *row, const char *key, const char *where, Error *error) {
    const Json *member = json_get(row, key);
    int64_t words, sentences, well_formed;
    *out = (Verdict){.known = false};
    if (member == NULL) return OK;
    if (member->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected \"%s\" to be an object", where, key);
    TRY(json_need_number(member, "score", &out->score, where, error));
    TRY(json_number_or(member, "tone", 0, &out->tone, where, error));
    TRY(json_int_or(member, "words", 0, 1 << 30, 0, &words, where, error));
    TRY(json_int_or(member, "sentences", 0, 1 << 30, 0, &sentences, where, error));
    TRY(json_int_or(member, "well_formed", 0, sentences, 0, &well_formed, where, error));
    if (!(out->score >= 0 && out->score <= 1))
        return error_set(error, ERR_DATA, "%s: expected a score from 0 to 1, found %g", where, out->score);
    out->words = (int)words, out->sentences = (int)sentences, out->well_formed = (int)well_formed;
    TRY(read_levels(out, json_get(member, "levels"), where, error));
    out->known = true;
    return OK;
}

// The oracle's file beside `beside`, whose lines it must cover one by one.
static Status read_oracle(Oracle *out, Arena *arena, const char *beside, Error *error) {
    const char *slash = strrchr(beside, '/');
    const char *dir = slash ? text_copy(arena, (Text){beside, (size_t)(slash - beside)}).data : ".";
    const char *path = path_join(arena, dir, "oracle.jsonl");
    *out = (Oracle){.path = NULL};
    if (!file_exists(path)) return OK;
    out->path = path;
    JsonRows rows;
    const Json *row;
    int capacity = 0;
    Status status = json_rows_open(&rows, arena, path, error);
    while (status == OK) {
        int64_t line;
        TRY_DONE(json_rows_next(&rows, &row, error));
        if (row == NULL) break;
        TRY_DONE(json_need_int(row, "line", 1, 1 << 30, &line, rows.where, error));
        if (line != out->count + 1) {
            status = error_set(error, ERR_DATA, "%s: expected \"line\" %d, one for each line of %s, found %lld", rows.where, out->count + 1,
                               beside, (long long)line);
            goto done;
        }
        out->line = json_rows_room(arena, out->line, out->count, &capacity, sizeof *out->line);
        TRY_DONE(read_verdict(&out->line[out->count].reply, row, "reply", rows.where, error));
        TRY_DONE(read_verdict(&out->line[out->count].chosen, row, "chosen", rows.where, error));
        TRY_DONE(read_verdict(&out->line[out->count].rejected, row, "rejected", rows.where, error));
        out->count++;
    }
done:
    json_rows_close(&rows);
    return status;
}

// The last line of the file that was read must be the oracle's last.
static Status check_oracle(const Oracle *oracle, const char *beside, size_t lines, Error *error) {
    if (oracle->path == NULL || (size_t)oracle->count == lines) return OK;
    return error_set(error, ERR_DATA, "%s: expected a verdict for each of the %zu lines of %s, found %d", oracle->path, lines, beside,
                     oracle->count);
}

// ---- replies and pairs

// A number, or NAN for null and for what is not there.
static Status number_or_nan(double *out, const Json *row, const char *key, const char *where, Error *error) {
    const Json *member = json_get(row, key);
    *out = NAN;
    if (member == NULL || member->type == JSON_NULL) return OK;
    return json_need_number(row, key, out, where, error);
}

static Status read_reply(MatrixReply *out, JsonRows *rows, const Json *row, const Oracle *oracle, Error *error) {
    Text end;
    TRY(json_need_int(row, "index", 0, INT64_MAX, &out->index, rows->where, error));
    TRY(json_need_string(row, "reply", &end, rows->where, error));
    TRY(json_rows_text(&out->reply, rows, row, "reply", error));
    TRY(json_rows_text(&out->prompt, rows, row, "prompt", error));
    TRY(json_string_or(row, "end", TEXT("stop"), &end, rows->where, error));
    TRY(number_or_nan(&out->score, row, "score", rows->where, error));
    TRY(number_or_nan(&out->kl, row, "kl", rows->where, error));
    out->ended = !text_equal(end, TEXT("limit"));
    out->oracle = (Verdict){.known = false};
    if (oracle->path == NULL || rows->number > (size_t)oracle->count) return OK;
    out->oracle = oracle->line[rows->number - 1].reply;
    if (!out->oracle.known)
        return error_set(error, ERR_DATA, "%s:%zu: expected the oracle's verdict on \"reply\", found none", oracle->path, rows->number);
    return OK;
}

static int by_index(const void *a, const void *b) {
    int64_t x = ((const MatrixReply *)a)->index, y = ((const MatrixReply *)b)->index;
    return x < y ? -1 : x > y;
}

static Status read_replies(MatrixMethod *m, Arena *arena, Error *error) {
    const char *path = path_join(arena, m->eval, "replies.jsonl");
    Oracle oracle;
    JsonRows rows;
    const Json *row;
    int capacity = 0;
    TRY(read_oracle(&oracle, arena, path, error));
    m->scored = m->near = true;
    Status status = json_rows_open(&rows, arena, path, error);
    while (status == OK) {
        TRY_DONE(json_rows_next(&rows, &row, error));
        if (row == NULL) break;
        m->reply = json_rows_room(arena, m->reply, m->replies, &capacity, sizeof *m->reply);
        TRY_DONE(read_reply(&m->reply[m->replies], &rows, row, &oracle, error));
        m->scored = m->scored && isfinite(m->reply[m->replies].score);
        m->near = m->near && isfinite(m->reply[m->replies].kl);
        m->replies++;
    }
    if (status == OK && m->replies == 0) status = error_set(error, ERR_DATA, "%s: expected replies, found none", path);
    if (status == OK) status = check_oracle(&oracle, path, rows.number, error);
    m->judged = oracle.path != NULL;
done:
    json_rows_close(&rows);
    // In the order of their prompts, each of which occurs once: methods are compared prompt by prompt.
    if (status == OK) qsort(m->reply, (size_t)m->replies, sizeof *m->reply, by_index);
    for (int i = 1; i < m->replies && status == OK; i++)
        if (m->reply[i].index == m->reply[i - 1].index)
            status = error_set(error, ERR_DATA, "%s: expected one reply to each prompt, found two with index %lld", path,
                               (long long)m->reply[i].index);
    return status;
}

static Status read_pair(MatrixPair *out, JsonRows *rows, const Json *row, const Oracle *oracle, Error *error) {
    Text side;
    TRY(json_need_string(row, "chosen", &side, rows->where, error));
    TRY(json_need_string(row, "rejected", &side, rows->where, error));
    TRY(json_number_or(row, "label", 1, &out->label, rows->where, error));
    if (!(out->label >= 0 && out->label <= 1))
        return error_set(error, ERR_DATA, "%s: expected a label from 0 to 1, found %g", rows->where, out->label);
    if (oracle->path && rows->number <= (size_t)oracle->count) {
        out->chosen_oracle = oracle->line[rows->number - 1].chosen;
        out->rejected_oracle = oracle->line[rows->number - 1].rejected;
    }
    return OK;
}

static Status keep_pair(MatrixPair *pair, JsonRows *rows, const Json *row, Error *error) {
    TRY(json_rows_text(&pair->prompt, rows, row, "prompt", error));
    TRY(json_rows_text(&pair->p_plus, rows, row, "p_plus", error));
    TRY(json_rows_text(&pair->p_minus, rows, row, "p_minus", error));
    TRY(json_rows_text(&pair->chosen, rows, row, "chosen", error));
    return json_rows_text(&pair->rejected, rows, row, "rejected", error);
}

// Counts the labels that take the oracle's side. A tie of either leaves the pair out. `matrix` (may be NULL) keeps the first pairs.
static Status read_pairs(MatrixShare *share, Matrix *matrix, int samples, const char *path, Arena *arena, Error *error) {
    Oracle oracle;
    JsonRows rows;
    const Json *row;
    *share = (MatrixShare){0};
    TRY(read_oracle(&oracle, arena, path, error));
    if (matrix) matrix->pair = arena_alloc(arena, (size_t)samples * sizeof *matrix->pair);
    Status status = json_rows_open(&rows, arena, path, error);
    while (status == OK) {
        MatrixPair pair = {.label = 1};
        TRY_DONE(json_rows_next(&rows, &row, error));
        if (row == NULL) break;
        TRY_DONE(read_pair(&pair, &rows, row, &oracle, error));
        double difference = pair.chosen_oracle.score - pair.rejected_oracle.score;
        if (pair.chosen_oracle.known && pair.rejected_oracle.known && difference != 0 && pair.label != 0.5) {
            share->right += (difference > 0) == (pair.label > 0.5);
            share->of++;
        }
        if (matrix && matrix->pairs < samples) {
            TRY_DONE(keep_pair(&pair, &rows, row, error));
            matrix->pair[matrix->pairs++] = pair;
        }
    }
    if (status == OK) status = check_oracle(&oracle, path, rows.number, error);
done:
    json_rows_close(&rows);
    return status;
}

// ---- the run of PPO

// The step of the present row, which may not be smaller than that of the row before: the same entry, or one more.
static Status next_step(MatrixMethod *list, Arena *arena, int *capacity, const Json *row, const char *where, Error *error) {
    int64_t number, last = list->steps ? list->step[list->steps - 1].step : -1;
    TRY(json_need_int(row, "step", 0, INT64_MAX, &number, where, error));
    if (number < last)
        return error_set(error, ERR_DATA, "%s: expected ascending steps, found %lld behind %lld", where, (long long)number,
                         (long long)last);
    if (number == last) return OK;
    list->step = json_rows_room(arena, list->step, list->steps, capacity, sizeof *list->step);
    list->step[list->steps++] = (MatrixStep){.step = number, .score = NAN, .kl = NAN, .oracle = NAN, .oracle_error = NAN};
    return OK;
}

static Status read_metrics(MatrixMethod *list, Arena *arena, const char *path, Error *error) {
    JsonRows rows;
    const Json *row;
    int capacity = 0;
    if (!file_exists(path)) return OK;
    Status status = json_rows_open(&rows, arena, path, error);
    while (status == OK) {
        Text phase;
        TRY_DONE(json_rows_next(&rows, &row, error));
        if (row == NULL) break;
        TRY_DONE(json_string_or(row, "phase", TEXT(""), &phase, rows.where, error));
        if (!text_equal(phase, TEXT("ppo"))) continue;
        TRY_DONE(next_step(list, arena, &capacity, row, rows.where, error));
        MatrixStep *step = &list->step[list->steps - 1];
        TRY_DONE(number_or_nan(&step->score, row, "objective/scores", rows.where, error));
        TRY_DONE(number_or_nan(&step->kl, row, "objective/kl", rows.where, error));
    }
done:
    json_rows_close(&rows);
    return status;
}

// The oracle's mean of each step's rollouts, with its standard error: sum and squares first, kept in the step's own fields.
static Status read_samples(MatrixMethod *list, Arena *arena, const char *path, Error *error) {
    Oracle oracle;
    JsonRows rows;
    const Json *row;
    int capacity = 0;
    if (!file_exists(path)) return OK;
    TRY(read_oracle(&oracle, arena, path, error));
    if (oracle.path == NULL) return OK;
    Status status = json_rows_open(&rows, arena, path, error);
    while (status == OK) {
        TRY_DONE(json_rows_next(&rows, &row, error));
        if (row == NULL) break;
        if (rows.number > (size_t)oracle.count || !oracle.line[rows.number - 1].reply.known) continue;
        TRY_DONE(next_step(list, arena, &capacity, row, rows.where, error));
        MatrixStep *step = &list->step[list->steps - 1];
        double score = oracle.line[rows.number - 1].reply.score;
        step->oracle = (step->judged ? step->oracle : 0) + score;
        step->oracle_error = (step->judged ? step->oracle_error : 0) + score * score;
        step->judged++;
    }
    if (status == OK) status = check_oracle(&oracle, path, rows.number, error);
done:
    json_rows_close(&rows);
    for (int i = 0; i < list->steps && status == OK; i++) {
        MatrixStep *s = &list->step[i];
        double n = s->judged, squares = s->oracle_error - s->oracle * s->oracle / n;
        s->oracle_error = n > 1 ? sqrt((squares > 0 ? squares : 0) / (n - 1) / n) : NAN;
        s->oracle /= n;
    }
    return status;
}

// Both lists as one, by step.
static Status read_steps(MatrixMethod *m, Arena *arena, Error *error) {
    MatrixMethod logged = {.steps = 0}, judged = {.steps = 0};
    TRY(read_metrics(&logged, arena, path_join(arena, m->policy, "metrics.jsonl"), error));
    TRY(read_samples(&judged, arena, path_join(arena, m->policy, "samples.jsonl"), error));
    m->step = arena_alloc(arena, (size_t)(logged.steps + judged.steps) * sizeof *m->step);
    for (int a = 0, b = 0; a < logged.steps || b < judged.steps;) {
        bool first = b == judged.steps || (a < logged.steps && logged.step[a].step <= judged.step[b].step);
        bool both = first && b < judged.steps && logged.step[a].step == judged.step[b].step;
        MatrixStep *s = &m->step[m->steps++];
        *s = first ? logged.step[a] : judged.step[b];
        if (both) s->judged = judged.step[b].judged, s->oracle = judged.step[b].oracle, s->oracle_error = judged.step[b].oracle_error;
        a += first;
        b += !first || both;
    }
    return OK;
}

// ---- cards

// A path's part below the matrix's folder.
static const char *below(const Matrix *matrix, const char *path) {
    const char *rest = path + strlen(matrix->dir);
    return rest + (*rest == '/');
}

// run.json of a stage's folder, once; no card, no entry.
static Status read_card(Matrix *matrix, Arena *arena, const char *path, Error *error) {
    if (path == NULL) return OK;
    const char *file = path_join(arena, path, "run.json"), *stage = below(matrix, path);
    Text text;
    MatrixCard *card = &matrix->card[matrix->cards];
    for (int i = 0; i < matrix->cards; i++)
        if (strcmp(matrix->card[i].stage, stage) == 0) return OK;
    if (!file_exists(file)) return OK;
    TRY(file_read(&text, arena, file, CARD_LIMIT, error));
    TRY(json_parse(&card->card, arena, text, file, error));
    if (card->card->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected a JSON object", file);
    card->stage = stage;
    matrix->cards++;
    return OK;
}

// A share from the member `section` of a stage's card; *held_out (may be NULL) tells on which pairs.
static Status read_share(MatrixShare *out, bool *held_out, const Matrix *matrix, const char *path, const char *section, Error *error) {
    for (int i = 0; path && i < matrix->cards; i++) {
        const Json *member = json_get(matrix->card[i].card, section);
        if (strcmp(matrix->card[i].stage, below(matrix, path)) != 0 || member == NULL) continue;
        Text measured;
        TRY(json_need_int(member, "of", 1, INT64_MAX, &out->of, path, error));
        TRY(json_need_int(member, "right", 0, out->of, &out->right, path, error));
        TRY(json_string_or(member, "measured", TEXT("held out"), &measured, path, error));
        if (held_out) *held_out = text_equal(measured, TEXT("held out"));
    }
    return OK;
}

static const char *folder_of(Arena *arena, const char *file) {
    const char *slash = file ? strrchr(file, '/') : NULL;
    return slash ? text_copy(arena, (Text){file, (size_t)(slash - file)}).data : NULL;
}

// ---- results.json

// A path below the folder of results.json, or NULL. It may not leave the folder.
static Status take_path(const char **out, Arena *arena, const char *dir, const Json *row, const char *key, const char *where,
                        Error *error) {
    Text path;
    TRY(json_string_or(row, key, TEXT(""), &path, where, error));
    *out = NULL;
    if (path.size == 0) return OK;
    Str framed = str_make(arena);
    str_printf(&framed, "/%.*s/", (int)path.size, path.data);
    if (path.data[0] == '/' || memchr(path.data, '\0', path.size) || text_find(str_text(&framed), TEXT("/../")) >= 0)
        return error_set(error, ERR_DATA, "%s: expected \"%s\" to be a path below this folder, found \"%.*s\"", where, key, (int)path.size,
                         path.data);
    *out = path_join(arena, dir, text_copy(arena, path).data);
    return OK;
}

static Status read_method(MatrixMethod *m, Arena *arena, const char *dir, const Json *row, const char *where, Error *error) {
    *m = (MatrixMethod){.replies = 0};
    TRY(json_need_string(row, "name", &m->name, where, error));
    TRY(json_need_string(row, "kind", &m->kind, where, error));
    TRY(json_string_or(row, "voice", TEXT(""), &m->voice, where, error));
    if (m->name.size == 0 || m->name.size > 64)
        return error_set(error, ERR_DATA, "%s: expected a method's name of 1 to 64 bytes, found %zu", where, m->name.size);
    TRY(take_path(&m->pairs, arena, dir, row, "pairs", where, error));
    TRY(take_path(&m->preference, arena, dir, row, "preference", where, error));
    TRY(take_path(&m->policy, arena, dir, row, "policy", where, error));
    return take_path(&m->eval, arena, dir, row, "eval", where, error);
}

static Status read_head(Matrix *out, Arena *arena, const char *where, Error *error) {
    Text text;
    const Json *root;
    int64_t version;
    TRY(file_read(&text, arena, where, CARD_LIMIT, error));
    TRY(json_parse(&root, arena, text, where, error));
    TRY(json_need_int(root, "version", 1, INT64_MAX, &version, where, error));
    if (version != 1) return error_set(error, ERR_FORMAT, "%s: expected version 1, found %lld", where, (long long)version);
    TRY(json_need_int(root, "seed", 0, INT64_MAX, &out->seed, where, error));
    TRY(json_need_string(root, "task", &out->task, where, error));
    TRY(json_string_or(root, "rlcd", TEXT(""), &out->version, where, error));
    TRY(json_string_or(json_get(root, "model"), "path", TEXT(""), &out->model_path, where, error));
    TRY(json_string_or(json_get(root, "model"), "sha256", TEXT(""), &out->model_hash, where, error));
    const Json *methods = json_get(root, "methods");
    if (methods == NULL || methods->type != JSON_ARRAY || methods->count == 0 || methods->count > MATRIX_METHODS)
        return error_set(error, ERR_DATA, "%s: expected \"methods\", a list of 1 to %d", where, MATRIX_METHODS);
    out->method = arena_alloc(arena, methods->count * sizeof *out->method);
    for (const Json *row = methods->child; row; row = row->next) {
        MatrixMethod *m = &out->method[out->methods];
        TRY(read_method(m, arena, out->dir, row, where, error));
        for (int i = 0; i < out->methods; i++)
            if (text_equal(out->method[i].name, m->name))
                return error_set(error, ERR_DATA, "%s: the method \"%.*s\" is there twice", where, (int)m->name.size, m->name.data);
        out->methods++;
    }
    return OK;
}

// All that one method has left.
static Status gather(Matrix *out, MatrixMethod *m, int samples, Arena *arena, Error *error) {
    bool contrast = text_equal(m->kind, TEXT("rlcd")) && out->pair == NULL;
    Str accuracy = str_make(arena);
    // Beside the preference model, which may be another method's.
    const char *slash = m->preference ? strrchr(m->preference, '/') : NULL;
    if (slash) str_printf(&accuracy, "%.*s/accuracy", (int)(slash - m->preference), m->preference);
    else str_printf(&accuracy, "%s/%.*s/accuracy", out->dir, (int)m->name.size, m->name.data);
    TRY(read_card(out, arena, folder_of(arena, m->pairs), error));
    TRY(read_card(out, arena, m->preference, error));
    TRY(read_card(out, arena, accuracy.data, error));
    TRY(read_card(out, arena, m->policy, error));
    TRY(read_card(out, arena, m->eval, error));
    TRY(read_share(&m->own, &m->own_held_out, out, m->preference, "preference", error));
    TRY(read_share(&m->accuracy, NULL, out, accuracy.data, "pairs", error));
    // Without it, what eval measured on people's pairs (run.human).
    if (m->accuracy.of == 0) TRY(read_share(&m->accuracy, NULL, out, m->eval, "pairs", error));
    // Context distillation takes the chosen side whatever the label.
    if (m->pairs && !text_equal(m->kind, TEXT("cd"))) TRY(read_pairs(&m->label, contrast ? out : NULL, samples, m->pairs, arena, error));
    if (m->eval) TRY(read_replies(m, arena, error));
    return m->policy ? read_steps(m, arena, error) : OK;
}

Status matrix_read(Matrix *out, Arena *arena, const char *dir, int samples, Error *error) {
    size_t length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/') length--;
    *out = (Matrix){.dir = text_copy(arena, (Text){dir, length}).data};
    TRY(read_head(out, arena, path_join(arena, out->dir, "results.json"), error));
    out->card = arena_alloc(arena, (size_t)(2 + 5 * out->methods) * sizeof *out->card);
    // Both simulations first: every method stands on one of them.
    TRY(read_card(out, arena, path_join(arena, out->dir, "contrast"), error));
    TRY(read_card(out, arena, path_join(arena, out->dir, "plain"), error));
    for (int i = 0; i < out->methods; i++) TRY(gather(out, &out->method[i], samples, arena, error));
    return OK;
}
