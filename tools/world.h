// The small world's oracle: what a reply is worth, exactly (docs/11-measuring.md).
//
//     World world;
//     world_open(&world, &arena, folder, &error);
//     world_score_reply(&score, &world, prompt, reply, &error);
#ifndef TOOLS_WORLD_H
#define TOOLS_WORLD_H

#include "tools/world_grammar.h"

// What a request is about: one word for each topic slot of a task.
typedef struct {
    const WorldTask *task;
    int word[WORLD_TOPIC_MAX];
} WorldTopic;

enum { WORLD_SAID_MAX = 32, WORLD_ILL_FORMED = -3 };

// The oracle's verdict. A sentence that the grammar could not have written counts as level -2 and is not well-formed.
typedef struct {
    double score;  // (mean level + 2) / 4: 0 .. 1; the mean is over at least knobs.min_sentences
    double tone;   // mean tone of the sentences, -1 .. 1
    int words;     // words and punctuation marks
    int sentences;
    int well_formed;
    int level;                         // sum of levels
    signed char said[WORLD_SAID_MAX];  // each of the first sentences' level; WORLD_ILL_FORMED
} WorldScore;

// Topic `number` in [0, task->topics); held-out topics are those at order[0 .. held_out).
WorldTopic world_topic(const WorldTask *task, int number);

// The number of a topic.
int world_topic_number(const WorldTopic *topic);

// Whether a topic has a word of a list (index into world->list; -1: no).
bool world_topic_has(const WorldTopic *topic, int list);

// Task and topic of a dialogue, from its last Human turn, whose request names both. ERR_DATA when it is no request of this world.
Status world_find_topic(WorldTopic *topic, const World *world, Text prompt, Error *error);

// The oracle. One blank before the first sentence and blanks behind the last one are not the reply's; no sentence scores 0.
WorldScore world_score(const World *world, const WorldTopic *topic, Text reply);

// world_find_topic and world_score in one.
Status world_score_reply(WorldScore *score, const World *world, Text prompt, Text reply, Error *error);

// Places in replies that the corpus may weigh: topic words, which a model must copy from the request, and openings, the first words
// of a later sentence that no slot fills and its tone's prefix, which tell it from the sentences before it.
enum { WORLD_PLACES_MAX = 256 };
typedef struct {
    int count;
    struct {
        size_t begin, end;  // bytes
        bool opening;
    } place[WORLD_PLACES_MAX];
} WorldPlaces;

// Notes bytes [begin, end) of the text that is written; REQUIREs room.
void world_note_place(WorldPlaces *places, size_t begin, size_t end, bool opening);

// Appends a template with the words bound[slot] of a task's slots; notes where topic words and, if wanted, its opening stand in
// `places` (may be NULL).
void world_fill(Str *s, const WorldTask *task, const WorldTemplate *text, const int *bound, bool opening, WorldPlaces *places);

// Whether a text is a template with the words bound[slot]; slots bound to -1 take any word that may stand there, which is noted.
bool world_match(const WorldTask *task, const WorldTemplate *form, Text text, int bound[WORLD_SLOTS_MAX]);

// Words and punctuation marks of a text: the length that the world's figures count in.
int world_count_words(Text text);

#endif
