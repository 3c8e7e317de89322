#include "llama/config.h"

#include <limits.h>
#include <string.h>

enum { SIZE_MAX_INT = INT_MAX / 2 };  // room for 2*F and the like

// Largest finite float; what is above would become infinite in the model's arithmetic.
static const double FLOAT_MAX = 0x1.fffffep+127;

// A positive, finite number that stays so as fp32.
static Status check_positive(double value, const char *key, const char *where, Error *error) {
    if (value > 0 && value <= FLOAT_MAX && (float)value > 0) return OK;
    return error_set(error, ERR_DATA, "%s: '%s' is %g; expected a finite number above 0", where, key, value);
}

static Status check_rope(const RopeConfig *rope, const char *where, Error *error) {
    TRY(check_positive(rope->theta, "rope_theta", where, error));
    if (rope->scaling == ROPE_DEFAULT) return OK;
    TRY(check_positive(rope->factor, "rope factor", where, error));
    if (rope->scaling == ROPE_LINEAR) return OK;
    TRY(check_positive(rope->low_freq_factor, "low_freq_factor", where, error));
    TRY(check_positive(rope->high_freq_factor, "high_freq_factor", where, error));
    if (rope->high_freq_factor <= rope->low_freq_factor)
        return error_set(error, ERR_DATA, "%s: 'high_freq_factor' is %g; expected more than 'low_freq_factor', %g", where,
                         (double)rope->high_freq_factor, (double)rope->low_freq_factor);
    if (rope->original_context < 1)
        return error_set(error, ERR_DATA, "%s: 'original_max_position_embeddings' is %d; expected at least 1", where,
                         rope->original_context);
    return OK;
}

// The number of weights with every product and sum checked.
static bool count_weights(const LlamaConfig *c, size_t *out) {
    size_t D = (size_t)c->D, S = (size_t)c->S, layer = 2 * D, part, total;
    if (!checked_mul(D * S, 2 * (size_t)c->H + 2 * (size_t)c->K, &part) || !checked_add(layer, part, &layer)) return false;
    if (!checked_mul(D * 3, (size_t)c->F, &part) || !checked_add(layer, part, &layer)) return false;
    if (!checked_mul(layer, (size_t)c->L, &total)) return false;
    if (!checked_mul(D, (size_t)c->V * (c->tied ? 1 : 2), &part) || !checked_add(total, part, &total)) return false;
    return checked_add(total, D, out);
}

Status config_check(const LlamaConfig *config, const char *where, Error *error) {
    const struct {
        const char *name;
        int value;
    } sizes[] = {
        {"vocabulary", config->V},         {"width", config->D},     {"number of layers", config->L},   {"number of heads", config->H},
        {"number of kv heads", config->K}, {"head size", config->S}, {"feed-forward width", config->F}, {"context", config->context}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].value < 1 || sizes[i].value > SIZE_MAX_INT)
            return error_set(error, ERR_DATA, "%s: the %s is %d; expected 1 to %d", where, sizes[i].name, sizes[i].value, SIZE_MAX_INT);
    if (config->H % config->K != 0)
        return error_set(error, ERR_DATA, "%s: %d heads cannot share %d kv heads evenly", where, config->H, config->K);
    if (config->S % 2 != 0)
        return error_set(error, ERR_DATA, "%s: the head size is %d; rotary positions need an even one", where, config->S);
    if (config->H > SIZE_MAX_INT / config->S)
        return error_set(error, ERR_DATA, "%s: %d heads of size %d are too wide", where, config->H, config->S);
    TRY(check_positive(config->norm_eps, "rms_norm_eps", where, error));
    TRY(check_rope(&config->rope, where, error));

    // Sizes in bytes must be possible ones for every type of number.
    size_t count, bytes;
    if (!count_weights(config, &count) || !checked_mul(count, 16, &bytes))
        return error_set(error, ERR_DATA, "%s: the sizes make more weights than a computer can address", where);

    // Special ids are tokens of the vocabulary.
    if (config->bos < -1 || config->bos >= config->V)
        return error_set(error, ERR_DATA, "%s: bos_token_id is %d, outside the vocabulary of %d", where, config->bos, config->V);
    for (int i = 0; i < config->n_eos; i++)
        if (config->eos_all[i] < 0 || config->eos_all[i] >= config->V)
            return error_set(error, ERR_DATA, "%s: eos_token_id is %d, outside the vocabulary of %d", where, config->eos_all[i], config->V);
    return OK;
}

