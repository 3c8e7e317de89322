// Rotary position embedding (Su et al., 2021, arXiv 2104.09864), rotate-half pairing: element i turns with element i + S/2.
//
// angle = position * inv_freq[i] in one fp32 product; inv_freq[i] = theta^(-2i/S), then the scaling rule of the config.
#ifndef NN_ROPE_H
#define NN_ROPE_H

#include "tensor/tape.h"

typedef enum { ROPE_DEFAULT, ROPE_LINEAR, ROPE_LLAMA3 } RopeScaling;

typedef struct {
    float theta;
    RopeScaling scaling;
    float factor;                       // linear and llama3
    float low_freq_factor, high_freq_factor;  // llama3
    int original_context;               // llama3
} RopeConfig;

// Sines and cosines of positions [0, positions).
typedef struct {
    int positions, half;
    float *cosine, *sine;   // [positions, half]
} RopeTable;

// inv_freq[half] by the rule above (llama3: wavelength > original/low -> divided by factor; < original/high -> kept; between ->
// linear blend).
void rope_inverse_frequencies(float *inv_freq, int half, const RopeConfig *config);
// A table for `positions` positions in the arena. `inv_freq` as above.
RopeTable rope_table(Arena *arena, const float *inv_freq, int half, int positions);

// y[N, heads*S] from x; position[N] says which angle each row has (REQUIRE < positions). sign +1 forward, -1 backward:
// a rotation's derivative is the rotation back.
void rope_rotate(float *y, const float *x, const RopeTable *table, const int *position, float sign, int N, int heads, int S);
// dx += dy turned back: rope_rotate with sign -1, then one addition.
void rope_backward(float *dx, const float *dy, const RopeTable *table, const int *position, int N, int heads, int S);
// The op. `position` and `table` must stay valid until backward.
Tensor *rope(Tape *tape, Tensor *x, const RopeTable *table, const int *position, int heads);

#endif
