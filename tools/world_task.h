// A task of the small world read from its file: slots, requests, cores by level, and the checks that make its oracle exact.
#ifndef TOOLS_WORLD_TASK_H
#define TOOLS_WORLD_TASK_H

#include "tools/world_grammar.h"

// Reads task `index` of a world whose own file is parsed. ERR_FORMAT or ERR_DATA with file and line.
Status world_parse_task(World *world, int index, Arena *arena, Text text, const char *where, Error *error);

#endif
