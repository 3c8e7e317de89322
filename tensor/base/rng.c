#include "tensor/base/rng.h"

#include <math.h>
#include <string.h>

#include "tensor/base/sha256.h"
#include "tensor/base/status.h"

RngKey rng_key(uint64_t seed, const char *stream) {
    // The seed as 8 little-endian bytes, then the stream's name.
    uint8_t head[8], digest[32];
    for (int i = 0; i < 8; i++) head[i] = (uint8_t)(seed >> 8 * i);
    Sha256 hash;
    sha256_begin(&hash);
    sha256_feed(&hash, head, sizeof head);
    sha256_feed(&hash, stream, strlen(stream));
    sha256_end(&hash, digest);
    RngKey key;
    for (int i = 0; i < 2; i++)
        key.word[i] = (uint32_t)digest[4 * i] | (uint32_t)digest[4 * i + 1] << 8 | (uint32_t)digest[4 * i + 2] << 16 |
                      (uint32_t)digest[4 * i + 3] << 24;
    return key;
}

void rng_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
        // Weyl sequence of the key: golden ratio and sqrt(3) - 1.
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

// Packs a draw into the counter's words as rng.h declares them.
static void draw_counter(uint32_t counter[4], RngDraw draw) {
    REQUIRE(draw.side < 4 && draw.sample < 65536 && draw.attempt < 16384,
            "rng: side %u, sample %u, try %u", draw.side, draw.sample, draw.attempt);
    counter[0] = draw.step;
    counter[1] = draw.prompt;
    counter[2] = draw.position;
    counter[3] = draw.side << 30 | draw.sample << 14 | draw.attempt;
}

uint32_t rng_bits(RngKey key, RngDraw draw) {
    uint32_t counter[4], out[4];
    draw_counter(counter, draw);
    rng_philox(out, counter, key.word);
    return out[0];
}

float rng_uniform(RngKey key, RngDraw draw) { return (float)(rng_bits(key, draw) >> 8) * 0x1p-24f; }

float rng_normal(RngKey key, RngDraw draw, float (*log_of)(float), float (*cos_of)(float)) {
    uint32_t counter[4], out[4];
    draw_counter(counter, draw);
    rng_philox(out, counter, key.word);
    // u in (0, 1], v in [0, 1): sqrt(-2 ln u) cos(2 pi v).
    float u = (float)((out[0] >> 8) + 1) * 0x1p-24f, v = (float)(out[1] >> 8) * 0x1p-24f;
    return sqrtf(-2.0f * log_of(u)) * cos_of(6.2831853071795865f * v);
}

// a before b by (word, index): no two elements are equal, so every correct sort gives the same order.
static int before(const uint32_t *word, int a, int b) { return word[a] != word[b] ? word[a] < word[b] : a < b; }

// Restores the heap below `at` (largest on top).
static void sift(const uint32_t *word, int *order, int at, int n) {
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(word, order[child], order[child + 1])) child++;
        if (!before(word, order[at], order[child])) return;
        int swap = order[at];
        order[at] = order[child];
        order[child] = swap;
    }
}

void rng_shuffle(RngKey key, uint32_t step, int n, int *order, uint32_t *work) {
    for (int i = 0; i < n; i++) {
        order[i] = i;
        work[i] = rng_bits(key, (RngDraw){.step = step, .prompt = (uint32_t)i});
    }
    // Heapsort in place.
    for (int i = n / 2 - 1; i >= 0; i--) sift(work, order, i, n);
    for (int end = n - 1; end > 0; end--) {
        int swap = order[0];
        order[0] = order[end];
        order[end] = swap;
        sift(work, order, 0, end);
    }
}
