#include "rlcd/label.h"

#include "rlcd/contrast.h"
#include "rlcd/score.h"
#include "tensor/base/json.h"
#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"

enum { BLOCK = 32 };  // pairs that are asked about together: never changes a bit

// Everything one run holds.
typedef struct {
    LabelResult *result;
    const Base *base;
    const Task *task;
    const LabelConfig *config;
    Session *session;
    int32_t id[4];  // label tokens: first's, second's; with both forms first's bare and spaced, second's
    int ids;        // 2 or 4
    RngKey order;
    FileAppend out;
} Judge;

// A pair on its way; asked[0] has the chosen reply in first place, asked[1] in second.
typedef struct {
    const Pair *pair;
    Sequence asked[2];
    bool wanted[2];
} Question;

// ---- label tokens

static Status label_token(int32_t *id, const Judge *j, Text label, bool spaced, Error *error) {
    Arena *arena = j->session->run;
    Str text = str_make(arena);
    str_append(&text, spaced ? TEXT(" ") : TEXT(""));
    str_append(&text, label);
    int32_t *ids;
    int count;
    TRY(tokenizer_encode(j->base->tokenizer, arena, str_text(&text), &ids, &count, error));
    if (count != 1)
        return error_set(error, ERR_DATA, "%s: the label \"%.40s\" is %d tokens of this model, expected one", j->task->path, text.data,
                         count);
    *id = ids[0];
    return OK;
}

static Status label_tokens(Judge *j, Error *error) {
    LabelForm form = j->config->form;
    for (int k = 0; k < 2; k++) {
        if (form != LABELS_SPACED) TRY(label_token(&j->id[j->ids++], j, j->task->label[k], false, error));
        if (form != LABELS_BARE) TRY(label_token(&j->id[j->ids++], j, j->task->label[k], true, error));
    }
    return OK;
}

// Logit of a label: of its one token, or the log-sum-exp of both forms.
static float label_logit(const float *z, int forms) {
    if (forms == 1) return z[0];
    float high = z[0] > z[1] ? z[0] : z[1];
    return high + log_f32(exp_f32(z[0] - high) + exp_f32(z[1] - high));
}

// ---- what the judge reads

static Text trimmed(Text text) {
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\n')) text = (Text){text.data + 1, text.size - 1};
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\n')) text.size--;
    return text;
}

// The dialogue without its open Assistant turn, the question by the pair's affix, the replies without blanks around them.
static Text judge_text(const Judge *j, const Pair *pair, const Dialogue *prompt, bool swapped, Arena *arena) {
    // The index of another task's affix says nothing here.
    bool own = pair->affix >= 0 && text_equal(pair->task, j->task->name);
    int affix = own ? pair->affix : contrast_affix(j->task, j->session->seed, (uint32_t)pair->index);
    JudgeParts parts = {.dialogue = {prompt->text.data, prompt->turn[prompt->turns - 1].begin},
                        .instruction = j->task->instructions ? j->task->instruction[affix] : TEXT(""),
                        .voice = j->config->voice,
                        .first = trimmed(swapped ? pair->rejected : pair->chosen),
                        .second = trimmed(swapped ? pair->chosen : pair->rejected)};
    return task_judge(arena, j->task, &parts);
}

// The longer order in tokens: what a cut is measured by.
typedef struct {
    const Judge *j;
    const Pair *pair;
    Arena *arena;
} CostContext;

static size_t longer_order(void *context, const Dialogue *prompt) {
    CostContext *c = context;
    ArenaMark mark = arena_mark(c->arena);
    size_t a = base_tokens(c->j->base, judge_text(c->j, c->pair, prompt, false, c->arena), c->arena),
           b = base_tokens(c->j->base, judge_text(c->j, c->pair, prompt, true, c->arena), c->arena);
    arena_release(c->arena, mark);
    return a > b ? a : b;
}

// Both prompts of a pair as ids; *fits is false when even the shortest dialogue is too long.
static Status prepare(Judge *j, Question *q, const Pair *pair, bool *fits, Arena *arena, Error *error) {
    Dialogue whole, prompt;
    int dropped;
    if (text_equal(pair->task, j->task->name) && pair->affix >= j->task->affixes)
        return error_set(error, ERR_DATA, "affix %d: the task \"%s\" has %d", pair->affix, j->task->name.data, j->task->affixes);
    TRY(dialogue_parse_prompt(&whole, arena, j->task, pair->prompt, "prompt", error));
    CostContext context = {j, pair, arena};
    *fits = dialogue_cut(&prompt, &dropped, arena, &whole, (size_t)j->config->max_tokens, longer_order, &context);
    j->result->too_long += !*fits;
    if (!*fits) return OK;
    j->result->cut += dropped > 0;
    uint32_t drawn = rng_bits(j->order, (RngDraw){.prompt = (uint32_t)pair->index}) & 1;
    q->pair = pair;
    for (int swapped = 0; swapped < 2; swapped++) {
        Sequence *s = &q->asked[swapped];
        LabelOrders orders = j->config->orders;
        q->wanted[swapped] = orders == ORDERS_BOTH || (orders == ORDERS_FIRST ? !swapped : (uint32_t)swapped == drawn);
        TRY(tokenizer_encode(j->base->tokenizer, arena, judge_text(j, pair, &prompt, swapped, arena), &s->ids, &s->count, error));
        s->from = s->count;
    }
    return OK;
}

