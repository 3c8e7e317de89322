#include "llama/weights.h"

#include <stdio.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tests/gguf_build.h"
#include "tests/support.h"

// A model of 2 layers, small enough to write in both formats for every case.
enum { V = 6, D = 32, H = 4, K = 2, S = 8, F = 64, L = 2, PARTS = 9, TENSORS = 2 + L * PARTS };

static const char CONFIG[] =
    "{\"model_type\":\"llama\",\"vocab_size\":6,\"hidden_size\":32,\"intermediate_size\":64,\"num_hidden_layers\":%d,\"num_attention_"
    "heads\":4,"
    "\"num_key_value_heads\":2,\"rms_norm_eps\":1e-5,\"max_position_embeddings\":64,\"tie_word_embeddings\":%s}";

// What a case changes in the good model; zero changes nothing.
typedef struct {
    int drop;           // 1 + index of a tensor that is left out
    int reshape;        // 1 + index of a tensor whose shape is written transposed (vectors: [1,D])
    const char *extra;  // name of one more tensor (f32, one number)
    int head;           // 1: the embedding, 2: something else
    bool untied;
    DType norm_type;  // of the norm vectors (HF)
    int q_type;       // GGUF's number of the type of attn_q: 0 f32, 8 q8_0, 7 q5_1
    int layers;       // what the config says; 0: L
    int frequencies;  // count of rope_freqs.weight; factors 1, 2, 3, ... or with `zero` a zero
    bool zero;
    int split;  // split.count
} Change;

typedef struct {
    char hf[64], gguf[64];
    int rows, columns;  // rows 0: a vector
    float *value;
} Part;

static Arena arena;
static Part parts[TENSORS];
static const char *dir;

static float *make_values(int t, size_t n) {
    float *x = arena_alloc(&arena, n * sizeof *x);
    // Sixteenths below 4: exact in every type with 8 bits of precision.
    for (size_t i = 0; i < n; i++) x[i] = (float)((int)((i * 37 + (size_t)t * 11 + i / 7) % 97) - 48) / 16;
    return x;
}

static void setup(void) {
    static const struct {
        const char *hf, *gguf;
        int rows, columns;
    } LAYER[PARTS] = {{"self_attn.q_proj", "attn_q", H * S, D},      {"self_attn.k_proj", "attn_k", K * S, D},
                      {"self_attn.v_proj", "attn_v", K * S, D},      {"self_attn.o_proj", "attn_output", D, H * S},
                      {"mlp.gate_proj", "ffn_gate", F, D},           {"mlp.up_proj", "ffn_up", F, D},
                      {"mlp.down_proj", "ffn_down", D, F},           {"input_layernorm", "attn_norm", 0, D},
                      {"post_attention_layernorm", "ffn_norm", 0, D}};
    Error error;
    arena = arena_make("test_weights", 0);
    ck_ok(kernels_choose("native", &error), error);
    dir = temporary_make(&arena);
    parts[0] = (Part){"model.embed_tokens.weight", "token_embd.weight", V, D, NULL};
    parts[1] = (Part){"model.norm.weight", "output_norm.weight", 0, D, NULL};
    for (int i = 0; i < L * PARTS; i++) {
        Part *p = &parts[2 + i];
        snprintf(p->hf, sizeof p->hf, "model.layers.%d.%s.weight", i / PARTS, LAYER[i % PARTS].hf);
        snprintf(p->gguf, sizeof p->gguf, "blk.%d.%s.weight", i / PARTS, LAYER[i % PARTS].gguf);
        p->rows = LAYER[i % PARTS].rows, p->columns = LAYER[i % PARTS].columns;
    }
    for (int t = 0; t < TENSORS; t++)
        parts[t].value = make_values(t, (size_t)(parts[t].rows ? parts[t].rows : 1) * (size_t)parts[t].columns);
}

static void teardown(void) {
    temporary_remove(dir);
    arena_free(&arena);
}

static void write_text(const char *name, const char *text) {
    Error error;
    ck_ok(file_write(path_join(&arena, dir, name), text, strlen(text), &error), error);
}

static void write_config(const Change *c) {
    char text[1024];
    snprintf(text, sizeof text, CONFIG, c->layers ? c->layers : L, c->untied ? "false" : "true");
    write_text("config.json", text);
}

