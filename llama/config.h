// The shape of a LLaMA: read from config.json or from a GGUF's keys, refused by name where it asks for what we do not have.
#ifndef LLAMA_CONFIG_H
#define LLAMA_CONFIG_H

#include "nn/rope.h"
#include "tensor/base/json.h"
#include "tensor/gguf.h"

typedef struct {
    int V;              // vocabulary
    int D;              // width
    int L;              // layers
    int H, K, S;        // heads, kv heads, head size
    int F;              // feed-forward width
    int context;        // longest sequence that the model was made for
    float norm_eps;
    RopeConfig rope;
    bool tied;          // the head is the embedding
    int32_t bos, eos;   // -1: none
    int32_t eos_all[8]; // every end-of-text id (generation_config may list several); n_eos >= 1 when eos >= 0
    int n_eos;
} LlamaConfig;

// From the keys of a GGUF whose architecture is llama. Vocabulary from llama.vocab_size or the token list.
Status config_from_gguf(LlamaConfig *config, const Gguf *gguf, Error *error);

// From a parsed config.json; `where` is its path. Reads both spellings of RoPE (formats.md, section 2); refuses biases,
// unknown activations, rope types and architectures by the key's name.
Status config_from_json(LlamaConfig *config, const Json *json, const char *where, Error *error);

// Adds the end-of-text ids of a JSON object (one id or a list under "eos_token_id"; absent or null adds none) to those that
// `config` has: generation_config.json often lists more than config.json.
Status config_add_eos(LlamaConfig *config, const Json *json, const char *where, Error *error);

// Checks every size and relation (H % K, even S, positive eps and theta, products within int): `where` prefixes the sentence.
Status config_check(const LlamaConfig *config, const char *where, Error *error);

// Number of weights, the tied head counted once.
size_t config_count_weights(const LlamaConfig *config);

#endif
