#include "tools/demo_run.h"

#include <stdio.h>

#include "tensor/base/file.h"
#include "tools/console.h"
#include "tools/matrix.h"
#include "tools/world_rows.h"

// The oracle's verdict on a file of the matrix, where there is one.
static Status score(DemoRun *d, const char *dir, const char *folder, const char *name, Error *error) {
    Arena *arena = &d->tool->text;
    const char *place = path_join(arena, dir, folder), *file = path_join(arena, place, name);
    WorldTally tally;
    if (!file_exists(file)) return OK;
    return world_score_file(&tally, d->world, file, path_join(arena, place, "oracle.jsonl"), error);
}

// Plain pairs on held-out prompts with the oracle for a judge: what preference models are measured on.
static Status oracle_pairs(DemoRun *d, const char *dir, const char *prompts, const char **pairs, Error *error) {
    Tool *tool = d->tool;
    Arena *arena = &tool->text;
    const char *folder = path_join(arena, dir, "held_out");
    Args part = matrix_stage_args(d->all, &VERB_SIMULATE, arena);
    WorldLabels labels;
    console_context("held-out pairs:");
    TRY(args_set(&part, arena, "data.prompts", text_of(prompts), error));
    TRY(args_set(&part, arena, "simulate.method", TEXT("rlaif"), error));
    tool->args = &part;
    TRY(stage_simulate(tool, folder, d->notes, error));
    *pairs = path_join(arena, dir, "oracle_pairs.jsonl");
    return world_label_file(&labels, d->world, path_join(arena, folder, "pairs.jsonl"), *pairs, error);
}

static Status measure_method(DemoRun *d, const char *dir, const char *name, const char *pairs, Error *error) {
    Tool *tool = d->tool;
    Arena *arena = &tool->text;
    const char *method = path_join(arena, dir, name), *preference = path_join(arena, method, "preference");
    TRY(score(d, method, "label", "pairs.jsonl", error));
    TRY(score(d, method, "policy", "samples.jsonl", error));
    TRY(score(d, method, "eval", "replies.jsonl", error));
    if (!d->accuracy || !file_is_directory(preference)) return OK;
    Args part = matrix_stage_args(d->all, &VERB_EVAL, arena);
    EvalInputs in = {.preference = preference, .pairs = &pairs, .n_pairs = 1};
    bool missed;
    tool->args = &part;
    console_context(name);
    return stage_eval(tool, path_join(arena, method, "accuracy"), &in, d->notes, &missed, error);
}

Status demo_run_seed(DemoRun *d, const char *folder, const char *task_name, int64_t seed, const char **out, Error *error) {
    Tool *tool = d->tool;
    Args *all = d->all;
    Arena *arena = &tool->text;
    const WorldTask *task = world_find_task(d->world, text_of(task_name));
    Str file = str_make(arena), number = str_make(arena), place = str_make(arena), count = str_make(arena);
    str_printf(&count, "%lld", (long long)args_int(all, "demo.held_out"));
    str_printf(&file, "%s/tasks/%s.yaml", d->tiny, task_name);
    str_printf(&number, "%lld", (long long)seed);
    str_printf(&place, "%s/seed-%lld", task_name, (long long)seed);
    const char *dir = path_join(arena, folder, place.data);
    const char *train = path_join(arena, dir, "train.jsonl"), *held_out = path_join(arena, dir, "held_out.jsonl");

    // Prompts.
    TRY(directory_make(dir, error));
    TRY(world_write_prompts(d->world, task, false, args_int(all, "demo.prompts"), (uint64_t)seed, train, console_stop_wanted, error));
    TRY(world_write_prompts(d->world, task, true, args_int(all, "demo.held_out"), (uint64_t)seed, held_out, console_stop_wanted, error));

    // The matrix.
    TRY(args_set(all, arena, "out", text_of(dir), error));
    TRY(args_set(all, arena, "seed", str_text(&number), error));
    TRY(args_set(all, arena, "data.task", str_text(&file), error));
    TRY(args_set(all, arena, "data.prompts", text_of(train), error));
    TRY(args_set(all, arena, "eval.prompts", text_of(held_out), error));
    TRY(args_set(all, arena, "eval.limit", str_text(&count), error));
    TRY(matrix_run(tool, all, d->notes, error));

    // The oracle over everything.
    const char *pairs = NULL, *const *methods;
    int n = args_list(all, "run.methods", &methods);
    if (d->accuracy) TRY(oracle_pairs(d, dir, held_out, &pairs, error));
    TRY(score(d, dir, "contrast", "pairs.jsonl", error));
    TRY(score(d, dir, "plain", "pairs.jsonl", error));
    for (int i = 0; i < n; i++) TRY(measure_method(d, dir, methods[i], pairs, error));
    tool->args = all;
    console_context(NULL);
    *out = dir;
    return OK;
}
