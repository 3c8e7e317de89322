// Models of random numbers: the true shape and size of a model that is not at hand.
#ifndef TOOLS_CONVERT_INIT_H
#define TOOLS_CONVERT_INIT_H

#include "tools/convert.h"

// The shapes that have names, for messages: "llama-7b, llama-13b, llama-30b, llama-65b".
extern const char CONVERT_SHAPES[];

// A source whose weights are drawn, of a named shape (LLaMA's sizes, Touvron et al., 2023, table 2) or of a config.json. `tokenizer`
// is a path for convert_open_tokenizer; NULL: the byte tokenizer: <unk>, <s>, </s>, then the 256 bytes in the order of their letters,
// no merges. ERR_USAGE for an unknown name, ERR_DATA for a shape that cannot be or a tokenizer that does not fit.
Status convert_init(ConvertSource *source, Arena *arena, const char *shape, const char *tokenizer, uint64_t seed, Error *error);

#endif
