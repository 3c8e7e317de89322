// The sweep of the demo: which values its knobs take, and what is calculated for each without a language model.
#ifndef TOOLS_DEMO_PREDICT_H
#define TOOLS_DEMO_PREDICT_H

#include "tools/world_predict.h"

// One knob of the world at one value, all others as they are.
typedef struct {
    const WorldKnob *knob;
    double value;
} KnobValue;

enum { DEMO_KNOB_VALUES = 64 };

// delta and leak, each over its range; `out` has room for DEMO_KNOB_VALUES. Returns how many.
int demo_knob_values(KnobValue *out);

// The calculation at one value: 4,000 pairs a method, KL weighed 0.5. What it holds lives in the arena.
Prediction *demo_predict_one(Arena *arena, const World *world, const WorldTask *task, uint64_t seed, const KnobValue *at);

// The calculation for every task at every value: a table of each optimum's oracle is appended to `table`, and `file` is written
// (docs/formats.md, prediction). `stop` is asked between values: ERR_STOPPED, and the file is as it was.
Status demo_predict(Str *table, Arena *arena, const World *world, const WorldTask *const *tasks, int n_tasks, const KnobValue *values,
                    int n_values, uint64_t seed, const char *file, bool (*stop)(void), Error *error);

#endif
