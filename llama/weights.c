#include "llama/weights.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/sha256.h"

const char *const PROJ_NAMES[PROJ_COUNT] = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

// A model is a table of slots: four for the whole, then nine for each layer (seven projections and two norms).
enum { SLOT_EMBEDDING, SLOT_NORM, SLOT_HEAD, SLOT_FREQUENCIES, SLOT_LAYERS };
enum { LAYER_ATTENTION_NORM = PROJ_COUNT, LAYER_FFN_NORM, LAYER_SLOTS };
enum { IGNORED = -1, UNKNOWN = -2, BEYOND = -3 };
enum { CONFIG_MAX = 1 << 20, INDEX_MAX = 8 << 20, SHOWN = 80, NAME_ROOM = WEIGHTS_NAME };

// "%.*s" arguments of a name that the file chose.
#define SHOW(text) ((text).size < SHOWN ? (int)(text).size : SHOWN), (text).data

// Names of the slots: Hugging Face's, and GGUF's without their "blk.N." and ".weight".
static const char *const HF_WHOLE[SLOT_LAYERS] = {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight", NULL};
static const char *const GGUF_WHOLE[SLOT_LAYERS] = {"token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"};
static const char *const HF_LAYER[LAYER_SLOTS] = {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
                                                  "self_attn.o_proj.weight", "mlp.gate_proj.weight",    "mlp.up_proj.weight",
                                                  "mlp.down_proj.weight",    "input_layernorm.weight",  "post_attention_layernorm.weight"};
static const char *const GGUF_LAYER[LAYER_SLOTS] = {"attn_q.weight",      "attn_k.weight",    "attn_v.weight",
                                                    "attn_output.weight", "ffn_gate.weight",  "ffn_up.weight",
                                                    "ffn_down.weight",    "attn_norm.weight", "ffn_norm.weight"};

// One tensor of either format, dimensions slowest first.
typedef struct {
    Text name, type_name;
    const char *path;
    bool known;
    DType dtype;
    int rank;
    uint64_t dim[8];
    const uint8_t *data;  // NULL: the slot is empty
    size_t bytes;
} Foreign;

static Foreign from_gguf(const Gguf *g, size_t i) {
    const GgufTensor *t = &g->tensors[i];
    Foreign f = {t->name, text_of(gguf_type_name(t->type)), g->map.path, t->known, t->dtype, t->rank, {0}, t->data, t->bytes};
    for (int d = 0; d < t->rank; d++) f.dim[d] = t->dim[t->rank - 1 - d];
    return f;
}

static Foreign from_safetensors(const SafeTensors *file, size_t i) {
    const SafeTensor *t = &file->tensors[i];
    Foreign f = {t->name, t->type_name, file->map.path, t->known, t->dtype, t->rank, {0}, t->data, t->bytes};
    memcpy(f.dim, t->dim, sizeof f.dim);
    return f;
}

// The layer's number behind `prefix`, in plain decimal and followed by a dot, and what comes after; false for other names.
static bool split_layer(Text name, Text prefix, int64_t *layer, Text *rest) {
    if (!text_begins(name, prefix)) return false;
    size_t at = prefix.size, first = at;
    int64_t value = 0;
    for (; at < name.size && name.data[at] >= '0' && name.data[at] <= '9' && at - first < 9; at++)
        value = 10 * value + (name.data[at] - '0');
    if (at == first || at >= name.size || name.data[at] != '.' || (name.data[first] == '0' && at - first > 1)) return false;
    *layer = value;
    *rest = (Text){name.data + at + 1, name.size - at - 1};
    return true;
}

// The slot of a foreign name, or why it has none.
static int64_t slot_of(Text name, bool gguf, int L) {
    const char *const *whole = gguf ? GGUF_WHOLE : HF_WHOLE, *const *layers = gguf ? GGUF_LAYER : HF_LAYER;
    for (int i = 0; i < SLOT_LAYERS; i++)
        if (whole[i] && text_equal(name, text_of(whole[i]))) return i;
    if (!gguf && text_ends(name, TEXT(".rotary_emb.inv_freq"))) return IGNORED;
    int64_t layer = 0;
    Text rest = {0};
    if (!split_layer(name, gguf ? TEXT("blk.") : TEXT("model.layers."), &layer, &rest)) return UNKNOWN;
    for (int i = 0; i < LAYER_SLOTS; i++)
        if (text_equal(rest, text_of(layers[i]))) return layer < L ? SLOT_LAYERS + layer * LAYER_SLOTS + i : BEYOND;
    return UNKNOWN;
}

// The name that a slot has in the file, for messages, or in Hugging Face's spelling, which is ours.
static const char *slot_name(char out[NAME_ROOM], int64_t slot, bool gguf) {
    if (slot < SLOT_LAYERS)
        snprintf(out, NAME_ROOM, "%s", gguf ? GGUF_WHOLE[slot] : HF_WHOLE[slot]);
    else
        snprintf(out, NAME_ROOM, "%s%lld.%s", gguf ? "blk." : "model.layers.", (long long)((slot - SLOT_LAYERS) / LAYER_SLOTS),
                 (gguf ? GGUF_LAYER : HF_LAYER)[(slot - SLOT_LAYERS) % LAYER_SLOTS]);
    return out;
}

// Rows and columns that the config wants in a slot; rows 0 means a vector.
static void slot_shape(const LlamaConfig *c, int64_t slot, int *rows, int *columns) {
    const int layer[LAYER_SLOTS][2] = {{c->H * c->S, c->D}, {c->K * c->S, c->D}, {c->K * c->S, c->D},
                                       {c->D, c->H * c->S}, {c->F, c->D},        {c->F, c->D},
                                       {c->D, c->F},        {0, c->D},           {0, c->D}};
    const int whole[SLOT_LAYERS][2] = {{c->V, c->D}, {0, c->D}, {c->V, c->D}, {0, c->S / 2}};
    const int *shape = slot < SLOT_LAYERS ? whole[slot] : layer[(slot - SLOT_LAYERS) % LAYER_SLOTS];
    *rows = shape[0];
    *columns = shape[1];
}

// Writes "[3,4]" of a foreign shape.
static const char *show_shape(char out[NAME_ROOM], const Foreign *f) {
    int used = snprintf(out, NAME_ROOM, "[");
    for (int d = 0; d < f->rank && used < NAME_ROOM - 24; d++)
        used += snprintf(out + used, (size_t)(NAME_ROOM - used), d ? ",%llu" : "%llu", (unsigned long long)f->dim[d]);
    snprintf(out + used, (size_t)(NAME_ROOM - used), "]");
    return out;
}

// Type and shape of a filled slot against the config.
static Status check_slot(const Foreign *f, int rows, int columns, bool gguf, Error *error) {
    if (!f->known) {
        // The list of what a file of this format may hold comes from dtype.h.
        char list[256] = "f32, f16, bf16";
        for (int type = 0, used = 0; gguf && type < DTYPE_COUNT; type++)
            used += snprintf(list + used, sizeof list - (size_t)used, "%s%s", type ? ", " : "", dtype_info((DType)type)->name);
        return error_set(error, ERR_DATA, "%s: tensor '%.*s' has type %.*s, which is not supported; supported: %s", f->path, SHOW(f->name),
                         SHOW(f->type_name), list);
    }
    bool fits = rows ? f->rank == 2 && f->dim[0] == (uint64_t)rows && f->dim[1] == (uint64_t)columns
                     : f->rank == 1 && f->dim[0] == (uint64_t)columns;
    char shape[NAME_ROOM], expected[NAME_ROOM];
    if (rows)
        snprintf(expected, sizeof expected, "[%d,%d]", rows, columns);
    else
        snprintf(expected, sizeof expected, "[%d]", columns);
    if (!fits)
        return error_set(error, ERR_DATA, "%s: tensor '%.*s' has shape %s; the config says %s", f->path, SHOW(f->name),
                         show_shape(shape, f), expected);
    return OK;
}

// Puts every tensor of the source into its slot: one pass, whatever the file claims.
static Status fill_slots(Foreign *slots, const LlamaSource *source, const LlamaConfig *config, Error *error) {
    int files = source->is_gguf ? 1 : source->n_shards;
    for (int k = 0; k < files; k++) {
        size_t n = source->is_gguf ? source->gguf.n_tensors : source->shards[k].n_tensors;
        for (size_t i = 0; i < n; i++) {
            Foreign f = source->is_gguf ? from_gguf(&source->gguf, i) : from_safetensors(&source->shards[k], i);
            int64_t slot = slot_of(f.name, source->is_gguf, config->L);
            if (slot == IGNORED) continue;
            if (slot == UNKNOWN) return error_set(error, ERR_DATA, "%s: tensor '%.*s' belongs to no part of a LLaMA", f.path, SHOW(f.name));
            if (slot == BEYOND)
                return error_set(error, ERR_DATA, "%s: tensor '%.*s' is of a layer beyond the config's %d", f.path, SHOW(f.name),
                                 config->L);
            // Names are distinct: in a file by its reader, over shards by the index.
            slots[slot] = f;
        }
    }
    return OK;
}

// Every slot of the config, filled and of the right shape; an empty one is an error. *out lives in the arena.
static Status read_slots(Foreign **out, int64_t *n, Arena *arena, const LlamaSource *source, const LlamaConfig *config, Error *error) {
    bool gguf = source->is_gguf;
    size_t held = 0;
    for (int k = 0; !gguf && k < source->n_shards; k++) held += source->shards[k].n_tensors;
    if (gguf) held = source->gguf.n_tensors;
    // The layer count comes from the file too: it is believed only as far as there are tensors.
    if ((size_t)config->L > held / LAYER_SLOTS)
        return error_set(error, ERR_DATA, "%s: the config says %d layers of %d tensors, but only %zu tensors are there", source->path,
                         config->L, LAYER_SLOTS, held);
    *n = SLOT_LAYERS + (int64_t)config->L * LAYER_SLOTS;
    Foreign *slots = *out = arena_zeros(arena, (size_t)*n, sizeof *slots);
    TRY(fill_slots(slots, source, config, error));
    for (int64_t slot = 0; slot < *n; slot++) {
        int rows, columns;
        char name[NAME_ROOM];
        bool extra = slot == SLOT_FREQUENCIES || (slot == SLOT_HEAD && config->tied);
        slot_shape(config, slot, &rows, &columns);
        if (slots[slot].data)
            TRY(check_slot(&slots[slot], rows, columns, gguf, error));
        else if (!extra)
            return error_set(error, ERR_DATA, "%s: tensor '%s' is missing%s", source->path, slot_name(name, slot, gguf),
                             slot == SLOT_HEAD ? " and 'tie_word_embeddings' is false" : "");
    }
    // A tied model that stores its head anyway must store the embedding: two different heads would be two different models.
    const Foreign *head = &slots[SLOT_HEAD], *embedding = &slots[SLOT_EMBEDDING];
    if (config->tied && head->data && (head->dtype != embedding->dtype || memcmp(head->data, embedding->data, head->bytes) != 0))
        return error_set(error, ERR_DATA, "%s: 'tie_word_embeddings' is true, but 'lm_head.weight' is not the embedding", head->path);
    return OK;
}

// Rows of one head in GGUF: (0, half), (1, half + 1), ... turn as neighbours; ours turn as halves: row j*half + i of a head
// is row 2*i + j of the file.
static void *unpermute(Arena *arena, const Foreign *f, int heads, int S) {
    size_t row = f->bytes / ((size_t)heads * (size_t)S);
    uint8_t *copy = arena_alloc(arena, f->bytes);
    for (int h = 0; h < heads; h++)
        for (int r = 0; r < S; r++) {
            int i = r % (S / 2), j = r / (S / 2);
            memcpy(copy + ((size_t)h * (size_t)S + (size_t)r) * row, f->data + ((size_t)h * (size_t)S + (size_t)(2 * i + j)) * row, row);
        }
    return copy;
}

// One checked slot as a tensor of ours. Vectors become fp32; matrices stay in their type, in the map where it is aligned.
static Tensor *make_tensor(Arena *arena, const Foreign *f, int64_t slot, const LlamaConfig *config, bool gguf) {
    int rows, columns;
    char name[NAME_ROOM];
    slot_shape(config, slot, &rows, &columns);
    const void *data = f->data;
    DType type = f->dtype;
    int64_t part = slot < SLOT_LAYERS ? -1 : (slot - SLOT_LAYERS) % LAYER_SLOTS;
    if (rows == 0 && type != DTYPE_F32) {
        float *expanded = arena_alloc(arena, (size_t)columns * sizeof *expanded);
        dtype_expand(expanded, data, type, 0, (size_t)columns);
        data = expanded;
        type = DTYPE_F32;
    } else if (gguf && (part == PROJ_Q || part == PROJ_K)) {
        data = unpermute(arena, f, part == PROJ_Q ? config->H : config->K, config->S);
    } else if ((uintptr_t)data % (type == DTYPE_F32 ? 4 : 2) != 0) {
        data = arena_copy(arena, data, f->bytes);
    }
    // Ours are Hugging Face's names in both formats: exports and adapters speak of them.
    slot_name(name, slot, false);
    return tensor_wrap(arena, type, rows ? 2 : 1, rows ? (int[]){rows, columns} : (int[]){columns}, data, NULL,
                       arena_copy(arena, name, strlen(name)));
}

// Turning speeds: the config's rule, divided by the factors that a GGUF may carry.
static Status make_frequencies(LlamaWeights *w, Arena *arena, const Foreign *factors, const LlamaConfig *config, Error *error) {
    int half = config->S / 2;
    w->inv_freq = arena_alloc(arena, (size_t)half * sizeof *w->inv_freq);
    rope_inverse_frequencies(w->inv_freq, half, &config->rope);
    if (factors->data == NULL) return OK;
    ArenaMark mark = arena_mark(arena);
    float *factor = arena_alloc(arena, (size_t)half * sizeof *factor);
    dtype_expand(factor, factors->data, factors->dtype, 0, (size_t)half);
    for (int i = 0; i < half; i++) {
        if (!(factor[i] > 0 && factor[i] <= 0x1.fffffep+127f))
            return error_set(error, ERR_DATA, "%s: tensor 'rope_freqs.weight' holds %g at %d; expected finite numbers above 0",
                             factors->path, (double)factor[i], i);
        w->inv_freq[i] /= factor[i];
    }
    arena_release(arena, mark);
    return OK;
}

// All slots become the weights.
static Status assemble(LlamaWeights *weights, Arena *arena, const LlamaSource *source, const LlamaConfig *config, Error *error) {
    int64_t n;
    Foreign *slots;
    TRY(read_slots(&slots, &n, arena, source, config, error));
    LlamaWeights w = {.layer = arena_zeros(arena, (size_t)config->L, sizeof *w.layer)};
    for (int64_t slot = 0; slot < n; slot++) {
        if (slot == SLOT_FREQUENCIES || (slot == SLOT_HEAD && config->tied)) continue;
        LlamaLayer *layer = &w.layer[slot < SLOT_LAYERS ? 0 : (slot - SLOT_LAYERS) / LAYER_SLOTS];
        int64_t part = slot < SLOT_LAYERS ? -1 : (slot - SLOT_LAYERS) % LAYER_SLOTS;
        Tensor **place = slot == SLOT_EMBEDDING         ? &w.embedding
                         : slot == SLOT_NORM            ? &w.norm
                         : slot == SLOT_HEAD            ? &w.head
                         : part == LAYER_ATTENTION_NORM ? &layer->attention_norm
                         : part == LAYER_FFN_NORM       ? &layer->ffn_norm
                                                        : &layer->proj[part];
        *place = make_tensor(arena, &slots[slot], slot, config, source->is_gguf);
    }
    if (config->tied) w.head = w.embedding;
    TRY(make_frequencies(&w, arena, &slots[SLOT_FREQUENCIES], config, error));
    *weights = w;
    return OK;
}

// config.json, and the further end-of-text ids of generation_config.json.
static Status read_config(LlamaConfig *config, Arena *arena, const char *folder, Error *error) {
    Text text = {0};
    const Json *json = NULL;
    const char *path = path_join(arena, folder, "config.json");
    TRY(file_read(&text, arena, path, CONFIG_MAX, error));
    TRY(json_parse(&json, arena, text, path, error));
    TRY(config_from_json(config, json, path, error));
    path = path_join(arena, folder, "generation_config.json");
    if (!file_exists(path)) return OK;
    TRY(file_read(&text, arena, path, CONFIG_MAX, error));
    TRY(json_parse(&json, arena, text, path, error));
    return config_add_eos(config, json, path, error);
}

// Where a tensor stands: by the index, or in truth.
typedef struct {
    Text name, file;
} Place;

static int compare_places(const void *a, const void *b) {
    const Place *x = a, *y = b;
    int order = text_compare(x->name, y->name);
    return order ? order : text_compare(x->file, y->file);
}

static int compare_files(const void *a, const void *b) {
    const Place *x = a, *y = b;
    int order = text_compare(x->file, y->file);
    return order ? order : text_compare(x->name, y->name);
}

// A name that stays inside the folder.
static bool plain_name(Text name) {
    if (name.size == 0 || name.size > 255 || text_equal(name, TEXT(".")) || text_equal(name, TEXT(".."))) return false;
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] == '/' || name.data[i] == '\\' || name.data[i] == '\0') return false;
    return true;
}

