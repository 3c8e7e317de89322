// Roles: what each holds, how it starts, what the value model takes over; opening a base.
#include "rlcd/role.h"

#include <math.h>
#include <signal.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_role(void);

static Arena arena;
static Error error;
static Base base;
enum { D = 16 };

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_role", 0);
    base = tiny_base(&arena, 1, false);
}
static void teardown(void) { arena_free(&arena); }

// Hidden rows of a fixed sequence.
static const float *rows(const Role *role) {
    static const int32_t IDS[] = {5, 80, 300, 7, 7, 599};
    const int32_t *ids = IDS;
    LlamaBatch batch = llama_batch(&arena, &ids, (int[]){6}, 1);
    return tensor_f32(llama_forward(NULL, role->llama, role->adapter, &batch, NULL, &arena));
}

START_TEST(role_starts_as_base) {
    Role reference = role_base(&base);
    ck_assert(reference.adapter == NULL && reference.head == NULL && reference.deviation == 1 && reference.mean == 0);
    RoleConfig config = {.adapter = adapter_default(), .trained = true};
    const Role *policy = role_make(&arena, &base, &config, 1);
    // B is zero: the same numbers (a product with zero may turn -0 into +0).
    const float *a = rows(&reference), *b = rows(policy);
    for (int i = 0; i < 6 * D; i++) ck_assert(a[i] == b[i]);
    ck_assert_ptr_eq(policy->llama, &base.llama);
    ck_assert(policy->head == NULL && policy->bias == NULL && policy->params.grad != NULL && policy->deviation == 1);
    // All weights: a copy with the same bits, a gradient for each.
    config.train_all = true;
    const Role *full = role_make(&arena, &base, &config, 1);
    check_bits("full", rows(full), a, 6 * D);
    ck_assert_ptr_null(full->adapter);
    ck_assert_uint_eq(full->params.count, config_count_weights(&base.llama.config));
    ck_assert_ptr_ne(full->llama->weights.embedding->data, base.llama.weights.embedding->data);
    // Its A is a function of the seed.
    RoleConfig plain = {.adapter = adapter_default()};
    const Role *again = role_make(&arena, &base, &plain, 1), *other = role_make(&arena, &base, &plain, 2);
    check_bits("same seed", again->params.value, policy->params.value, policy->params.count);
    ck_assert_int_ne(memcmp(other->params.value, policy->params.value, policy->params.count * sizeof(float)), 0);
    // Frozen: no gradients.
    config = (RoleConfig){.adapter = adapter_default(), .head = true};
    ck_assert_ptr_null(role_make(&arena, &base, &config, 1)->params.grad);
}
END_TEST

// Weights stored in 16 bits or quantised become the very numbers that they stand for.
START_TEST(role_expands_weights) {
    enum { ROWS = 3, COLUMNS = 32 };
    Llama small = {.config = {.V = ROWS, .D = COLUMNS, .L = 1, .H = 1, .K = 1, .S = COLUMNS, .F = COLUMNS, .context = 8, .tied = true}};
    uint8_t *blocks = arena_zeros(&arena, (size_t)COLUMNS, 34);
    for (int i = 0; i < COLUMNS * 34; i++) blocks[i] = (uint8_t)(i % 34 < 2 ? (i % 2 ? 0x2c : i) : 37 * i);
    int square[] = {COLUMNS, COLUMNS}, tall[] = {ROWS, COLUMNS}, flat[] = {COLUMNS};
    LlamaLayer layer;
    for (int p = 0; p < PROJ_COUNT; p++) layer.proj[p] = tensor_wrap(&arena, DTYPE_Q8_0, 2, square, blocks, NULL, "w");
    float norm[COLUMNS];
    random_fill(norm, COLUMNS, 3, 1);
    layer.attention_norm = layer.ffn_norm = small.weights.norm = tensor_wrap(&arena, DTYPE_F32, 1, flat, norm, NULL, "n");
    small.weights.embedding = small.weights.head = tensor_wrap(&arena, DTYPE_Q8_0, 2, tall, blocks, NULL, "e");
    small.weights.layer = &layer;
    Params params = params_make(&arena);
    Llama *twin = llama_declare(&params, &small);
    params_finish(&params, false);
    llama_fill(twin, &small);
    float expected[COLUMNS];
    for (int r = 0; r < COLUMNS; r++) {
        dtype_expand(expected, blocks + r * 34, DTYPE_Q8_0, 0, COLUMNS);
        check_bits("down", tensor_f32(twin->weights.layer[0].proj[PROJ_DOWN]) + r * COLUMNS, expected, COLUMNS);
        if (r < ROWS) check_bits("embedding", tensor_f32(twin->weights.embedding) + r * COLUMNS, expected, COLUMNS);
    }
    ck_assert(expected[3] != 0 && expected[3] != expected[4]);
    check_bits("norm", tensor_f32(twin->weights.layer[0].ffn_norm), norm, COLUMNS);
}
END_TEST

