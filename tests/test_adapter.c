// Adapters: names and shapes of PEFT, start values, targets, what switching off means.
#include "llama/adapter.h"

#include <math.h>
#include <signal.h>
#include <string.h>

#include "llama/model.h"
#include "tensor/base/rng.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_adapter(void);

static Arena arena;
static const LlamaConfig CONFIG = {.V = 10, .D = 12, .L = 2, .H = 4, .K = 2, .S = 6, .F = 5, .context = 64};

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_adapter", 0);
}
static void teardown(void) { arena_free(&arena); }

static Adapter *make(Params *params, const AdapterConfig *config) {
    *params = params_make(&arena);
    Adapter *adapter = adapter_declare(params, &CONFIG, config);
    params_finish(params, true);
    return adapter;
}

START_TEST(adapter_shapes) {
    AdapterConfig config = adapter_default();
    ck_assert(config.rank == 16 && config.alpha == 32);
    config.rank = 3;
    config.alpha = 12;
    Params params;
    const Adapter *adapter = make(&params, &config);
    // q, k, v, o, gate, up, down: (in, out).
    static const int SHAPE[PROJ_COUNT][2] = {{12, 24}, {12, 12}, {12, 12}, {24, 12}, {12, 5}, {12, 5}, {5, 12}};
    ck_assert_int_eq(params.tensors, 2 * 7 * 2);
    for (int l = 0; l < 2; l++)
        for (int p = 0; p < PROJ_COUNT; p++) {
            const Lora *lora = adapter_lora(adapter, l, p);
            ck_assert(lora->a->dim[0] == 3 && lora->a->dim[1] == SHAPE[p][0]);
            ck_assert(lora->b->dim[0] == SHAPE[p][1] && lora->b->dim[1] == 3);
            ck_assert_float_eq(lora->scale, 4);
            // One order: layers, projections, A before B.
            ck_assert_ptr_eq(params.tensor[(l * 7 + p) * 2], lora->a);
            ck_assert_ptr_eq(params.tensor[(l * 7 + p) * 2 + 1], lora->b);
        }
    ck_assert_str_eq(params.tensor[0]->name, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight");
    ck_assert_str_eq(params.tensor[7]->name, "base_model.model.model.layers.0.self_attn.o_proj.lora_B.weight");
    ck_assert_str_eq(params.tensor[14 + 8]->name, "base_model.model.model.layers.1.mlp.gate_proj.lora_A.weight");
    ck_assert_str_eq(params.tensor[27]->name, "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight");
    ck_assert_ptr_null(adapter_lora(NULL, 0, 0));
}
END_TEST

// The names and shapes are those of the file that the field's library wrote.
START_TEST(adapter_names_are_pefts) {
    Error error;
    Llama model;
    SafeTensors peft = tiny_golden(&arena, "tiny_lora/adapter_model.safetensors");
    ck_ok(llama_open(&model, &arena, "tests/golden/tiny_untied", &error), error);
    AdapterConfig config = adapter_default();
    config.rank = 4;
    Params params = params_make(&arena);
    adapter_declare(&params, &model.config, &config);
    params_finish(&params, false);
    ck_assert_uint_eq(peft.n_tensors, (size_t)params.tensors);
    for (int i = 0; i < params.tensors; i++) {
        const SafeTensor *t = safetensors_find(&peft, params.tensor[i]->name);
        ck_assert_msg(t != NULL, "%s", params.tensor[i]->name);
        ck_assert(t->rank == 2 && t->dim[0] == (uint64_t)params.tensor[i]->dim[0] && t->dim[1] == (uint64_t)params.tensor[i]->dim[1]);
    }
}
END_TEST

START_TEST(adapter_targets) {
    AdapterConfig config = {.rank = 2, .alpha = 2, .target = {[PROJ_Q] = true, [PROJ_DOWN] = true}};
    Params params;
    const Adapter *adapter = make(&params, &config);
    ck_assert_int_eq(params.tensors, 2 * 2 * 2);
    for (int l = 0; l < 2; l++)
        for (int p = 0; p < PROJ_COUNT; p++) ck_assert_int_eq(adapter_lora(adapter, l, p) != NULL, p == PROJ_Q || p == PROJ_DOWN);
}
END_TEST

// A is a function of (seed, name, element): another rank has the same first elements, another seed others; it fills
// +-1/sqrt(in); B is 0.
START_TEST(adapter_start) {
    AdapterConfig config = adapter_default();
    Params params, wider, other;
    config.rank = 64;
    Adapter *adapter = make(&params, &config);
    random_fill(params.value, params.count, 1, 1);
    adapter_init(adapter, 2, 5);
    for (int l = 0; l < 2; l++)
        for (int p = 0; p < PROJ_COUNT; p++) {
            const Lora *lora = adapter_lora(adapter, l, p);
            const float *a = tensor_f32(lora->a), bound = 1 / sqrtf((float)lora->a->dim[1]);
            size_t n = tensor_count(lora->a);
            float least = 1, most = -1, mean = 0;
            for (size_t i = 0; i < n; i++) {
                least = fminf(least, a[i]);
                most = fmaxf(most, a[i]);
                mean += a[i] / (float)n;
            }
            ck_assert(least >= -bound && most < bound);
            ck_assert(least < -0.95f * bound && most > 0.95f * bound);
            // Five standard errors of a uniform number's mean.
            ck_assert_float_le(fabsf(mean), 5 * bound / sqrtf(3 * (float)n));
            RngKey key = rng_key(5, lora->a->name);
            float third = (rng_uniform(key, (RngDraw){.position = 3}) * 2 - 1) * bound;
            ck_assert_float_eq(a[3], third);
            for (size_t i = 0; i < tensor_count(lora->b); i++)
                if (tensor_f32(lora->b)[i] != 0) ck_abort_msg("B is not zero");
        }
    config.rank = 128;
    Adapter *wide = make(&wider, &config), *second;
    adapter_init(wide, 2, 5);
    config.rank = 64;
    second = make(&other, &config);
    adapter_init(second, 2, 6);
    check_bits("wider", tensor_f32(wide->layer[1][PROJ_O].a), tensor_f32(adapter->layer[1][PROJ_O].a), 64 * 24);
    ck_assert(tensor_f32(second->layer[1][PROJ_O].a)[0] != tensor_f32(adapter->layer[1][PROJ_O].a)[0]);
    ck_assert(tensor_f32(adapter->layer[0][PROJ_GATE].a)[0] != tensor_f32(adapter->layer[0][PROJ_UP].a)[0]);
}
END_TEST

START_TEST(adapter_refuses_rank) {
    AdapterConfig config = adapter_default();
    config.rank = 0;
    Params params;
    make(&params, &config);
}
END_TEST

Suite *suite_adapter(void) {
    Suite *suite = suite_create("adapter");
    TCase *tc = tcase_create("adapter");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, adapter_shapes);
    tcase_add_test(tc, adapter_names_are_pefts);
    tcase_add_test(tc, adapter_targets);
    tcase_add_test(tc, adapter_start);
    tcase_add_test_raise_signal(tc, adapter_refuses_rank, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
