#include "rlcd/batch.h"

#include <string.h>

#include "tensor/kernels/kernels.h"

Sequence sequence_join(Arena *arena, const int32_t *prompt, int n_prompt, const int32_t *reply, int n_reply, int32_t end) {
    int count = n_prompt + n_reply + (end >= 0);
    int32_t *ids = arena_alloc(arena, (size_t)count * sizeof *ids);
    memcpy(ids, prompt, (size_t)n_prompt * sizeof *ids);
    if (n_reply) memcpy(ids + n_prompt, reply, (size_t)n_reply * sizeof *ids);
    if (end >= 0) ids[count - 1] = end;
    return (Sequence){ids, count, n_prompt};
}

const int32_t *ids_keep_last(const int32_t *ids, int *count, int room) {
    int cut = *count > room ? *count - room : 0;
    *count -= cut;
    return ids + cut;
}

float tree_sum(float *value, int n) {
    if (n == 0) return 0;
    for (; n > 1; n = (n + 1) / 2)
        for (int i = 0; i < (n + 1) / 2; i++) value[i] = 2 * i + 1 < n ? value[2 * i] + value[2 * i + 1] : value[2 * i];
    return value[0];
}

float ragged_sum(const float *const *part, const int *count, int parts, Arena *scratch) {
    ArenaMark mark = arena_mark(scratch);
    float *sum = arena_alloc(scratch, (size_t)(parts ? parts : 1) * sizeof *sum);
    for (int i = 0; i < parts; i++) sum[i] = kernels.sum(part[i], (size_t)count[i]);
    float total = tree_sum(sum, parts);
    arena_release(scratch, mark);
    return total;
}

float ragged_sum_squares(const float *const *part, const int *count, int parts, float mean, Arena *scratch) {
    ArenaMark mark = arena_mark(scratch);
    float *sum = arena_alloc(scratch, (size_t)(parts ? parts : 1) * sizeof *sum);
    for (int i = 0; i < parts; i++) {
        ArenaMark inner = arena_mark(scratch);
        float *d = arena_alloc(scratch, (size_t)count[i] * sizeof *d);
        for (int t = 0; t < count[i]; t++) d[t] = part[i][t] - mean;
        sum[i] = kernels.dot_lanes(d, d, (size_t)count[i]);
        arena_release(scratch, inner);
    }
    float total = tree_sum(sum, parts);
    arena_release(scratch, mark);
    return total;
}

int ragged_count(const int *count, int parts) {
    int n = 0;
    for (int i = 0; i < parts; i++) n += count[i];
    return n;
}