START_TEST(role_head) {
    RoleConfig config = {.adapter = adapter_default(), .head = true, .head_bias = true, .trained = true};
    Role *role = role_make(&arena, &base, &config, 1);
    ck_assert(role->head->dim[0] == 1 && role->head->dim[1] == D && role->bias->dim[0] == 1);
    for (int i = 0; i < D; i++) ck_assert_float_eq(tensor_f32(role->head)[i], 0);
    ck_assert_float_eq(tensor_f32(role->bias)[0], 0);
    ck_assert_str_eq(role->head->name, "score.weight");
    // The head comes behind the trunk.
    ck_assert_ptr_eq(tensor_f32(role->head), role->params.value + role->params.count - D - 1);
    role_init_head(role, 1, 9);
    RngKey key = rng_key(9, "score.weight");
    float sum = 0;
    for (int i = 0; i < D; i++) {
        float expected = rng_normal(key, (RngDraw){.position = (uint32_t)i}, log_f32, cos_f32) / sqrtf(17);
        ck_assert_float_eq_tol(tensor_f32(role->head)[i], expected, 1e-6f);
        sum += tensor_f32(role->head)[i] * tensor_f32(role->head)[i];
    }
    // 16 normal numbers of variance 1/17.
    ck_assert(sum > 0.3f && sum < 2.2f);
    ck_assert_float_eq(tensor_f32(role->bias)[0], 0);
}
END_TEST

START_TEST(role_copies_trunk) {
    for (int all = 0; all < 2; all++) {
        RoleConfig from_config = {.train_all = all, .adapter = adapter_default(), .head = true},
                   to_config = {.train_all = all, .adapter = adapter_default(), .head = true, .head_bias = true, .trained = true};
        Role *from = role_make(&arena, &base, &from_config, 1), *to = role_make(&arena, &base, &to_config, 2);
        random_fill(from->params.value, from->params.count, 5, 0.3f);
        random_fill(tensor_f32(to->head), D, 6, 1);
        float head[D];
        memcpy(head, tensor_f32(to->head), sizeof head);
        role_copy_trunk(to, from);
        check_bits("trunk", rows(to), rows(from), 6 * D);
        check_bits("values", to->params.value, from->params.value, from->params.count - D);
        check_bits("head", tensor_f32(to->head), head, D);
    }
}
END_TEST

START_TEST(role_refuses_other_trunk) {
    RoleConfig a = {.adapter = adapter_default(), .head = true}, b = a;
    b.adapter.rank = 4;
    role_copy_trunk(role_make(&arena, &base, &a, 1), role_make(&arena, &base, &b, 1));
}
END_TEST

// ---- base_open

static const char *dir;

// The tokenizer of the tests beside a config and weights of another vocabulary or end.
static Status open_with(Base *out, const char *config) {
    Text file;
    const char *model = "tests/golden/tiny_untied";
    ck_ok(file_read(&file, &arena, path_join(&arena, model, "model.safetensors"), 1 << 20, &error), error);
    ck_ok(file_write(path_join(&arena, dir, "model.safetensors"), file.data, file.size, &error), error);
    ck_ok(file_read(&file, &arena, "tests/golden/tokenizer_smollm.json", 1 << 20, &error), error);
    ck_ok(file_write(path_join(&arena, dir, "tokenizer.json"), file.data, file.size, &error), error);
    ck_ok(file_write(path_join(&arena, dir, "config.json"), config, strlen(config), &error), error);
    return base_open(out, &arena, dir, &error);
}

START_TEST(role_refuses_small_vocabulary) {
    Base found;
    Text config;
    dir = temporary_make(&arena);
    ck_ok(file_read(&config, &arena, "tests/golden/tiny_untied/config.json", 1 << 16, &error), error);
    ck_assert_int_eq(open_with(&found, config.data), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "600"));
    ck_assert_ptr_nonnull(strstr(error.text, "67"));
    temporary_remove(dir);
}
END_TEST

START_TEST(role_needs_tokenizer) {
    Base found;
    ck_assert_int_ne(base_open(&found, &arena, "tests/golden/tiny_untied", &error), OK);
    ck_assert_ptr_nonnull(strstr(error.text, "tokenizer.json"));
}
END_TEST

Suite *suite_role(void) {
    Suite *suite = suite_create("role");
    TCase *tc = tcase_create("role");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, role_starts_as_base);
    tcase_add_test(tc, role_expands_weights);
    tcase_add_test(tc, role_head);
    tcase_add_test(tc, role_copies_trunk);
    tcase_add_test_raise_signal(tc, role_refuses_other_trunk, SIGABRT);
    tcase_add_test(tc, role_refuses_small_vocabulary);
    tcase_add_test(tc, role_needs_tokenizer);
    suite_add_tcase(suite, tc);
    return suite;
}
