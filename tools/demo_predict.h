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

// What is calculated: every task at every value.
typedef struct {
    const World *world;
    int tasks, values;
    const WorldTask *const *task;
    const KnobValue *value;
    int pairs;  // of a method
    uint64_t seed;
} DemoSweep;

// The calculation with KL weighed 0.5: a table of each optimum's oracle is appended to `table`, and `file` is written (docs/formats.md,
// prediction). `stop` is asked between values: ERR_STOPPED, and the file is as it was.
Status demo_predict(Str *table, Arena *arena, const DemoSweep *sweep, const char *file, bool (*stop)(void), Error *error);

#endif
