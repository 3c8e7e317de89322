// rlcd report: the table of one matrix or several, and report.html.
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tools/console.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/stage.h"

enum { DIRS_MAX = 4096 };

static const Option REPORT[] = {
    {"out", OPTION_PATH, "report.html", NULL, false, false, 0, 0, NULL, "FILE",
     "The page; its numbers go to FILE without .html, with -data."},
    {"pairs", OPTION_INT, "4", NULL, false, false, 0, 1000, NULL, "N", "Pairs that are shown."},
    {"prompts", OPTION_INT, "6", NULL, false, false, 0, 1000, NULL, "N", "Held-out prompts whose replies are shown."},
    {0},
};
static const OptionTable REPORT_TABLE = {"", REPORT};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &REPORT_TABLE, NULL};
const Verb VERB_REPORT = {
    .name = "report",
    .usage = "rlcd report DIR... [--out report.html]",
    .summary = "Prints the table of matrix folders (one a seed), or of a demo's folder, and writes report.html.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = -1,
};

// Columns of the terminal, within what the table is made for.
static int report_columns(void) {
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 140;
    return size.ws_col < 80 ? 80 : size.ws_col > 140 ? 140 : size.ws_col;
}

Status stage_table(Tool *tool, const char *const *dirs, int n, Str *summary, Error *error) {
    ResultsList list;
    TRY(results_read(&list, &tool->run, dirs, n, 0, error));
    str_append(summary, TEXT("\n"));
    results_table(summary, &list, report_columns());
    return OK;
}

Status stage_report(Tool *tool, const ReportInputs *inputs, Str *summary, Error *error) {
    ResultsList list;
    SweepList sweeps = {.count = 0};
    const char *folder;
    TRY(results_read(&list, &tool->run, inputs->dirs, inputs->n, inputs->pairs, error));
    results_table(summary, &list, report_columns());
    if (inputs->sweeps) TRY(sweep_read(&sweeps, &tool->run, inputs->sweeps, error));
    ReportConfig config = {.path = inputs->path, .prompts = inputs->prompts, .sweeps = &sweeps};
    TRY(report_write(&list, &config, &tool->run, &folder, error));
    str_printf(summary, "\nreport         %s, numbers in %s/\n", inputs->path, folder);
    return OK;
}

// ---- folders of a demo

// What the arguments stand for: matrix folders as they are; of a demo's folder its TASK/seed-N, tasks by name and seeds by number.
typedef struct {
    Arena *arena;
    int count;
    const char *dir[DIRS_MAX];
    const char *demo;  // the first folder of a demo
} Folders;

static Status add_folder(Folders *f, const char *dir, Error *error) {
    if (f->count == DIRS_MAX) return error_set(error, ERR_USAGE, "report: expected at most %d folders", DIRS_MAX);
    f->dir[f->count++] = dir;
    return OK;
}

// The matrices in DIR/TASK, by seed.
static Status add_seeds(Folders *f, const char *dir, Error *error) {
    const char **names;
    int count, first = f->count;
    int64_t seed[DIRS_MAX], number;
    TRY(directory_list(f->arena, dir, &names, &count, error));
    for (int i = 0; i < count; i++) {
        const char *place = path_join(f->arena, dir, names[i]);
        Text name = text_of(names[i]);
        if (!text_begins(name, TEXT("seed-")) || !number_parse_int((Text){name.data + 5, name.size - 5}, &number)) continue;
        if (!file_exists(path_join(f->arena, place, "results.json"))) continue;
        TRY(add_folder(f, place, error));
        int at = f->count - 1;
        for (; at > first && seed[at - 1] > number; at--) f->dir[at] = f->dir[at - 1], seed[at] = seed[at - 1];
        f->dir[at] = place;
        seed[at] = number;
    }
    return OK;
}

static Status add_argument(Folders *f, const char *dir, Error *error) {
    const char **names;
    int count = 0, before = f->count;
    bool demo = file_is_directory(dir) && !file_exists(path_join(f->arena, dir, "results.json"));
    if (demo) TRY(directory_list(f->arena, dir, &names, &count, error));
    for (int i = 0; i < count; i++) {
        const char *task = path_join(f->arena, dir, names[i]);
        if (file_is_directory(task)) TRY(add_seeds(f, task, error));
    }
    // Neither: reading it says what is missing.
    if (f->count == before) return add_folder(f, dir, error);
    if (f->demo == NULL) f->demo = dir;
    return OK;
}

static Status report(Tool *tool, Str *summary, Error *error) {
    const Args *args = tool->args;
    Folders *f = arena_zeros(&tool->text, 1, sizeof *f);
    f->arena = &tool->text;
    for (int i = 0; i < args->positionals; i++) TRY(add_argument(f, args->positional[i], error));
    ReportInputs inputs = {.dirs = f->dir,
                           .n = f->count,
                           .sweeps = f->demo,
                           .path = args_text(args, "out"),
                           .pairs = (int)args_int(args, "pairs"),
                           .prompts = (int)args_int(args, "prompts")};
    return stage_report(tool, &inputs, summary, error);
}

int cmd_report(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_REPORT, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    str_append(&summary, TEXT(""));
    Status status = report(&tool, &summary, &error);
    // The table is shown, also when the page could not be written.
    console_clear();
    fwrite(summary.data, 1, summary.size, stdout);
    return tool_exit(&tool, status, &error);
}
