// A byte-level BPE tokenizer as files write it: lists of written forms, out of a tokenizer or a trainer, into tokenizer.json or the
// keys of a GGUF.
#ifndef TOOLS_TOKENIZER_TEXT_H
#define TOOLS_TOKENIZER_TEXT_H

#include "llama/tokenizer_bpe.h"
#include "tools/gguf_write.h"

// A token that is found in the raw text.
typedef struct {
    int32_t id;
    bool special, normalized, strip_left, strip_right;
} AddedText;

typedef struct {
    Text left, right;
} MergeText;

typedef struct {
    Pretoken rule;
    bool ignore_merges;
    Text *token;  // [tokens] by id
    size_t tokens;
    AddedText *added;  // ascending by id
    size_t n_added;
    MergeText *merge;  // [merges] by rank
    size_t merges;
} TokenizerText;

// The lists of a tokenizer, in the arena; written forms point into the tokenizer. Tokens at the end that only fill a GGUF's
// vocabulary (tokenizer_text_gguf) are left out.
TokenizerText tokenizer_text_of(const Tokenizer *tokenizer, Arena *arena);

// Appends tokenizer.json as Hugging Face's library writes and reads it.
void tokenizer_text_json(Str *json, const TokenizerText *text);

// Puts tokenizer.ggml.model, .pre, .tokens, .token_type and .merges for a model of V ids (at least as many as tokens: REQUIRE);
// ids without a token are filled up with "[PAD<id>]" of type unused. ERR_DATA when GGUF has no name for the rule.
Status tokenizer_text_gguf(GgufHead *head, const TokenizerText *text, int V, Arena *arena, Error *error);

#endif
