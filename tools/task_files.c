// Finding a task by name among the files that come with the program.
#include "tools/task_files.h"

#include <string.h>

#include "tensor/base/file.h"

const char *const *task_files_names(Arena *arena, const char *tasks_folder) {
    const char **names, **out;
    int count = 0, kept = 0;
    if (directory_list(arena, tasks_folder, &names, &count, NULL) != OK) count = 0;
    out = arena_zeros(arena, (size_t)count + 1, sizeof *out);
    for (int i = 0; i < count; i++) {
        Text name = text_of(names[i]);
        if (!text_ends(name, TEXT(".yaml"))) continue;
        out[kept++] = text_copy(arena, (Text){name.data, name.size - 5}).data;
    }
    return out;
}

Status task_files_find(const char **path, Arena *arena, const char *name, const char *tasks_folder, Error *error) {
    bool is_path = strchr(name, '/') != NULL || text_ends(text_of(name), TEXT(".yaml"));
    if (is_path) {
        *path = arena_copy(arena, name, strlen(name));
        if (file_exists(name)) return OK;
        return error_set(error, ERR_USAGE, "the task file '%s' does not exist", name);
    }
    Str file = str_make(arena);
    str_printf(&file, "%s.yaml", name);
    *path = path_join(arena, tasks_folder, file.data);
    if (name[0] != 0 && file_exists(*path)) return OK;
    // The sentence lists what the folder has, the nearest name first.
    const char *const *names = task_files_names(arena, tasks_folder);
    const char *near = nearest_name(name, names);
    if (near != NULL) return error_set(error, ERR_USAGE, "unknown task '%s'; did you mean '%s'?", name, near);
    Str list = str_make(arena);
    str_append(&list, TEXT(""));
    for (int i = 0; names[i] != NULL; i++) str_printf(&list, "%s%s", i == 0 ? "" : ", ", names[i]);
    return error_set(error, ERR_USAGE, "unknown task '%s'; the tasks in %s are: %s (or give the path of a .yaml file)", name, tasks_folder,
                     list.data);
}

Status task_files_open(Task *task, const char **path, Tool *tool, Error *error) {
    const char *folder = path_join(&tool->text, tool->share, "tasks");
    TRY(task_files_find(path, &tool->text, args_text(tool->args, "data.task"), folder, error));
    return task_read(task, &tool->text, *path, error);
}
