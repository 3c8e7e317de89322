// A written folder opens as the model it was: every config, every weight, the tokenizer's bytes.
#include "tools/export.h"

#include <string.h>

#include "llama/model.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_export(void);

static Arena arena;
static Error error;
static const char *folder;

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_export", 0);
    folder = temporary_make(&arena);
}
static void teardown(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

// What config.json says of a config, read back.
static LlamaConfig read_back(const LlamaConfig *config) {
    Str text = str_make(&arena);
    const Json *json;
    LlamaConfig back;
    export_config(&text, config, DTYPE_F32);
    ck_ok(json_parse(&json, &arena, str_text(&text), "config.json", &error), error);
    ck_ok(config_from_json(&back, json, "config.json", &error), error);
    return back;
}

START_TEST(export_configs) {
    LlamaConfig config = {.V = 100,
                          .D = 24,
                          .L = 3,
                          .H = 4,
                          .K = 2,
                          .S = 6,
                          .F = 40,
                          .context = 77,
                          .norm_eps = 1e-6f,
                          .bos = -1,
                          .eos = 5,
                          .eos_all = {5},
                          .n_eos = 1,
                          .tied = true,
                          .rope = {.theta = 12345.5f}};
    for (int variant = 0; variant < 4; variant++) {
        if (variant == 1) config.tied = false, config.bos = 1, config.S = 8;
        if (variant == 2) config.rope = (RopeConfig){.theta = 10000, .scaling = ROPE_LINEAR, .factor = 2.5f};
        if (variant == 3) {
            config.rope = (RopeConfig){
                .theta = 500000, .scaling = ROPE_LLAMA3, .factor = 8, .low_freq_factor = 1, .high_freq_factor = 4, .original_context = 64};
            config.n_eos = 2, config.eos_all[1] = 9;
        }
        LlamaConfig back = read_back(&config);
        ck_assert(back.V == config.V && back.D == config.D && back.L == config.L && back.H == config.H && back.K == config.K);
        ck_assert(back.S == config.S && back.F == config.F && back.context == config.context && back.norm_eps == config.norm_eps);
        ck_assert(back.tied == config.tied && back.bos == config.bos && back.eos == config.eos && back.n_eos == config.n_eos);
        ck_assert_mem_eq(back.eos_all, config.eos_all, (size_t)config.n_eos * sizeof *config.eos_all);
        ck_assert(back.rope.theta == config.rope.theta && back.rope.scaling == config.rope.scaling);
        ck_assert(back.rope.factor == config.rope.factor && back.rope.low_freq_factor == config.rope.low_freq_factor);
        ck_assert(back.rope.high_freq_factor == config.rope.high_freq_factor && back.rope.original_context == config.rope.original_context);
    }
    // Without an end-of-text the key is null, which reads as none.
    config.n_eos = 0, config.eos = -1;
    ck_assert_int_eq(read_back(&config).eos, -1);
}
END_TEST

// Tied and untied: the folder opens, and every weight has the same bits.
START_TEST(export_folders) {
    Base base = tiny_base(&arena, 3, _i == 0);
    Params params = params_make(&arena);
    Llama *twin = llama_declare(&params, &base.llama);
    params_finish(&params, false);
    llama_fill(twin, &base.llama);
    const char *dir = path_join(&arena, folder, "new/model");
    ck_ok(export_folder(dir, &base.llama.config, &params, "tests/golden/tokenizer_smollm.json", &arena, &error), error);

    Base again;
    ck_ok(base_open(&again, &arena, dir, &error), error);
    ck_assert_int_eq(again.end, base.end);
    ck_assert_int_eq(again.llama.config.tied, _i == 0);
    Params other = params_make(&arena);
    Llama *copy = llama_declare(&other, &again.llama);
    params_finish(&other, false);
    llama_fill(copy, &again.llama);
    ck_assert_uint_eq(other.count, params.count);
    ck_assert_mem_eq(other.value, params.value, params.count * sizeof(float));
    ck_assert(text_equal(tiny_file(&arena, dir, "tokenizer.json"), tiny_file(&arena, "tests/golden", "tokenizer_smollm.json")));
    ck_assert(!file_exists(path_join(&arena, dir, "tokenizer_config.json")));
    ck_assert(file_exists(path_join(&arena, dir, "generation_config.json")));
    llama_close(&again.llama);
}
END_TEST

// A tokenizer that is not there leaves no config.json: the folder does not pass for a model.
START_TEST(export_without_tokenizer) {
    Base base = tiny_base(&arena, 3, true);
    Params params = params_make(&arena);
    llama_declare(&params, &base.llama);
    params_finish(&params, false);
    const char *dir = path_join(&arena, folder, "model");
    ck_assert_int_eq(export_folder(dir, &base.llama.config, &params, "tests/golden/none.json", &arena, &error), ERR_IO);
    ck_assert(!file_exists(path_join(&arena, dir, "config.json")));
}
END_TEST

Suite *suite_export(void) {
    Suite *suite = suite_create("export");
    TCase *tc = tcase_create("export");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, export_configs);
    tcase_add_loop_test(tc, export_folders, 0, 2);
    tcase_add_test(tc, export_without_tokenizer);
    suite_add_tcase(suite, tc);
    return suite;
}
