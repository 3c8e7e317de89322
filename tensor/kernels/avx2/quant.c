// Expansion of stored numbers to fp32, eight lanes at a time: the formulas of scalar/quant.c.
#include "tensor/kernels/avx2/lanes.h"
#include "tensor/kernels/expand.h"
#include "tensor/kernels/table.h"

static inline __m256 half_all(const uint8_t *bytes) { return lanes_all(f16_to_f32(half_at(bytes))); }

// The low and the high eight of 16 signed bytes as fp32.
static inline __m256 bytes_low(__m128i q) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)); }
static inline __m256 bytes_high(__m128i q) { return bytes_low(_mm_srli_si128(q, 8)); }

// 16 packed bytes: elements 0..15 in the low, 16..31 in the high nibbles.
static inline void nibbles(__m128i *first, __m128i *second, const uint8_t *bytes) {
    __m128i packed = _mm_loadu_si128((const __m128i *)bytes), fifteen = _mm_set1_epi8(15);
    *first = _mm_and_si128(packed, fifteen);
    *second = _mm_and_si128(_mm_srli_epi16(packed, 4), fifteen);
}

static inline void expand_q8_0(float *y, const uint8_t *block) {
    __m256 d = half_all(block);
    for (int i = 0; i < BLOCK; i += WIDTH)
        _mm256_storeu_ps(y + i, _mm256_mul_ps(d, bytes_low(_mm_loadl_epi64((const __m128i *)(block + 2 + i)))));
}

static inline void expand_q4_0(float *y, const uint8_t *block) {
    __m128i first, second, eight = _mm_set1_epi8(8);
    nibbles(&first, &second, block + 2);
    first = _mm_sub_epi8(first, eight);
    second = _mm_sub_epi8(second, eight);
    __m256 d = half_all(block);
    _mm256_storeu_ps(y, _mm256_mul_ps(d, bytes_low(first)));
    _mm256_storeu_ps(y + 8, _mm256_mul_ps(d, bytes_high(first)));
    _mm256_storeu_ps(y + 16, _mm256_mul_ps(d, bytes_low(second)));
    _mm256_storeu_ps(y + 24, _mm256_mul_ps(d, bytes_high(second)));
}

static inline void expand_q4_1(float *y, const uint8_t *block) {
    __m128i first, second;
    nibbles(&first, &second, block + 4);
    __m256 d = half_all(block), m = half_all(block + 2);
    _mm256_storeu_ps(y, lanes_fma(d, bytes_low(first), m));
    _mm256_storeu_ps(y + 8, lanes_fma(d, bytes_high(first), m));
    _mm256_storeu_ps(y + 16, lanes_fma(d, bytes_low(second), m));
    _mm256_storeu_ps(y + 24, lanes_fma(d, bytes_high(second), m));
}

static void expand_f16(float *y, const uint8_t *at, size_t n) {
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(at + 2 * i))));
    for (; i < n; i++) y[i] = f16_to_f32(half_at(at + 2 * i));
}

static void expand_bf16(float *y, const uint8_t *at, size_t n) {
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(at + 2 * i)));
        _mm256_storeu_ps(y + i, _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16)));
    }
    for (; i < n; i++) y[i] = bf16_to_f32(half_at(at + 2 * i));
}

void avx2_quant_install(Kernels *table) { table->expand = expand; }
