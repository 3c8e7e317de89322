// Byte-level BPE at work: added tokens are split out, the text between is cut into pieces, pieces are merged.
#include "llama/tokenizer_bpe.h"

#include "llama/bpe.h"

// Ids so far of one tokenizer_encode.
typedef struct {
    const Tokenizer *tokenizer;
    Arena *arena;
    Text whole;  // the caller's text: offsets in messages count from its start
    int32_t *ids;
    size_t count, capacity;
    Error *error;
} Encoding;

// Makes room for `more` ids; the array is the arena's last allocation, so it mostly grows where it stands.
static void reserve(Encoding *e, size_t more) {
    if (e->capacity - e->count >= more) return;
    size_t wanted = e->capacity + (more > e->capacity ? more : e->capacity);
    e->ids = arena_grow(e->arena, e->ids, e->capacity * sizeof *e->ids, wanted * sizeof *e->ids);
    e->capacity = wanted;
}

static Status encode_piece(Encoding *e, Text piece) {
    const Vocabulary *v = &e->tokenizer->vocabulary;
    reserve(e, piece.size);
    if (e->tokenizer->ignore_merges) {
        int32_t id = vocabulary_find_bytes(v, piece);
        if (id != NO_TOKEN) {
            e->ids[e->count++] = id;
            return OK;
        }
    }
    // Some vocabularies lack rare bytes; others drop them without a word, and the text would not come back.
    for (size_t i = 0; i < piece.size; i++)
        if (v->of_byte[(unsigned char)piece.data[i]] == NO_TOKEN)
            return error_set(e->error, ERR_DATA, "text, byte %zu: the vocabulary has no token for byte 0x%02x",
                             (size_t)(piece.data - e->whole.data) + i, (unsigned char)piece.data[i]);
    e->count += (size_t)bpe_encode(v, e->arena, piece, e->ids + e->count);
    return OK;
}

static Status encode_plain(Encoding *e, Text text) {
    PretokenCursor cursor = pretoken_begin(&e->tokenizer->rule, text);
    for (Text piece; pretoken_next(&cursor, &piece);) TRY(encode_piece(e, piece));
    return OK;
}

// Splits out the added tokens of list 0, between them those of list 1; what is left is plain text.
static Status encode_added(Encoding *e, int list, Text text) {
    if (list == 2) return encode_plain(e, text);
    size_t at = 0;
    for (AddedMatch match; added_find(&e->tokenizer->added[list], text, at, &match); at = match.end) {
        TRY(encode_added(e, list + 1, (Text){text.data + at, match.begin - at}));
        reserve(e, 1);
        e->ids[e->count++] = match.token->id;
    }
    return at < text.size ? encode_added(e, list + 1, (Text){text.data + at, text.size - at}) : OK;
}

Status tokenizer_encode(const Tokenizer *tokenizer, Arena *arena, Text text, int32_t **ids, int *count, Error *error) {
    size_t bad;
    if (text.size > INT32_MAX) return error_set(error, ERR_DATA, "text of %zu bytes, expected at most 2147483647", text.size);
    if (!utf8_valid(text, &bad))
        return error_set(error, ERR_DATA, "text, byte %zu: invalid UTF-8 (0x%02x)", bad, (unsigned char)text.data[bad]);
    // English has about four bytes a token; every id stands for at least one byte.
    Encoding e = {.tokenizer = tokenizer, .arena = arena, .whole = text, .capacity = text.size / 4 + 16, .error = error};
    e.ids = arena_alloc(arena, e.capacity * sizeof *e.ids);
    TRY(encode_added(&e, 0, text));
    *ids = e.ids;
    *count = (int)e.count;
    return OK;
}

static const Token *token_at(const Tokenizer *tokenizer, int32_t id) {
    REQUIRE(id >= 0 && (size_t)id < tokenizer->vocabulary.count, "token id %d, vocabulary of %zu", id, tokenizer->vocabulary.count);
    return &tokenizer->vocabulary.token[id];
}

void tokenizer_decode(const Tokenizer *tokenizer, const int32_t *ids, int count, bool skip_special, Str *out) {
    for (int i = 0; i < count; i++) {
        const Token *token = token_at(tokenizer, ids[i]);
        if (!(skip_special && token->kind == TOKEN_SPECIAL)) str_append(out, token->bytes);
    }
}

Text tokenizer_bytes(const Tokenizer *tokenizer, int32_t id) { return token_at(tokenizer, id)->bytes; }
int tokenizer_vocabulary(const Tokenizer *tokenizer) { return (int)tokenizer->vocabulary.count; }
bool tokenizer_is_special(const Tokenizer *tokenizer, int32_t id) { return token_at(tokenizer, id)->kind == TOKEN_SPECIAL; }
int32_t tokenizer_bos(const Tokenizer *tokenizer) { return tokenizer->bos; }
int32_t tokenizer_eos(const Tokenizer *tokenizer) { return tokenizer->eos; }
int32_t tokenizer_id(const Tokenizer *tokenizer, Text written) { return vocabulary_find(&tokenizer->vocabulary, written); }

Status tokenizer_open(Tokenizer **out, Arena *arena, const char *model_path, Error *error) {
    if (file_is_directory(model_path)) return tokenizer_from_json(out, arena, path_join(arena, model_path, "tokenizer.json"), error);
    if (text_ends(text_of(model_path), TEXT(".json"))) return tokenizer_from_json(out, arena, model_path, error);
    Arena lists = arena_make("GGUF lists", 0);
    Gguf gguf;
    Status status = gguf_open(&gguf, &lists, model_path, error);
    if (status == OK) {
        status = tokenizer_from_gguf(out, arena, &gguf, error);
        gguf_close(&gguf);
    }
    arena_free(&lists);
    return status;
}
