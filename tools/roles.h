// Roles from options and from run directories.
#ifndef TOOLS_ROLES_H
#define TOOLS_ROLES_H

#include "rlcd/label.h"
#include "rlcd/preference.h"
#include "rlcd/save.h"
#include "tools/stage.h"

// rank, alpha and targets of a section ("preference", "ppo"). ERR_USAGE names an unknown projection.
Status roles_adapter_config(const Args *args, const char *section, AdapterConfig *config, Error *error);

// The settings of a section that trains on pairs ("preference", "sft", "dpo"); `config` holds the defaults before. ERR_USAGE.
Status roles_training_config(const Args *args, const char *section, PreferenceConfig *config, Error *error);

// A judge by the options of `label`, and what it is asked about: task and input file are read or hashed, and noted in `run`. `task` lives
// as long as the judge. ERR_DATA for a task without a judge's template.
Status roles_open_judge(LabelJudge *judge, Task *task, Tool *tool, RunDir *run, const char *input, const char *path, Error *error);

// A frozen role from a finished run directory, in tool->run; its card's model must be the open one (ERR_DATA otherwise). The
// run's golden hash is noted as input `name`.
Status roles_load(Role **role, Tool *tool, RunDir *run, const char *name, const char *role_name, const char *dir, Session *session,
                  Error *error);

#endif
