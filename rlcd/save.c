#include "rlcd/save.h"

#include <stdio.h>
#include <string.h>

#include "nn/checkpoint.h"

// Blocks of an optimizer's file: both moments beside the values' names. Several ranks hold slices of them; the file does not tell.
static void moment_blocks(CheckpointBlock block[2], const SavedRole *role, Arena *arena) {
    const Optimizer *o = role->optimizer;
    block[0] = (CheckpointBlock){"m.", &role->role->params, optimizer_whole(o, o->m, arena)};
    block[1] = (CheckpointBlock){"v.", &role->role->params, optimizer_whole(o, o->v, arena)};
}

// "NAME.safetensors", "NAME.optimizer.safetensors", "NAME.key": names live in the arena.
static const char *join(Arena *arena, const char *name, const char *tail) {
    Str s = str_make(arena);
    str_printf(&s, "%s%s", name, tail);
    return s.data;
}

// The role's shape, so that it can be made again from the checkpoint alone.
static void put_shape(CheckpointWriter *w, Arena *arena, const SavedRole *saved) {
    const Role *role = saved->role;
    checkpoint_put_text(w, join(arena, saved->name, ".train"), text_of(role->config.train_all ? "all" : "adapter"));
    checkpoint_put_int(w, join(arena, saved->name, ".head"), role->config.head);
    checkpoint_put_int(w, join(arena, saved->name, ".bias"), role->config.head_bias);
    checkpoint_put_number(w, join(arena, saved->name, ".mean"), (double)role->mean);
    checkpoint_put_number(w, join(arena, saved->name, ".deviation"), (double)role->deviation);
    if (!role->config.train_all) {
        Str targets = str_make(arena);
        str_append(&targets, TEXT(""));
        for (int p = 0; p < PROJ_COUNT; p++)
            if (role->config.adapter.target[p]) str_printf(&targets, "%s%s", targets.size ? " " : "", PROJ_NAMES[p]);
        checkpoint_put_int(w, join(arena, saved->name, ".rank"), role->config.adapter.rank);
        checkpoint_put_number(w, join(arena, saved->name, ".alpha"), (double)role->config.adapter.alpha);
        checkpoint_put_text(w, join(arena, saved->name, ".targets"), str_text(&targets));
    }
    if (saved->optimizer) checkpoint_put_int(w, join(arena, saved->name, ".updates"), saved->optimizer->step);
}

Status save_write(Session *session, int64_t step, const SavedRole *roles, int n_roles, const SavedNumber *numbers, int n_numbers,
                  Error *error) {
    // What the checkpoint points to must be on disk before it.
    Status status = append_sync(&session->metrics->log, error);
    if (status != OK) return status;
    ArenaMark mark = arena_mark(session->run);
    CheckpointWriter w;
    TRY_DONE(checkpoint_begin(&w, session->run, session->dir, step, error));
    for (int i = 0; i < n_roles; i++) {
        CheckpointBlock values = {"", &roles[i].role->params, roles[i].role->params.value}, moments[2];
        TRY_DONE(checkpoint_add_blocks(&w, join(session->run, roles[i].name, ".safetensors"), &values, 1, error));
        if (roles[i].optimizer) {
            moment_blocks(moments, &roles[i], session->run);
            TRY_DONE(checkpoint_add_blocks(&w, join(session->run, roles[i].name, ".optimizer.safetensors"), moments, 2, error));
        }
        put_shape(&w, session->run, &roles[i]);
    }
    checkpoint_put_text(&w, "recipe_sha256", text_of(session->recipe_hash));
    checkpoint_put_int(&w, "seed", (int64_t)session->seed);
    checkpoint_put_int(&w, "metrics_offset", (int64_t)metrics_offset(session->metrics));
    for (int i = 0; i < n_numbers; i++) checkpoint_put_number(&w, numbers[i].key, numbers[i].value);
    TRY_DONE(checkpoint_commit(&w, session->keep, error));
done:
    arena_release(session->run, mark);
    return status;
}

// Mean and deviation of a role's scores.
static Status read_scale(Role *role, const Checkpoint *c, const char *name, Arena *arena, Error *error) {
    double mean, deviation;
    TRY(json_need_number(c->state, join(arena, name, ".mean"), &mean, c->where, error));
    TRY(json_need_number(c->state, join(arena, name, ".deviation"), &deviation, c->where, error));
    role->mean = (float)mean;
    role->deviation = (float)deviation;
    return OK;
}

