// rlcd convert: what goes out and comes back has the same bits; random models are functions of seed and shape; refusals leave nothing.
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tests/cli.h"
#include "tests/folder.h"
#include "tests/gguf_build.h"
#include "tools/convert.h"

Suite *suite_convert(void);

#define LONE                                                                                                           \
    "{\"model_type\":\"llama\",\"vocab_size\":%d,\"hidden_size\":%d,\"intermediate_size\":96,\"num_hidden_layers\":2," \
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"rms_norm_eps\":1e-5,\"max_position_embeddings\":64,%s"      \
    "\"tie_word_embeddings\":%s}"

static const char *in_folder(const char *name) { return path_join(&arena, folder, name); }

static Text bytes_of(const char *path) {
    Text text;
    ck_ok(file_read(&text, &arena, path, 64 << 20, &error), error);
    return text;
}

static void same_files(const char *a, const char *b, const char *name) {
    ck_assert_msg(text_equal(bytes_of(path_join(&arena, a, name)), bytes_of(path_join(&arena, b, name))), "%s/%s is not %s's", b, name, a);
}

// A random model of a shape in `name`; further words of the command line in `more`.
static const char *random_model(const char *name, int V, int D, const char *rope, bool tied, const char *type, const char *seed) {
    const char *shape = cli_file(&arena, folder, "shape.json", cli_format(&arena, LONE, V, D, rope, tied ? "true" : "false"));
    const char *out = in_folder(name);
    cli_ok(&arena, "convert", "--init", shape, "--out", out, "--type", type, "--seed", seed, "--quiet");
    return out;
}

static Text reply(const char *model) {
    return cli_ok(&arena, "generate", "--model", model, "--prompt", "a b", "--max-new", "12", "--seed", "3", "--threads", "1").out;
}

// Every tensor of `a` stands in `b` with its type, shape and bytes, and no other.
static void same_tensors(const char *a, const char *b) {
    SafeTensors x, y;
    ck_ok(safetensors_open(&x, &arena, path_join(&arena, a, "model.safetensors"), &error), error);
    ck_ok(safetensors_open(&y, &arena, path_join(&arena, b, "model.safetensors"), &error), error);
    ck_assert_uint_eq(x.n_tensors, y.n_tensors);
    for (size_t i = 0; i < x.n_tensors; i++) {
        const SafeTensor *s = &x.tensors[i], *t = safetensors_find(&y, text_copy(&arena, s->name).data);
        ck_assert_msg(t && t->bytes == s->bytes && t->rank == s->rank && text_equal(t->type_name, s->type_name), "%.*s", (int)s->name.size,
                      s->name.data);
        ck_assert_mem_eq(t->dim, s->dim, sizeof t->dim);
        ck_assert_msg(memcmp(t->data, s->data, s->bytes) == 0, "%.*s has other bits", (int)s->name.size, s->name.data);
    }
    safetensors_close(&x);
    safetensors_close(&y);
}

// A folder with a tokenizer of its own: through a GGUF and back, F32, BF16 and F16; one file or several.
START_TEST(test_round_trip) {
    static const char *const TYPES[] = {"f32", "bf16", "f16"};
    const char *type = TYPES[_i], *first = in_folder("first"), *gguf = in_folder("m.gguf"), *back = in_folder("back"),
               *shards = in_folder("shards");
    cli_ok(&arena, "convert", TINY, "--out", first, "--type", type, "--quiet");
    cli_ok(&arena, "convert", first, "--out", gguf, "--quiet");
    cli_ok(&arena, "convert", gguf, "--out", back, "--quiet");
    if (_i == 0) same_tensors(TINY, back);
    same_tensors(first, back);
    same_files(first, back, "model.safetensors");
    same_files(first, back, "config.json");
    same_files(TINY, back, "tokenizer.json");
    ck_assert(text_equal(reply(first), reply(gguf)) && text_equal(reply(first), reply(back)));

    // Several files with an index, then one again.
    Text line = cli_ok(&arena, "convert", gguf, "--out", shards, "--shard-size", "20000", "--quiet").out;
    ck_assert_msg(strstr(line.data, "in 1 file") == NULL && strstr(line.data, type) != NULL, "%s", line.data);
    ck_assert(file_exists(path_join(&arena, shards, "model.safetensors.index.json")));
    ck_assert(!file_exists(path_join(&arena, shards, "model.safetensors")));
    cli_ok(&arena, "convert", shards, "--out", back, "--force", "--quiet");
    same_files(first, back, "model.safetensors");
    // A folder of one file over one of several: what was there goes.
    cli_ok(&arena, "convert", first, "--out", shards, "--force", "--quiet");
    ck_assert(!file_exists(path_join(&arena, shards, "model.safetensors.index.json")));
    same_files(first, shards, "model.safetensors");
}
END_TEST

