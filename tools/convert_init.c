#include "tools/convert_init.h"

#include <string.h>

#include "tensor/base/json.h"

const char CONVERT_SHAPES[] = "llama-7b, llama-13b, llama-30b, llama-65b";

// Width, layers, heads, feed-forward width and eps of the norms; vocabulary 32,000 and 2,048 positions in all of them.
static const struct {
    const char *name;
    int D, L, H, F;
    float eps;
} SHAPES[] = {
    {"llama-7b", 4096, 32, 32, 11008, 1e-6f},
    {"llama-13b", 5120, 40, 40, 13824, 1e-6f},
    {"llama-30b", 6656, 60, 52, 17920, 1e-6f},
    {"llama-65b", 8192, 80, 64, 22016, 1e-5f},
};

static Status read_shape(LlamaConfig *c, Arena *arena, const char *shape, Error *error) {
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        if (strcmp(shape, SHAPES[i].name) != 0) continue;
        *c = (LlamaConfig){.V = 32000, .context = 2048, .bos = -1, .eos = -1, .rope = {.theta = 10000}};
        c->D = SHAPES[i].D, c->L = SHAPES[i].L, c->H = c->K = SHAPES[i].H, c->F = SHAPES[i].F;
        c->S = c->D / c->H, c->norm_eps = SHAPES[i].eps;
        return OK;
    }
    if (!text_ends(text_of(shape), TEXT(".json")))
        return error_set(error, ERR_USAGE, "--init: expected a config.json or one of %s, found \"%s\"", CONVERT_SHAPES, shape);
    Text text;
    const Json *json;
    TRY(file_read(&text, arena, shape, 1 << 20, error));
    TRY(json_parse(&json, arena, text, shape, error));
    return config_from_json(c, json, shape, error);
}

// The text of a tokenizer.json in which every byte is a token.
static Status byte_tokenizer(ConvertTokenizer *out, Arena *arena, Error *error) {
    static const char *const SPECIAL[] = {"<unk>", "<s>", "</s>"};
    enum { SPECIALS = 3, BYTES = 256 };
    Text token[SPECIALS + BYTES];
    char letters[BYTES][4];
    AddedText added[SPECIALS];
    TokenizerText text = {.rule = {{PRETOKEN_GPT2}, 1}, .token = token, .added = added, .n_added = SPECIALS};
    for (int i = 0; i < SPECIALS; i++) {
        token[text.tokens++] = text_of(SPECIAL[i]);
        added[i] = (AddedText){.id = i, .special = true};
    }
    for (uint32_t letter = 0; text.tokens < SPECIALS + BYTES; letter++) {
        if (vocabulary_byte_of_letter(letter) < 0) continue;
        char *at = letters[text.tokens - SPECIALS];
        int n = utf8_encode(letter, at);
        token[text.tokens++] = (Text){at, (size_t)n};
    }
    Str json = str_make(arena);
    tokenizer_text_json(&json, &text);
    *out = (ConvertTokenizer){.json = str_text(&json)};
    TRY(tokenizer_from_json_text(&out->tokenizer, arena, out->json, "the byte tokenizer", error));
    out->tokenizer->bos = 1, out->tokenizer->eos = 2;
    return OK;
}

Status convert_init(ConvertSource *s, Arena *arena, const char *shape, const char *tokenizer, uint64_t seed, Error *error) {
    *s = (ConvertSource){.path = shape, .random = true, .seed = seed};
    LlamaConfig *c = &s->config;
    TRY(read_shape(c, arena, shape, error));
    TRY(tokenizer ? convert_open_tokenizer(&s->tokenizer, arena, tokenizer, error) : byte_tokenizer(&s->tokenizer, arena, error));
    TRY(convert_fit_tokenizer(s, tokenizer ? tokenizer : "--init", error));
    TRY(config_check(c, shape, error));
    s->part = weights_declare(c, arena, &s->parts);
    return OK;
}
