#include "tools/export.h"

#include <string.h>

#include "tensor/safetensors.h"

enum { TOKENIZER_LIMIT = 64 << 20 };

// RoPE's parameters: with `named` the scaling rule under its newer name, with `theta` the base too.
static void write_rope(Str *json, const RopeConfig *rope) {
    static const char *const TYPES[] = {[ROPE_DEFAULT] = "default", [ROPE_LINEAR] = "linear", [ROPE_LLAMA3] = "llama3"};
    str_printf(json, "\"rope_type\":\"%s\"", TYPES[rope->scaling]);
    if (rope->scaling == ROPE_DEFAULT) return;
    str_append(json, TEXT(",\"factor\":"));
    json_write_float(json, rope->factor);
    if (rope->scaling == ROPE_LINEAR) return;
    str_append(json, TEXT(",\"low_freq_factor\":"));
    json_write_float(json, rope->low_freq_factor);
    str_append(json, TEXT(",\"high_freq_factor\":"));
    json_write_float(json, rope->high_freq_factor);
    str_printf(json, ",\"original_max_position_embeddings\":%d", rope->original_context);
}

// "bos_token_id" and "eos_token_id": one id, or a list of several; absent ones are null.
static void write_ends(Str *json, const LlamaConfig *c) {
    if (c->bos >= 0)
        str_printf(json, "\"bos_token_id\":%d,", c->bos);
    else
        str_append(json, TEXT("\"bos_token_id\":null,"));
    str_append(json, TEXT("\"eos_token_id\":"));
    if (c->n_eos > 1) str_append_char(json, '[');
    for (int i = 0; i < c->n_eos; i++) str_printf(json, "%s%d", i ? "," : "", c->eos_all[i]);
    str_append(json, c->n_eos > 1 ? TEXT("]") : c->n_eos ? TEXT("") : TEXT("null"));
}

void export_config(Str *json, const LlamaConfig *c, DType type) {
    str_append(json, TEXT("{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\","));
    str_printf(json, "\"vocab_size\":%d,\"hidden_size\":%d,\"intermediate_size\":%d,\"num_hidden_layers\":%d,", c->V, c->D, c->F, c->L);
    str_printf(json, "\"num_attention_heads\":%d,\"num_key_value_heads\":%d,\"head_dim\":%d,", c->H, c->K, c->S);
    str_printf(json, "\"max_position_embeddings\":%d,\"tie_word_embeddings\":%s,", c->context, c->tied ? "true" : "false");
    str_append(json, TEXT("\"hidden_act\":\"silu\",\"attention_bias\":false,\"mlp_bias\":false,\"rms_norm_eps\":"));
    json_write_float(json, c->norm_eps);
    str_append(json, TEXT(",\"rope_theta\":"));
    json_write_float(json, c->rope.theta);
    str_append(json, TEXT(",\"rope_scaling\":"));
    if (c->rope.scaling == ROPE_DEFAULT) {
        str_append(json, TEXT("null"));
    } else {
        str_append_char(json, '{');
        write_rope(json, &c->rope);
        str_append_char(json, '}');
    }
    str_append(json, TEXT(",\"rope_parameters\":{\"rope_theta\":"));
    json_write_float(json, c->rope.theta);
    str_append_char(json, ',');
    write_rope(json, &c->rope);
    str_append(json, TEXT("},"));
    write_ends(json, c);
    const char *name = type == DTYPE_F16 ? "float16" : type == DTYPE_BF16 ? "bfloat16" : "float32";
    str_printf(json, ",\"dtype\":\"%s\",\"torch_dtype\":\"%s\"}\n", name, name);
}

Status export_small(const char *dir, const LlamaConfig *config, DType type, bool generation, Arena *arena, Error *error) {
    Str ends = str_make(arena), json = str_make(arena);
    str_append(&ends, TEXT("{"));
    write_ends(&ends, config);
    str_append(&ends, TEXT("}\n"));
    if (generation) TRY(file_write(path_join(arena, dir, "generation_config.json"), ends.data, ends.size, error));
    export_config(&json, config, type);
    return file_write(path_join(arena, dir, "config.json"), json.data, json.size, error);
}

Status export_folder(const char *dir, const LlamaConfig *config, const Params *params, const char *tokenizer, Arena *arena, Error *error) {
    static const char *const FILES[] = {"tokenizer.json", "tokenizer_config.json"};
    TRY(directory_make(dir, error));
    // The tokenizer as it is; its second file may be missing.
    const char *slash = strrchr(tokenizer, '/');
    const char *from = slash == NULL ? "." : slash == tokenizer ? "/" : arena_copy(arena, tokenizer, (size_t)(slash - tokenizer));
    for (int i = 0; i < 2; i++) {
        const char *path = i ? path_join(arena, from, FILES[i]) : tokenizer;
        Text text;
        if (i && !file_exists(path)) continue;
        TRY(file_read(&text, arena, path, TOKENIZER_LIMIT, error));
        TRY(file_write(path_join(arena, dir, FILES[i]), text.data, text.size, error));
    }

    SafeTensorOut *out = arena_alloc(arena, (size_t)params->tensors * sizeof *out);
    for (int i = 0; i < params->tensors; i++) {
        const Tensor *t = params->tensor[i];
        out[i] = (SafeTensorOut){.name = t->name, .dtype = DTYPE_F32, .rank = t->rank, .data = t->data};
        memcpy(out[i].dim, t->dim, sizeof out[i].dim);
    }
    TRY(safetensors_write(path_join(arena, dir, "model.safetensors"), arena, out, params->tensors, NULL, error));
    return export_small(dir, config, DTYPE_F32, true, arena, error);
}