size_t config_count_weights(const LlamaConfig *config) {
    size_t count = 0;
    REQUIRE(count_weights(config, &count), "config: the sizes were not checked");
    return count;
}

// --- GGUF ---

// Keys whose presence (with another value than the harmless one) asks for arithmetic that a plain LLaMA does not have.
static Status refuse_gguf_extras(const Gguf *g, Error *error) {
    static const char *const COUNTS[] = {"llama.expert_count", "llama.expert_used_count", "llama.attention.sliding_window",
                                         "llama.leading_dense_block_count", "llama.expert_shared_count"};
    static const char *const PRESENT[] = {"llama.logit_scale",
                                          "llama.residual_scale",
                                          "llama.embedding_scale",
                                          "llama.attention.scale",
                                          "llama.attention.max_alibi_bias",
                                          "llama.attention.clamp_kqv",
                                          "llama.attn_logit_softcapping",
                                          "llama.final_logit_softcapping",
                                          "llama.rope.scaling.attn_factor",
                                          "llama.attention.temperature_scale"};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        int64_t value = 0;
        TRY(gguf_int_or(g, COUNTS[i], 0, INT64_MAX, 0, &value, error));
        if (value != 0)
            return error_set(error, ERR_DATA, "%s: key '%s' is %lld, which is not supported; expected 0", g->map.path, COUNTS[i],
                             (long long)value);
    }
    for (size_t i = 0; i < sizeof PRESENT / sizeof *PRESENT; i++)
        if (gguf_find(g, PRESENT[i])) return error_set(error, ERR_DATA, "%s: key '%s' is not supported", g->map.path, PRESENT[i]);
    bool causal = true, parallel = false;
    TRY(gguf_bool_or(g, "llama.attention.causal", true, &causal, error));
    if (!causal) return error_set(error, ERR_DATA, "%s: key 'llama.attention.causal' is false, which is not supported", g->map.path);
    TRY(gguf_bool_or(g, "llama.use_parallel_residual", false, &parallel, error));
    if (parallel) return error_set(error, ERR_DATA, "%s: key 'llama.use_parallel_residual' is true, which is not supported", g->map.path);
    return OK;
}

static Status rope_from_gguf(RopeConfig *rope, const Gguf *g, int S, Error *error) {
    double theta = 0, factor = 0, old_factor = 0;
    int64_t turned = 0;
    Text type = {0};
    const char *path = g->map.path;
    TRY(gguf_int_or(g, "llama.rope.dimension_count", 1, INT_MAX, S, &turned, error));
    if (turned != S)
        return error_set(error, ERR_DATA, "%s: key 'llama.rope.dimension_count' is %lld; only the whole head size, %d, is supported", path,
                         (long long)turned, S);
    TRY(gguf_float_or(g, "llama.rope.freq_base", 10000, &theta, error));
    TRY(check_positive(theta, "llama.rope.freq_base", path, error));
    *rope = (RopeConfig){.theta = (float)theta, .scaling = ROPE_DEFAULT};

    // Linear scaling stands under a type and a factor, or in old files under scale_linear alone.
    TRY(gguf_string_or(g, "llama.rope.scaling.type", TEXT(""), &type, error));
    TRY(gguf_float_or(g, "llama.rope.scaling.factor", 0, &factor, error));
    TRY(gguf_float_or(g, "llama.rope.scale_linear", 0, &old_factor, error));
    if (factor == 0) factor = old_factor;
    bool linear = text_equal(type, TEXT("linear")) || (type.size == 0 && factor != 0 && factor != 1);
    if (!linear && type.size != 0 && !text_equal(type, TEXT("none")))
        return error_set(error, ERR_DATA, "%s: key 'llama.rope.scaling.type' is '%.*s', which is not supported; supported: none, linear",
                         path, type.size < 40 ? (int)type.size : 40, type.data);
    if (linear) {
        TRY(check_positive(factor, "llama.rope.scaling.factor", path, error));
        rope->scaling = ROPE_LINEAR;
        rope->factor = (float)factor;
    }
    return OK;
}

