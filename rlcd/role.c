#include "rlcd/role.h"

#include <math.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"

Role role_base(const Base *base) { return (Role){.llama = &base->llama, .deviation = 1}; }

Role *role_make(Arena *arena, const Base *base, const RoleConfig *config, uint64_t seed) {
    Role *role = arena_zeros(arena, 1, sizeof *role);
    role->config = *config;
    role->deviation = 1;
    role->llama = &base->llama;
    role->params = params_make(arena);

    // Declare adapter or weights, then the head, in one block.
    Llama *own = NULL;
    if (config->train_all)
        role->llama = own = llama_declare(&role->params, &base->llama);
    else
        role->adapter = adapter_declare(&role->params, &base->llama.config, &config->adapter);
    if (config->head) role->head = params_add(&role->params, "score.weight", 2, (int[]){1, base->llama.config.D});
    if (config->head_bias) role->bias = params_add(&role->params, "score.bias", 1, (int[]){1});
    params_finish(&role->params, config->trained);

    if (own)
        llama_fill(own, &base->llama);
    else
        adapter_init(role->adapter, base->llama.config.L, seed);
    return role;
}

void role_init_head(Role *role, float scale, uint64_t seed) {
    RngKey key = rng_key(seed, role->head->name);
    float deviation = scale / sqrtf((float)role->head->dim[1] + 1.0f);
    for (int i = 0; i < role->head->dim[1]; i++)
        tensor_f32(role->head)[i] = rng_normal(key, (RngDraw){.position = (uint32_t)i}, log_f32, cos_f32) * deviation;
}

void role_copy_trunk(Role *to, const Role *from) {
    // The trunk comes first in both blocks.
    size_t trunk = to->params.count;
    if (to->head) trunk -= tensor_count(to->head);
    if (to->bias) trunk -= tensor_count(to->bias);
    size_t held = from->params.count - (from->head ? tensor_count(from->head) : 0) - (from->bias ? tensor_count(from->bias) : 0);
    REQUIRE(trunk == held, "role: trunks of %zu and %zu numbers", trunk, held);
    memcpy(to->params.value, from->params.value, trunk * sizeof(float));
}

Status base_open(Base *base, Arena *arena, const char *path, Error *error) {
    TRY(llama_open(&base->llama, arena, path, error));
    Status status = tokenizer_open(&base->tokenizer, arena, path, error);
    if (status == OK && tokenizer_vocabulary(base->tokenizer) > base->llama.config.V)
        status = error_set(error, ERR_DATA, "%s: the tokenizer has %d ids, the model %d", path, tokenizer_vocabulary(base->tokenizer),
                           base->llama.config.V);
    base->end = base->llama.config.eos >= 0 ? base->llama.config.eos : status == OK ? tokenizer_eos(base->tokenizer) : -1;
    if (status == OK && (base->end < 0 || base->end >= base->llama.config.V))
        status = error_set(error, ERR_DATA, "%s: expected an end-of-text id within the vocabulary, found %d", path, base->end);
    if (status != OK) {
        llama_close(&base->llama);
        return status;
    }
    // A config without end-of-text takes the tokenizer's.
    if (base->llama.config.n_eos == 0) {
        base->llama.config.eos = base->llama.config.eos_all[0] = base->end;
        base->llama.config.n_eos = 1;
    }
    return OK;
}

Status base_reply_ids(int32_t **ids, int *count, const Base *base, Text reply, const int32_t *sampled, int n, Arena *arena, Error *error) {
    size_t at = 0;
    int kept = 0;
    while (kept < n && at < reply.size) at += tokenizer_bytes(base->tokenizer, sampled[kept++]).size;
    if (at != reply.size) return tokenizer_encode(base->tokenizer, arena, reply, ids, count, error);
    *count = kept;
    *ids = arena_alloc(arena, (size_t)(kept + 1) * sizeof **ids);
    memcpy(*ids, sampled, (size_t)kept * sizeof **ids);
    return OK;
}

typedef struct {
    const Base *base;
    PromptForm form;
    int forms;
    const void *context;
    Arena *arena;
} CutContext;

// Ids of the longest form. A text that cannot be encoded counts 0: its encoding tells.
static size_t longest_form(void *context, const Dialogue *prompt) {
    const CutContext *c = context;
    ArenaMark mark = arena_mark(c->arena);
    int32_t *ids;
    int longest = 0, count;
    for (int k = 0; k < c->forms; k++)
        if (tokenizer_encode(c->base->tokenizer, c->arena, c->form(c->context, prompt, k, c->arena), &ids, &count, NULL) == OK)
            longest = count > longest ? count : longest;
    arena_release(c->arena, mark);
    return (size_t)longest;
}

bool base_cut(Dialogue *out, int *dropped, const Base *base, const Dialogue *prompt, int room, PromptForm form, int forms,
              const void *context, Arena *arena) {
    CutContext cut = {base, form, forms, context, arena};
    return dialogue_cut(out, dropped, arena, prompt, (size_t)room, longest_form, &cut);
}
