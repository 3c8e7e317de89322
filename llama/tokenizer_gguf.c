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
        return error_set(error, ERR_DATA, "tokenizer.ggml.model is '%.*s', implemented: gpt2", shown(model), model.data);
    TRY(gguf_string_or(gguf, "tokenizer.ggml.pre", TEXT(""), &pre, error));
    if (!pretoken_by_name(pre, &t->rule))
        return error_set(error, ERR_DATA, "tokenizer.ggml.pre is '%.*s', implemented: %s", shown(pre), pre.data, PRETOKEN_NAMES);
    // Llama 3's tokenizer.json says so; a GGUF has no key for it.
    t->ignore_merges = text_equal(pre, TEXT("llama-bpe"));
    TRY(gguf_bool_or(gguf, "tokenizer.ggml.add_space_prefix", false, &prefix, error));
    if (prefix) return error_set(error, ERR_DATA, "tokenizer.ggml.add_space_prefix is true, implemented for gpt2: false");
    return OK;
}

// Scores are not used by BPE, but a list of another length belongs to another vocabulary.
static Status check_scores(const Gguf *gguf, size_t count, Error *error) {
    const GgufValue *scores = gguf_find(gguf, "tokenizer.ggml.scores");
    if (scores == NULL) return OK;
    if (scores->type != GGUF_ARRAY || scores->element != GGUF_F32 || scores->count != count)
        return error_set(error, ERR_DATA, "tokenizer.ggml.scores: expected %zu values of type F32, found %llu of type %d", count,
                         (unsigned long long)scores->count, (int)scores->element);
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

static Status read_tokens(Tokenizer *t, Arena *arena, Arena *lists, const Gguf *gguf, Error *error) {
    Text *tokens;
    int32_t *types;
    size_t count, n_types, bytes = 0, added = 0;
    TRY(gguf_need_strings(gguf, lists, "tokenizer.ggml.tokens", &tokens, &count, error));
    TRY(gguf_ints_or_null(gguf, lists, "tokenizer.ggml.token_type", &types, &n_types, error));
    if (n_types != count)
        return error_set(error, ERR_DATA, "tokenizer.ggml.token_type has %zu entries for %zu tokens", n_types, count);
    TRY(check_scores(gguf, count, error));
    for (size_t id = 0; id < count; id++) {
        if (!checked_add(bytes, tokens[id].size, &bytes)) return error_set(error, ERR_DATA, "tokenizer.ggml.tokens is too large");
        added += types[id] == TYPE_UNKNOWN || types[id] == TYPE_CONTROL || types[id] == TYPE_USER_DEFINED;
    }
    Vocabulary *v = &t->vocabulary;
    TRY(vocabulary_make(v, arena, count, bytes, error));
    // What is not normal is found in the raw text.
    AddedList *list = &t->added[0];
    list->token = arena_zeros(arena, added, sizeof *list->token);
    for (size_t id = 0; id < count; id++) {
        TokenKind kind;
        TRY(kind_of_type(&kind, types[id], id, error));
        TRY(vocabulary_put(v, (int64_t)id, tokens[id], kind, error));
        if (kind != TOKEN_NORMAL) list->token[list->count++] = (AddedToken){v->token[id].written, (int32_t)id, false, false};
    }
    added_sort(list);
    return vocabulary_finish(v, error);
}

// Merges are written "left right"; neither side holds a space.
static Status read_merges(Tokenizer *t, Arena *arena, Arena *lists, const Gguf *gguf, Error *error) {
    Text *merges;
    size_t count;
    TRY(gguf_need_strings(gguf, lists, "tokenizer.ggml.merges", &merges, &count, error));
    TRY(vocabulary_merges_make(&t->vocabulary, arena, count, error));
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t space = text_find(merges[i], TEXT(" "));
        if (space <= 0) return error_set(error, ERR_DATA, "tokenizer.ggml.merges, entry %zu: expected two tokens with a space between", i);
        Text left = {merges[i].data, (size_t)space};
        Text right = {left.data + space + 1, merges[i].size - left.size - 1};
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
    Arena lists = arena_make("tokenizer lists", 0);
    Status status;
    TRY_DONE(read_kind(t, gguf, error));
    TRY_DONE(read_tokens(t, arena, &lists, gguf, error));
    TRY_DONE(read_merges(t, arena, &lists, gguf, error));
    TRY_DONE(read_ids(t, gguf, error));
    *out = t;
done:
    arena_free(&lists);
    return status == OK ? OK : error_prefix(error, "%s", gguf->map.path);
}
