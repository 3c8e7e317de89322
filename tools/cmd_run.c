// rlcd run RECIPE: simulate -> preference -> ppo -> eval, or the methods of run.methods side by side (tools/matrix.h). Each stage has
// its own directory; finished ones are skipped.
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tools/console.h"
#include "tools/matrix.h"
#include "tools/options.h"
#include "tools/stage.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL,  &OPTIONS_MODEL, &OPTIONS_OUT,        &OPTIONS_DATA, &OPTIONS_TASK,
                                            &OPTIONS_SIMULATE, &OPTIONS_LABEL, &OPTIONS_PREFERENCE, &OPTIONS_SFT,  &OPTIONS_DPO,
                                            &OPTIONS_PPO,      &OPTIONS_EVAL,  &OPTIONS_RUN,        NULL};

// A file of this name, else models/recipes/NAME.yaml here or beside the program (installed, or in the source folder).
static const char *find_recipe(Arena *arena, const char *name) {
    if (file_exists(name)) return name;
    const char *share = tool_share(arena), *folders[] = {"models", path_join(arena, share, "models"), path_join(arena, share, "../models")};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        Str s = str_make(arena);
        str_printf(&s, "%s/recipes/%s.yaml", folders[i], name);
        if (file_exists(s.data)) return s.data;
    }
    return name;
}

const Verb VERB_RUN = {
    .name = "run",
    .usage = "rlcd run RECIPE.yaml [key=value ...]",
    .summary = "The whole method: simulate, preference, ppo, eval; or several methods side by side. Finished stages are skipped.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = -1,
    .recipe = true,
    .find_recipe = find_recipe,
};

static Status stages(Tool *tool, Args *all, Str *summary, bool *missed, Error *error) {
    const char *out = args_text(all, "out");
    const char *simulate = path_join(&tool->text, out, "simulate"), *preference = path_join(&tool->text, out, "preference");
    const char *ppo = path_join(&tool->text, out, "ppo"), *eval = path_join(&tool->text, out, "eval");
    Args part;

    TRY(stage_ppo_groups(all, false, error));
    part = matrix_stage_args(all, &VERB_SIMULATE, &tool->text);
    tool->args = &part;
    TRY(stage_simulate(tool, simulate, summary, error));
    // What --resume must asks for was there; the later stages may not have begun.
    if (strcmp(args_text(all, "resume"), "must") == 0) TRY(args_set(all, &tool->text, "resume", TEXT("auto"), error));

    part = matrix_stage_args(all, &VERB_PREFERENCE, &tool->text);
    const char *pairs = path_join(&tool->text, simulate, "pairs.jsonl");
    TRY(stage_preference(tool, preference, &pairs, 1, args_text(all, "preference.plain"), summary, error));

    part = matrix_stage_args(all, &VERB_PPO, &tool->text);
    TRY(stage_ppo(tool, ppo, preference, summary, error));

    part = matrix_stage_args(all, &VERB_EVAL, &tool->text);
    EvalInputs in = {.adapter = ppo, .preference = preference, .prompts = args_text(all, "eval.prompts")};
    if (in.prompts == NULL) in.prompts = args_text(all, "data.prompts");
    in.n_pairs = args_list(all, "run.human", &in.pairs);
    return stage_eval(tool, eval, &in, summary, missed, error);
}

int cmd_run(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    bool missed = false;
    int code = tool_start(&tool, &args, &VERB_RUN, argc, argv);
    if (code >= 0) return code;
    Str summary = str_make(&tool.text);
    str_append(&summary, TEXT(""));
    Status status = tool_open_model(&tool, &error);
    const char *const *methods;
    if (status == OK && args_list(&args, "run.methods", &methods) > 0) {
        const char *out = args_text(&args, "out");
        status = matrix_run(&tool, &args, &summary, &error);
        if (status == OK) status = stage_table(&tool, &out, 1, &summary, &error);
    } else if (status == OK) {
        status = stages(&tool, &args, &summary, &missed, &error);
    }
    tool.args = &args;
    console_clear();
    // What is finished is shown, also when a later stage failed or was stopped.
    fwrite(summary.data, 1, summary.size, stdout);
    code = tool_exit(&tool, status, &error);
    return code == 0 && missed ? 3 : code;
}
