#include "tests/tiny.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/json.h"
#include "tests/gradcheck.h"

// ---- golden tensors

SafeTensors tiny_golden(Arena *arena, const char *name) {
    SafeTensors file;
    Error error;
    ck_ok(safetensors_open(&file, arena, path_join(arena, "tests/golden", name), &error), error);
    return file;
}

const void *tiny_tensor(const SafeTensors *file, const char *name, size_t *n) {
    const SafeTensor *t = safetensors_find(file, name);
    ck_assert_msg(t != NULL, "golden tensor %s is not there", name);
    if (n) *n = t->bytes / 4;
    return t->data;
}

void tiny_check(const SafeTensors *file, const char *name, const float *found, size_t n, double tolerance) {
    size_t count;
    const float *expected = tiny_tensor(file, name, &count);
    ck_assert_msg(count == n, "%s: %zu golden values, %zu found", name, count, n);
    double norm = 0, worst = 0;
    for (size_t i = 0; i < n; i++) norm += (double)expected[i] * (double)expected[i];
    for (size_t i = 0; i < n; i++) worst = fmax(worst, isnan(found[i]) ? INFINITY : fabs((double)found[i] - (double)expected[i]));
    ck_assert_msg(norm > 0, "%s: all golden values are 0", name);
    ck_assert_msg(worst <= tolerance * sqrt(norm), "%s: error %.3g of the norm", name, worst / sqrt(norm));
}

// ---- a random base

enum { D = 16, L = 2, H = 4, K = 2, S = 4, F = 24 };

