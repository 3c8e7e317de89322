#include "llama/generate.h"

#include <string.h>

#include "nn/logprob.h"
#include "tensor/base/comm.h"
#include "tensor/base/pool.h"

// One place of the batch.
typedef struct {
    bool busy;
    GenerateRequest request;
    int32_t *ids;    // [max_new]
    float *logprob;  // [max_new]
    int count;
    Str text;       // decoded so far
    int *text_end;  // [max_new] bytes of text behind each id
    int32_t drawn;
    float drawn_logprob;
    Status status;
    Error error;
} Place;

typedef struct {
    const Llama *model;
    const Adapter *adapter;
    const Tokenizer *tokenizer;
    const GenerateConfig *config;
    SamplerConfig sampler;  // config's, with ids that have no text banned too
    const GenerateSource *source;
    KvCache *cache;
    Place *place;
    Arena *step;   // released after every step
    int *running;  // [slots] places of this step, in order
    int n_running;
    const float *logits;
} Engine;

static bool is_end(const LlamaConfig *config, int32_t id) {
    for (int i = 0; i < config->n_eos; i++)
        if (config->eos_all[i] == id) return true;
    return false;
}

// First place in `text` at or after `from` where a stop string begins, or -1.
static ptrdiff_t find_stop(const GenerateConfig *config, Text text, size_t from) {
    ptrdiff_t best = -1;
    for (int i = 0; i < config->n_stops; i++) {
        ptrdiff_t at = text_find((Text){text.data + from, text.size - from}, config->stops[i]);
        if (at >= 0 && (best < 0 || at < best)) best = at;
    }
    return best < 0 ? -1 : best + (ptrdiff_t)from;
}

// Gives free places to waiting requests.
static void admit(Engine *e) {
    for (int i = 0; i < e->config->slots; i++) {
        Place *p = &e->place[i];
        if (p->busy) continue;
        if (!e->source->next(e->source->context, &p->request)) return;
        REQUIRE(p->request.prompt_count >= 1 && p->request.max_new >= 1 && p->request.max_new <= e->config->max_new &&
                    p->request.prompt_count + p->request.max_new <= e->config->capacity,
                "generate: prompt of %d and %d new tokens, capacity %d", p->request.prompt_count, p->request.max_new, e->config->capacity);
        p->busy = true;
        p->count = 0;
        p->text.size = 0;
        kvcache_clear(e->cache, i);
    }
}

// The rows of this step: the whole prompt of a new sequence, the last token of a running one.
static LlamaBatch gather(Engine *e) {
    int N = 0;
    e->n_running = 0;
    for (int i = 0; i < e->config->slots; i++) {
        if (!e->place[i].busy) continue;
        e->running[e->n_running++] = i;
        N += e->place[i].count ? 1 : e->place[i].request.prompt_count;
    }
    int32_t *ids = arena_alloc(e->step, (size_t)N * sizeof *ids);
    int *position = arena_alloc(e->step, (size_t)N * sizeof *position);
    int *offsets = arena_alloc(e->step, (size_t)(e->n_running + 1) * sizeof *offsets);
    int row = 0;
    for (int r = 0; r < e->n_running; r++) {
        const Place *p = &e->place[e->running[r]];
        offsets[r] = row;
        int held = e->cache->length[e->running[r]], rows = p->count ? 1 : p->request.prompt_count;
        for (int t = 0; t < rows; t++, row++) {
            ids[row] = p->count ? p->ids[p->count - 1] : p->request.prompt[t];
            position[row] = held + t;
        }
    }
    offsets[e->n_running] = row;
    return (LlamaBatch){.N = N, .B = e->n_running, .ids = ids, .offsets = offsets, .position = position, .slot = e->running};
}

// Draws the next token of one running sequence.
static void draw_task(void *context, int task, int thread) {
    Engine *e = context;
    Place *p = &e->place[e->running[task]];
    int V = e->model->config.V;
    RngDraw draw = p->request.draw;
    draw.position = (uint32_t)p->count;
    p->status = sampler_draw(&e->sampler, e->logits + (size_t)task * (size_t)V, V, rng_uniform(e->config->key, draw), pool_scratch(thread),
                             &p->drawn, &p->drawn_logprob, &p->error);
}

