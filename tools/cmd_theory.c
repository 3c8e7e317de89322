// rlcd theory: how often labels are right, by the model of the paper's appendix N; table, surface and page.
#include <stdio.h>
#include <string.h>

#include "tools/console.h"
#include "tools/options.h"
#include "tools/stage.h"
#include "tools/theory_files.h"

static const Option PLACE[] = {
    {"out", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "DIR", "Folder for theory.html, theory.csv and theory.jsonl."},
    {0},
};
static const OptionTable PLACE_TABLE = {"", PLACE};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &PLACE_TABLE, &OPTIONS_THEORY, NULL};
const Verb VERB_THEORY = {
    .name = "theory",
    .usage = "rlcd theory [--shift X] [--noise X] [--width X] [--out DIR]",
    .summary = "How often labels are right: the paper's appendix N by simulation and in closed form.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 0,
    .most = 0,
};

// One share behind those that are there.
static Status add_share(TheoryConfig *config, Text text, Error *error) {
    double share;
    if (!number_parse(text_trim(text), &share) || !(share >= 0 && share <= 1))
        return error_set(error, ERR_USAGE, "theory.hard: expected a share from 0 to 1, found '%.*s'",
                         (int)(text.size > 40 ? 40 : text.size), text.data);
    if (config->shares == THEORY_SHARES_MAX)
        return error_set(error, ERR_USAGE, "theory.hard: expected at most %d shares", THEORY_SHARES_MAX);
    if (config->shares && share <= config->share[config->shares - 1])
        return error_set(error, ERR_USAGE, "theory.hard: expected ascending shares, found %g behind %g", share,
                         config->share[config->shares - 1]);
    config->share[config->shares++] = share;
    return OK;
}

// The shares of hard prompts: one or several, with commas between them, in each item.
static Status read_shares(TheoryConfig *config, const Args *args, Error *error) {
    const char *const *item;
    int count = args_list(args, "theory.hard", &item);
    for (int i = 0; i < count; i++)
        for (Text rest = text_of(item[i]);;) {
            const char *comma = memchr(rest.data, ',', rest.size);
            Text one = {rest.data, comma ? (size_t)(comma - rest.data) : rest.size};
            TRY(add_share(config, one, error));
            if (comma == NULL) break;
            rest = (Text){comma + 1, rest.size - one.size - 1};
        }
    return config->shares ? OK : error_set(error, ERR_USAGE, "theory.hard: expected at least one share");
}

static Status work(Tool *tool, Error *error) {
    const Args *args = tool->args;
    const char *out = args_text(args, "out");
    TheoryConfig config = {
        .place = {args_double(args, "theory.shift"), args_double(args, "theory.noise"), args_double(args, "theory.width")},
        .pairs = args_int(args, "theory.pairs"),
        .cell_pairs = args_int(args, "theory.cell_pairs"),
        .shift_max = args_double(args, "theory.shift_max"),
        .noise_max = args_double(args, "theory.noise_max"),
        .steps = (int)args_int(args, "theory.steps"),
        .seed = (uint64_t)args_int(args, "seed"),
    };
    TRY(read_shares(&config, args, error));
    Theory *theory = arena_zeros(&tool->run, 1, sizeof *theory);
    theory_run(theory, &config, &tool->step, console_progress);
    Str table = str_make(&tool->run);
    theory_write_table(&table, theory);
    console_clear();
    fwrite(table.data, 1, table.size, stdout);
    return out ? theory_write(theory, out, &tool->run, error) : OK;
}

int cmd_theory(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_THEORY, argc, argv);
    if (code >= 0) return code;
    Status status = work(&tool, &error);
    return tool_exit(&tool, status, &error);
}
