// rlcd inspect: what a model, tensor file or run directory holds; --check validates every byte that a hash covers.
#include <stdio.h>
#include <string.h>

#include "nn/checkpoint.h"
#include "tools/console.h"
#include "tools/options.h"
#include "tools/run_dir.h"
#include "tools/stage.h"

static const Option INSPECT[] = {
    {"check", OPTION_FLAG, "no", NULL, false, false, 0, 0, NULL, NULL, "Read everything and compare hashes."},
    {"tensors", OPTION_FLAG, "no", NULL, false, false, 0, 0, NULL, NULL, "List every tensor."},
    {0},
};
static const OptionTable INSPECT_TABLE = {"", INSPECT};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &INSPECT_TABLE, NULL};
const Verb VERB_INSPECT = {
    .name = "inspect",
    .usage = "rlcd inspect FILE|DIR [--check] [--tensors]",
    .summary = "Shows what a model, a tensor file or a run directory holds.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = 1,
};

static Status inspect_safetensors(Tool *tool, const char *path, Error *error) {
    SafeTensors file;
    TRY(safetensors_open(&file, &tool->run, path, error));
    printf("%s: safetensors, %zu tensors, %zu bytes\n", path, file.n_tensors, file.map.size);
    for (size_t i = 0; i < file.n_tensors && args_flag(tool->args, "tensors"); i++) {
        const SafeTensor *t = &file.tensors[i];
        printf("  %.*s %.*s [", (int)t->name.size, t->name.data, (int)t->type_name.size, t->type_name.data);
        for (int d = 0; d < t->rank; d++) printf("%s%llu", d ? ", " : "", (unsigned long long)t->dim[d]);
        printf("]\n");
    }
    safetensors_close(&file);
    return OK;
}

static void list_gguf(const Gguf *gguf) {
    for (size_t i = 0; i < gguf->n_tensors; i++) {
        const GgufTensor *t = &gguf->tensors[i];
        printf("  %.*s %s [", (int)t->name.size, t->name.data, t->known ? dtype_info(t->dtype)->name : "?");
        for (int d = t->rank - 1; d >= 0; d--) printf("%llu%s", (unsigned long long)t->dim[d], d ? ", " : "");
        printf("]\n");
    }
}

// A model: everything is opened as any verb would, so what is wrong with it is found here.
static Status inspect_model(Tool *tool, const char *path, Error *error) {
    Base base;
    TRY(base_open(&base, &tool->model, path, error));
    const LlamaConfig *c = &base.llama.config;
    printf("%s: LLaMA, %zu weights, %s\n", path, config_count_weights(c), base.llama.source.is_gguf ? "GGUF" : "Hugging Face folder");
    printf("  vocabulary %d, width %d, layers %d, heads %d, kv heads %d, head size %d, feed-forward %d, context %d\n", c->V, c->D, c->L,
           c->H, c->K, c->S, c->F, c->context);
    printf("  norm eps %g, rope theta %g, head %s, end-of-text %d\n", (double)c->norm_eps, (double)c->rope.theta, c->tied ? "tied" : "own",
           base.end);
    if (base.llama.source.is_gguf && args_flag(tool->args, "tensors")) list_gguf(&base.llama.source.gguf);
    Status status = OK;
    if (args_flag(tool->args, "check")) {
        status = weights_hash(&base.llama.source, error);
        if (status == OK) printf("  sha256 %s\n", base.llama.source.sha256);
    }
    llama_close(&base.llama);
    return status;
}

// A run directory: its card, its newest checkpoint (every byte is hashed when opened), its golden hash.
static Status inspect_run(Tool *tool, const char *path, Error *error) {
    const char *file = path_join(&tool->run, path, "run.json");
    Text text, state, verb;
    const Json *card;
    TRY(file_read(&text, &tool->run, file, 16 << 20, error));
    TRY(json_parse(&card, &tool->run, text, file, error));
    TRY(json_need_string(card, "verb", &verb, file, error));
    TRY(json_need_string(card, "status", &state, file, error));
    printf("%s: run of %s, %s\n", path, verb.data, state.data);
    Checkpoint c;
    bool found;
    TRY(checkpoint_open_newest(&c, &found, &tool->run, path, console_warn, error));
    if (found) {
        printf("  %s: step %lld, %d files, all hashes right\n", c.path, (long long)c.step, c.files);
        checkpoint_close(&c);
    }
    char hash[65];
    TRY(run_dir_hash(path, &tool->run, hash, error));
    printf("  golden hash %s\n", hash);
    const Json *stored = json_get(card, "sha256");
    if (stored && stored->type == JSON_STRING && !text_equal(stored->string, text_of(hash)))
        return error_set(error, ERR_DATA, "%s: the golden hash is %.12s..., the card says %.12s...", path, hash, stored->string.data);
    return OK;
}

static Status inspect(Tool *tool, Error *error) {
    const char *path = tool->args->positional[0];
    if (text_ends(text_of(path), TEXT(".safetensors"))) return inspect_safetensors(tool, path, error);
    if (file_is_directory(path) && file_exists(path_join(&tool->run, path, "run.json"))) return inspect_run(tool, path, error);
    if (file_is_directory(path) && file_exists(path_join(&tool->run, path, "COMPLETE"))) {
        Checkpoint c;
        TRY(checkpoint_open(&c, &tool->run, path, error));
        printf("%s: checkpoint, step %lld, %d files, all hashes right\n", path, (long long)c.step, c.files);
        checkpoint_close(&c);
        return OK;
    }
    return inspect_model(tool, path, error);
}

int cmd_inspect(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_INSPECT, argc, argv);
    if (code >= 0) return code;
    Status status = inspect(&tool, &error);
    return tool_exit(&tool, status, &error);
}
