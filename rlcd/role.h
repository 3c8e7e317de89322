// Role: what a model is in a run. Policy, reference, preference and value model are roles over one copy of the base's weights.
//
//     role         weights      adapter     scalar head
//     reference    base         none        none
//     policy       base         trained     none
//     preference   base         trained     w, no bias; mean and deviation of the score beside it
//     value        base         trained     w and bias
//
// With train_all a role owns an fp32 copy of every weight instead of an adapter. All trained numbers of a role are one Params
// block, so its global gradient norm is one number.
#ifndef RLCD_ROLE_H
#define RLCD_ROLE_H

#include "llama/model.h"
#include "llama/tokenizer.h"
#include "nn/optimizer.h"
#include "rlcd/dialogue.h"

// A model with its tokenizer, opened once and shared by all roles of a run.
typedef struct {
    Llama llama;
    Tokenizer *tokenizer;
    int32_t end;  // end-of-text id
} Base;

typedef struct {
    bool train_all;  // every weight, else the adapter
    AdapterConfig adapter;
    bool head, head_bias;  // scalar head
    bool trained;          // wants gradients
} RoleConfig;

typedef struct {
    RoleConfig config;
    const Llama *llama;     // the base, or the role's own copy
    Adapter *adapter;       // NULL: none
    Tensor *head;           // [1, D]: score = head . h (+ bias); NULL: none
    Tensor *bias;           // [1] or NULL
    float mean, deviation;  // a preference score is (score - mean) / deviation
    Params params;
} Role;

// The base itself: reference and simulator.
Role role_base(const Base *base);

// A role in `arena`: adapter A random by (seed, name), B zero, so that it starts as the base; head zero.
Role *role_make(Arena *arena, const Base *base, const RoleConfig *config, uint64_t seed);

// Starts a preference head: normal values of deviation scale / sqrt(D + 1), by (seed, name, element); scale 0: zeros.
void role_init_head(Role *role, float scale, uint64_t seed);

// Copies adapter or weights (not the head) of `from`, which has the same shape: the value model starts as the preference model.
void role_copy_trunk(Role *to, const Role *from);

// Opens model and tokenizer; fills base->end. ERR_DATA when the model names no end-of-text.
Status base_open(Base *base, Arena *arena, const char *path, Error *error);

// The ids of a reply whose text is the front of a sampled one: the sampled ids where `reply` ends between two of them, else the text
// tokenised anew (ERR_DATA: not UTF-8). In the arena.
Status base_reply_ids(int32_t **ids, int *count, const Base *base, Text reply, const int32_t *sampled, int n, Arena *arena, Error *error);

// Form k of a prompt, in the arena: p+ and p-, a judge's question in both orders, or the prompt itself.
typedef Text (*PromptForm)(const void *context, const Dialogue *prompt, int k, Arena *arena);

// Cuts a prompt from the left (dialogue_cut) until each of its forms has at most `room` ids; false when the shortest form is too long.
bool base_cut(Dialogue *out, int *dropped, const Base *base, const Dialogue *prompt, int room, PromptForm form, int forms,
              const void *context, Arena *arena);

#endif
