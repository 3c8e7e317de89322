// A tokenizer out of a GGUF's tokenizer.ggml.* keys.
#include "llama/tokenizer_bpe.h"

// Values of tokenizer.ggml.token_type.
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED };

// How much of a name from the file a message shows.
static int shown(Text text) { return text.size > 60 ? 60 : (int)text.size; }

// Model and pre-tokeniser by name; whatever is not implemented is refused.
static Status read_kind(Tokenizer *t, const Gguf *gguf, Error *error) {
    Text model, pre;
    bool prefix;
    TRY(gguf_string_or(gguf, "tokenizer.ggml.model", TEXT(""), &model, error));
    if (!text_equal(model, TEXT("gpt2")))
        return error_set(error, ERR_DATA, "%s: tokenizer.ggml.model is '%.*s', implemented: gpt2", gguf->map.path,
                         shown(model), model.data);
    TRY(gguf_string_or(gguf, "tokenizer.ggml.pre", TEXT(""), &pre, error));
    if (!pretoken_by_name(pre, &t->rule))
        return error_set(error, ERR_DATA, "%s: tokenizer.ggml.pre is '%.*s', implemented: %s", gguf->map.path,
                         shown(pre), pre.data, PRETOKEN_NAMES);
    // Llama 3's tokenizer.json says so; a GGUF has no key for it.
    t->ignore_merges = text_equal(pre, TEXT("llama-bpe"));
    TRY(gguf_bool_or(gguf, "tokenizer.ggml.add_space_prefix", false, &prefix, error));
    if (prefix)
        return error_set(error, ERR_DATA, "%s: tokenizer.ggml.add_space_prefix is true, implemented for gpt2: false", gguf->map.path);
    return OK;
}

// What the file lists, as Texts into its map.
typedef struct {
    Text *tokens, *merges;
    int32_t *types;
    size_t n_tokens, n_types, n_merges;
} Lists;

// Scores are not used by BPE, but a list of another length belongs to another vocabulary.
static Status read_lists(Lists *l, Arena *arena, const Gguf *gguf, Error *error) {
    TRY(gguf_need_strings(gguf, arena, "tokenizer.ggml.tokens", &l->tokens, &l->n_tokens, error));
    TRY(gguf_need_strings(gguf, arena, "tokenizer.ggml.merges", &l->merges, &l->n_merges, error));
    TRY(gguf_ints_or_null(gguf, arena, "tokenizer.ggml.token_type", &l->types, &l->n_types, error));
    if (l->n_types != l->n_tokens)
        return error_set(error, ERR_DATA, "%s: tokenizer.ggml.token_type has %zu entries for %zu tokens", gguf->map.path, l->n_types,
                         l->n_tokens);
    const GgufValue *scores = gguf_find(gguf, "tokenizer.ggml.scores");
    if (scores && (scores->type != GGUF_ARRAY || scores->element != GGUF_F32 || scores->count != l->n_tokens))
        return error_set(error, ERR_DATA, "%s: tokenizer.ggml.scores: expected %zu values of type f32, found %llu of type %d",
                         gguf->map.path, l->n_tokens, (unsigned long long)scores->count, (int)scores->element);
    return OK;
}

static Status kind_of_type(TokenKind *kind, int32_t type, size_t id, Error *error) {
    switch (type) {
    case TYPE_NORMAL: case TYPE_UNUSED: *kind = TOKEN_NORMAL; return OK;
    case TYPE_UNKNOWN: case TYPE_CONTROL: *kind = TOKEN_SPECIAL; return OK;
    case TYPE_USER_DEFINED: *kind = TOKEN_ADDED; return OK;
    }
    return error_set(error, ERR_DATA, "tokenizer.ggml.token_type of token %zu is %d, expected 1 to 5", id, type);
}

static Status fill_tokens(Tokenizer *t, Arena *arena, const Lists *l, Error *error) {
    Vocabulary *v = &t->vocabulary;
    AddedList *list = &t->added[0];
    size_t bytes = 0, added = 0;
    TokenKind kind = TOKEN_NORMAL;
    for (size_t id = 0; id < l->n_tokens; id++) {
        TRY(kind_of_type(&kind, l->types[id], id, error));
        added += kind != TOKEN_NORMAL;
        if (!checked_add(bytes, l->tokens[id].size, &bytes)) return error_set(error, ERR_DATA, "tokenizer.ggml.tokens is too large");
    }
    TRY(vocabulary_make(v, arena, l->n_tokens, bytes, error));
    list->token = arena_zeros(arena, added, sizeof *list->token);
    // What is not normal is found in the raw text.
    for (size_t id = 0; id < l->n_tokens; id++) {
        TRY(kind_of_type(&kind, l->types[id], id, error));
        TRY(vocabulary_put(v, (int64_t)id, l->tokens[id], kind, error));
        if (kind != TOKEN_NORMAL) list->token[list->count++] = (AddedToken){v->token[id].written, (int32_t)id, false, false};
    }
    added_sort(list);
    return vocabulary_finish(v, error);
}

// Merges are written "left right"; neither side holds a space.
static Status fill_merges(Tokenizer *t, Arena *arena, const Lists *l, Error *error) {
    TRY(vocabulary_merges_make(&t->vocabulary, arena, l->n_merges, error));
    for (size_t i = 0; i < l->n_merges; i++) {
        ptrdiff_t space = text_find(l->merges[i], TEXT(" "));
        if (space <= 0) return error_set(error, ERR_DATA, "tokenizer.ggml.merges, entry %zu: expected two tokens with a space between", i);
        Text left = {l->merges[i].data, (size_t)space};
        Text right = {left.data + space + 1, l->merges[i].size - left.size - 1};
        TRY(vocabulary_merges_put(&t->vocabulary, i, left, right, error));
    }
    return OK;
}

// Special ids, all inside the vocabulary; absent ones stay NO_TOKEN.
static Status read_ids(Tokenizer *t, const Gguf *gguf, Error *error) {
    int64_t last = (int64_t)t->vocabulary.count - 1, bos, eos, other;
    TRY(gguf_int_or(gguf, "tokenizer.ggml.bos_token_id", 0, last, NO_TOKEN, &bos, error));
    TRY(gguf_int_or(gguf, "tokenizer.ggml.eos_token_id", 0, last, NO_TOKEN, &eos, error));
    TRY(gguf_int_or(gguf, "tokenizer.ggml.unknown_token_id", 0, last, NO_TOKEN, &other, error));
    TRY(gguf_int_or(gguf, "tokenizer.ggml.padding_token_id", 0, last, NO_TOKEN, &other, error));
    t->bos = (int32_t)bos;
    t->eos = (int32_t)eos;
    return OK;
}

Status tokenizer_from_gguf(Tokenizer **out, Arena *arena, const Gguf *gguf, Error *error) {
    Tokenizer *t = arena_zeros(arena, 1, sizeof *t);
    Arena temporary = arena_make("tokenizer lists", 0);
    Lists lists;
    Status status;
    TRY_DONE(read_kind(t, gguf, error));
    TRY_DONE(read_lists(&lists, &temporary, gguf, error));
    status = fill_tokens(t, arena, &lists, error);
    if (status == OK) status = fill_merges(t, arena, &lists, error);
    // The vocabulary's own sentences do not know the file.
    if (status != OK) {
        error_prefix(error, "%s", gguf->map.path);
        goto done;
    }
    TRY_DONE(read_ids(t, gguf, error));
    *out = t;
done:
    arena_free(&temporary);
    return status;
}