// Tensors [first, last) of the good list (and what the change adds, to the file that ends the list).
static void write_shard(const char *name, const Change *c, int first, int last) {
    SafeTensorOut out[TENSORS + 2];
    Error error;
    int n = 0;
    for (int t = first; t < last; t++) {
        const Part *p = &parts[t];
        if (c->drop == t + 1) continue;
        SafeTensorOut *o = &out[n++];
        *o = (SafeTensorOut){p->hf, DTYPE_F32, p->rows ? 2 : 1, {p->rows ? p->rows : p->columns, p->columns}, p->value};
        if (c->reshape == t + 1)
            *o = (SafeTensorOut){p->hf, DTYPE_F32, 2, {p->rows ? p->columns : 1, p->rows ? p->rows : p->columns}, p->value};
        if (p->rows == 0 && c->norm_type != DTYPE_F32) {
            void *small = arena_alloc(&arena, (size_t)p->columns * 2);
            dtype_store(small, c->norm_type, p->value, (size_t)p->columns);
            o->dtype = c->norm_type, o->data = small;
        }
    }
    if (last == TENSORS && c->extra) out[n++] = (SafeTensorOut){c->extra, DTYPE_F32, 1, {1}, parts[0].value};
    if (last == TENSORS && c->head) out[n++] = (SafeTensorOut){"lm_head.weight", DTYPE_F32, 2, {V, D}, parts[c->head == 1 ? 0 : 6].value};
    ck_ok(safetensors_write(path_join(&arena, dir, name), &arena, out, n, NULL, &error), error);
}

// GGUF's order of rows in q and k, from its definition: the pair (i, i + S/2) of a head stands side by side.
static const float *interleaved(const Part *p) {
    float *out = arena_alloc(&arena, (size_t)(p->rows * p->columns) * sizeof *out);
    for (int h = 0; h < p->rows / S; h++)
        for (int i = 0; i < S / 2; i++)
            for (int j = 0; j < 2; j++)
                memcpy(out + (h * S + 2 * i + j) * p->columns, p->value + (h * S + j * (S / 2) + i) * p->columns,
                       (size_t)p->columns * sizeof *out);
    return out;
}

// Appends one tensor's entry and its data, padded.
static void add_gguf(Str *head, Str *data, const char *name, int rows, int columns, uint64_t type, const float *value) {
    static const struct { uint64_t id, block, bytes; } TYPES[] = {{0, 1, 4}, {8, 32, 34}, {7, 32, 24}};
    const uint64_t dims[2] = {(uint64_t)columns, (uint64_t)rows};
    size_t count = (size_t)columns * (size_t)(rows ? rows : 1), k = type == 0 ? 0 : type == 8 ? 1 : 2;
    size_t bytes = count / TYPES[k].block * TYPES[k].bytes;
    uint8_t *stored = arena_zeros(&arena, bytes, 1);
    put_tensor(head, name, rows ? 2 : 1, dims, type, data->size);
    if (type == 0) memcpy(stored, value, bytes);
    if (type == 8) dtype_store(stored, DTYPE_Q8_0, value, count);
    str_append(data, (Text){(const char *)stored, bytes});
    put_padding(data, 32);
}