static const char CONFIG[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":%d,\"hidden_size\":16,\"intermediate_size\":24,"
    "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":4,\"hidden_act\":\"silu\","
    "\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0,\"max_position_embeddings\":96,\"bos_token_id\":1,\"eos_token_id\":2,"
    "\"attention_bias\":false,\"mlp_bias\":false,\"tie_word_embeddings\":%s}";

// Every tensor has a seed of its own, counted on from the model's.
static unsigned tensor_seed;

static SafeTensorOut random_out(Arena *arena, const char *name, int rank, int a, int b, float centre, float spread) {
    size_t n = (size_t)a * (size_t)b;
    float *x = arena_alloc(arena, n * sizeof *x);
    random_fill(x, n, ++tensor_seed, spread);
    for (size_t i = 0; i < n; i++) x[i] += centre;
    return (SafeTensorOut){.name = arena_copy(arena, name, strlen(name)), .dtype = DTYPE_F32, .rank = rank, .dim = {a, b}, .data = x};
}

static void write_model(Arena *arena, const char *dir, unsigned seed, bool tied, int V) {
    static const int shape[PROJ_COUNT][2] = {{H * S, D}, {K * S, D}, {K * S, D}, {D, H * S}, {F, D}, {F, D}, {D, F}};
    SafeTensorOut out[3 + L * (PROJ_COUNT + 2)];
    int n = 0;
    char name[128];
    Error error;
    tensor_seed = seed * 64;
    out[n++] = random_out(arena, "model.embed_tokens.weight", 2, V, D, 0, 1.2f);
    for (int l = 0; l < L; l++) {
        for (int p = 0; p < PROJ_COUNT; p++) {
            snprintf(name, sizeof name, "model.layers.%d.%s.%s.weight", l, p <= PROJ_O ? "self_attn" : "mlp", PROJ_NAMES[p]);
            out[n++] = random_out(arena, name, 2, shape[p][0], shape[p][1], 0, 0.6f);
        }
        snprintf(name, sizeof name, "model.layers.%d.input_layernorm.weight", l);
        out[n++] = random_out(arena, name, 1, D, 1, 1, 0.3f);
        snprintf(name, sizeof name, "model.layers.%d.post_attention_layernorm.weight", l);
        out[n++] = random_out(arena, name, 1, D, 1, 1, 0.3f);
    }
    out[n++] = random_out(arena, "model.norm.weight", 1, D, 1, 1, 0.3f);
    if (!tied) out[n++] = random_out(arena, "lm_head.weight", 2, V, D, 0, 0.6f);
    ck_ok(safetensors_write(path_join(arena, dir, "model.safetensors"), arena, out, n, NULL, &error), error);
}

Base tiny_base(Arena *arena, unsigned seed, bool tied) { return tiny_base_wide(arena, seed, tied, TINY_V); }

Base tiny_base_wide(Arena *arena, unsigned seed, bool tied, int V) {
    Base base;
    Error error;
    Text tokenizer;
    Str config = str_make(arena);
    const char *dir = temporary_make(arena);
    write_model(arena, dir, seed, tied, V);
    str_printf(&config, CONFIG, V, tied ? "true" : "false");
    ck_ok(file_write(path_join(arena, dir, "config.json"), config.data, config.size, &error), error);
    ck_ok(file_read(&tokenizer, arena, "tests/golden/tokenizer_smollm.json", 1 << 20, &error), error);
    ck_ok(file_write(path_join(arena, dir, "tokenizer.json"), tokenizer.data, tokenizer.size, &error), error);
    ck_ok(base_open(&base, arena, dir, &error), error);
    ck_ok(llama_prepare(&base.llama, arena, TINY_CONTEXT, &error), error);
    ck_assert_int_eq(base.end, TINY_END);
    ck_assert_int_eq(tokenizer_vocabulary(base.tokenizer), TINY_V);
    // The map outlives the folder.
    temporary_remove(dir);
    return base;
}

const int32_t *tiny_encode(const Base *base, Arena *arena, const char *text, int *count) {
    int32_t *ids;
    Error error;
    ck_ok(tokenizer_encode(base->tokenizer, arena, text_of(text), &ids, count, &error), error);
    return ids;
}

// ---- a session

bool tiny_stop;
int tiny_stop_after = -1;
char tiny_warnings[4096];

static bool stop_wanted(void) {
    if (tiny_stop_after >= 0 && tiny_stop_after-- == 0) tiny_stop = true;
    return tiny_stop;
}

static void progress(const char *phase, int64_t done, int64_t total, const char *note) {
    ck_assert_msg(phase != NULL && note != NULL && done >= 0 && (total == 0 || done <= total), "%s: %lld of %lld", phase, (long long)done,
                  (long long)total);
}

static void warn(const char *sentence) {
    size_t used = strlen(tiny_warnings);
    snprintf(tiny_warnings + used, sizeof tiny_warnings - used, "%s\n", sentence);
}

Session tiny_session(Arena *arena, const char *dir) {
    Arena *arenas = arena_alloc(arena, 2 * sizeof *arenas);
    arenas[0] = arena_make("run", 0);
    arenas[1] = arena_make("step", 0);
    tiny_stop = false;
    tiny_stop_after = -1;
    tiny_warnings[0] = '\0';
    return (Session){.dir = dir,
                     .metrics = arena_zeros(arena, 1, sizeof(Metrics)),
                     .run = &arenas[0],
                     .step = &arenas[1],
                     .seed = 7,
                     .checkpoint_every = 1,
                     .keep = 2,
                     .resume = true,
                     .rows = 64,
                     .recipe_hash = "0123456789abcdef",
                     .stop_wanted = stop_wanted,
                     .progress = progress,
                     .warn = warn};
}

void tiny_session_end(Session *session) {
    Error error;
    if (session->metrics->open) ck_ok(metrics_close(session->metrics, &error), error);
    arena_free(session->run);
    arena_free(session->step);
}

Text tiny_file(Arena *arena, const char *dir, const char *name) {
    Text text;
    Error error;
    ck_ok(file_read(&text, arena, path_join(arena, dir, name), 1 << 24, &error), error);
    return text;
}

Text tiny_metrics(Arena *arena, const char *dir) {
    Text text = tiny_file(arena, dir, "metrics.jsonl");
    Str out = str_make(arena);
    for (size_t i = 0; i < text.size;) {
        const char *line = text.data + i, *end = memchr(line, '\n', text.size - i);
        ck_assert_ptr_nonnull(end);
        ptrdiff_t t = text_find((Text){line, (size_t)(end - line)}, TEXT(",\"t\":{"));
        ck_assert_int_gt(t, 0);
        str_append(&out, (Text){line, (size_t)t});
        str_append_char(&out, '\n');
        i = (size_t)(end - text.data) + 1;
    }
    return str_text(&out);
}

void tiny_same_run(Arena *arena, const char *a, const char *b, int step, const char *const *files, int n) {
    Text x = tiny_metrics(arena, a), y = tiny_metrics(arena, b);
    ck_assert_msg(text_equal(x, y), "metrics differ:\n%s\n%s", x.data, y.data);
    char name[64];
    snprintf(name, sizeof name, "checkpoint-%06d", step);
    const char *from = path_join(arena, a, name), *to = path_join(arena, b, name);
    for (int i = 0; i < n; i++)
        ck_assert_msg(text_equal(tiny_file(arena, from, files[i]), tiny_file(arena, to, files[i])), "%s differ", files[i]);
}

double tiny_number(Arena *arena, const char *dir, const char *name, int line, const char *key) {
    Text text = tiny_file(arena, dir, name), at = {text.data, 0};
    int lines = 0;
    for (size_t i = 0; i < text.size; i++) lines += text.data[i] == '\n';
    if (line < 0) line += lines;
    ck_assert_msg(line >= 0 && line < lines, "%s: line %d of %d", name, line, lines);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\n') continue;
        at.size = (size_t)(text.data + i - at.data);
        if (line-- == 0) break;
        at.data = text.data + i + 1;
    }
    const Json *json;
    Error error;
    ck_ok(json_parse(&json, arena, at, name, &error), error);
    const Json *value = json_get(json, key);
    ck_assert_msg(value != NULL && value->type == JSON_NUMBER, "%s: no number '%s' in %.*s", name, key, (int)at.size, at.data);
    return value->number;
}
