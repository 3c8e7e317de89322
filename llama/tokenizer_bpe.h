// What a byte-level BPE tokenizer is made of; shared by its readers (tokenizer_gguf.c, tokenizer_json.c) and its use
// (tokenizer_bpe.c). Everyone else goes through tokenizer.h.
#ifndef LLAMA_TOKENIZER_BPE_H
#define LLAMA_TOKENIZER_BPE_H

#include "llama/added.h"
#include "llama/pretoken.h"
#include "llama/tokenizer.h"
#include "llama/vocabulary.h"

struct Tokenizer {
    Vocabulary vocabulary;
    AddedList added[2];   // [1] is looked for between the finds of [0]: tokenizer.json's "normalized" ones
    Pretoken rule;
    bool ignore_merges;   // a piece that is a token as a whole is not built from merges
    int32_t bos, eos;     // NO_TOKEN where the file names none
};

// As tokenizer_from_json, from text already in memory; `where` names it in messages. BOS and EOS stay NO_TOKEN: they stand
// in other files.
Status tokenizer_from_json_text(Tokenizer **out, Arena *arena, Text json, const char *where, Error *error);

#endif
