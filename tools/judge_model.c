#include "tools/judge_model.h"

#include <string.h>

#include "rlcd/label.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/judge_verdicts.h"
#include "tools/roles.h"

enum { BLOCK = 32 };  // questions that are asked together: never changes a bit

// Everything one run holds.
typedef struct {
    LabelJudge judge;
    const JudgeQuestions *questions;
    Text name;  // of the judge
    double margin;
    Session *session;
    FileAppend out;
    int64_t done;    // lines that an earlier run wrote
    int asked, cut;  // questions whose replies differ; of them with a shortened dialogue
} Asking;

// A question as a pair: the reply in first place stands where labels have the chosen one.
static Pair pair_of(const JudgeQuestion *q) {
    Pair pair = pair_make();
    pair.prompt = q->prompt;
    pair.chosen = q->first;
    pair.rejected = q->second;
    pair.index = q->index;
    return pair;
}

// Makes every judge's prompt once, so that one that cannot be asked is told before the first is.
static Status check_questions(Asking *a, Error *error) {
    Arena *arena = a->session->run;
    for (int i = 0; i < a->questions->count; i++) {
        const JudgeQuestion *q = &a->questions->question[i];
        ArenaMark mark = arena_mark(arena);
        LabelQuestion label;
        Pair pair = pair_of(q);
        if (q->same) continue;
        Status status = label_prepare(&label, &a->judge, &pair, arena, error);
        bool fits = label.fits;
        a->asked++;
        a->cut += fits && label.cut;
        arena_release(arena, mark);
        if (status != OK) return error_prefix(error, "question \"%.60s\"", q->id.data);
        if (!fits)
            return error_set(error, ERR_DATA, "question \"%.60s\" does not fit into %d tokens: raise --max-tokens", q->id.data,
                             a->judge.max_tokens);
    }
    return OK;
}

static Status write_verdict(Asking *a, const JudgeQuestion *q, const LabelQuestion *label, Error *error) {
    double odds = (double)label->odds[0];
    JudgeWinner winner = odds > a->margin ? WINNER_FIRST : odds < -a->margin ? WINNER_SECOND : WINNER_TIE;
    Arena *arena = a->session->step;
    ArenaMark mark = arena_mark(arena);
    Str line = str_make(arena);
    str_append(&line, TEXT("{\"id\":"));
    json_write_string(&line, q->id);
    str_printf(&line, ",\"winner\":\"%s\",\"odds\":", judge_winner_name(winner));
    json_write_float(&line, label->odds[0]);
    str_append(&line, TEXT(",\"judge\":"));
    json_write_string(&line, a->name);
    str_append_char(&line, '}');
    Status status = append_line(&a->out, str_text(&line), error);
    arena_release(arena, mark);
    return status;
}

// The next questions from *at on, at most BLOCK of those that are not answered.
static Status ask_block(Asking *a, int *at, int64_t *passed, Error *error) {
    LabelQuestion label[BLOCK];
    Pair pair[BLOCK];
    const JudgeQuestion *question[BLOCK];
    int n = 0;
    for (; *at < a->questions->count && n < BLOCK; ++*at) {
        const JudgeQuestion *q = &a->questions->question[*at];
        if (q->same || ++*passed <= a->done) continue;
        question[n] = q;
        pair[n] = pair_of(q);
        TRY(label_prepare(&label[n], &a->judge, &pair[n], a->session->run, error));
        n++;
    }
    if (n == 0) return OK;
    TRY(label_ask(label, n, &a->judge, a->session, error));
    for (int i = 0; i < n; i++) TRY(write_verdict(a, question[i], &label[i], error));
    return append_sync(&a->out, error);
}

// Whole lines of what an earlier run wrote.
static Status count_lines(int64_t *lines, const char *path, Error *error) {
    FileMap map;
    *lines = 0;
    TRY(file_map(&map, path, error));
    for (size_t i = 0; i < map.size; i++) *lines += map.data[i] == '\n';
    file_unmap(&map);
    return OK;
}