// ---- asking and writing

// One line: the pair as it stood, label and method anew, and what the judge said in each order that was asked.
static Status write_label(Judge *j, const Question *q, const float *odds, Error *error) {
    Arena *arena = j->session->step;
    float sum = 0, asked = 0;
    for (int k = 0; k < 2; k++)
        if (q->wanted[k]) sum += odds[k], asked++;
    float mean = sum / asked, label = mean >= 0 ? 1 / (1 + exp_f32(-mean)) : exp_f32(mean) / (1 + exp_f32(mean));
    if (j->config->hard) label = mean > 0 ? 1.0f : mean < 0 ? 0.0f : 0.5f;
    // The label has as many digits as fp32 holds.
    char digits[32];
    Pair pair = *q->pair;
    number_print_float(label, digits);
    number_parse(text_of(digits), &pair.label);
    bool contrast = text_equal(pair.method, TEXT("rlcd")) || text_equal(pair.method, TEXT("rescore"));
    pair.method = contrast ? TEXT("rescore") : TEXT("rlaif");
    Str line = str_make(arena);
    pair_write(&line, &pair);
    line.size--;
    str_append(&line, TEXT(",\"judge\":{\"voice\":"));
    json_write_string(&line, j->config->voice);
    static const char *const NAMES[] = {"chosen_first", "chosen_second"};
    for (int k = 0; k < 2; k++) {
        if (!q->wanted[k]) continue;
        str_printf(&line, ",\"%s\":", NAMES[k]);
        json_write_float(&line, odds[k]);
    }
    str_append(&line, TEXT("}}"));
    return append_line(&j->out, str_text(&line), error);
}

// Asks about a block of pairs and writes their lines.
static Status ask(Judge *j, const Question *q, int n, Error *error) {
    Sequence asked[2 * BLOCK];
    float logit[2 * BLOCK * 4], odds[2] = {0, 0};
    int count = 0, forms = j->ids / 2;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2; k++)
            if (q[i].wanted[k]) asked[count++] = q[i].asked[k];
    Role judge = role_base(j->base);
    TRY(score_logits(logit, &judge, asked, count, j->id, j->ids, j->session, error));
    const float *z = logit;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < 2; k++) {
            if (!q[i].wanted[k]) continue;
            // The first label stands for the reply in first place.
            float first = label_logit(z, forms) - label_logit(z + forms, forms);
            if (!(first - first == 0))
                return error_set(error, ERR_NUMERIC, "label: the judge's logits of prompt %lld are not finite",
                                 (long long)q[i].pair->index);
            odds[k] = k == 0 ? first : -first;
            z += j->ids;
        }
        ArenaMark mark = arena_mark(j->session->step);
        Status status = write_label(j, &q[i], odds, error);
        arena_release(j->session->step, mark);
        TRY(status);
    }
    return append_sync(&j->out, error);
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

static Status label_all(Judge *j, const PairList *pairs, int64_t done, Error *error) {
    Arena *arena = j->session->run;
    Question question[BLOCK];
    int held = 0;
    ArenaMark mark = arena_mark(arena);
    for (int i = 0; i < pairs->count; i++) {
        bool fits;
        Status status = prepare(j, &question[held], &pairs->pair[i], &fits, arena, error);
        if (status != OK) return error_prefix(error, "pair %d", i);
        if (fits && ++j->result->labelled > done) held++;
        if (held == BLOCK || i + 1 == pairs->count) {
            j->session->progress("label", i + 1 - held, pairs->count, "");
            if (held) TRY(ask(j, question, held, error));
            held = 0;
        }
        if (held == 0) arena_release(arena, mark);
    }
    j->session->progress("label", pairs->count, pairs->count, "");
    if (j->result->labelled == 0)
        return error_set(error, ERR_DATA, "label: none of %d pairs fits into %d tokens", pairs->count, j->config->max_tokens);
    return OK;
}

Status label_run(LabelResult *result, const Base *base, const Task *task, const PairList *pairs, const LabelConfig *config,
                 Session *session, Error *error) {
    *result = (LabelResult){0};
    Judge j = {.result = result, .base = base, .task = task, .config = config, .session = session};
    j.order = rng_key(session->seed, "label.order");
    TRY(label_tokens(&j, error));
    const char *path = path_join(session->run, session->dir, "pairs.jsonl");
    int64_t done;
    TRY(append_open(&j.out, path, SIZE_MAX, error));
    Status status = count_lines(&done, path, error);
    if (status == OK) status = label_all(&j, pairs, done, error);
    Status closed = append_close(&j.out, status == OK ? error : NULL);
    return status == OK ? closed : status;
}
