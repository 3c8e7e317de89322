// Attention: finite differences, golden values, a literal three-pass definition bit for bit, cached = whole, alone = in a batch.
#include "nn/attention.h"

#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tests/golden_file.h"
#include "tests/gradcheck.h"
#include "tests/naive.h"

Suite *suite_attention(void);

typedef struct {
    const int *offsets;
    int B, H, K;
} Case;

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    const Case *c = context;
    return attention(tape, input[0], input[1], input[2], c->offsets, c->B, c->H, c->K);
}

// Three sequences, one of them empty; three query heads to a kv head.
START_TEST(attention_gradient) {
    Arena arena = arena_make("test", 0);
    const int offsets[] = {0, 4, 4, 11};
    Case c = {offsets, 3, 6, 2};
    Gradcheck check = {.op = apply, .context = &c, .inputs = 3};
    check.input[0] = random_tensor(&arena, 1, 1.5f, 11, 6 * 5);
    check.input[1] = random_tensor(&arena, 2, 1.5f, 11, 2 * 5);
    check.input[2] = random_tensor(&arena, 3, 1.0f, 11, 2 * 5);
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

static Tensor *load(const Golden *golden, const char *name, int rows) {
    size_t n;
    float *value = golden_f32(golden, name, &n);
    Tensor *t = tensor_new_2d(golden->arena, true, rows, (int)(n / (size_t)rows));
    t->data = value;
    return t;
}

START_TEST(attention_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    size_t n;
    const int32_t *offsets = golden_i32(&golden, "attention.offsets", &n);
    Tensor *q = load(&golden, "attention.q", 23), *k = load(&golden, "attention.k", 23), *v = load(&golden, "attention.v", 23);
    Tape tape = tape_make(&arena);
    Tensor *y = attention(&tape, q, k, v, offsets, 3, 6, 2);
    y->grad = golden_f32(&golden, "attention.dy", &n);
    tape_backward(&tape);
    golden_check(&golden, "attention.y", tensor_f32(y), 23 * 48);
    golden_check(&golden, "attention.dq", q->grad, 23 * 48);
    golden_check(&golden, "attention.dk", k->grad, 23 * 16);
    golden_check(&golden, "attention.dv", v->grad, 23 * 16);
    arena_free(&arena);
}
END_TEST

enum { MOST = 200 };

// Weights of query row i over keys 0 .. i: scores, exact maximum, exponentials, A1 sum.
static float naive_weights(float *e, const float *q, const float *k, size_t stride, int i, int S, float *max) {
    float scale = 1.0f / sqrtf((float)S);
    for (int j = 0; j <= i; j++) e[j] = scale * naive_chain(0.0f, q, 1, k + (size_t)j * stride, 1, (size_t)S);
    *max = naive_max(e, (size_t)i + 1);
    for (int j = 0; j <= i; j++) e[j] = exp_f32(e[j] - *max);
    return naive_sum(e, (size_t)i + 1);
}

// One sequence of T rows, H heads over K kv heads, by the header's definition.
static void naive_forward(float *y, const float *q, const float *k, const float *v, int T, int H, int K, int S) {
    float e[MOST], max;
    for (int h = 0; h < H; h++)
        for (int i = 0; i < T; i++) {
            const float *kh = k + h / (H / K) * S, *vh = v + h / (H / K) * S;
            size_t stride = (size_t)(K * S);
            float total = naive_weights(e, q + (i * H + h) * S, kh, stride, i, S, &max);
            for (int s = 0; s < S; s++) y[(i * H + h) * S + s] = naive_chain(0.0f, e, 1, vh + s, stride, (size_t)i + 1) / total;
        }
}

static void naive_backward(float *dq, float *dk, float *dv, const float *dy, const float *q, const float *k, const float *v, int T, int H,
                           int K, int S) {
    float e[MOST], dp[MOST], max, scale = 1.0f / sqrtf((float)S);
    size_t stride = (size_t)(K * S);
    memset(dk, 0, (size_t)T * stride * sizeof(float));
    memset(dv, 0, (size_t)T * stride * sizeof(float));
    for (int h = 0; h < H; h++)
        for (int i = 0; i < T; i++) {
            int at = (i * H + h) * S, kv = h / (H / K) * S;
            float total = naive_weights(e, q + at, k + kv, stride, i, S, &max);
            for (int j = 0; j <= i; j++) {
                e[j] = e[j] / total;
                dp[j] = naive_chain(0.0f, dy + at, 1, v + kv + (size_t)j * stride, 1, (size_t)S);
            }
            float mean = naive_dot(e, dp, (size_t)i + 1);
            for (int j = 0; j <= i; j++) dp[j] = (e[j] * (dp[j] - mean)) * scale;
            for (int s = 0; s < S; s++) dq[at + s] = naive_chain(0.0f, dp, 1, k + kv + s, stride, (size_t)i + 1);
            for (int j = 0; j <= i; j++)
                for (int s = 0; s < S; s++) {
                    size_t to = (size_t)j * stride + (size_t)(kv + s);
                    dk[to] = fmaf(dp[j], q[at + s], dk[to]);
                    dv[to] = fmaf(e[j], dy[at + s], dv[to]);
                }
        }
}

// Odd lengths and head sizes around the blocks' borders (16 keys, 32 and 64 rows, 6 and 16 columns).
START_TEST(attention_definition) {
    const int shapes[][4] = {{1, 2, 1, 8}, {17, 3, 1, 20}, {65, 2, 2, 5}, {131, 6, 2, 16}, {200, 3, 1, 33}};  // T, H, K, S
    for (int c = 0; c < 5; c++) {
        int T = shapes[c][0], H = shapes[c][1], K = shapes[c][2], S = shapes[c][3], nq = T * H * S, nk = T * K * S;
        Arena arena = arena_make("test", 0);
        Tensor *q = random_tensor(&arena, 1, 2.0f, T, H * S), *k = random_tensor(&arena, 2, 2.0f, T, K * S);
        Tensor *v = random_tensor(&arena, 3, 1.0f, T, K * S);
        const int offsets[] = {0, T};
        Tape tape = tape_make(&arena);
        Tensor *y = attention(&tape, q, k, v, offsets, 1, H, K);
        random_fill(y->grad, (size_t)nq, 4, 1.0f);
        tape_backward(&tape);

        float *expected = arena_alloc(&arena, (size_t)nq * sizeof(float)), *dk = arena_alloc(&arena, (size_t)nk * sizeof(float));
        float *dv = arena_alloc(&arena, (size_t)nk * sizeof(float));
        naive_forward(expected, tensor_f32(q), tensor_f32(k), tensor_f32(v), T, H, K, S);
        check_bits("y", tensor_f32(y), expected, (size_t)nq);
        naive_backward(expected, dk, dv, y->grad, tensor_f32(q), tensor_f32(k), tensor_f32(v), T, H, K, S);
        // The gradients were zero: 0 + x turns only a -0 into +0.
        for (int i = 0; i < nq; i++) expected[i] += 0.0f;
        for (int i = 0; i < nk; i++) dk[i] += 0.0f, dv[i] += 0.0f;
        check_bits("dq", q->grad, expected, (size_t)nq);
        check_bits("dk", k->grad, dk, (size_t)nk);
        check_bits("dv", v->grad, dv, (size_t)nk);
        arena_free(&arena);
    }
}
END_TEST

enum { H = 6, K = 2, S = 12, N = 150, B = 5 };

static const int OFFSETS[B + 1] = {0, 1, 70, 70, 83, N};

typedef struct {
    float q[N * H * S], k[N * K * S], v[N * K * S], dy[N * H * S];
} Data;

static Data *make_data(Arena *arena) {
    Data *d = arena_alloc(arena, sizeof *d);
    random_fill((float *)d, sizeof *d / sizeof(float), 5, 1.5f);
    return d;
}

// y, dq, dk, dv of rows [from, to) cut by `offsets`, written at their place in out.
static void run_rows(const Data *d, const int *offsets, int sequences, int from, int to, float *out) {
    Arena arena = arena_make("test", 0);
    size_t rows = (size_t)(to - from), nq = rows * H * S, nk = rows * K * S;
    Tensor *q = tensor_new_2d(&arena, true, to - from, H * S), *k = tensor_new_2d(&arena, true, to - from, K * S);
    Tensor *v = tensor_new_2d(&arena, true, to - from, K * S);
    memcpy(q->data, d->q + from * H * S, nq * sizeof(float));
    memcpy(k->data, d->k + from * K * S, nk * sizeof(float));
    memcpy(v->data, d->v + from * K * S, nk * sizeof(float));
    Tape tape = tape_make(&arena);
    Tensor *y = attention(&tape, q, k, v, offsets, sequences, H, K);
    memcpy(y->grad, d->dy + from * H * S, nq * sizeof(float));
    tape_backward(&tape);
    float *place[] = {out + from * H * S, out + (N + from) * H * S, out + 2 * N * H * S + from * K * S,
                      out + 2 * N * H * S + (N + from) * K * S};
    memcpy(place[0], y->data, nq * sizeof(float));
    memcpy(place[1], q->grad, nq * sizeof(float));
    memcpy(place[2], k->grad, nk * sizeof(float));
    memcpy(place[3], v->grad, nk * sizeof(float));
    arena_free(&arena);
}

enum { OUT = 2 * N * H * S + 2 * N * K * S };

// A sequence alone has the bits that it has in a ragged batch.
START_TEST(attention_batch) {
    static float whole[OUT], parts[OUT];
    Arena arena = arena_make("test", 0);
    const Data *d = make_data(&arena);
    run_rows(d, OFFSETS, B, 0, N, whole);
    for (int b = 0; b < B; b++) {
        const int alone[] = {0, OFFSETS[b + 1] - OFFSETS[b]};
        run_rows(d, alone, 1, OFFSETS[b], OFFSETS[b + 1], parts);
    }
    check_bits("y, dq, dk, dv", parts, whole, OUT);
    arena_free(&arena);
}
END_TEST

static void run_whole(void *context, float *out) { run_rows(context, OFFSETS, B, 0, N, out); }

START_TEST(attention_threads) {
    Arena arena = arena_make("test", 0);
    check_threads(run_whole, make_data(&arena), OUT);
    arena_free(&arena);
}
END_TEST

// Two sequences of 70 and 67 rows fed through caches in steps of the given lengths: the same bits as at once.
static void check_cached(const int *steps, int n_steps) {
    enum { FIRST = 1, SECOND = 83, ROWS = 67, CAPACITY = 96 };
    static float whole[OUT], y[2 * ROWS * H * S], q[2 * ROWS * H * S];
    Arena arena = arena_make("test", 0);
    const Data *d = make_data(&arena);
    run_rows(d, OFFSETS, B, 0, N, whole);
    KeyValue cache[2][K];
    for (int i = 0; i < 2 * K; i++) {
        KeyValue *kv = &cache[i / K][i % K];
        kv->kt = arena_alloc(&arena, CAPACITY * S * sizeof(float));
        kv->v = arena_alloc(&arena, CAPACITY * S * sizeof(float));
        // What lies behind the last key must not matter.
        for (int j = 0; j < CAPACITY * S; j++) kv->kt[j] = kv->v[j] = j % 2 ? NAN : INFINITY;
    }
    const int base[] = {FIRST, SECOND};
    for (int done = 0, step = 0; done < ROWS; step++) {
        int rows = steps[step % n_steps] < ROWS - done ? steps[step % n_steps] : ROWS - done;
        AttentionSpan spans[2];
        for (int b = 0; b < 2; b++) {
            for (int i = 0; i < rows * K; i++) {
                int row = base[b] + done + i / K, at = (row * K + i % K) * S;
                attention_store(&cache[b][i % K], d->k + at, d->v + at, done + i / K, S);
            }
            memcpy(q + b * rows * H * S, d->q + (base[b] + done) * H * S, (size_t)(rows * H * S) * sizeof(float));
            spans[b] = (AttentionSpan){.first = b * rows, .rows = rows, .start = done, .heads = cache[b]};
        }
        attention_forward(y, NULL, q, spans, 2, H, K, S);
        for (int b = 0; b < 2; b++)
            check_bits("cached row", y + b * rows * H * S, whole + (base[b] + done) * H * S, (size_t)(rows * H * S));
        done += rows;
    }
    arena_free(&arena);
}

START_TEST(attention_cached) {
    check_cached((const int[]){1}, 1);
    check_cached((const int[]){33, 1, 1, 7}, 4);
}
END_TEST

Suite *suite_attention(void) {
    Suite *suite = suite_create("attention");
    TCase *tc = tcase_create("attention");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, attention_gradient);
    tcase_add_test(tc, attention_golden);
    tcase_add_test(tc, attention_definition);
    tcase_add_test(tc, attention_batch);
    tcase_add_test(tc, attention_threads);
    tcase_add_test(tc, attention_cached);
    suite_add_tcase(suite, tc);
    return suite;
}
