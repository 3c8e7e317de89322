// SHA-256 (FIPS 180-4): hashes of files and runs, and the key of the random numbers.
#ifndef TENSOR_BASE_SHA256_H
#define TENSOR_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} Sha256;

// Begin, feed any number of pieces, end. The digest does not depend on how the bytes were cut into pieces.
void sha256_begin(Sha256 *hash);
void sha256_feed(Sha256 *hash, const void *data, size_t bytes);
void sha256_end(Sha256 *hash, uint8_t digest[32]);

// Writes the digest as 64 lower-case hexadecimal digits and a NUL.
void sha256_hex(const uint8_t digest[32], char text[65]);

#endif
