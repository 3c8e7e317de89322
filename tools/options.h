// The options of all verbs: one table a section, shared by the verbs that take it and by recipes (design.md, section 7).
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "tools/args.h"

extern const OptionTable OPTIONS_GENERAL;     // "": seed, threads, kernels, memory, resume, ...
extern const OptionTable OPTIONS_MODEL;       // "": model
extern const OptionTable OPTIONS_OUT;         // "": out
extern const OptionTable OPTIONS_DATA;        // data: prompts, first, limit
extern const OptionTable OPTIONS_TASK;        // data: task
extern const OptionTable OPTIONS_SIMULATE;    // simulate
extern const OptionTable OPTIONS_LABEL;       // label
extern const OptionTable OPTIONS_PREFERENCE;  // preference
extern const OptionTable OPTIONS_SFT;         // sft
extern const OptionTable OPTIONS_DPO;         // dpo
extern const OptionTable OPTIONS_PPO;         // ppo
extern const OptionTable OPTIONS_EVAL;        // eval
extern const OptionTable OPTIONS_GENERATE;    // generate
extern const OptionTable OPTIONS_PRETRAIN;    // pretrain
extern const OptionTable OPTIONS_WORLD;       // world: how much text, knobs
extern const OptionTable OPTIONS_DEMO;        // demo
extern const OptionTable OPTIONS_JUDGE;       // judge
extern const OptionTable OPTIONS_RUN;         // run: human
extern const OptionTable OPTIONS_THEORY;      // theory
extern const OptionTable OPTIONS_CHECK;       // check: data check

// All of them, NULL-ended: keys that a recipe or config may hold whatever verb reads it.
extern const OptionTable *const OPTIONS_ALL[];

#endif