// Adds an end-of-text id unless it is known already; the first becomes `eos`.
static Status add_eos(LlamaConfig *config, int64_t id, const char *where, Error *error) {
    enum { MOST = sizeof config->eos_all / sizeof *config->eos_all };
    for (int i = 0; i < config->n_eos; i++)
        if (config->eos_all[i] == id) return OK;
    if (config->n_eos == MOST) return error_set(error, ERR_DATA, "%s: more than %d end-of-text ids", where, MOST);
    if (config->n_eos == 0) config->eos = (int32_t)id;
    config->eos_all[config->n_eos++] = (int32_t)id;
    return OK;
}

// The vocabulary is the key's number; the token list may be shorter, never longer. Without the key the list counts.
static Status vocabulary_from_gguf(LlamaConfig *config, const Gguf *g, Error *error) {
    int64_t V = 0;
    const GgufValue *tokens = gguf_find(g, "tokenizer.ggml.tokens");
    uint64_t listed = tokens && tokens->type == GGUF_ARRAY ? tokens->count : 0;
    if (listed > INT_MAX) return error_set(error, ERR_DATA, "%s: %llu tokens are too many", g->map.path, (unsigned long long)listed);
    if (listed > 0)
        TRY(gguf_int_or(g, "llama.vocab_size", 1, INT_MAX, (int64_t)listed, &V, error));
    else
        TRY(gguf_need_int(g, "llama.vocab_size", 1, INT_MAX, &V, error));
    if (listed > (uint64_t)V)
        return error_set(error, ERR_DATA, "%s: %llu tokens are listed, but the vocabulary is %lld", g->map.path, (unsigned long long)listed,
                         (long long)V);
    config->V = (int)V;

    // End of text, and the end of a turn where a chat model has its own.
    static const char *const ENDS[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"};
    int64_t id = -1;
    TRY(gguf_int_or(g, "tokenizer.ggml.bos_token_id", 0, V - 1, -1, &id, error));
    config->bos = (int32_t)id;
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        TRY(gguf_int_or(g, ENDS[i], 0, V - 1, -1, &id, error));
        if (id >= 0) TRY(add_eos(config, id, g->map.path, error));
    }
    return OK;
}

