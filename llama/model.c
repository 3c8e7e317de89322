#include "llama/model.h"

#include <stdio.h>
#include <string.h>

#include "nn/attention.h"
#include "nn/embedding.h"
#include "nn/rmsnorm.h"
#include "nn/swiglu.h"
#include "tensor/op_add.h"

// What stays the same through the layers of one call.
typedef struct {
    Tape *tape;
    const Llama *model;
    const Adapter *adapter;
    const LlamaBatch *batch;
    KvCache *cache;
} Call;

// y = W x, with the adapter's part when there is one.
static Tensor *project(const Call *c, int layer, int proj, Tensor *x) {
    return lora_linear(c->tape, x, c->model->weights.layer[layer].proj[proj], adapter_lora(c->adapter, layer, proj),
                       llama_rows(c->model, c->batch->B, c->batch->offsets));
}

// Attention of new rows over what their slots already hold: store the new keys and values, then look at all of them.
static Tensor *cached_attention(const Call *c, int layer, Tensor *q, Tensor *k, Tensor *v) {
    const LlamaConfig *config = &c->model->config;
    const LlamaBatch *b = c->batch;
    AttentionSpan *spans = arena_alloc(q->arena, (size_t)b->B * sizeof *spans);
    for (int i = 0; i < b->B; i++) {
        KeyValue *heads = kvcache_heads(c->cache, layer, b->slot[i]);
        spans[i] = (AttentionSpan){b->offsets[i], b->offsets[i + 1] - b->offsets[i], c->cache->length[b->slot[i]], heads};
        REQUIRE(spans[i].start + spans[i].rows <= c->cache->capacity, "llama: slot %d holds %d of %d tokens, %d more came", b->slot[i],
                spans[i].start, c->cache->capacity, spans[i].rows);
        for (int row = b->offsets[i]; row < b->offsets[i + 1]; row++)
            for (int h = 0; h < config->K; h++) {
                size_t at = ((size_t)row * (size_t)config->K + (size_t)h) * (size_t)config->S;
                attention_store(&heads[h], tensor_f32(k) + at, tensor_f32(v) + at, spans[i].start + row - spans[i].first, config->S);
            }
    }
    Tensor *y = tensor_new_2d(q->arena, false, b->N, config->H * config->S);
    attention_forward(tensor_f32(y), NULL, tensor_f32(q), spans, b->B, config->H, config->K, config->S);
    return y;
}

// One layer: norm, attention, add, norm, feed-forward, add.
static Tensor *block(const Call *c, int layer, Tensor *x) {
    const LlamaConfig *config = &c->model->config;
    const LlamaLayer *w = &c->model->weights.layer[layer];
    const LlamaBatch *b = c->batch;

    Tensor *h = rmsnorm(c->tape, x, w->attention_norm, config->norm_eps);
    Tensor *q = rope(c->tape, project(c, layer, PROJ_Q, h), &c->model->rope, b->position, config->H);
    Tensor *k = rope(c->tape, project(c, layer, PROJ_K, h), &c->model->rope, b->position, config->K);
    Tensor *v = project(c, layer, PROJ_V, h);
    Tensor *a = c->cache ? cached_attention(c, layer, q, k, v) : attention(c->tape, q, k, v, b->offsets, b->B, config->H, config->K);
    x = op_add(c->tape, x, project(c, layer, PROJ_O, a));

    h = rmsnorm(c->tape, x, w->ffn_norm, config->norm_eps);
    // One behind the other: the order of arguments is the compiler's choice, and the tape's order is part of the bits.
    Tensor *gate = project(c, layer, PROJ_GATE, h);
    Tensor *up = project(c, layer, PROJ_UP, h);
    Tensor *f = swiglu(c->tape, gate, up);
    return op_add(c->tape, x, project(c, layer, PROJ_DOWN, f));
}

Tensor *llama_forward(Tape *tape, const Llama *model, const Adapter *adapter, const LlamaBatch *batch, KvCache *cache, Arena *arena) {
    const LlamaConfig *config = &model->config;
    REQUIRE(tape == NULL || cache == NULL, "llama: a gradient through the cache is not wanted anywhere");
    Call call = {tape, model, adapter, batch, cache};

    Tensor *x = embedding(tape, arena, model->weights.embedding, batch->ids, batch->N, batch->tied);
    for (int l = 0; l < config->L; l++) {
        ArenaMark mark = arena_mark(arena);
        Tensor *next = block(&call, l, x);
        if (tape) {
            x = next;
        } else {
            // Nothing looks back: keep the rows, release the layer.
            memcpy(x->data, next->data, tensor_count(x) * sizeof(float));
            arena_release(arena, mark);
        }
    }
    if (cache)
        for (int i = 0; i < batch->B; i++) cache->length[batch->slot[i]] += batch->offsets[i + 1] - batch->offsets[i];
    return rmsnorm(tape, x, model->weights.norm, config->norm_eps);
}

