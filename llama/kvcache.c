#include "llama/kvcache.h"

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"

// Floats of the K part and of the V part of one head.
static size_t keys_floats(int capacity, int S) { return (size_t)((capacity + ATTN_KEYS - 1) / ATTN_KEYS) * ATTN_KEYS * (size_t)S; }
static size_t values_floats(int capacity, int S) { return (size_t)capacity * (size_t)S; }

size_t kvcache_bytes(const LlamaConfig *c, int slots, int capacity) {
    return (size_t)c->L * (size_t)slots * (size_t)c->K * (keys_floats(capacity, c->S) + values_floats(capacity, c->S)) * sizeof(float);
}

KvCache *kvcache_make(Arena *arena, const LlamaConfig *c, int slots, int capacity) {
    REQUIRE(slots > 0 && capacity > 0, "kvcache: %d slots of %d tokens", slots, capacity);
    KvCache *cache = arena_alloc(arena, sizeof *cache);
    size_t n = (size_t)c->L * (size_t)slots * (size_t)c->K;
    *cache = (KvCache){.slots = slots, .capacity = capacity, .L = c->L, .K = c->K, .S = c->S};
    cache->length = arena_zeros(arena, (size_t)slots, sizeof(int));
    cache->heads = arena_alloc(arena, n * sizeof(KeyValue));
    for (size_t i = 0; i < n; i++) {
        // Zeros, so that the unused keys of a block are numbers.
        cache->heads[i].kt = arena_zeros(arena, keys_floats(capacity, c->S), sizeof(float));
        cache->heads[i].v = arena_zeros(arena, values_floats(capacity, c->S), sizeof(float));
    }
    return cache;
}

KeyValue *kvcache_heads(const KvCache *cache, int layer, int slot) {
    REQUIRE(layer >= 0 && layer < cache->L && slot >= 0 && slot < cache->slots, "kvcache: layer %d, slot %d", layer, slot);
    return cache->heads + ((size_t)layer * (size_t)cache->slots + (size_t)slot) * (size_t)cache->K;
}

void kvcache_clear(KvCache *cache, int slot) { cache->length[slot] = 0; }
