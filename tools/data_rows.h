// Rows of prompts and pairs with the line that each stands in, also those that the readers of rlcd/pairs.h pass over.
#ifndef TOOLS_DATA_ROWS_H
#define TOOLS_DATA_ROWS_H

#include "rlcd/dialogue.h"
#include "tensor/base/lines.h"

// What is wrong with a row that is well formed; a row has the first that fits.
typedef enum {
    ROW_SOUND,
    ROW_NO_PROMPT,     // the two dialogues or texts of a pair share no prompt
    ROW_EMPTY_CHOSEN,  // a reply of nothing but blanks
    ROW_EMPTY_REJECTED,
    ROW_EQUAL,  // both replies are equal
    ROW_FAULTS
} RowFault;

// "", "no_prompt", "empty_chosen", "empty_rejected", "equal_replies"
extern const char *const ROW_FAULT_NAMES[ROW_FAULTS];

typedef struct {
    size_t line;  // from 1
    bool is_pair;
    RowFault fault;
    Text prompt;  // size 0 with ROW_NO_PROMPT; valid until the next row
} DataRow;

typedef struct {
    LineReader *lines;
    Arena scratch;  // one line
    const Task *task;
    const char *path;
    int64_t rows, first, limit;
} DataRows;

// Opens a file (.jsonl, .gz or "-") for its rows [first, first + limit), limit < 0: all. `task` has the turn markers. Must be closed, also
// after a failure.
Status data_rows_open(DataRows *r, Arena *arena, const char *path, const Task *task, int64_t first, int64_t limit, Error *error);

// The next row; *more false at the end. A row has "prompt", or "chosen" and "rejected", or an HH dialogue in "chosen" (docs/formats.md); a
// line that is none of these is ERR_FORMAT or ERR_DATA with file:line, no rows at all (or none in the range) ERR_DATA.
Status data_rows_next(DataRows *r, DataRow *row, bool *more, Error *error);

// Closes the file; safe at any time behind data_rows_open.
void data_rows_close(DataRows *r);

#endif
