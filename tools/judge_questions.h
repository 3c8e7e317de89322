// Questions for a judge: which of two replies to a prompt is better? One JSON line each (docs/formats.md); whoever answers them, a model, a
// program or a person, answers by their ids (tools/judge_verdicts.h).
#ifndef TOOLS_JUDGE_QUESTIONS_H
#define TOOLS_JUDGE_QUESTIONS_H

#include "tools/judge_replies.h"

typedef struct {
    Text id;
    int64_t index;  // of the prompt
    Text a, b;      // the policies; the reply of `a` stands first unless `swapped`
    bool swapped;
    int64_t seed;  // that drew the places; -1: both orders are asked
    Text prompt, first, second;
    int pairing;  // of a and b among the list's pairings
    bool same;    // both replies are equal: a tie, whoever is asked
} JudgeQuestion;

enum { JUDGE_PAIRINGS = 256 };

typedef struct {
    Text a, b;
} JudgePairing;

typedef struct {
    int count;
    JudgeQuestion *question;
    int pairings;
    JudgePairing *pairing;  // in the order in which they first occur
    const int *by_id;       // [count] questions by id
    const int *by_pair;     // [count] by pairing, then prompt, then order: the questions about one pair stand together
    char sha256[65];        // of the file
} JudgeQuestions;

// Which questions are made of replies.
typedef struct {
    bool both;  // each pair in both orders; else in one order, drawn by (seed, prompt, pairing), and shuffled
    int64_t seed;
    int64_t limit;  // prompts, from the first on; -1: all
} JudgeChoice;

// Questions of the first policy (a) against each of the others (b), as a file's text, one line each.
void judge_questions_write(Str *out, const JudgeReplies *sets, int n, const JudgeChoice *choice, Arena *scratch);

// Reads a file of questions. ERR_FORMAT or ERR_DATA with file:line: an id twice, a pair of policies twice in one order, another prompt or
// other replies in the other order, a policy against itself, more than JUDGE_PAIRINGS pairings, no questions.
Status judge_questions_read(JudgeQuestions *out, Arena *arena, const char *path, Error *error);

// The question of an id, or -1.
int judge_questions_find(const JudgeQuestions *list, Text id);

// The reply of policy a, of policy b.
Text judge_reply_a(const JudgeQuestion *q);
Text judge_reply_b(const JudgeQuestion *q);

#endif
