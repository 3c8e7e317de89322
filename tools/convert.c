#include "tools/convert.h"

#include <string.h>
#include <sys/statvfs.h>

#include "tensor/base/json.h"
#include "tensor/base/pool.h"
#include "tensor/base/rng.h"
#include "tensor/spread.h"
#include "tools/console.h"
#include "tools/convert_bin.h"

enum { CHUNK_BYTES = 8 << 20, JSON_LIMIT = 64 << 20 };

// ---- the tokenizer

// A member of tokenizer_config.json as text; an absent one, and forms that we do not know, leave *out alone.
static void template_of(const Json *config, Text *out) {
    const Json *value = json_get(config, "chat_template");
    if (value && value->type == JSON_STRING) *out = value->string;
    // Several templates with names: the default one.
    for (const Json *t = value && value->type == JSON_ARRAY ? value->child : NULL; t; t = t->next) {
        const Json *name = json_get(t, "name"), *text = json_get(t, "template");
        bool is_default = name && name->type == JSON_STRING && text_equal(name->string, TEXT("default"));
        if (is_default && text && text->type == JSON_STRING) *out = text->string;
    }
}

// tokenizer.json and the files beside it.
static Status open_json_tokenizer(ConvertTokenizer *out, Arena *arena, const char *folder, const char *path, Error *error) {
    TRY(tokenizer_from_json(&out->tokenizer, arena, path, error));
    TRY(file_read(&out->json, arena, path, JSON_LIMIT, error));
    const char *config = path_join(arena, folder, "tokenizer_config.json"), *jinja = path_join(arena, folder, "chat_template.jinja");
    if (file_exists(config)) {
        Text text;
        const Json *json;
        TRY(file_read(&text, arena, config, JSON_LIMIT, error));
        TRY(json_parse(&json, arena, text, config, error));
        template_of(json, &out->chat_template);
        TRY(json_bool_or(json, "add_bos_token", false, &out->add_bos, config, error));
    }
    return file_exists(jinja) ? file_read(&out->chat_template, arena, jinja, JSON_LIMIT, error) : OK;
}

static Status from_gguf(ConvertTokenizer *out, Arena *arena, const Gguf *gguf, Error *error) {
    Text json, chat;
    TRY(tokenizer_from_gguf(&out->tokenizer, arena, gguf, error));
    TRY(gguf_string_or(gguf, "tokenizer.huggingface.json", TEXT(""), &json, error));
    TRY(gguf_string_or(gguf, "tokenizer.chat_template", TEXT(""), &chat, error));
    out->json = text_copy(arena, json);
    out->chat_template = text_copy(arena, chat);
    size_t bad;
    if (!utf8_valid(out->json, &bad) || !utf8_valid(out->chat_template, &bad))
        return error_set(error, ERR_DATA, "%s: the tokenizer's texts are not valid UTF-8", gguf->map.path);
    return gguf_bool_or(gguf, "tokenizer.ggml.add_bos_token", false, &out->add_bos, error);
}

const char *convert_folder_of(const char *path, Arena *arena) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? "." : text_copy(arena, (Text){path, (size_t)(slash + 1 - path)}).data;
}

Status convert_open_tokenizer(ConvertTokenizer *out, Arena *arena, const char *path, Error *error) {
    *out = (ConvertTokenizer){0};
    if (file_is_directory(path)) return open_json_tokenizer(out, arena, path, path_join(arena, path, "tokenizer.json"), error);
    if (text_ends(text_of(path), TEXT(".json"))) return open_json_tokenizer(out, arena, convert_folder_of(path, arena), path, error);
    Gguf gguf;
    TRY(gguf_open(&gguf, arena, path, error));
    Status status = from_gguf(out, arena, &gguf, error);
    gguf_close(&gguf);
    return status;
}

// ---- the source

