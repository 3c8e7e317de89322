// rlcd demo: the small world from prompts to the report. Every method on the embedded base, scored by the exact oracle.
//
//     OUT/TASK/seed-N/  train.jsonl, held_out.jsonl      prompts of the world
//                       contrast/ ... METHOD/ ...        the matrix (tools/matrix.h): the same stages as for any model
//                       held_out/                        plain pairs on held-out prompts, then labelled by the oracle
//                       METHOD/accuracy/                 preference accuracy on those
//                       */oracle.jsonl                   the oracle's verdict on what lies beside it
//     OUT/predict.jsonl     what the knobs predict (--full, --retrain)
//     OUT/retrain/          a base for each value of the knobs, and the matrix on it (tools/retrain.h)
//     OUT/report.html
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/sha256.h"
#include "tools/console.h"
#include "tools/demo_predict.h"
#include "tools/demo_run.h"
#include "tools/options.h"
#include "tools/retrain.h"
#include "tools/stage.h"

static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL,  &OPTIONS_MODEL, &OPTIONS_OUT,        &OPTIONS_DATA, &OPTIONS_TASK,
                                            &OPTIONS_SIMULATE, &OPTIONS_LABEL, &OPTIONS_PREFERENCE, &OPTIONS_SFT,  &OPTIONS_DPO,
                                            &OPTIONS_PPO,      &OPTIONS_EVAL,  &OPTIONS_RUN,        &OPTIONS_DEMO, NULL};
const Verb VERB_DEMO = {
    .name = "demo",
    .usage = "rlcd demo [--task T] [--seeds N] [--full] [--retrain] [--out DIR] [key=value ...]",
    .summary = "The paper's finding on an embedded small world: all methods, one table, report.html.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
    .least = 1,
    .most = -1,
    .recipe = true,
};

// What --full runs: every judge on the first task, the main methods on the others.
static const struct {
    const char *task, *methods;
} FULL[] = {
    {"harmless", "[base, cd, rlcd, rlaif-novice, rlaif-junior, rlaif-senior, rescore-novice, rescore-senior, dpo]"},
    {"helpful", "[base, cd, rlcd, rlaif-novice, dpo]"},
    {"outline", "[base, cd, rlcd, rlaif-novice, dpo]"},
};
enum { FULL_TASKS = sizeof FULL / sizeof *FULL, FULL_SEEDS = 5, DIRS_MAX = 4096 };

// A matrix folder that is done.
typedef struct {
    const char *dir;
    int methods;
    const char *const *method;
} Done;