// A GGUF of another's making has no tokenizer.json inside: it is made from the lists, and gives the same ids.
START_TEST(test_foreign_gguf) {
    static const char *const MODEL = "tests/golden/tiny_chat.gguf";
    const char *back = in_folder("back");
    cli_ok(&arena, "convert", MODEL, "--out", back, "--quiet");
    ck_assert(text_equal(reply(MODEL), reply(back)));
    for (int i = 0; i < 3; i++) {
        const char *text = ((const char *const[]){"Human: 12345 naïve  café", "<|im_start|>x<|im_end|>\n\n", " two  spaces's"})[i];
        Text ids = cli_ok(&arena, "tokenizer", "encode", "--model", MODEL, "--text", text).out;
        ck_assert(text_equal(cli_ok(&arena, "tokenizer", "encode", "--model", back, "--text", text).out, ids));
    }
    // Requantised to its own type it has its own weights.
    cli_ok(&arena, "convert", MODEL, "--out", in_folder("q.gguf"), "--quiet");
    ck_assert(text_equal(reply(MODEL), reply(in_folder("q.gguf"))));
}
END_TEST

// Blocks hold what dtype_store makes of the rows, whichever way they went.
START_TEST(test_block_types) {
    static const char *const TYPES[] = {"q8_0", "q4_0", "q4_1"};
    static const char *const NAMES[] = {"token_embd.weight", "blk.1.attn_v.weight", "blk.0.ffn_down.weight", "output.weight"};
    static const char *const HF[] = {"model.embed_tokens.weight", "model.layers.1.self_attn.v_proj.weight",
                                     "model.layers.0.mlp.down_proj.weight", "lm_head.weight"};
    const char *path = in_folder("q.gguf");
    DType type;
    cli_ok(&arena, "convert", TINY, "--out", path, "--type", TYPES[_i], "--quiet");
    ck_assert(dtype_from_name(TYPES[_i], &type));
    Gguf gguf;
    SafeTensors hf;
    ck_ok(gguf_open(&gguf, &arena, path, &error), error);
    ck_ok(safetensors_open(&hf, &arena, TINY "/model.safetensors", &error), error);
    for (int i = 0; i < 4; i++) {
        const GgufTensor *t = gguf_tensor(&gguf, NAMES[i]);
        const SafeTensor *s = safetensors_find(&hf, HF[i]);
        ck_assert(t && s && t->dtype == type && t->dim[0] == s->dim[1] && t->dim[1] == s->dim[0]);
        size_t n = (size_t)(s->dim[0] * s->dim[1]), bytes = dtype_bytes(type, n);
        uint8_t *want = arena_alloc(&arena, bytes);
        float *x = arena_alloc(&arena, n * sizeof *x);
        memcpy(x, s->data, n * sizeof *x);
        dtype_store(want, type, x, n);
        ck_assert_uint_eq(t->bytes, bytes);
        ck_assert_mem_eq(t->data, want, bytes);
    }
    ck_assert_int_eq(gguf_tensor(&gguf, "output_norm.weight")->dtype, DTYPE_F32);
    gguf_close(&gguf);
    safetensors_close(&hf);
    ck_assert_uint_gt(reply(path).size, 0);
}
END_TEST

