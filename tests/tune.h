// What the tests of sft and dpo share: the golden policy and pairs, random pairs, a token that is not finite.
#ifndef TESTS_TUNE_H
#define TESTS_TUNE_H

#include "rlcd/preference.h"
#include "tests/tiny.h"

// tests/golden/tiny_tied, prepared for 64 positions.
Base tune_model(Arena *arena);
// The two pairs of the golden files, replies from their fifth token.
PairTokens *tune_golden_pairs(Arena *arena, float label);
// n pairs of random ids for tiny_base; chosen replies hold token 40 everywhere, rejected ones anything. Labels 1 and 0.9.
PairTokens *tune_random_pairs(Arena *arena, int n);

// A config of one step of all weights at rate 0 whose first moment is the gradient; one of short steps with an adapter of rank 4.
PreferenceConfig tune_gradient_config(PreferenceConfig config);
PreferenceConfig tune_config(PreferenceConfig config, int epochs, double rate);

// Writes checkpoint 0 of the golden policy (every weight times 1.05) into the session's directory.
void tune_start(Arena *arena, const Base *base, const PreferenceConfig *config, Session *session);
// Compares the first moments of checkpoint 1 with "PREFIX/NAME"; the number of tensors that were there.
int tune_check_gradient(Arena *arena, const SafeTensors *golden, const char *prefix, const Role *policy, const PreferenceConfig *config,
                        Session *session);

// Makes one token's embedding no number and puts that token into the first action of a reply.
void tune_poison(Arena *arena, Base *base, Sequence *reply);

#endif
