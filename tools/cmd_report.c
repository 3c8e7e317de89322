// rlcd report: the table of one matrix or several, and report.html.
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/console.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/stage.h"

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
    .summary = "Prints the table of matrix folders (one a seed) and writes report.html.",
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

Status stage_report(Tool *tool, const char *const *dirs, int n, const char *path, int pairs, int prompts, Str *summary, Error *error) {
    ResultsList list;
    const char *folder;
    TRY(results_read(&list, &tool->run, dirs, n, pairs, error));
    results_table(summary, &list, report_columns());
    TRY(report_write(&list, &(ReportConfig){.path = path, .prompts = prompts}, &tool->run, &folder, error));
    str_printf(summary, "\nreport         %s, numbers in %s/\n", path, folder);
    return OK;
}

int cmd_report(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_REPORT, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    str_append(&summary, TEXT(""));
    Status status = stage_report(&tool, args.positional, args.positionals, args_text(&args, "out"), (int)args_int(&args, "pairs"),
                                 (int)args_int(&args, "prompts"), &summary, &error);
    // The table is shown, also when the page could not be written.
    console_clear();
    fwrite(summary.data, 1, summary.size, stdout);
    return tool_exit(&tool, status, &error);
}
