#include "tools/stage.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/comm.h"
#include "tensor/base/cpu.h"
#include "tensor/base/file.h"
#include "tensor/base/pool.h"
#include "tensor/base/sha256.h"
#include "tensor/kernels/kernels.h"
#include "tools/console.h"
#include "tools/ranks.h"

// A rank that fails and is not followed by all others within this time ends them.
enum { ALONE_SECONDS = 3 };

// Memory that the system or the cap refuses ends the program: everything on disk is whole (arena.h).
static void out_of_memory(const char *sentence) {
    console_error(sentence);
    comm_abort(1);
}

// tasks/ and models/ beside the program: PREFIX/share/rlcd when installed, the source folder when run from build/.
const char *tool_share(Arena *arena) {
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n > 0) {
        program[n] = '\0';
        for (int up = 0; up < 4; up++) {
            char *slash = strrchr(program, '/');
            if (slash == NULL) break;
            *slash = '\0';
            const char *source = path_join(arena, program, "rlcd"), *installed = path_join(arena, program, "share/rlcd");
            if (file_is_directory(path_join(arena, installed, "tasks"))) return installed;
            if (file_is_directory(path_join(arena, source, "tasks"))) return source;
        }
    }
    return file_is_directory("rlcd/tasks") ? "rlcd" : RLCD_PREFIX "/share/rlcd";
}

Status tool_begin(Tool *tool, const Args *args, Error *error) {
    tool->args = args;
    if (args_has(args, "memory")) arena_set_cap(args_size(args, "memory"));
    // RLCD_ISA speaks when the option does not.
    const char *isa = getenv("RLCD_ISA"), *wanted = args_text(args, "kernels");
    if (isa && *isa && !args_given(args, "kernels")) wanted = isa;
    TRY(kernels_choose(wanted, error));
    console_begin(args_flag(args, "quiet") || comm_rank(), args_has(args, "max_time") ? args_seconds(args, "max_time") : 0);
    TRY(pool_start(args_has(args, "threads") ? (int)args_int(args, "threads") : cpu_default_threads(), error));
    tool->share = tool_share(&tool->text);
    return OK;
}

// What makes stored reply ids valid: the written form of every token, in order.
static void hash_tokenizer(const Tokenizer *tokenizer, char hex[65]) {
    Sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    for (int32_t id = 0; id < tokenizer_vocabulary(tokenizer); id++) {
        Text bytes = tokenizer_bytes(tokenizer, id);
        uint8_t size[4] = {(uint8_t)bytes.size, (uint8_t)(bytes.size >> 8), (uint8_t)(bytes.size >> 16), (uint8_t)(bytes.size >> 24)};
        sha256_feed(&hash, size, 4);
        sha256_feed(&hash, bytes.data, bytes.size);
    }
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
}

Precision tool_precision(const Args *args) { return args_choice(args, "precision") ? PRECISION_BF16 : PRECISION_FP32; }

Status tool_open_model(Tool *tool, Error *error) {
    tool->model_path = args_text(tool->args, "model");
    TRY(base_open(&tool->base, &tool->model, tool->model_path, error));
    tool->base.llama.precision = tool_precision(tool->args);
    tool->opened = true;
    TRY(weights_hash(&tool->base.llama.source, error));
    tool->model_hash = tool->base.llama.source.sha256;
    TRY(ranks_same("model", tool->model_hash, error));
    hash_tokenizer(tool->base.tokenizer, tool->tokenizer_hash);
    return OK;
}

static Tool tool_make(void) {
    return (Tool){.model = arena_make("model", (size_t)1 << 20),
                  .text = arena_make("text", 0),
                  .run = arena_make("run", 0),
                  .step = arena_make("step", (size_t)16 << 20)};
}

Tool tool_fork(const Tool *tool, const Args *args) {
    Tool fork = tool_make();
    fork.args = args;
    fork.share = tool->share;
    return fork;
}

void tool_release(Tool *fork) {
    if (fork->opened) llama_close(&fork->base.llama);
    arena_free(&fork->step);
    arena_free(&fork->run);
    arena_free(&fork->text);
    arena_free(&fork->model);
}

void tool_end(Tool *tool) {
    pool_stop();
    tool_release(tool);
    comm_end();
}

