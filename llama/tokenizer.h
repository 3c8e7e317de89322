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
// The tokenizer that belongs to a model path: the GGUF itself, or tokenizer.json in the folder.
Status tokenizer_open(Tokenizer **out, Arena *arena, const char *model_path, Error *error);

// Ids of a text, appended nothing: no BOS, no EOS. Special tokens written in the text are recognised as the field's
// library does. The ids live in `arena`. Text must be valid UTF-8: ERR_DATA with the byte offset otherwise.
Status tokenizer_encode(const Tokenizer *tokenizer, Arena *arena, Text text, int32_t **ids, int *count, Error *error);

// The bytes that ids stand for, appended to `out`; not always valid UTF-8 (a token may hold half a character).
// skip_special leaves special tokens out. ids must be in the vocabulary (REQUIRE).
void tokenizer_decode(const Tokenizer *tokenizer, const int32_t *ids, int count, bool skip_special, Str *out);

// The bytes of one token; special tokens give their written form.
Text tokenizer_bytes(const Tokenizer *tokenizer, int32_t id);

int tokenizer_vocabulary(const Tokenizer *tokenizer);
bool tokenizer_is_special(const Tokenizer *tokenizer, int32_t id);
int32_t tokenizer_bos(const Tokenizer *tokenizer);  // -1: none
int32_t tokenizer_eos(const Tokenizer *tokenizer);  // -1: none
// Id of a token by its written form ("<|endoftext|>"), or -1.
int32_t tokenizer_id(const Tokenizer *tokenizer, Text written);

#endif
