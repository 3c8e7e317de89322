#include "rlcd/pretrain.h"

#include <math.h>
#include <string.h>

#include "nn/logprob.h"
#include "rlcd/batch.h"
#include "tensor/base/pool.h"
#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"

PretrainConfig pretrain_default(void) {
    return (PretrainConfig){
        .tokens = 4500000,
        .batch = 1280,
        .schedule = {.kind = SCHEDULE_COSINE, .rate = 2e-3, .floor = 0.05},
        .warmup_share = 0.04,
        // Decay reaches every weight, norms and embedding too, as in the reference.
        .adamw = {.beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0.05f},
        .max_norm = 1.0f,
        .fresh = true,
        .init_embedding = 0.02,
        .init_matrix = 0.04,
    };
}

// ---- text

PretrainText pretrain_text(Arena *arena, const Base *base, int context) {
    return (PretrainText){.arena = arena, .base = base, .context = context};
}

// Weights of the n tokens of a document whose bytes lie one behind the other.
static Status token_weights(float *out, const PretrainText *text, const int32_t *ids, int n, size_t bytes, const PretrainWeight *weight,
                            int weights, Error *error) {
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        size_t end = at + tokenizer_bytes(text->base->tokenizer, ids[i]).size;
        out[i] = 1;
        for (int w = 0; w < weights; w++)
            if (weight[w].start < end && weight[w].end > at) out[i] = weight[w].weight;
        at = end;
    }
    if (at != bytes) return error_set(error, ERR_DATA, "weights: the tokens give %zu bytes, the text has %zu", at, bytes);
    return OK;
}

Status pretrain_add(PretrainText *text, Text document, const PretrainWeight *weight, int weights, Error *error) {
    int32_t *ids;
    int n;
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    Status status = tokenizer_encode(text->base->tokenizer, scratch, document, &ids, &n, error);
    int32_t *joined = NULL;
    float *weight_of = NULL;
    if (status == OK) {
        joined = arena_alloc(text->arena, ((size_t)n + 1) * sizeof *joined);
        memcpy(joined, ids, (size_t)n * sizeof *joined);
        joined[n] = text->base->end;
    }
    if (status == OK && weights) {
        weight_of = arena_alloc(text->arena, ((size_t)n + 1) * sizeof *weight_of);
        weight_of[n] = 1;
        text->weighted = true;
        status = token_weights(weight_of, text, joined, n, document.size, weight, weights, error);
    }
    arena_release(scratch, mark);
    if (status != OK || n == 0) return status;
    // Pieces of context + 1 tokens: the last one of a piece is the first of the next.
    for (int at = 0; at < n; at += text->context) {
        int count = n + 1 - at < text->context + 1 ? n + 1 - at : text->context + 1;
        if (text->count == text->capacity) {
            int capacity = text->capacity ? 2 * text->capacity : 1024;
            text->piece =
                arena_grow(text->arena, text->piece, (size_t)text->count * sizeof *text->piece, (size_t)capacity * sizeof *text->piece);
            text->capacity = capacity;
        }
        text->piece[text->count++] = (PretrainPiece){joined + at, weight_of ? weight_of + at : NULL, count};
    }
    text->documents++;
    text->tokens += n + 1;
    text->cut += n > text->context;
    return OK;
}

// ---- the model

Base pretrain_base(Arena *arena, const LlamaConfig *config, Tokenizer *tokenizer, int32_t end) {
    Base base = {.llama.config = *config, .tokenizer = tokenizer, .end = end};
    base.llama.weights.inv_freq = arena_alloc(arena, (size_t)config->S / 2 * sizeof(float));
    rope_inverse_frequencies(base.llama.weights.inv_freq, config->S / 2, &config->rope);
    return base;
}

// Random weights, each a function of (seed, tensor's name, element); norms 1. The two projections that write into the stream of
// rows are divided by sqrt(2 L): their sum over the layers then keeps its size (Radford et al., 2019, section 2.3).
static void init_weights(const Params *params, const PretrainConfig *config, int layers, uint64_t seed) {
    for (int i = 0; i < params->tensors; i++) {
        Tensor *t = params->tensor[i];
        Text name = text_of(t->name);
        bool matrix = text_begins(name, TEXT("model.layers.")), out = text_ends(name, TEXT("o_proj.weight"));
        out |= text_ends(name, TEXT("down_proj.weight"));
        float deviation = (float)(matrix ? config->init_matrix : config->init_embedding) / (out ? sqrtf(2.0f * (float)layers) : 1.0f);
        RngKey key = rng_key(seed, t->name);
        for (size_t k = 0; k < tensor_count(t); k++)
            tensor_f32(t)[k] = t->rank == 1 ? 1.0f : rng_normal(key, (RngDraw){.position = (uint32_t)k}, log_f32, cos_f32) * deviation;
    }
}