static Status open_shard(LlamaSource *source, Arena *arena, const char *folder, const char *name, Error *error) {
    TRY(safetensors_open(&source->shards[source->n_shards], arena, path_join(arena, folder, name), error));
    source->n_shards++;
    return OK;
}

// The index and the shards must tell the same: every tensor listed is there, and nothing else is.
static Status compare_index(const LlamaSource *source, Arena *arena, Place *listed, size_t n, const Text *files, const char *path,
                            Error *error) {
    size_t held = 0, at = 0;
    for (int k = 0; k < source->n_shards; k++) held += source->shards[k].n_tensors;
    Place *real = arena_zeros(arena, held, sizeof *real);
    for (int k = 0; k < source->n_shards; k++)
        for (size_t i = 0; i < source->shards[k].n_tensors; i++) real[at++] = (Place){source->shards[k].tensors[i].name, files[k]};
    qsort(real, held, sizeof *real, compare_places);
    qsort(listed, n, sizeof *listed, compare_places);
    for (size_t i = 0; i < n || i < held; i++) {
        if (i < n && i < held && compare_places(&listed[i], &real[i]) == 0) continue;
        bool lost = i >= held || (i < n && compare_places(&listed[i], &real[i]) < 0);
        const Place *odd = lost ? &listed[i] : &real[i];
        return error_set(error, ERR_DATA, lost ? "%s: tensor '%.*s' is missing in %.*s" : "%s: tensor '%.*s' of %.*s is not listed", path,
                         SHOW(odd->name), SHOW(odd->file));
    }
    return OK;
}

