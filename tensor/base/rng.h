// Random numbers as a function of what is drawn, never of the order of drawing (numerics.md, S1).
//
// value = Philox4x32-10(key, counter), word 0 of its output (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). The key says which stream: two words from SHA-256(seed, stream name). The counter says which draw:
//
//     word 0   step                     the PPO step, epoch or training step; 0 where there is none
//     word 1   prompt index             index of the prompt (or row, or tensor) in its file
//     word 2   position                 the token's position in the reply, or the element
//     word 3   side << 30 | sample << 14 | try      side 0 = p, 1 = p+, 2 = p-; sample < 65536; try < 16384
//
// So a sample can be regenerated alone, in any batch, on any thread or rank.
#ifndef TENSOR_BASE_RNG_H
#define TENSOR_BASE_RNG_H

#include <stdint.h>

typedef struct {
    uint32_t word[2];
} RngKey;

typedef struct {
    uint32_t step, prompt, position;
    uint32_t side, sample, attempt;  // side < 4, sample < 65536, attempt < 16384
} RngDraw;

// The key of a stream such as "simulate.sample" under the user's seed.
RngKey rng_key(uint64_t seed, const char *stream);

// The block cipher itself: ten rounds over four counter words under two key words.
void rng_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

// 32 random bits of one draw.
uint32_t rng_bits(RngKey key, RngDraw draw);

// (bits >> 8) * 2^-24: uniform in [0, 1), exact in fp32.
float rng_uniform(RngKey key, RngDraw draw);

// Standard normal by Box-Muller from output words 0 and 1 of the draw, in fp32 with the contract's own functions' order;
// used for initial weights. `log_of` and `cos_of` are passed so that base stays below tensor (tensor/kernels owns them).
float rng_normal(RngKey key, RngDraw draw, float (*log_of)(float), float (*cos_of)(float));

// Fills order[0..n) with 0..n-1 sorted by (bits of draw {step, index}, index): a shuffle that no sort algorithm changes.
// `work` holds n words.
void rng_shuffle(RngKey key, uint32_t step, int n, int *order, uint32_t *work);

#endif