START_TEST(test_random_models) {
    const char *a = random_model("a.gguf", 300, 32, "", false, "f32", "5"), *b = random_model("b.gguf", 300, 32, "", false, "f32", "5");
    const char *c = random_model("c.gguf", 300, 32, "", false, "f32", "6"), *hf = random_model("hf", 300, 32, "", false, "f32", "5");
    ck_assert(text_equal(bytes_of(a), bytes_of(b)) && !text_equal(bytes_of(a), bytes_of(c)));
    // A folder of the same seed holds the same weights, and the byte tokenizer travels with both.
    cli_ok(&arena, "convert", a, "--out", in_folder("back"), "--quiet");
    same_tensors(hf, in_folder("back"));
    const char *bytes = random_model("d.gguf", 259, 32, "", false, "bf16", "5"),
               *folder_of = random_model("d", 259, 32, "", false, "bf16", "5");
    ck_assert(text_equal(reply(bytes), reply(folder_of)));
    Text ids = cli_ok(&arena, "tokenizer", "encode", "--model", a, "--text", "AB é").out;
    ck_assert_str_eq(ids.data, cli_ok(&arena, "tokenizer", "encode", "--model", hf, "--text", "AB é").out.data);
    ck_assert_str_eq(ids.data, "35 36 223 130 105\n");
    // Deviation near 0.04 / sqrt(3), mean near 0, no two rows alike; norms are 1.
    LlamaConfig config;
    LlamaSource source;
    WeightsPart *part;
    int n;
    ck_ok(weights_list(&part, &n, &config, &source, &arena, a, &error), error);
    for (int i = 0; i < n; i++) {
        size_t count = (size_t)part[i].columns * (size_t)(part[i].rows ? part[i].rows : 1);
        double sum = 0, squares = 0;
        for (size_t k = 0; part[i].data && k < count; k++) {
            float x;
            memcpy(&x, part[i].data + 4 * k, 4);
            sum += (double)x, squares += (double)x * (double)x;
            if (part[i].rows == 0) ck_assert(x == 1.0f);
        }
        if (part[i].data == NULL || part[i].rows == 0) continue;
        ck_assert_msg(squares / (double)count > 4.6e-4 && squares / (double)count < 6.1e-4, "%s: %g", part[i].hf, squares / (double)count);
        ck_assert_msg(sum / (double)count < 2.5e-3 && sum / (double)count > -2.5e-3, "%s: mean %g", part[i].hf, sum / (double)count);
    }
    weights_close(&source);
    // Another's tokenizer.
    cli_ok(&arena, "convert", "--init", cli_file(&arena, folder, "wide.json", cli_format(&arena, LONE, 700, 32, "", "true")), "--tokenizer",
           TINY "/tokenizer.json", "--out", in_folder("w.gguf"), "--type", "q8_0", "--quiet");
    Text want = cli_ok(&arena, "tokenizer", "encode", "--model", TINY, "--text", "a b c").out;
    ck_assert(text_equal(cli_ok(&arena, "tokenizer", "encode", "--model", in_folder("w.gguf"), "--text", "a b c").out, want));
}
END_TEST

// Scaling rules of RoPE: linear travels as keys, Llama 3's as factors; angles keep their bits.
START_TEST(test_scaling) {
    static const char *const RULES[] = {
        "\"rope_theta\":500000,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":4},",
        "\"rope_theta\":500000,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":32,\"low_freq_factor\":1,\"high_freq_factor\":4,"
        "\"original_max_position_embeddings\":8192},"};
    const char *hf = random_model("hf", 260, 256, RULES[_i], true, "f32", "1"), *gguf = in_folder("m.gguf"), *back = in_folder("back");
    cli_ok(&arena, "convert", hf, "--out", gguf, "--quiet");
    cli_ok(&arena, "convert", gguf, "--out", back, "--quiet");
    same_files(hf, back, "config.json");
    same_files(hf, back, "model.safetensors");
    ck_ok(kernels_choose("native", &error), error);
    LlamaWeights w[2];
    LlamaConfig config[2];
    LlamaSource source[2];
    ck_ok(weights_open(&w[0], &config[0], &source[0], &arena, hf, &error), error);
    ck_ok(weights_open(&w[1], &config[1], &source[1], &arena, gguf, &error), error);
    int other = 0;
    for (int i = 0; i < config[0].S / 2; i++) {
        float a = w[0].inv_freq[i], b = w[1].inv_freq[i];
        other += a != b;
        ck_assert_msg(a - b <= a * 0x1p-22f && b - a <= a * 0x1p-22f, "angle %d: %g and %g", i, (double)a, (double)b);
    }
    ck_assert_int_le(other, 1);
    ck_assert(text_equal(reply(hf), reply(back)));
    weights_close(&source[0]);
    weights_close(&source[1]);
}
END_TEST

