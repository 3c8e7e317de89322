// Causal attention with grouped queries over ragged rows; formulas and their order: attention.h (numerics.md, A2).
//
// With z_j = scale (q . k_j), p = softmax(z), y = sum_j p_j v_j:
//   dp_j = dy . v_j;  dz_j = p_j (dp_j - sum_i p_i dp_i)  (the softmax's Jacobian);  ds_j = dz_j scale
//   dq = sum_j ds_j k_j;  dk_j = sum over query rows of ds_j q;  dv_j = sum over query rows of p_j dy
//
// Forward shares out (sequence, head, block of query rows). Backward shares out (sequence, kv head): dk and dv of a kv head are
// chains over all its query heads and rows, which no one else may touch.
#include "nn/attention.h"

#include <math.h>
#include <string.h>

#include "tensor/base/pool.h"
#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tensor/spread.h"

// Query rows of one forward task, and of one backward block: their weights and derivatives stay in the second-level cache.
enum { FORWARD_ROWS = 32, BACKWARD_ROWS = 64 };

// Numbers of a kt buffer for T keys.
static size_t kt_count(size_t T, size_t S) { return (T + ATTN_KEYS - 1) / ATTN_KEYS * ATTN_KEYS * S; }

// Puts one row into the transposed blocks as key number `position`.
static void store_transposed(float *kt, const float *row, size_t position, size_t S) {
    float *to = kt + position / ATTN_KEYS * ATTN_KEYS * S + position % ATTN_KEYS;
    for (size_t s = 0; s < S; s++) to[s * ATTN_KEYS] = row[s];
}

void attention_store(KeyValue *kv, const float *k, const float *v, int position, int S) {
    store_transposed(kv->kt, k, (size_t)position, (size_t)S);
    memcpy(kv->v + (size_t)position * (size_t)S, v, (size_t)S * sizeof(float));
}

typedef struct {
    float *y, *max_total;
    const float *q;
    const AttentionSpan *spans;
    const size_t *first_task;  // [n_spans + 1] tasks before each span
    size_t n_spans, H, K, S;
} Forward;

// Three passes of one query row over its n keys; `score` holds n numbers.
static void forward_row(float *y, float *max_total, float *score, const float *q, const KeyValue *kv, size_t n, size_t S) {
    kernels.attn_scores(score, q, kv->kt, 1.0f / sqrtf((float)S), n, S);
    float max = kernels.max(score, n);
    float total = kernels.exp_store_sum(score, score, max, n);
    kernels.attn_mix(y, score, kv->v, S, total, n, S);
    if (max_total) {
        max_total[0] = max;
        max_total[1] = total;
    }
}

static size_t row_blocks(const AttentionSpan *span) { return ((size_t)span->rows + FORWARD_ROWS - 1) / FORWARD_ROWS; }

static void forward_tasks(void *context, size_t first, size_t last, int thread) {
    const Forward *c = context;
    Arena *scratch = pool_scratch(thread);
    size_t at = 0;
    for (size_t task = first; task < last; task++) {
        // Which sequence, head and block of rows this is: blocks of one head follow each other, so its keys stay in the cache.
        while (c->first_task[at + 1] <= task) at++;
        const AttentionSpan *span = &c->spans[at];
        size_t blocks = row_blocks(span), inside = task - c->first_task[at];
        size_t h = inside / blocks, row = inside % blocks * FORWARD_ROWS;
        size_t end = row + FORWARD_ROWS < (size_t)span->rows ? row + FORWARD_ROWS : (size_t)span->rows;
        const KeyValue *kv = &span->heads[h / (c->H / c->K)];
        ArenaMark mark = arena_mark(scratch);
        float *score = arena_alloc(scratch, ((size_t)span->start + end) * sizeof(float));
        for (; row < end; row++) {
            size_t unit = ((size_t)span->first + row) * c->H + h;
            forward_row(c->y + unit * c->S, c->max_total ? c->max_total + 2 * unit : NULL, score, c->q + unit * c->S, kv,
                        (size_t)span->start + row + 1, c->S);
        }
        arena_release(scratch, mark);
    }
}