Session tool_session(Tool *tool, Metrics *metrics, const char *dir, const char *recipe_hash) {
    return (Session){
        .dir = dir,
        .metrics = metrics,
        .run = &tool->run,
        .step = &tool->step,
        .seed = (uint64_t)args_int(tool->args, "seed"),
        .checkpoint_every = args_int(tool->args, "checkpoint_every"),
        .keep = (int)args_int(tool->args, "keep"),
        .resume = args_choice(tool->args, "resume") != 1,
        .rows = (int)args_int(tool->args, "rows"),
        .recipe_hash = recipe_hash,
        .stop_wanted = console_stop_wanted,
        .progress = console_progress,
        .warn = console_warn,
    };
}

Text tool_unescape(Arena *arena, Text text) {
    Str s = str_make(arena);
    str_append(&s, TEXT(""));
    for (size_t i = 0; i < text.size; i++) {
        bool escape = text.data[i] == '\\' && i + 1 < text.size;
        char next = escape ? text.data[i + 1] : '\0';
        if (next == 'n' || next == 't' || next == '\\') {
            str_append_char(&s, next == 'n' ? '\n' : next == 't' ? '\t' : '\\');
            i++;
        } else {
            str_append_char(&s, text.data[i]);
        }
    }
    return str_text(&s);
}

Status tool_limit(int64_t *limit, const Args *args, const char *key, Error *error) {
    *limit = args_int(args, key);
    return *limit ? OK : error_set(error, ERR_USAGE, "%s: expected -1 for all rows, or at least 1, found 0", key);
}

Status tool_last_metrics(const Json **out, Tool *tool, const char *dir, Error *error) {
    const char *path = path_join(&tool->text, dir, "metrics.jsonl");
    LineReader *reader;
    Text line = {0}, last = {0};
    size_t number;
    bool more = true;
    TRY(lines_open(&reader, &tool->run, path, error));
    Status status = OK;
    while (status == OK && more) {
        status = lines_next(reader, &line, &number, &more, error);
        if (status == OK && more) last = text_copy(&tool->run, line);
    }
    lines_close(reader);
    TRY(status);
    return json_parse(out, &tool->run, last, path, error);
}

double tool_number(const Json *line, const char *name) {
    const Json *value = json_get(line, name);
    return value && value->type == JSON_NUMBER ? value->number : 0;
}

int tool_exit(Tool *tool, Status status, const Error *error) {
    console_clear();
    int code = 0;
    if (status != OK && comm_wait(ALONE_SECONDS)) {
        // All ranks fail alike: one sentence for them.
        code = comm_rank() ? console_exit_code(error) : console_fail(error);
    } else if (status != OK) {
        Error told = *error;
        error_prefix(&told, "rank %d of %d", comm_rank(), comm_size());
        comm_abort(console_fail(&told));
    } else if (fflush(stdout) != 0 || ferror(stdout)) {
        console_error("stdout: what was printed could not be written");
        code = 1;
    }
    tool_end(tool);
    return code;
}

int tool_summary_exit(Tool *tool, const Str *summary, Status status, const Error *error) {
    console_clear();
    if (status == OK) fputs(summary->data, stdout);
    return tool_exit(tool, status, error);
}

void stage_end(Tool *tool, RunDir *run, Metrics *metrics) {
    if (metrics && metrics->open) metrics_close(metrics, NULL);
    run_dir_close(run);
    arena_reset(&tool->run);
    arena_reset(&tool->step);
}

int tool_start(Tool *tool, Args *args, const Verb *verb, int argc, const char *const *argv) {
    *tool = tool_make();
    arena_set_exhausted(out_of_memory);
    Error error = {0};
    Status status = ranks_start(&error);
    if (status == OK) status = args_parse(args, &tool->text, verb, argc, argv, &error);
    if (status == OK && args->help) {
        Str help = str_make(&tool->text);
        args_help(&help, verb);
        fwrite(help.data, 1, help.size, stdout);
        return tool_exit(tool, OK, &error);
    }
    if (status == OK) status = tool_begin(tool, args, &error);
    if (status == OK) status = ranks_compare(args, &tool->text, &error);
    if (status != OK) return tool_exit(tool, status, &error);
    return -1;
}