// Appends the drawn token and hands the sequence over when it has ended.
static Status advance(Engine *e, Place *p, Error *error) {
    if (p->status != OK) {
        *error = p->error;
        return error_prefix(error, "prompt %u", p->request.draw.prompt);
    }
    p->ids[p->count] = p->drawn;
    p->logprob[p->count] = p->drawn_logprob;
    GenerateResult result = {.ids = p->ids, .logprob = p->logprob, .end = END_LIMIT};
    bool over = false;
    if (!e->config->ignore_end && is_end(&e->model->config, p->drawn)) {
        result.end = END_TEXT;
        over = true;
    } else {
        // A stop string may begin in an earlier token: look back by its length.
        size_t longest = 0, old = p->text.size;
        for (int i = 0; i < e->config->n_stops; i++)
            if (e->config->stops[i].size > longest) longest = e->config->stops[i].size;
        str_append(&p->text, tokenizer_bytes(e->tokenizer, p->drawn));
        ptrdiff_t stop = find_stop(e->config, str_text(&p->text), old + 1 > longest ? old + 1 - longest : 0);
        if (stop >= 0) {
            result.end = END_STOP;
            p->text.size = (size_t)stop;
            over = true;
        }
    }
    p->text_end[p->count] = (int)p->text.size;
    bool ended = over;
    p->count++;
    if (!over && p->count < p->request.max_new) return OK;

    // Ids whose bytes all lie before the cut; the ending token is never one of them.
    result.count = p->count;
    result.text = str_text(&p->text);
    int inside = ended ? p->count - 1 : p->count;
    while (inside > 0 && p->text_end[inside - 1] > (int)p->text.size) inside--;
    result.text_ids = inside;
    p->busy = false;
    return e->source->done(e->source->context, &p->request, &result, error);
}

// One step of all running sequences.
static Status step(Engine *e, Error *error) {
    const LlamaConfig *config = &e->model->config;
    LlamaBatch batch = gather(e);
    Tensor *hidden = llama_forward(NULL, e->model, e->adapter, &batch, e->cache, e->step);

    // Only the last row of each sequence is asked for its logits.
    float *last = arena_alloc(e->step, (size_t)batch.B * (size_t)config->D * sizeof *last);
    for (int r = 0; r < batch.B; r++) {
        const float *from = tensor_f32(hidden) + (size_t)(batch.offsets[r + 1] - 1) * (size_t)config->D;
        for (int d = 0; d < config->D; d++) last[(size_t)r * (size_t)config->D + (size_t)d] = from[d];
    }
    float *z = arena_alloc(e->step, (size_t)batch.B * (size_t)config->V * sizeof *z);
    const Tensor *head = e->model->weights.head;
    logits_forward(z, last, head->data, head->type, sampler_temperature(&e->config->sampler), e->model->precision, batch.B, config->D,
                   config->V);
    e->logits = z;
    pool_run(batch.B, draw_task, e);
    for (int r = 0; r < batch.B; r++) TRY(advance(e, &e->place[e->running[r]], error));
    return OK;
}

// A vocabulary may be padded beyond the tokenizer's ids: those have no text and are never drawn.
static SamplerConfig ban_textless(const SamplerConfig *config, int V, int known, Arena *arena) {
    SamplerConfig sampler = *config;
    if (known >= V) return sampler;
    int32_t *banned = arena_alloc(arena, (size_t)(config->n_banned + V - known) * sizeof *banned);
    for (int i = 0; i < config->n_banned; i++) banned[i] = config->banned[i];
    for (int id = known; id < V; id++) banned[config->n_banned + id - known] = id;
    sampler.banned = banned;
    sampler.n_banned += V - known;
    return sampler;
}

