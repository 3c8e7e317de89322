// The merging of byte pair encoding: the bytes of one piece become tokens.
//
// Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units" (2016), over bytes as in GPT-2:
// start with one token per byte; as long as any neighbours have a merge, join the pair of lowest rank, leftmost first.
#ifndef LLAMA_BPE_H
#define LLAMA_BPE_H

#include "llama/vocabulary.h"

// Writes the ids of a piece to ids[0 .. piece.size), returns how many. O(n log n) in the piece's bytes; long pieces take
// scratch from the arena and release it. Every byte of the piece must have a token (REQUIRE).
int bpe_encode(const Vocabulary *v, Arena *arena, Text piece, int32_t *ids);

#endif