Status config_from_gguf(LlamaConfig *config, const Gguf *gguf, Error *error) {
    const char *path = gguf->map.path;
    LlamaConfig c = {.bos = -1, .eos = -1};
    int64_t D = 0, L = 0, H = 0, K = 0, S = 0, value_size = 0, F = 0, context = 0;
    double eps = 0;
    Text architecture = {0}, type = {0};
    TRY(gguf_string_or(gguf, "general.architecture", TEXT("(none)"), &architecture, error));
    if (!text_equal(architecture, TEXT("llama")))
        return error_set(error, ERR_DATA, "%s: key 'general.architecture' is '%.*s', which is not supported; supported: llama", path,
                         architecture.size < 40 ? (int)architecture.size : 40, architecture.data);
    TRY(gguf_string_or(gguf, "general.type", TEXT("model"), &type, error));
    if (!text_equal(type, TEXT("model")))
        return error_set(error, ERR_DATA, "%s: key 'general.type' is '%.*s'; expected 'model'", path, type.size < 40 ? (int)type.size : 40,
                         type.data);
    TRY(refuse_gguf_extras(gguf, error));

    TRY(gguf_need_int(gguf, "llama.embedding_length", 1, SIZE_MAX_INT, &D, error));
    TRY(gguf_need_int(gguf, "llama.block_count", 1, SIZE_MAX_INT, &L, error));
    TRY(gguf_need_int(gguf, "llama.feed_forward_length", 1, SIZE_MAX_INT, &F, error));
    TRY(gguf_need_int(gguf, "llama.context_length", 1, SIZE_MAX_INT, &context, error));
    TRY(gguf_need_int(gguf, "llama.attention.head_count", 1, SIZE_MAX_INT, &H, error));
    TRY(gguf_int_or(gguf, "llama.attention.head_count_kv", 1, H, H, &K, error));
    // The head size is a key of its own only where it is not the width over the heads.
    if (gguf_find(gguf, "llama.attention.key_length") == NULL && D % H != 0)
        return error_set(error, ERR_DATA, "%s: the width %lld is no multiple of %lld heads, and 'llama.attention.key_length' is missing",
                         path, (long long)D, (long long)H);
    TRY(gguf_int_or(gguf, "llama.attention.key_length", 1, SIZE_MAX_INT, D / H, &S, error));
    TRY(gguf_int_or(gguf, "llama.attention.value_length", 1, SIZE_MAX_INT, S, &value_size, error));
    if (value_size != S)
        return error_set(error, ERR_DATA, "%s: key 'llama.attention.value_length' is %lld; only the size of keys, %lld, is supported", path,
                         (long long)value_size, (long long)S);
    TRY(gguf_need_float(gguf, "llama.attention.layer_norm_rms_epsilon", &eps, error));
    TRY(check_positive(eps, "llama.attention.layer_norm_rms_epsilon", path, error));
    c.D = (int)D, c.L = (int)L, c.H = (int)H, c.K = (int)K, c.S = (int)S, c.F = (int)F, c.context = (int)context;
    c.norm_eps = (float)eps;
    TRY(rope_from_gguf(&c.rope, gguf, c.S, error));
    TRY(vocabulary_from_gguf(&c, gguf, error));
    c.tied = gguf_tensor(gguf, "output.weight") == NULL;
    TRY(config_check(&c, path, error));
    *config = c;
    return OK;
}

// --- config.json ---

// A member that must be absent, null, or have its harmless value (false, 0, or `harmless` as text).
static Status refuse_unless(const Json *json, const char *key, const char *harmless, const char *where, Error *error) {
    const Json *v = json_get(json, key);
    if (v == NULL || v->type == JSON_NULL) return OK;
    if (v->type == JSON_BOOL && !v->boolean) return OK;
    if (v->type == JSON_NUMBER && v->number == 0) return OK;
    if (harmless && v->type == JSON_STRING && text_equal(v->string, text_of(harmless))) return OK;
    return error_set(error, ERR_DATA, "%s: '%s' asks for something that is not supported%s%s", where, key, harmless ? "; supported: " : "",
                     harmless ? harmless : "");
}

static Status refuse_json_extras(const Json *json, const char *where, Error *error) {
    static const char *const KEYS[] = {"attention_bias",          "mlp_bias",
                                       "rope_interleaved",        "sliding_window",
                                       "num_local_experts",       "num_experts",
                                       "num_experts_per_tok",     "n_routed_experts",
                                       "quantization_config",     "logit_scale",
                                       "final_logit_softcapping", "attn_logit_softcapping",
                                       "embedding_multiplier",    "residual_multiplier",
                                       "attention_multiplier",    "logits_scaling"};
    Text type = {0};
    const Json *names = json_get(json, "architectures");
    TRY(json_need_string(json, "model_type", &type, where, error));
    if (!text_equal(type, TEXT("llama")))
        return error_set(error, ERR_DATA, "%s: 'model_type' is '%.*s', which is not supported; supported: llama", where,
                         type.size < 40 ? (int)type.size : 40, type.data);
    if (names && names->type != JSON_NULL) {
        const Json *name = names->child;
        bool listed = names->type == JSON_ARRAY && names->count == 1 && name->type == JSON_STRING;
        if (!listed || !text_equal(name->string, TEXT("LlamaForCausalLM")))
            return error_set(error, ERR_DATA, "%s: 'architectures' is not supported%s%.*s%s; supported: LlamaForCausalLM", where,
                             listed ? " ('" : "", listed ? (name->string.size < 60 ? (int)name->string.size : 60) : 0,
                             listed ? name->string.data : "", listed ? "')" : "");
    }
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) TRY(refuse_unless(json, KEYS[i], NULL, where, error));
    return refuse_unless(json, "hidden_act", "silu", where, error);
}

