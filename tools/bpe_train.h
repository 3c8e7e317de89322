// Training of byte pair encoding: which merges a tokenizer gets from a text.
//
// Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units" (2016), over bytes as in GPT-2: start
// with the 256 bytes; again and again join the pair of neighbours that occurs most often inside the pieces of the
// pre-tokeniser. Equal counts: the pair with the smaller left id, then the smaller right id. A run of equal tokens is joined from
// the left. Nothing depends on the order of the texts: the same pieces as often give the same merges everywhere.
#ifndef TOOLS_BPE_TRAIN_H
#define TOOLS_BPE_TRAIN_H

#include "llama/pretoken.h"

typedef struct BpeTrainer BpeTrainer;

// A trainer without texts; `rule` is copied. Memory from `arena` grows with the distinct pieces, not with the texts.
BpeTrainer *bpe_train_make(Arena *arena, const Pretoken *rule);

// Counts the pieces of a text, which is valid UTF-8 (REQUIRE). Bytes seen so far.
void bpe_train_add(BpeTrainer *trainer, Text text);
uint64_t bpe_train_bytes(const BpeTrainer *trainer);
// Number of distinct pieces seen so far.
size_t bpe_train_pieces(const BpeTrainer *trainer);

// Makes merges until there are `tokens` tokens, the 256 bytes counted (at least 256: REQUIRE), or every piece is one token; once.
// Two merges that spell the same token give one. Returns how many tokens there are.
int bpe_train_merge(BpeTrainer *trainer, int tokens);

// Appends the tokenizer.json of what was learned, as Hugging Face's library writes and reads it. Ids: the n special tokens (valid
// UTF-8), then the bytes in the order of their letters in the byte alphabet, then the merges in theirs.
void bpe_train_write(Str *json, const BpeTrainer *trainer, const Text *special, int n);

#endif
