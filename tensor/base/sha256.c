#include "tensor/base/sha256.h"

#include <string.h>

// First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

// One 64-byte block into the state (FIPS 180-4, 6.2.2).
static inline void round_of(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f, uint32_t g, uint32_t *h, uint32_t k) {
    uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25), s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    uint32_t t1 = *h + s1 + ((e & f) ^ (~e & g)) + k;
    *d += t1;
    *h = t1 + s0 + ((a & b) ^ (a & c) ^ (b & c));
}

static void compress(uint32_t state[8], const uint8_t block[64]) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    // Instead of moving eight words after each round, the next one takes them one place further.
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i += 8) {
        round_of(a, b, c, &d, e, f, g, &h, ROUND[i] + w[i]);
        round_of(h, a, b, &c, d, e, f, &g, ROUND[i + 1] + w[i + 1]);
        round_of(g, h, a, &b, c, d, e, &f, ROUND[i + 2] + w[i + 2]);
        round_of(f, g, h, &a, b, c, d, &e, ROUND[i + 3] + w[i + 3]);
        round_of(e, f, g, &h, a, b, c, &d, ROUND[i + 4] + w[i + 4]);
        round_of(d, e, f, &g, h, a, b, &c, ROUND[i + 5] + w[i + 5]);
        round_of(c, d, e, &f, g, h, a, &b, ROUND[i + 6] + w[i + 6]);
        round_of(b, c, d, &e, f, g, h, &a, ROUND[i + 7] + w[i + 7]);
    }
    uint32_t v[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++) state[i] += v[i];
}

void sha256_begin(Sha256 *hash) {
    static const uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, START, sizeof START);
    hash->bytes = 0;
}

void sha256_feed(Sha256 *hash, const void *data, size_t bytes) {
    const uint8_t *from = data;
    while (bytes) {
        size_t held = hash->bytes % 64, take = 64 - held < bytes ? 64 - held : bytes;
        if (held == 0 && bytes >= 64) {
            // Whole blocks go in without a copy.
            take = 64;
            compress(hash->state, from);
        } else {
            memcpy(hash->block + held, from, take);
            if (held + take == 64) compress(hash->state, hash->block);
        }
        hash->bytes += take;
        from += take;
        bytes -= take;
    }
}

void sha256_end(Sha256 *hash, uint8_t digest[32]) {
    // One bit, zeros, and the length in bits as 64-bit big-endian.
    uint64_t bits = hash->bytes * 8;
    uint8_t tail[72] = {0x80};
    size_t zeros = (size_t)((119 - hash->bytes % 64) % 64);
    for (int i = 0; i < 8; i++) tail[1 + zeros + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_feed(hash, tail, 1 + zeros + 8);
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 4; j++) digest[4 * i + j] = (uint8_t)(hash->state[i] >> (24 - 8 * j));
}

void sha256_hex(const uint8_t digest[32], char text[65]) {
    for (int i = 0; i < 32; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[64] = '\0';
}
