// Steps of training, as verbs take them: on next tokens, of the preference model, of PPO.
#ifndef TOOLS_BENCH_TUNING_H
#define TOOLS_BENCH_TUNING_H

#include "tools/bench.h"

// One training step on next tokens: gradient, clip, AdamW. `all`: every weight, else an adapter on bench.targets.
Status bench_training(Bench *b, const char *name, bool all, Error *error);
// One step of the preference model on pairs of two sequences of bench.train_tokens.
Status bench_preference(Bench *b, const char *name, bool all, Error *error);
// One PPO step: rollouts of bench.context + bench.new tokens by a policy, scored, then bench.epochs passes over them.
Status bench_ppo(Bench *b, const char *name, bool all, Error *error);

#endif
