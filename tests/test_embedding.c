// Embedding: finite differences, golden values, 16-bit and quantised tables, order of rows used twice, refusal of foreign ids.
#include "nn/embedding.h"

#include <signal.h>

#include "tests/golden_file.h"
#include "tests/gradcheck.h"

Suite *suite_embedding(void);

static const int32_t IDS[7] = {3, 0, 3, 8, 5, 3, 8};

static Tensor *apply(Tape *tape, Tensor *const *input, void *context) {
    (void)context;
    return embedding(tape, input[0]->arena, input[0], IDS, 7, NULL);
}

START_TEST(embedding_gradient) {
    Arena arena = arena_make("test", 0);
    Gradcheck check = {.op = apply, .inputs = 1, .input = {random_tensor(&arena, 1, 1.0f, 9, 5)}};
    gradcheck(&check, 1e-4);
    arena_free(&arena);
}
END_TEST

START_TEST(embedding_golden) {
    Arena arena = arena_make("test", 0);
    Golden golden = golden_open(&arena, "layers.bin");
    size_t n;
    const int32_t *ids = golden_i32(&golden, "embedding.ids", &n);
    const float *w = golden_f32(&golden, "embedding.w", &n), *dy = golden_f32(&golden, "embedding.dy", &n);
    float y[35], dw[65] = {0};
    embedding_forward(y, ids, w, DTYPE_F32, 7, 13, 5);
    embedding_backward(dw, dy, ids, 7, 5);
    golden_check(&golden, "embedding.y", y, 35);
    golden_check(&golden, "embedding.dw", dw, 65);
    arena_free(&arena);
}
END_TEST

// Rows of other types expand exactly as the row alone.
START_TEST(embedding_types) {
    enum { V = 9, D = 96 };
    static float w[V * D], y[7 * D], row[D];
    static uint8_t stored[V * D * 4];
    random_fill(w, V * D, 1, 1.0f);
    const DType types[] = {DTYPE_F16, DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0};
    for (int t = 0; t < 4; t++) {
        size_t stride = dtype_bytes(types[t], D);
        for (int v = 0; v < V; v++) dtype_store(stored + (size_t)v * stride, types[t], w + v * D, D);
        embedding_forward(y, IDS, stored, types[t], 7, V, D);
        for (int n = 0; n < 7; n++) {
            dtype_expand(row, stored + (size_t)IDS[n] * stride, types[t], 0, D);
            check_bits(dtype_info(types[t])->name, y + n * D, row, D);
        }
    }
}
END_TEST

// ((big + small) + small) differs from any other order.
START_TEST(embedding_order) {
    const int32_t ids[] = {1, 1, 1};
    const float dy[] = {0x1p24f, 1.0f, 1.0f};
    float dw[2] = {0, 0};
    embedding_backward(dw, dy, ids, 3, 1);
    ck_assert_float_eq(dw[1], 0x1p24f);
    const float reversed[] = {1.0f, 1.0f, 0x1p24f};
    dw[1] = 0;
    embedding_backward(dw, reversed, ids, 3, 1);
    ck_assert_float_eq(dw[1], 0x1p24f + 2.0f);
}
END_TEST

START_TEST(embedding_refuses_foreign_id) {
    const float w[6] = {0};
    const int32_t ids[] = {0, 3};
    float y[4];
    embedding_forward(y, ids, w, DTYPE_F32, 2, 3, 2);
}
END_TEST

Suite *suite_embedding(void) {
    Suite *suite = suite_create("embedding");
    TCase *tc = tcase_create("embedding");
    tcase_add_checked_fixture(tc, kernels_setup, NULL);
    tcase_add_test(tc, embedding_gradient);
    tcase_add_test(tc, embedding_golden);
    tcase_add_test(tc, embedding_types);
    tcase_add_test(tc, embedding_order);
    tcase_add_test_raise_signal(tc, embedding_refuses_foreign_id, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
