// Low-rank adapter: finite differences, golden values, the order of its sums, micro-batches, the adapter that is off.
#include "nn/lora.h"

#include <string.h>

#include "nn/linear.h"
#include "tests/golden_file.h"
#include "tests/gradcheck.h"
#include "tests/naive.h"

Suite *suite_lora(void);

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    Lora lora = {input[2], input[3], 1.75f};
    return lora_linear(tape, input[0], input[1], &lora, (LinearRows){0});
}

START_TEST(lora_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 4};
    check.input[0] = random_tensor(&arena, 1, 1.0f, 5, 7);
    check.input[1] = random_tensor(&arena, 2, 1.0f, 9, 7);
    check.input[2] = random_tensor(&arena, 3, 1.0f, 3, 7);
    check.input[3] = random_tensor(&arena, 4, 1.0f, 9, 3);
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

// A tensor with gradient around golden values.
static Tensor *load(const Golden *golden, const char *name, int rows) {
    size_t n;
    float *value = golden_f32(golden, name, &n);
    Tensor *t = tensor_new_2d(golden->arena, true, rows, (int)(n / (size_t)rows));
    t->data = value;
    return t;
}

START_TEST(lora_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    Tensor *x = load(&golden, "lora.x", 6), *w = load(&golden, "lora.w", 10);
    Lora lora = {load(&golden, "lora.a", 3), load(&golden, "lora.b", 10), 1.75f};
    Tape tape = tape_make(&arena);
    Tensor *y = lora_linear(&tape, x, w, &lora, (LinearRows){0});
    size_t n;
    y->grad = golden_f32(&golden, "lora.dy", &n);
    tape_backward(&tape);
    golden_check(&golden, "lora.y", tensor_f32(y), 60);
    golden_check(&golden, "lora.dx", x->grad, 66);
    golden_check(&golden, "lora.dw", w->grad, 110);
    golden_check(&golden, "lora.da", lora.a->grad, 33);
    golden_check(&golden, "lora.db", lora.b->grad, 30);
    arena_free(&arena);
}
END_TEST

enum { N = 23, I = 29, R = 5, O = 31 };

// M4 literally: two chains, s last, one addition; backward: the base's part of dx first, then the adapter's.
START_TEST(lora_order) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 1, 1.0f, N, I), *w = random_tensor(&arena, 2, 1.0f, O, I);
    Lora lora = {random_tensor(&arena, 3, 1.0f, R, I), random_tensor(&arena, 4, 1.0f, O, R), 0.3f};
    w->grad = NULL;
    // What dx holds already makes the order of the two parts visible: (held + base's) + adapter's.
    static float held[N * I];
    random_fill(held, N * I, 6, 1.0f);
    memcpy(x->grad, held, sizeof held);
    Tape tape = tape_make(&arena);
    Tensor *y = lora_linear(&tape, x, w, &lora, (LinearRows){0});
    random_fill(y->grad, N * O, 5, 1.0f);
    tape_backward(&tape);

    const float *px = tensor_f32(x), *pw = tensor_f32(w), *a = tensor_f32(lora.a), *b = tensor_f32(lora.b), *dy = y->grad;
    static float t[N * R], expected[N * O], du[N * O], dt[N * R];
    for (int n = 0; n < N; n++)
        for (int r = 0; r < R; r++) t[n * R + r] = naive_chain(0, px + n * I, 1, a + r * I, 1, I);
    for (int n = 0; n < N; n++)
        for (int o = 0; o < O; o++) {
            float u = naive_chain(0, t + n * R, 1, b + o * R, 1, R);
            expected[n * O + o] = naive_chain(0, px + n * I, 1, pw + o * I, 1, I) + 0.3f * u;
            du[n * O + o] = dy[n * O + o] * 0.3f;
        }
    check_bits("y", tensor_f32(y), expected, N * O);
    for (int n = 0; n < N; n++)
        for (int r = 0; r < R; r++) dt[n * R + r] = naive_chain(0, du + n * O, 1, b + r, R, O);
    for (int n = 0; n < N; n++)
        for (int i = 0; i < I; i++)
            expected[n * I + i] =
                (held[n * I + i] + naive_chain(0, dy + n * O, 1, pw + i, I, O)) + naive_chain(0, dt + n * R, 1, a + i, I, R);
    check_bits("dx", x->grad, expected, N * I);
    for (int o = 0; o < O; o++)
        for (int r = 0; r < R; r++) expected[o * R + r] = naive_chain(0, du + o, O, t + r, R, N);
    check_bits("db", lora.b->grad, expected, O * R);
    for (int r = 0; r < R; r++)
        for (int i = 0; i < I; i++) expected[r * I + i] = naive_chain(0, dt + r, R, px + i, I, N);
    check_bits("da", lora.a->grad, expected, R * I);
    arena_free(&arena);
}
END_TEST