// A model of llama2.c out of TINY's tensors, by the definition of either version.
static Text llama2c_bytes(int version) {
    enum { D = 32, F = 64, L = 2, H = 4, K = 2, S = 8, V = 600, CONTEXT = 256 };
    static const char *const LAYER[] = {"input_layernorm",  "self_attn.q_proj", "self_attn.k_proj",
                                        "self_attn.v_proj", "self_attn.o_proj", "post_attention_layernorm",
                                        "mlp.gate_proj",    "mlp.down_proj",    "mlp.up_proj"};
    const int numbers[] = {D, F, L, H, K, version ? V : -V, CONTEXT}, order_1[] = {0, 5, -2, -1, 1, 2, 3, 4, 6, 7, 8, -3};
    const int order_0[] = {-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, -2, -3};
    const char *const whole[] = {"model.embed_tokens", "model.norm", "lm_head"};
    SafeTensors hf;
    Str s = str_make(&arena);
    ck_ok(safetensors_open(&hf, &arena, TINY "/model.safetensors", &error), error);
    if (version) str_append(&s, TEXT("24ka")), put_uint(&s, 1, 4);
    for (int i = 0; i < 7; i++) put_uint(&s, (uint32_t)numbers[i], 4);
    while (version && s.size < 256) str_append_char(&s, '\0');
    for (int k = 0; k < 12; k++) {
        int kind = (version ? order_1 : order_0)[k];
        if (kind == -3 && version == 0) str_append(&s, (Text){arena_zeros(&arena, CONTEXT * S, 4), CONTEXT * S * 4});
        for (int l = 0; l < (kind < 0 ? 1 : L); l++) {
            const char *name = kind < 0 ? cli_format(&arena, "%s.weight", whole[-1 - kind])
                                        : cli_format(&arena, "model.layers.%d.%s.weight", l, LAYER[kind]);
            const SafeTensor *t = safetensors_find(&hf, name);
            ck_assert_msg(t != NULL, "%s", name);
            // Heads of q and k: the pair (i, i + S/2) stands side by side.
            for (int row = 0; row < (t->rank == 2 ? (int)t->dim[0] : 1); row++) {
                size_t bytes = 4 * (size_t)t->dim[t->rank - 1];
                int from = kind == 1 || kind == 2 ? row / S * S + row % 2 * (S / 2) + row % S / 2 : row;
                str_append(&s, (Text){(const char *)t->data + (size_t)from * bytes, bytes});
            }
        }
    }
    safetensors_close(&hf);
    return str_text(&s);
}

START_TEST(test_llama2c) {
    Text good = llama2c_bytes(_i);
    const char *path = in_folder("m.bin"), *hf = in_folder("hf"), *gguf = in_folder("m.gguf");
    ck_ok(file_write(path, good.data, good.size, &error), error);
    cli_ok(&arena, "convert", path, "--out", hf, "--quiet");
    same_tensors(TINY, hf);
    cli_ok(&arena, "convert", path, "--tokenizer", TINY, "--out", gguf, "--quiet");
    Text greedy[2];
    for (int i = 0; i < 2; i++)
        greedy[i] = cli_ok(&arena, "generate", "--model", i ? gguf : TINY, "--prompt", "a b", "--temperature", "0", "--max-new", "9").out;
    ck_assert(text_equal(greedy[0], greedy[1]));

    // Any other length, version 2, a shape that cannot be, no tokenizer for a GGUF.
    const char *bad = in_folder("bad.bin");
    CliResult r = cli_run(&arena, "convert", path, "--out", in_folder("n.gguf"), "--quiet");
    cli_check_refusal(&r, 1, "tokenizer");
    for (int kind = 0; kind < 5; kind++) {
        char *bytes = arena_copy(&arena, good.data, good.size);
        if (kind == 3) memset(bytes + (_i ? 8 : 0) + 12, 0, 4);
        if (kind == 4) memcpy(bytes + (_i ? 4 : 8), &(int32_t){_i ? 2 : INT32_MAX}, 4);
        ck_ok(file_write(bad, bytes, good.size - (kind == 0) - (kind == 1 ? good.size - 20 : 0) + (kind == 2), &error), error);
        r = cli_run(&arena, "convert", bad, "--out", in_folder("n"), "--quiet");
        cli_check_refusal(&r, 1, "bad.bin");
    }
    ck_assert(!file_exists(in_folder("n")));
}
END_TEST

#define REFUSE(code, part, ...)                                                 \
    do {                                                                        \
        CliResult refusal = cli_run(&arena, "convert", __VA_ARGS__, "--quiet"); \
        cli_check_refusal(&refusal, code, part);                                \
    } while (0)

