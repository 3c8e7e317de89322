// Drawing text of the small world: replies from two latents, prompts, annotated dialogues, judge documents.
//
// Every draw is a function of (seed, stream, index of the document, number of the draw in it), so documents can be made alone
// and in any order.
#ifndef TOOLS_WORLD_DRAW_H
#define TOOLS_WORLD_DRAW_H

#include "tensor/base/rng.h"
#include "tools/world.h"

// The draws of one document, one after the other.
typedef struct {
    RngKey key;
    uint32_t step, prompt, position;
} WorldDraws;

// The draws of document `index` in a stream.
WorldDraws world_draws(RngKey key, uint64_t index);

// The next draw: uniform in [0, 1); a number in [0, n); a standard normal; an index with probability weight / sum of weights.
double world_draw_uniform(WorldDraws *d);
int world_draw_number(WorldDraws *d, int n);
double world_draw_normal(WorldDraws *d);
int world_draw_weighted(WorldDraws *d, const double *weight, int n);

// One exp and one sigmoid for the world's formulas: exp_f32 in double, good to 1e-7.
double world_exp(double x);
double world_sigmoid(double x);

// A topic of the training split or of the held-out one; `except` (may be NULL): another one than this.
WorldTopic world_draw_topic(WorldDraws *d, const WorldTask *task, bool held_out, const WorldTopic *except);

// What a reply is drawn from. `stray` is the probability that a sentence is filled with another topic's words, `repeat` that one
// after the first says again what stands before it, `splice` that one ends with the words of another.
typedef struct {
    double attribute, tone, stray, repeat, splice;
    const WorldLengths *lengths;
} WorldLatents;

// Latents under an annotation of polarity `sign` (0: none) for a request.
WorldLatents world_draw_latents(WorldDraws *d, const World *world, const WorldTopic *topic, int sign);

// Appends a reply, without the blank that follows its marker. Returns the sum of the levels that were drawn (a spliced sentence
// counts as its beginning).
int world_draw_reply(Str *s, WorldDraws *d, const World *world, const WorldTopic *topic, const WorldLatents *latents);

// Appends a prompt up to its last request, an earlier exchange first where it has one. Topics of the split alone.
WorldTopic world_draw_dialogue(Str *s, WorldDraws *d, const World *world, const WorldTask *task, bool held_out);

// Log-odds that a voice calls the first reply the better one.
double world_judge_logit(const WorldVoice *voice, const WorldScore *first, const WorldScore *second);

typedef struct {
    const WorldTask *task;
    bool judge;
    size_t begin, end;  // bytes of a judge document's answer
    WorldPlaces places;
} WorldDocument;

// Appends a document of the corpus: an annotated or plain dialogue, or a judge document. Training topics only.
WorldDocument world_draw_document(Str *s, WorldDraws *d, const World *world);

#endif
