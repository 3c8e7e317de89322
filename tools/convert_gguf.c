#include "tools/convert_gguf.h"

#include "tools/console.h"

static void put_shape(GgufHead *head, const LlamaConfig *c, DType main) {
    gguf_put_string(head, "general.architecture", TEXT("llama"));
    gguf_put_string(head, "general.type", TEXT("model"));
    gguf_put_int(head, "general.file_type", gguf_file_type_of(main));
    if (dtype_info(main)->block > 1) gguf_put_int(head, "general.quantization_version", 2);
    gguf_put_int(head, "llama.vocab_size", (uint32_t)c->V);
    gguf_put_int(head, "llama.context_length", (uint32_t)c->context);
    gguf_put_int(head, "llama.embedding_length", (uint32_t)c->D);
    gguf_put_int(head, "llama.block_count", (uint32_t)c->L);
    gguf_put_int(head, "llama.feed_forward_length", (uint32_t)c->F);
    gguf_put_int(head, "llama.attention.head_count", (uint32_t)c->H);
    gguf_put_int(head, "llama.attention.head_count_kv", (uint32_t)c->K);
    gguf_put_int(head, "llama.attention.key_length", (uint32_t)c->S);
    gguf_put_int(head, "llama.attention.value_length", (uint32_t)c->S);
    gguf_put_float(head, "llama.attention.layer_norm_rms_epsilon", c->norm_eps);
    gguf_put_int(head, "llama.rope.dimension_count", (uint32_t)c->S);
    gguf_put_float(head, "llama.rope.freq_base", c->rope.theta);
    if (c->rope.scaling == ROPE_LINEAR) {
        gguf_put_string(head, "llama.rope.scaling.type", TEXT("linear"));
        gguf_put_float(head, "llama.rope.scaling.factor", c->rope.factor);
    }
}

// The vocabulary, its special ids, and what else travels with it.
static Status put_tokenizer(GgufHead *head, const ConvertSource *s, Arena *arena, Error *error) {
    const ConvertTokenizer *t = &s->tokenizer;
    const LlamaConfig *c = &s->config;
    if (t->tokenizer == NULL) return error_set(error, ERR_DATA, "%s: expected a tokenizer.json, which a GGUF needs", s->path);
    TokenizerText text = tokenizer_text_of(t->tokenizer, arena);
    TRY(tokenizer_text_gguf(head, &text, c->V, arena, error));
    int32_t bos = c->bos >= 0 ? c->bos : tokenizer_bos(t->tokenizer), eos = c->n_eos ? c->eos : tokenizer_eos(t->tokenizer);
    if (bos >= 0) gguf_put_int(head, "tokenizer.ggml.bos_token_id", (uint32_t)bos);
    if (eos >= 0) gguf_put_int(head, "tokenizer.ggml.eos_token_id", (uint32_t)eos);
    if (c->n_eos > 1) gguf_put_int(head, "tokenizer.ggml.eot_token_id", (uint32_t)c->eos_all[1]);
    if (c->n_eos > 2) console_warn("a GGUF names two end-of-text ids: the model's first two are written");
    gguf_put_bool(head, "tokenizer.ggml.add_bos_token", t->add_bos);
    gguf_put_bool(head, "tokenizer.ggml.add_space_prefix", false);
    if (t->chat_template.size) gguf_put_string(head, "tokenizer.chat_template", t->chat_template);
    if (t->json.size) gguf_put_string(head, "tokenizer.huggingface.json", t->json);
    return OK;
}

Status convert_to_gguf(const char *path, const ConvertSource *s, const ConvertOptions *options, uint64_t *bytes, Arena *arena,
                       Error *error) {
    GgufHead head = gguf_head_make(arena);
    put_shape(&head, &s->config, convert_main_type(s, options, true));
    TRY(put_tokenizer(&head, s, arena, error));

    // What there is to write: Llama 3's scaling becomes factors, where the source has none of its own.
    WeightsPart *part = arena_alloc(arena, (size_t)s->parts * sizeof *part);
    int n = 0;
    uint64_t done = 0, total = 0;
    for (int i = 0; i < s->parts; i++) {
        WeightsPart p = s->part[i];
        if (p.hf[0] == '\0' && p.data == NULL && s->config.rope.scaling != ROPE_LLAMA3) continue;
        DType type = convert_type(s, &p, options, true);
        gguf_put_tensor(&head, p.gguf, type, p.rows, p.columns);
        total += convert_bytes(&p, type);
        part[n++] = p;
    }
    *bytes = head.bytes + head.keys.size + head.tensors.size;
    TRY(convert_need_room(convert_folder_of(path, arena), *bytes, error));

    FileWriter writer;
    TRY(writer_open(&writer, arena, path, error));
    gguf_write_head(&writer, &head);
    Status status = OK;
    for (int i = 0; i < n && status == OK; i++) {
        DType type = convert_type(s, &part[i], options, true);
        status = convert_put(&writer, s, &part[i], type, true, &done, total, arena, error);
        gguf_put_padding(&writer, convert_bytes(&part[i], type));
    }
    if (status != OK) {
        writer_abandon(&writer);
        return status;
    }
    *bytes = writer.written;
    return writer_finish(&writer, error);
}
