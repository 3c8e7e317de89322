// A vocabulary of byte-level BPE: tokens by id and by written form, merges by pair.
//
// Written form: files spell each byte of a token as one printable character (GPT-2's alphabet: "Ġthe" is " the").
// `bytes` is what the token stands for in a text. Added tokens are spelled as they are, unless the file lists them among
// the spelled ones too.
#ifndef LLAMA_VOCABULARY_H
#define LLAMA_VOCABULARY_H

#include "tensor/base/arena.h"
#include "tensor/base/str.h"

typedef enum {
    TOKEN_NORMAL,   // written in the byte alphabet, made by merges
    TOKEN_ADDED,    // found in the raw text
    TOKEN_SPECIAL,  // the same, and left out by decoding on request
} TokenKind;

typedef struct {
    Text written;
    Text bytes;
    TokenKind kind;
} Token;

// A pair of tokens that may be joined; rank is its line in the list of merges, lower goes first.
typedef struct {
    int32_t left, right;
    uint32_t rank;
} Merge;

enum { NO_TOKEN = -1 };
#define NO_RANK UINT32_MAX

typedef struct {
    Token *token;            // [count]
    size_t count;
    char *pool;              // bytes of all tokens, filled up to pool_used
    size_t pool_used, pool_size;
    uint32_t *by_written;    // [written_slots] id + 1 at the hash of the written form, 0: empty
    size_t written_slots;    // a power of two
    int32_t of_byte[256];    // token of each single byte, NO_TOKEN where the vocabulary has none
    Merge *merge;            // [merge_slots] at the hash of the pair, rank NO_RANK: empty
    size_t merge_slots;      // a power of two
    int32_t *joined;         // [merges] the token that a merge makes, by rank
    size_t merges;
} Vocabulary;

// The byte alphabet: the byte that a letter writes, -1 for none, and the letter of a byte.
int vocabulary_byte_of_letter(uint32_t code);
uint32_t vocabulary_letter_of_byte(int byte);

// Makes room for `count` tokens whose written forms have `text_bytes` bytes together. Everything lives in the arena.
// ERR_DATA when count is not in [1, 2^31 - 1).
Status vocabulary_make(Vocabulary *out, Arena *arena, size_t count, size_t text_bytes, Error *error);

// Sets one token, copying its text. ERR_DATA: id outside the vocabulary or taken, text empty, not UTF-8, or taken.
Status vocabulary_put(Vocabulary *v, int64_t id, Text written, TokenKind kind, Error *error);

// Checks that every id has a token and finds the tokens of single bytes.
Status vocabulary_finish(Vocabulary *v, Error *error);

// Makes room for `merges` merges, then takes them in the order of their ranks. ERR_DATA: a token that is not in the
// vocabulary, a pair that was there before, more than 2^31 - 1 merges. Call behind vocabulary_finish.
Status vocabulary_merges_make(Vocabulary *v, Arena *arena, size_t merges, Error *error);
Status vocabulary_merges_put(Vocabulary *v, size_t rank, Text left, Text right, Error *error);

// Id of a written form, or NO_TOKEN.
int32_t vocabulary_find(const Vocabulary *v, Text written);

// Rank of the merge of two tokens, or NO_RANK.
uint32_t vocabulary_rank(const Vocabulary *v, int32_t left, int32_t right);

// Id of the token whose spelling in the byte alphabet stands for these bytes, or NO_TOKEN.
int32_t vocabulary_find_bytes(const Vocabulary *v, Text bytes);

#endif
