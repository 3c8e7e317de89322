#include "tests/naive.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

// ---- M3

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// The two neighbours in bf16 and which is nearer; a tie goes to the one that ends in 0.
float naive_bf16(float x) {
    uint32_t bits = bits_of(x), below = bits & 0xffff0000, rest = bits & 0xffff;
    if (isnan(x)) return float_of(below | 0x00400000);
    if ((bits & 0x7f800000) == 0) return float_of(bits & 0x80000000);
    bool up = rest > 0x8000 || (rest == 0x8000 && (below & 0x10000) != 0);
    return float_of(up ? below + 0x10000 : below);
}

// |x| = significand * 2^exponent.
typedef struct {
    int64_t significand;
    int exponent;
} Exact;

static Exact exact_of(float x) {
    uint32_t bits = bits_of(x);
    int biased = (int)(bits >> 23 & 255);
    int64_t significand = biased ? (int64_t)(bits & 0x7fffff) | 0x800000 : 0;
    return (Exact){bits >> 31 ? -significand : significand, biased - 150};
}

// A finite a * b + c, c not subnormal, as an exact integer times a power of two (what lies too far below to matter is one sticky
// bit), rounded to 24 bits with an exponent that has no limit; then flushed or turned into infinity.
static float finite_fma(float a, float b, float c) {
    Exact x = exact_of(a), y = exact_of(b), z = exact_of(c), product = {x.significand * y.significand, x.exponent + y.exponent};
    bool minus = signbit(a) != signbit(b);
    if (product.significand == 0 || z.significand == 0) {
        if (product.significand == 0 && z.significand == 0) return minus && signbit(c) ? -0.0f : 0.0f;
        if (product.significand == 0) return c;
        z = (Exact){0, product.exponent};
    }
    // The one with the larger exponent moves up by as much as fits; the other moves down into a sticky bit.
    Exact *high = product.exponent > z.exponent ? &product : &z, *low = high == &z ? &product : &z;
    int gap = high->exponent - low->exponent, up = gap < 70 ? gap : 70, down = gap - up;
    __int128 large = (__int128)high->significand * ((__int128)1 << up), small = low->significand;
    if (down > 0) {
        bool lost = down > 62 ? small != 0 : (small & (((__int128)1 << down) - 1)) != 0;
        small = down > 62 ? (small < 0 ? -1 : 0) : small >> down;
        // A floor and a rest above it: an odd last bit stands for both once all is doubled.
        large *= 2, small = small * 2 + lost;
    }
    __int128 sum = large + small;
    int exponent = high->exponent - up - (down > 0);
    if (sum == 0) return 0.0f;
    minus = sum < 0;
    unsigned __int128 size = minus ? -(unsigned __int128)sum : (unsigned __int128)sum;
    int bits = 0;
    while (bits < 127 && size >> bits > 0) bits++;
    int drop = bits - 24;
    if (drop > 0) {
        unsigned __int128 rest = size & (((unsigned __int128)1 << drop) - 1), half = (unsigned __int128)1 << (drop - 1);
        size >>= drop;
        exponent += drop;
        size += rest > half || (rest == half && (size & 1));
    }
    double value = ldexp((double)(uint64_t)size, exponent);
    if (value < 0x1p-126) value = 0;
    return (float)(minus ? -value : value);
}

float naive_bf16_fma(float a, float b, float c) {
    if (bits_of(c) << 1 >> 24 == 0) c = float_of(bits_of(c) & 0x80000000);
    return isfinite(a) && isfinite(b) && isfinite(c) ? finite_fma(a, b, c) : fmaf(a, b, c);
}

float naive_bf16_chain(float acc, const float *a, size_t sa, const float *b, size_t sb, size_t n) {
    for (size_t i = 0; i < n; i += 2)
        for (size_t k = i + 2; k-- > i;) {
            float x = k < n ? naive_bf16(a[k * sa]) : 0.0f, y = k < n ? naive_bf16(b[k * sb]) : 0.0f, r = fmaf(x, y, acc);
            // Far from the smallest normal number nothing is flushed.
            acc = (r > 0x1p-110f || r < -0x1p-110f) && isnormal(acc) ? r : naive_bf16_fma(x, y, acc);
        }
    return acc;
}