// Opens every shard that model.safetensors.index.json names, in name order.
static Status open_index(LlamaSource *source, Arena *arena, const char *folder, const char *path, Error *error) {
    Text text = {0};
    const Json *json = NULL;
    TRY(file_read(&text, arena, path, INDEX_MAX, error));
    TRY(json_parse(&json, arena, text, path, error));
    const Json *map = json_get(json, "weight_map");
    if (map == NULL || map->type != JSON_OBJECT || map->count == 0)
        return error_set(error, ERR_DATA, "%s: 'weight_map' is missing or not an object with tensors", path);
    Place *listed = arena_zeros(arena, map->count, sizeof *listed);
    size_t n = 0;
    for (const Json *m = map->child; m; m = m->next) {
        if (m->type != JSON_STRING) return error_set(error, ERR_DATA, "%s: the file of tensor '%.*s' is not a string", path, SHOW(m->key));
        if (!plain_name(m->string))
            return error_set(error, ERR_DATA, "%s: '%.*s' is not a plain file name (tensor '%.*s')", path, SHOW(m->string), SHOW(m->key));
        listed[n++] = (Place){m->key, m->string};
    }
    qsort(listed, n, sizeof *listed, compare_files);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += i == 0 || !text_equal(listed[i - 1].file, listed[i].file);
    if (count > 4096) return error_set(error, ERR_DATA, "%s: %zu files are listed; at most 4096 are supported", path, count);
    source->shards = arena_zeros(arena, count, sizeof *source->shards);
    Text *files = arena_zeros(arena, count, sizeof *files);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && text_equal(listed[i - 1].file, listed[i].file)) continue;
        files[source->n_shards] = listed[i].file;
        TRY(open_shard(source, arena, folder, text_copy(arena, listed[i].file).data, error));
    }
    return compare_index(source, arena, listed, n, files, path, error);
}

