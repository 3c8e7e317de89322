// The end of an A1 reduction in plain C (numerics.md, A1).
#ifndef TENSOR_KERNELS_SCALAR_LANES_H
#define TENSOR_KERNELS_SCALAR_LANES_H

enum { LANES = 16 };

// Adds the 16 partial sums by the fixed tree; s is overwritten.
static inline float lanes_sum(float s[LANES]) {
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++) s[j] = s[j] + s[j + width];
    return s[0];
}

#endif
