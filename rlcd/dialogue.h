// A dialogue in the shape of Anthropic's HH data: turns that begin with a marker, "\n\nHuman:" or "\n\nAssistant:".
//
//     \n\nHuman: A?\n\nAssistant: B.\n\nHuman: C?\n\nAssistant: D.
//     ^begin   ^body                                        ^ the prompt ends here: after its last Assistant marker
#ifndef RLCD_DIALOGUE_H
#define RLCD_DIALOGUE_H

#include "rlcd/task.h"

typedef enum { ROLE_HUMAN, ROLE_ASSISTANT } DialogueRole;

// Byte offsets into the dialogue's text: marker in [begin, body), words in [body, end).
typedef struct {
    DialogueRole role;
    size_t begin, body, end;
} DialogueTurn;

typedef struct {
    Text text;
    int turns;  // >= 1; the first is a Human turn; the same role may come twice in a row, as it does in HH
    const DialogueTurn *turn;  // a prompt's last turn is empty: it ends with the text, whatever its `end` says
} Dialogue;

// Splits a text into turns by the task's markers. ERR_DATA when it is not UTF-8, is empty, or does not begin with the Human
// marker; `where` begins the sentence. `text` must outlive the result; the turns live in the arena.
Status dialogue_parse(Dialogue *out, Arena *arena, const Task *task, Text text, const char *where, Error *error);

// The prompt of a dialogue: its text up to and including the last Assistant marker, as a dialogue whose last turn is an
// empty Assistant turn. `reply` (may be NULL) gets what follows. ERR_DATA when there is no Assistant turn.
Status dialogue_prompt(Dialogue *out, Text *reply, const Dialogue *dialogue, const char *where, Error *error);

// A stored prompt: must end with an Assistant turn that holds nothing but blanks, which are dropped. ERR_DATA otherwise.
Status dialogue_parse_prompt(Dialogue *out, Arena *arena, const Task *task, Text text, const char *where, Error *error);

// Number of tokens (or whatever the budget counts) of a prompt that was cut.
typedef size_t (*DialogueCost)(void *context, const Dialogue *prompt);

// Drops turns from the left until the cost is at most `budget`; what is left begins with a Human turn and keeps the last one.
// *dropped is the number of turns dropped (0: nothing was cut). Returns false when even the shortest form is too long; then
// `out` is that form. The cost is asked for O(log turns) times and is taken to grow with the number of turns.
bool dialogue_cut(Dialogue *out, int *dropped, Arena *arena, const Dialogue *prompt, size_t budget, DialogueCost cost, void *context);

#endif
