// rlcd pretrain: a language model from text.
#include <string.h>

#include "tools/export.h"
#include "tensor/base/file.h"
#include "tools/corpus.h"
#include "tools/options.h"
#include "tools/stage.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_OUT, &OPTIONS_PRETRAIN, NULL};
const Verb VERB_PRETRAIN = {
    .name = "pretrain",
    .usage = "rlcd pretrain --text FILE --tokenizer F --config-model PRESET --out RUN",
    .summary = "Trains a model from text, from random weights or from another model.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

// The named shapes, in the order of the option's choices.
static const LlamaConfig SHAPES[] = {
    {.D = 128, .L = 4, .H = 4, .K = 4, .F = 344, .context = 256},     // tiny: tinyworld.md, section 8
    {.D = 288, .L = 6, .H = 6, .K = 6, .F = 768, .context = 256},     // stories15m: karpathy/llama2.c
    {.D = 576, .L = 30, .H = 9, .K = 3, .F = 1536, .context = 2048},  // smollm-135m
};

// Rows of a pass and steps between checkpoints when nobody says: steps are short here.
enum { ROWS = 1280, CHECKPOINT_EVERY = 500 };

static int size_or(const Args *args, const char *key, int otherwise) { return args_has(args, key) ? (int)args_int(args, key) : otherwise; }

// The shape of a new model: a preset, changed by single options.
static Status read_shape(const Args *args, LlamaConfig *c, int V, int32_t end, Error *error) {
    *c = SHAPES[args_choice(args, "pretrain.config_model")];
    c->V = V;
    c->D = size_or(args, "pretrain.dim", c->D);
    c->L = size_or(args, "pretrain.layers", c->L);
    c->K = c->H == c->K ? size_or(args, "pretrain.heads", c->K) : c->K;
    c->H = size_or(args, "pretrain.heads", c->H);
    c->K = size_or(args, "pretrain.kv_heads", c->K);
    c->F = size_or(args, "pretrain.hidden", c->F);
    c->context = size_or(args, "pretrain.context", c->context);
    if (c->D % c->H != 0) return error_set(error, ERR_USAGE, "pretrain: a width of %d cannot be shared by %d heads", c->D, c->H);
    c->S = c->D / c->H;
    c->norm_eps = (float)args_double(args, "pretrain.norm_eps");
    c->rope = (RopeConfig){.theta = (float)args_double(args, "pretrain.rope_theta")};
    c->tied = args_flag(args, "pretrain.tied");
    c->bos = -1;
    c->eos = c->eos_all[0] = end;
    c->n_eos = 1;
    if (config_check(c, "pretrain", error) == OK) return OK;
    error->status = ERR_USAGE;
    return ERR_USAGE;
}

static void read_config(const Args *args, PretrainConfig *c) {
    static const ScheduleKind KINDS[] = {SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE};
    *c = pretrain_default();
    c->tokens = args_int(args, "pretrain.tokens");
    c->batch = (int)args_int(args, "pretrain.batch");
    c->unit = (int)args_int(args, "pretrain.unit");
    c->schedule.rate = args_double(args, "pretrain.lr");
    c->schedule.kind = KINDS[args_choice(args, "pretrain.schedule")];
    c->schedule.floor = args_double(args, "pretrain.floor");
    c->warmup_share = args_double(args, "pretrain.warmup");
    c->adamw.beta1 = (float)args_double(args, "pretrain.beta1");
    c->adamw.beta2 = (float)args_double(args, "pretrain.beta2");
    c->adamw.eps = (float)args_double(args, "pretrain.adam_eps");
    c->adamw.weight_decay = (float)args_double(args, "pretrain.weight_decay");
    c->max_norm = (float)args_double(args, "pretrain.max_norm");
    c->init_embedding = args_double(args, "pretrain.init_embedding");
    c->init_matrix = args_double(args, "pretrain.init_matrix");
    c->fresh = !args_has(args, "pretrain.model");
}

// The model to go on from, or a shape with a tokenizer. `tokenizer` becomes the path of its tokenizer.json.
static Status open_base(Tool *tool, RunDir *run, const char **tokenizer, Error *error) {
    const Args *args = tool->args;
    const char *model = args_text(args, "pretrain.model"), *path = model ? model : args_text(args, "pretrain.tokenizer");
    if (model && args_has(args, "pretrain.tokenizer"))
        return error_set(error, ERR_USAGE, "pretrain: --model brings its own tokenizer; leave --tokenizer out");
    if (path == NULL) return error_set(error, ERR_USAGE, "pretrain: expected --tokenizer FILE or --model M, found neither");
    if (model && !file_is_directory(model))
        return error_set(error, ERR_USAGE, "%s: expected a Hugging Face folder, whose tokenizer goes into the new model", model);
    *tokenizer = file_is_directory(path) ? path_join(&tool->text, path, "tokenizer.json") : path;
    TRY(run_dir_input(run, "tokenizer", *tokenizer, error));
    if (model) {
        TRY(base_open(&tool->base, &tool->model, model, error));
        tool->opened = true;
        TRY(weights_hash(&tool->base.llama.source, error));
        run_dir_input_hash(run, "model", model, tool->base.llama.source.sha256);
    } else {
        Tokenizer *t;
        LlamaConfig config;
        TRY(tokenizer_from_json(&t, &tool->model, *tokenizer, error));
        const char *end = args_text(args, "pretrain.end");
        int32_t id = end ? tokenizer_id(t, text_of(end)) : tokenizer_eos(t);
        if (id < 0 && end) return error_set(error, ERR_DATA, "%s: expected the token \"%s\", found none", *tokenizer, end);
        if (id < 0) return error_set(error, ERR_USAGE, "%s: no file names its end-of-text; expected --end TOKEN", *tokenizer);
        TRY(read_shape(args, &config, tokenizer_vocabulary(t), id, error));
        tool->base = pretrain_base(&tool->model, &config, t, id);
    }
    tool->base.llama.precision = tool_precision(args);
    return llama_prepare(&tool->base.llama, &tool->model, tool->base.llama.config.context, error);
}

static Status take(void *context, Text text, const PretrainWeight *weight, int weights, Error *error) {
    return pretrain_add(context, text, weight, weights, error);
}

Status stage_pretrain(Tool *tool, const char *dir, Str *summary, Error *error) {
    const Args *args = tool->args;
    PretrainConfig config;
    RunDir run;
    Metrics metrics = {0};
    Role *model;
    const char *tokenizer = NULL, *const * files;
    bool finished;
    double loss;
    Status status;
    int n_files = args_list(args, "pretrain.text", &files);
    if (n_files == 0 || n_files > RUN_INPUTS - 2)
        return error_set(error, ERR_USAGE, "pretrain: expected 1 to %d files as --text, found %d", RUN_INPUTS - 2, n_files);
    read_config(args, &config);
    run_dir_open(&run, &tool->text, dir, "pretrain", args);
    TRY_DONE(open_base(tool, &run, &tokenizer, error));
    for (int i = 0; i < n_files; i++) TRY_DONE(run_dir_input(&run, "text", files[i], error));
    TRY_DONE(run_dir_begin(&run, &finished, error));
    if (finished) {
        status = run_dir_show(&run, summary, error);
        goto done;
    }

    PretrainText text = pretrain_text(&tool->run, &tool->base, tool->base.llama.config.context);
    TRY_DONE(corpus_read(files, n_files, (CorpusSplit)args_choice(args, "pretrain.documents"), take, &text, error));
    if (text.count == 0) {
        status = error_set(error, ERR_DATA, "%s: expected text, found none", files[0]);
        goto done;
    }
    TRY_DONE(run_dir_start(&run, error));

    Session session = tool_session(tool, &metrics, dir, run.recipe_hash);
    if (!args_given(args, "rows")) session.rows = ROWS;
    if (!args_given(args, "checkpoint_every")) session.checkpoint_every = CHECKPOINT_EVERY;
    TRY_DONE(pretrain_train(&model, &loss, &tool->base, &text, &config, &session, error));
    TRY_DONE(export_folder(path_join(&tool->text, dir, "model"), &tool->base.llama.config, &model->params, tokenizer, &tool->run, error));

    str_printf(&run.result, ",\"pretrain\":{\"documents\":%lld,\"text_tokens\":%lld,\"cut\":%lld,\"weights\":%zu}",
               (long long)text.documents, (long long)text.tokens, (long long)text.cut, model->params.count);
    Str table = str_make(&tool->text);
    str_printf(&table, "pretrain       %zu weights, %lld tokens of %lld in %lld documents (%lld cut); last loss %.3f\n",
               model->params.count, (long long)config.tokens, (long long)text.tokens, (long long)text.documents, (long long)text.cut, loss);
    TRY_DONE(metrics_close(&metrics, error));
    TRY_DONE(run_dir_finish(&run, &table, summary, error));
done:
    stage_end(tool, &run, &metrics);
    return status;
}

int cmd_pretrain(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_PRETRAIN, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    Status status = stage_pretrain(&tool, args_text(&args, "out"), &summary, &error);
    return tool_summary_exit(&tool, &summary, status, &error);
}
