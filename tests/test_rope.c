// Rotary positions: finite differences, golden values, the three frequency rules, what a rotation must keep.
#include "nn/rope.h"

#include <math.h>
#include <signal.h>

#include "tensor/kernels/kernels.h"
#include "tests/golden_file.h"
#include "tests/gradcheck.h"

Suite *suite_rope(void);

static const RopeConfig PLAIN = {.theta = 10000.0f, .scaling = ROPE_DEFAULT};

typedef struct {
    RopeTable table;
    const int *position;
} Case;

static RopeTable make_table(Arena *arena, int half, int positions) {
    float *inv_freq = arena_alloc(arena, (size_t)half * sizeof(float));
    rope_inverse_frequencies(inv_freq, half, &PLAIN);
    return rope_table(arena, inv_freq, half, positions);
}

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    const Case *c = context;
    return rope(tape, input[0], &c->table, c->position, 3);
}

START_TEST(rope_gradient) {
    Arena arena = arena_make("test", 0);
    const int position[] = {0, 1, 2, 0, 1, 60};
    Case c = {make_table(&arena, 5, 61), position};
    Gradcheck check = {.op = apply, .context = &c, .inputs = 1, .input = {random_tensor(&arena, 1, 1.0f, 6, 30)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(rope_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    size_t n;
    const int32_t *position = golden_i32(&golden, "rope.position", &n);
    const float *x = golden_f32(&golden, "rope.x", &n), *dy = golden_f32(&golden, "rope.dy", &n);
    RopeTable table = make_table(&arena, 5, 701);
    float y[210], dx[210] = {0};
    rope_rotate(y, x, &table, position, 1.0f, 7, 3, 10);
    rope_backward(dx, dy, &table, position, 7, 3, 10);
    golden_check(&golden, "rope.y", y, 210);
    golden_check(&golden, "rope.dx", dx, 210);
    arena_free(&arena);
}
END_TEST

// Each frequency within fp32's rounding of the field's (which computes the scaled rules in fp32).
START_TEST(rope_frequencies) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    const RopeConfig rules[] = {PLAIN,
                                {.theta = 10000.0f, .scaling = ROPE_LINEAR, .factor = 4.0f},
                                {.theta = 500000.0f,
                                 .scaling = ROPE_LLAMA3,
                                 .factor = 8.0f,
                                 .low_freq_factor = 1.0f,
                                 .high_freq_factor = 4.0f,
                                 .original_context = 8192}};
    const char *const names[] = {"rope.inv_freq.default", "rope.inv_freq.linear", "rope.inv_freq.llama3"};
    const double tolerance[] = {0x1p-24, 3e-7, 1e-6};
    for (int rule = 0; rule < 3; rule++) {
        float inv_freq[32];
        size_t n;
        rope_inverse_frequencies(inv_freq, 32, &rules[rule]);
        const double *expected = golden_f64(&golden, names[rule], &n);
        ck_assert_uint_eq(n, 32);
        for (int i = 0; i < 32; i++)
            ck_assert_msg(fabs((double)inv_freq[i] - expected[i]) <= tolerance[rule] * expected[i], "%s[%d]: expected %.9g, found %.9g",
                          names[rule], i, expected[i], (double)inv_freq[i]);
    }
    arena_free(&arena);
}
END_TEST

// The angle is one fp32 product; a row's bits depend on its own position alone.
START_TEST(rope_bits) {
    Arena arena = arena_make("test", 0);
    float inv_freq[9], x[2 * 18], y[2 * 18], alone[2 * 18];
    rope_inverse_frequencies(inv_freq, 9, &PLAIN);
    RopeTable table = rope_table(&arena, inv_freq, 9, 5000);
    random_fill(x, 36, 1, 1.0f);
    const int position[] = {4999, 17};
    rope_rotate(y, x, &table, position, 1.0f, 2, 1, 18);
    for (int n = 0; n < 2; n++) {
        rope_rotate(alone + n * 18, x + n * 18, &table, position + n, 1.0f, 1, 1, 18);
        for (int i = 0; i < 9; i++) {
            float angle = (float)position[n] * inv_freq[i], c = cos_f32(angle), s = sin_f32(angle);
            float a = x[n * 18 + i], b = x[n * 18 + i + 9];
            ck_assert_uint_eq(float_bits(y[n * 18 + i]), float_bits(fmaf(a, c, -(b * s))));
            ck_assert_uint_eq(float_bits(y[n * 18 + i + 9]), float_bits(fmaf(b, c, a * s)));
        }
    }
    check_bits("a row alone", alone, y, 36);
    arena_free(&arena);
}
END_TEST

// Scores depend on the distance of two positions alone; turning back gives the row again.
START_TEST(rope_relative) {
    Arena arena = arena_make("test", 0);
    RopeTable table = make_table(&arena, 16, 1000);
    float q[32], k[32], turned[64], back[32];
    random_fill(q, 32, 1, 1.0f);
    random_fill(k, 32, 2, 1.0f);
    double first = 0;
    for (int shift = 0; shift < 900; shift += 100) {
        const int at[] = {shift + 37, shift};
        rope_rotate(turned, q, &table, at, 1.0f, 1, 1, 32);
        rope_rotate(turned + 32, k, &table, at + 1, 1.0f, 1, 1, 32);
        double score = 0;
        for (int i = 0; i < 32; i++) score += (double)turned[i] * (double)turned[32 + i];
        if (shift == 0) first = score;
        ck_assert_msg(fabs(score - first) < 2e-4, "shift %d: expected %.7g, found %.7g", shift, first, score);
        rope_rotate(back, turned, &table, at, -1.0f, 1, 1, 32);
        for (int i = 0; i < 32; i++) ck_assert_float_eq_tol(back[i], q[i], 1e-6f);
    }
    arena_free(&arena);
}
END_TEST

START_TEST(rope_refuses_far_position) {
    Arena arena = arena_make("test", 0);
    RopeTable table = make_table(&arena, 2, 10);
    const int position[] = {10};
    float x[4] = {0}, y[4];
    rope_rotate(y, x, &table, position, 1.0f, 1, 1, 4);
}
END_TEST

Suite *suite_rope(void) {
    Suite *suite = suite_create("rope");
    TCase *tc = tcase_create("rope");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, rope_gradient);
    tcase_add_test(tc, rope_golden);
    tcase_add_test(tc, rope_frequencies);
    tcase_add_test(tc, rope_bits);
    tcase_add_test(tc, rope_relative);
    tcase_add_test_raise_signal(tc, rope_refuses_far_position, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
