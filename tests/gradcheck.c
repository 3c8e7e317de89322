#include "tests/gradcheck.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/pool.h"
#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"

void random_fill(float *x, size_t n, unsigned seed, float spread) {
    RngKey key = rng_key(seed, "test");
    for (size_t i = 0; i < n; i++) x[i] = (2.0f * rng_uniform(key, (RngDraw){.position = (uint32_t)i}) - 1.0f) * spread;
}

Tensor *random_tensor(Arena *arena, unsigned seed, float spread, int a, int b) {
    Tensor *t = tensor_new_2d(arena, true, a, b);
    random_fill(tensor_f32(t), tensor_count(t), seed, spread);
    return t;
}

void kernels_setup(void) {
    Error error;
    ck_ok(kernels_choose("native", &error), error);
}

void check_bits(const char *what, const float *found, const float *expected, size_t n) {
    // Check's own assertions cost a message to the parent process each: only a difference makes one.
    for (size_t i = 0; i < n; i++)
        if (float_bits(found[i]) != float_bits(expected[i]))
            ck_abort_msg("%s[%zu]: expected %a, found %a", what, i, (double)expected[i], (double)found[i]);
}

void check_threads(void (*run)(void *context, float *out), void *context, size_t n) {
    Arena arena = arena_make("threads", 0);
    Error error;
    float *expected = arena_zeros(&arena, n, sizeof(float)), *found = arena_alloc(&arena, n * sizeof(float));
    const int threads[] = {1, 2, 3, 7};
    for (int i = 0; i < 4; i++) {
        memset(found, 0, n * sizeof(float));
        ck_ok(pool_start(threads[i], &error), error);
        run(context, i ? found : expected);
        pool_stop();
        if (i) check_bits("threads", found, expected, n);
    }
    arena_free(&arena);
}

// L of the op's result, in double.
static double projection(const Gradcheck *c, const float *r) {
    Arena *arena = c->input[0]->arena;
    ArenaMark mark = arena_mark(arena);
    const Tensor *y = c->op(NULL, c->input, c->context);
    double sum = 0;
    for (size_t i = 0; i < tensor_count(y); i++) sum += (double)r[i] * (double)tensor_f32(y)[i];
    arena_release(arena, mark);
    return sum;
}

// Adds dL/dinput to the inputs' gradients.
static void differentiate(const Gradcheck *c, const float *r) {
    Arena *arena = c->input[0]->arena;
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    Tensor *y = c->op(&tape, c->input, c->context);
    ck_assert_ptr_nonnull(y->grad);
    for (size_t i = 0; i < tensor_count(y); i++) y->grad[i] += r[i];
    tape_backward(&tape);
    arena_release(arena, mark);
}

static void clear(const Gradcheck *c) {
    for (int i = 0; i < c->inputs; i++)
        if (c->input[i]->grad) memset(c->input[i]->grad, 0, tensor_count(c->input[i]) * sizeof(float));
}

static double largest(const float *x, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

// One input's gradient against the central difference.
static double check_input(const Gradcheck *c, int which, const float *grad, const float *r, double tolerance) {
    const float h = 0x1p-5f;
    Tensor *x = c->input[which];
    size_t n = tensor_count(x);
    double scale = largest(grad, n), worst = 0;
    ck_assert_msg(scale > 0, "input %d: every derivative is 0, nothing is tested", which);
    for (size_t i = 0; i < n; i++) {
        float old = tensor_f32(x)[i];
        double value[4];
        const float offset[4] = {-2 * h, -h, h, 2 * h};
        for (int k = 0; k < 4; k++) {
            tensor_f32(x)[i] = old + offset[k];
            value[k] = projection(c, r);
        }
        tensor_f32(x)[i] = old;
        double numeric = (8 * (value[2] - value[1]) - (value[3] - value[0])) / (12 * (double)h);
        double error = fabs(numeric - (double)grad[i]) / scale;
        ck_assert_msg(error <= tolerance, "input %d element %zu: difference %.9g, backward %.9g, largest %.3g: error %.3g", which, i,
                      numeric, (double)grad[i], scale, error);
        worst = fmax(worst, error);
    }
    return worst;
}

double gradcheck(const Gradcheck *check, double tolerance) {
    Arena arena = arena_make("gradcheck", 0);
    Gradcheck c = *check;
    // The same bits with and without a tape; then the projection.
    Tape tape = tape_make(&arena);
    const Tensor *recorded = c.op(&tape, c.input, c.context), *plain = c.op(NULL, c.input, c.context);
    ck_assert_ptr_null(plain->grad);
    size_t n = tensor_count(plain);
    check_bits("forward without a tape", tensor_f32(plain), tensor_f32(recorded), n);
    float *r = arena_alloc(&arena, n * sizeof(float));
    random_fill(r, n, 999, 1.0f);

    clear(&c);
    differentiate(&c, r);
    float *once[GRADCHECK_INPUTS];
    for (int i = 0; i < c.inputs; i++) once[i] = (float *)arena_copy(&arena, c.input[i]->grad, tensor_count(c.input[i]) * sizeof(float));

    // Backward adds.
    differentiate(&c, r);
    for (int i = 0; i < c.inputs; i++)
        for (size_t j = 0; j < tensor_count(c.input[i]); j++)
            ck_assert_msg(fabs((double)c.input[i]->grad[j] - 2 * (double)once[i][j]) <= 1e-5 * largest(once[i], tensor_count(c.input[i])),
                          "input %d element %zu: a second backward gave %g, the first %g", i, j, (double)c.input[i]->grad[j],
                          (double)once[i][j]);

    // One gradient wanted, the others not.
    for (int i = 0; i < c.inputs && !c.together; i++) {
        float *grad[GRADCHECK_INPUTS];
        clear(&c);
        for (int j = 0; j < c.inputs; j++) {
            grad[j] = c.input[j]->grad;
            if (j != i) c.input[j]->grad = NULL;
        }
        differentiate(&c, r);
        check_bits("a gradient alone", grad[i], once[i], tensor_count(c.input[i]));
        for (int j = 0; j < c.inputs; j++) c.input[j]->grad = grad[j];
    }

    double worst = 0;
    for (int i = 0; i < c.inputs; i++) worst = fmax(worst, check_input(&c, i, once[i], r, tolerance));
    arena_free(&arena);
    return worst;
}
