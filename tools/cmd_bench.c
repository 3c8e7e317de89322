// rlcd bench: speed of the parts on this machine, with a model's own shapes. Timings are medians; nothing is asserted.
#include <stdio.h>
#include <string.h>

#include "llama/generate.h"
#include "nn/logprob.h"
#include "tensor/base/metrics.h"
#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tools/bench_limits.h"
#include "tools/bench_tuning.h"
#include "tools/console.h"
#include "tools/options.h"

static const Option BENCH[] = {
    {"parts", OPTION_LIST, "product, prefill, decode, batch, lora, train", NULL, false, false, 0, 0, NULL, "NAMES",
     "Parts to time; more: limits, shapes, preference, preference-all, ppo, ppo-all."},
    {"repeat", OPTION_INT, "3", NULL, false, false, 1, 1000, NULL, "N", "Repetitions of each part; the median is shown."},
    {"shape", OPTION_STRING, "", NULL, false, false, 0, 0, NULL, "NAME",
     "Only shapes whose row begins so, such as \"fp32 512x512x512 NN\"."},
    {"tokens", OPTION_INT, "512", NULL, false, false, 16, 65536, NULL, "N", "Tokens of the prefill."},
    {"batch", OPTION_INT, "32", NULL, false, false, 1, 4096, NULL, "N", "Sequences of the batched decode."},
    {"context", OPTION_INT, "128", NULL, false, false, 1, 65536, NULL, "N", "Tokens that decoded sequences begin with."},
    {"steps", OPTION_INT, "32", NULL, false, false, 1, 65536, NULL, "N", "Tokens that are decoded."},
    {"train_batch", OPTION_INT, "4", NULL, false, false, 1, 4096, NULL, "N", "Sequences of a training step; pairs of a preference step."},
    {"train_tokens", OPTION_INT, "256", NULL, false, false, 2, 65536, NULL, "N", "Tokens of each sequence of a training step."},
    {"new", OPTION_INT, "64", NULL, false, false, 1, 65536, NULL, "N",
     "Tokens of each reply of a PPO step (batch rollouts behind context)."},
    {"epochs", OPTION_INT, "4", NULL, false, false, 1, 64, NULL, "N", "Passes over the rollouts of a PPO step."},
    {"minibatch", OPTION_INT, "8", NULL, false, false, 1, 4096, NULL, "N", "Rollouts of one optimizer step of PPO."},
    {"scratch", OPTION_PATH, "runs/bench", NULL, false, false, 0, 0, NULL, "DIR",
     "Folder for what preference and PPO steps write; removed."},
    {"targets", OPTION_LIST, "q_proj, k_proj, v_proj, o_proj", NULL, false, false, 0, 0, NULL, "NAMES",
     "Projections with an adapter (parts lora, preference, ppo)."},
    {"json", OPTION_FLAG, "no", NULL, false, false, 0, 0, NULL, NULL, "One JSON line a part."},
    {0},
};
static const OptionTable BENCH_TABLE = {"bench", BENCH};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &BENCH_TABLE, NULL};
const Verb VERB_BENCH = {
    .name = "bench",
    .usage = "rlcd bench --model M [--parts NAMES]",
    .summary = "Measures the machine's limits, products, prefill, decoding, training and PPO on this machine.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

static void sort(double *x, int n) {
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && x[j] < x[j - 1]; j--) {
            double swap = x[j];
            x[j] = x[j - 1];
            x[j - 1] = swap;
        }
}

void bench_row(const Bench *b, const char *part, const char *unit, double *rate, int n, double limit) {
    sort(rate, n);
    double mib = (double)memory_peak_bytes() / (1 << 20), share = limit > 0 ? rate[n / 2] / limit : 0;
    console_clear();
    if (b->json) {
        printf("{\"part\":\"%s\",\"unit\":\"%s\",\"min\":%.2f,\"median\":%.2f,\"max\":%.2f,", part, unit, rate[0], rate[n / 2],
               rate[n - 1]);
        if (limit > 0) printf("\"share\":%.3f,", share);
        printf("\"threads\":%d,\"kernels\":\"%s\",\"peak_rss_mib\":%.0f}\n", pool_threads(), kernels.name, mib);
    } else {
        printf("%-28s min %9.1f  median %9.1f  max %9.1f %-9s peak %6.0f MiB", part, rate[0], rate[n / 2], rate[n - 1], unit, mib);
        printf(limit > 0 ? "  %.0f %% of the tile in cache\n" : "\n", 100 * share);
    }
    fflush(stdout);
}

int32_t *bench_ids(Arena *arena, int n, int V) {
    int32_t *ids = arena_alloc(arena, (size_t)n * sizeof *ids);
    RngKey key = rng_key(0, "bench.ids");
    for (int i = 0; i < n; i++) ids[i] = (int32_t)(rng_bits(key, (RngDraw){.position = (uint32_t)i}) % (uint32_t)V);
    return ids;
}

// ---- products of the model's shapes

