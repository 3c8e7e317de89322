#include "nn/params.h"

#include <string.h>

#include "tensor/base/status.h"

Params params_make(Arena *arena) { return (Params){.arena = arena}; }

Tensor *params_add(Params *params, const char *name, int rank, const int *dims) {
    REQUIRE(params->value == NULL, "params: '%s' comes after params_finish", name);
    REQUIRE(params_find(params, name) == NULL, "params: '%s' is there twice", name);
    if (params->tensors == params->capacity) {
        int capacity = params->capacity ? 2 * params->capacity : 64;
        size_t held = (size_t)params->capacity * sizeof(Tensor *);
        params->tensor = arena_grow(params->arena, params->tensor, held, (size_t)capacity * sizeof(Tensor *));
        params->capacity = capacity;
    }
    const char *copy = arena_copy(params->arena, name, strlen(name));
    Tensor *t = tensor_wrap(params->arena, DTYPE_F32, rank, dims, NULL, NULL, copy);
    REQUIRE(checked_add(params->count, tensor_count(t), &params->count), "params: too many numbers at '%s'", name);
    params->tensor[params->tensors++] = t;
    return t;
}

void params_finish(Params *params, bool trained) {
    REQUIRE(params->value == NULL, "params: finished twice");
    params->value = arena_zeros(params->arena, params->count, sizeof(float));
    if (trained) params->grad = arena_zeros(params->arena, params->count, sizeof(float));
    size_t at = 0;
    for (int i = 0; i < params->tensors; i++) {
        Tensor *t = params->tensor[i];
        t->data = params->value + at;
        t->grad = trained ? params->grad + at : NULL;
        at += tensor_count(t);
    }
}

Tensor *params_find(const Params *params, const char *name) {
    for (int i = 0; i < params->tensors; i++)
        if (strcmp(params->tensor[i]->name, name) == 0) return params->tensor[i];
    return NULL;
}

void params_clear_grad(Params *params) {
    if (params->grad) memset(params->grad, 0, params->count * sizeof(float));
}
