#include "tools/roles.h"

#include <stdio.h>
#include <string.h>

#include "tools/task_files.h"

// "section.name", until the next call.
static const char *key_of(const char *section, const char *name) {
    static char key[64];
    snprintf(key, sizeof key, "%s.%s", section, name);
    return key;
}

Status roles_training_config(const Args *args, const char *section, PreferenceConfig *config, Error *error) {
    static const ScheduleKind KINDS[] = {SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE};
    config->train_all = args_choice(args, key_of(section, "train")) == 1;
    config->epochs = (int)args_int(args, key_of(section, "epochs"));
    config->batch = (int)args_int(args, key_of(section, "batch"));
    config->unit = (int)args_int(args, key_of(section, "unit"));
    config->schedule.rate = args_double(args, key_of(section, "lr"));
    config->schedule.kind = KINDS[args_choice(args, key_of(section, "schedule"))];
    config->warmup_share = args_double(args, key_of(section, "warmup"));
    config->adamw.weight_decay = (float)args_double(args, key_of(section, "weight_decay"));
    config->max_norm = (float)args_double(args, key_of(section, "max_norm"));
    config->max_tokens = (int)args_int(args, key_of(section, "max_tokens"));
    return roles_adapter_config(args, section, &config->adapter, error);
}

Status roles_adapter_config(const Args *args, const char *section, AdapterConfig *config, Error *error) {
    *config = adapter_default();
    config->rank = (int)args_int(args, key_of(section, "rank"));
    config->alpha = (float)args_double(args, key_of(section, "alpha"));
    const char *key = key_of(section, "targets");
    const char *const *names;
    int n = args_list(args, key, &names);
    if (n == 0) return error_set(error, ERR_USAGE, "%s: expected at least one projection, found none", key);
    for (int p = 0; p < PROJ_COUNT; p++) config->target[p] = false;
    for (int i = 0; i < n; i++) {
        int p = 0;
        while (p < PROJ_COUNT && strcmp(names[i], PROJ_NAMES[p]) != 0) p++;
        if (p == PROJ_COUNT) {
            const char *list[PROJ_COUNT + 1] = {0};
            for (int q = 0; q < PROJ_COUNT; q++) list[q] = PROJ_NAMES[q];
            const char *near = nearest_name(names[i], list);
            return error_set(error, ERR_USAGE, "%s: expected a projection such as %s, found \"%s\"", key, near ? near : "q_proj", names[i]);
        }
        config->target[p] = true;
    }
    return OK;
}

Status roles_load(Role **role, Tool *tool, RunDir *run, const char *name, const char *role_name, const char *dir, Session *session,
                  Error *error) {
    const Json *card;
    TRY(run_dir_card(&card, &tool->run, dir, error));
    const Json *model = json_get(json_get(json_get(card, "inputs"), "model"), "sha256"), *hash = json_get(card, "sha256");
    if (model == NULL || model->type != JSON_STRING || hash == NULL || hash->type != JSON_STRING)
        return error_set(error, ERR_DATA, "%s/run.json: expected the hashes of the model and of the run, found none", dir);
    if (!text_equal(model->string, text_of(tool->model_hash)))
        return error_set(error, ERR_DATA, "%s: was trained on another model (SHA-256 %.12s..., expected %.12s... of %s)", dir,
                         model->string.data, tool->model_hash, tool->model_path);
    if (run) run_dir_input_hash(run, name, dir, hash->string.data);
    return save_load_role(role, &tool->base, dir, role_name, &tool->run, session, error);
}

Status roles_open_judge(LabelJudge *judge, Task *task, Tool *tool, RunDir *run, const char *input, const char *path, Error *error) {
    static const LabelForm FORMS[] = {LABELS_BARE, LABELS_SPACED, LABELS_BOTH};
    const Args *args = tool->args;
    const char *task_path;
    judge->form = FORMS[args_choice(args, "label.labels")];
    judge->voice = text_of(args_text(args, "label.voice"));
    judge->max_tokens = (int)args_int(args, "label.max_tokens");
    judge->base = &tool->base;
    judge->task = task;
    TRY(task_files_open(task, &task_path, tool, error));
    if (task->judge.size == 0)
        return error_set(error, ERR_DATA, "%s: expected the key 'judge' with a judge's template, found none", task_path);
    run_dir_input_hash(run, "model", tool->model_path, tool->model_hash);
    TRY(run_dir_input(run, "task", task_path, error));
    return run_dir_input(run, input, path, error);
}
