// The small world's grammar as it stands in its folder: word lists, requests, cores by level, knobs (docs/formats.md, world).
#ifndef TOOLS_WORLD_GRAMMAR_H
#define TOOLS_WORLD_GRAMMAR_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

enum {
    WORLD_TASKS_MAX = 8,
    WORLD_SLOTS_MAX = 12,
    WORLD_TOPIC_MAX = 4,  // slots that a request fixes
    WORLD_VOICES_MAX = 16,
    WORLD_CORES_MAX = 256,  // of a task
    WORLD_SENTENCES_MAX = 16,
    WORLD_LEVELS = 5,        // -2 .. +2
    WORLD_WORDS_MAX = 1024,  // of a list, of a slot
    WORLD_TOPICS_MAX = 1 << 16,
};

// A place in a template that words fill. Words of several lists stand one behind the other.
typedef struct {
    Text name;
    int count;
    const Text *word;
    const int *list;  // of each word: index into WorldLists
    int other;        // a topic slot whose word is left out; -1: none
} WorldSlot;

// Literal text, then a slot; the last piece has slot -1.
typedef struct {
    Text literal;
    int slot;
} WorldPiece;

typedef struct {
    Text source;  // "how can i {act} my {person}?"
    int pieces;
    const WorldPiece *piece;
} WorldTemplate;

// When a core may be written.
typedef enum { CORE_ALWAYS, CORE_LAST, CORE_LIST } CoreCondition;

typedef struct {
    WorldTemplate text;
    int level;  // -2 .. +2
    CoreCondition condition;
    int list;  // CORE_LIST: a word of the topic is of this list
} WorldCore;

// How many sentences a reply has: least + i with probability share[i].
typedef struct {
    int least, count;
    const double *share;
} WorldLengths;

typedef struct {
    Text name;
    int slots, topic_slots;  // the first `topic_slots` come from the request
    WorldSlot slot[WORLD_SLOTS_MAX];
    int requests;
    const WorldTemplate *request;
    int cores, first[WORLD_LEVELS + 1];  // cores of level l are [first[l + 2], first[l + 3])
    const WorldCore *core;
    WorldLengths lengths;
    int most;      // no sentence behind this many counts
    bool earlier;  // an earlier exchange may come first
    bool numbered;
    int pulled;  // requests with a word of this list pull; -1: none
    int affixes;
    const Text *plus, *minus, *instruction;
    int topics, held_out;  // topics by number; order[0..held_out) are held out
    const int *order;
} WorldTask;

typedef struct {
    Text name;
    double attribute, tone, length, first;
} WorldVoice;

// What an effect follows from (docs/formats.md has a sentence for each).
typedef struct {
    double delta, leak, pull, rho;
    double p_multi, p_closing, p_annot, p_judge;
    double level_weight, tone_weight, stray_judge, stray_minus, repeat_minus, splice_minus;
    double copy_weight, opening_weight, answer_weight, min_sentences;
    double mix[WORLD_TASKS_MAX];
    int voices;
    WorldVoice voice[WORLD_VOICES_MAX];
} WorldKnobs;

// A knob's name and range; offset into WorldKnobs.
typedef struct {
    const char *name;
    size_t offset;
    double low, high;
    bool whole;
} WorldKnob;
extern const WorldKnob WORLD_KNOBS[];
extern const int WORLD_KNOB_COUNT;

// Where a knob's value stands.
double *world_knob(WorldKnobs *knobs, const WorldKnob *knob);
// The knob of a name, or NULL.
const WorldKnob *world_find_knob(Text name);

typedef struct {
    Text name;
    int count;
    const Text *word;
} WorldList;

typedef struct {
    const char *path;
    Text human, assistant, affix_before, affix_after;
    int closings;
    const Text *closing;
    Text judge, label[2], judge_end;
    int polarities;
    const int *polarity;
    int lists;
    const WorldList *list;
    int rude, polite;
    const Text *rude_prefix, *polite_prefix;
    double tone_share[3];  // of -1, 0, +1
    int64_t topics_seed;
    double held_out;
    WorldLengths earlier;
    int tasks;
    WorldTask task[WORLD_TASKS_MAX];
    WorldKnobs knobs;
} World;

// Reads a world's folder: world.yaml and NAME.yaml of each task it lists. Everything is checked: unknown and missing keys, slots
// without a list, levels without enough cores, texts that the oracle could not tell apart. ERR_FORMAT or ERR_DATA with file and
// line. Texts live in the arena; the world is constant from then on.
Status world_open(World *world, Arena *arena, const char *folder, Error *error);

// models/tiny/world beside the program: `share` is the folder that tool_share found. The path lives in the arena.
const char *world_folder(Arena *arena, const char *share);

// world.yaml alone, from its text: the tasks have names, and wait for world_parse_task in their order.
Status world_parse(World *world, Arena *arena, Text text, const char *where, Error *error);

// "NAME:ATTRIBUTE:TONE:LENGTH:FIRST" replaces the voice of that name or adds one; "TASK:SHARE,TASK:SHARE" replaces the mix (tasks
// that are not named get 0). ERR_USAGE.
Status world_set_voice(WorldKnobs *knobs, Arena *arena, Text text, Error *error);
Status world_set_mix(WorldKnobs *knobs, const World *world, Arena *arena, Text text, Error *error);
// A number as people write it on a command line: .5 is 0.5.
bool world_parse_number(Arena *arena, Text text, double *value);

// A task, a voice by name, or NULL.
const WorldTask *world_find_task(const World *world, Text name);
const WorldVoice *world_find_voice(const WorldKnobs *knobs, Text name);

// Punctuation marks count as words of their own. Letters: everything but marks, blanks, braces and controls.
bool world_is_mark(char c);
bool world_is_letter(char c);

#endif
