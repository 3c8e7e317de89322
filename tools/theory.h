// How often a label is right: the model of the paper's appendix N, by simulation and in closed form.
//
// The attribute of a reply is normal with deviation 1. RLAIF draws both replies from one prompt and asks a judge, who sees each
// attribute with normal noise of deviation `noise`. RLCD draws them from p+ and p-, whose means lie `shift` apart, and calls the
// first one better. A label is right when it names the reply with more of the attribute. A pair is hard when its two attributes
// differ by at most `width`. docs/08-contrast.md derives the closed forms.
#ifndef TOOLS_THEORY_H
#define TOOLS_THEORY_H

#include <stdint.h>

#include "tensor/base/arena.h"
#include "tensor/base/rng.h"

typedef enum { THEORY_RLAIF, THEORY_RLCD, THEORY_METHODS } TheoryMethod;

// "rlaif", "rlcd"
extern const char *const THEORY_NAMES[THEORY_METHODS];

enum { THEORY_STEPS_MAX = 64, THEORY_SHARES_MAX = 8 };

// Where pairs are drawn: 0 <= shift <= 20, 0 <= noise <= 100, 0.001 <= width <= 10.
typedef struct {
    double shift, noise, width;
} TheoryPlace;

// Right labels among `pairs` pairs.
typedef struct {
    int64_t pairs, right;
} TheoryCount;

// The share of right labels; NaN without pairs.
double theory_share(const TheoryCount *count);
// Its standard error sqrt(p (1 - p) / pairs); NaN without pairs.
double theory_error(const TheoryCount *count);

// Draws `pairs` pairs (at most 2^32) and counts right labels among all of them and among the hard ones. `cell` names the draws: another
// cell, other numbers. Works on all threads; the counts do not depend on how many. `arena` lends memory.
void theory_simulate(TheoryCount *all, TheoryCount *hard, TheoryMethod method, const TheoryPlace *place, RngKey key, uint32_t cell,
                     int64_t pairs, Arena *arena);

// The same for hard pairs alone, drawn from the distribution of their difference inside [-width, width] by rejection: for places where
// hard pairs are rare.
void theory_simulate_hard(TheoryCount *hard, TheoryMethod method, const TheoryPlace *place, RngKey key, uint32_t cell, int64_t pairs,
                          Arena *arena);

// In closed form: the share of right labels among all pairs and among hard ones, and the share of pairs that are hard. Error below 1e-9.
double theory_accuracy(TheoryMethod method, const TheoryPlace *place);
double theory_hard_accuracy(TheoryMethod method, const TheoryPlace *place);
double theory_hard_share(TheoryMethod method, const TheoryPlace *place);

// The share of right labels when the replies to a share `hard` of the prompts come out alike, as a hard pair does: by closed form.
double theory_mixed_accuracy(TheoryMethod method, const TheoryPlace *place, double hard);

// The noise below which RLAIF's labels are right more often than RLCD's, at the place's shift and width; INFINITY where they always are.
double theory_crossing(const TheoryPlace *place, double hard);

// ---- table and surface

// What is asked for: `steps` equal steps from 0 to the largest shift and noise; shares of hard prompts, ascending.
typedef struct {
    TheoryPlace place;   // of the table
    int64_t pairs;       // of the table, each method
    int64_t cell_pairs;  // of the surface: all pairs, and as many hard ones, of each method at each shift or noise
    double shift_max, noise_max;
    int steps, shares;
    double share[THEORY_SHARES_MAX];
    uint64_t seed;
} TheoryConfig;

// One line of the surface: what a method reaches at one shift (RLCD) or one noise (RLAIF), which the other does not change.
typedef struct {
    TheoryPlace place;
    TheoryCount all, hard;
    double exact_all, exact_hard;
} TheoryLine;

typedef struct {
    TheoryConfig config;
    TheoryLine table[THEORY_METHODS];
    double hard_share[THEORY_METHODS];                         // of the table's place
    TheoryLine line[THEORY_METHODS][THEORY_STEPS_MAX + 1];     // by noise; by shift
    double crossing[THEORY_STEPS_MAX + 1][THEORY_SHARES_MAX];  // by shift and share
    double distance;                                           // the largest of simulation and closed form, in standard errors
    int compared;                                              // how many were
} Theory;

// Simulates and calculates everything. `progress` (may be NULL) hears of each part.
void theory_run(Theory *out, const TheoryConfig *config, Arena *arena, void (*progress)(const char *, int64_t, int64_t, const char *));

// A point of the surface: simulated share of right labels with its standard error, and the closed form. `i` is the step of the noise
// (RLAIF) or of the shift (RLCD), `share` that of hard prompts.
typedef struct {
    double simulated, error, exact;
} TheoryPoint;
TheoryPoint theory_point(const Theory *theory, TheoryMethod method, int i, double share);

#endif
