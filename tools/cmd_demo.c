// rlcd demo: the small world from prompts to the report. Every method on the embedded base, scored by the exact oracle.
//
//     OUT/TASK/seed-N/  train.jsonl, held_out.jsonl      prompts of the world
//                       contrast/ ... METHOD/ ...        the matrix (tools/matrix.h): the same stages as for any model
//                       held_out/                        plain pairs on held-out prompts, then labelled by the oracle
//                       METHOD/accuracy/                 preference accuracy on those
//                       */oracle.jsonl                   the oracle's verdict on what lies beside it
//     OUT/predict.jsonl     what the knobs predict (--full)
//     OUT/report.html
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/sha256.h"
#include "tools/console.h"
#include "tools/demo_predict.h"
#include "tools/matrix.h"
#include "tools/options.h"
#include "tools/stage.h"
#include "tools/world_rows.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL,  &OPTIONS_MODEL, &OPTIONS_OUT,        &OPTIONS_DATA, &OPTIONS_TASK,
                                            &OPTIONS_SIMULATE, &OPTIONS_LABEL, &OPTIONS_PREFERENCE, &OPTIONS_SFT,  &OPTIONS_DPO,
                                            &OPTIONS_PPO,      &OPTIONS_EVAL,  &OPTIONS_RUN,        &OPTIONS_DEMO, NULL};
const Verb VERB_DEMO = {
    .name = "demo",
    .usage = "rlcd demo [--task T] [--seeds N] [--full] [--out DIR] [key=value ...]",
    .summary = "The paper's finding on an embedded small world: all methods, one table, report.html.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = -1,
    .recipe = true,
};

// What --full runs.
static const char *const FULL_TASKS[] = {"harmless", "helpful", "outline"};
static const char FULL_METHODS[] =
    "[base, cd, rlcd, rlaif-novice, rlaif-junior, rlaif-senior, rescore-novice, rescore-junior, rescore-senior, dpo]";
enum { FULL_SEEDS = 5, DIRS_MAX = 4096 };

typedef struct {
    Tool *tool;
    Args *all;
    World world;
    const char *tiny;  // folder of the embedded base
    const char *out;
    const char **dir;  // matrix folders that are done
    int dirs;
    Str notes;  // what the stages said
} Demo;

// ---- the embedded base

// Compares the files of models/tiny with SHA256SUMS: a damaged one would give a table that nobody can explain.
static Status check_base(Demo *d, Error *error) {
    Arena *arena = &d->tool->text;
    const char *sums = path_join(arena, d->tiny, "SHA256SUMS");
    Text text;
    int checked = 0;
    TRY(file_read(&text, arena, sums, (size_t)1 << 16, error));
    for (size_t at = 0, end; at < text.size; at = end + 1) {
        for (end = at; end < text.size && text.data[end] != '\n'; end++) {}
        Text line = {text.data + at, end - at};
        // "hex  name"; what make.sh proves beside the model has a '/' in its name.
        if (line.size < 67 || text_find(line, TEXT("/")) >= 0) continue;
        Text name = text_copy(arena, (Text){line.data + 66, line.size - 66});
        char hex[65];
        TRY(file_sha256(path_join(arena, d->tiny, name.data), hex, error));
        if (strncmp(hex, line.data, 64) != 0)
            return error_set(error, ERR_DATA, "%s/%s: damaged: its SHA-256 is %.12s..., expected %.12s...", d->tiny, name.data, hex,
                             line.data);
        checked++;
    }
    return checked ? OK : error_set(error, ERR_DATA, "%s: expected the hashes of the model's files, found none", sums);
}

// ---- one task, one seed

// The oracle's verdict on a file of the matrix, where there is one.
static Status score(Demo *d, const char *dir, const char *folder, const char *name, Error *error) {
    Arena *arena = &d->tool->text;
    const char *place = path_join(arena, dir, folder), *file = path_join(arena, place, name);
    WorldTally tally;
    if (!file_exists(file)) return OK;
    return world_score_file(&tally, &d->world, file, path_join(arena, place, "oracle.jsonl"), error);
}

// Plain pairs on held-out prompts with the oracle for a judge: what preference models are measured on.
static Status oracle_pairs(Demo *d, const char *dir, const char *prompts, const char **pairs, Error *error) {
    Tool *tool = d->tool;
    Arena *arena = &tool->text;
    const char *folder = path_join(arena, dir, "held_out");
    Args part = matrix_stage_args(d->all, &VERB_SIMULATE, arena);
    WorldLabels labels;
    console_context("held-out pairs:");
    TRY(args_set(&part, arena, "data.prompts", text_of(prompts), error));
    TRY(args_set(&part, arena, "simulate.method", TEXT("rlaif"), error));
    tool->args = &part;
    TRY(stage_simulate(tool, folder, &d->notes, error));
    *pairs = path_join(arena, dir, "oracle_pairs.jsonl");
    return world_label_file(&labels, &d->world, path_join(arena, folder, "pairs.jsonl"), *pairs, error);
}

