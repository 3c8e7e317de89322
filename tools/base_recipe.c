#include "tools/base_recipe.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tools/console.h"
#include "tools/matrix.h"
#include "tools/options.h"
#include "tools/world_corpus.h"

enum { PACE_TOKENS = 32768 };  // about 25 steps

// Options of a phase's file, and those of them that its text depends on.
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_WORLD, &OPTIONS_PRETRAIN, NULL};
static const Verb PHASE = {.name = "retrain", .usage = "rlcd demo --retrain", .summary = "", .tables = TABLES, .others = OPTIONS_ALL};
static const OptionTable *const CORPUS_TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_WORLD, NULL};
static const Verb CORPUS = {.name = "corpus", .usage = "", .summary = "", .tables = CORPUS_TABLES};

static const char *part_of(Arena *arena, const char *folder, const char *part, int phase) {
    Str s = str_make(arena);
    str_printf(&s, "%s/%s-%d", folder, part, phase + 1);
    return s.data;
}

// ---- the recipe

static Status set_int(Args *args, Arena *arena, const char *key, int64_t value, Error *error) {
    Str s = str_make(arena);
    str_printf(&s, "%lld", (long long)value);
    return args_set(args, arena, key, str_text(&s), error);
}

// value * part / whole, at least 1.
static int64_t share_of(int64_t value, int64_t part, int64_t whole) {
    int64_t share = (int64_t)((double)value * (double)part / (double)whole + 0.5);
    return share > 0 ? share : 1;
}

Status base_recipe_read(BaseRecipe *out, Arena *arena, const Tool *tool, const char *tiny, int64_t tokens, const char *resume,
                        Error *error) {
    int64_t total = 0;
    *out = (BaseRecipe){.tool = tool, .tiny = tiny};
    for (int i = 0; i < BASE_PHASES; i++) {
        Str path = str_make(arena);
        str_printf(&path, "%s/phase-%d.yaml", tiny, i + 1);
        const char *argv[] = {"--config", path.data};
        TRY(args_parse(&out->phase[i], arena, &PHASE, 2, argv, error));
        if (!args_has(&out->phase[i], "world.tokens"))
            return error_set(error, ERR_USAGE, "%s: expected \"world.tokens\", found none", path.data);
        TRY(args_set(&out->phase[i], arena, "resume", text_of(resume), error));
        total += args_int(&out->phase[i], "pretrain.tokens");
    }
    out->tokens = total;
    if (tokens == 0) return OK;
    out->tokens = 0;
    for (int i = 0; i < BASE_PHASES; i++) {
        Args *phase = &out->phase[i];
        TRY(set_int(phase, arena, "world.tokens", share_of(tokens, args_int(phase, "world.tokens"), total), error));
        TRY(set_int(phase, arena, "pretrain.tokens", share_of(tokens, args_int(phase, "pretrain.tokens"), total), error));
        out->tokens += args_int(phase, "pretrain.tokens");
    }
    return OK;
}

bool base_recipe_sets(const BaseRecipe *recipe, const WorldKnob *knob) {
    char key[64];
    snprintf(key, sizeof key, "world.%s", knob->name);
    for (int i = 0; i < BASE_PHASES; i++)
        if (args_has(&recipe->phase[i], key)) return true;
    return false;
}

// ---- stages

// The corpus of the options as a run directory.
static Status stage_corpus(Tool *tool, const char *grammar, const char *dir, Error *error) {
    World *world = arena_zeros(&tool->model, 1, sizeof *world);
    CorpusCounts counts;
    RunDir run;
    bool finished;
    Status status;
    run_dir_open(&run, &tool->text, dir, "corpus", tool->args);
    TRY_DONE(world_open(world, &tool->model, grammar, error));
    TRY_DONE(world_read_knobs(world, &tool->model, tool->args, error));
    TRY_DONE(run_dir_input(&run, "world.yaml", path_join(&tool->text, grammar, "world.yaml"), error));
    for (int i = 0; i < world->tasks; i++) {
        Str name = str_make(&tool->text);
        str_printf(&name, "%s.yaml", world->task[i].name.data);
        TRY_DONE(run_dir_input(&run, name.data, path_join(&tool->text, grammar, name.data), error));
    }
    TRY_DONE(run_dir_begin(&run, &finished, error));
    if (finished) goto done;
    TRY_DONE(run_dir_start(&run, error));
    TRY_DONE(world_write_corpus(&counts, world, tool->args, path_join(&tool->text, dir, "corpus.jsonl"), error));
    str_printf(&run.result, ",\"corpus\":{\"documents\":%lld,\"judges\":%lld,\"tokens\":%lld}", (long long)counts.documents,
               (long long)counts.judges, (long long)counts.tokens);
    Str table = str_make(&tool->text);
    str_printf(&table, "corpus         %lld documents, %lld tokens by words and marks\n", (long long)counts.documents,
               (long long)counts.tokens);
    TRY_DONE(run_dir_finish(&run, &table, NULL, error));
done:
    stage_end(tool, &run, NULL);
    return status;
}

