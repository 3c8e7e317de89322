// The avx512 table over emulated instructions (x86-64 with AVX2): what tests compare with the scalar one.
#ifndef TESTS_AVX512_EMULATED_H
#define TESTS_AVX512_EMULATED_H

#include "tensor/kernels/kernels.h"

// Fills a table; what it holds runs wherever AVX2 does.
void avx512_emulated(Kernels *table);

#endif
