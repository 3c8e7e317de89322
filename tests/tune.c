#include "tests/tune.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rlcd/save.h"
#include "tensor/base/rng.h"

static Error error;

Base tune_model(Arena *arena) {
    Base base = {.end = 2};
    ck_ok(llama_open(&base.llama, arena, "tests/golden/tiny_tied", &error), error);
    ck_ok(llama_prepare(&base.llama, arena, 64, &error), error);
    return base;
}

PairTokens *tune_golden_pairs(Arena *arena, float label) {
    SafeTensors golden = tiny_golden(arena, "training_preference.safetensors");
    static const char *const NAMES[2][2] = {{"chosen_ids", "chosen_offsets"}, {"rejected_ids", "rejected_offsets"}};
    PairTokens *pairs = arena_zeros(arena, 2, sizeof *pairs);
    for (int side = 0; side < 2; side++) {
        const int32_t *ids = tiny_tensor(&golden, NAMES[side][0], NULL), *offset = tiny_tensor(&golden, NAMES[side][1], NULL);
        for (int i = 0; i < 2; i++) {
            Sequence s = {(int32_t *)ids + offset[i], offset[i + 1] - offset[i], 4};
            *(side == 0 ? &pairs[i].chosen : &pairs[i].rejected) = s;
            pairs[i].label = label;
        }
    }
    return pairs;
}

PairTokens *tune_random_pairs(Arena *arena, int n) {
    RngKey key = rng_key(5, "pairs");
    PairTokens *pairs = arena_zeros(arena, (size_t)n, sizeof *pairs);
    for (int i = 0; i < n; i++) {
        int32_t ids[3][8];
        for (int k = 0; k < 3; k++)
            for (int t = 0; t < 8; t++) {
                RngDraw draw = {.step = (uint32_t)k, .prompt = (uint32_t)i, .position = (uint32_t)t};
                ids[k][t] = k == 1 ? 40 : (int32_t)(60 + rng_bits(key, draw) % 500);
            }
        pairs[i].chosen = sequence_join(arena, ids[0], 3 + i % 5, ids[1], 4 + i % 3, TINY_END);
        pairs[i].rejected = sequence_join(arena, ids[0], 3 + i % 5, ids[2], 5, TINY_END);
        pairs[i].label = i % 3 ? 1 : 0.9f;
    }
    return pairs;
}

PreferenceConfig tune_gradient_config(PreferenceConfig config) {
    config.train_all = true;
    config.epochs = 1;
    config.batch = 2;
    config.warmup_share = 0;
    config.schedule = (Schedule){.kind = SCHEDULE_CONSTANT, .rate = 0};
    config.adamw.beta1 = 0;
    config.max_norm = 0;
    return config;
}

PreferenceConfig tune_config(PreferenceConfig config, int epochs, double rate) {
    config.epochs = epochs;
    config.batch = 4;
    config.adapter.rank = 4;
    config.adapter.alpha = 8;
    config.schedule = (Schedule){.kind = SCHEDULE_CONSTANT, .rate = rate};
    return config;
}

void tune_start(Arena *arena, const Base *base, const PreferenceConfig *config, Session *session) {
    RoleConfig shape = {.train_all = true, .trained = true};
    Role *start = role_make(arena, base, &shape, session->seed);
    for (size_t i = 0; i < start->params.count; i++) start->params.value[i] = start->params.value[i] * 1.05f;
    Optimizer optimizer = optimizer_make(&start->params, &config->adamw, 0);
    SavedRole saved = {"policy", start, &optimizer};
    ck_ok(metrics_open(session->metrics, arena, session->dir, 0, &error), error);
    ck_ok(save_write(session, 0, &saved, 1, NULL, 0, &error), error);
    ck_ok(metrics_close(session->metrics, &error), error);
}

int tune_check_gradient(Arena *arena, const SafeTensors *golden, const char *prefix, const Role *policy, const PreferenceConfig *config,
                        Session *session) {
    Role *copy = role_make(arena, &(Base){.llama = *policy->llama}, &policy->config, 1);
    Optimizer optimizer = optimizer_make(&copy->params, &config->adamw, 0);
    SavedRole saved = {"policy", copy, &optimizer};
    int64_t step;
    uint64_t offset;
    ck_ok(save_read(session, &step, &offset, &saved, 1, NULL, 0, &error), error);
    ck_assert_int_eq(step, 1);
    int compared = 0;
    for (int i = 0; i < copy->params.tensors; i++) {
        const Tensor *t = copy->params.tensor[i];
        char name[192];
        snprintf(name, sizeof name, "%s/%s", prefix, t->name);
        if (safetensors_find(golden, name) == NULL) continue;
        tiny_check(golden, name, optimizer.m + (tensor_f32(t) - copy->params.value), tensor_count(t), 1e-5);
        compared++;
    }
    return compared;
}

void tune_poison(Arena *arena, Base *base, Sequence *reply) {
    const Tensor *e = base->llama.weights.embedding;
    float *copy = (float *)arena_copy(arena, e->data, tensor_count(e) * sizeof(float));
    base->llama.weights.embedding = tensor_wrap(arena, DTYPE_F32, 2, e->dim, copy, NULL, "e");
    copy[33 * e->dim[1] + 5] = NAN;
    reply->ids[reply->from] = 33;
}
