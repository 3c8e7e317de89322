// Keys and values of the tokens already seen, one slot per running sequence, in the layout that the attention kernels stream.
#ifndef LLAMA_KVCACHE_H
#define LLAMA_KVCACHE_H

#include "llama/config.h"
#include "nn/attention.h"

typedef struct {
    int slots;     // sequences at once
    int capacity;  // tokens a slot can hold
    int L, K, S;
    int *length;      // [slots] tokens held
    KeyValue *heads;  // [L][slots][K]
} KvCache;

// Bytes of a cache of this shape: what is checked against --memory.
size_t kvcache_bytes(const LlamaConfig *config, int slots, int capacity);

// All slots empty; memory from `arena`.
KvCache *kvcache_make(Arena *arena, const LlamaConfig *config, int slots, int capacity);

// The K kv heads of one layer and slot.
KeyValue *kvcache_heads(const KvCache *cache, int layer, int slot);

// Forgets a slot's tokens.
void kvcache_clear(KvCache *cache, int slot);

#endif
