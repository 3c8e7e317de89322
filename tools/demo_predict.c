#include "tools/demo_predict.h"

#include "tensor/base/file.h"
#include "tools/console.h"

int demo_knob_values(KnobValue *out) {
    static const double DELTA[] = {0.25, 0.5, 1, 1.5, 2}, LEAK[] = {0, 0.3, 0.6, 1};
    int n = 0;
    for (size_t i = 0; i < sizeof DELTA / sizeof *DELTA; i++) out[n++] = (KnobValue){world_find_knob(TEXT("delta")), DELTA[i]};
    for (size_t i = 0; i < sizeof LEAK / sizeof *LEAK; i++) out[n++] = (KnobValue){world_find_knob(TEXT("leak")), LEAK[i]};
    return n;
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

Status demo_predict(Str *table, Arena *arena, const DemoSweep *sweep, const char *file, bool (*stop)(void), Error *error) {
    Str rows = str_make(arena);
    Prediction *p = arena_alloc(arena, sizeof *p);
    str_append(&rows, TEXT(""));
    put_heading(table, sweep->world);
    for (int i = 0; i < sweep->tasks * sweep->values; i++) {
        const KnobValue *at = &sweep->value[i % sweep->values];
        World changed = *sweep->world;
        PredictConfig config = {.task = sweep->task[i / sweep->values], .n = sweep->pairs, .seed = sweep->seed, .betas = 1, .beta = {0.5}};
        *world_knob(&changed.knobs, at->knob) = at->value;
        world_predict(p, arena, &changed, &config);
        world_predict_write(&rows, p, &config, at->knob->name, at->value);
        str_printf(table, "%-9s %-6s %5.2f ", config.task->name.data, at->knob->name, at->value);
        for (int m = 0; m < p->methods; m++) str_printf(table, " %14.3f", p->method[m].mean[0].score);
        str_append_char(table, '\n');
        console_progress("predict", i + 1, sweep->tasks * sweep->values, "");
        if (stop()) return error_set(error, ERR_STOPPED, "demo: stopped in the calculation; everything before it is stored");
    }
    return file_write(file, rows.data, rows.size, error);
}
