// Self-BLEU (Zhu et al., SIGIR 2018, Texygen): how alike texts are, the mean BLEU of each against all others; 1 when each stands elsewhere.
#ifndef TOOLS_SELF_BLEU_H
#define TOOLS_SELF_BLEU_H

#include <stdint.h>

#include "tensor/base/arena.h"
#include "tensor/base/str.h"

enum { SELF_BLEU_ORDER = 4 };  // what is reported: BLEU-4

// Over sequences ids[offset[s], offset[s + 1]) with n-grams up to `order`, 1 to 8; sequences of no ids are left out, and with fewer than
// two left it is 0. BLEU as in Papineni et al. (2002), for one sentence: the geometric mean of the precisions p_1 ... p_order, where each
// n-gram counts at most as often as in that one of the others which has it most often, times exp(1 - r / c) where the sequence of length
// c is shorter than r, the length nearest to c among the others (the smaller of two). A precision without a hit takes 0.1 hits (Chen and
// Cherry, 2014, method 1); without a single id in common BLEU is 0. Works in `scratch` and releases it.
double self_bleu(Arena *scratch, const int32_t *ids, const int *offset, int sequences, int order);

// The same over words: runs of bytes other than space, tab, newline and return, case kept (tools/measure.h).
double self_bleu_words(Arena *scratch, const Text *texts, int count, int order);

#endif
