// rlcd convert: a model into another format or type of number, or one of random numbers.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/console.h"
#include "tools/convert_folder.h"
#include "tools/convert_gguf.h"
#include "tools/convert_init.h"
#include "tools/options.h"
#include "tools/stage.h"

static const Option CONVERT[] = {
    {"out", OPTION_PATH, NULL, NULL, false, true, 0, 0, NULL, "DEST", "A file whose name ends in .gguf, or a Hugging Face folder."},
    {"type", OPTION_CHOICE, NULL, NULL, true, false, 0, 0, "f32|f16|bf16|q8_0|q4_0|q4_1", NULL,
     "Numbers of matrices (default: as they are; a folder takes f32, f16 and bf16, and gets f32 for block types)."},
    {"init", OPTION_STRING, NULL, NULL, true, false, 0, 0, NULL, "SHAPE",
     "Random weights: llama-7b, llama-13b, llama-30b, llama-65b or a config.json."},
    {"tokenizer", OPTION_PATH, NULL, NULL, true, false, 0, 0, NULL, "F",
     "A tokenizer.json, a folder with one or a .gguf, for a llama2.c model (.bin) or --init (default there: one of bytes)."},
    {"shard_size", OPTION_SIZE, "4G", NULL, true, false, 0, 0, NULL, "SIZE", "Largest file of weights in a folder."},
    {"force", OPTION_FLAG, "no", NULL, false, false, 0, 0, NULL, NULL, "Replace what is there."},
    {0},
};
static const OptionTable CONVERT_TABLE = {"", CONVERT};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &CONVERT_TABLE, NULL};
const Verb VERB_CONVERT = {
    .name = "convert",
    .usage = "rlcd convert MODEL --out DEST [--type T] [--force] | rlcd convert --init SHAPE --out DEST [--type T]",
    .summary = "Turns a model into a GGUF or a Hugging Face folder, quantises it, or makes a random one.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 0,
    .most = 1,
};

static bool same_place(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

// What the options ask for; refused where source and destination do not go together.
static Status read_options(ConvertOptions *out, const Args *args, bool gguf, Arena *arena, Error *error) {
    const char *dest = args_text(args, "out"), *source = args->positionals ? args->positional[0] : NULL;
    *out = (ConvertOptions){.typed = args_has(args, "type"), .shard_bytes = args_size(args, "shard_size")};
    if ((source != NULL) == args_has(args, "init"))
        return error_set(error, ERR_USAGE, "convert: expected a model or --init SHAPE, found %s", source ? "both" : "neither");
    if (args_has(args, "tokenizer") && source && !text_ends(text_of(source), TEXT(".bin")))
        return error_set(error, ERR_USAGE, "convert: --tokenizer goes with --init or a llama2.c model, whose name ends in .bin");
    if (out->shard_bytes == 0) return error_set(error, ERR_USAGE, "convert: expected --shard-size above 0, found 0");
    if (out->typed) dtype_from_name(args_text(args, "type"), &out->type);
    if (out->typed && !gguf && dtype_info(out->type)->block > 1)
        return error_set(error, ERR_USAGE, "convert: a Hugging Face folder holds f32, f16 or bf16, found --type %s; %s is no .gguf",
                         args_text(args, "type"), dest);
    if (source && same_place(source, dest)) return error_set(error, ERR_USAGE, "convert: %s is the model itself", dest);
    bool held = gguf ? file_exists(dest) : convert_folder_held(dest, arena);
    if (held && !args_flag(args, "force")) return error_set(error, ERR_USAGE, "convert: %s is there already; --force replaces it", dest);
    if (gguf && file_is_directory(dest)) return error_set(error, ERR_USAGE, "convert: %s is a directory; expected a file", dest);
    return OK;
}

static Status convert(Tool *tool, Error *error) {
    const Args *args = tool->args;
    const char *dest = args_text(args, "out");
    bool gguf = text_ends(text_of(dest), TEXT(".gguf"));
    ConvertOptions options;
    ConvertSource source;
    TRY(read_options(&options, args, gguf, &tool->text, error));
    if (args_has(args, "init"))
        TRY(convert_init(&source, &tool->model, args_text(args, "init"), args_text(args, "tokenizer"), (uint64_t)args_int(args, "seed"),
                         error));
    else
        TRY(convert_open(&source, &tool->model, args->positional[0], error));
    if (source.map.data && args_has(args, "tokenizer"))
        TRY(convert_give_tokenizer(&source, &tool->model, args_text(args, "tokenizer"), error));
    uint64_t bytes = 0;
    int files = 1;
    Status status = gguf ? convert_to_gguf(dest, &source, &options, &bytes, &tool->run, error)
                         : convert_to_folder(dest, &source, &options, &bytes, &files, &tool->run, error);
    console_clear();
    if (status == OK)
        printf("%s: %s, %zu weights, mostly %s, %llu bytes in %d file%s\n", dest, gguf ? "GGUF" : "Hugging Face folder",
               config_count_weights(&source.config), dtype_info(convert_main_type(&source, &options, gguf))->name,
               (unsigned long long)bytes, files, files > 1 ? "s" : "");
    convert_close(&source);
    return status;
}

int cmd_convert(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_CONVERT, argc, argv);
    if (code >= 0) return code;
    Status status = convert(&tool, &error);
    return tool_exit(&tool, status, &error);
}
