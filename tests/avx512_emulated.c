// The avx512 table on processors without AVX-512: its source over instructions that are written out, each as Intel's manual states it.
// Objects of the program are compiled for the instructions themselves; this one differs from them in nothing else.
#ifdef __AVX2__
#include "tests/avx512_emulated.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "tensor/dtype.h"

// One of 16 lanes at a time. The arithmetic of a lane is one AVX instruction, so that FTZ and DAZ act on it.
#define EACH for (int i = 0; i < 16; i++)
typedef __m512 V;
typedef uint32_t W __attribute__((vector_size(64)));

static inline float one_fma(float a, float b, float c) { return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))); }
static inline float one_sqrt(float a) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); }

static inline V e_set1(float x) { V y; EACH y[i] = x; return y; }
static inline V e_maskz_loadu(unsigned m, const float *x) { V y; EACH y[i] = m >> i & 1 ? x[i] : 0.0f; return y; }
static inline V e_loadu(const float *x) { return e_maskz_loadu(0xffff, x); }
static inline void e_mask_storeu(float *y, unsigned m, V x) { EACH if (m >> i & 1) y[i] = x[i]; }
static inline V e_fmadd(V a, V b, V c) { V y; EACH y[i] = one_fma(a[i], b[i], c[i]); return y; }
static inline V e_sqrt(V a) { V y; EACH y[i] = one_sqrt(a[i]); return y; }
static inline __mmask16 e_cmp(V a, V b, int how) {
    unsigned m = 0;
    EACH m |= (unsigned)(how == _CMP_GT_OQ ? a[i] > b[i] : a[i] == b[i]) << i;
    return (__mmask16)m;
}
static inline V e_blend(unsigned m, V a, V b) { V y; EACH y[i] = m >> i & 1 ? b[i] : a[i]; return y; }
static inline V e_maskz_mov(unsigned m, V a) { return e_blend(m, e_set1(0.0f), a); }
// The second operand wherever a > b does not hold.
static inline V e_max(V a, V b) { V y; EACH y[i] = a[i] > b[i] ? a[i] : b[i]; return y; }
// 128-bit groups chosen by pairs of bits, the lower two from a, the upper two from b; then elements inside each group alike.
static inline V e_shuffle_groups(V a, V b, unsigned how) {
    V y;
    EACH { V from = i < 8 ? a : b; y[i] = from[(int)(how >> i / 4 * 2 & 3) * 4 + i % 4]; }
    return y;
}
static inline V e_shuffle(V a, V b, unsigned how) {
    V y;
    EACH { V from = i % 4 < 2 ? a : b; y[i] = from[i / 4 * 4 + (int)(how >> i % 4 * 2 & 3)]; }
    return y;
}
typedef int32_t I __attribute__((vector_size(64)));
static inline __m512i e_bytes(__m128i q) { int8_t x[16]; I y; memcpy(x, &q, 16); EACH y[i] = x[i]; return (__m512i)y; }
static inline __m512i e_halves(__m256i q) { uint16_t x[16]; W y; memcpy(x, &q, 32); EACH y[i] = x[i]; return (__m512i)y; }
static inline V e_whole(__m512i q) { V y; EACH y[i] = (float)((I)q)[i]; return y; }
static inline V e_f16(__m256i q) { uint16_t x[16]; V y; memcpy(x, &q, 32); EACH y[i] = f16_to_f32(x[i]); return y; }
static inline __m512i e_shift(__m512i a, int by) { return (__m512i)((W)a << by); }
static inline V e_wide(__m256 a) { V y; EACH y[i] = i < 8 ? a[i] : NAN; return y; }
static inline V e_insert(V a, __m256 b) { V y; EACH y[i] = i < 8 ? a[i] : b[i - 8]; return y; }

#define _mm512_set1_ps e_set1
#define _mm512_maskz_loadu_ps e_maskz_loadu
#define _mm512_loadu_ps e_loadu
#define _mm512_mask_storeu_ps e_mask_storeu
#define _mm512_storeu_ps(y, x) e_mask_storeu(y, 0xffff, x)
#define _mm512_fmadd_ps e_fmadd
#define _mm512_sqrt_ps e_sqrt
#undef _mm512_cmp_ps_mask
#define _mm512_cmp_ps_mask e_cmp
#define _mm512_mask_blend_ps e_blend
#define _mm512_maskz_mov_ps e_maskz_mov
#define _mm512_max_ps e_max
#undef _mm512_shuffle_f32x4
#define _mm512_shuffle_f32x4 e_shuffle_groups
#undef _mm512_shuffle_ps
#define _mm512_shuffle_ps e_shuffle
#define _mm512_cvtepi8_epi32 e_bytes
#define _mm512_cvtepu16_epi32 e_halves
#define _mm512_cvtepi32_ps e_whole
#define _mm512_cvtph_ps e_f16
#undef _mm512_slli_epi32
#define _mm512_slli_epi32 e_shift
#define _mm512_castsi512_ps(a) ((V)(a))
#define _mm512_castps256_ps512 e_wide
#undef _mm512_insertf32x8
#define _mm512_insertf32x8(a, b, at) e_insert(a, b)
#define kernels_avx512 avx512_emulated
#include "tensor/kernels/avx512/lanes.c"
#endif
