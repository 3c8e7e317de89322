// One matrix of the demo: prompts of the world, every method on the model, and the oracle over all that they left.
#ifndef TOOLS_DEMO_RUN_H
#define TOOLS_DEMO_RUN_H

#include "tools/stage.h"
#include "tools/world.h"

typedef struct {
    Tool *tool;          // with the model opened
    Args *all;           // of every stage; out, seed, data.* and eval.* are set for each matrix
    const World *world;  // whose requests and oracle
    const char *tiny;    // folder of the embedded world, for its task files
    bool accuracy;       // also of the preference models, on pairs that the oracle labels
    Str *notes;          // receives what the stages say
} DemoRun;

// Runs what is not finished of FOLDER/TASK/seed-N (of the task `task` of the world, with the methods of run.methods). *dir receives its
// path, in tool->text.
Status demo_run_seed(DemoRun *d, const char *folder, const char *task, int64_t seed, const char **dir, Error *error);

#endif
