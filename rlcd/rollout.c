#include "rlcd/rollout.h"

#include <string.h>

#include "rlcd/clean.h"
#include "tensor/base/comm.h"

static Text plain_form(const void *context, const Dialogue *prompt, int k, Arena *arena) {
    (void)context, (void)k, (void)arena;
    return prompt->text;
}

Status rollout_prompts(PromptTokens **out, const PromptList *prompts, const Base *base, int max_tokens, Arena *arena, int *cut,
                       Error *error) {
    *out = arena_alloc(arena, (size_t)(prompts->count + 1) * sizeof **out);
    *cut = 0;
    for (int i = 0; i < prompts->count; i++) {
        Dialogue kept;
        int dropped, count;
        bool fits = base_cut(&kept, &dropped, base, &prompts->prompt[i].dialogue, max_tokens, plain_form, 1, NULL, arena);
        int32_t *ids;
        Status status = tokenizer_encode(base->tokenizer, arena, kept.text, &ids, &count, error);
        if (status != OK) return error_prefix(error, "prompt %lld", (long long)prompts->prompt[i].index);
        *cut += dropped > 0 || !fits;
        const int32_t *last = ids_keep_last(ids, &count, max_tokens);
        (*out)[i] = (PromptTokens){prompts->prompt[i].index, last, count};
    }
    return OK;
}

// ---- sampling

typedef struct {
    Rollout *rollouts;
    const PromptTokens *const *prompts;
    int n, next;
    int finished;
    const Base *base;
    const GenerateConfig *config;
    bool cut_unfinished;
    uint32_t step;
    Arena *arena;
    Session *session;
} Sampling;

static bool sampling_next(void *context, GenerateRequest *request) {
    Sampling *s = context;
    if (s->next == s->n) return false;
    int i = s->next++;
    uint32_t sample = 0;
    for (int j = 0; j < i; j++) sample += s->prompts[j] == s->prompts[i];
    *request = (GenerateRequest){
        .prompt = s->prompts[i]->ids, .prompt_count = s->prompts[i]->count, .max_new = s->config->max_new, .user = &s->rollouts[i]};
    request->draw = (RngDraw){.step = s->step, .prompt = (uint32_t)s->prompts[i]->index, .sample = sample};
    return true;
}

// What the preference model reads: the reply as simulation would have stored it, so that it sees what it was trained on.
static Sequence judged_sequence(const Sampling *s, const GenerateRequest *request, const GenerateResult *result) {
    size_t end = clean_reply_size(result->text, s->cut_unfinished && result->end == END_LIMIT);
    // Blanks alone, or no finished sentence: it is read as it stands.
    Text reply = {result->text.data, end ? end : result->text.size};
    int32_t *ids;
    int n;
    // Half a character: no tokenizer gives that back, so the ids inside the text stand for it.
    bool whole = base_reply_ids(&ids, &n, s->base, reply, result->ids, result->count, s->arena, NULL) == OK;
    return sequence_join(s->arena, request->prompt, request->prompt_count, whole ? ids : result->ids, whole ? n : result->text_ids,
                         s->base->end);
}

static Status sampling_done(void *context, const GenerateRequest *request, const GenerateResult *result, Error *error) {
    Sampling *s = context;
    Rollout *r = request->user;
    int T = result->count;
    r->prompt = s->prompts[r - s->rollouts];
    r->sequence = sequence_join(s->arena, request->prompt, request->prompt_count, result->ids, T, -1);
    r->judged = judged_sequence(s, request, result);
    r->end = result->end;
    r->text = text_copy(s->arena, result->text);
    float **field[] = {&r->logp, &r->ref_logp, &r->value, &r->kl, &r->reward, &r->advantage, &r->returns};
    for (size_t f = 0; f < sizeof field / sizeof *field; f++) *field[f] = arena_zeros(s->arena, (size_t)T, sizeof(float));
    memcpy(r->logp, result->logprob, (size_t)T * sizeof(float));
    s->finished++;
    s->session->progress("sampling", s->finished, s->n, "");
    // With several ranks they are all there by now (generate_all).
    if (comm_size() == 1 && s->session->stop_wanted()) return error_set(error, ERR_STOPPED, "stopped while sampling");
    return OK;
}

Status rollout_sample(Rollout *rollouts, const PromptTokens *const *prompts, int n, const Role *policy, const Base *base,
                      const GenerateConfig *config, bool cut_unfinished, uint32_t step, Arena *arena, Session *session, Error *error) {
    Sampling sampling = {rollouts, prompts, n, 0, 0, base, config, cut_unfinished, step, arena, session};
    GenerateSource source = {sampling_next, sampling_done, &sampling};
    GenerateConfig generate = *config;
    generate.stop_wanted = session->stop_wanted;
    return generate_all(policy->llama, policy->adapter, base->tokenizer, &generate, &source, session->step, error);
}

// ---- scoring

Status rollout_score(Rollout *rollouts, int n, const Role *reference, const Role *preference, const Role *value, float temperature,
                     Arena *arena, Session *session, Error *error) {
    ArenaMark mark = arena_mark(arena);
    Sequence *actions = arena_alloc(arena, (size_t)n * sizeof *actions), *judged = arena_alloc(arena, (size_t)n * sizeof *judged);
    float **logp = arena_alloc(arena, (size_t)n * sizeof *logp), **values = arena_alloc(arena, (size_t)n * sizeof *values);
    float *score = arena_alloc(arena, (size_t)n * sizeof *score);
    for (int i = 0; i < n; i++) {
        actions[i] = rollouts[i].sequence;
        judged[i] = rollouts[i].judged;
        logp[i] = rollouts[i].ref_logp;
        values[i] = rollouts[i].value;
    }
    Status status = score_logprob(logp, NULL, reference, actions, n, temperature, session, error);
    if (status == OK && value) status = score_values(values, value, actions, n, session, error);
    if (status == OK && preference) status = score_preference(score, preference, judged, n, session, error);
    for (int i = 0; status == OK && preference && i < n; i++) rollouts[i].score = score[i];
    arena_release(arena, mark);
    return status;
}
