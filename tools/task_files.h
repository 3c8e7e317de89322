// Task files by name.
#ifndef TOOLS_TASK_FILES_H
#define TOOLS_TASK_FILES_H

#include "rlcd/task.h"
#include "tools/stage.h"

// The path of a task: `name` itself when it holds a '/' or ends in ".yaml", else <tasks_folder>/<name>.yaml. A missing one is
// ERR_USAGE with the nearest name that the folder has. The path lives in the arena.
Status task_files_find(const char **path, Arena *arena, const char *name, const char *tasks_folder, Error *error);

// The names of the tasks in a folder, sorted, NULL-terminated, in the arena (an unreadable folder has none).
const char *const *task_files_names(Arena *arena, const char *tasks_folder);

// Finds and reads the task of the option data.task; both live in tool->text.
Status task_files_open(Task *task, const char **path, Tool *tool, Error *error);

#endif