static void put_config_keys(Str *s, const Change *c) {
    put_string_key(s, "general.architecture", "llama");
    put_u32_key(s, "llama.vocab_size", V);
    put_u32_key(s, "llama.embedding_length", D);
    put_u32_key(s, "llama.block_count", (uint32_t)(c->layers ? c->layers : L));
    put_u32_key(s, "llama.feed_forward_length", F);
    put_u32_key(s, "llama.context_length", 64);
    put_u32_key(s, "llama.attention.head_count", H);
    put_u32_key(s, "llama.attention.head_count_kv", K);
    put_f32_key(s, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put_u32_key(s, "split.count", (uint32_t)c->split);
}

static const char *write_gguf(const Change *c) {
    const float factors[S] = {1, 2, c->zero ? 0 : 3, 4, 5};
    Error error;
    Str s = str_make(&arena), head = str_make(&arena), data = str_make(&arena);
    int n = 0;
    for (int t = 0; t < TENSORS; t++) {
        const Part *p = &parts[t];
        int part = t < 2 ? -1 : (t - 2) % PARTS;
        if (c->drop == t + 1) continue;
        const float *value = part == 0 || part == 1 ? interleaved(p) : p->value;
        bool turned = c->reshape == t + 1;
        add_gguf(&head, &data, p->gguf, turned ? (p->rows ? p->columns : 1) : p->rows, turned && p->rows ? p->rows : p->columns,
                 part == 0 ? (uint64_t)c->q_type : 0, value);
        n++;
    }
    if (c->extra) n++, add_gguf(&head, &data, c->extra, 0, 1, 0, factors);
    if (c->head) n++, add_gguf(&head, &data, "output.weight", V, D, 0, parts[c->head == 1 ? 0 : 6].value);
    if (c->frequencies) n++, add_gguf(&head, &data, "rope_freqs.weight", 0, c->frequencies, 0, factors);
    put_header(&s, (uint64_t)n, 10);
    put_config_keys(&s, c);
    str_append(&s, str_text(&head));
    put_padding(&s, 32);
    str_append(&s, str_text(&data));
    const char *path = path_join(&arena, dir, "model.gguf");
    ck_ok(file_write(path, s.data, s.size, &error), error);
    return path;
}

static const char *write_folder(const Change *c) {
    write_config(c);
    write_shard("model.safetensors", c, 0, TENSORS);
    return dir;
}

// All tensors of a model in the order of `parts`.
static void list_tensors(const LlamaWeights *w, const Tensor **out) {
    out[0] = w->embedding;
    out[1] = w->norm;
    for (int l = 0; l < L; l++) {
        for (int p = 0; p < PROJ_COUNT; p++) out[2 + l * PARTS + p] = w->layer[l].proj[p];
        out[2 + l * PARTS + 7] = w->layer[l].attention_norm;
        out[2 + l * PARTS + 8] = w->layer[l].ffn_norm;
    }
}

static void check_good(const char *path, const Change *c) {
    LlamaWeights w;
    LlamaConfig config;
    LlamaSource source;
    Error error = {0};
    const Tensor *tensors[TENSORS];
    ck_ok(weights_open(&w, &config, &source, &arena, path, &error), error);
    list_tensors(&w, tensors);
    for (int t = 0; t < TENSORS; t++) {
        const Part *p = &parts[t];
        size_t count = tensor_count(tensors[t]);
        float *expanded = arena_alloc(&arena, count * sizeof *expanded), *expected = p->value;
        ck_assert_str_eq(tensors[t]->name, p->hf);
        ck_assert(tensors[t]->rank == (p->rows ? 2 : 1) && tensor_rows(tensors[t]) == (p->rows ? p->rows : 1) &&
                  tensor_columns(tensors[t]) == p->columns);
        ck_assert_ptr_null(tensors[t]->grad);
        // A quantised q holds the bits of its own rows, quantised.
        if (source.is_gguf && c->q_type == 8 && t >= 2 && (t - 2) % PARTS == 0) {
            uint8_t *stored = arena_alloc(&arena, dtype_bytes(DTYPE_Q8_0, count));
            expected = arena_alloc(&arena, count * sizeof *expected);
            dtype_store(stored, DTYPE_Q8_0, p->value, count);
            dtype_expand(expected, stored, DTYPE_Q8_0, 0, count);
            ck_assert_int_eq(tensors[t]->type, DTYPE_Q8_0);
        } else {
            ck_assert_int_eq(tensors[t]->type, DTYPE_F32);
        }
        dtype_expand(expanded, tensors[t]->data, tensors[t]->type, 0, count);
        ck_assert_msg(memcmp(expanded, expected, count * sizeof *expanded) == 0, "%s differs", p->hf);
    }
    ck_assert((w.head == w.embedding) == config.tied);
    if (!config.tied) ck_assert_int_eq(memcmp(w.head->data, parts[c->head == 1 ? 0 : 6].value, V * D * sizeof(float)), 0);
    float inv_freq[S / 2];
    rope_inverse_frequencies(inv_freq, S / 2, &config.rope);
    for (int i = 0; i < S / 2; i++) ck_assert(w.inv_freq[i] == (c->frequencies ? inv_freq[i] / (float)(i + 1) : inv_freq[i]));

    // Matrices that need no change stay in the map.
    const FileMap *map = source.is_gguf ? &source.gguf.map : &source.shards[source.n_shards - 1].map;
    const uint8_t *down = w.layer[L - 1].proj[PROJ_DOWN]->data;
    ck_assert(down > map->data && down < map->data + map->size);
    weights_close(&source);
}

static void check_bad(const char *path, const char *word, const char *name) {
    LlamaWeights w;
    LlamaConfig config;
    LlamaSource source;
    Error error = {0};
    ck_assert_msg(weights_open(&w, &config, &source, &arena, path, &error) != OK, "%s was accepted", name);
    ck_assert_msg(strstr(error.text, word) != NULL, "%s: '%s' in: %s", name, word, error.text);
    ck_assert_msg(strncmp(error.text, dir, strlen(dir)) == 0, "%s: names no file: %s", name, error.text);
    ck_assert(source.n_shards == 0 && source.gguf.map.data == NULL);
}

static const struct {
    const char *name;
    Change change;
    const char *hf, *gguf;  // the word of the message; NULL: good; "-": does not apply
} CASES[] = {
    {"good", {0}, NULL, NULL},
    {"norms in bf16", {.norm_type = DTYPE_BF16}, NULL, "-"},
    {"norms in f16", {.norm_type = DTYPE_F16}, NULL, "-"},
    {"q in q8_0", {.q_type = 8}, "-", NULL},
    {"untied head", {.untied = true, .head = 2}, NULL, NULL},
    {"tied head that is stored", {.head = 1}, NULL, "-"},
    {"tied head that is another one", {.head = 2}, "is not the embedding", "-"},
    {"untied without a head", {.untied = true}, "'lm_head.weight' is missing", "-"},
    {"old inv_freq is passed over", {.extra = "model.layers.0.self_attn.rotary_emb.inv_freq"}, NULL, "-"},
    {"extra tensor", {.extra = "model.extra.weight"}, "'model.extra.weight' belongs to no part", "'model.extra.weight' belongs to no part"},
    {"extra tensor of a layer", {.extra = "model.layers.0.self_attn.q_proj.bias"}, "q_proj.bias' belongs to no part", "-"},
    {"GGUF's bias", {.extra = "blk.0.attn_q.bias"}, "-", "'blk.0.attn_q.bias' belongs to no part"},
    {"name with a zero in front", {.extra = "model.layers.00.input_layernorm.weight"}, "belongs to no part", "-"},
    {"name without a number", {.extra = "model.layers..input_layernorm.weight"}, "belongs to no part", "-"},
    {"layer beyond the config", {.extra = "model.layers.2.input_layernorm.weight"}, "beyond the config's 2", "-"},
    {"layer far beyond", {.extra = "blk.999999999.attn_norm.weight"}, "-", "beyond the config's 2"},
    {"layer number of 20 digits", {.extra = "blk.18446744073709551616.attn_norm.weight"}, "-", "belongs to no part"},
    {"fewer layers than tensors", {.layers = 1}, "beyond the config's 1", "beyond the config's 1"},
    {"more layers than tensors", {.layers = 3}, "3 layers", "3 layers"},
    {"layers beyond memory", {.layers = 1000000000}, "1000000000 layers", "1000000000 layers"},
    {"unsupported type", {.q_type = 7}, "-", "'blk.0.attn_q.weight' has type Q5_1, which is not supported; supported: f32"},
    {"frequency factors", {.frequencies = S / 2}, "-", NULL},
    {"too many frequency factors", {.frequencies = S / 2 + 1}, "-", "'rope_freqs.weight' has shape [5]; the config says [4]"},
    {"frequency factor 0", {.frequencies = S / 2, .zero = true}, "-", "holds 0 at 2"},
    {"one of two files", {.split = 2}, "-", "one of 2 parts"},
};

START_TEST(cases) {
    const char *words[2] = {CASES[_i].hf, CASES[_i].gguf};
    for (int gguf = 0; gguf < 2; gguf++) {
        if (words[gguf] && strcmp(words[gguf], "-") == 0) continue;
        const char *path = gguf ? write_gguf(&CASES[_i].change) : write_folder(&CASES[_i].change);
        if (words[gguf])
            check_bad(path, words[gguf], CASES[_i].name);
        else
            check_good(path, &CASES[_i].change);
    }
}
END_TEST

// Each tensor in turn: without it, and with its shape turned over, the model is refused and the tensor named.
START_TEST(each_missing_or_turned) {
    const Part *p = &parts[_i];
    check_bad(write_folder(&(Change){.drop = _i + 1}), p->hf, "missing");
    check_bad(write_gguf(&(Change){.drop = _i + 1}), p->gguf, "missing");
    // A square matrix has no other shape.
    if (p->rows == p->columns) return;
    check_bad(write_folder(&(Change){.reshape = _i + 1}), p->hf, "turned");
    check_bad(write_gguf(&(Change){.reshape = _i + 1}), p->gguf, "turned");
}
END_TEST

// An index over two shards; `more` are further members of the map, `skip` leaves one tensor out of it.
static void write_index(const char *first, const char *second, int skip, const char *more) {
    Str s = str_make(&arena);
    str_printf(&s, "{\"metadata\":{\"total_size\":1},\"weight_map\":{%s", more);
    for (int t = 0; t < TENSORS; t++)
        if (t != skip) str_printf(&s, "%s\"%s\":\"%s\"", s.data[s.size - 1] == '{' ? "" : ",", parts[t].hf, t < 7 ? first : second);
    str_append(&s, TEXT("}}"));
    write_text("model.safetensors.index.json", s.data);
}

START_TEST(shards) {
    static const char A[] = "model-00001-of-00002.safetensors", B[] = "model-00002-of-00002.safetensors";
    const Change none = {0};
    write_config(&none);
    write_shard(A, &none, 0, 7);
    write_shard(B, &none, 7, TENSORS);
    write_index(A, B, -1, "");
    check_good(dir, &none);

    // Names that leave the folder, and an index that does not tell what is there.
    static const char *const NAMES[] = {"../model.safetensors", "/etc/passwd", "", ".", "..", "a/b", "a\\\\b", "a\\u0000b"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        write_index(A, NAMES[i], -1, "");
        check_bad(dir, "is not a plain file name", NAMES[i]);
    }
    write_index(A, "absent.safetensors", -1, "");
    check_bad(dir, "absent.safetensors", "absent shard");
    write_index(A, B, 9, "");
    check_bad(dir, "is not listed", "unlisted tensor");
    write_index(A, B, -1, "\"model.extra.weight\":\"model-00001-of-00002.safetensors\"");
    check_bad(dir, "'model.extra.weight' is missing in model-00001", "listed and absent");
    write_index(A, B, 0, "\"model.embed_tokens.weight\":\"model-00002-of-00002.safetensors\"");
    check_bad(dir, "model.embed_tokens.weight", "listed in the other shard");
    write_index(A, B, -1, "\"x\":1");
    check_bad(dir, "'x' is not a string", "file a number");
    write_text("model.safetensors.index.json", "{}");
    check_bad(dir, "weight_map", "no map");
    write_text("model.safetensors.index.json", "{\"weight_map\":{}}");
    check_bad(dir, "weight_map", "empty map");

    // One tensor in both shards.
    write_shard(B, &none, 6, TENSORS);
    write_index(A, B, -1, "");
    check_bad(dir, parts[6].hf, "twice");
}
END_TEST

START_TEST(folder_without_parts) {
    check_bad(dir, "config.json", "no config");
    write_config(&(Change){0});
    check_bad(dir, "neither model.safetensors nor", "no weights");
    write_text("model.safetensors", "");
    check_bad(dir, "model.safetensors", "empty weights");
    check_bad(path_join(&arena, dir, "absent.gguf"), "absent.gguf", "no file");
    check_bad(path_join(&arena, dir, "config.json"), "not a GGUF file", "another file");
}
END_TEST

START_TEST(end_ids_of_generation_config) {
    LlamaWeights w;
    LlamaConfig config;
    LlamaSource source;
    Error error = {0};
    write_folder(&(Change){0});
    write_text("generation_config.json", "{\"eos_token_id\":[4,5]}");
    ck_ok(weights_open(&w, &config, &source, &arena, dir, &error), error);
    ck_assert(config.n_eos == 2 && config.eos == 4 && config.eos_all[1] == 5);
    weights_close(&source);
    write_text("generation_config.json", "{\"eos_token_id\":6}");
    check_bad(dir, "generation_config.json", "id beyond the vocabulary");
}
END_TEST

// Data that begins at an odd byte is legal in safetensors: it is copied to where fp32 may be read.
START_TEST(odd_addresses) {
    const Change none = {0};
    Error error;
    Text text;
    const char *path = path_join(&arena, write_folder(&none), "model.safetensors");
    ck_ok(file_read(&text, &arena, path, 1 << 20, &error), error);
    Str s = str_make(&arena);
    size_t header = (uint8_t)text.data[0] + 256 * (size_t)(uint8_t)text.data[1];
    put_uint(&s, header + 1, 8);
    str_append(&s, (Text){text.data + 8, header});
    str_append_char(&s, ' ');
    str_append(&s, (Text){text.data + 8 + header, text.size - 8 - header});
    ck_ok(file_write(path, s.data, s.size, &error), error);
    LlamaWeights w;
    LlamaConfig config;
    LlamaSource source;
    const Tensor *tensors[TENSORS];
    ck_ok(weights_open(&w, &config, &source, &arena, dir, &error), error);
    list_tensors(&w, tensors);
    for (int t = 0; t < TENSORS; t++) {
        ck_assert_uint_eq((uintptr_t)tensors[t]->data % 4, 0);
        ck_assert_int_eq(memcmp(tensors[t]->data, parts[t].value, tensor_count(tensors[t]) * sizeof(float)), 0);
    }
    weights_close(&source);
}
END_TEST

// A GGUF's hash is that of the file; a folder's changes with any bit of a shard.
START_TEST(hashes) {
    LlamaWeights w;
    LlamaConfig config;
    LlamaSource source;
    Error error = {0};
    char hex[65], first[65];
    const char *path = write_gguf(&(Change){0});
    ck_ok(weights_open(&w, &config, &source, &arena, path, &error), error);
    ck_ok(weights_hash(&source, &error), error);
    ck_ok(file_sha256(path, hex, &error), error);
    ck_assert_str_eq(source.sha256, hex);
    weights_close(&source);
    for (int round = 0; round < 2; round++) {
        write_folder(&(Change){.norm_type = round ? DTYPE_BF16 : DTYPE_F32});
        ck_ok(weights_open(&w, &config, &source, &arena, dir, &error), error);
        ck_ok(weights_hash(&source, &error), error);
        if (round) ck_assert_str_ne(source.sha256, first);
        memcpy(first, source.sha256, sizeof first);
        weights_close(&source);
    }
}
END_TEST

START_TEST(real_model) {
    const char *path = shared_file("models/smollm2-135m-instruct.Q4_1.gguf");
    if (path == NULL) return;
    LlamaWeights w;
    LlamaConfig c;
    LlamaSource source;
    Error error = {0};
    ck_ok(weights_open(&w, &c, &source, &arena, path, &error), error);
    ck_assert(c.V == 49152 && c.D == 576 && c.L == 30 && c.H == 9 && c.K == 3 && c.S == 64 && c.F == 1536 && c.context == 8192 && c.tied);
    ck_assert(c.bos == 1 && c.eos == 2 && c.rope.theta == 100000 && w.head == w.embedding);
    ck_assert_uint_eq(config_count_weights(&c), 134515008);
    ck_assert(w.embedding->type == DTYPE_Q8_0 && w.layer[29].proj[PROJ_K]->type == DTYPE_Q4_1 && w.layer[0].ffn_norm->type == DTYPE_F32);
    weights_close(&source);
}
END_TEST

Suite *suite_weights(void);
Suite *suite_weights(void) {
    Suite *suite = suite_create("weights");
    TCase *tests = tcase_create("weights");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, cases, 0, sizeof CASES / sizeof *CASES);
    tcase_add_loop_test(tests, each_missing_or_turned, 0, TENSORS);
    tcase_add_test(tests, shards);
    tcase_add_test(tests, folder_without_parts);
    tcase_add_test(tests, end_ids_of_generation_config);
    tcase_add_test(tests, odd_addresses);
    tcase_add_test(tests, hashes);
    tcase_add_test(tests, real_model);
    suite_add_tcase(suite, tests);
    return suite;
}
