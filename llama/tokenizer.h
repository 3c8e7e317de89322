// Tokenizers: text to ids and back. Byte-level BPE (GPT-2's family: SmolLM, Llama 3, Qwen 2) in tokenizer_bpe.c.
#ifndef LLAMA_TOKENIZER_H
#define LLAMA_TOKENIZER_H

#include "tensor/base/arena.h"
#include "tensor/base/str.h"
#include "tensor/gguf.h"

typedef struct Tokenizer Tokenizer;

// From a GGUF's tokenizer.ggml.* keys (model "gpt2"; pre-tokenizers by their .pre name) or from a HF folder's
// tokenizer.json (byte-level BPE; merges in both spellings, ignore_merges, added tokens). Everything that is not implemented
// is refused by name (R7).
Status tokenizer_from_gguf(Tokenizer **out, Arena *arena, const Gguf *gguf, Error *error);
Status tokenizer_from_json(Tokenizer **out, Arena *arena, const char *path, Error *error);
// The tokenizer that belongs to a model path: the GGUF itself, tokenizer.json in the folder, or a .json file.
Status tokenizer_open(Tokenizer **out, Arena *arena, const char *model_path, Error *error);

// Ids of a text, appended nothing: no BOS, no EOS. Special tokens written in the text are recognised as the field's
// library does. The ids live in `arena`. ERR_DATA with the byte offset when the text is not valid UTF-8, or when the
// vocabulary has no token for one of its bytes (SmolLM lacks six control characters and U+40000 .. U+BFFFF; the library
// drops them without a word). An empty text gives count 0.
Status tokenizer_encode(const Tokenizer *tokenizer, Arena *arena, Text text, int32_t **ids, int *count, Error *error);

// The bytes that ids stand for, appended to `out`; not always valid UTF-8 (a token may hold half a character).
// skip_special leaves special tokens out. ids must be in the vocabulary (REQUIRE).
void tokenizer_decode(const Tokenizer *tokenizer, const int32_t *ids, int count, bool skip_special, Str *out);

// The bytes of one token; special tokens give their written form.
Text tokenizer_bytes(const Tokenizer *tokenizer, int32_t id);

// Number of tokens: ids are [0, this).
int tokenizer_vocabulary(const Tokenizer *tokenizer);
// Control tokens such as <|im_end|>, which skip_special leaves out.
bool tokenizer_is_special(const Tokenizer *tokenizer, int32_t id);
// Begin and end of text as the file names them (GGUF: its keys; tokenizer.json: tokenizer_config.json, then config.json
// beside it), -1 for none.
int32_t tokenizer_bos(const Tokenizer *tokenizer);
int32_t tokenizer_eos(const Tokenizer *tokenizer);
// Id of a token by its written form ("<|endoftext|>"), or -1.
int32_t tokenizer_id(const Tokenizer *tokenizer, Text written);

#endif
