// What a judge answered: JSON Lines of {"id", "winner"} (docs/formats.md), one for each question.
#ifndef TOOLS_JUDGE_VERDICTS_H
#define TOOLS_JUDGE_VERDICTS_H

#include "tools/judge_questions.h"

typedef enum { WINNER_NONE, WINNER_FIRST, WINNER_SECOND, WINNER_TIE } JudgeWinner;

typedef struct {
    Text judge;
    const char *path;
    JudgeWinner *winner;  // [questions] none of them WINNER_NONE; a tie where both replies are the same
} JudgeVerdicts;

// The name in files: "first", "second", "tie".
const char *judge_winner_name(JudgeWinner winner);

// Reads PATH or NAME=PATH; the judge's name is NAME, else the rows' "judge", else the file's name. ERR_FORMAT or ERR_DATA with one sentence
// that names the file and, of a row, its line: an id that no question has, an id twice, another winner, questions without a verdict.
// Questions whose replies are the same need none.
Status judge_verdicts_read(JudgeVerdicts *out, Arena *arena, const char *argument, const JudgeQuestions *questions, Error *error);

// The questions that must be answered and are not: ERR_DATA with the first one's id and their number; `who` begins the sentence.
Status judge_verdicts_complete(const JudgeWinner *winner, const JudgeQuestions *questions, const char *who, Error *error);

#endif
