#include "llama/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/rng.h"

AdapterConfig adapter_default(void) {
    AdapterConfig config = {.rank = 16, .alpha = 32};
    for (int p = 0; p < PROJ_COUNT; p++) config.target[p] = true;
    return config;
}

void projection_shape(const LlamaConfig *c, int proj, int *in, int *out) {
    switch (proj) {
        case PROJ_Q: *in = c->D, *out = c->H * c->S; break;
        case PROJ_K:
        case PROJ_V: *in = c->D, *out = c->K * c->S; break;
        case PROJ_O: *in = c->H * c->S, *out = c->D; break;
        case PROJ_DOWN: *in = c->F, *out = c->D; break;
        default: *in = c->D, *out = c->F; break;
    }
}

Adapter *adapter_declare(Params *params, const LlamaConfig *model, const AdapterConfig *config) {
    REQUIRE(config->rank > 0, "adapter: rank %d", config->rank);
    Adapter *adapter = arena_zeros(params->arena, 1, sizeof *adapter);
    adapter->config = *config;
    adapter->layer = arena_zeros(params->arena, (size_t)model->L, sizeof *adapter->layer);
    for (int l = 0; l < model->L; l++)
        for (int p = 0; p < PROJ_COUNT; p++) {
            if (!config->target[p]) continue;
            int in, out;
            projection_shape(model, p, &in, &out);
            char name[128];
            const char *part = p <= PROJ_O ? "self_attn" : "mlp";
            Lora *lora = &adapter->layer[l][p];
            snprintf(name, sizeof name, "base_model.model.model.layers.%d.%s.%s.lora_A.weight", l, part, PROJ_NAMES[p]);
            lora->a = params_add(params, name, 2, (int[]){config->rank, in});
            snprintf(name, sizeof name, "base_model.model.model.layers.%d.%s.%s.lora_B.weight", l, part, PROJ_NAMES[p]);
            lora->b = params_add(params, name, 2, (int[]){out, config->rank});
            lora->scale = config->alpha / (float)config->rank;
        }
    return adapter;
}

void adapter_init(Adapter *adapter, int layers, uint64_t seed) {
    for (int l = 0; l < layers; l++)
        for (int p = 0; p < PROJ_COUNT; p++) {
            Lora *lora = &adapter->layer[l][p];
            if (lora->a == NULL) continue;
            // The stream carries the tensor's name, the position the element.
            RngKey key = rng_key(seed, lora->a->name);
            float bound = 1.0f / sqrtf((float)lora->a->dim[1]), *a = tensor_f32(lora->a);
            for (size_t i = 0; i < tensor_count(lora->a); i++)
                a[i] = (rng_uniform(key, (RngDraw){.position = (uint32_t)i}) * 2.0f - 1.0f) * bound;
            memset(tensor_f32(lora->b), 0, tensor_count(lora->b) * sizeof(float));
        }
}

const Lora *adapter_lora(const Adapter *adapter, int layer, int proj) {
    if (adapter == NULL || adapter->layer[layer][proj].a == NULL) return NULL;
    return &adapter->layer[layer][proj];
}
