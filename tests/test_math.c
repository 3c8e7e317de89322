// Own exp, log, sin, cos, tanh and pow against the C library's double, in units in the last place.
#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tests/support.h"

static float float_from(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Largest error of f over every `step`-th float within [low, high], in ulp of the true value; subnormal results count in
// units of the smallest normal's ulp.
static double worst_ulp(float (*f)(float), double (*truth)(double), float low, float high, uint32_t step) {
    double worst = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += step) {
        float x = float_from((uint32_t)bits);
        if (!(x >= low && x <= high)) continue;
        double want = truth(x), size = fabs(want) < FLT_MIN ? FLT_MIN : fabs(want);
        int exponent;
        frexp(size, &exponent);
        double error = fabs((double)f(x) - want) / ldexp(1, exponent - 24);
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

// The bounds are those of kernels.h; the step is odd, so that the last bits vary.
START_TEST(errors_stay_below_the_stated_bounds) {
    ck_assert_double_lt(worst_ulp(exp_f32, exp, -0x1.5d589ep+6f, 0x1.62e42ep+6f, 2999), 0.9);
    ck_assert_double_lt(worst_ulp(log_f32, log, 0x1p-149f, FLT_MAX, 2999), 0.9);
    ck_assert_double_lt(worst_ulp(tanh_f32, tanh, -FLT_MAX, FLT_MAX, 2999), 1.4);
    ck_assert_double_lt(worst_ulp(sin_f32, sin, -FLT_MAX, FLT_MAX, 5999), 0.501);
    ck_assert_double_lt(worst_ulp(cos_f32, cos, -FLT_MAX, FLT_MAX, 5999), 0.501);
}
END_TEST

START_TEST(exp_at_its_limits) {
    ck_assert_uint_eq(float_bits(exp_f32(0.0f)), float_bits(1.0f));
    ck_assert_uint_eq(float_bits(exp_f32(-0.0f)), float_bits(1.0f));
    ck_assert_uint_eq(float_bits(exp_f32(0x1p-149f)), float_bits(1.0f));
    ck_assert(isfinite(exp_f32(0x1.62e42ep+6f)));
    ck_assert_float_eq(exp_f32(nextafterf(0x1.62e42ep+6f, 100.0f)), INFINITY);
    ck_assert_float_ge(exp_f32(-0x1.5d589ep+6f), FLT_MIN);
    ck_assert_uint_eq(float_bits(exp_f32(nextafterf(-0x1.5d589ep+6f, -100.0f))), 0);
    ck_assert_float_eq(exp_f32(INFINITY), INFINITY);
    ck_assert_uint_eq(float_bits(exp_f32(-INFINITY)), 0);
    ck_assert(isnan(exp_f32(NAN)));
}
END_TEST

START_TEST(special_values) {
    ck_assert_uint_eq(float_bits(log_f32(1.0f)), 0);
    ck_assert_float_eq(log_f32(0.0f), -INFINITY);
    ck_assert_float_eq(log_f32(-0.0f), -INFINITY);
    ck_assert_float_eq(log_f32(INFINITY), INFINITY);
    ck_assert(isnan(log_f32(-1.0f)) && isnan(log_f32(-0x1p-149f)) && isnan(log_f32(-INFINITY)) && isnan(log_f32(NAN)));
    ck_assert_uint_eq(float_bits(sin_f32(-0.0f)), 0x80000000u);
    ck_assert_uint_eq(float_bits(cos_f32(0.0f)), float_bits(1.0f));
    ck_assert(isnan(sin_f32(INFINITY)) && isnan(cos_f32(-INFINITY)) && isnan(sin_f32(NAN)) && isnan(cos_f32(NAN)));
    ck_assert_uint_eq(float_bits(tanh_f32(-0.0f)), 0x80000000u);
    ck_assert_float_eq(tanh_f32(9.1f), 1.0f);
    ck_assert_float_eq(tanh_f32(-INFINITY), -1.0f);
    ck_assert(isnan(tanh_f32(NAN)));
}
END_TEST

START_TEST(tanh_and_sin_are_odd) {
    for (uint32_t bits = 0; bits < 0x7f800000u; bits += 1000003) {
        float x = float_from(bits);
        ck_assert_uint_eq(float_bits(tanh_f32(-x)), float_bits(-tanh_f32(x)));
        ck_assert_uint_eq(float_bits(sin_f32(-x)), float_bits(-sin_f32(x)));
        ck_assert_uint_eq(float_bits(cos_f32(-x)), float_bits(cos_f32(x)));
    }
}
END_TEST

START_TEST(powers) {
    // Exact powers, the order of repeated squaring, negative exponents.
    ck_assert_double_eq(pow_f64(3.0, 5), 243.0);
    ck_assert_double_eq(pow_f64(2.0, -3), 0.125);
    ck_assert_double_eq(pow_f64(0.0, 0), 1.0);
    ck_assert_double_eq(pow_f64(2.0, 1023), 0x1p1023);
    double square = 0.999 * 0.999, fourth = square * square;
    ck_assert_double_eq(pow_f64(0.999, 6), square * fourth);
    ck_assert_double_eq_tol(pow_f64(0.999, 100000), pow(0.999, 100000), 1e-55);
    // RoPE's bases and powers and far beyond.
    for (int i = 0; i < 20000; i++) {
        double base = ldexp(1 + (i * 7919 % 10007) / 10007.0, i % 40 - 10), power = (i % 401 - 200) / 100.0, want = pow(base, power);
        ck_assert_double_eq_tol(pow_real_f64(base, power), want, want * 1e-13);
    }
    ck_assert_double_eq(pow_real_f64(10000.0, 0.0), 1.0);
    ck_assert(isnan(pow_real_f64(-1.0, 0.5)) && isnan(pow_real_f64(0.0, 0.5)) && isnan(pow_real_f64(NAN, 0.5)));
    ck_assert_double_eq(pow_real_f64(10.0, 400.0), INFINITY);
    ck_assert_double_eq(pow_real_f64(10.0, -400.0), 0.0);
}
END_TEST

// Hashes of many results: the same bits from every compiler, optimisation level, libc and processor.
static uint64_t hash_results(float (*f)(float), uint32_t step) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += step) hash = (hash ^ float_bits(f(float_from((uint32_t)bits)))) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_pow(void) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < 5000; i++) {
        double value = pow_real_f64(1.5 + 101.0 * i, -(i % 64) / 64.0) + pow_f64(0.95, i);
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
    }
    return hash;
}

START_TEST(bits_are_the_same_everywhere) {
    ck_assert_uint_eq(hash_results(exp_f32, 10007), 0xa4597aa3282f56fbu);
    ck_assert_uint_eq(hash_results(log_f32, 10007), 0xa2361c4c5a18a3e1u);
    ck_assert_uint_eq(hash_results(sin_f32, 10007), 0x6444e8afbc977439u);
    ck_assert_uint_eq(hash_results(cos_f32, 10007), 0x9df731829e0c943eu);
    ck_assert_uint_eq(hash_results(tanh_f32, 10007), 0xc2d7598779e59adau);
    ck_assert_uint_eq(hash_pow(), 0xd8641627534c95e9u);
}
END_TEST

Suite *suite_math(void);

Suite *suite_math(void) {
    Suite *suite = suite_create("math");
    TCase *tests = tcase_create("math");
    tcase_add_test(tests, errors_stay_below_the_stated_bounds);
    tcase_add_test(tests, exp_at_its_limits);
    tcase_add_test(tests, special_values);
    tcase_add_test(tests, tanh_and_sin_are_odd);
    tcase_add_test(tests, powers);
    tcase_add_test(tests, bits_are_the_same_everywhere);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return suite;
}