static void bench_product(Bench *b, Precision precision, int M, const Tensor *w) {
    Arena *arena = &b->tool->run;
    int N = tensor_rows(w), K = tensor_columns(w);
    float *x = arena_zeros(arena, (size_t)M * (size_t)K, sizeof *x), *y = arena_zeros(arena, (size_t)M * (size_t)N, sizeof *y);
    double rate[BENCH_REPEAT_MOST];
    for (int r = -1; r < b->repeat; r++) {
        double start = clock_seconds();
        int loops = 0;
        do {
            gemm_nt(GEMM_SET, precision, y, (size_t)N, x, (size_t)K, w->data, w->type, M, N, K);
            loops++;
        } while (clock_seconds() - start < 0.2);
        if (r >= 0) rate[r] = 2e-9 * (double)M * (double)N * (double)K * loops / (clock_seconds() - start);
    }
    char part[96];
    const char *name = precision == PRECISION_BF16 ? "bf16" : "fp32";
    snprintf(part, sizeof part, "product %s %dx%dx%d %s", name, M, N, K, dtype_info(w->type)->name);
    bench_row(b, part, "GFLOP/s", rate, b->repeat, M > 6 ? bench_tile_peak(b, precision) : 0);
    arena_reset(arena);
}

// ---- generation

typedef struct {
    const int32_t *ids;
    int prompt, sequences, begun, steps;
} Prompts;

static bool next_request(void *context, GenerateRequest *request) {
    Prompts *p = context;
    if (p->begun == p->sequences) return false;
    *request = (GenerateRequest){.prompt = p->ids + (size_t)p->begun * (size_t)p->prompt, .prompt_count = p->prompt, .max_new = p->steps};
    request->draw = (RngDraw){.prompt = (uint32_t)p->begun++};
    return true;
}

static Status take_result(void *context, const GenerateRequest *request, const GenerateResult *result, Error *error) {
    (void)context, (void)request, (void)result, (void)error;
    return OK;
}

// Seconds of decoding alone: a run with `steps` new tokens less a run with one.
static Status bench_decode(Bench *b, const char *name, int sequences, Error *error) {
    const Args *args = b->tool->args;
    int context = (int)args_int(args, "bench.context"), steps = (int)args_int(args, "bench.steps") + 1;
    const Llama *llama = &b->tool->base.llama;
    GenerateConfig config = {.sampler = sampler_default(),
                             .key = rng_key(0, "bench"),
                             .slots = sequences,
                             .capacity = context + steps,
                             .max_new = steps,
                             .ignore_end = true};
    const int32_t *ids = bench_ids(&b->tool->run, sequences * context, llama->config.V);
    double rate[BENCH_REPEAT_MOST], prompt_seconds[BENCH_REPEAT_MOST], seconds[BENCH_REPEAT_MOST];
    for (int r = 0; r < b->repeat; r++)
        for (int phase = 0; phase < 2; phase++) {
            Prompts prompts = {ids, context, sequences, 0, phase ? steps : 1};
            GenerateSource source = {next_request, take_result, &prompts};
            double start = clock_seconds();
            TRY(generate_run(llama, NULL, b->tool->base.tokenizer, &config, &source, &b->tool->run, error));
            (phase ? seconds : prompt_seconds)[r] = clock_seconds() - start;
        }
    // What the prompts alone cost varies: its median is taken off every run.
    sort(prompt_seconds, b->repeat);
    for (int r = 0; r < b->repeat; r++) rate[r] = (double)sequences * (steps - 1) / (seconds[r] - prompt_seconds[b->repeat / 2]);
    bench_row(b, name, "tok/s", rate, b->repeat, 0);
    arena_reset(&b->tool->run);
    return OK;
}

static void bench_prefill(Bench *b) {
    const Llama *llama = &b->tool->base.llama;
    int n = (int)args_int(b->tool->args, "bench.tokens"), D = llama->config.D, V = llama->config.V;
    const int32_t *ids = bench_ids(&b->tool->run, n, V);
    double rate[BENCH_REPEAT_MOST];
    for (int r = -1; r < b->repeat; r++) {
        double start = clock_seconds();
        LlamaBatch batch = llama_batch(&b->tool->step, &ids, &n, 1);
        Tensor *h = llama_forward(NULL, llama, NULL, &batch, NULL, &b->tool->step);
        float *z = arena_alloc(&b->tool->step, (size_t)V * sizeof *z);
        logits_forward(z, tensor_f32(h) + (size_t)(n - 1) * (size_t)D, llama->weights.head->data, llama->weights.head->type, 1,
                       llama->precision, 1, D, V);
        if (r >= 0) rate[r] = n / (clock_seconds() - start);
        arena_reset(&b->tool->step);
    }
    bench_row(b, "prefill", "tok/s", rate, b->repeat, 0);
    arena_reset(&b->tool->run);
}

// ---- the parts by name