Status convert_open(ConvertSource *s, Arena *arena, const char *path, Error *error) {
    if (text_ends(text_of(path), TEXT(".bin"))) return convert_bin_open(s, arena, path, error);
    *s = (ConvertSource){.path = path};
    TRY(weights_list(&s->part, &s->parts, &s->config, &s->source, arena, path, error));
    s->interleaved = s->source.is_gguf;
    Status status = OK;
    if (s->source.is_gguf)
        status = from_gguf(&s->tokenizer, arena, &s->source.gguf, error);
    else if (file_exists(path_join(arena, path, "tokenizer.json")))
        status = convert_open_tokenizer(&s->tokenizer, arena, path, error);
    if (status == OK && s->tokenizer.tokenizer && tokenizer_vocabulary(s->tokenizer.tokenizer) > s->config.V)
        status = error_set(error, ERR_DATA, "%s: the tokenizer has %d ids, the model %d", path,
                           tokenizer_vocabulary(s->tokenizer.tokenizer), s->config.V);
    if (status != OK) convert_close(s);
    return status;
}

Status convert_fit_tokenizer(ConvertSource *s, const char *where, Error *error) {
    LlamaConfig *c = &s->config;
    int tokens = tokenizer_vocabulary(s->tokenizer.tokenizer);
    if (tokens > c->V) return error_set(error, ERR_DATA, "%s: the tokenizer has %d ids, the shape %d", where, tokens, c->V);
    if (c->bos < 0) c->bos = tokenizer_bos(s->tokenizer.tokenizer);
    if (c->n_eos == 0 && tokenizer_eos(s->tokenizer.tokenizer) >= 0) {
        c->eos = c->eos_all[0] = tokenizer_eos(s->tokenizer.tokenizer);
        c->n_eos = 1;
    }
    return OK;
}

Status convert_give_tokenizer(ConvertSource *s, Arena *arena, const char *path, Error *error) {
    TRY(convert_open_tokenizer(&s->tokenizer, arena, path, error));
    return convert_fit_tokenizer(s, path, error);
}

void convert_close(ConvertSource *source) {
    if (source->map.data)
        file_unmap(&source->map);
    else if (!source->random)
        weights_close(&source->source);
}

// ---- types

static bool is_block_type(DType type) { return dtype_info(type)->block > 1; }

// Whether every vector fits the type as it is, so that a folder of 16-bit numbers comes back from a GGUF with its bits.
static bool vectors_fit(const ConvertSource *s, DType type) {
    for (int i = 0; i < s->parts; i++) {
        const WeightsPart *p = &s->part[i];
        if (p->rows || p->hf[0] == '\0') continue;
        if (p->data == NULL || is_block_type(p->dtype)) return s->random;
        size_t bytes = (size_t)dtype_info(p->dtype)->bytes;
        for (int k = 0; k < p->columns; k++) {
            uint32_t number;
            float x, back;
            memcpy(&number, p->data + (size_t)k * bytes, bytes);
            dtype_expand(&x, &number, p->dtype, 0, 1);
            dtype_store(&number, type, &x, 1);
            dtype_expand(&back, &number, type, 0, 1);
            if (back != x) return false;
        }
    }
    return true;
}

DType convert_main_type(const ConvertSource *s, const ConvertOptions *options, bool gguf) {
    if (options->typed) return options->type;
    size_t bytes[DTYPE_COUNT] = {0};
    DType most = DTYPE_F32;
    for (int i = 0; i < s->parts; i++) {
        const WeightsPart *p = &s->part[i];
        if (p->rows == 0) continue;
        DType type = convert_type(s, p, options, gguf);
        bytes[type] += (size_t)p->rows * (size_t)p->columns;
        if (bytes[type] > bytes[most]) most = type;
    }
    return most;
}

DType convert_type(const ConvertSource *s, const WeightsPart *p, const ConvertOptions *options, bool gguf) {
    if (p->rows == 0) {
        if (gguf) return DTYPE_F32;
        if (options->typed) return options->type;
        if (!s->source.is_gguf) return p->dtype;
        DType type = convert_main_type(s, options, gguf);
        return type != DTYPE_F32 && vectors_fit(s, type) ? type : DTYPE_F32;
    }
    DType type = options->typed ? options->type : s->random ? DTYPE_F32 : p->dtype;
    if (!gguf) return is_block_type(type) ? DTYPE_F32 : type;
    return p->columns % dtype_info(type)->block == 0 ? type : DTYPE_F16;
}

size_t convert_bytes(const WeightsPart *p, DType type) { return dtype_bytes(type, (size_t)p->columns) * (size_t)(p->rows ? p->rows : 1); }

// ---- rows

