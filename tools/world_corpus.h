// The small world's corpus from the options of section world: knobs, and how much text.
#ifndef TOOLS_WORLD_CORPUS_H
#define TOOLS_WORLD_CORPUS_H

#include "tools/args.h"
#include "tools/world_grammar.h"

// What was written; tokens are words, marks, line breaks between turns and ends of documents.
typedef struct {
    int64_t documents, judges, tokens, longest, of_task[WORLD_TASKS_MAX];
} CorpusCounts;

// Sets the knobs, voices and mix that the options give, over those of the world's files. ERR_USAGE: no whole number, no such task.
Status world_read_knobs(World *world, Arena *arena, const Args *args, Error *error);

// Writes the documents of the seed's corpus until world.documents or world.tokens are reached, whichever is given. ERR_STOPPED when the
// console asked for a stop: nothing was written.
Status world_write_corpus(CorpusCounts *counts, const World *world, const Args *args, const char *path, Error *error);

#endif
