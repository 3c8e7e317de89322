#include "tools/retrain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/console.h"
#include "tools/demo_run.h"
#include "tools/matrix.h"
#include "tools/results.h"
#include "tools/sweep.h"

// ---- the plan

// "delta=0.5"
static Status read_value(KnobValue *out, Arena *arena, const char *text, Error *error) {
    const char *equals = strchr(text, '=');
    *out = (KnobValue){.knob = equals ? world_find_knob((Text){text, (size_t)(equals - text)}) : NULL};
    if (out->knob == NULL)
        return error_set(error, ERR_USAGE, "demo.retrain_knobs: expected KNOB=X with a knob of the world, found '%.80s'", text);
    const WorldKnob *knob = out->knob;
    bool good = world_parse_number(arena, text_of(equals + 1), &out->value) && out->value >= knob->low && out->value <= knob->high;
    if (good && (!knob->whole || out->value == (double)(int64_t)out->value)) return OK;
    return error_set(error, ERR_USAGE, "demo.retrain_knobs: expected %s %s from %g to %g, found '%.40s'", knob->name,
                     knob->whole ? "as a whole number" : "as a number", knob->low, knob->high, equals + 1);
}

static Status read_values(RetrainPlan *plan, Arena *arena, const Args *all, Error *error) {
    const char *const *items;
    int n = args_list(all, "demo.retrain_knobs", &items);
    if (n == 0) {
        plan->values = demo_knob_values(plan->value);
        return OK;
    }
    if (n > RETRAIN_VALUES)
        return error_set(error, ERR_USAGE, "demo.retrain_knobs: expected at most %d values, found %d", RETRAIN_VALUES, n);
    for (int i = 0; i < n; i++) {
        KnobValue *value = &plan->value[plan->values];
        TRY(read_value(value, arena, items[i], error));
        if (base_recipe_sets(&plan->recipe, value->knob))
            return error_set(error, ERR_USAGE,
                             "demo.retrain_knobs: %s is set by the recipe of the base, in %s/phase-1.yaml or phase-2.yaml",
                             value->knob->name, plan->recipe.tiny);
        for (int k = 0; k < plan->values; k++)
            if (plan->value[k].knob == value->knob && plan->value[k].value == value->value)
                return error_set(error, ERR_USAGE, "demo.retrain_knobs: '%.80s' is there twice", items[i]);
        plan->values++;
    }
    return OK;
}

Status retrain_plan(RetrainPlan *plan, Tool *tool, const Args *all, const char *tiny, Error *error) {
    Arena *arena = &tool->text;
    // What --resume must asks for is the demo's own run.
    const char *resume = strcmp(args_text(all, "resume"), "never") == 0 ? "never" : "auto";
    *plan = (RetrainPlan){.values = 0};
    TRY(base_recipe_read(&plan->recipe, arena, tool, tiny, args_int(all, "demo.retrain_tokens"), resume, error));
    TRY(world_open(&plan->world, arena, path_join(arena, tiny, "world"), error));
    return read_values(plan, arena, all, error);
}

// ---- one value

typedef struct {
    const RetrainPlan *plan;
    const RetrainInputs *in;
    Arena *arena;
    const char *place;  // OUT/retrain
    Str points;
    Str *table;
} Retrain;

static bool is_own(const Retrain *r, const KnobValue *at) {
    WorldKnobs knobs = r->plan->world.knobs;
    return *world_knob(&knobs, at->knob) == at->value;
}

// The world's own value of one knob is that of the others too: one base.
static const char *name_of(const Retrain *r, const KnobValue *at) {
    Str s = str_make(r->arena);
    char number[32];
    number_print(at->value, number);
    if (is_own(r, at))
        str_append(&s, TEXT("own"));
    else
        str_printf(&s, "%s-%s", at->knob->name, number);
    return s.data;
}

static const char *folder_of(const Retrain *r, const KnobValue *at) { return path_join(r->arena, r->place, name_of(r, at)); }

// "[base, rlcd]"
static Text list_of(const RetrainInputs *in, Arena *arena) {
    Str s = str_make(arena);
    for (int i = 0; i < in->methods; i++) str_printf(&s, "%s%s", i ? ", " : "[", in->method[i]);
    str_append_char(&s, ']');
    return str_text(&s);
}