void attention_forward(float *y, float *max_total, const float *q, const AttentionSpan *spans, int n_spans, int H, int K, int S) {
    REQUIRE(K > 0 && H % K == 0, "attention: %d heads, %d kv heads", H, K);
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    // Count the tasks, and about what one costs.
    size_t *first_task = arena_alloc(scratch, ((size_t)n_spans + 1) * sizeof(size_t)), pairs = 0;
    first_task[0] = 0;
    for (int i = 0; i < n_spans; i++) {
        first_task[i + 1] = first_task[i] + row_blocks(&spans[i]) * (size_t)H;
        pairs += ((size_t)spans[i].start + ((size_t)spans[i].rows + 1) / 2) * (size_t)spans[i].rows;
    }
    size_t tasks = first_task[n_spans];
    Forward c = {y, max_total, q, spans, first_task, (size_t)n_spans, (size_t)H, (size_t)K, (size_t)S};
    if (tasks) spread(tasks, pairs * c.H / tasks * c.S / 2, forward_tasks, &c);
    arena_release(scratch, mark);
}

typedef struct {
    float *dq, *dk, *dv;
    const float *dy, *q, *k, *v, *max_total;
    const AttentionSpan *spans;
    size_t H, K, S;
} Backward;

// What one (sequence, kv head) works with; T rows in all, blocks of BACKWARD_ROWS query rows.
typedef struct {
    const Backward *c;
    const KeyValue *kv;
    const float *k;               // this sequence's and kv head's keys, row-major, rows K*S apart
    size_t first, T, h;           // the sequence's first row; the query head in work
    float *vt;                    // v in kt's layout: dp by the same kernel as the scores
    float *p, *ds;                // [BACKWARD_ROWS][T] weights and score derivatives of the block
    float *dk, *dv;               // [T][S] chains, from +0
    float *row;                   // [S]
    float *panel;                 // packed operands of gemm_tile: see add_products
} HeadWork;

// Weights p and score derivatives ds of query row i (row `at` of the block), and dq.
static void backward_row(const HeadWork *w, size_t i, size_t at) {
    const Backward *c = w->c;
    size_t n = i + 1, S = c->S, unit = (w->first + i) * c->H + w->h;
    float scale = 1.0f / sqrtf((float)S);
    float *p = w->p + at * w->T, *ds = w->ds + at * w->T;
    kernels.attn_scores(p, c->q + unit * S, w->kv->kt, scale, n, S);
    kernels.softmax_scaled(p, p, c->max_total[2 * unit], c->max_total[2 * unit + 1], 1.0f, n);
    kernels.attn_scores(ds, c->dy + unit * S, w->vt, 1.0f, n, S);
    float mean = kernels.dot_lanes(p, ds, n);
    for (size_t j = 0; j < n; j++) ds[j] = (p[j] * (ds[j] - mean)) * scale;
    if (c->dq == NULL) return;
    kernels.attn_chain(w->row, ds, w->k, c->K * S, n, S);
    kernels.add(c->dq + unit * S, c->dq + unit * S, w->row, S);
}

// out[j] continues its chain with weight[i][j] * x[i] for the block's rows i = i0 .. i1 - 1 and the keys j <= i. Keys go in groups
// of GEMM_MR: rows that see the whole group run through gemm_tile, the few before them one by one.
static void add_products(const HeadWork *w, float *out, const float *weight, const float *x, size_t stride, size_t i0, size_t i1) {
    size_t S = w->c->S, rows = i1 - i0;
    float *a = w->panel, *b = w->panel + BACKWARD_ROWS * GEMM_MR;
    // Pack x as panels of GEMM_NR columns.
    for (size_t s = 0; s < S; s += GEMM_NR) {
        size_t nr = S - s < GEMM_NR ? S - s : GEMM_NR;
        for (size_t i = 0; i < rows; i++) {
            float *to = b + s * BACKWARD_ROWS + i * GEMM_NR;
            memset(to, 0, GEMM_NR * sizeof(float));
            memcpy(to, x + (i0 + i) * stride + s, nr * sizeof(float));
        }
    }
    for (size_t j = 0; j < i1; j += GEMM_MR) {
        size_t mr = i1 - j < GEMM_MR ? i1 - j : GEMM_MR, i = i0 > j ? i0 : j;
        // Rows that see only a part of the group.
        for (; i < i1 && i < j + mr - 1; i++)
            for (size_t key = j; key <= i; key++) kernels.axpy(out + key * S, weight[(i - i0) * w->T + key], x + i * stride, S);
        // Rows that see all of it.
        size_t dense = i1 - i;
        for (size_t r = 0; r < dense; r++)
            for (size_t m = 0; m < GEMM_MR; m++) a[r * GEMM_MR + m] = m < mr ? weight[(i - i0 + r) * w->T + j + m] : 0.0f;
        for (size_t s = 0; s < S && dense; s += GEMM_NR)
            kernels.gemm_tile(out + j * S + s, S, a, b + s * BACKWARD_ROWS + (i - i0) * GEMM_NR, dense, (int)mr,
                              (int)(S - s < GEMM_NR ? S - s : GEMM_NR), TILE_PROCEED);
    }
}

