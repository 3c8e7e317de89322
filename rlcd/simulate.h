// Simulation of preference pairs (paper, section 3): o+ from p+, o- from p-; o+ is preferred by construction. Or, for RLAIF,
// two replies to p, which a judge compares afterwards (label.h).
//
// A sample that the filter rejects is drawn again, CLEAN_TRIES draws in all for each side; a prompt with a side that failed is
// dropped and the reasons counted. The task's bans are never drawn (ERR_DATA when one is no token's text). Output is
// DIR/pairs.jsonl and DIR/rejected.jsonl, both in the order of prompts; what exists is skipped.
#ifndef RLCD_SIMULATE_H
#define RLCD_SIMULATE_H

#include "llama/generate.h"
#include "rlcd/batch.h"
#include "rlcd/clean.h"
#include "rlcd/contrast.h"
#include "rlcd/pairs.h"
#include "rlcd/role.h"
#include "rlcd/session.h"

typedef struct {
    GenerateConfig generate;  // sampler, stops, slots, max_new
    CleanOptions clean;
    bool plain;         // RLAIF: both replies from p itself, label 0.5 until a judge has spoken
    int max_prompt;     // ids of p, p+ or p-; longer ones lose turns from the left, counted
    int shard, shards;  // only prompts with (position in the list) mod shards == shard
    const char *tokenizer_hash;
} SimulateConfig;

// Top-k 50 and temperature 1 (paper.md, section 2), at most 300 new tokens, sound filter.
SimulateConfig simulate_default(void);

typedef struct {
    int64_t prompts;     // in this shard
    int64_t kept;        // pairs written, earlier runs included
    int64_t dropped;     // prompts without a pair, earlier runs included
    int64_t cut;         // prompts that lost turns
    CleanCounts counts;  // samples by outcome, earlier runs included
} SimulateResult;

// Runs over all prompts of the shard. ERR_STOPPED: everything finished so far is on disk and is skipped next time.
Status simulate_run(SimulateResult *result, const Base *base, const Task *task, const PromptList *prompts, const SimulateConfig *config,
                    Session *session, Error *error);

#endif
