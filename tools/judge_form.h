// The form for blind annotation by people: one page of HTML without anything from elsewhere.
#ifndef TOOLS_JUDGE_FORM_H
#define TOOLS_JUDGE_FORM_H

#include "tools/judge_questions.h"

enum { JUDGE_RATINGS = 8 };

// Ratings of the paper: two scores that add up to 9, so one answer from 1 (the first reply is much better) to 8 (the second is).
// The page shows the questions whose replies differ, in the file's order, with neither policies nor places; it holds the file's hash and
// seed, by which an import knows it. `ask` is the question that stands at the scale.
void judge_form_page(Str *page, const JudgeQuestions *questions, Text ask);

#endif