// All query heads of one kv head in ascending order, their rows ascending.
static void backward_head(const Backward *c, HeadWork *w, size_t kv_head) {
    size_t S = c->S, group = c->H / c->K, width = c->H * S;
    for (size_t j = 0; j < w->T; j++) store_transposed(w->vt, w->kv->v + j * S, j, S);
    for (w->h = kv_head * group; w->h < (kv_head + 1) * group; w->h++)
        for (size_t i0 = 0; i0 < w->T; i0 += BACKWARD_ROWS) {
            size_t i1 = w->T - i0 < BACKWARD_ROWS ? w->T : i0 + BACKWARD_ROWS, offset = (w->first * c->H + w->h) * S;
            for (size_t i = i0; i < i1; i++) backward_row(w, i, i - i0);
            if (c->dk) add_products(w, w->dk, w->ds, c->q + offset, width, i0, i1);
            if (c->dv) add_products(w, w->dv, w->p, c->dy + offset, width, i0, i1);
        }
    // The finished chains are added to the gradients.
    for (size_t j = 0; j < w->T; j++) {
        size_t at = ((w->first + j) * c->K + kv_head) * S;
        if (c->dk) kernels.add(c->dk + at, c->dk + at, w->dk + j * S, S);
        if (c->dv) kernels.add(c->dv + at, c->dv + at, w->dv + j * S, S);
    }
}

static void backward_task(void *context, int task, int thread) {
    const Backward *c = context;
    size_t kv_head = (size_t)task % c->K, S = c->S;
    const AttentionSpan *span = &c->spans[(size_t)task / c->K];
    size_t T = (size_t)span->rows, panels = (S + GEMM_NR - 1) / GEMM_NR * GEMM_NR;
    Arena *scratch = pool_scratch(thread);
    ArenaMark mark = arena_mark(scratch);
    HeadWork w = {.c = c, .kv = &span->heads[kv_head], .first = (size_t)span->first, .T = T};
    w.k = c->k + ((size_t)span->first * c->K + kv_head) * S;
    w.vt = arena_alloc(scratch, kt_count(T, S) * sizeof(float));
    w.p = arena_alloc(scratch, BACKWARD_ROWS * T * sizeof(float));
    w.ds = arena_alloc(scratch, BACKWARD_ROWS * T * sizeof(float));
    w.dk = arena_zeros(scratch, T * S, sizeof(float));
    w.dv = arena_zeros(scratch, T * S, sizeof(float));
    w.row = arena_alloc(scratch, S * sizeof(float));
    w.panel = arena_alloc(scratch, BACKWARD_ROWS * (GEMM_MR + panels) * sizeof(float));
    backward_head(c, &w, kv_head);
    arena_release(scratch, mark);
}

void attention_backward(float *dq, float *dk, float *dv, const float *dy, const float *q, const float *k, const float *v,
                        const float *max_total, const AttentionSpan *spans, int n_spans, int H, int K, int S) {
    for (int i = 0; i < n_spans; i++) REQUIRE(spans[i].start == 0, "attention: backward of a span that starts at %d", spans[i].start);
    Backward c = {dq, dk, dv, dy, q, k, v, max_total, spans, (size_t)H, (size_t)K, (size_t)S};
    pool_run(n_spans * K, backward_task, &c);
}

typedef struct {
    const AttentionSpan *spans;
    const float *k, *v;
    size_t K, S;
} Packing;