// One phase: its text, then the training, in a tool of its own. `options` are those of the phase, with the knob set.
static Status run_phase(const BaseRecipe *recipe, const char *folder, const Args *options, int phase, Error *error) {
    Tool tool = tool_fork(recipe->tool, NULL);
    Arena *arena = &tool.text;
    const char *corpus = part_of(arena, folder, "corpus", phase), *before = part_of(arena, folder, "base", phase - 1);
    Args text = matrix_stage_args(options, &CORPUS, arena), train = matrix_stage_args(options, &VERB_PRETRAIN, arena);
    Status status;
    tool.args = &text;
    TRY_DONE(stage_corpus(&tool, path_join(arena, recipe->tiny, "world"), corpus, error));
    TRY_DONE(args_set(&train, arena, "pretrain.text", text_of(path_join(arena, corpus, "corpus.jsonl")), error));
    if (phase == 0)
        TRY_DONE(args_set(&train, arena, "pretrain.tokenizer", text_of(recipe->tiny), error));
    else
        TRY_DONE(args_set(&train, arena, "pretrain.model", text_of(path_join(arena, before, "model")), error));
    tool.args = &train;
    TRY_DONE(stage_pretrain(&tool, part_of(arena, folder, "base", phase), NULL, error));
done:
    tool_release(&tool);
    return status;
}

Status base_recipe_make(const BaseRecipe *recipe, const char *folder, const KnobValue *at, Error *error) {
    Arena arena = arena_make("recipe", 0);
    Status status = OK;
    for (int i = 0; i < BASE_PHASES && status == OK; i++) {
        Args options = matrix_stage_args(&recipe->phase[i], &PHASE, &arena);
        if (at) {
            Str key = str_make(&arena);
            char value[32];
            number_print(at->value, value);
            str_printf(&key, "world.%s", at->knob->name);
            status = args_set(&options, &arena, key.data, text_of(value), error);
        }
        if (status == OK) status = run_phase(recipe, folder, &options, i, error);
    }
    arena_free(&arena);
    return status;
}

// ---- how long it takes

int64_t base_recipe_left(const BaseRecipe *recipe, const char *folder) {
    Tool tool = tool_fork(recipe->tool, NULL);
    int64_t left = 0;
    for (int i = 0; i < BASE_PHASES; i++) {
        const char *dir = part_of(&tool.text, folder, "base", i);
        const Json *card, *line;
        if (run_dir_card(&card, &tool.text, dir, NULL) == OK) continue;
        left += args_int(&recipe->phase[i], "pretrain.tokens");
        // What a stopped run has done.
        if (!file_exists(path_join(&tool.text, dir, "metrics.jsonl")) || tool_last_metrics(&line, &tool, dir, NULL) != OK) continue;
        int64_t done = (int64_t)tool_number(line, "tokens");
        left -= done > 0 && done < args_int(&recipe->phase[i], "pretrain.tokens") ? done : 0;
    }
    tool_release(&tool);
    return left;
}

// What a pace leaves, also an interrupted one.
static Status remove_pace(Arena *arena, const char *folder, Error *error) {
    TRY(directory_remove(part_of(arena, folder, "corpus", 0), error));
    TRY(directory_remove(part_of(arena, folder, "base", 0), error));
    return directory_remove(folder, error);
}

// Seconds a token of a run's steps; the first one, which touches all memory for the first time, only where it is alone.
static Status step_pace(Arena *arena, const char *dir, double *seconds, Error *error) {
    const char *path = path_join(arena, dir, "metrics.jsonl");
    Text text;
    const Json *row;
    double wall = 0, tokens = 0, before = 0;
    TRY(file_read(&text, arena, path, (size_t)1 << 24, error));
    for (size_t at = 0, end, step = 0; at < text.size; at = end + 1, step++) {
        for (end = at; end < text.size && text.data[end] != '\n'; end++) {}
        TRY(json_parse(&row, arena, (Text){text.data + at, end - at}, path, error));
        double now = tool_number(row, "tokens");
        if (step == 1) wall = tokens = 0;
        wall += tool_number(json_get(row, "t"), "wall_s");
        tokens += now - before;
        before = now;
    }
    *seconds = tokens > 0 ? wall / tokens : 0;
    return OK;
}

Status base_recipe_pace(const BaseRecipe *recipe, const char *folder, double *seconds, Error *error) {
    Arena arena = arena_make("pace", 0);
    Args options = matrix_stage_args(&recipe->phase[0], &PHASE, &arena);
    int64_t tokens = args_int(&options, "pretrain.tokens");
    const Json *card;
    Status status;
    if (tokens > PACE_TOKENS) tokens = PACE_TOKENS;
    TRY_DONE(remove_pace(&arena, folder, error));
    TRY_DONE(set_int(&options, &arena, "world.tokens", tokens, error));
    TRY_DONE(set_int(&options, &arena, "pretrain.tokens", tokens, error));
    TRY_DONE(run_phase(recipe, folder, &options, 0, error));
    TRY_DONE(step_pace(&arena, part_of(&arena, folder, "base", 0), seconds, error));
    TRY_DONE(run_dir_card(&card, &arena, part_of(&arena, folder, "corpus", 0), error));
    *seconds += tool_number(card, "wall_s") / (double)tokens;
    TRY_DONE(remove_pace(&arena, folder, error));
done:
    arena_free(&arena);
    return status;
}