static Status part_product(Bench *b, Error *error) {
    const Llama *llama = &b->tool->base.llama;
    const LlamaLayer *layer = &llama->weights.layer[0];
    int batch = (int)args_int(b->tool->args, "bench.batch");
    const struct {
        int rows;
        const Tensor *w;
    } SHAPES[] = {{512, layer->proj[PROJ_GATE]},
                  {512, layer->proj[PROJ_DOWN]},
                  {batch, layer->proj[PROJ_GATE]},
                  {1, layer->proj[PROJ_GATE]},
                  {1, llama->weights.head}};
    (void)error;
    // Both precisions of a shape, one behind the other.
    for (size_t s = 0; s < 2 * sizeof SHAPES / sizeof *SHAPES; s++)
        bench_product(b, s % 2 ? PRECISION_BF16 : PRECISION_FP32, SHAPES[s / 2].rows, SHAPES[s / 2].w);
    return OK;
}

static Status part_limits(Bench *b, Error *error) { return (void)error, bench_limits(b), OK; }
static Status part_shapes(Bench *b, Error *error) { return (void)error, bench_shapes(b), OK; }
static Status part_prefill(Bench *b, Error *error) { return (void)error, bench_prefill(b), OK; }
static Status part_decode(Bench *b, Error *error) { return bench_decode(b, "decode, 1 sequence", 1, error); }
static Status part_batch(Bench *b, Error *error) {
    char name[64];
    int batch = (int)args_int(b->tool->args, "bench.batch");
    snprintf(name, sizeof name, "decode, %d sequences", batch);
    return bench_decode(b, name, batch, error);
}
static Status part_lora(Bench *b, Error *error) { return bench_training(b, "training step, adapter", false, error); }
static Status part_train(Bench *b, Error *error) { return bench_training(b, "training step, all weights", true, error); }
static Status part_preference(Bench *b, Error *error) { return bench_preference(b, "preference step, adapter", false, error); }
static Status part_preference_all(Bench *b, Error *error) { return bench_preference(b, "preference step, all weights", true, error); }
static Status part_ppo(Bench *b, Error *error) { return bench_ppo(b, "PPO step, adapters", false, error); }
static Status part_ppo_all(Bench *b, Error *error) { return bench_ppo(b, "PPO step, all weights", true, error); }

// A part, and the options whose sum is its longest sequence (NULL: none).
static const struct {
    const char *name;
    Status (*run)(Bench *b, Error *error);
    const char *tokens, *more;
} PARTS[] = {
    {"limits", part_limits, NULL, NULL},
    {"shapes", part_shapes, NULL, NULL},
    {"product", part_product, NULL, NULL},
    {"prefill", part_prefill, "bench.tokens", NULL},
    {"decode", part_decode, "bench.context", "bench.steps"},
    {"batch", part_batch, "bench.context", "bench.steps"},
    {"lora", part_lora, "bench.train_tokens", NULL},
    {"train", part_train, "bench.train_tokens", NULL},
    {"preference", part_preference, "bench.train_tokens", NULL},
    {"preference-all", part_preference_all, "bench.train_tokens", NULL},
    {"ppo", part_ppo, "bench.context", "bench.new"},
    {"ppo-all", part_ppo_all, "bench.context", "bench.new"},
};
enum { PARTS_COUNT = sizeof PARTS / sizeof *PARTS };

// The part's place in the table.
static Status find_part(int *found, const char *part, Error *error) {
    const char *names[PARTS_COUNT + 1] = {NULL};
    for (*found = 0; *found < PARTS_COUNT; ++*found) {
        if (strcmp(part, PARTS[*found].name) == 0) return OK;
        names[*found] = PARTS[*found].name;
    }
    const char *near = nearest_name(part, names);
    return error_set(error, ERR_USAGE, "bench.parts: expected a part such as %s, found \"%s\"", near ? near : "prefill", part);
}

static Status bench(Tool *tool, Error *error) {
    const Args *args = tool->args;
    Bench b = {tool, (int)args_int(args, "bench.repeat"), args_flag(args, "bench.json"), {0}};
    const char *const *parts;
    int n = args_list(args, "bench.parts", &parts), longest = 1, p;
    TRY(tool_open_model(tool, error));
    // The rotary table is as long as the longest sequence of all parts, one token for an end included.
    for (int i = 0; i < n; i++) {
        TRY(find_part(&p, parts[i], error));
        if (PARTS[p].tokens == NULL) continue;
        int tokens = (int)args_int(args, PARTS[p].tokens) + (PARTS[p].more ? (int)args_int(args, PARTS[p].more) + 1 : 0);
        if (tokens > longest) longest = tokens;
    }
    TRY(llama_prepare(&tool->base.llama, &tool->model, longest, error));
    for (int i = 0; i < n; i++) {
        TRY(find_part(&p, parts[i], error));
        TRY(PARTS[p].run(&b, error));
    }
    return OK;
}

int cmd_bench(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_BENCH, argc, argv);
    if (code >= 0) return code;
    Status status = bench(&tool, &error);
    return tool_exit(&tool, status, &error);
}
