// rlcd data: what is in files of prompts and pairs.
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tools/console.h"
#include "tools/data_check.h"
#include "tools/options.h"
#include "tools/stage.h"
#include "tools/task_files.h"

static const Option DATA[] = {
    {"out", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "FILE", "All findings as JSON Lines."},
    {0},
};
static const OptionTable DATA_TABLE = {"", DATA};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &DATA_TABLE, &OPTIONS_TASK, &OPTIONS_CHECK, NULL};
const Verb VERB_DATA = {
    .name = "data",
    .usage = "rlcd data check FILE... [--held-out FILE] [--strict] [--out FILE]",
    .summary = "Checks prompts and pairs: what stands there twice, what was to be held out, what says nothing.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = -1,
};

static Status add_parts(DataCheckConfig *config, const Args *args, const char *const *paths, int n, bool held_out, Error *error) {
    DataPart part = {.held_out = held_out, .first = args_int(args, held_out ? "check.held_out_first" : "check.first")};
    TRY(tool_limit(&part.limit, args, held_out ? "check.held_out_limit" : "check.limit", error));
    for (int i = 0; i < n; i++) {
        if (config->parts == DUPLICATE_GROUPS_MAX)
            return error_set(error, ERR_USAGE, "rlcd data check: expected at most %d files", DUPLICATE_GROUPS_MAX);
        part.path = paths[i];
        config->part[config->parts++] = part;
    }
    return OK;
}

static Status check(Tool *tool, Str *table, bool *leaks, Error *error) {
    const Args *args = tool->args;
    const char *const *held_out, *path, *out = args_text(args, "out");
    int n_held_out = args_list(args, "check.held_out", &held_out);
    Task task;
    DataCheckConfig *config = arena_zeros(&tool->text, 1, sizeof *config);
    DataCheckCounts counts;
    Str findings = str_make(&tool->run);
    *config = (DataCheckConfig){.task = &task,
                                .ngram = (int)args_int(args, "check.ngram"),
                                .shown = (int)args_int(args, "check.shown"),
                                .least = args_double(args, "check.near")};
    if (args->positionals < 2) return error_set(error, ERR_USAGE, "rlcd data check needs a FILE");
    TRY(add_parts(config, args, args->positional + 1, args->positionals - 1, false, error));
    TRY(add_parts(config, args, held_out, n_held_out, true, error));
    if (args_flag(args, "check.strict") && config->parts < 2)
        return error_set(error, ERR_USAGE, "rlcd data check --strict asks for leaks: it needs --held-out FILE, or two files");
    TRY(task_files_open(&task, &path, tool, error));
    str_append(&findings, TEXT(""));
    TRY(data_check(&counts, table, &findings, config, &tool->run, error));
    *leaks = args_flag(args, "check.strict") && counts.leaks > 0;
    return out ? file_write(out, findings.data, findings.size, error) : OK;
}

int cmd_data(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    bool leaks = false;
    int code = tool_start(&tool, &args, &VERB_DATA, argc, argv);
    if (code >= 0) return code;
    Str table = str_make(&tool.run);
    Status status;
    if (strcmp(args.positional[0], "check") == 0)
        status = check(&tool, &table, &leaks, &error);
    else
        status = error_set(&error, ERR_USAGE, "data: expected check, found \"%s\"", args.positional[0]);
    console_clear();
    // What was found is shown, also when the findings could not be written.
    if (table.size) fwrite(table.data, 1, table.size, stdout);
    code = tool_exit(&tool, status, &error);
    return code == 0 && leaks ? 3 : code;
}
