// The matrix: several methods on the same model, prompts and seed, each stage in a directory of its own (docs/formats.md).
//
//     OUT/contrast, OUT/plain     pairs from p+ and p-; two replies to p; each made only when a method needs it
//     OUT/METHOD/label            a judge's labels (rlaif, rescore)
//     OUT/METHOD/preference       the preference model (rlcd, rlaif, rescore, human, hybrid); rloo, grpo and bon take that of rlcd
//     OUT/METHOD/policy           the tuned model: ppo (also rloo, grpo, human, hybrid), sft (cd) or dpo (dpo, ipo, cdpo); bon tunes none
//     OUT/METHOD/eval             its replies to the held-out prompts, alone
//     OUT/results.json            what is where; written last
#ifndef TOOLS_MATRIX_H
#define TOOLS_MATRIX_H

#include "tools/stage.h"

typedef enum {
    METHOD_BASE,
    METHOD_CD,
    METHOD_RLCD,
    METHOD_RLAIF,
    METHOD_RESCORE,
    METHOD_DPO,
    METHOD_IPO,
    METHOD_CDPO,
    METHOD_RLOO,
    METHOD_GRPO,
    METHOD_BON,
    METHOD_HUMAN,
    METHOD_HYBRID
} MethodKind;

// "rlaif-novice": kind METHOD_RLAIF, voice "novice".
typedef struct {
    const char *name;
    MethodKind kind;
    const char *voice;  // NULL: label.voice
} Method;

// Reads a method's name. ERR_USAGE with the nearest one; a voice is made of letters, digits and '_'.
Status matrix_method(Method *out, const char *name, Error *error);

// The part of a recipe's options that a verb reads, so that a stage's hash does not change with the other stages' options.
Args matrix_stage_args(const Args *all, const Verb *verb, Arena *arena);

// Runs every stage of every method that is not finished, in the order of run.methods, and writes results.json. `summary` receives the
// stages' tables under their methods' names.
Status matrix_run(Tool *tool, Args *all, Str *summary, Error *error);

#endif
