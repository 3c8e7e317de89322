// rlcd demo --retrain: for each value of a knob a base of its own, the demo's matrix on it, and the oracle beside the calculation.
//
//     OUT/retrain/KNOB-VALUE/     the base (tools/base_recipe.h), then TASK/seed-N/ as in the demo
//     OUT/retrain/points.jsonl    what came out (docs/formats.md)
#ifndef TOOLS_RETRAIN_H
#define TOOLS_RETRAIN_H

#include "tools/base_recipe.h"
#include "tools/world.h"

enum { RETRAIN_VALUES = 32 };

// What is known before anything runs.
typedef struct {
    BaseRecipe recipe;
    World world;  // as its files have it
    int values;
    KnobValue value[RETRAIN_VALUES];
} RetrainPlan;

// Reads the recipe of the folder `tiny` and the options demo.retrain_tokens and demo.retrain_knobs (without it: the sweep's values).
// ERR_USAGE: no knob of the world, out of its range, there twice, or part of the recipe.
Status retrain_plan(RetrainPlan *plan, Tool *tool, const Args *all, const char *tiny, Error *error);

// What the demo has done.
typedef struct {
    Tool *tool;
    Args *all;           // the demo's options
    const World *world;  // with the demo's oracle
    const char *out, *task;
    int64_t seed;  // the first
    int seeds;
    const char *const *method;
    int methods;
    const char *const *matrix;  // the demo's matrices of this task, one a seed: how long one takes
    bool embedded;              // and their base is the embedded one: they stand for the world's own values
    Str *notes;
} RetrainInputs;

// Says how long it will take, makes what is not there yet, and writes points.jsonl after each value. The table, with what OUT/predict.jsonl
// says of the same values, is appended to `table`.
// ERR_STOPPED: what is done is stored, and the same call goes on.
Status retrain_run(const RetrainPlan *plan, const RetrainInputs *in, Str *table, Error *error);

#endif