// The row of a head's block in a GGUF (pairs side by side) for one of ours (halves), and back.
static size_t to_gguf_row(size_t row, size_t S) {
    size_t in = row % S;
    return row - in + 2 * (in % (S / 2)) + in / (S / 2);
}
static size_t from_gguf_row(size_t row, size_t S) {
    size_t in = row % S;
    return row - in + in % 2 * (S / 2) + in / 2;
}

// Random weights are even over [-0.04, 0.04), the deviation 0.023; norms are 1. A block of Philox gives four neighbours.
static void draw_row(float *x, const ConvertSource *s, const WeightsPart *p, size_t row) {
    RngKey key = rng_key(s->seed, p->hf);
    uint64_t first = (uint64_t)row * (uint64_t)p->columns;
    uint32_t out[4], counter[4] = {0};
    for (size_t i = 0; i < (size_t)p->columns; i++) {
        uint64_t element = first + i;
        if (i == 0 || element % 4 == 0) {
            counter[1] = (uint32_t)(element >> 34), counter[2] = (uint32_t)(element >> 2);
            rng_philox(out, counter, key.word);
        }
        x[i] = p->rows == 0 ? 1.0f : ((float)(out[element % 4] >> 8) * 0x1p-24f - 0.5f) * 0.08f;
    }
}

typedef struct {
    const ConvertSource *source;
    const WeightsPart *part;
    DType type;
    bool gguf;
    size_t first, row_in, row_out;
    float limit;           // what the type can hold
    const float *factors;  // what a declared rope_freqs.weight holds
    uint8_t *out;          // [rows of the chunk, row_out]
    bool *bad;             // [rows of the chunk]
} Chunk;

static void convert_rows(void *context, size_t from, size_t to, int thread) {
    const Chunk *c = context;
    const WeightsPart *p = c->part;
    Arena *scratch = pool_scratch(thread);
    ArenaMark mark = arena_mark(scratch);
    size_t columns = (size_t)p->columns;
    float *x = arena_alloc(scratch, columns * sizeof *x);
    uint8_t *raw = arena_alloc(scratch, c->row_in);
    for (size_t k = from; k < to; k++) {
        // Our row, then the row of the source.
        size_t row = c->first + k;
        if (p->turned && c->gguf) row = from_gguf_row(row, (size_t)p->turned);
        size_t at = p->turned && c->source->interleaved ? to_gguf_row(row, (size_t)p->turned) : row;
        uint8_t *out = c->out + k * c->row_out;
        if (p->data && p->dtype == c->type && c->type != DTYPE_F32) {
            memcpy(out, p->data + at * c->row_in, c->row_in);
            continue;
        }
        if (p->data) {
            memcpy(raw, p->data + at * c->row_in, c->row_in);
            dtype_expand(x, raw, p->dtype, 0, columns);
        } else if (c->factors) {
            memcpy(x, c->factors, columns * sizeof *x);
        } else {
            draw_row(x, c->source, p, row);
        }
        for (size_t i = 0; i < columns && c->limit > 0; i++) c->bad[k] |= !(x[i] <= c->limit && x[i] >= -c->limit);
        dtype_store(out, c->type, x, columns);
    }
    arena_release(scratch, mark);
}

// Progress in MiB; the last line comes with the last byte.
static void show(uint64_t done, uint64_t total) {
    int64_t all = (int64_t)((total + (1 << 20) - 1) >> 20), now = (int64_t)(done >> 20);
    console_progress("convert", done == total ? all : now < all ? now : all - 1, all, "MiB");
}

