#include "tools/roles.h"

#include <stdio.h>
#include <string.h>

Status roles_adapter_config(const Args *args, const char *section, AdapterConfig *config, Error *error) {
    char key[64];
    *config = adapter_default();
    snprintf(key, sizeof key, "%s.rank", section);
    config->rank = (int)args_int(args, key);
    snprintf(key, sizeof key, "%s.alpha", section);
    config->alpha = (float)args_double(args, key);
    snprintf(key, sizeof key, "%s.targets", section);
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
