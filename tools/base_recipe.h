// The recipe of the small world's base (phase-1.yaml, phase-2.yaml beside it), run for a world with one knob turned:
//
//     FOLDER/corpus-1, corpus-2    text of that world, each a run directory with corpus.jsonl
//     FOLDER/base-1, base-2        pre-training; base-2/model is the base
//
// Tokenizer and grammar are those of the embedded base's folder.
#ifndef TOOLS_BASE_RECIPE_H
#define TOOLS_BASE_RECIPE_H

#include "tools/demo_predict.h"
#include "tools/stage.h"

enum { BASE_PHASES = 2 };

typedef struct {
    const Tool *tool;
    const char *tiny;         // folder of the embedded base
    Args phase[BASE_PHASES];  // options of sections world and pretrain, and the seed
    int64_t tokens;           // trained on, all phases together
} BaseRecipe;

// Reads both files of the folder `tiny`. `tokens` above 0: so many in all, each phase and its text keep their share. `resume` is the
// general option of the runs. Texts live in `arena`. ERR_USAGE with file and line.
Status base_recipe_read(BaseRecipe *out, Arena *arena, const Tool *tool, const char *tiny, int64_t tokens, const char *resume,
                        Error *error);

// Whether the recipe itself sets a knob, which then cannot be turned.
bool base_recipe_sets(const BaseRecipe *recipe, const WorldKnob *knob);

// Makes what is not there yet and goes on where it was stopped. `at` NULL: the world as it is. The base is FOLDER/base-2/model.
Status base_recipe_make(const BaseRecipe *recipe, const char *folder, const KnobValue *at, Error *error);

// Tokens that are still to be trained on in FOLDER; 0 when its base is done.
int64_t base_recipe_left(const BaseRecipe *recipe, const char *folder);

// Seconds a token of text and training on this machine now, by the first steps in FOLDER, which is removed again.
Status base_recipe_pace(const BaseRecipe *recipe, const char *folder, double *seconds, Error *error);

#endif