// Rows [from, to) of x as a batch of their own, with the same dy.
static void backward_rows(Arena *arena, Tensor *x, Tensor *w, const Lora *lora, const float *dy, int from, int to) {
    Tensor *part = tensor_new_2d(arena, true, to - from, I);
    memcpy(part->data, tensor_f32(x) + from * I, (size_t)(to - from) * I * sizeof(float));
    Tape tape = tape_make(arena);
    Tensor *y = lora_linear(&tape, part, w, lora, (LinearRows){0});
    memcpy(y->grad, dy + from * O, (size_t)(to - from) * O * sizeof(float));
    tape_backward(&tape);
}

START_TEST(lora_micro_batches) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 1, 1.0f, N, I), *w = random_tensor(&arena, 2, 1.0f, O, I);
    Lora lora = {random_tensor(&arena, 3, 1.0f, R, I), random_tensor(&arena, 4, 1.0f, O, R), 0.3f};
    w->grad = NULL;
    static float dy[N * O], da[R * I], db[O * R];
    random_fill(dy, N * O, 5, 1.0f);
    backward_rows(&arena, x, w, &lora, dy, 0, N);
    memcpy(da, lora.a->grad, sizeof da);
    memcpy(db, lora.b->grad, sizeof db);
    memset(lora.a->grad, 0, sizeof da);
    memset(lora.b->grad, 0, sizeof db);
    backward_rows(&arena, x, w, &lora, dy, 0, 7);
    backward_rows(&arena, x, w, &lora, dy, 7, 8);
    backward_rows(&arena, x, w, &lora, dy, 8, N);
    check_bits("da", lora.a->grad, da, R * I);
    check_bits("db", lora.b->grad, db, O * R);
    arena_free(&arena);
}
END_TEST

// No adapter: the base's bits. B = 0, as at the start: the base's values.
START_TEST(lora_off) {
    Arena arena = arena_make("test", 0);
    Tensor *x = random_tensor(&arena, 1, 1.0f, N, I), *w = random_tensor(&arena, 2, 1.0f, O, I);
    Lora lora = {random_tensor(&arena, 3, 1.0f, R, I), random_tensor(&arena, 4, 0.0f, O, R), 0.3f};
    const LinearRows plain = {0};
    const Tensor *base = linear(NULL, x, w, NULL, plain), *off = lora_linear(NULL, x, w, NULL, plain),
                 *fresh = lora_linear(NULL, x, w, &lora, plain);
    check_bits("off", tensor_f32(off), tensor_f32(base), N * O);
    for (int i = 0; i < N * O; i++) ck_assert(tensor_f32(fresh)[i] == tensor_f32(base)[i]);
    arena_free(&arena);
}
END_TEST

Suite *suite_lora(void) {
    Suite *suite = suite_create("lora");
    TCase *tc = tcase_create("lora");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, lora_gradient);
    tcase_add_test(tc, lora_golden);
    tcase_add_test(tc, lora_order);
    tcase_add_test(tc, lora_micro_batches);
    tcase_add_test(tc, lora_off);
    suite_add_tcase(suite, tc);
    return suite;
}
