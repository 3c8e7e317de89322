#include "tools/demo_predict.h"

#include "tensor/base/file.h"
#include "tools/console.h"

static PredictConfig config_of(const WorldTask *task, uint64_t seed) {
    return (PredictConfig){.task = task, .n = 4000, .seed = seed, .betas = 1, .beta = {0.5}};
}

int demo_knob_values(KnobValue *out) {
    static const double DELTA[] = {0.25, 0.5, 1, 1.5, 2}, LEAK[] = {0, 0.3, 0.6, 1};
    int n = 0;
    for (size_t i = 0; i < sizeof DELTA / sizeof *DELTA; i++) out[n++] = (KnobValue){world_find_knob(TEXT("delta")), DELTA[i]};
    for (size_t i = 0; i < sizeof LEAK / sizeof *LEAK; i++) out[n++] = (KnobValue){world_find_knob(TEXT("leak")), LEAK[i]};
    return n;
}

Prediction *demo_predict_one(Arena *arena, const World *world, const WorldTask *task, uint64_t seed, const KnobValue *at) {
    Prediction *p = arena_alloc(arena, sizeof *p);
    World changed = *world;
    PredictConfig config = config_of(task, seed);
    *world_knob(&changed.knobs, at->knob) = at->value;
    world_predict(p, arena, &changed, &config);
    return p;
}

// Columns: rlcd, then both methods of each voice, as world_predict has them.
static void put_heading(Str *table, const World *world) {
    str_append(
        table,
        TEXT("\nWhat the knobs predict without a language model (rlcd world predict): oracle of each method's optimum, KL weighed 0.5\n"));
    str_printf(table, "%-9s %-12s  %14s", "task", "knob", "rlcd");
    for (int v = 0; v < world->knobs.voices; v++)
        for (int k = 0; k < 2; k++) str_printf(table, " %7s-%-6.6s", k ? "rescore" : "rlaif", world->knobs.voice[v].name.data);
    str_append_char(table, '\n');
}

Status demo_predict(Str *table, Arena *arena, const World *world, const WorldTask *const *tasks, int n_tasks, const KnobValue *values,
                    int n_values, uint64_t seed, const char *file, bool (*stop)(void), Error *error) {
    Str rows = str_make(arena);
    str_append(&rows, TEXT(""));
    put_heading(table, world);
    for (int i = 0; i < n_tasks * n_values; i++) {
        const WorldTask *task = tasks[i / n_values];
        const KnobValue *at = &values[i % n_values];
        PredictConfig config = config_of(task, seed);
        Prediction *p = demo_predict_one(arena, world, task, seed, at);
        world_predict_write(&rows, p, &config, at->knob->name, at->value);
        str_printf(table, "%-9s %-6s %5.2f ", task->name.data, at->knob->name, at->value);
        for (int m = 0; m < p->methods; m++) str_printf(table, " %14.3f", p->method[m].mean[0].score);
        str_append_char(table, '\n');
        console_progress("predict", i + 1, n_tasks * n_values, "");
        if (stop()) return error_set(error, ERR_STOPPED, "demo: stopped in the calculation; everything before it is stored");
    }
    return file_write(file, rows.data, rows.size, error);
}
