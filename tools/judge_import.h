// What people's forms came back with: the files that the form's page saves.
#ifndef TOOLS_JUDGE_IMPORT_H
#define TOOLS_JUDGE_IMPORT_H

#include "tools/judge_compare.h"

// Reads one file for each annotator; answers[n] in `arena`, rated. `questions` are those of the form (its key). ERR_FORMAT or ERR_DATA with
// one sentence that names the file: another version, another form (by hash) or seed, no name, an id that no question has, an id twice, a
// rating outside 1 to 8, questions without an answer, two files of one name.
Status judge_import_read(JudgeAnswers **answers, Arena *arena, const char *const *paths, int n, const JudgeQuestions *questions,
                         Error *error);

#endif
