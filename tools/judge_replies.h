// Replies of several policies to the same prompts: what is put side by side for a judge.
#ifndef TOOLS_JUDGE_REPLIES_H
#define TOOLS_JUDGE_REPLIES_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

typedef struct {
    int64_t index;
    Text prompt, reply;
} JudgeReply;

typedef struct {
    Text policy;
    const char *path;
    int count;
    JudgeReply *reply;  // by index, ascending
} JudgeReplies;

// NAME=PATH or PATH, which is a file or a folder with `file` in it; a path with '=' of its own is one when it exists.
typedef struct {
    Text name;  // size 0: none given
    const char *path;
} JudgePath;
JudgePath judge_path(Arena *arena, const char *argument, const char *file);

// Reads files of replies (replies.jsonl of `rlcd eval`): rows with index, prompt, reply and policy, or rows with base and tuned, which
// give two policies, tuned first. NAME=PATH names a policy anew, where a file holds one. ERR_DATA with one sentence unless there are at
// least two policies of different names with one reply each to the same prompts; ERR_FORMAT or ERR_DATA with file:line for a bad row.
Status judge_replies_read(JudgeReplies **out, int *count, Arena *arena, const char *const *arguments, int n, Error *error);

#endif