// The scaling rule of one object, in either spelling.
static Status scaling_from_json(RopeConfig *rope, const Json *r, const char *key, const char *where, Error *error) {
    Text type = {0}, old_type = {0};
    double factor = 0, low = 0, high = 0, turned = 1;
    int64_t original = 0;
    if (r->type != JSON_OBJECT) return error_set(error, ERR_DATA, "%s: '%s' is not an object", where, key);
    TRY(json_string_or(r, "type", TEXT("default"), &old_type, where, error));
    TRY(json_string_or(r, "rope_type", old_type, &type, where, error));
    if (json_get(r, "type") && !text_equal(type, old_type))
        return error_set(error, ERR_DATA, "%s: '%s' names two different types", where, key);
    TRY(json_number_or(r, "partial_rotary_factor", 1, &turned, where, error));
    if (turned != 1) return error_set(error, ERR_DATA, "%s: 'partial_rotary_factor' is %g; only 1 is supported", where, turned);
    if (text_equal(type, TEXT("default"))) {
        // A factor without a rule that uses it would be ignored in silence.
        TRY(json_number_or(r, "factor", 1, &factor, where, error));
        if (factor != 1) return error_set(error, ERR_DATA, "%s: '%s' has a factor of %g but no rope_type that uses it", where, key, factor);
        return OK;
    }
    bool linear = text_equal(type, TEXT("linear"));
    if (!linear && !text_equal(type, TEXT("llama3")))
        return error_set(error, ERR_DATA, "%s: rope_type '%.*s' is not supported; supported: default, linear, llama3", where,
                         type.size < 40 ? (int)type.size : 40, type.data);
    TRY(json_need_number(r, "factor", &factor, where, error));
    TRY(check_positive(factor, "factor", where, error));
    rope->scaling = linear ? ROPE_LINEAR : ROPE_LLAMA3;
    rope->factor = (float)factor;
    if (linear) return OK;
    TRY(json_need_number(r, "low_freq_factor", &low, where, error));
    TRY(json_need_number(r, "high_freq_factor", &high, where, error));
    TRY(json_need_int(r, "original_max_position_embeddings", 1, SIZE_MAX_INT, &original, where, error));
    TRY(check_positive(low, "low_freq_factor", where, error));
    TRY(check_positive(high, "high_freq_factor", where, error));
    rope->low_freq_factor = (float)low;
    rope->high_freq_factor = (float)high;
    rope->original_context = (int)original;
    return OK;
}

static bool same_rope(const RopeConfig *a, const RopeConfig *b) {
    return a->theta == b->theta && a->scaling == b->scaling && a->factor == b->factor && a->low_freq_factor == b->low_freq_factor &&
           a->high_freq_factor == b->high_freq_factor && a->original_context == b->original_context;
}

// Old files: rope_theta and rope_scaling. New ones: rope_parameters with both inside. A file that has both must mean one thing.
static Status rope_from_json(RopeConfig *rope, const Json *json, const char *where, Error *error) {
    const Json *now = json_get(json, "rope_parameters"), *old = json_get(json, "rope_scaling");
    double theta = 10000, turned = 1;
    bool has_now = now && now->type != JSON_NULL, has_old = (old && old->type != JSON_NULL) || json_get(json, "rope_theta");
    TRY(json_number_or(json, "partial_rotary_factor", 1, &turned, where, error));
    if (turned != 1) return error_set(error, ERR_DATA, "%s: 'partial_rotary_factor' is %g; only 1 is supported", where, turned);
    TRY(json_number_or(json, "rope_theta", theta, &theta, where, error));
    TRY(check_positive(theta, "rope_theta", where, error));
    RopeConfig first = {.theta = (float)theta, .scaling = ROPE_DEFAULT};
    if (old && old->type != JSON_NULL) TRY(scaling_from_json(&first, old, "rope_scaling", where, error));
    *rope = first;
    if (!has_now) return OK;
    if (now->type != JSON_OBJECT) return error_set(error, ERR_DATA, "%s: 'rope_parameters' is not an object", where);
    TRY(json_number_or(now, "rope_theta", theta, &theta, where, error));
    TRY(check_positive(theta, "rope_theta", where, error));
    RopeConfig second = {.theta = (float)theta, .scaling = ROPE_DEFAULT};
    TRY(scaling_from_json(&second, now, "rope_parameters", where, error));
    if (has_old && json_get(json, "rope_theta") && first.theta != second.theta)
        return error_set(error, ERR_DATA, "%s: 'rope_theta' is %g, but 'rope_parameters' says %g", where, (double)first.theta,
                         (double)second.theta);
    first.theta = second.theta;
    if (old && old->type != JSON_NULL && !same_rope(&first, &second))
        return error_set(error, ERR_DATA, "%s: 'rope_scaling' and 'rope_parameters' contradict each other", where);
    *rope = second;
    return OK;
}

