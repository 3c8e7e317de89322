// A local model as judge: every question asked as `rlcd label` asks (rlcd/label.h), in a run directory.
#ifndef TOOLS_JUDGE_MODEL_H
#define TOOLS_JUDGE_MODEL_H

#include "tools/judge_compare.h"
#include "tools/stage.h"

// Asks the tool's model the questions of a file, each in the order in which it stands, with the template of the task and the options of
// section label (voice, labels, max_tokens): the winner is the reply whose label has the higher logit, a tie where the log-odds are within
// judge.margin. Writes DIR/verdicts.jsonl line by line, so that what is answered stays when it is stopped, and goes on from there; the
// figures go to table.txt and `summary`. ERR_DATA before anything is written: a task without a judge's template, a label that is not one
// token, a prompt that is no dialogue, a question that does not fit into label.max_tokens even with the shortest dialogue.
Status judge_model_run(Tool *tool, const char *dir, const char *questions_path, const JudgeCompare *config, Str *summary, Error *error);

#endif
