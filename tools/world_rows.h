// Files of replies and pairs against the small world's oracle.
#ifndef TOOLS_WORLD_ROWS_H
#define TOOLS_WORLD_ROWS_H

#include "tools/world.h"

// Sums over the replies of one member; well_formed adds each reply's share of well-formed sentences.
typedef struct {
    int64_t replies;
    double score, square, tone, words, sentences, well_formed;
} WorldSums;

enum { WORLD_REPLY, WORLD_CHOSEN, WORLD_REJECTED, WORLD_MEMBERS };
extern const char *const WORLD_MEMBER_NAMES[WORLD_MEMBERS];

// What a file came to. `right`: pairs of different score whose label (above 0.5: the chosen one) agrees with the oracle; a label of
// exactly 0.5 counts one half.
typedef struct {
    int64_t rows;
    WorldSums member[WORLD_MEMBERS];
    int64_t pairs, ties;
    double right;
} WorldTally;

// Writes `count` prompts of a task as rows {"prompt":...}; held_out: topics that the corpus does not have. Prompt i is a function of
// (seed, task, split, i). `stop` (may be NULL) is asked between rows: ERR_STOPPED, and nothing was written.
Status world_write_prompts(const World *world, const WorldTask *task, bool held_out, int64_t count, uint64_t seed, const char *out,
                           bool (*stop)(void), Error *error);

// Scores every reply of a JSON Lines file and writes one line a row (docs/formats.md, oracle). `out` NULL: nothing is written.
// The first bad row ends it: ERR_FORMAT or ERR_DATA with file and line.
Status world_score_file(WorldTally *tally, const World *world, const char *file, const char *out, Error *error);

typedef struct {
    int64_t kept, swapped, ties;
} WorldLabels;

// Pairs with the oracle's verdict for a label: chosen is the reply of the higher score, method "oracle"; ties are left out.
// ERR_DATA when no pair is left.
Status world_label_file(WorldLabels *labels, const World *world, const char *file, const char *out, Error *error);

#endif
