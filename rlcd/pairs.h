// Prompts and preference pairs on disk: our pairs.jsonl (version 1, docs/formats.md), TRL's explicit and implicit prompt
// forms, and Anthropic's HH rows. JSON Lines, plain or .gz, "-" is stdin. The first bad line stops with file:line.
#ifndef RLCD_PAIRS_H
#define RLCD_PAIRS_H

#include "rlcd/dialogue.h"
#include "tensor/base/file.h"

// One comparison. Texts live in the arena that was given to the reader; absent texts have size 0 and data NULL.
typedef struct {
    Text prompt, chosen, rejected;
    int64_t index;            // of the prompt in its file, from 0
    Text task;
    int affix;                // -1: none
    Text p_plus, p_minus;     // the prompts that the replies were sampled from
    int64_t seed;             // -1: none
    int tries_plus, tries_minus;  // draws used, 1..CLEAN_TRIES; 0: unknown
    double label;             // P(chosen is better), in [0, 1]; 1 when the file says nothing
    Text method;              // "rlcd", "rlaif", "rescore", "human", ...
    Text tokenizer;           // names the tokenizer that the ids belong to (a hash); ids of another one are not used
    const int32_t *chosen_ids, *rejected_ids;  // sampled ids without the one that ended the reply; NULL: tokenise the text
    int chosen_count, rejected_count;
    int file;  // which of several it was read from
} Pair;

// Rows that are well formed but cannot be used as a comparison, by reason.
typedef struct {
    int64_t rows;       // read in all
    int64_t kept;
    int64_t no_prompt;  // chosen and rejected share no Assistant turn
    int64_t empty;      // a reply of nothing but blanks
    int64_t same;       // both replies are equal
    int64_t differing;  // kept rows whose last-Assistant prompts differ: the shared part was used (not a reason to drop)
} PairCounts;

// A pair with every optional field absent and label 1.
Pair pair_make(void);

// Appends one line without newline: keys in fixed order (prompt chosen rejected index task affix p_plus p_minus seed tries_plus
// tries_minus label method tokenizer chosen_ids rejected_ids), absent ones left out. Texts must be UTF-8.
void pair_write(Str *line, const Pair *pair);

// Reads pairs one at a time. `task` gives the turn markers (task_plain() for HH).
typedef struct {
    LineReader *lines;
    Arena *arena;   // holds the reader
    Arena scratch;  // one line
    const Task *task;
    const char *path;
    PairCounts counts;
} PairReader;

// Finds the prompt of a pair that names none, by its two texts: HH dialogues share it up to their last Assistant marker (*differing: up to
// the last one in common), other texts their beginning. Size 0: there is none. ERR_DATA for a broken dialogue.
Status pair_split(Pair *pair, bool *differing, const Task *task, Arena *scratch, const char *where, Error *error);

// Opens a file of pairs. Must be closed, also after a failure of pairs_next.
Status pairs_open(PairReader *reader, Arena *arena, const char *path, const Task *task, Error *error);

// The next usable pair, its texts in `arena`; unusable rows are counted and passed over. *more is false at the end, where zero
// rows or no usable row is ERR_DATA. A bad line is ERR_FORMAT or ERR_DATA with file:line.
Status pairs_next(PairReader *reader, Arena *arena, Pair *pair, bool *more, Error *error);
void pairs_close(PairReader *reader);

// All pairs of one or several files, in the order of (index, file, line): `sort` false keeps (file, line).
typedef struct {
    int count;
    Pair *pair;
    PairCounts counts;
} PairList;
Status pairs_read(PairList *out, Arena *arena, const char *const *paths, int files, const Task *task, bool sort, Error *error);

// One prompt: a dialogue that ends with an empty Assistant turn.
typedef struct {
    int64_t index;  // of its row in the file, from 0
    Dialogue dialogue;
} Prompt;

typedef struct {
    int count;
    Prompt *prompt;
    int64_t rows;  // read in all
} PromptList;

// Reads rows [first, first + limit) of a prompts file (limit < 0: all): rows with "prompt" (which ends in an empty Assistant turn),
// else with "chosen" (an HH dialogue: the prompt is what goes up to its last Assistant marker). Plain text is refused with a
// sentence that shows the form; so are no rows at all, or none in the range. ERR_FORMAT or ERR_DATA with file:line.
Status prompts_read(PromptList *out, Arena *arena, const char *path, const Task *task, int64_t first, int64_t limit, Error *error);

#endif
