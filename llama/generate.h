// Batched generation: finished sequences leave and waiting ones enter at once.
//
// Work comes from a source that is asked whenever a place is free, so the next request may depend on results (a rejected
// sample is drawn again). What a sequence gets depends on its own draw key alone, never on its companions (numerics.md, S1).
#ifndef LLAMA_GENERATE_H
#define LLAMA_GENERATE_H

#include "llama/model.h"
#include "llama/sampler.h"
#include "llama/tokenizer.h"
#include "tensor/base/rng.h"

typedef enum {
    END_LIMIT,  // max_new tokens without an end
    END_TEXT,   // an end-of-text token
    END_STOP    // the token that completed a stop string
} GenerateEnd;

typedef struct {
    const int32_t *prompt;  // valid until done
    int prompt_count;       // >= 1
    int max_new;            // >= 1
    RngDraw draw;           // position is filled in: the token's index in the reply
    void *user;             // for the source
} GenerateRequest;

// Valid inside done() only.
typedef struct {
    const int32_t *ids;    // the actions: every sampled token, the ending one included
    const float *logprob;  // of each, at the sampling temperature
    int count;
    GenerateEnd end;
    Text text;     // decoded, without end-of-text, cut where the stop string begins
    int text_ids;  // leading ids that lie wholly inside `text`
} GenerateResult;

typedef struct {
    // Fills the next request; false when there is none at present. Called again after each done().
    bool (*next)(void *context, GenerateRequest *request);
    // Takes a result. Any failure ends generation.
    Status (*done)(void *context, const GenerateRequest *request, const GenerateResult *result, Error *error);
    void *context;
} GenerateSource;

typedef struct {
    SamplerConfig sampler;
    RngKey key;         // stream of the draws
    const Text *stops;  // stop strings
    int n_stops;
    int slots;        // sequences at once: never changes a bit
    int capacity;     // longest prompt + max_new of a request
    int max_new;      // longest reply of a request
    bool ignore_end;  // goes on past end-of-text (benchmarks)
    bool (*stop_wanted)(void);  // asked by generate_all with several ranks, whose results come late; NULL: never
} GenerateConfig;

// Runs until the source has nothing left. `arena` gives the cache and everything else and is released at the end.
// The end-of-text ids are the model's; ids that the tokenizer does not know are never drawn. ERR_NUMERIC names the
// request's prompt index when a row cannot be sampled.
Status generate_run(const Llama *model, const Adapter *adapter, const Tokenizer *tokenizer, const GenerateConfig *config,
                    const GenerateSource *source, Arena *arena, Error *error);

// The same over all ranks, together: each runs its share of the requests, and done() gets all results on every rank; with several, when all
// are there. For sources whose requests do not depend on results. ERR_STOPPED: no result.
Status generate_all(const Llama *model, const Adapter *adapter, const Tokenizer *tokenizer, const GenerateConfig *config,
                    const GenerateSource *source, Arena *arena, Error *error);

#endif