Status config_add_eos(LlamaConfig *config, const Json *json, const char *where, Error *error) {
    const Json *v = json_get(json, "eos_token_id");
    if (v == NULL || v->type == JSON_NULL) return OK;
    // One id, or a list of them.
    bool list = v->type == JSON_ARRAY;
    if (list && v->count == 0) return error_set(error, ERR_DATA, "%s: 'eos_token_id' is an empty list", where);
    for (const Json *id = list ? v->child : v; id; id = list ? id->next : NULL) {
        if (id->type != JSON_NUMBER || !id->is_integer || id->integer < 0 || id->integer >= config->V)
            return error_set(error, ERR_DATA, "%s: 'eos_token_id' holds something else than ids from 0 to %d", where, config->V - 1);
        TRY(add_eos(config, id->integer, where, error));
    }
    return OK;
}

Status config_from_json(LlamaConfig *config, const Json *json, const char *where, Error *error) {
    LlamaConfig c = {.bos = -1, .eos = -1};
    int64_t V = 0, D = 0, L = 0, H = 0, K = 0, S = 0, F = 0, context = 0, bos = -1;
    double eps = 0;
    if (json->type != JSON_OBJECT) return error_set(error, ERR_DATA, "%s: is not a JSON object", where);
    TRY(refuse_json_extras(json, where, error));
    TRY(json_need_int(json, "vocab_size", 1, SIZE_MAX_INT, &V, where, error));
    TRY(json_need_int(json, "hidden_size", 1, SIZE_MAX_INT, &D, where, error));
    TRY(json_need_int(json, "intermediate_size", 1, SIZE_MAX_INT, &F, where, error));
    TRY(json_need_int(json, "num_hidden_layers", 1, SIZE_MAX_INT, &L, where, error));
    TRY(json_need_int(json, "num_attention_heads", 1, SIZE_MAX_INT, &H, where, error));
    TRY(json_int_or(json, "num_key_value_heads", 1, H, H, &K, where, error));
    TRY(json_need_int(json, "max_position_embeddings", 1, SIZE_MAX_INT, &context, where, error));
    // The head size is a key of its own only where it is not the width over the heads.
    TRY(json_int_or(json, "head_dim", 1, SIZE_MAX_INT, D / H, &S, where, error));
    const Json *head = json_get(json, "head_dim");
    if ((head == NULL || head->type == JSON_NULL) && D % H != 0)
        return error_set(error, ERR_DATA, "%s: 'hidden_size' is %lld, no multiple of 'num_attention_heads', %lld", where, (long long)D,
                         (long long)H);
    TRY(json_need_number(json, "rms_norm_eps", &eps, where, error));
    TRY(check_positive(eps, "rms_norm_eps", where, error));
    TRY(json_bool_or(json, "tie_word_embeddings", false, &c.tied, where, error));
    TRY(json_int_or(json, "bos_token_id", 0, V - 1, -1, &bos, where, error));
    c.V = (int)V, c.D = (int)D, c.L = (int)L, c.H = (int)H, c.K = (int)K, c.S = (int)S, c.F = (int)F, c.context = (int)context,
    c.bos = (int32_t)bos;
    c.norm_eps = (float)eps;
    TRY(rope_from_json(&c.rope, json, where, error));
    TRY(config_add_eos(&c, json, where, error));
    TRY(config_check(&c, where, error));
    *config = c;
    return OK;
}