static Status open_folder(LlamaSource *source, LlamaConfig *config, Arena *arena, const char *folder, Error *error) {
    TRY(read_config(config, arena, folder, error));
    const char *index = path_join(arena, folder, "model.safetensors.index.json");
    if (file_exists(path_join(arena, folder, "model.safetensors"))) {
        source->shards = arena_zeros(arena, 1, sizeof *source->shards);
        return open_shard(source, arena, folder, "model.safetensors", error);
    }
    if (!file_exists(index))
        return error_set(error, ERR_DATA, "%s: holds neither model.safetensors nor model.safetensors.index.json", folder);
    return open_index(source, arena, folder, index, error);
}

static Status open_gguf(LlamaSource *source, LlamaConfig *config, Arena *arena, const char *path, Error *error) {
    int64_t parts = 0;
    TRY(gguf_open(&source->gguf, arena, path, error));
    TRY(gguf_int_or(&source->gguf, "split.count", 0, UINT16_MAX, 0, &parts, error));
    if (parts > 1)
        return error_set(error, ERR_DATA, "%s: is one of %lld parts; join them first (llama-gguf-split --merge)", path, (long long)parts);
    return config_from_gguf(config, &source->gguf, error);
}

// Maps the files and reads the config.
static Status open_source(LlamaSource *source, LlamaConfig *config, Arena *arena, const char *path, Error *error) {
    path = arena_copy(arena, path, strlen(path));
    *source = (LlamaSource){.path = path, .is_gguf = !file_is_directory(path)};
    return source->is_gguf ? open_gguf(source, config, arena, path, error) : open_folder(source, config, arena, path, error);
}