static Role *make_model(const Base *base, const PretrainConfig *config, Session *session) {
    RoleConfig shape = {.train_all = true, .trained = true};
    if (!config->fresh) return role_make(session->run, base, &shape, session->seed);
    Role *role = arena_zeros(session->run, 1, sizeof *role);
    *role = (Role){.config = shape, .deviation = 1, .params = params_make(session->run)};
    role->llama = llama_declare(&role->params, &base->llama);
    params_finish(&role->params, true);
    init_weights(&role->params, config, base->llama.config.L, session->seed);
    return role;
}

// ---- one step

// What is measured of one sequence.
typedef struct {
    float weighted, plain, marked;  // sums of w nll; of nll where w is 1; of nll where it is not
    int marks;                      // tokens whose weight is not 1
} PieceResult;

static float weight_at(const PretrainPiece *piece, int i) { return piece->weight ? piece->weight[i] : 1; }

static void measure_piece(PieceResult *result, const PretrainPiece *piece, const float *logp, Arena *arena) {
    ArenaMark mark = arena_mark(arena);
    int n = piece->count - 1;
    float *part[3];
    for (int i = 0; i < 3; i++) part[i] = arena_zeros(arena, (size_t)n, sizeof(float));
    *result = (PieceResult){0};
    for (int t = 0; t < n; t++) {
        float w = weight_at(piece, t + 1);
        part[0][t] = w * -logp[t];
        part[w == 1 ? 1 : 2][t] = -logp[t];
        result->marks += w != 1;
    }
    result->weighted = kernels.sum(part[0], (size_t)n);
    result->plain = kernels.sum(part[1], (size_t)n);
    result->marked = kernels.sum(part[2], (size_t)n);
    arena_release(arena, mark);
}

// Adds the gradient of B sequences of a unit, whose loss is divided by `divisor`.
static void train_pieces(Role *model, const PretrainPiece *const *piece, const int *lengths, PieceResult *result, int B, float divisor,
                         Arena *arena) {
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    // Every token but the last is read, every token but the first is predicted.
    const int32_t **ids = arena_alloc(arena, (size_t)B * sizeof *ids);
    for (int i = 0; i < B; i++) ids[i] = piece[i]->ids;
    LlamaBatch batch = llama_batch(arena, ids, lengths, B);
    int32_t *target = arena_alloc(arena, (size_t)batch.N * sizeof *target);
    for (int i = 0; i < B; i++) memcpy(target + batch.offsets[i], ids[i] + 1, (size_t)lengths[i] * sizeof *target);

    LogprobExtra extra = {.tied = llama_tie(&batch, model->llama, batch.offsets, arena)};
    Tensor *h = llama_forward(&tape, model->llama, NULL, &batch, NULL, arena);
    Tensor *logp = logprob(&tape, h, model->llama->weights.head, target, 1.0f, llama_rows(model->llama, B, batch.offsets), &extra);
    for (int i = 0; i < B; i++) {
        for (int t = 0; t < lengths[i]; t++) logp->grad[batch.offsets[i] + t] = -(weight_at(piece[i], t + 1) / divisor);
        measure_piece(&result[i], piece[i], tensor_f32(logp) + batch.offsets[i], arena);
    }
    tape_backward(&tape);
    arena_release(arena, mark);
}

// The gradient of a minibatch: units of sequences added in a fixed tree; a unit runs in passes (numerics.md, G1 and G2).
static void train_batch(Role *model, GradTree *tree, const PretrainPiece *const *piece, PieceResult *result, int size, int unit,
                        float divisor, Session *session) {
    ArenaMark mark = arena_mark(session->step);
    int *lengths = arena_alloc(session->step, (size_t)size * sizeof *lengths);
    for (int i = 0; i < size; i++) lengths[i] = piece[i]->count - 1;
    gradtree_begin(tree, size, unit);
    for (int i, end; gradtree_next(tree, &i, &end); gradtree_leaf(tree, model->params.grad))
        for (int B; i < end; i += B) {
            B = llama_pass(model->llama, lengths + i, end - i, session->rows);
            train_pieces(model, piece + i, lengths + i, result + i, B, divisor, session->step);
        }
    gradtree_end(tree, model->params.grad);
    gradtree_share(tree, result, sizeof *result, NULL);
    arena_release(session->step, mark);
}

// ---- the loop

// Sum of one number of every sequence.
static float sum_of(const PieceResult *result, int n, size_t member, Arena *arena) {
    ArenaMark mark = arena_mark(arena);
    float *value = arena_alloc(arena, (size_t)n * sizeof *value);
    for (int i = 0; i < n; i++) memcpy(&value[i], (const char *)&result[i] + member, sizeof(float));
    float sum = tree_sum(value, n);
    arena_release(arena, mark);
    return sum;
}

// Sum of the weights of a minibatch: known before anything is computed (numerics.md, G3).
static float sum_weights(const PretrainPiece *const *piece, int n, Arena *arena) {
    ArenaMark mark = arena_mark(arena);
    float *value = arena_alloc(arena, (size_t)n * sizeof *value);
    for (int i = 0; i < n; i++)
        value[i] = piece[i]->weight ? kernels.sum(piece[i]->weight + 1, (size_t)piece[i]->count - 1) : (float)(piece[i]->count - 1);
    float sum = tree_sum(value, n);
    arena_release(arena, mark);
    return sum;
}

