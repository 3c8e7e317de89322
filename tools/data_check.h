// What should be known of data before it is trained on or measured with: prompts that stand in it twice, held-out prompts that were
// trained on, pairs that say nothing. `rlcd data check` prints it (chapter 11).
#ifndef TOOLS_DATA_CHECK_H
#define TOOLS_DATA_CHECK_H

#include "tools/data_rows.h"
#include "tools/duplicates.h"

// A file and the rows of it that are read.
typedef struct {
    const char *path;
    bool held_out;
    int64_t first, limit;  // limit < 0: all
} DataPart;

typedef struct {
    int parts;  // training parts first, then held-out ones; at most DUPLICATE_GROUPS_MAX
    DataPart part[DUPLICATE_GROUPS_MAX];
    const Task *task;
    int ngram, shown;  // words of an n-gram; places that are printed of each kind
    double least;      // share of n-grams in common from which prompts are near
} DataCheckConfig;

typedef struct {
    int64_t rows;      // read in all parts
    int64_t findings;  // of every kind
    int64_t leaks;     // held-out rows with a prompt of the training rows; without held-out parts: rows with one of an earlier part
} DataCheckCounts;

// Reads the parts, appends the table to `table` and one line of JSON for each finding to `findings`. ERR_FORMAT and ERR_DATA name file and
// line. Memory: that of duplicates_find; texts are not kept.
Status data_check(DataCheckCounts *out, Str *table, Str *findings, const DataCheckConfig *config, Arena *arena, Error *error);

#endif