static Status measure_method(Demo *d, const char *dir, const char *name, const char *pairs, Error *error) {
    Tool *tool = d->tool;
    Arena *arena = &tool->text;
    const char *method = path_join(arena, dir, name), *preference = path_join(arena, method, "preference");
    TRY(score(d, method, "label", "pairs.jsonl", error));
    TRY(score(d, method, "policy", "samples.jsonl", error));
    TRY(score(d, method, "eval", "replies.jsonl", error));
    if (!file_is_directory(preference)) return OK;
    Args part = matrix_stage_args(d->all, &VERB_EVAL, arena);
    EvalInputs in = {.preference = preference, .pairs = &pairs, .n_pairs = 1};
    bool missed;
    tool->args = &part;
    console_context(name);
    return stage_eval(tool, path_join(arena, method, "accuracy"), &in, &d->notes, &missed, error);
}

static Status run_seed(Demo *d, const char *task_name, int64_t seed, Error *error) {
    Tool *tool = d->tool;
    Args *all = d->all;
    Arena *arena = &tool->text;
    const WorldTask *task = world_find_task(&d->world, text_of(task_name));
    Str file = str_make(arena), number = str_make(arena), place = str_make(arena), count = str_make(arena);
    str_printf(&count, "%lld", (long long)args_int(all, "demo.held_out"));
    str_printf(&file, "%s/tasks/%s.yaml", d->tiny, task_name);
    str_printf(&number, "%lld", (long long)seed);
    str_printf(&place, "%s/seed-%lld", task_name, (long long)seed);
    const char *dir = path_join(arena, d->out, place.data);
    const char *train = path_join(arena, dir, "train.jsonl"), *held_out = path_join(arena, dir, "held_out.jsonl");

    // Prompts.
    TRY(directory_make(dir, error));
    TRY(world_write_prompts(&d->world, task, false, args_int(all, "demo.prompts"), (uint64_t)seed, train, console_stop_wanted, error));
    TRY(world_write_prompts(&d->world, task, true, args_int(all, "demo.held_out"), (uint64_t)seed, held_out, console_stop_wanted, error));

    // The matrix.
    TRY(args_set(all, arena, "out", text_of(dir), error));
    TRY(args_set(all, arena, "seed", str_text(&number), error));
    TRY(args_set(all, arena, "data.task", str_text(&file), error));
    TRY(args_set(all, arena, "data.prompts", text_of(train), error));
    TRY(args_set(all, arena, "eval.prompts", text_of(held_out), error));
    TRY(args_set(all, arena, "eval.limit", str_text(&count), error));
    TRY(matrix_run(tool, all, &d->notes, error));

    // The oracle over everything.
    const char *pairs, *const *methods;
    int n = args_list(all, "run.methods", &methods);
    TRY(oracle_pairs(d, dir, held_out, &pairs, error));
    TRY(score(d, dir, "contrast", "pairs.jsonl", error));
    TRY(score(d, dir, "plain", "pairs.jsonl", error));
    for (int i = 0; i < n; i++) TRY(measure_method(d, dir, methods[i], pairs, error));
    tool->args = all;
    console_context(NULL);
    d->dir[d->dirs++] = dir;
    return OK;
}

// ---- one number for everything

// Adds a stage's golden hash, where there is the stage.
static Status add_stage(Demo *d, Sha256 *hash, const char *folder, const char *name, Error *error) {
    Arena *arena = &d->tool->text;
    const char *place = path_join(arena, folder, name);
    const Json *card, *made;
    if (!file_is_directory(place)) return OK;
    TRY(run_dir_card(&card, arena, place, error));
    made = json_get(card, "sha256");
    if (made == NULL || made->type != JSON_STRING)
        return error_set(error, ERR_DATA, "%s/run.json: expected the hash of the run, found none", place);
    sha256_feed(hash, made->string.data, made->string.size);
    return OK;
}

// SHA-256 over the golden hashes of all stages of all seeds, in the order in which they ran: the same on any machine.
static Status final_hash(Demo *d, Str *summary, Error *error) {
    static const char *const SHARED[] = {"contrast", "plain", "held_out"}, *const STAGES[] = {"label", "preference", "policy", "eval",
                                                                                              "accuracy"};
    const char *const *methods;
    int n = args_list(d->all, "run.methods", &methods);
    Sha256 hash;
    uint8_t digest[32];
    char hex[65];
    sha256_begin(&hash);
    for (int i = 0; i < d->dirs; i++) {
        for (size_t k = 0; k < sizeof SHARED / sizeof *SHARED; k++) TRY(add_stage(d, &hash, d->dir[i], SHARED[k], error));
        for (int m = 0; m < n; m++) {
            const char *method = path_join(&d->tool->text, d->dir[i], methods[m]);
            for (size_t k = 0; k < sizeof STAGES / sizeof *STAGES; k++) TRY(add_stage(d, &hash, method, STAGES[k], error));
        }
    }
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
    str_printf(summary, "hash           %s\n", hex);
    return OK;
}