Status convert_put(FileWriter *writer, const ConvertSource *s, const WeightsPart *p, DType type, bool gguf, uint64_t *done, uint64_t total,
                   Arena *arena, Error *error) {
    size_t rows = p->rows ? (size_t)p->rows : 1, columns = (size_t)p->columns;
    Chunk c = {.source = s, .part = p, .type = type, .gguf = gguf, .row_out = dtype_bytes(type, columns)};
    if (p->data) c.row_in = dtype_bytes(p->dtype, columns);
    // F32 takes anything that there is; scales of blocks are F16.
    if (type != DTYPE_F32) c.limit = type == DTYPE_BF16 ? 0x1.fep+127f : 65504.0f;
    size_t step = CHUNK_BYTES / (columns * sizeof(float)), least = p->turned ? (size_t)p->turned : 1;
    step = step < least ? least : step - step % least;
    ArenaMark mark = arena_mark(arena);
    if (p->data == NULL && p->hf[0] == '\0') c.factors = convert_factors(&s->config, arena);
    c.out = arena_alloc(arena, (step < rows ? step : rows) * c.row_out);
    c.bad = arena_alloc(arena, step < rows ? step : rows);
    Status status = OK;
    for (c.first = 0; status == OK && c.first < rows; c.first += step) {
        size_t n = rows - c.first < step ? rows - c.first : step;
        memset(c.bad, 0, n);
        spread(n, columns, convert_rows, &c);
        for (size_t k = 0; k < n && status == OK; k++)
            if (c.bad[k])
                status = error_set(error, ERR_DATA, "%s: row %zu of tensor '%s' holds a number that %s cannot: NaN, or beyond %g", s->path,
                                   c.first + k, p->hf, dtype_info(type)->name, (double)c.limit);
        writer_put(writer, c.out, n * c.row_out);
        // Rows of a chunk come from the same rows of the source: whole heads are turned.
        if (p->data) file_forget(p->data + c.first * c.row_in, n * c.row_in);
        *done += n * c.row_out;
        show(*done, total);
        if (status == OK && console_stop_wanted()) status = error_set(error, ERR_STOPPED, "stopped: what was to be written is not there");
    }
    arena_release(arena, mark);
    return status;
}

Status convert_need_room(const char *folder, uint64_t bytes, Error *error) {
    struct statvfs facts;
    if (statvfs(folder, &facts) != 0) return OK;
    uint64_t room = (uint64_t)facts.f_bavail * (uint64_t)facts.f_frsize;
    if (room >= bytes) return OK;
    return error_set(error, ERR_IO, "%s: expected room for %.2f GiB, found %.2f GiB", folder, (double)bytes * 0x1p-30,
                     (double)room * 0x1p-30);
}

// ---- rope's scaling

float *convert_factors(const LlamaConfig *config, Arena *arena) {
    int half = config->S / 2;
    RopeConfig plain = {.theta = config->rope.theta, .scaling = ROPE_DEFAULT};
    float *factor = arena_alloc(arena, 2 * (size_t)half * sizeof *factor), *scaled = factor + half;
    rope_inverse_frequencies(factor, half, &plain);
    rope_inverse_frequencies(scaled, half, &config->rope);
    for (int i = 0; i < half; i++) {
        float base = factor[i], ratio = base / scaled[i];
        factor[i] = ratio;
        // A neighbour of the ratio may give the very angle back.
        for (int k = -1; k <= 1; k++) {
            uint32_t bits;
            float near;
            memcpy(&bits, &ratio, sizeof bits);
            bits += (uint32_t)k;
            memcpy(&near, &bits, sizeof near);
            if (base / near == scaled[i]) factor[i] = near;
        }
    }
    return factor;
}

Status convert_find_scaling(LlamaConfig *config, const ConvertSource *s, Arena *arena, Error *error) {
    // Llama 3.1's and 3.2's rules.
    static const float FACTORS[] = {8, 32};
    *config = s->config;
    const float *held = NULL;
    for (int i = 0; i < s->parts; i++)
        if (s->part[i].hf[0] == '\0' && s->part[i].data) {
            float *copy = arena_alloc(arena, (size_t)s->part[i].columns * sizeof *copy);
            dtype_expand(copy, s->part[i].data, s->part[i].dtype, 0, (size_t)s->part[i].columns);
            held = copy;
        }
    if (held == NULL) return OK;
    for (size_t k = 0; k < sizeof FACTORS / sizeof *FACTORS; k++) {
        config->rope = (RopeConfig){s->config.rope.theta, ROPE_LLAMA3, FACTORS[k], 1, 4, 8192};
        const float *want = convert_factors(config, arena);
        bool same = true;
        for (int i = 0; i < config->S / 2; i++) same &= held[i] < want[i] * 1.00001f && held[i] > want[i] * 0.99999f;
        if (same) return OK;
    }
    return error_set(error, ERR_DATA,
                     "%s: tensor 'rope_freqs.weight' holds factors of no known scaling; config.json has words for Llama 3.1's and 3.2's",
                     s->path);
}
