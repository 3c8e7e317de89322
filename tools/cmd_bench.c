// rlcd bench: speed of the parts on this machine, with a model's own shapes. Timings are medians; nothing is asserted.
#include <stdio.h>
#include <string.h>

#include "llama/generate.h"
#include "nn/logprob.h"
#include "rlcd/role.h"
#include "tensor/base/metrics.h"
#include "tensor/base/pool.h"
#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_gather.h"
#include "tools/console.h"
#include "tools/options.h"
#include "tools/stage.h"

static const Option BENCH[] = {
    {"parts", OPTION_LIST, "product, prefill, decode, batch, lora, train", NULL, false, false, 0, 0, NULL, "NAMES", "Which parts to time."},
    {"repeat", OPTION_INT, "3", NULL, false, false, 1, 1000, NULL, "N", "Repetitions of each part; the median is shown."},
    {"tokens", OPTION_INT, "512", NULL, false, false, 16, 65536, NULL, "N", "Tokens of the prefill."},
    {"batch", OPTION_INT, "32", NULL, false, false, 1, 4096, NULL, "N", "Sequences of the batched decode."},
    {"context", OPTION_INT, "128", NULL, false, false, 1, 65536, NULL, "N", "Tokens that decoded sequences begin with."},
    {"steps", OPTION_INT, "32", NULL, false, false, 1, 65536, NULL, "N", "Tokens that are decoded."},
    {"train_batch", OPTION_INT, "4", NULL, false, false, 1, 4096, NULL, "N", "Sequences of a training step."},
    {"train_tokens", OPTION_INT, "256", NULL, false, false, 2, 65536, NULL, "N", "Tokens of each sequence of a training step."},
    {"targets", OPTION_LIST, "q_proj, k_proj, v_proj, o_proj", NULL, false, false, 0, 0, NULL, "NAMES",
     "Projections with an adapter (part lora)."},
    {"json", OPTION_FLAG, "no", NULL, false, false, 0, 0, NULL, NULL, "One JSON line a part."},
    {0},
};
static const OptionTable BENCH_TABLE = {"bench", BENCH};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &BENCH_TABLE, NULL};
const Verb VERB_BENCH = {
    .name = "bench",
    .usage = "rlcd bench --model M [--parts NAMES]",
    .summary = "Measures products, prefill, decoding and training on this machine.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

typedef struct {
    Tool *tool;
    int repeat;
    bool json;
} Bench;

static void sort(double *x, int n) {
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && x[j] < x[j - 1]; j--) {
            double swap = x[j];
            x[j] = x[j - 1];
            x[j - 1] = swap;
        }
}

// Least, median and largest of n rates, printed as one row.
static void print_row(const Bench *b, const char *part, const char *unit, double *rate, int n) {
    sort(rate, n);
    double mib = (double)memory_peak_bytes() / (1 << 20);
    console_clear();
    if (b->json)
        printf(
            "{\"part\":\"%s\",\"unit\":\"%s\",\"min\":%.2f,\"median\":%.2f,\"max\":%.2f,\"threads\":%d,\"kernels\":\"%s\",\"peak_rss_mib\":"
            "%.0f}\n",
            part, unit, rate[0], rate[n / 2], rate[n - 1], pool_threads(), kernels.name, mib);
    else
        printf("%-28s min %9.1f  median %9.1f  max %9.1f %-9s peak %6.0f MiB\n", part, rate[0], rate[n / 2], rate[n - 1], unit, mib);
    fflush(stdout);
}

// Token ids that no model was trained on in this order: a fixed pseudo-random walk over the vocabulary.
static int32_t *some_ids(Arena *arena, int n, int V) {
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
    double rate[1000];
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
    print_row(b, part, "GFLOP/s", rate, b->repeat);
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
    const int32_t *ids = some_ids(&b->tool->run, sequences * context, llama->config.V);
    double rate[1000], prompt_seconds[1000], seconds[1000];
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
    print_row(b, name, "tok/s", rate, b->repeat);
    arena_reset(&b->tool->run);
    return OK;
}

static void bench_prefill(Bench *b) {
    const Llama *llama = &b->tool->base.llama;
    int n = (int)args_int(b->tool->args, "bench.tokens"), D = llama->config.D, V = llama->config.V;
    const int32_t *ids = some_ids(&b->tool->run, n, V);
    double rate[1000];
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
    print_row(b, "prefill", "tok/s", rate, b->repeat);
    arena_reset(&b->tool->run);
}

// ---- a training step: next-token loss, gradient, clip, AdamW

