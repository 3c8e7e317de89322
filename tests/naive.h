// The numeric contract's reductions and chains as literal loops: what layers are compared with, bit for bit.
#ifndef TESTS_NAIVE_H
#define TESTS_NAIVE_H

#include <stddef.h>

// A1 over n terms.
float naive_sum(const float *x, size_t n);
// A1 whose lanes take fmaf(a, b, lane).
float naive_dot(const float *a, const float *b, size_t n);
float naive_max(const float *x, size_t n);

// acc continued by fmaf(a[i * sa], b[i * sb], acc), i ascending.
float naive_chain(float acc, const float *a, size_t sa, const float *b, size_t sb, size_t n);

// M3, bit by bit from integers: an operand in bf16; fmaf(a, b, c) of such operands as x86 flushes it; acc continued over the pairs
// (2i, 2i + 1), the odd one first.
float naive_bf16(float x);
float naive_bf16_fma(float a, float b, float c);
float naive_bf16_chain(float acc, const float *a, size_t sa, const float *b, size_t sb, size_t n);

#endif
