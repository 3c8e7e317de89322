// What a training loop stores: its roles with their optimizers, and a few numbers, as one checkpoint folder (nn/checkpoint.h).
//
//     checkpoint-000020/  policy.safetensors        the role's Params block, PEFT or HF names
//                         policy.optimizer.safetensors   moments m.NAME and v.NAME; absent for frozen roles
//                         state.json                step, metrics offset, recipe hash, numbers
//                         COMPLETE                  SHA-256 of each file; written last
#ifndef RLCD_SAVE_H
#define RLCD_SAVE_H

#include "nn/optimizer.h"
#include "rlcd/role.h"
#include "rlcd/session.h"

typedef struct {
    const char *name;  // "policy", "value", "preference"
    Role *role;
    Optimizer *optimizer;  // NULL: frozen
} SavedRole;

typedef struct {
    const char *key;
    double value;
} SavedNumber;

// Writes the checkpoint of `step` finished steps; older ones beyond session->keep are removed afterwards.
Status save_write(Session *session, int64_t step, const SavedRole *roles, int n_roles, const SavedNumber *numbers, int n_numbers,
                  Error *error);

// Fills roles, optimizers and numbers from the newest undamaged checkpoint; *step is -1 when there is none (or resuming is off).
// *metrics_offset tells where metrics.jsonl is to be cut. Damaged ones are passed over with a warning. ERR_DATA names the
// field when the checkpoint belongs to another recipe, seed or model.
Status save_read(Session *session, int64_t *step, uint64_t *metrics_offset, SavedRole *roles, int n_roles, SavedNumber *numbers,
                 int n_numbers, Error *error);

// Where a training loop begins: save_read, then metrics.jsonl opened at that place. *done is 0 for a new run.
Status save_begin(Session *session, int64_t *done, SavedRole *roles, int n_roles, SavedNumber *numbers, int n_numbers, Error *error);

// One role alone from the newest checkpoint of a finished run in `dir` (values only): how later stages load it. The role's
// shape comes from the checkpoint: adapter rank, alpha and targets, head and bias, mean and deviation.
Status save_load_role(Role **role, const Base *base, const char *dir, const char *name, Arena *arena, Session *session, Error *error);

#endif
