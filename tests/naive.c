#include "tests/naive.h"

#include <math.h>

static float tree(float *s) {
    for (int step = 8; step >= 1; step /= 2)
        for (int j = 0; j < step; j++) s[j] += s[j + step];
    return s[0];
}

float naive_sum(const float *x, size_t n) {
    float s[16] = {0};
    for (size_t i = 0; i < (n + 15) / 16 * 16; i++) s[i % 16] += i < n ? x[i] : 0.0f;
    return tree(s);
}

float naive_dot(const float *a, const float *b, size_t n) {
    float s[16] = {0};
    for (size_t i = 0; i < (n + 15) / 16 * 16; i++) s[i % 16] = fmaf(i < n ? a[i] : 0.0f, i < n ? b[i] : 0.0f, s[i % 16]);
    return tree(s);
}

float naive_max(const float *x, size_t n) {
    float most = -INFINITY;
    for (size_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

float naive_chain(float acc, const float *a, size_t sa, const float *b, size_t sb, size_t n) {
    for (size_t i = 0; i < n; i++) acc = fmaf(a[i * sa], b[i * sb], acc);
    return acc;
}
