#include "llama/vocabulary.h"

#include <string.h>

// GPT-2's byte alphabet: printable Latin-1 bytes stand for themselves, the 68 others are written U+0100 .. U+0143 in order.
static bool byte_is_printable(int byte) {
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

// The 68 others in ascending order: 00 .. 20, 7F .. A0, AD.
int vocabulary_byte_of_letter(uint32_t code) {
    if (code < 0x100) return byte_is_printable((int)code) ? (int)code : -1;
    if (code <= 0x120) return (int)code - 0x100;
    if (code <= 0x142) return (int)code - 0x121 + 0x7f;
    return code == 0x143 ? 0xad : -1;
}

uint32_t vocabulary_letter_of_byte(int byte) {
    if (byte_is_printable(byte)) return (uint32_t)byte;
    if (byte <= 0x20) return 0x100 + (uint32_t)byte;
    return byte == 0xad ? 0x143 : 0x121 + (uint32_t)byte - 0x7f;
}

// 64-bit mixing: multiply, fold the high bits down.
static uint64_t mix(uint64_t x) {
    x *= 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    return x ^ x >> 32;
}

// FNV-1a, fed in pieces and mixed at the end.
#define HASH_BEGIN 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u

static uint64_t hash_more(uint64_t hash, const char *data, size_t size) {
    for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)data[i]) * HASH_PRIME;
    return hash;
}

static uint64_t hash_pair(int32_t left, int32_t right) { return mix((uint64_t)(uint32_t)left << 32 | (uint32_t)right); }

// Smallest power of two that keeps a table of n entries at most half full; n < 2^31.
static size_t table_size(size_t n) {
    size_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    return slots;
}

Status vocabulary_make(Vocabulary *out, Arena *arena, size_t count, size_t text_bytes, Error *error) {
    if (count == 0 || count >= INT32_MAX)
        return error_set(error, ERR_DATA, "vocabulary of %zu tokens, expected 1 to 2147483646", count);
    *out = (Vocabulary){.count = count, .written_slots = table_size(count)};
    out->token = arena_zeros(arena, count, sizeof *out->token);
    out->by_written = arena_zeros(arena, out->written_slots, sizeof *out->by_written);
    // Bytes are never more than their written form: room for both.
    if (!checked_mul(text_bytes, 2, &out->pool_size))
        return error_set(error, ERR_DATA, "vocabulary of %zu bytes is too large", text_bytes);
    out->pool = arena_alloc(arena, out->pool_size);
    return OK;
}

// The slot of the written form `a` followed by `b`: where it stands, or the empty one where it would go.
static uint32_t *written_slot(const Vocabulary *v, Text a, Text b) {
    size_t at = mix(hash_more(hash_more(HASH_BEGIN, a.data, a.size), b.data, b.size)) & (v->written_slots - 1);
    for (; v->by_written[at]; at = (at + 1) & (v->written_slots - 1)) {
        Text held = v->token[v->by_written[at] - 1].written;
        if (held.size == a.size + b.size && text_begins(held, a) && text_ends(held, b)) break;
    }
    return &v->by_written[at];
}

int32_t vocabulary_find(const Vocabulary *v, Text written) { return (int32_t)*written_slot(v, written, (Text){0}) - 1; }

static Text pool_add(Vocabulary *v, const char *data, size_t size) {
    REQUIRE(size <= v->pool_size - v->pool_used, "vocabulary: more text than was announced");
    char *place = v->pool + v->pool_used;
    memcpy(place, data, size);
    v->pool_used += size;
    return (Text){place, size};
}

// The bytes that a written form stands for; a form with a character outside the alphabet stands for itself.
static Text bytes_of_written(Vocabulary *v, Text written) {
    char *bytes = v->pool + v->pool_used;
    size_t n = 0;
    for (size_t at = 0; at < written.size;) {
        uint32_t code;
        at += (size_t)utf8_decode(written.data + at, written.size - at, &code);
        int byte = vocabulary_byte_of_letter(code);
        if (byte < 0) return written;
        REQUIRE(n < v->pool_size - v->pool_used, "vocabulary: more text than was announced");
        bytes[n++] = (char)byte;
    }
    v->pool_used += n;
    return (Text){bytes, n};
}