// The matrices of all seeds on a base; `dirs` receives their folders.
static Status run_matrices(const Retrain *r, const KnobValue *at, const char *folder, const char **dirs, Error *error) {
    const RetrainInputs *in = r->in;
    Tool tool = tool_fork(in->tool, NULL);
    Arena *arena = &tool.text;
    Args all = matrix_stage_args(in->all, &VERB_DEMO, arena);
    World world = *in->world;
    DemoRun run = {.tool = &tool, .all = &all, .world = &world, .tiny = r->plan->recipe.tiny, .notes = in->notes};
    Status status;
    const char *dir;
    *world_knob(&world.knobs, at->knob) = at->value;
    tool.args = &all;
    TRY_DONE(args_set(&all, arena, "model", text_of(path_join(arena, folder, "base-2/model")), error));
    TRY_DONE(args_set(&all, arena, "run.methods", list_of(in, arena), error));
    TRY_DONE(tool_open_model(&tool, error));
    for (int i = 0; i < in->seeds; i++) {
        TRY_DONE(demo_run_seed(&run, folder, in->task, in->seed + i, &dir, error));
        dirs[i] = text_copy(r->arena, text_of(dir)).data;
    }
done:
    tool_release(&tool);
    return status;
}

// ---- what came out

static void put_point(Retrain *r, const KnobValue *at, const char *method, const Estimate *e) {
    Str *s = &r->points;
    str_append(s, TEXT("{\"task\":"));
    json_write_string(s, text_of(r->in->task));
    str_printf(s, ",\"%s\":", at->knob->name);
    json_write_number(s, at->value);
    str_append(s, TEXT(",\"method\":"));
    json_write_string(s, text_of(method));
    str_printf(s, ",\"seeds\":%d,\"oracle\":", e->seeds);
    json_write_number(s, e->mean);
    if (e->ranged) {
        str_append(s, TEXT(",\"low\":"));
        json_write_number(s, e->interval.low);
        str_append(s, TEXT(",\"high\":"));
        json_write_number(s, e->interval.high);
    }
    str_append(s, TEXT("}\n"));
}

// The calculated oracle of a method at a value, NAN where there is none.
static double calculated(const SweepList *list, const char *task, const KnobValue *at, const char *method) {
    for (int i = 0; i < list->count; i++) {
        const Sweep *s = list->sweep[i];
        if (!text_equal(s->task, text_of(task)) || !text_equal(s->knob, text_of(at->knob->name))) continue;
        for (int k = 0; k < s->predicted.count; k++)
            for (int n = 0; text_equal(s->predicted.line[k].name, text_of(method)) && n < s->predicted.line[k].points; n++)
                if (s->predicted.line[k].point[n].value == at->value) return s->predicted.line[k].point[n].oracle;
    }
    return NAN;
}

// "0.741 +- 0.021 (0.875)"
static void put_cell(Str *s, const Estimate *e, double predicted) {
    Str cell = str_make(s->arena);
    str_printf(&cell, "%.3f", e->mean);
    if (e->ranged) str_printf(&cell, " +- %.3f", results_half(e));
    if (!isnan(predicted)) str_printf(&cell, " (%.3f)", predicted);
    str_printf(s, "  %22s", cell.data);
}

// Reads the matrices of a value: a row of the table, lines of points.jsonl.
static Status measure(Retrain *r, const KnobValue *at, const char *const *dirs, Error *error) {
    const RetrainInputs *in = r->in;
    Arena arena = arena_make("results", 0);
    ResultsList list;
    SweepList predicted;
    Status status = results_read(&list, &arena, dirs, in->seeds, 0, error);
    if (status == OK) status = sweep_read(&predicted, &arena, in->out, error);
    if (status == OK) str_printf(r->table, "%-9s %-6s %6.4g", in->task, at->knob->name, at->value);
    for (int i = 0; status == OK && i < in->methods; i++) {
        const Results *results = &list.task[0];
        int k = 0;
        while (k < results->methods && !text_equal(results->method[k].name, text_of(in->method[i]))) k++;
        if (k == results->methods || results->method[k].value[RESULT_ORACLE].seeds == 0) {
            str_printf(r->table, "  %22s", "-");
            continue;
        }
        const Estimate *e = &results->method[k].value[RESULT_ORACLE];
        put_point(r, at, in->method[i], e);
        put_cell(r->table, e, calculated(&predicted, in->task, at, in->method[i]));
    }
    str_append(r->table, TEXT("\n"));
    arena_free(&arena);
    return status;
}

// ---- how long

// Seconds of the demo's matrices of this task, of the methods that are trained anew.
static double matrix_seconds(const Retrain *r) {
    static const char *const SHARED[] = {"contrast", "plain"}, *const STAGES[] = {"label", "preference", "policy", "eval"};
    const RetrainInputs *in = r->in;
    Arena arena = arena_make("cards", 0);
    double seconds = 0;
    for (int seed = 0; seed < in->seeds; seed++)
        for (int i = -2; i < 4 * in->methods; i++) {
            Str place = str_make(&arena);
            const Json *card;
            if (i < 0)
                str_printf(&place, "%s/%s", in->matrix[seed], SHARED[i + 2]);
            else
                str_printf(&place, "%s/%s/%s", in->matrix[seed], in->method[i / 4], STAGES[i % 4]);
            if (run_dir_card(&card, &arena, place.data, NULL) == OK) seconds += tool_number(card, "wall_s");
        }
    arena_free(&arena);
    return seconds;
}

