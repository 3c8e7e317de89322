// A set of low-rank adapters over the projections of one LLaMA: the trained part of a policy, value or preference model.
//
// All adapters stand on the same frozen weights; switching one off (passing NULL) gives the base. Names are PEFT's:
// base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight.
#ifndef LLAMA_ADAPTER_H
#define LLAMA_ADAPTER_H

#include "llama/config.h"
#include "llama/weights.h"
#include "nn/lora.h"
#include "nn/params.h"

typedef struct {
    int rank;
    float alpha;
    bool target[PROJ_COUNT];
} AdapterConfig;

typedef struct {
    AdapterConfig config;
    Lora (*layer)[PROJ_COUNT];  // [L]; a projection without adapter has a == NULL
} Adapter;

// Rank 16, alpha 32, all seven projections (the recipe's default; Dettmers et al., 2023, arXiv 2305.14314 adapt all layers).
AdapterConfig adapter_default(void);

// Input and output width of a projection (PROJ_Q ..).
void projection_shape(const LlamaConfig *c, int proj, int *in, int *out);

// Declares every A and B in `params`, in the order of layers and projections; the caller finishes the block, then calls
// adapter_init or loads values.
Adapter *adapter_declare(Params *params, const LlamaConfig *model, const AdapterConfig *config);

// A uniform in +-1/sqrt(in) (Kaiming with a = sqrt(5), as PEFT does), each element a function of (seed, tensor name,
// element); B zero, so that the adapted model starts as the base.
void adapter_init(Adapter *adapter, int layers, uint64_t seed);

// The adapter of one projection, or NULL when it is not targeted or `adapter` is NULL.
const Lora *adapter_lora(const Adapter *adapter, int layer, int proj);

#endif
