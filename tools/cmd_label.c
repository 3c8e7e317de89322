// rlcd label: a judge's labels for pairs (RLAIF and RLCD-Rescore).
#include <string.h>

#include "rlcd/label.h"
#include "rlcd/pairs.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/measure.h"
#include "tools/options.h"
#include "tools/roles.h"
#include "tools/stage.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &OPTIONS_OUT, &OPTIONS_TASK, &OPTIONS_LABEL, NULL};
const Verb VERB_LABEL = {
    .name = "label",
    .usage = "rlcd label --model M --pairs DIR|FILE --out DIR [--task T] [--voice V]",
    .summary = "Asks the model which reply of each pair is better, and writes the pairs with its answer as label.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

// ---- the run

enum { BLOCK = 32 };  // pairs that are asked about together: never changes a bit

// Everything one run holds.
typedef struct {
    LabelJudge judge;
    Session *session;
    FileAppend out;
    int64_t labelled, cut, too_long;  // earlier runs included
} Labelling;

// One line: the pair as it stood, label and method anew, and what the judge said in each order that was asked.
static Status write_label(Labelling *l, const LabelQuestion *q, Error *error) {
    static const char *const NAMES[] = {"chosen_first", "chosen_second"};
    // The label has as many digits as fp32 holds.
    char digits[32];
    Pair pair = *q->pair;
    number_print_float(q->label, digits);
    number_parse(text_of(digits), &pair.label);
    bool contrast = text_equal(pair.method, TEXT("rlcd")) || text_equal(pair.method, TEXT("rescore"));
    pair.method = contrast ? TEXT("rescore") : TEXT("rlaif");
    Str line = str_make(l->session->step);
    pair_write(&line, &pair);
    line.size--;
    str_append(&line, TEXT(",\"judge\":{\"voice\":"));
    json_write_string(&line, l->judge.voice);
    for (int k = 0; k < 2; k++) {
        if (!q->asked[k]) continue;
        str_printf(&line, ",\"%s\":", NAMES[k]);
        json_write_float(&line, q->odds[k]);
    }
    str_append(&line, TEXT("}}"));
    return append_line(&l->out, str_text(&line), error);
}

static Status answer(Labelling *l, LabelQuestion *q, int n, Error *error) {
    TRY(label_ask(q, n, &l->judge, l->session, error));
    for (int i = 0; i < n; i++) {
        ArenaMark mark = arena_mark(l->session->step);
        Status status = write_label(l, &q[i], error);
        arena_release(l->session->step, mark);
        TRY(status);
    }
    return append_sync(&l->out, error);
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

// Every pair in order; what stands in the file is passed over, but its prompts are made again for the counts.
static Status label_all(Labelling *l, const PairList *pairs, int64_t done, Error *error) {
    Arena *arena = l->session->run;
    LabelQuestion question[BLOCK];
    int held = 0;
    ArenaMark mark = arena_mark(arena);
    for (int i = 0; i < pairs->count; i++) {
        LabelQuestion *q = &question[held];
        Status status = label_prepare(q, &l->judge, &pairs->pair[i], arena, error);
        if (status != OK) return error_prefix(error, "pair %d", i);
        l->too_long += !q->fits;
        l->cut += q->fits && q->cut;
        if (q->fits && ++l->labelled > done) held++;
        if (held == BLOCK || i + 1 == pairs->count) {
            l->session->progress("label", i + 1 - held, pairs->count, "");
            if (held) TRY(answer(l, question, held, error));
            held = 0;
        }
        if (held == 0) arena_release(arena, mark);
    }
    l->session->progress("label", pairs->count, pairs->count, "");
    if (l->labelled == 0)
        return error_set(error, ERR_DATA, "label: none of %d pairs fits into %d tokens", pairs->count, l->judge.max_tokens);
    return OK;
}

static Status label_run(Labelling *l, const PairList *pairs, Error *error) {
    const char *path = path_join(l->session->run, l->session->dir, "pairs.jsonl");
    int64_t done;
    TRY(append_open(&l->out, path, SIZE_MAX, error));
    Status status = count_lines(&done, path, error);
    if (status == OK) status = label_all(l, pairs, done, error);
    Status closed = append_close(&l->out, status == OK ? error : NULL);
    return status == OK ? closed : status;
}

// ---- what came out

// What the labels of a finished file come to.
typedef struct {
    int64_t pairs, right, both, agreeing, first;  // right: label above 1/2; both: asked in both orders; first: answers for the first place
    int64_t answers;
    double label, certainty;  // sums of label and of |2 label - 1|
} Totals;

static void count_line(Totals *t, const Json *line) {
    const Json *label = json_get(line, "label"), *judge = json_get(line, "judge");
    const Json *asked[] = {json_get(judge, "chosen_first"), json_get(judge, "chosen_second")};
    double p = label && label->type == JSON_NUMBER ? label->number : 0.5;
    t->pairs++;
    t->right += p > 0.5;
    t->label += p;
    t->certainty += p > 0.5 ? 2 * p - 1 : 1 - 2 * p;
    for (int k = 0; k < 2; k++) {
        if (asked[k] == NULL) continue;
        t->answers++;
        t->first += k == 0 ? asked[k]->number > 0 : asked[k]->number < 0;
    }
    if (asked[0] == NULL || asked[1] == NULL) return;
    t->both++;
    t->agreeing += (asked[0]->number > 0) == (asked[1]->number > 0);
}

static Status count_labels(Totals *totals, Arena *arena, const char *path, Error *error) {
    LineReader *reader;
    bool more = true;
    *totals = (Totals){0};
    TRY(lines_open(&reader, arena, path, error));
    Status status = OK;
    while (more) {
        ArenaMark mark = arena_mark(arena);
        Text text;
        size_t number;
        const Json *line;
        TRY_DONE(lines_next(reader, &text, &number, &more, error));
        if (more) {
            TRY_DONE(json_parse(&line, arena, text, path, error));
            count_line(totals, line);
        }
        arena_release(arena, mark);
    }
done:
    lines_close(reader);
    return status;
}

// One line of metrics for the whole run: it has no steps.
static Status write_metrics(Metrics *m, const Totals *t, double start, Session *session, Error *error) {
    double n = (double)t->pairs;
    TRY(metrics_open(m, session->run, session->dir, 0, error));
    metrics_begin(m, 0, "label");
    metrics_add(m, "label/mean", t->label / n);
    metrics_add(m, "label/chosen", (double)t->right / n);
    metrics_add(m, "label/certainty", t->certainty / n);
    metrics_add(m, "label/first_place", (double)t->first / (double)t->answers);
    if (t->both) metrics_add(m, "label/agreement", (double)t->agreeing / (double)t->both);
    session_metrics(session, start, 0);
    TRY(metrics_end(m, error));
    return metrics_close(m, error);
}

static void describe(const Labelling *l, const Totals *t, Str *table, Str *card) {
    MeasureInterval interval = measure_wilson(t->right, t->pairs, MEASURE_Z95);
    str_printf(card, ",\"label\":{\"pairs\":%lld,\"cut\":%lld,\"too_long\":%lld,\"chosen\":%lld,\"answers\":%lld,\"first_place\":%lld,",
               (long long)t->pairs, (long long)l->cut, (long long)l->too_long, (long long)t->right, (long long)t->answers,
               (long long)t->first);
    str_printf(card, "\"both_orders\":%lld,\"agreeing\":%lld}", (long long)t->both, (long long)t->agreeing);
    str_printf(table, "label          %lld pairs (%lld dialogues cut, %lld pairs too long); chosen is better in %.1f %% [%.1f, %.1f]",
               (long long)t->pairs, (long long)l->cut, (long long)l->too_long, 100.0 * (double)t->right / (double)t->pairs,
               100 * interval.low, 100 * interval.high);
    if (t->both) str_printf(table, "; both orders agree in %.1f %%", 100.0 * (double)t->agreeing / (double)t->both);
    str_append(table, TEXT("\n"));
}

Status stage_label(Tool *tool, const char *dir, const char *pairs_path, Str *summary, Error *error) {
    static const LabelOrders ORDERS[] = {ORDERS_BOTH, ORDERS_FIRST, ORDERS_RANDOM};
    const Args *args = tool->args;
    if (pairs_path == NULL) return error_set(error, ERR_USAGE, "label: expected --pairs DIR or FILE, found none");
    if (file_is_directory(pairs_path)) pairs_path = path_join(&tool->text, pairs_path, "pairs.jsonl");
    RunDir run;
    Task task;
    PairList pairs;
    Labelling l = {.judge = {.orders = ORDERS[args_choice(args, "label.orders")],
                             .hard = args_flag(args, "label.hard")}};
    Totals totals;
    Metrics metrics = {0};
    bool finished;
    Status status;
    double start = clock_seconds();
    run_dir_open(&run, &tool->text, dir, "label", args);
    TRY_DONE(roles_open_judge(&l.judge, &task, tool, &run, "pairs", pairs_path, error));
    TRY_DONE(run_dir_begin(&run, &finished, error));
    if (finished) {
        status = run_dir_show(&run, summary, error);
        goto done;
    }
    TRY_DONE(pairs_read(&pairs, &tool->run, &pairs_path, 1, &task, true, error));
    TRY_DONE(llama_prepare(&tool->base.llama, &tool->model, l.judge.max_tokens, error));
    TRY_DONE(label_begin(&l.judge, (uint64_t)args_int(args, "seed"), &tool->run, error));
    TRY_DONE(run_dir_start(&run, error));
    Session session = tool_session(tool, &metrics, dir, run.recipe_hash);
    l.session = &session;
    TRY_DONE(label_run(&l, &pairs, error));
    TRY_DONE(count_labels(&totals, &tool->run, path_join(&tool->text, dir, "pairs.jsonl"), error));
    TRY_DONE(write_metrics(&metrics, &totals, start, &session, error));
    Str table = str_make(&tool->text);
    describe(&l, &totals, &table, &run.result);
    TRY_DONE(run_dir_finish(&run, &table, summary, error));
done:
    if (status == ERR_STOPPED) error_prefix(error, "label");
    stage_end(tool, &run, &metrics);
    return status;
}

int cmd_label(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_LABEL, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    Status status = tool_open_model(&tool, &error);
    if (status == OK) status = stage_label(&tool, args_text(&args, "out"), args_text(&args, "label.pairs"), &summary, &error);
    return tool_summary_exit(&tool, &summary, status, &error);
}
