// From a raw sample to a reply, or to a counted reason why there is none (paper.md 2 "Filter", quirk 5).
//
// Sound rule: cut at the first turn marker ("\n\nHuman:", or "\n\nAssistant" in any form) or stop text, else at the end of
// text; trim blanks at the end. Rejected: unfinished (length limit without an end; by option cut at its last line or sentence
// instead), empty, leaked (a turn marker's word or the affix inside), not UTF-8.
// Paper's rule: "Human" must occur, cut there; a newline or end of text must occur, cut at the last newline; strip; what follows
// the first "Assistant:" if there is one; empty is rejected.
#ifndef RLCD_CLEAN_H
#define RLCD_CLEAN_H

#include "rlcd/task.h"

// A rejected sample is drawn again: this many draws in all for a side, then the prompt is dropped.
enum { CLEAN_TRIES = 5 };

typedef enum {
    CLEAN_KEPT,
    CLEAN_UNFINISHED,  // the length limit came before an end
    CLEAN_EMPTY,
    CLEAN_LEAKED,      // "Human:", "Assistant:", "Assistant (" or the affix itself stands in the reply
    CLEAN_NOT_UTF8,
    CLEAN_NO_TURN,     // paper's rule: "Human" does not occur
    CLEAN_NO_LINE,     // paper's rule: neither newline nor end of text before "Human"
    CLEAN_REASONS
} CleanReason;

typedef enum { CLEAN_SOUND, CLEAN_PAPER } CleanRule;

// What was sampled: the text of all tokens, the ones that completed a stop text included, an end-of-text token not.
typedef struct {
    Text raw;
    bool end_of_text;  // the last token was end-of-text
} CleanSample;

typedef struct {
    CleanRule rule;
    bool cut_unfinished;  // sound rule: an unfinished reply is cut behind its last line or sentence and kept
} CleanOptions;

typedef struct {
    int64_t count[CLEAN_REASONS];  // samples by outcome, CLEAN_KEPT included
    int64_t dropped;               // prompts given up after CLEAN_TRIES draws on one side
} CleanCounts;

// The sound rule without cutting unfinished replies (paper.md, quirk 5).
CleanOptions clean_options_default(void);

// Decides about a sample. When CLEAN_KEPT, raw[*begin, *end) is the reply: the caller keeps the tokens that end at or before
// *end, and where no token ends exactly there (or *begin > 0) tokenises the reply anew. The sound rule always has *begin 0, so the
// reply keeps the blank it begins with. `affix` is the index in use, or -1.
CleanReason clean_sample(size_t *begin, size_t *end, const CleanSample *sample, const Task *task, int affix, CleanOptions options);

// Bytes of a sampled text (already without its end) that are the reply by the sound rule: blanks at the end left out, and with
// `cut` only up to the end of its last line or sentence. 0: nothing is left.
size_t clean_reply_size(Text text, bool cut);

// "kept", "unfinished", "empty", "leaked", "not_utf8", "no_turn", "no_line": the names in run.json and in reports.
const char *clean_reason_name(CleanReason reason);

#endif
