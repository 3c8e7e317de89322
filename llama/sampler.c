#include "llama/sampler.h"

#include <math.h>
#include <string.h>

#include "nn/logprob.h"
#include "tensor/kernels/kernels.h"

enum { DRAW_BLOCK = 256 };

SamplerConfig sampler_default(void) { return (SamplerConfig){.temperature = 1, .top_p = 1}; }

float sampler_temperature(const SamplerConfig *config) { return config->temperature > 0 ? config->temperature : 1; }

// a comes before b: larger weight first, then the lower id.
static bool before(const float *e, int a, int b) { return e[a] != e[b] ? e[a] > e[b] : a < b; }

// Restores a heap with the last in order on top, so that the top is the first to go.
static void sift_down(const float *e, int *heap, int n, int at, bool best_on_top) {
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(e, heap[child], heap[child + 1]) != best_on_top) child++;
        if (before(e, heap[at], heap[child]) == best_on_top) return;
        int swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

// Sets all but the k first weights to zero.
static void keep_top_k(float *e, int V, int k, Arena *scratch) {
    int *heap = arena_alloc(scratch, (size_t)k * sizeof *heap);
    for (int i = 0; i < k; i++) heap[i] = i;
    for (int i = k / 2 - 1; i >= 0; i--) sift_down(e, heap, k, i, false);
    for (int i = k; i < V; i++)
        if (before(e, i, heap[0])) {
            heap[0] = i;
            sift_down(e, heap, k, 0, false);
        }
    float *kept = arena_alloc(scratch, (size_t)k * sizeof *kept);
    for (int i = 0; i < k; i++) kept[i] = e[heap[i]];
    memset(e, 0, (size_t)V * sizeof *e);
    for (int i = 0; i < k; i++) e[heap[i]] = kept[i];
}

// Block sums of 256 by A1, added in one chain.
static float blocks_sum(const float *e, int V) {
    float sum = 0;
    for (int at = 0; at < V; at += DRAW_BLOCK) sum += kernels.sum(e + at, (size_t)(V - at < DRAW_BLOCK ? V - at : DRAW_BLOCK));
    return sum;
}

// Sets all weights behind the shortest prefix that reaches p of the sum to zero.
static void keep_top_p(float *e, int V, float p, Arena *scratch) {
    int *heap = arena_alloc(scratch, (size_t)V * sizeof *heap);
    int n = 0;
    for (int i = 0; i < V; i++)
        if (e[i] > 0) heap[n++] = i;
    float goal = p * blocks_sum(e, V), sum = 0;
    for (int i = n / 2 - 1; i >= 0; i--) sift_down(e, heap, n, i, true);
    // Take the best until the goal is reached; what is left in the heap goes.
    while (n > 0 && (sum < goal || sum == 0)) {
        sum += e[heap[0]];
        heap[0] = heap[--n];
        sift_down(e, heap, n, 0, true);
    }
    for (int i = 0; i < n; i++) e[heap[i]] = 0;
}

// The id at t of the running sum over e.
static int32_t pick(const float *e, int V, float t) {
    float sum = 0;
    for (int at = 0; at < V; at += DRAW_BLOCK) {
        int n = V - at < DRAW_BLOCK ? V - at : DRAW_BLOCK;
        float next = sum + kernels.sum(e + at, (size_t)n);
        if (next > t) {
            for (int i = at; i < at + n; i++) {
                sum += e[i];
                if (sum > t && e[i] > 0) return i;
            }
            // The running sum inside the block rounds differently from the block's sum: its last kept id then.
            for (int i = at + n - 1; i >= at; i--)
                if (e[i] > 0) return i;
        }
        sum = next;
    }
    for (int i = V - 1; i >= 0; i--)
        if (e[i] > 0) return i;
    return -1;
}

// The most likely id that is not banned; ties go to the lowest.
static int32_t pick_most_likely(const float *e, int V) {
    int32_t best = -1;
    for (int i = 0; i < V; i++)
        if (e[i] > 0 && (best < 0 || e[i] > e[best])) best = i;
    return best;
}

Status sampler_draw(const SamplerConfig *config, const float *z, int V, float u, Arena *scratch, int32_t *id, float *logprob,
                    Error *error) {
    ArenaMark mark = arena_mark(scratch);
    float max, total;
    logprob_row(z, V, 0, &max, &total);
    int32_t chosen = -1;
    if (isfinite(max) && isfinite(total)) {
        float *e = arena_alloc(scratch, (size_t)V * sizeof *e);
        kernels.exp_store_sum(e, z, max, (size_t)V);
        for (int i = 0; i < config->n_banned; i++) e[config->banned[i]] = 0;
        if (config->temperature == 0) {
            chosen = pick_most_likely(e, V);
        } else {
            if (config->top_k > 0 && config->top_k < V) keep_top_k(e, V, config->top_k, scratch);
            if (config->top_p < 1) keep_top_p(e, V, config->top_p, scratch);
            chosen = pick(e, V, u * blocks_sum(e, V));
        }
    }
    arena_release(scratch, mark);
    if (chosen < 0)
        return error_set(error, ERR_NUMERIC, "sampling: no token has a positive finite probability (largest logit %g, %d banned)",
                         (double)max, config->n_banned);
    *id = chosen;
    *logprob = (z[chosen] - max) - log_f32(total);
    return OK;
}
