// A task: what contrast is asked for. Affix pairs, instructions and markers are data (tasks/*.yaml, docs/formats.md).
#ifndef RLCD_TASK_H
#define RLCD_TASK_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

// Texts are NUL-terminated and live in the arena of task_read.
typedef struct {
    const char *path;
    Text name, description;
    Text human, assistant;  // turn markers: "\n\nHuman:", "\n\nAssistant:"
    Text affix_before;      // an affixed Assistant turn is affix_before + affix + affix_after: "\n\nAssistant (" ... "):"
    Text affix_after;
    Text assistant_stem;  // what plain and affixed Assistant markers share, blanks trimmed: "\n\nAssistant"
    Text shots;           // worked examples in front of p+ and p- alike, {plus} and {minus} the prompt's affixes; size 0: none
    int affixes;          // >= 1; plus[i] and minus[i] belong together
    const Text *plus, *minus;
    int instructions;  // 0 or `affixes`: the question that a judge is asked, by affix index
    const Text *instruction;
    int stops;  // texts that end a reply; never 0
    const Text *stop;
    int bans;  // pieces that are never sampled; each is one token's text. 0 unless the file asks
    const Text *ban;
    Text judge;     // what a judge reads, {variables} to be filled in; size 0: none
    Text label[2];  // the answers that name the first and the second reply
} Task;

// What a judge's prompt is made of.
typedef struct {
    Text dialogue, instruction, voice, first, second;
} JudgeParts;

// Reads and checks a task file: version 1, every key known, plus and minus aligned, one {affix} in `affixed`, the judge's five
// variables in `judge` ({first} and {second} must be there), {plus} and {minus} in `shots`, and none anywhere else. ERR_FORMAT or
// ERR_DATA with file and line.
Status task_read(Task *task, Arena *arena, const char *path, Error *error);

// The same from a text (tests, embedded tasks); `where` is the name for messages.
Status task_parse(Task *task, Arena *arena, Text text, const char *where, Error *error);

// The judge's prompt in the arena: the template with its variables filled in once. The task has a template (REQUIRE).
Text task_judge(Arena *arena, const Task *task, const JudgeParts *parts);

// The worked examples with one pair of affixes filled in, in the arena; empty where the task has none.
Text task_shots(Arena *arena, const Task *task, int affix);

// A task without affixes for data that need only markers and stops: "\n\nHuman:", "\n\nAssistant:" (HH). Constant.
const Task *task_plain(void);

#endif