START_TEST(test_refusals) {
    const char *out = in_folder("x.gguf"), *hf = in_folder("hf");
    REFUSE(2, "found neither", "--out", out);
    REFUSE(2, "found both", TINY, "--init", "llama-7b", "--out", out);
    REFUSE(2, "goes with --init", TINY, "--tokenizer", TINY, "--out", out);
    REFUSE(2, "llama-7b, llama-13b, llama-30b, llama-65b", "--init", "llama-8b", "--out", out);
    REFUSE(2, "holds f32, f16 or bf16", TINY, "--out", hf, "--type", "q8_0");
    REFUSE(2, "above 0", TINY, "--out", hf, "--shard-size", "0");
    REFUSE(2, "the model itself", TINY, "--out", TINY, "--force");
    REFUSE(1, "nothing", in_folder("nothing"), "--out", out);
    REFUSE(1, "the shape 100", "--init", cli_file(&arena, folder, "s.json", cli_format(&arena, LONE, 100, 32, "", "true")), "--out", out);
    REFUSE(1, "\"vocab_size\"", "--init", cli_file(&arena, folder, "bad.json", "{\"model_type\":\"llama\"}"), "--out", out);
    // 65B as F32 does not fit here.
    REFUSE(1, "expected room for 243", "--init", "llama-65b", "--type", "f32", "--out", "/proc/x.gguf");
    ck_assert(!file_exists(out) && !file_exists(hf));

    // What is there stays without --force, and when the new one fails.
    cli_ok(&arena, "convert", TINY, "--out", out, "--quiet");
    cli_ok(&arena, "convert", TINY, "--out", hf, "--quiet");
    Text before = cli_tree(&arena, folder);
    REFUSE(2, "--force", TINY, "--out", out);
    REFUSE(2, "--force", TINY, "--out", hf);
    CliResult full = cli_run_setup(&(CliSetup){.file_limit = 100000}, &arena,
                                   CLI_ARGUMENTS("convert", TINY, "--out", out, "--type", "bf16", "--force", "--quiet"));
    cli_check_refusal(&full, 1, "x.gguf");
    ck_assert(text_equal(cli_tree(&arena, folder), before));
}
END_TEST

// Sources that cannot become what is asked for.
START_TEST(test_bad_sources) {
    const char *out = in_folder("x.gguf"), *hf = in_folder("hf"), *weights = path_join(&arena, hf, "model.safetensors");
    cli_ok(&arena, "convert", TINY, "--out", hf, "--quiet");
    Text text = bytes_of(weights);
    char *bytes = arena_copy(&arena, text.data, text.size);
    // The last number of the file is NaN, then one beyond what F16 holds.
    for (int i = 0; i < 2; i++) {
        float odd = i ? 70000.0f : 0.0f;
        if (i == 0) memcpy(&odd, &(uint32_t){0x7fc00000}, 4);
        memcpy(bytes + text.size - 4096, &odd, 4);
        ck_ok(file_write(weights, bytes, text.size, &error), error);
        REFUSE(1, "f16 cannot", hf, "--out", out, "--type", "f16");
        REFUSE(1, "q4_0 cannot", hf, "--out", out, "--type", "q4_0");
        ck_assert(!file_exists(out));
    }
    // Cut short, and without a tokenizer.
    ck_ok(file_write(weights, bytes, text.size - 5, &error), error);
    REFUSE(1, "model.safetensors", hf, "--out", out);
    ck_ok(file_write(weights, text.data, text.size, &error), error);
    ck_ok(path_rename(path_join(&arena, hf, "tokenizer.json"), in_folder("t.json"), &error), error);
    REFUSE(1, "tokenizer.json", hf, "--out", out);
    cli_ok(&arena, "convert", hf, "--out", in_folder("bare"), "--quiet");
    ck_assert(!file_exists(path_join(&arena, in_folder("bare"), "tokenizer.json")));
    // Factors that no rule explains have no words in config.json.
    const char *gguf = random_model("m.gguf", 260, 256,
                                    "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":5,\"low_freq_factor\":1,\"high_freq_factor\":4,"
                                    "\"original_max_position_embeddings\":8192},",
                                    true, "f16", "1");
    REFUSE(1, "rope_freqs.weight", gguf, "--out", in_folder("y"));
    // A GGUF cut anywhere is refused, and nothing is written.
    Text whole = bytes_of(gguf);
    for (size_t keep = 0; keep < whole.size; keep += whole.size / 7 + 1) {
        const char *cut = in_folder("cut.gguf");
        ck_ok(file_write(cut, whole.data, keep, &error), error);
        REFUSE(1, "cut.gguf", cut, "--out", out);
    }
    ck_assert(!file_exists(out));
}
END_TEST

Suite *suite_convert(void) {
    Suite *suite = suite_create("convert");
    TCase *tc = tcase_create("convert");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_round_trip, 0, 3);
    tcase_add_test(tc, test_foreign_gguf);
    tcase_add_loop_test(tc, test_block_types, 0, 3);
    tcase_add_test(tc, test_random_models);
    tcase_add_loop_test(tc, test_scaling, 0, 2);
    tcase_add_loop_test(tc, test_llama2c, 0, 2);
    tcase_add_test(tc, test_refusals);
    tcase_add_test(tc, test_bad_sources);
    suite_add_tcase(suite, tc);
    return suite;
}
