// exp, log, sin, cos, tanh, pow in one written sequence of operations, and the row kernels that are made of exp.
#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/kernels/math_constants.h"
#include "tensor/kernels/scalar/lanes.h"
#include "tensor/kernels/table.h"

_Static_assert(FLT_EVAL_METHOD == 0, "fp32 arithmetic must round to fp32 (numerics.md, A4)");

static inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t bits_of_f64(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double f64_of(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// ---- fp32 functions

float exp_f32(float x) {
    if (x != x) return x;
    if (x > EXP_MAX) return INFINITY;
    if (x < EXP_MIN) return 0.0f;
    // Split x into n ln 2 + r.
    float shifted = fmaf(x, EXP_LOG2E, EXP_MAGIC);
    float n = shifted - EXP_MAGIC;
    float r = fmaf(n, EXP_MINUS_LN2_HI, x);
    r = fmaf(n, EXP_MINUS_LN2_LO, r);
    // exp(r) by Horner.
    float p = fmaf(EXP_E4, r, EXP_E3);
    p = fmaf(p, r, EXP_E2);
    p = fmaf(p, r, EXP_E1);
    p = fmaf(p, r, EXP_E0);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    // Times 2^n: the low bits of `shifted` are n, and the shift drops those above.
    return float_of(bits_of(p) + (bits_of(shifted) << 23));
}

float log_f32(float x) {
    if (x != x || x < 0) return NAN;
    if (x == 0) return -INFINITY;
    if (x == INFINITY) return x;
    // Subnormals become normal first.
    float e = 0.0f;
    if (x < 0x1p-126f) {
        x = x * 0x1p23f;
        e = -23.0f;
    }
    // x = m 2^e with m around 1.
    int32_t offset = (int32_t)(bits_of(x) - LOG_SQRT_HALF_BITS);
    int32_t exponent = (offset - (offset & 0x7fffff)) / 0x800000;
    e = e + (float)exponent;
    float f = float_of(((uint32_t)offset & 0x7fffff) + LOG_SQRT_HALF_BITS) - 1.0f;
    // (log(1 + f) - f) / f^2 by Horner.
    float q = fmaf(LOG_L8, f, LOG_L7);
    q = fmaf(q, f, LOG_L6);
    q = fmaf(q, f, LOG_L5);
    q = fmaf(q, f, LOG_L4);
    q = fmaf(q, f, LOG_L3);
    q = fmaf(q, f, LOG_L2);
    q = fmaf(q, f, LOG_L1);
    q = fmaf(q, f, LOG_L0);
    // The large part, what its rounding lost, the small part.
    float high = e * LOG_LN2_HI;
    float low = fmaf(f * f, q, e * LOG_LN2_LO);
    float sum = high + f;
    float lost = f - (sum - high);
    return sum + (low + lost);
}

float tanh_f32(float x) {
    float a = float_of(bits_of(x) & 0x7fffffff);
    float t;
    if (a < TANH_SMALL) {
        float u = a * a;
        float p = fmaf(TANH_T4, u, TANH_T3);
        p = fmaf(p, u, TANH_T2);
        p = fmaf(p, u, TANH_T1);
        p = fmaf(p, u, TANH_T0);
        t = fmaf(a * u, p, a);
    } else {
        t = 1.0f - 2.0f / (exp_f32(a + a) + 1.0f);
    }
    return float_of(bits_of(t) | (bits_of(x) & 0x80000000u));
}

// ---- sine and cosine: reduced and summed in double, rounded once

// The first bits of 2 / pi behind one word of zeros: a window of them, times the integer significand of x, gives x in
// quarter turns without the multiples of four.
static const uint32_t TWO_OVER_PI[8] = {0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};

// 2^20 < x < infinity: r in [-pi/4, pi/4] and the quarter turn, to 2^-60, from 96 bits of 2 / pi.
static double reduce_large(float x, unsigned *quarter) {
    uint32_t m = (bits_of(x) & 0x7fffff) | 0x800000;
    int start = (int)(bits_of(x) >> 23) - 150 + 30;
    const uint32_t *word = TWO_OVER_PI + start / 32;
    int shift = start % 32;
    uint64_t window[3];
    for (int i = 0; i < 3; i++) window[i] = (uint32_t)((((uint64_t)word[i] << 32 | word[i + 1]) << shift) >> 32);
    uint64_t turns = ((m * window[0]) << 32) + m * window[1] + ((m * window[2]) >> 32);
    // Nearest quarter turn; what is left is signed, in units of 2^-62 quarter turns.
    *quarter = (unsigned)((turns + ((uint64_t)1 << 61)) >> 62);
    uint64_t left = turns - ((uint64_t)*quarter << 62);
    double magnitude = left >> 63 ? -(double)(0 - left) : (double)left;
    return magnitude * 0x1p-62 * 0x1.921fb54442d18p+0;
}

// |x| = quarter * pi/2 + r for finite x >= 0.
static double reduce(float x, unsigned *quarter) {
    if (x > 0x1p20f) return reduce_large(x, quarter);
    // pi/2 in three parts of 33, 33 and 53 bits, so that the first two products are exact.
    double n = ((double)x * 0x1.45f306dc9c883p-1 + 0x1.8p52) - 0x1.8p52;
    double r = (double)x - n * 0x1.921fb544p+0;
    r = r - n * 0x1.0b4611a6p-34;
    r = r - n * 0x1.3198a2e037073p-69;
    *quarter = (unsigned)(int)n & 3;
    return r;
}

// Taylor series on [-pi/4, pi/4], good to 2^-46.
static double sin_series(double r) {
    double u = r * r;
    double p = 1.0 / 6227020800.0;
    p = p * u - 1.0 / 39916800.0;
    p = p * u + 1.0 / 362880.0;
    p = p * u - 1.0 / 5040.0;
    p = p * u + 1.0 / 120.0;
    p = p * u - 1.0 / 6.0;
    return r + (r * u) * p;
}

static double cos_series(double r) {
    double u = r * r;
    double p = -1.0 / 87178291200.0;
    p = p * u + 1.0 / 479001600.0;
    p = p * u - 1.0 / 3628800.0;
    p = p * u + 1.0 / 40320.0;
    p = p * u - 1.0 / 720.0;
    p = p * u + 1.0 / 24.0;
    p = p * u - 0.5;
    return 1.0 + u * p;
}

float sin_f32(float x) {
    if (x != x || x == INFINITY || x == -INFINITY) return NAN;
    if (x == 0) return x;
    unsigned quarter;
    double r = reduce(x < 0 ? -x : x, &quarter);
    double y = quarter & 1 ? cos_series(r) : sin_series(r);
    bool negative = ((quarter & 2) != 0) != (x < 0);
    return (float)(negative ? -y : y);
}

float cos_f32(float x) {
    if (x != x || x == INFINITY || x == -INFINITY) return NAN;
    unsigned quarter;
    double r = reduce(x < 0 ? -x : x, &quarter);
    double y = quarter & 1 ? sin_series(r) : cos_series(r);
    bool negative = quarter == 1 || quarter == 2;
    return (float)(negative ? -y : y);
}

// ---- powers in double

double pow_f64(double base, int exponent) {
    unsigned left = exponent < 0 ? 0u - (unsigned)exponent : (unsigned)exponent;
    double result = 1.0;
    // Lowest bit first: multiply where the bit is set, square for the next.
    for (double square = base; left; left >>= 1) {
        if (left & 1) result = result * square;
        if (left > 1) square = square * square;
    }
    return exponent < 0 ? 1.0 / result : result;
}

// log of a positive finite normal double: 2 atanh(f / (2 + f)) with the mantissa in [0.7071, 1.4142).
static double log_f64(double x) {
    int64_t offset = (int64_t)(bits_of_f64(x) - 0x3fe6a09e667f3bcd);
    int64_t low = offset & 0xfffffffffffff;
    double e = (double)((offset - low) / 0x10000000000000);
    double f = f64_of((uint64_t)low + 0x3fe6a09e667f3bcd) - 1.0;
    double s = f / (2.0 + f);
    double u = s * s;
    // sum of u^k / (2k + 1)
    double p = 1.0 / 23.0;
    for (int odd = 21; odd >= 3; odd -= 2) p = p * u + 1.0 / (double)odd;
    double high = e * 0x1.62e42fefa2p-1;
    double low_part = e * 0x1.9ef35793c7673p-41;
    return high + (2.0 * s + ((2.0 * s) * (u * p) + low_part));
}

// exp of a double in [-700, 700].
static double exp_f64(double x) {
    double n = (x * 0x1.71547652b82fep+0 + 0x1.8p52) - 0x1.8p52;
    double r = x - n * 0x1.62e42fefa2p-1;
    r = r - n * 0x1.9ef35793c7673p-41;
    // Taylor from the 14th term inwards: 1 + r/1 (1 + r/2 (1 + ...)).
    double p = 1.0;
    for (int k = 14; k >= 1; k--) p = 1.0 + (r / (double)k) * p;
    return f64_of(bits_of_f64(p) + ((uint64_t)(int64_t)n << 52));
}

double pow_real_f64(double base, double power) {
    if (!(base >= DBL_MIN && base <= DBL_MAX)) return NAN;
    double x = power * log_f64(base);
    if (x != x) return NAN;
    if (x > 700.0) return INFINITY;
    if (x < -700.0) return 0.0;
    return exp_f64(x);
}

// ---- rows

static void exp_row(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = exp_f32(x[i]);
}

// Stores exp(x - shift) when y is not NULL; the A1 sum of it.
static inline float exp_shifted(float *y, const float *x, float shift, size_t n) {
    float s[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            float e = 0.0f;
            if (i + j < n) {
                e = exp_f32(x[i + j] - shift);
                if (y) y[i + j] = e;
            }
            s[j] = s[j] + e;
        }
    return lanes_sum(s);
}

static float exp_sum(const float *x, float shift, size_t n) { return exp_shifted(NULL, x, shift, n); }

static float exp_store_sum(float *y, const float *x, float shift, size_t n) { return exp_shifted(y, x, shift, n); }

static void softmax_scaled(float *y, const float *x, float shift, float total, float factor, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (exp_f32(x[i] - shift) / total) * factor;
}

void scalar_math_install(Kernels *table) {
    table->exp = exp_row;
    table->exp_sum = exp_sum;
    table->exp_store_sum = exp_store_sum;
    table->softmax_scaled = softmax_scaled;
}
