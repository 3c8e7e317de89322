// Weights of a LLaMA: foreign names and layouts become ours. One mapped, read-only copy serves all roles of a run.
#ifndef LLAMA_WEIGHTS_H
#define LLAMA_WEIGHTS_H

#include "llama/config.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"

enum { PROJ_Q, PROJ_K, PROJ_V, PROJ_O, PROJ_GATE, PROJ_UP, PROJ_DOWN, PROJ_COUNT };

// "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", by the numbers above.
extern const char *const PROJ_NAMES[PROJ_COUNT];

typedef struct {
    Tensor *attention_norm;        // [D] fp32
    Tensor *proj[PROJ_COUNT];      // [out, in], any DType: q [H*S,D] k,v [K*S,D] o [D,H*S] gate,up [F,D] down [D,F]
    Tensor *ffn_norm;              // [D] fp32
} LlamaLayer;

typedef struct {
    Tensor *embedding;   // [V,D]
    LlamaLayer *layer;   // L of them
    Tensor *norm;        // [D] fp32
    Tensor *head;        // [V,D]; the embedding itself when tied
    float *inv_freq;     // [S/2]: from the config, or divided by a GGUF's rope_freqs.weight
} LlamaWeights;

// Where a model came from: kept for run.json and for the tokenizer.
typedef struct {
    const char *path;
    bool is_gguf;
    Gguf gguf;                // is_gguf
    SafeTensors *shards;      // otherwise
    int n_shards;
    char sha256[65];          // of the GGUF, or over the shards' hashes in name order; filled when asked (weights_hash)
} LlamaSource;

// Opens PATH (a .gguf file or a HF folder with config.json and model.safetensors or its index), checks every tensor's name,
// shape and type against the config, and points `weights` into the map. GGUF: the rows of q and k come back from
// interleaved to rotate-half order (formats.md, section 5): these tensors are copied row by row into the arena in their own
// type; everything else stays in the map. Norm weights of another type than F32 are expanded into the arena.
Status weights_open(LlamaWeights *weights, LlamaConfig *config, LlamaSource *source, Arena *arena, const char *path, Error *error);
void weights_close(LlamaSource *source);

// One tensor of a model by itself: for those who move weights from file to file without a model around them.
enum { WEIGHTS_NAME = 96 };
typedef struct {
    char hf[WEIGHTS_NAME], gguf[WEIGHTS_NAME];  // its names; hf is empty for a GGUF's rope_freqs.weight
    int slot;
    int rows, columns;    // rows 0: a vector
    int turned;           // head size where a GGUF holds each head's rows interleaved (q and k), else 0
    DType dtype;          // in its file
    const uint8_t *data;  // inside the map; NULL: declared only, or no factors in the file
} WeightsPart;

// The parts that a model of this shape has, in the arena: whole ones first, then layer by layer. A tied head is none.
WeightsPart *weights_declare(const LlamaConfig *config, Arena *arena, int *n);
// Opens PATH and checks it as weights_open does, and lists its parts; nothing is copied or reordered.
Status weights_list(WeightsPart **parts, int *n, LlamaConfig *config, LlamaSource *source, Arena *arena, const char *path, Error *error);

// Fills source->sha256.
Status weights_hash(LlamaSource *source, Error *error);

#endif