static Status ask_all(Asking *a, const char *path, Error *error) {
    int64_t passed = 0;
    TRY(append_open(&a->out, path, SIZE_MAX, error));
    Status status = count_lines(&a->done, path, error);
    for (int at = 0; status == OK && at < a->questions->count;) {
        ArenaMark mark = arena_mark(a->session->run);
        a->session->progress("judge", at, a->questions->count, "");
        status = ask_block(a, &at, &passed, error);
        arena_release(a->session->run, mark);
    }
    if (status == OK) a->session->progress("judge", a->questions->count, a->questions->count, "");
    Status closed = append_close(&a->out, status == OK ? error : NULL);
    return status == OK ? closed : status;
}

// The judge's name in verdicts: the model's file or folder, and the voice it was asked in.
static Text name_of(Arena *arena, const char *model, Text voice) {
    size_t end = strlen(model);
    while (end > 1 && model[end - 1] == '/') end--;
    size_t begin = end;
    while (begin && model[begin - 1] != '/') begin--;
    Str name = str_make(arena);
    for (size_t i = begin; i < end; i++) str_append_char(&name, (unsigned char)model[i] < 0x80 ? model[i] : '_');
    if (voice.size) str_printf(&name, ", %s", voice.data);
    return str_text(&name);
}

// What the verdicts come to, from the file.
static Status describe(const Asking *a, const char *path, const JudgeCompare *config, Str *table, Str *card, Error *error) {
    Arena *arena = a->session->run;
    JudgeVerdicts verdicts;
    JudgeFigures figures = {.arena = arena};
    int ties = 0;
    TRY(judge_verdicts_read(&verdicts, arena, path, a->questions, error));
    JudgeAnswers answers = judge_answers(&verdicts, a->questions, arena);
    for (int i = 0; i < a->questions->count; i++) ties += verdicts.winner[i] == WINNER_TIE && !a->questions->question[i].same;
    judge_compare(&figures, a->questions, &answers, config);
    str_printf(table, "judge          %d questions asked (%d dialogues cut), %d ties; %d questions with equal replies\n\n", a->asked,
               a->cut, ties, a->questions->count - a->asked);
    judge_figures_print(table, &figures);
    str_printf(card, ",\"judge\":{\"asked\":%d,\"cut\":%d,\"ties\":%d,\"same\":%d}", a->asked, a->cut, ties,
               a->questions->count - a->asked);
    return OK;
}

Status judge_model_run(Tool *tool, const char *dir, const char *questions_path, const JudgeCompare *config, Str *summary, Error *error) {
    const Args *args = tool->args;
    RunDir run;
    Task task;
    JudgeQuestions questions;
    Metrics metrics = {0};
    const char *path = path_join(&tool->text, dir, "verdicts.jsonl");
    bool finished;
    Status status;
    Asking a = {.judge = {.orders = ORDERS_FIRST}, .questions = &questions, .margin = args_double(args, "judge.margin")};
    run_dir_open(&run, &tool->text, dir, "judge", args);
    TRY_DONE(roles_open_judge(&a.judge, &task, tool, &run, "questions", questions_path, error));
    TRY_DONE(run_dir_begin(&run, &finished, error));
    if (finished) {
        status = run_dir_show(&run, summary, error);
        goto done;
    }
    Session session = tool_session(tool, &metrics, dir, run.recipe_hash);
    a.session = &session;
    a.name = name_of(&tool->text, tool->model_path, a.judge.voice);
    TRY_DONE(judge_questions_read(&questions, &tool->run, questions_path, error));
    TRY_DONE(llama_prepare(&tool->base.llama, &tool->model, a.judge.max_tokens, error));
    TRY_DONE(label_begin(&a.judge, (uint64_t)args_int(args, "seed"), &tool->run, error));
    TRY_DONE(check_questions(&a, error));
    TRY_DONE(run_dir_start(&run, error));
    TRY_DONE(ask_all(&a, path, error));
    Str table = str_make(&tool->text);
    TRY_DONE(describe(&a, path, config, &table, &run.result, error));
    TRY_DONE(run_dir_finish(&run, &table, summary, error));
done:
    if (status == ERR_STOPPED) error_prefix(error, "judge");
    stage_end(tool, &run, NULL);
    return status;
}
