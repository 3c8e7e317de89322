#include "llama/config.h"

#include <string.h>

#include "tests/gguf_build.h"
#include "tests/support.h"

static Arena arena;

static void setup(void) { arena = arena_make("test_config", 0); }
static void teardown(void) { arena_free(&arena); }

// ---- config.json ----

static const char JSON[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":100,\"hidden_size\":32,\"intermediate_size\":48,"
    "\"num_hidden_layers\":3,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":8,\"hidden_act\":\"silu\",\"rms_norm_eps\":"
    "1e-5,"
    "\"max_position_embeddings\":512,\"rope_theta\":50000.0,\"rope_scaling\":null,\"tie_word_embeddings\":true,\"attention_bias\":false,"
    "\"bos_token_id\":1,\"eos_token_id\":2,\"use_cache\":true}";

#define LLAMA3 \
    "\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":256"

// Each case replaces one piece of the text.
static const struct {
    const char *name, *find, *replace;
    const char *word;  // NULL: the config is good
} JSON_CASES[] = {
    {"good", "{", "{", NULL},
    {"unknown member", "{", "{\"something\":[1,{}],", NULL},
    {"no architectures", "\"architectures\":[\"LlamaForCausalLM\"],", "", NULL},
    {"no kv heads", "\"num_key_value_heads\":2,", "", NULL},
    {"kv heads null", "\"num_key_value_heads\":2", "\"num_key_value_heads\":null", NULL},
    {"no head_dim", "\"head_dim\":8,", "", NULL},
    {"another head_dim", "\"head_dim\":8", "\"head_dim\":16", NULL},
    {"list of eos", "\"eos_token_id\":2", "\"eos_token_id\":[7,9,7]", NULL},
    {"eos null", "\"eos_token_id\":2", "\"eos_token_id\":null", NULL},
    {"new rope default", "\"rope_scaling\":null", "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":50000.0}", NULL},
    {"old rope linear", "\"rope_scaling\":null", "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}", NULL},
    {"old rope llama3", "\"rope_scaling\":null", "\"rope_scaling\":{" LLAMA3 "}", NULL},
    {"both spellings", "\"rope_scaling\":null", "\"rope_scaling\":{" LLAMA3 "},\"rope_parameters\":{\"rope_theta\":50000," LLAMA3 "}",
     NULL},
    {"another model_type", "\"model_type\":\"llama\"", "\"model_type\":\"mistral\"", "'model_type' is 'mistral'"},
    {"no model_type", "\"model_type\":\"llama\",", "", "model_type"},
    {"another architecture", "LlamaForCausalLM", "LlamaForTokenClassification", "'LlamaForTokenClassification'"},
    {"two architectures", "[\"LlamaForCausalLM\"]", "[\"LlamaForCausalLM\",\"LlamaForCausalLM\"]", "architectures"},
    {"another activation", "\"silu\"", "\"gelu\"", "'hidden_act'"},
    {"attention_bias", "\"attention_bias\":false", "\"attention_bias\":true", "'attention_bias'"},
    {"mlp_bias", "{", "{\"mlp_bias\":true,", "'mlp_bias'"},
    {"experts", "{", "{\"num_local_experts\":8,", "'num_local_experts'"},
    {"quantization", "{", "{\"quantization_config\":{\"bits\":4},", "'quantization_config'"},
    {"interleaved rope", "{", "{\"rope_interleaved\":true,", "'rope_interleaved'"},
    {"sliding window", "{", "{\"sliding_window\":4096,", "'sliding_window'"},
    {"partial rotary", "{", "{\"partial_rotary_factor\":0.5,", "'partial_rotary_factor'"},
    {"no vocab_size", "\"vocab_size\":100,", "", "vocab_size"},
    {"vocab_size 0", "\"vocab_size\":100", "\"vocab_size\":0", "vocab_size"},
    {"vocab_size a fraction", "\"vocab_size\":100", "\"vocab_size\":100.5", "vocab_size"},
    {"vocab_size a text", "\"vocab_size\":100", "\"vocab_size\":\"100\"", "vocab_size"},
    {"hidden_size negative", "\"hidden_size\":32", "\"hidden_size\":-32", "hidden_size"},
    {"hidden_size of 2^31", "\"hidden_size\":32", "\"hidden_size\":2147483648", "hidden_size"},
    {"hidden_size of 2^64", "\"hidden_size\":32", "\"hidden_size\":18446744073709551616", "hidden_size"},
    {"layers 0", "\"num_hidden_layers\":3", "\"num_hidden_layers\":0", "num_hidden_layers"},
    {"a billion layers, which only the tensors can refute", "\"num_hidden_layers\":3", "\"num_hidden_layers\":1000000000", NULL},
    {"heads 0", "\"num_attention_heads\":4", "\"num_attention_heads\":0", "num_attention_heads"},
    {"kv heads more than heads", "\"num_key_value_heads\":2", "\"num_key_value_heads\":5", "num_key_value_heads"},
    {"kv heads that do not divide", "\"num_key_value_heads\":2", "\"num_key_value_heads\":3", "evenly"},
    {"odd head_dim", "\"head_dim\":8", "\"head_dim\":7", "even"},
    {"width no multiple of heads", "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":8,", "\"num_attention_heads\":5,",
     "no multiple"},
    {"heads too wide", "\"head_dim\":8", "\"head_dim\":1073741822", "too wide"},
    {"eps 0", "1e-5", "0", "rms_norm_eps"},
    {"eps negative", "1e-5", "-1e-5", "rms_norm_eps"},
    {"eps that is 0 in fp32", "1e-5", "1e-60", "rms_norm_eps"},
    {"eps infinite", "1e-5", "1e400", "1e400"},
    {"eps infinite in fp32", "1e-5", "1e39", "rms_norm_eps"},
    {"eps a text", "1e-5", "\"1e-5\"", "rms_norm_eps"},
    {"no eps", "\"rms_norm_eps\":1e-5,", "", "rms_norm_eps"},
    {"context 0", "\"max_position_embeddings\":512", "\"max_position_embeddings\":0", "max_position_embeddings"},
    {"tie a number", "\"tie_word_embeddings\":true", "\"tie_word_embeddings\":1", "tie_word_embeddings"},
    {"bos beyond", "\"bos_token_id\":1", "\"bos_token_id\":100", "bos_token_id"},
    {"eos beyond", "\"eos_token_id\":2", "\"eos_token_id\":100", "eos_token_id"},
    {"eos negative", "\"eos_token_id\":2", "\"eos_token_id\":-1", "eos_token_id"},
    {"eos an empty list", "\"eos_token_id\":2", "\"eos_token_id\":[]", "empty list"},
    {"eos a list of texts", "\"eos_token_id\":2", "\"eos_token_id\":[\"2\"]", "eos_token_id"},
    {"nine eos", "\"eos_token_id\":2", "\"eos_token_id\":[1,2,3,4,5,6,7,8,9]", "more than 8"},
    {"theta 0", "50000.0", "0", "rope_theta"},
    {"theta infinite in fp32", "50000.0", "1e39", "rope_theta"},
    {"rope type unknown", "\"rope_scaling\":null", "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2.0}", "'yarn'"},
    {"rope types that differ", "\"rope_scaling\":null", "\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"llama3\",\"factor\":2.0}",
     "two different types"},
    {"rope factor without a type", "\"rope_scaling\":null", "\"rope_scaling\":{\"factor\":2.0}", "factor"},
    {"rope factor missing", "\"rope_scaling\":null", "\"rope_scaling\":{\"type\":\"linear\"}", "factor"},
    {"rope factor 0", "\"rope_scaling\":null", "\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}", "factor"},
    {"rope a text", "\"rope_scaling\":null", "\"rope_scaling\":\"linear\"", "'rope_scaling'"},
    {"llama3 without its context", "\"rope_scaling\":null",
     "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4}",
     "original_max_position_embeddings"},
    {"llama3 of one band", "\"rope_scaling\":null",
     "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4,\"original_max_position_"
     "embeddings\":256}",
     "high_freq_factor"},
    {"two thetas", "\"rope_scaling\":null", "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":10000.0}", "rope_parameters"},
    {"two scalings", "\"rope_scaling\":null",
     "\"rope_scaling\":{" LLAMA3 "},\"rope_parameters\":{\"rope_theta\":50000,\"rope_type\":\"linear\",\"factor\":2}", "contradict"},
    {"new rope unknown", "\"rope_scaling\":null", "\"rope_parameters\":{\"rope_theta\":50000,\"rope_type\":\"longrope\"}", "'longrope'"},
};

static Text replaced(Text text, const char *find, const char *replace) {
    Str s = str_make(&arena);
    ptrdiff_t at = text_find(text, text_of(find));
    ck_assert_msg(at >= 0, "'%s' is not in the text", find);
    str_append(&s, (Text){text.data, (size_t)at});
    str_append(&s, text_of(replace));
    size_t rest = (size_t)at + strlen(find);
    str_append(&s, (Text){text.data + rest, text.size - rest});
    return str_text(&s);
}

static Status from_text(LlamaConfig *config, Text text, Error *error) {
    const Json *json;
    TRY(json_parse(&json, &arena, text, "config.json", error));
    return config_from_json(config, json, "config.json", error);
}

START_TEST(json_cases) {
    LlamaConfig config = {.V = -7};
    Error error = {0};
    Status status = from_text(&config, replaced(TEXT(JSON), JSON_CASES[_i].find, JSON_CASES[_i].replace), &error);
    if (JSON_CASES[_i].word == NULL) {
        ck_assert_msg(status == OK, "%s: %s", JSON_CASES[_i].name, error.text);
    } else {
        ck_assert_msg(status != OK, "%s was accepted", JSON_CASES[_i].name);
        ck_assert_msg(strstr(error.text, JSON_CASES[_i].word) != NULL, "%s: '%s' in: %s", JSON_CASES[_i].name, JSON_CASES[_i].word,
                      error.text);
        ck_assert_msg(strncmp(error.text, "config.json", 11) == 0, "%s", error.text);
        ck_assert_int_eq(config.V, -7);
    }
}
END_TEST

START_TEST(json_values) {
    LlamaConfig c;
    Error error = {0};
    ck_ok(from_text(&c, TEXT(JSON), &error), error);
    ck_assert(c.V == 100 && c.D == 32 && c.L == 3 && c.H == 4 && c.K == 2 && c.S == 8 && c.F == 48 && c.context == 512 && c.tied);
    ck_assert(c.norm_eps == 1e-5f && c.rope.theta == 50000 && c.rope.scaling == ROPE_DEFAULT);
    ck_assert(c.bos == 1 && c.eos == 2 && c.n_eos == 1 && c.eos_all[0] == 2);
    // Counted by hand: embedding 3200, norm 32, per layer q 1024, k and v 512 each, o 1024, three of 1536, two norms of 32.
    ck_assert_uint_eq(config_count_weights(&c), 3200 + 32 + 3 * (1024 + 512 + 512 + 1024 + 3 * 1536 + 64));
    c.tied = false;
    ck_assert_uint_eq(config_count_weights(&c), 6400 + 32 + 3 * (1024 + 512 + 512 + 1024 + 3 * 1536 + 64));

    ck_ok(from_text(&c, replaced(TEXT(JSON), "\"num_key_value_heads\":2,\"head_dim\":8,", ""), &error), error);
    ck_assert(c.K == 4 && c.S == 8);
    ck_ok(from_text(&c, replaced(TEXT(JSON), "\"eos_token_id\":2", "\"eos_token_id\":[7,9,7]"), &error), error);
    ck_assert(c.eos == 7 && c.n_eos == 2 && c.eos_all[1] == 9);
    ck_ok(from_text(&c, replaced(TEXT(JSON), "\"eos_token_id\":2,", ""), &error), error);
    ck_assert(c.eos == -1 && c.n_eos == 0);
    ck_ok(from_text(&c, replaced(TEXT(JSON), ",\"tie_word_embeddings\":true", ""), &error), error);
    ck_assert(!c.tied);
}
END_TEST

// The old spelling, the new one and both mean the same model.
START_TEST(json_rope_spellings) {
    static const char *const SPELLINGS[] = {
        "\"rope_theta\":50000,\"rope_scaling\":{" LLAMA3 "}", "\"rope_parameters\":{\"rope_theta\":50000," LLAMA3 "}",
        "\"rope_theta\":50000,\"rope_scaling\":{" LLAMA3 "},\"rope_parameters\":{\"rope_theta\":50000," LLAMA3 "}"};
    for (int i = 0; i < 3; i++) {
        LlamaConfig c;
        Error error = {0};
        ck_ok(from_text(&c, replaced(TEXT(JSON), "\"rope_theta\":50000.0,\"rope_scaling\":null", SPELLINGS[i]), &error), error);
        ck_assert(c.rope.scaling == ROPE_LLAMA3 && c.rope.theta == 50000 && c.rope.factor == 8 && c.rope.low_freq_factor == 1);
        ck_assert(c.rope.high_freq_factor == 4 && c.rope.original_context == 256);
    }
    LlamaConfig c;
    Error error = {0};
    ck_ok(from_text(&c, replaced(TEXT(JSON), "\"rope_theta\":50000.0,", ""), &error), error);
    ck_assert(c.rope.theta == 10000);
}
END_TEST

START_TEST(generation_config_adds_ids) {
    LlamaConfig c;
    Error error = {0};
    const Json *json;
    ck_ok(from_text(&c, TEXT(JSON), &error), error);
    ck_ok(json_parse(&json, &arena, TEXT("{\"eos_token_id\":[5,2]}"), "g", &error), error);
    ck_ok(config_add_eos(&c, json, "g", &error), error);
    ck_assert(c.eos == 2 && c.n_eos == 2 && c.eos_all[0] == 2 && c.eos_all[1] == 5);
    ck_ok(json_parse(&json, &arena, TEXT("{\"eos_token_id\":100}"), "g", &error), error);
    ck_assert_int_eq(config_add_eos(&c, json, "g", &error), ERR_DATA);
}
END_TEST

// Numbers that no file can set but a caller could.
START_TEST(check_relations) {
    LlamaConfig good, c;
    Error error = {0};
    ck_ok(from_text(&good, TEXT(JSON), &error), error);
    ck_ok(config_check(&good, "x", &error), error);
    c = good, c.K = 0;
    ck_assert_int_eq(config_check(&c, "x", &error), ERR_DATA);
    c = good, c.norm_eps = 0.0f / (good.V - 100.0f);
    ck_assert_int_eq(config_check(&c, "x", &error), ERR_DATA);
    c = good, c.L = c.V = c.D = c.F = (1 << 30) - 1;
    ck_assert_int_eq(config_check(&c, "x", &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "address"));
    c = good, c.eos_all[0] = 100;
    ck_assert_int_eq(config_check(&c, "x", &error), ERR_DATA);
}
END_TEST

// ---- GGUF ----

typedef struct {
    const char *key;
    int type;  // GgufType, or -1: the key is left out
    double number;
    const char *text;
} Key;

static const Key KEYS[] = {
    {"general.architecture", GGUF_STRING, 0, "llama"},
    {"llama.vocab_size", GGUF_U32, 100, NULL},
    {"llama.context_length", GGUF_U32, 512, NULL},
    {"llama.embedding_length", GGUF_U32, 32, NULL},
    {"llama.block_count", GGUF_U32, 3, NULL},
    {"llama.feed_forward_length", GGUF_U32, 48, NULL},
    {"llama.attention.head_count", GGUF_U32, 4, NULL},
    {"llama.attention.head_count_kv", GGUF_U32, 2, NULL},
    {"llama.attention.layer_norm_rms_epsilon", GGUF_F32, 1e-5, NULL},
    {"llama.rope.freq_base", GGUF_F32, 50000, NULL},
    {"llama.rope.dimension_count", GGUF_U32, 8, NULL},
    {"tokenizer.ggml.bos_token_id", GGUF_U32, 1, NULL},
    {"tokenizer.ggml.eos_token_id", GGUF_U32, 2, NULL},
};

static const struct {
    const char *name;
    Key change;        // replaces the key of its name, or is added
    const char *word;  // NULL: good
} GGUF_CASES[] = {
    {"good", {"general.name", GGUF_STRING, 0, "x"}, NULL},
    {"no kv heads", {"llama.attention.head_count_kv", -1, 0, NULL}, NULL},
    {"no freq_base", {"llama.rope.freq_base", -1, 0, NULL}, NULL},
    {"no special ids", {"tokenizer.ggml.bos_token_id", -1, 0, NULL}, NULL},
    {"a second end", {"tokenizer.ggml.eot_token_id", GGUF_U32, 3, NULL}, NULL},
    {"scaling none", {"llama.rope.scaling.type", GGUF_STRING, 0, "none"}, NULL},
    {"old linear scaling", {"llama.rope.scale_linear", GGUF_F32, 2, NULL}, NULL},
    {"no experts", {"llama.expert_count", GGUF_U32, 0, NULL}, NULL},
    {"another architecture", {"general.architecture", GGUF_STRING, 0, "qwen2"}, "'qwen2'"},
    {"no architecture", {"general.architecture", -1, 0, NULL}, "general.architecture"},
    {"architecture a number", {"general.architecture", GGUF_U32, 1, NULL}, "of type u32"},
    {"an adapter", {"general.type", GGUF_STRING, 0, "adapter"}, "'adapter'"},
    {"no width", {"llama.embedding_length", -1, 0, NULL}, "'llama.embedding_length' is missing"},
    {"width a float", {"llama.embedding_length", GGUF_F32, 32, NULL}, "of type f32"},
    {"width 0", {"llama.embedding_length", GGUF_U32, 0, NULL}, "llama.embedding_length"},
    {"layers 0", {"llama.block_count", GGUF_U32, 0, NULL}, "llama.block_count"},
    {"layers 2^31-1", {"llama.block_count", GGUF_U32, 2147483647, NULL}, "llama.block_count"},
    {"layers negative", {"llama.block_count", GGUF_I32, -1, NULL}, "llama.block_count"},
    {"heads 0", {"llama.attention.head_count", GGUF_U32, 0, NULL}, "head_count"},
    {"kv heads 0", {"llama.attention.head_count_kv", GGUF_U32, 0, NULL}, "head_count_kv"},
    {"kv heads 3 of 4", {"llama.attention.head_count_kv", GGUF_U32, 3, NULL}, "evenly"},
    {"heads that do not divide", {"llama.attention.head_count", GGUF_U32, 5, NULL}, "no multiple"},
    {"eps NaN", {"llama.attention.layer_norm_rms_epsilon", GGUF_F32, 0.0 / 0.0, NULL}, "NaN"},
    {"eps negative", {"llama.attention.layer_norm_rms_epsilon", GGUF_F32, -1e-5, NULL}, "epsilon"},
    {"eps 0", {"llama.attention.layer_norm_rms_epsilon", GGUF_F32, 0, NULL}, "epsilon"},
    {"no eps", {"llama.attention.layer_norm_rms_epsilon", -1, 0, NULL}, "epsilon"},
    {"theta 0", {"llama.rope.freq_base", GGUF_F32, 0, NULL}, "freq_base"},
    {"half of a head turned", {"llama.rope.dimension_count", GGUF_U32, 4, NULL}, "dimension_count"},
    {"unknown scaling", {"llama.rope.scaling.type", GGUF_STRING, 0, "yarn"}, "'yarn'"},
    {"linear without a factor", {"llama.rope.scaling.type", GGUF_STRING, 0, "linear"}, "factor"},
    {"values of another size", {"llama.attention.value_length", GGUF_U32, 4, NULL}, "value_length"},
    {"experts", {"llama.expert_count", GGUF_U32, 8, NULL}, "'llama.expert_count' is 8"},
    {"sliding window", {"llama.attention.sliding_window", GGUF_U32, 8, NULL}, "sliding_window"},
    {"logit scale", {"llama.logit_scale", GGUF_F32, 0.5, NULL}, "logit_scale"},
    {"not causal", {"llama.attention.causal", GGUF_BOOL, 0, NULL}, "causal"},
    {"bos beyond", {"tokenizer.ggml.bos_token_id", GGUF_U32, 100, NULL}, "bos_token_id"},
    {"eos beyond", {"tokenizer.ggml.eos_token_id", GGUF_U32, 4294967295.0, NULL}, "eos_token_id"},
    {"eos negative", {"tokenizer.ggml.eos_token_id", GGUF_I32, -1, NULL}, "eos_token_id"},
    {"no vocabulary", {"llama.vocab_size", -1, 0, NULL}, "llama.vocab_size"},
    {"vocabulary of 2^31", {"llama.vocab_size", GGUF_U64, 2147483648.0, NULL}, "llama.vocab_size"},
};

static void put_key(Str *s, const Key *k) {
    if (k->type == GGUF_STRING) {
        put_string_key(s, k->key, k->text);
    } else if (k->type == GGUF_F32) {
        put_f32_key(s, k->key, (float)k->number);
    } else {
        int bytes = k->type == GGUF_BOOL ? 1 : k->type == GGUF_U64 ? 8 : 4;
        put_string(s, k->key);
        put_uint(s, (uint64_t)k->type, 4);
        put_uint(s, (uint64_t)(int64_t)k->number, bytes);
    }
}

// The keys with one change, and `tokens` empty tokens.
static Status from_keys(LlamaConfig *config, const Key *change, uint64_t tokens, Error *error) {
    enum { N = sizeof KEYS / sizeof *KEYS };
    bool known = false;
    for (int i = 0; i < N; i++) known |= strcmp(KEYS[i].key, change->key) == 0;
    Str s = str_make(&arena);
    put_header(&s, 0, N + (uint64_t)(change->type < 0 ? -1 : known ? 0 : 1) + (tokens > 0));
    for (int i = 0; i < N; i++)
        if (strcmp(KEYS[i].key, change->key) != 0) put_key(&s, &KEYS[i]);
    if (change->type >= 0) put_key(&s, change);
    if (tokens > 0) {
        put_string(&s, "tokenizer.ggml.tokens");
        put_uint(&s, GGUF_ARRAY, 4);
        put_uint(&s, GGUF_STRING, 4);
        put_uint(&s, tokens, 8);
        for (uint64_t i = 0; i < tokens; i++) put_string(&s, "");
    }
    Gguf g;
    ck_ok(gguf_check(&g, &arena, (FileMap){"m.gguf", (const uint8_t *)s.data, s.size}, error), *error);
    return config_from_gguf(config, &g, error);
}

START_TEST(gguf_cases) {
    LlamaConfig c = {.V = -7};
    Error error = {0};
    Status status = from_keys(&c, &GGUF_CASES[_i].change, 0, &error);
    if (GGUF_CASES[_i].word == NULL) {
        ck_assert_msg(status == OK, "%s: %s", GGUF_CASES[_i].name, error.text);
    } else {
        ck_assert_msg(status == ERR_DATA, "%s was accepted", GGUF_CASES[_i].name);
        ck_assert_msg(strstr(error.text, GGUF_CASES[_i].word) != NULL, "%s: '%s' in: %s", GGUF_CASES[_i].name, GGUF_CASES[_i].word,
                      error.text);
        ck_assert_msg(strncmp(error.text, "m.gguf: ", 8) == 0, "%s", error.text);
        ck_assert_int_eq(c.V, -7);
    }
}
END_TEST

START_TEST(gguf_values) {
    LlamaConfig c;
    Error error = {0};
    ck_ok(from_keys(&c, &GGUF_CASES[0].change, 0, &error), error);
    ck_assert(c.V == 100 && c.D == 32 && c.L == 3 && c.H == 4 && c.K == 2 && c.S == 8 && c.F == 48 && c.context == 512 && c.tied);
    ck_assert(c.norm_eps == 1e-5f && c.rope.theta == 50000 && c.rope.scaling == ROPE_DEFAULT && c.bos == 1 && c.eos == 2 && c.n_eos == 1);
    ck_ok(from_keys(&c, &(Key){"llama.rope.scale_linear", GGUF_F32, 2, NULL}, 0, &error), error);
    ck_assert(c.rope.scaling == ROPE_LINEAR && c.rope.factor == 2);
    ck_ok(from_keys(&c, &(Key){"tokenizer.ggml.eot_token_id", GGUF_U32, 3, NULL}, 0, &error), error);
    ck_assert(c.n_eos == 2 && c.eos == 2 && c.eos_all[1] == 3);
    ck_ok(from_keys(&c, &(Key){"tokenizer.ggml.bos_token_id", -1, 0, NULL}, 0, &error), error);
    ck_assert_int_eq(c.bos, -1);

    // The vocabulary: the key counts, the list stands in for it, and a longer list is a contradiction.
    ck_ok(from_keys(&c, &GGUF_CASES[0].change, 90, &error), error);
    ck_assert_int_eq(c.V, 100);
    ck_ok(from_keys(&c, &(Key){"llama.vocab_size", -1, 0, NULL}, 90, &error), error);
    ck_assert_int_eq(c.V, 90);
    ck_assert_int_eq(from_keys(&c, &GGUF_CASES[0].change, 101, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "101 tokens"));
    ck_assert_int_eq(from_keys(&c, &(Key){"llama.vocab_size", -1, 0, NULL}, 2, &error), ERR_DATA);
}
END_TEST

Suite *suite_config(void);
Suite *suite_config(void) {
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, json_cases, 0, sizeof JSON_CASES / sizeof *JSON_CASES);
    tcase_add_test(tests, json_values);
    tcase_add_test(tests, json_rope_spellings);
    tcase_add_test(tests, generation_config_adds_ids);
    tcase_add_test(tests, check_relations);
    tcase_add_loop_test(tests, gguf_cases, 0, sizeof GGUF_CASES / sizeof *GGUF_CASES);
    tcase_add_test(tests, gguf_values);
    suite_add_tcase(suite, tests);
    return suite;
}