static float log_step(Session *session, int64_t step, const PretrainText *text, const PieceResult *result, int n, int64_t predicted,
                      float divisor, int64_t done) {
    int64_t marks = 0;
    for (int i = 0; i < n; i++) marks += result[i].marks;
    float loss = sum_of(result, n, offsetof(PieceResult, weighted), session->step) / divisor;
    float plain = sum_of(result, n, offsetof(PieceResult, plain), session->step);
    float marked = sum_of(result, n, offsetof(PieceResult, marked), session->step);
    metrics_begin(session->metrics, step, "pretrain");
    metrics_add_int(session->metrics, "tokens", done);
    metrics_add(session->metrics, "loss", loss);
    if (predicted > marks) metrics_add(session->metrics, "nll/plain", plain / (float)(predicted - marks));
    if (marks) metrics_add(session->metrics, "nll/weighted", marked / (float)marks);
    if (text->weighted) metrics_add_int(session->metrics, "weighted_tokens", marks);
    return loss;
}

Status pretrain_train(Role **out, double *loss, const Base *base, const PretrainText *text, const PretrainConfig *config, Session *session,
                      Error *error) {
    Role *model = *out = make_model(base, config, session);
    Optimizer optimizer = optimizer_make(&model->params, &config->adamw, config->max_norm);
    GradTree tree = gradtree_make(session->run, model->params.count);

    // The plan: the rate follows the tokens.
    int n = text->count;
    Schedule schedule = config->schedule;
    schedule.total = config->tokens;
    schedule.warmup = (int64_t)(config->warmup_share * (double)config->tokens);
    int *order = arena_alloc(session->run, (size_t)n * sizeof *order);
    uint32_t *work = arena_alloc(session->run, (size_t)n * sizeof *work);
    const PretrainPiece **batch = arena_alloc(session->run, (size_t)n * sizeof *batch);
    PieceResult *result = arena_alloc(session->run, (size_t)n * sizeof *result);
    RngKey shuffle = rng_key(session->seed, "pretrain.shuffle");

    // Where a stopped run left off: tokens done, epoch, place in its order, the last loss.
    SavedRole saved[] = {{"model", model, &optimizer}};
    SavedNumber place[] = {{"tokens", 0}, {"epoch", 0}, {"place", 0}, {"loss", 0}};
    int64_t step;
    TRY(save_begin(session, &step, saved, 1, place, 4, error));
    int64_t tokens = (int64_t)place[0].value, epoch = (int64_t)place[1].value;
    int at = (int)place[2].value;
    *loss = place[3].value;
    if (at < n) rng_shuffle(shuffle, (uint32_t)epoch, n, order, work);

    while (tokens < config->tokens) {
        double start = clock_seconds();
        session->progress("pretrain", tokens, config->tokens, "");
        // The next pieces of the epoch's order, as many as fit.
        if (at == n) {
            rng_shuffle(shuffle, (uint32_t)++epoch, n, order, work);
            at = 0;
        }
        int size = 0;
        int64_t held = 0;
        for (; at < n && (size == 0 || held + text->piece[order[at]].count <= config->batch); at++) {
            batch[size++] = &text->piece[order[at]];
            held += text->piece[order[at]].count;
        }

        // Gradient.
        float lr = schedule_rate(&schedule, tokens), norm, divisor = sum_weights(batch, size, session->step);
        if (!(divisor > 0)) return error_set(error, ERR_DATA, "pretrain step %lld: every weight of the batch is 0", (long long)step);
        train_batch(model, &tree, batch, result, size, config->unit > 0 ? config->unit : size, divisor, session);
        tokens += held;
        *loss = log_step(session, step, text, result, size, held - size, divisor, tokens);
        if (!isfinite(*loss))
            return error_set(error, ERR_NUMERIC, "pretrain step %lld: the loss is not finite; the newest checkpoint is unharmed",
                             (long long)step);

        // Update.
        Status status = optimizer_step(&optimizer, lr, &norm, error);
        if (status != OK) return error_prefix(error, "pretrain step %lld", (long long)step);
        metrics_add(session->metrics, "grad_norm", norm);
        metrics_add(session->metrics, "lr", lr);
        session_metrics(session, start, (double)held);
        TRY(metrics_end(session->metrics, error));
        step++;

        // Store what is done.
        bool last = tokens >= config->tokens, stop = !last && session_stop(session);
        if (stop || last || step % session->checkpoint_every == 0) {
            place[0].value = (double)tokens;
            place[1].value = (double)epoch;
            place[2].value = at;
            place[3].value = *loss;
            TRY(save_write(session, step, saved, 1, place, 4, error));
        }
        if (stop)
            return error_set(error, ERR_STOPPED, "pretrain: stopped after %lld of %lld tokens", (long long)tokens,
                             (long long)config->tokens);
    }
    session->progress("pretrain", config->tokens, config->tokens, "");
    return OK;
}