static void pack_heads(void *context, size_t first, size_t last, int thread) {
    const Packing *c = context;
    (void)thread;
    for (size_t unit = first; unit < last; unit++) {
        const AttentionSpan *span = &c->spans[unit / c->K];
        KeyValue kv = span->heads[unit % c->K];
        for (size_t j = 0; j < (size_t)span->rows; j++) {
            size_t at = (((size_t)span->first + j) * c->K + unit % c->K) * c->S;
            attention_store(&kv, c->k + at, c->v + at, (int)j, (int)c->S);
        }
    }
}

// Whole sequences as spans, their keys and values packed per kv head.
static AttentionSpan *make_spans(Arena *arena, const float *k, const float *v, const int *offsets, int B, int K, int S) {
    AttentionSpan *spans = arena_alloc(arena, (size_t)B * sizeof *spans);
    for (int b = 0; b < B; b++) {
        size_t T = (size_t)(offsets[b + 1] - offsets[b]);
        KeyValue *heads = arena_alloc(arena, (size_t)K * sizeof *heads);
        for (int h = 0; h < K; h++) {
            heads[h].kt = arena_alloc(arena, kt_count(T, (size_t)S) * sizeof(float));
            heads[h].v = arena_alloc(arena, T * (size_t)S * sizeof(float));
        }
        spans[b] = (AttentionSpan){.first = offsets[b], .rows = (int)T, .start = 0, .heads = heads};
    }
    Packing c = {spans, k, v, (size_t)K, (size_t)S};
    size_t units = (size_t)B * c.K;
    if (units) spread(units, (size_t)(offsets[B] - offsets[0]) / (size_t)B * 4 * c.S, pack_heads, &c);
    return spans;
}

typedef struct {
    Tensor *y, *q, *k, *v;
    const AttentionSpan *spans;
    float *max_total;
    int B, H, K;
} AttentionContext;

static void backward(void *context) {
    const AttentionContext *c = context;
    attention_backward(c->q->grad, c->k->grad, c->v->grad, c->y->grad, tensor_f32(c->q), tensor_f32(c->k), tensor_f32(c->v), c->max_total,
                       c->spans, c->B, c->H, c->K, tensor_columns(c->q) / c->H);
}

Tensor *attention(Tape *tape, Tensor *q, Tensor *k, Tensor *v, const int *offsets, int B, int H, int K) {
    int N = tensor_rows(q), S = tensor_columns(q) / H;
    REQUIRE(K > 0 && H % K == 0 && S * H == tensor_columns(q), "attention: q [%d,%d], %d heads, %d kv heads", N, tensor_columns(q), H, K);
    REQUIRE(tensor_rows(k) == N && tensor_rows(v) == N && tensor_columns(k) == K * S && tensor_columns(v) == K * S,
            "attention: q [%d,%d], k [%d,%d], v [%d,%d], %d kv heads", N, H * S, tensor_rows(k), tensor_columns(k), tensor_rows(v),
            tensor_columns(v), K);
    REQUIRE(offsets[0] == 0 && offsets[B] == N, "attention: offsets [%d, %d] over %d rows", offsets[0], offsets[B], N);
    for (int b = 0; b < B; b++) REQUIRE(offsets[b] <= offsets[b + 1], "attention: sequence %d has %d rows", b, offsets[b + 1] - offsets[b]);

    // What backward needs stays with the tape; without one it is given back.
    bool record = tape_wants(tape, q, k) || tape_wants(tape, v, NULL);
    Tensor *y = tensor_new_2d(q->arena, record, N, H * S);
    Arena *place = record ? tape->arena : pool_scratch(0);
    ArenaMark mark = arena_mark(place);
    AttentionSpan *spans = make_spans(place, tensor_f32(k), tensor_f32(v), offsets, B, K, S);
    float *max_total = record ? arena_alloc(place, 2 * (size_t)N * (size_t)H * sizeof(float)) : NULL;
    attention_forward(tensor_f32(y), max_total, tensor_f32(q), spans, B, H, K, S);
    if (!record) {
        arena_release(place, mark);
        return y;
    }
    AttentionContext *c = arena_alloc(tape->arena, sizeof *c);
    *c = (AttentionContext){y, q, k, v, spans, max_total, B, H, K};
    tape_record(tape, backward, c);
    return y;
}