// Whether every seed's matrix on a base is done.
static bool has_matrices(const Retrain *r, const char *folder) {
    for (int i = 0; i < r->in->seeds; i++) {
        Str file = str_make(r->arena);
        str_printf(&file, "%s/%s/seed-%lld/results.json", folder, r->in->task, (long long)(r->in->seed + i));
        if (!file_exists(file.data)) return false;
    }
    return true;
}

// Whether a value's folder was counted before: the world's own values share one.
static bool is_repeated(const Retrain *r, int i) {
    for (int k = 0; k < i; k++)
        if (strcmp(name_of(r, &r->plan->value[k]), name_of(r, &r->plan->value[i])) == 0) return true;
    return false;
}

// Says what will be made and how long it will take, by the first steps of a base and by the demo's own matrix.
static Status announce(const Retrain *r, Error *error) {
    const RetrainPlan *plan = r->plan;
    int64_t left = 0;
    int bases = 0, there = 0, matrices = 0;
    double pace = 0;
    char time[32];
    Str s = str_make(r->arena);
    for (int i = 0; i < plan->values; i++) {
        const KnobValue *at = &plan->value[i];
        if (r->in->embedded && is_own(r, at)) {
            str_printf(&s, "retrain: %s %g is the world's own: the embedded base stands for it", at->knob->name, at->value);
            console_say(s.data);
            s = str_make(r->arena);
            continue;
        }
        if (is_repeated(r, i)) continue;
        int64_t more = base_recipe_left(&plan->recipe, folder_of(r, at));
        left += more;
        bases += more > 0;
        there += more == 0;
        matrices += !has_matrices(r, folder_of(r, at));
    }
    if (there) str_printf(&s, "retrain: %d base%s %s there", there, there == 1 ? "" : "s", there == 1 ? "is" : "are");
    if (there) console_say(s.data);
    if (bases + matrices == 0) return OK;
    if (bases) {
        console_context("pace:");
        TRY(base_recipe_pace(&plan->recipe, path_join(r->arena, r->place, "pace"), &pace, error));
        console_context(NULL);
    }
    console_time(time, sizeof time, pace * (double)left + matrices * matrix_seconds(r));
    s = str_make(r->arena);
    str_printf(&s, "retrain: %d base%s of %lld tokens, %d matri%s on them, about %s; ^C keeps what is done, the same command goes on",
               bases, bases == 1 ? "" : "s", (long long)plan->recipe.tokens, matrices, matrices == 1 ? "x" : "ces", time);
    console_say(s.data);
    return OK;
}

// ---- all values

static Status run_value(Retrain *r, const KnobValue *at, Error *error) {
    const RetrainInputs *in = r->in;
    const char *folder = folder_of(r, at), *const *dirs = in->matrix;
    if (!in->embedded || !is_own(r, at)) {
        const char **trained = arena_alloc(r->arena, (size_t)in->seeds * sizeof *trained);
        console_place(name_of(r, at));
        TRY(base_recipe_make(&r->plan->recipe, folder, is_own(r, at) ? NULL : at, error));
        TRY(run_matrices(r, at, folder, trained, error));
        console_place(NULL);
        dirs = trained;
    }
    TRY(measure(r, at, dirs, error));
    return file_write(path_join(r->arena, r->place, "points.jsonl"), r->points.data, r->points.size, error);
}

Status retrain_run(const RetrainPlan *plan, const RetrainInputs *in, Str *table, Error *error) {
    Arena *arena = &in->tool->text;
    Retrain r = {
        .plan = plan, .in = in, .arena = arena, .place = path_join(arena, in->out, "retrain"), .points = str_make(arena), .table = table};
    TRY(directory_make(r.place, error));
    TRY(announce(&r, error));
    str_append(table,
               TEXT("\nRetrained: a base for each value; the oracle on held-out prompts with its 95 % interval, in brackets what the "
                    "calculation says\n"));
    str_printf(table, "%-9s %-13s", "task", "knob");
    for (int i = 0; i < in->methods; i++) str_printf(table, "  %22s", in->method[i]);
    str_append(table, TEXT("\n"));
    for (int i = 0; i < plan->values; i++) TRY(run_value(&r, &plan->value[i], error));
    return OK;
}