LlamaBatch llama_batch(Arena *arena, const int32_t *const *ids, const int *lengths, int B) {
    int N = 0;
    for (int i = 0; i < B; i++) N += lengths[i];
    int32_t *joined = arena_alloc(arena, (size_t)N * sizeof *joined);
    int *offsets = arena_alloc(arena, (size_t)(B + 1) * sizeof *offsets);
    int *position = arena_alloc(arena, (size_t)N * sizeof *position);
    int row = 0;
    for (int i = 0; i < B; i++) {
        offsets[i] = row;
        for (int t = 0; t < lengths[i]; t++, row++) {
            joined[row] = ids[i][t];
            position[row] = t;
        }
    }
    offsets[B] = row;
    return (LlamaBatch){.N = N, .B = B, .ids = joined, .offsets = offsets, .position = position};
}

LinearRows llama_rows(const Llama *model, int B, const int *first) { return (LinearRows){model->precision, B, first}; }

// The head is the embedding, and both are trained.
static bool is_tied_and_trained(const Llama *model) {
    return model->weights.head == model->weights.embedding && model->weights.head->grad != NULL;
}

TiedHead *llama_tie(LlamaBatch *batch, const Llama *model, const int *head_rows, Arena *arena) {
    // One sequence has that order by itself.
    if (batch->B == 1 || !is_tied_and_trained(model)) return NULL;
    TiedHead *tied = arena_alloc(arena, sizeof *tied);
    *tied = (TiedHead){.precision = model->precision, .B = batch->B, .head_rows = head_rows, .token_rows = batch->offsets};
    batch->tied = tied;
    return tied;
}

int llama_pass(const Llama *model, const int *lengths, int n, int rows) {
    enum { HEAD_BYTES = 24 << 20 };
    int most = (int)(HEAD_BYTES / ((size_t)model->config.V * sizeof(float)));
    if (is_tied_and_trained(model) && rows > most) rows = most;
    int count = 1, sum = n > 0 ? lengths[0] : 0;
    while (count < n && sum + lengths[count] <= rows) sum += lengths[count++];
    return count < n ? count : n;
}

Status llama_open(Llama *model, Arena *arena, const char *path, Error *error) {
    *model = (Llama){0};
    TRY(weights_open(&model->weights, &model->config, &model->source, arena, path, error));
    return OK;
}

void llama_close(Llama *model) { weights_close(&model->source); }

Status llama_prepare(Llama *model, Arena *arena, int positions, Error *error) {
    if (positions > model->config.context)
        return error_set(error, ERR_DATA, "%s: a sequence of %d tokens is longer than the model's context of %d", model->source.path,
                         positions, model->config.context);
    if (positions > model->rope.positions) model->rope = rope_table(arena, model->weights.inv_freq, model->config.S / 2, positions);
    return OK;
}

// Fills a twin with the expanded numbers of the stored weight.
static void expand(Tensor *to, const Tensor *from) {
    size_t columns = (size_t)tensor_columns(from), bytes = dtype_bytes(from->type, columns);
    for (int row = 0; row < tensor_rows(from); row++)
        dtype_expand(tensor_f32(to) + (size_t)row * columns, (const char *)from->data + (size_t)row * bytes, from->type, 0, columns);
}

// Declares one matrix [rows, columns], or a vector when rows is 0.
static Tensor *declare(Params *params, const char *name, int rows, int columns) {
    return params_add(params, name, rows ? 2 : 1, rows ? (int[]){rows, columns} : (int[]){columns});
}

Llama *llama_declare(Params *params, const Llama *model) {
    const LlamaConfig *c = &model->config;
    Llama *twin = arena_alloc(params->arena, sizeof *twin);
    *twin = *model;
    LlamaWeights *w = &twin->weights;
    w->layer = arena_zeros(params->arena, (size_t)c->L, sizeof *w->layer);

    // One order: embedding, layers, norm, head.
    char name[128];
    w->embedding = declare(params, "model.embed_tokens.weight", c->V, c->D);
    for (int l = 0; l < c->L; l++) {
        snprintf(name, sizeof name, "model.layers.%d.input_layernorm.weight", l);
        w->layer[l].attention_norm = declare(params, name, 0, c->D);
        for (int p = 0; p < PROJ_COUNT; p++) {
            int in, out;
            projection_shape(c, p, &in, &out);
            snprintf(name, sizeof name, "model.layers.%d.%s.%s.weight", l, p <= PROJ_O ? "self_attn" : "mlp", PROJ_NAMES[p]);
            w->layer[l].proj[p] = declare(params, name, out, in);
        }
        snprintf(name, sizeof name, "model.layers.%d.post_attention_layernorm.weight", l);
        w->layer[l].ffn_norm = declare(params, name, 0, c->D);
    }
    w->norm = declare(params, "model.norm.weight", 0, c->D);
    w->head = c->tied ? w->embedding : declare(params, "lm_head.weight", c->V, c->D);
    return twin;
}

void llama_fill(Llama *to, const Llama *from) {
    expand(to->weights.embedding, from->weights.embedding);
    for (int l = 0; l < from->config.L; l++) {
        LlamaLayer *t = &to->weights.layer[l];
        const LlamaLayer *f = &from->weights.layer[l];
        expand(t->attention_norm, f->attention_norm);
        expand(t->ffn_norm, f->ffn_norm);
        for (int p = 0; p < PROJ_COUNT; p++) expand(t->proj[p], f->proj[p]);
    }
    expand(to->weights.norm, from->weights.norm);
    if (!from->config.tied) expand(to->weights.head, from->weights.head);
}