Status weights_open(LlamaWeights *weights, LlamaConfig *config, LlamaSource *source, Arena *arena, const char *path, Error *error) {
    Status status = open_source(source, config, arena, path, error);
    if (status == OK) status = assemble(weights, arena, source, config, error);
    if (status != OK) weights_close(source);
    return status;
}

WeightsPart *weights_declare(const LlamaConfig *config, Arena *arena, int *n) {
    REQUIRE(config->L < INT_MAX / LAYER_SLOTS - 1, "weights: %d layers", config->L);
    int slots = SLOT_LAYERS + config->L * LAYER_SLOTS;
    WeightsPart *parts = arena_zeros(arena, (size_t)slots, sizeof *parts);
    *n = 0;
    for (int slot = 0; slot < slots; slot++) {
        int part = slot < SLOT_LAYERS ? -1 : (slot - SLOT_LAYERS) % LAYER_SLOTS;
        if (slot == SLOT_HEAD && config->tied) continue;
        WeightsPart *p = &parts[(*n)++];
        slot_shape(config, slot, &p->rows, &p->columns);
        p->slot = slot;
        if (slot != SLOT_FREQUENCIES) slot_name(p->hf, slot, false);
        slot_name(p->gguf, slot, true);
        if (part == PROJ_Q || part == PROJ_K) p->turned = config->S;
    }
    return parts;
}