Status generate_run(const Llama *model, const Adapter *adapter, const Tokenizer *tokenizer, const GenerateConfig *config,
                    const GenerateSource *source, Arena *arena, Error *error) {
    ArenaMark mark = arena_mark(arena);
    Arena text = arena_make("generate.text", 0), steps = arena_make("generate.step", (size_t)16 << 20);
    Engine e = {.model = model, .adapter = adapter, .tokenizer = tokenizer, .config = config, .source = source, .step = &steps};
    e.sampler = ban_textless(&config->sampler, model->config.V, tokenizer_vocabulary(tokenizer), arena);
    e.cache = kvcache_make(arena, &model->config, config->slots, config->capacity);
    e.place = arena_zeros(arena, (size_t)config->slots, sizeof *e.place);
    e.running = arena_alloc(arena, (size_t)config->slots * sizeof *e.running);
    for (int i = 0; i < config->slots; i++) {
        Place *p = &e.place[i];
        p->ids = arena_alloc(arena, (size_t)config->max_new * sizeof *p->ids);
        p->logprob = arena_alloc(arena, (size_t)config->max_new * sizeof *p->logprob);
        p->text_end = arena_alloc(arena, (size_t)config->max_new * sizeof *p->text_end);
        p->text = str_make(&text);
    }
    Status status = OK;
    for (;;) {
        admit(&e);
        bool busy = false;
        for (int i = 0; i < config->slots; i++) busy |= e.place[i].busy;
        if (!busy) break;
        TRY_DONE(step(&e, error));
        arena_reset(&steps);
    }
done:
    arena_free(&steps);
    arena_free(&text);
    arena_release(arena, mark);
    return status;
}

// ---- over ranks

// A result on its way to the other ranks; ids, log-probabilities and text follow, up to a multiple of 8 bytes.
typedef struct {
    size_t bytes;
    int request;
    GenerateResult result;
} Packed;

// This rank's share of a source's requests, and its results so far.
typedef struct {
    const GenerateRequest *request;
    int n, next;
    bool (*stop_wanted)(void);
    Str packed;
} Share;

static bool share_next(void *context, GenerateRequest *request) {
    Share *s = context;
    if (s->next >= s->n) return false;
    *request = s->request[s->next];
    request->user = (void *)(uintptr_t)&s->request[s->next];
    s->next += comm_size();
    return true;
}

static Status share_done(void *context, const GenerateRequest *request, const GenerateResult *r, Error *error) {
    Share *s = context;
    size_t n = (size_t)r->count * sizeof *r->ids, bytes = (sizeof(Packed) + 2 * n + r->text.size + 7) / 8 * 8, begin = s->packed.size;
    Packed head = {bytes, (int)((const GenerateRequest *)request->user - s->request), *r};
    str_append(&s->packed, (Text){(const char *)&head, sizeof head});
    str_append(&s->packed, (Text){(const char *)r->ids, n});
    str_append(&s->packed, (Text){(const char *)r->logprob, n});
    str_append(&s->packed, r->text);
    while (s->packed.size < begin + bytes) str_append_char(&s->packed, 0);
    return s->stop_wanted && s->stop_wanted() ? error_set(error, ERR_STOPPED, "stopped while sampling") : OK;
}

Status generate_all(const Llama *model, const Adapter *adapter, const Tokenizer *tokenizer, const GenerateConfig *config,
                    const GenerateSource *source, Arena *arena, Error *error) {
    if (comm_size() == 1) return generate_run(model, adapter, tokenizer, config, source, arena, error);
    Arena own = arena_make("generate.share", 0);
    Str requests = str_make(&own);
    GenerateRequest request;
    while (source->next(source->context, &request)) str_append(&requests, (Text){(const char *)&request, sizeof request});
    Share share = {(const void *)requests.data, (int)(requests.size / sizeof request), comm_rank(), config->stop_wanted, str_make(&own)};
    GenerateSource part = {share_next, share_done, &share};
    Status status;
    TRY_DONE(comm_agree(generate_run(model, adapter, tokenizer, config, &part, arena, error), error));

    // All results on all ranks, with the pointers of this one.
    size_t offset[COMM_RANKS + 1];
    char *all = comm_collect(share.packed.data, share.packed.size, offset, &own);
    for (size_t at = 0; at < offset[comm_size()];) {
        Packed *p = (void *)(all + at);
        GenerateResult *r = &p->result;
        r->ids = (const int32_t *)(p + 1);
        r->logprob = (const float *)(r->ids + r->count);
        r->text.data = (const char *)(r->logprob + r->count);
        TRY_DONE(source->done(source->context, &share.request[p->request], r, error));
        at += p->bytes;
    }
done:
    arena_free(&own);
    return status;
}
