// Contrasting prompts (paper.md 1 and 2): p+ puts the positive affix into the LAST Assistant turn and the NEGATIVE one into
// every EARLIER Assistant turn; p- is the mirror image. Nothing else differs.
//
//     p    \n\nHuman: A?\n\nAssistant: B.\n\nHuman: C?\n\nAssistant:
//     p+   \n\nHuman: A?\n\nAssistant (minus): B.\n\nHuman: C?\n\nAssistant (plus):
//     p-   \n\nHuman: A?\n\nAssistant (plus): B.\n\nHuman: C?\n\nAssistant (minus):
// Before both stands what the task has of worked examples (few-shot contrast): the same text, in which only the affixes tell good from
// bad, so that the surface of p+ and p- stays alike.
#ifndef RLCD_CONTRAST_H
#define RLCD_CONTRAST_H

#include "rlcd/dialogue.h"

// The numbers are those of rng.h's `side`.
typedef enum { SIDE_PLAIN = 0, SIDE_PLUS = 1, SIDE_MINUS = 2 } ContrastSide;

// The affix index of a prompt: bits of stream "simulate.affix" at {prompt index}, modulo the number of pairs. The modulo
// favours low indices by less than affixes / 2^32, far below what any number of prompts could show.
int contrast_affix(const Task *task, uint64_t seed, uint32_t prompt_index);

// The text of one side of a prompt (its last turn an empty Assistant turn, as dialogue_prompt gives it) in the arena.
// 0 <= affix < task->affixes; SIDE_PLAIN gives the prompt's own text.
Text contrast_text(Arena *arena, const Task *task, const Dialogue *prompt, int affix, ContrastSide side);

#endif