typedef struct {
    Tool *tool;
    Args *all;
    World world;
    const char *tiny;  // folder of the embedded base
    const char *out;
    int64_t seed;  // the first
    int tasks;
    const char *task[FULL_TASKS];
    Done *done;
    int dirs;
    RetrainPlan *plan;  // NULL: nothing is retrained
    Str notes;          // what the stages said
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
    Sha256 hash;
    uint8_t digest[32];
    char hex[65];
    sha256_begin(&hash);
    for (int i = 0; i < d->dirs; i++) {
        const Done *done = &d->done[i];
        for (size_t k = 0; k < sizeof SHARED / sizeof *SHARED; k++) TRY(add_stage(d, &hash, done->dir, SHARED[k], error));
        for (int m = 0; m < done->methods; m++) {
            const char *method = path_join(&d->tool->text, done->dir, done->method[m]);
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
static Status predict(Demo *d, Str *table, Error *error) {
    Arena *arena = &d->tool->text;
    const WorldTask *tasks[FULL_TASKS];
    KnobValue values[DEMO_KNOB_VALUES];
    bool sweep = d->plan == NULL || args_flag(d->all, "demo.full");
    int n_values = sweep ? demo_knob_values(values) : 0;
    // Every value that is trained, too.
    for (int i = 0; d->plan && i < d->plan->values; i++) {
        const KnobValue *more = &d->plan->value[i];
        int k = 0;
        while (k < n_values && (values[k].knob != more->knob || values[k].value != more->value)) k++;
        if (k == n_values) values[n_values++] = *more;
    }
    for (int i = 0; i < d->tasks; i++) tasks[i] = world_find_task(&d->world, text_of(d->task[i]));
    DemoSweep what = {.world = &d->world,
                      .tasks = d->tasks,
                      .task = tasks,
                      .values = n_values,
                      .value = values,
                      .pairs = (int)args_int(d->all, "demo.predict_pairs"),
                      .seed = (uint64_t)d->seed};
    return demo_predict(table, arena, &what, path_join(arena, d->out, "predict.jsonl"), console_stop_wanted, error);
}

// ---- the verb

// Which tasks, and whether the world has the one that was asked for.
static Status choose_tasks(Demo *d, Error *error) {
    const char *names[WORLD_TASKS_MAX + 1] = {NULL}, *task = args_text(d->all, "data.task");
    for (int i = 0; i < d->world.tasks; i++) names[i] = d->world.task[i].name.data;
    if (world_find_task(&d->world, text_of(task)) == NULL) {
        const char *near = nearest_name(task, names);
        return error_set(error, ERR_USAGE, "task: the small world has no \"%s\"%s%s%s", task, near ? "; did you mean " : "",
                         near ? near : "", near ? "?" : "");
    }
    d->task[d->tasks++] = task;
    if (!args_flag(d->all, "demo.full")) return OK;
    for (d->tasks = 0; d->tasks < FULL_TASKS; d->tasks++) d->task[d->tasks] = FULL[d->tasks].task;
    return OK;
}

// Every matrix, seeds outside and tasks inside.
static Status run_matrices(Demo *d, int seeds, Error *error) {
    Args *all = d->all;
    Arena *arena = &d->tool->text;
    bool choose = args_flag(all, "demo.full") && !args_asked(all, "run.methods");
    DemoRun run = {.tool = d->tool, .all = all, .world = &d->world, .tiny = d->tiny, .accuracy = true, .notes = &d->notes};
    for (int64_t seed = d->seed; seed < d->seed + seeds; seed++)
        for (int i = 0; i < d->tasks; i++) {
            Done *done = &d->done[d->dirs];
            Str place = str_make(arena);
            str_printf(&place, "%s, seed %lld:", d->task[i], (long long)seed);
            if (d->tasks * seeds > 1) console_place(place.data);
            if (choose) TRY(args_set(all, arena, "run.methods", text_of(FULL[i].methods), error));
            TRY(demo_run_seed(&run, d->out, d->task[i], seed, &done->dir, error));
            done->methods = args_list(all, "run.methods", &done->method);
            d->dirs++;
        }
    console_place(NULL);
    return OK;
}

// The table and the page about everything that is done.
static Status write_report(Demo *d, Str *summary, Error *error) {
    Arena *arena = &d->tool->text;
    const char **dirs = arena_alloc(arena, (size_t)d->dirs * sizeof *dirs);
    for (int i = 0; i < d->dirs; i++) dirs[i] = d->done[i].dir;
    ReportInputs inputs = {
        .dirs = dirs, .n = d->dirs, .sweeps = d->out, .path = path_join(arena, d->out, "report.html"), .pairs = 6, .prompts = 8};
    return stage_report(d->tool, &inputs, summary, error);
}

// A base for each value, and the matrix of the chosen task on it.
static Status retrain(Demo *d, const char *task, bool embedded, Str *table, Error *error) {
    static const char *const METHODS[] = {"base", "rlcd", "rlaif-novice"};
    Arena *arena = &d->tool->text;
    const char **matrix = arena_alloc(arena, (size_t)d->dirs * sizeof *matrix);
    RetrainInputs in = {.tool = d->tool,
                        .all = d->all,
                        .world = &d->world,
                        .out = d->out,
                        .task = task,
                        .seed = d->seed,
                        .method = METHODS,
                        .methods = sizeof METHODS / sizeof *METHODS,
                        .matrix = matrix,
                        .embedded = embedded,
                        .notes = &d->notes};
    if (args_asked(d->all, "run.methods")) in.methods = args_list(d->all, "run.methods", &in.method);
    for (int i = 0; i < d->dirs; i++)
        if (strcmp(d->task[i % d->tasks], task) == 0) matrix[in.seeds++] = d->done[i].dir;
    return retrain_run(d->plan, &in, table, error);
}

static Status demo(Demo *d, Str *summary, Error *error) {
    Tool *tool = d->tool;
    Args *all = d->all;
    bool full = args_flag(all, "demo.full");
    int seeds = full && !args_asked(all, "demo.seeds") ? FULL_SEEDS : (int)args_int(all, "demo.seeds");
    bool embedded = strcmp(args_text(all, "model"), d->tiny) == 0;
    const char *task = args_text(all, "data.task");
    if (embedded) TRY(check_base(d, error));
    TRY(world_open(&d->world, &tool->model, path_join(&tool->text, d->tiny, "world"), error));
    d->world.knobs.min_sentences = (double)args_int(all, "demo.min_sentences");
    TRY(choose_tasks(d, error));
    if (d->tasks * seeds > DIRS_MAX) return error_set(error, ERR_USAGE, "seeds: expected at most %d, found %d", DIRS_MAX / d->tasks, seeds);
    if (args_flag(all, "demo.retrain")) {
        d->plan = arena_alloc(&tool->text, sizeof *d->plan);
        TRY(retrain_plan(d->plan, tool, all, d->tiny, error));
    }
    TRY(tool_open_model(tool, error));
    d->out = args_text(all, "out");
    d->seed = args_int(all, "seed");
    d->done = arena_alloc(&tool->text, (size_t)(d->tasks * seeds) * sizeof *d->done);
    TRY(run_matrices(d, seeds, error));

    // The page shows the calculation and what was trained anew: they are made first.
    Str predicted = str_make(&tool->text), unused = str_make(&tool->text);
    str_append(&predicted, TEXT(""));
    if (full || d->plan) TRY(predict(d, &predicted, error));
    if (d->plan) {
        // Hours may follow: there is a page before them.
        TRY(write_report(d, &unused, error));
        TRY(retrain(d, task, embedded, &predicted, error));
    }
    TRY(write_report(d, summary, error));
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
