#include "rlcd/label.h"

#include <math.h>

#include "rlcd/contrast.h"
#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"

// ---- label tokens

static Status label_token(int32_t *id, const LabelJudge *j, Text label, const char *blank, Arena *scratch, Error *error) {
    Str text = str_make(scratch);
    str_printf(&text, "%s%s", blank, label.data);
    int32_t *ids;
    int count;
    TRY(tokenizer_encode(j->base->tokenizer, scratch, str_text(&text), &ids, &count, error));
    if (count != 1)
        return error_set(error, ERR_DATA, "%s: the label \"%.40s\" is %d tokens of this model, expected one", j->task->path, text.data,
                         count);
    *id = ids[0];
    return OK;
}

Status label_begin(LabelJudge *j, uint64_t seed, Arena *scratch, Error *error) {
    j->seed = seed;
    j->ids = 0;
    for (int k = 0; k < 2; k++) {
        if (j->form != LABELS_SPACED) TRY(label_token(&j->id[j->ids++], j, j->task->label[k], "", scratch, error));
        if (j->form != LABELS_BARE) TRY(label_token(&j->id[j->ids++], j, j->task->label[k], " ", scratch, error));
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

typedef struct {
    const LabelJudge *j;
    const Pair *pair;
} JudgeContext;

// The dialogue without its open Assistant turn, the question by the pair's affix, the replies without blanks around them; form 1 has
// the chosen reply in second place.
static Text judge_text(const void *context, const Dialogue *prompt, int swapped, Arena *arena) {
    const LabelJudge *j = ((const JudgeContext *)context)->j;
    const Pair *pair = ((const JudgeContext *)context)->pair;
    // The index of another task's affix says nothing here.
    bool own = pair->affix >= 0 && text_equal(pair->task, j->task->name);
    int affix = own ? pair->affix : contrast_affix(j->task, j->seed, (uint32_t)pair->index);
    JudgeParts parts = {.dialogue = {prompt->text.data, prompt->turn[prompt->turns - 1].begin},
                        .instruction = j->task->instructions ? j->task->instruction[affix] : TEXT(""),
                        .voice = j->voice,
                        .first = text_trim(swapped ? pair->rejected : pair->chosen),
                        .second = text_trim(swapped ? pair->chosen : pair->rejected)};
    return task_judge(arena, j->task, &parts);
}

Status label_prepare(LabelQuestion *q, const LabelJudge *j, const Pair *pair, Arena *arena, Error *error) {
    Dialogue whole, prompt;
    int dropped;
    *q = (LabelQuestion){.pair = pair};
    if (text_equal(pair->task, j->task->name) && pair->affix >= j->task->affixes)
        return error_set(error, ERR_DATA, "affix %d: the task \"%s\" has %d", pair->affix, j->task->name.data, j->task->affixes);
    TRY(dialogue_parse_prompt(&whole, arena, j->task, pair->prompt, "prompt", error));
    JudgeContext context = {j, pair};
    q->fits = base_cut(&prompt, &dropped, j->base, &whole, j->max_tokens, judge_text, 2, &context, arena);
    q->cut = dropped > 0;
    if (!q->fits) return OK;

    bool drawn = rng_bits(rng_key(j->seed, "label.order"), (RngDraw){.prompt = (uint32_t)pair->index}) & 1;
    q->asked[0] = j->orders != ORDERS_RANDOM || !drawn;
    q->asked[1] = j->orders == ORDERS_BOTH || (j->orders == ORDERS_RANDOM && drawn);
    for (int k = 0; k < 2; k++) {
        Sequence *s = &q->prompt[k];
        TRY(tokenizer_encode(j->base->tokenizer, arena, judge_text(&context, &prompt, k, arena), &s->ids, &s->count, error));
        s->from = s->count;
    }
    return OK;
}

// ---- the answer

// label = sigmoid(mean log-odds of chosen over the orders that were asked).
static float label_of(const LabelQuestion *q, bool hard) {
    float odds = q->asked[0] && q->asked[1] ? (q->odds[0] + q->odds[1]) * 0.5f : q->asked[0] ? q->odds[0] : q->odds[1];
    if (hard) return odds > 0 ? 1.0f : odds < 0 ? 0.0f : 0.5f;
    return odds >= 0 ? 1 / (1 + exp_f32(-odds)) : exp_f32(odds) / (1 + exp_f32(odds));
}

Status label_ask(LabelQuestion *questions, int n, const LabelJudge *j, Session *session, Error *error) {
    ArenaMark mark = arena_mark(session->run);
    Sequence *prompt = arena_alloc(session->run, 2 * (size_t)n * sizeof *prompt);
    float *logit = arena_alloc(session->run, 2 * (size_t)n * 4 * sizeof *logit);
    int count = 0, forms = j->ids / 2;
    for (int i = 0; i < 2 * n; i++)
        if (questions[i / 2].asked[i % 2]) prompt[count++] = questions[i / 2].prompt[i % 2];
    Role role = role_base(j->base);
    Status status = score_logits(logit, &role, prompt, count, j->id, j->ids, session, error);
    const float *z = logit;
    for (int i = 0; status == OK && i < 2 * n; i++) {
        LabelQuestion *q = &questions[i / 2];
        if (!q->asked[i % 2]) continue;
        // The first label stands for the reply in first place.
        float first = label_logit(z, forms) - label_logit(z + forms, forms);
        q->odds[i % 2] = i % 2 == 0 ? first : -first;
        q->label = label_of(q, j->hard);
        z += j->ids;
        if (!isfinite(first))
            status = error_set(error, ERR_NUMERIC, "the judge's logits of prompt %lld are not finite", (long long)q->pair->index);
    }
    arena_release(session->run, mark);
    return status;
}