Status save_read(Session *session, int64_t *step, uint64_t *metrics_offset, SavedRole *roles, int n_roles, SavedNumber *numbers,
                 int n_numbers, Error *error) {
    *step = -1;
    *metrics_offset = 0;
    if (!session->resume) return OK;
    ArenaMark mark = arena_mark(session->run);
    Checkpoint c;
    bool found;
    Status status = checkpoint_open_newest(&c, &found, session->run, session->dir, session->warn, error);
    if (status != OK || !found) {
        arena_release(session->run, mark);
        return status;
    }
    TRY_DONE(checkpoint_expect_text(&c, "recipe_sha256", text_of(session->recipe_hash), error));
    TRY_DONE(checkpoint_expect_int(&c, "seed", (int64_t)session->seed, error));
    for (int i = 0; i < n_roles; i++) {
        Role *role = roles[i].role;
        TRY_DONE(checkpoint_read_params(&c, join(session->run, roles[i].name, ".safetensors"), &role->params, error));
        TRY_DONE(read_scale(role, &c, roles[i].name, session->run, error));
        if (roles[i].optimizer) {
            CheckpointBlock moments[2];
            Optimizer *o = roles[i].optimizer;
            moment_blocks(moments, &roles[i], session->run);
            TRY_DONE(checkpoint_read_blocks(&c, join(session->run, roles[i].name, ".optimizer.safetensors"), moments, 2, error));
            if (moments[0].value != o->m) memcpy(o->m, moments[0].value + o->first, o->count * sizeof *o->m);
            if (moments[1].value != o->v) memcpy(o->v, moments[1].value + o->first, o->count * sizeof *o->v);
            TRY_DONE(json_need_int(c.state, join(session->run, roles[i].name, ".updates"), 0, INT64_MAX, &roles[i].optimizer->step, c.where,
                                   error));
        }
    }
    int64_t offset;
    TRY_DONE(json_need_int(c.state, "metrics_offset", 0, INT64_MAX, &offset, c.where, error));
    for (int i = 0; i < n_numbers; i++) TRY_DONE(json_need_number(c.state, numbers[i].key, &numbers[i].value, c.where, error));
    *metrics_offset = (uint64_t)offset;
    *step = c.step;
done:
    checkpoint_close(&c);
    arena_release(session->run, mark);
    return status;
}

Status save_begin(Session *session, int64_t *done, SavedRole *roles, int n_roles, SavedNumber *numbers, int n_numbers, Error *error) {
    uint64_t offset;
    TRY(save_read(session, done, &offset, roles, n_roles, numbers, n_numbers, error));
    if (*done < 0) *done = 0;
    return metrics_open(session->metrics, session->run, session->dir, offset, error);
}

// The shape that put_shape stored.
static Status read_shape(RoleConfig *config, const Checkpoint *c, const char *name, Arena *arena, Error *error) {
    int64_t head, bias, rank;
    double alpha;
    Text train, targets;
    *config = (RoleConfig){0};
    TRY(json_need_string(c->state, join(arena, name, ".train"), &train, c->where, error));
    TRY(json_need_int(c->state, join(arena, name, ".head"), 0, 1, &head, c->where, error));
    TRY(json_need_int(c->state, join(arena, name, ".bias"), 0, 1, &bias, c->where, error));
    config->head = head;
    config->head_bias = bias;
    config->train_all = text_equal(train, TEXT("all"));
    if (config->train_all) return OK;
    TRY(json_need_int(c->state, join(arena, name, ".rank"), 1, 65536, &rank, c->where, error));
    TRY(json_need_number(c->state, join(arena, name, ".alpha"), &alpha, c->where, error));
    TRY(json_need_string(c->state, join(arena, name, ".targets"), &targets, c->where, error));
    config->adapter = (AdapterConfig){.rank = (int)rank, .alpha = (float)alpha};
    for (int p = 0; p < PROJ_COUNT; p++) config->adapter.target[p] = text_find(targets, text_of(PROJ_NAMES[p])) >= 0;
    return OK;
}

Status save_load_role(Role **role, const Base *base, const char *dir, const char *name, Arena *arena, Session *session, Error *error) {
    Checkpoint c;
    bool found;
    TRY(checkpoint_open_newest(&c, &found, arena, dir, session->warn, error));
    if (!found) return error_set(error, ERR_DATA, "%s: expected a checkpoint with a %s model, found none", dir, name);
    RoleConfig config;
    Status status = OK;
    if (checkpoint_file(&c, join(arena, name, ".safetensors")) == NULL) {
        status = error_set(error, ERR_DATA, "%s: expected a %s model, found none", c.path, name);
        goto done;
    }
    TRY_DONE(read_shape(&config, &c, name, arena, error));
    *role = role_make(arena, base, &config, 0);
    TRY_DONE(checkpoint_read_params(&c, join(arena, name, ".safetensors"), &(*role)->params, error));
    status = read_scale(*role, &c, name, arena, error);
done:
    checkpoint_close(&c);
    return status;
}