Status vocabulary_put(Vocabulary *v, int64_t id, Text written, TokenKind kind, Error *error) {
    int shown = written.size > 60 ? 60 : (int)written.size;
    if (id < 0 || (uint64_t)id >= v->count)
        return error_set(error, ERR_DATA, "token '%.*s': id %lld is outside the vocabulary of %zu tokens", shown, written.data,
                         (long long)id, v->count);
    if (written.size == 0) return error_set(error, ERR_DATA, "token %lld is empty", (long long)id);
    size_t bad;
    if (!utf8_valid(written, &bad)) return error_set(error, ERR_DATA, "token %lld: invalid UTF-8 at byte %zu", (long long)id, bad);
    uint32_t *slot = written_slot(v, written, (Text){0});
    if (*slot) return error_set(error, ERR_DATA, "tokens %u and %lld are both '%.*s'", *slot - 1, (long long)id, shown, written.data);
    Token *token = &v->token[id];
    if (token->written.size)
        return error_set(error, ERR_DATA, "id %lld is given to two tokens, the second is '%.*s'", (long long)id, shown, written.data);
    token->written = pool_add(v, written.data, written.size);
    token->bytes = kind == TOKEN_NORMAL ? bytes_of_written(v, token->written) : token->written;
    token->kind = kind;
    *slot = (uint32_t)id + 1;
    return OK;
}

Status vocabulary_finish(Vocabulary *v, Error *error) {
    for (size_t id = 0; id < v->count; id++)
        if (v->token[id].written.size == 0) return error_set(error, ERR_DATA, "id %zu of %zu has no token", id, v->count);
    for (int byte = 0; byte < 256; byte++) {
        char one = (char)byte;
        v->of_byte[byte] = vocabulary_find_bytes(v, (Text){&one, 1});
    }
    return OK;
}

int32_t vocabulary_find_bytes(const Vocabulary *v, Text bytes) {
    // Hash of the written form, letter by letter.
    uint64_t hash = HASH_BEGIN;
    for (size_t i = 0; i < bytes.size; i++) {
        char letter[4];
        int n = utf8_encode(vocabulary_letter_of_byte((unsigned char)bytes.data[i]), letter);
        hash = hash_more(hash, letter, (size_t)n);
    }
    // Only tokens that are spelled in the byte alphabet count: they hold their bytes apart from the written form.
    for (size_t at = mix(hash) & (v->written_slots - 1); v->by_written[at]; at = (at + 1) & (v->written_slots - 1)) {
        const Token *token = &v->token[v->by_written[at] - 1];
        if (token->bytes.data != token->written.data && text_equal(token->bytes, bytes)) return (int32_t)v->by_written[at] - 1;
    }
    return NO_TOKEN;
}

Status vocabulary_merges_make(Vocabulary *v, Arena *arena, size_t merges, Error *error) {
    if (merges >= INT32_MAX) return error_set(error, ERR_DATA, "%zu merges, expected fewer than 2147483647", merges);
    v->merges = merges;
    v->merge_slots = table_size(merges);
    v->joined = arena_zeros(arena, merges, sizeof *v->joined);
    v->merge = arena_zeros(arena, v->merge_slots, sizeof *v->merge);
    for (size_t i = 0; i < v->merge_slots; i++) v->merge[i].rank = NO_RANK;
    return OK;
}

// The slot of a pair: where it stands, or the empty one where it would go.
static Merge *merge_slot(const Vocabulary *v, int32_t left, int32_t right) {
    size_t at = hash_pair(left, right) & (v->merge_slots - 1);
    while (v->merge[at].rank != NO_RANK && (v->merge[at].left != left || v->merge[at].right != right)) at = (at + 1) & (v->merge_slots - 1);
    return &v->merge[at];
}

uint32_t vocabulary_rank(const Vocabulary *v, int32_t left, int32_t right) { return merge_slot(v, left, right)->rank; }

Status vocabulary_merges_put(Vocabulary *v, size_t rank, Text left, Text right, Error *error) {
    REQUIRE(rank < v->merges, "vocabulary_merges_put: rank %zu of %zu", rank, v->merges);
    int shown_left = left.size > 60 ? 60 : (int)left.size, shown_right = right.size > 60 ? 60 : (int)right.size;
    int32_t a = vocabulary_find(v, left), b = vocabulary_find(v, right), both = (int32_t)*written_slot(v, left, right) - 1;
    if (a < 0 || b < 0 || both < 0)
        return error_set(error, ERR_DATA, "merge %zu, '%.*s' and '%.*s': %s not in the vocabulary", rank, shown_left, left.data,
                         shown_right, right.data, a < 0 ? "the first is" : b < 0 ? "the second is" : "their join is");
    Merge *slot = merge_slot(v, a, b);
    if (slot->rank != NO_RANK)
        return error_set(error, ERR_DATA, "merges %u and %zu are both '%.*s' and '%.*s'", slot->rank, rank, shown_left, left.data,
                         shown_right, right.data);
    *slot = (Merge){a, b, (uint32_t)rank};
    v->joined[rank] = both;
    return OK;
}