Status weights_list(WeightsPart **parts, int *n, LlamaConfig *config, LlamaSource *source, Arena *arena, const char *path, Error *error) {
    Foreign *slots;
    int64_t n_slots;
    Status status;
    TRY_DONE(open_source(source, config, arena, path, error));
    TRY_DONE(read_slots(&slots, &n_slots, arena, source, config, error));
    *parts = weights_declare(config, arena, n);
    for (int i = 0; i < *n; i++) {
        const Foreign *f = &slots[(*parts)[i].slot];
        (*parts)[i].dtype = f->dtype;
        (*parts)[i].data = f->data;
    }
    return OK;
done:
    weights_close(source);
    return status;
}

void weights_close(LlamaSource *source) {
    if (source->is_gguf && source->gguf.map.data) gguf_close(&source->gguf);
    for (int k = 0; k < source->n_shards; k++) safetensors_close(&source->shards[k]);
    *source = (LlamaSource){0};
}

Status weights_hash(LlamaSource *source, Error *error) {
    (void)error;
    Sha256 whole;
    uint8_t digest[32];
    sha256_begin(&whole);
    if (source->is_gguf) sha256_feed(&whole, source->gguf.map.data, source->gguf.map.size);
    // Shards were opened in name order.
    for (int k = 0; k < source->n_shards; k++) {
        Sha256 shard;
        sha256_begin(&shard);
        sha256_feed(&shard, source->shards[k].map.data, source->shards[k].map.size);
        sha256_end(&shard, digest);
        sha256_feed(&whole, digest, sizeof digest);
    }
    sha256_end(&whole, digest);
    sha256_hex(digest, source->sha256);
    return OK;
}