// ---- the calculation over delta and leak

// How the optimum's oracle moves with the shift of the prompts and with their confound, without a language model.
static Status predict(Demo *d, Str *table, const char *const *names, int n, Error *error) {
    Arena *arena = &d->tool->text;
    const WorldTask *tasks[WORLD_TASKS_MAX];
    KnobValue values[DEMO_KNOB_VALUES];
    int n_values = demo_knob_values(values);
    for (int i = 0; i < n; i++) tasks[i] = world_find_task(&d->world, text_of(names[i]));
    return demo_predict(table, arena, &d->world, tasks, n, values, n_values, (uint64_t)args_int(d->all, "seed"),
                        path_join(arena, d->out, "predict.jsonl"), console_stop_wanted, error);
}

// ---- the verb

static Status demo(Demo *d, Str *summary, Error *error) {
    Tool *tool = d->tool;
    Args *all = d->all;
    const char *task = args_text(all, "data.task"), *const *tasks = &task, *names[WORLD_TASKS_MAX + 1] = {NULL};
    bool full = args_flag(all, "demo.full");
    int n = 1, seeds = (int)args_int(all, "demo.seeds");
    int64_t first = args_int(all, "seed");
    if (strcmp(args_text(all, "model"), d->tiny) == 0) TRY(check_base(d, error));
    TRY(world_open(&d->world, &tool->model, path_join(&tool->text, d->tiny, "world"), error));
    d->world.knobs.min_sentences = (double)args_int(all, "demo.min_sentences");
    if (full) {
        tasks = FULL_TASKS;
        n = sizeof FULL_TASKS / sizeof *FULL_TASKS;
        if (!args_given(all, "demo.seeds")) seeds = FULL_SEEDS;
        TRY(args_set(all, &tool->text, "run.methods", TEXT(FULL_METHODS), error));
    }
    for (int i = 0; i < d->world.tasks; i++) names[i] = d->world.task[i].name.data;
    if (world_find_task(&d->world, text_of(task)) == NULL) {
        const char *near = nearest_name(task, names);
        return error_set(error, ERR_USAGE, "task: the small world has no \"%s\"%s%s%s", task, near ? "; did you mean " : "",
                         near ? near : "", near ? "?" : "");
    }
    if (n * seeds > DIRS_MAX) return error_set(error, ERR_USAGE, "seeds: expected at most %d, found %d", DIRS_MAX / n, seeds);
    TRY(tool_open_model(tool, error));
    d->out = args_text(all, "out");
    d->dir = arena_alloc(&tool->text, (size_t)(n * seeds) * sizeof *d->dir);
    for (int64_t seed = first; seed < first + seeds; seed++)
        for (int i = 0; i < n; i++) TRY(run_seed(d, tasks[i], seed, error));

    // The page shows the calculation: it is made first.
    Str predicted = str_make(&tool->text);
    str_append(&predicted, TEXT(""));
    if (full) TRY(predict(d, &predicted, tasks, n, error));
    ReportInputs inputs = {
        .dirs = d->dir, .n = d->dirs, .sweeps = d->out, .path = path_join(&tool->text, d->out, "report.html"), .pairs = 6, .prompts = 8};
    TRY(stage_report(tool, &inputs, summary, error));
    TRY(final_hash(d, summary, error));
    str_append(summary, str_text(&predicted));
    return OK;
}

int cmd_demo(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    // The recipe and the base are those that come with the program, unless the command line says otherwise.
    Arena arena = arena_make("demo", 0);
    const char *world = world_folder(&arena, tool_share(&arena));
    const char *tiny = arena_copy(&arena, world, strlen(world) - strlen("/world"));
    const char **given = arena_alloc(&arena, (size_t)(argc + 3) * sizeof *given);
    Str model = str_make(&arena);
    str_printf(&model, "model=%s", tiny);
    given[0] = path_join(&arena, tiny, "demo.yaml");
    given[1] = model.data;
    for (int i = 0; i < argc; i++) given[2 + i] = argv[i];
    int code = tool_start(&tool, &args, &VERB_DEMO, argc + 2, given);
    if (code >= 0) return code;
    Demo d = {.tool = &tool, .all = &args, .tiny = tiny, .notes = str_make(&tool.text)};
    Str summary = str_make(&tool.text);
    str_append(&summary, TEXT(""));
    Status status = demo(&d, &summary, &error);
    tool.args = &args;
    console_clear();
    fwrite(summary.data, 1, summary.size, stdout);
    code = tool_exit(&tool, status, &error);
    arena_free(&arena);
    return code;
}