static Status bench_training(Bench *b, const char *name, bool all, Error *error) {
    const Args *args = b->tool->args;
    int B = (int)args_int(args, "bench.train_batch"), T = (int)args_int(args, "bench.train_tokens"), V = b->tool->base.llama.config.V;
    RoleConfig shape = {.train_all = all, .adapter = adapter_default(), .trained = true};
    const char *const *targets;
    int n = args_list(args, "bench.targets", &targets);
    for (int p = 0; p < PROJ_COUNT; p++) {
        shape.adapter.target[p] = false;
        for (int i = 0; i < n; i++) shape.adapter.target[p] |= strcmp(targets[i], PROJ_NAMES[p]) == 0;
    }
    Arena *step = &b->tool->step;
    Role *role = role_make(&b->tool->run, &b->tool->base, &shape, 0);
    AdamWConfig adamw = adamw_default();
    Optimizer optimizer = optimizer_make(&role->params, &adamw, 1);
    const int32_t *ids = some_ids(&b->tool->run, B * T, V);
    // Rows and targets of a pass of B sequences; shorter ones use the front.
    int *length = arena_alloc(&b->tool->run, (size_t)B * sizeof *length),
        *first = arena_alloc(&b->tool->run, (size_t)(B + 1) * sizeof *first);
    int *row = arena_alloc(&b->tool->run, (size_t)(B * (T - 1)) * sizeof *row);
    const int32_t **sequence = arena_alloc(&b->tool->run, (size_t)B * sizeof *sequence);
    int32_t *target = arena_alloc(&b->tool->run, (size_t)(B * (T - 1)) * sizeof *target);
    for (int i = 0; i <= B; i++) {
        first[i] = i * (T - 1);
        if (i == B) break;
        length[i] = T;
        sequence[i] = ids + (size_t)i * (size_t)T;
        for (int t = 0; t < T - 1; t++) {
            row[first[i] + t] = i * T + t;
            target[first[i] + t] = sequence[i][t + 1];
        }
    }
    double rate[1000];
    for (int r = -1; r < b->repeat; r++) {
        double start = clock_seconds();
        for (int i = 0, n_pass; i < B; i += n_pass) {
            ArenaMark mark = arena_mark(step);
            Tape tape = tape_make(step);
            n_pass = llama_pass(role->llama, length + i, B - i, (int)args_int(args, "rows"));
            LlamaBatch batch = llama_batch(step, sequence + i, length + i, n_pass);
            LogprobExtra extra = {.tied = llama_tie(&batch, role->llama, first, step)};
            Tensor *h = llama_forward(&tape, role->llama, role->adapter, &batch, NULL, step);
            Tensor *logp = logprob(&tape, op_gather(&tape, h, row, first[n_pass]), role->llama->weights.head, target + first[i], 1,
                                   llama_rows(role->llama, n_pass, first), &extra);
            for (int t = 0; t < first[n_pass]; t++) logp->grad[t] = -1.0f / (float)(B * (T - 1));
            tape_backward(&tape);
            arena_release(step, mark);
        }
        float norm;
        TRY(optimizer_step(&optimizer, 1e-4f, &norm, error));
        if (r >= 0) rate[r] = (double)B * T / (clock_seconds() - start);
    }
    print_row(b, name, "tok/s", rate, b->repeat);
    arena_reset(step);
    arena_reset(&b->tool->run);
    return OK;
}

static Status bench(Tool *tool, Error *error) {
    const Args *args = tool->args;
    TRY(tool_open_model(tool, error));
    Bench b = {tool, (int)args_int(args, "bench.repeat"), args_flag(args, "bench.json")};
    int context = (int)args_int(args, "bench.context") + (int)args_int(args, "bench.steps") + 1,
        longest = (int)args_int(args, "bench.tokens");
    if (context > longest) longest = context;
    if ((int)args_int(args, "bench.train_tokens") > longest) longest = (int)args_int(args, "bench.train_tokens");
    TRY(llama_prepare(&tool->base.llama, &tool->model, longest, error));
    const LlamaLayer *layer = &tool->base.llama.weights.layer[0];

    const char *const *parts;
    int n = args_list(args, "bench.parts", &parts), batch = (int)args_int(args, "bench.batch");
    for (int i = 0; i < n; i++) {
        if (strcmp(parts[i], "product") == 0) {
            // Both precisions of a shape, one behind the other.
            const struct {
                int rows;
                const Tensor *w;
            } SHAPES[] = {{512, layer->proj[PROJ_GATE]}, {512, layer->proj[PROJ_DOWN]}, {batch, layer->proj[PROJ_GATE]},
                          {1, layer->proj[PROJ_GATE]},   {1, tool->base.llama.weights.head}};
            for (size_t s = 0; s < 2 * sizeof SHAPES / sizeof *SHAPES; s++)
                bench_product(&b, s % 2 ? PRECISION_BF16 : PRECISION_FP32, SHAPES[s / 2].rows, SHAPES[s / 2].w);
        } else if (strcmp(parts[i], "prefill") == 0) {
            bench_prefill(&b);
        } else if (strcmp(parts[i], "decode") == 0) {
            TRY(bench_decode(&b, "decode, 1 sequence", 1, error));
        } else if (strcmp(parts[i], "batch") == 0) {
            char name[64];
            snprintf(name, sizeof name, "decode, %d sequences", batch);
            TRY(bench_decode(&b, name, batch, error));
        } else if (strcmp(parts[i], "lora") == 0) {
            TRY(bench_training(&b, "training step, adapter", false, error));
        } else if (strcmp(parts[i], "train") == 0) {
            TRY(bench_training(&b, "training step, all weights", true, error));
        } else {
            static const char *const NAMES[] = {"product", "prefill", "decode", "batch", "lora", "train", NULL};
            const char *near = nearest_name(parts[i], NAMES);
            return error_set(error, ERR_USAGE, "bench.parts: expected a part such as %s, found \"%s\"", near ? near : "prefill", parts[i]);
        }
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
