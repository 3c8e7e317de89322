// Log-probability of a chosen token: head, log-softmax and pick in one; formulas: logprob.h.
//
//   d logp / d z_i = [i = target] - softmax(z)_i, and z = (x W^T) / temperature brings the division.
//
// Rows go in chunks: a chunk's logits live in scratch, each row is reduced whole (numerics.md, A1: the vocabulary is never cut),
// and the chunk's rows are contracted in ascending order. So the chunk's length is invisible in the bits.
#include "nn/logprob.h"

#include "tensor/base/pool.h"
#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tensor/spread.h"

// Bytes of logits in a chunk, and rows at most. The head is expanded and packed once a chunk: at V = 49152 chunks of 24 MiB (128
// rows) run backward 2.3 times as fast as chunks of 4 MiB, longer ones gain less than the noise.
enum { CHUNK_BYTES = 24 << 20, CHUNK_ROWS = 512 };

static int chunk_rows(int N, int V) {
    size_t rows = CHUNK_BYTES / ((size_t)V * sizeof(float));
    if (rows < GEMM_MR) rows = GEMM_MR;
    if (rows > CHUNK_ROWS) rows = CHUNK_ROWS;
    return rows < (size_t)N ? (int)rows : N;
}

void logits_forward(float *z, const float *x, const void *w, DType type, float temperature, Precision precision, int N, int D, int V) {
    gemm_nt(GEMM_SET, precision, z, (size_t)V, x, (size_t)D, w, type, N, V, D);
    // Division by one changes nothing.
    if (temperature != 1.0f) spread_scaled(kernels.divide, z, z, temperature, (size_t)N * (size_t)V);
}

float logprob_row(const float *z, int V, int32_t target, float *max, float *total) {
    *max = kernels.max(z, (size_t)V);
    *total = kernels.exp_sum(z, *max, (size_t)V);
    return (z[target] - *max) - log_f32(*total);
}

typedef struct {
    float *z, *ref;  // [chunk rows, V]
    float *logp;
    const float *dlogp;
    const LogprobExtra *extra;
    const int32_t *target;
    float temperature;
    size_t row, V;              // first row of the chunk
} Chunk;

// log(total) - (sum e_i (z_i - max)) / total; z becomes z - max, from which all else comes with the same bits.
static float row_entropy(float *z, float *e, float max, float total, size_t V) {
    kernels.exp_store_sum(e, z, max, V);
    for (size_t i = 0; i < V; i++) z[i] = z[i] - max;
    return log_f32(total) - kernels.dot_lanes(e, z, V) / total;
}

// sum e_i d_i / total; e = exp(z - max), and the reference's logits become d = log p - log q.
static float row_kl(float *ref, float *e, float *total, const float *z, size_t V) {
    float max = kernels.max(z, V), ref_max = kernels.max(ref, V), ref_log = log_f32(kernels.exp_sum(ref, ref_max, V));
    *total = kernels.exp_store_sum(e, z, max, V);
    float own_log = log_f32(*total);
    for (size_t i = 0; i < V; i++) ref[i] = ((z[i] - max) - own_log) - ((ref[i] - ref_max) - ref_log);
    return kernels.dot_lanes(e, ref, V) / *total;
}

// The reference's logits of a chunk.
static void reference_logits(const Chunk *c, const LogprobReference *r, Precision precision, int n, int rows) {
    if (r)
        logits_forward(c->ref, r->x + (size_t)n * (size_t)r->w->dim[1], r->w->data, r->w->type, c->temperature, precision, rows,
                       r->w->dim[1], (int)c->V);
}

static void forward_rows(void *context, size_t first, size_t last, int thread) {
    const Chunk *c = context;
    const LogprobExtra *extra = c->extra;
    Arena *scratch = pool_scratch(thread);
    for (size_t i = first; i < last; i++) {
        float *z = c->z + i * c->V, max, total;
        size_t n = c->row + i;
        c->logp[n] = logprob_row(z, (int)c->V, c->target[n], &max, &total);
        if (extra && extra->max) extra->max[n] = max;
        if (extra && extra->total) extra->total[n] = total;
        ArenaMark mark = arena_mark(scratch);
        if (extra && extra->entropy) extra->entropy[n] = row_entropy(z, arena_alloc(scratch, c->V * sizeof(float)), max, total, c->V);
        if (extra && extra->reference)
            tensor_f32(extra->reference->kl)[n] = row_kl(c->ref + i * c->V, arena_alloc(scratch, c->V * sizeof(float)), &total, z, c->V);
        arena_release(scratch, mark);
    }
}

static void check_targets(const int32_t *target, int N, int V) {
    for (int n = 0; n < N; n++)
        REQUIRE(target[n] >= 0 && target[n] < V, "logprob: row %d has target %d, the vocabulary ends at %d", n, target[n], V);
}

void logprob_forward(float *logp, const LogprobExtra *extra, const float *x, const void *w, DType type, const int32_t *target,
                     float temperature, Precision precision, int N, int D, int V) {
    check_targets(target, N, V);
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    int rows = chunk_rows(N, V);
    Chunk c = {.logp = logp, .extra = extra, .target = target, .temperature = temperature, .V = (size_t)V};
    float *kept = extra && extra->tied ? extra->tied->dz : NULL;
    if (kept == NULL) c.z = arena_alloc(scratch, (size_t)rows * c.V * sizeof(float));
    const LogprobReference *reference = extra ? extra->reference : NULL;
    if (reference) c.ref = arena_alloc(scratch, (size_t)rows * c.V * sizeof(float));
    for (int n = 0; n < N; n += rows) {
        int here = N - n < rows ? N - n : rows;
        if (kept) c.z = kept + (size_t)n * c.V;
        logits_forward(c.z, x + (size_t)n * (size_t)D, w, type, temperature, precision, here, D, V);
        reference_logits(&c, reference, precision, n, here);
        c.row = (size_t)n;
        spread((size_t)here, 8 * c.V, forward_rows, &c);
    }
    arena_release(scratch, mark);
}

// z becomes dz.
static void backward_rows(void *context, size_t first, size_t last, int thread) {
    const Chunk *c = context;
    Arena *scratch = pool_scratch(thread);
    for (size_t i = first; i < last; i++) {
        ArenaMark mark = arena_mark(scratch);
        float *z = c->z + i * c->V, *d = c->ref ? c->ref + i * c->V : NULL, *e = NULL, kl = 0, max, total;
        size_t n = c->row + i;
        float g = c->dlogp[n] / c->temperature;
        if (c->ref) kl = row_kl(d, e = arena_alloc(scratch, c->V * sizeof *e), &total, z, c->V);
        logprob_row(z, (int)c->V, c->target[n], &max, &total);
        kernels.softmax_scaled(z, z, max, total, -g, c->V);
        z[c->target[n]] += g;
        float h = c->ref ? c->extra->reference->kl->grad[n] / c->temperature : 0;
        for (size_t k = 0; c->ref && k < c->V; k++) z[k] = z[k] + (h * (e[k] / total)) * (d[k] - kl);
        arena_release(scratch, mark);
    }
}

void logprob_backward(float *dx, float *dw, float *dz, const float *dlogp, const float *x, const void *w, DType type, const int32_t *target,
                      float temperature, const LinearRows *head, const LogprobReference *reference, int N, int D, int V) {
    Arena *scratch = pool_scratch(0);
    ArenaMark mark = arena_mark(scratch);
    int rows = chunk_rows(N, V);
    LogprobExtra extra = {.reference = reference};
    Chunk c = {.dlogp = dlogp, .extra = &extra, .target = target, .temperature = temperature, .V = (size_t)V};
    if (reference) c.ref = arena_alloc(scratch, (size_t)rows * c.V * sizeof(float));
    if (dz == NULL) c.z = arena_alloc(scratch, (size_t)rows * c.V * sizeof(float));
    for (int n = 0, here; n < N; n += here) {
        here = N - n <= rows ? N - n : linear_cut(head, n + rows) - n;
        const float *part = x + (size_t)n * (size_t)D;
        if (dz) c.z = dz + (size_t)n * c.V;
        else logits_forward(c.z, part, w, type, temperature, head->precision, here, D, V);
        reference_logits(&c, reference, head->precision, n, here);
        c.row = (size_t)n;
        spread((size_t)here, 16 * c.V, backward_rows, &c);
        if (dx) gemm_nn(GEMM_ADD, head->precision, dx + (size_t)n * (size_t)D, (size_t)D, c.z, (size_t)V, w, type, here, D, V);
        if (dw) linear_weight_gradient(dw, c.z, part, head, n, here, D, V);
    }
    arena_release(scratch, mark);
}

typedef struct {
    Tensor *y, *x, *w;
    const int32_t *target;
    float temperature;
    const LogprobReference *reference;
    const TiedHead *tied;  // dz holds the logits until backward
    LinearRows rows;
} LogprobContext;

static void backward(void *context) {
    const LogprobContext *c = context;
    int N = tensor_rows(c->x), V = c->w->dim[0];
    float *dw = c->w->grad, *dz = NULL;
    // The embedding's backward adds dz^T x at its turn.
    if (c->tied) {
        dz = c->tied->dz;
        dw = NULL;
    }
    logprob_backward(c->x->grad, dw, dz, c->y->grad, tensor_f32(c->x), c->w->data, c->w->type, c->target, c->temperature, &c->rows,
                     c->reference, N, tensor_columns(c->x), V);
}

Tensor *logprob(Tape *tape, Tensor *x, Tensor *w, const int32_t *target, float temperature, LinearRows rows, const LogprobExtra *extra) {
    int N = tensor_rows(x), D = tensor_columns(x), V = w->dim[0];
    REQUIRE(x->type == DTYPE_F32 && w->rank == 2 && w->dim[1] == D, "logprob: x [%d,%d], W [%d,%d]", N, D, V, w->dim[1]);
    REQUIRE(w->grad == NULL || w->type == DTYPE_F32, "logprob: a trained head must be f32, found %s", dtype_info(w->type)->name);
    REQUIRE(temperature > 0, "logprob: temperature %g", (double)temperature);
    Tensor *y = tensor_new_1d(x->arena, tape_wants(tape, x, w), N);
    TiedHead *tied = extra && y->grad && w->grad ? extra->tied : NULL;
    if (tied) {
        REQUIRE(tied->head_rows[tied->B] == N, "logprob: %d rows, the tied head has %d", N, tied->head_rows[tied->B]);
        tied->x = tensor_f32(x);
        tied->dz = arena_alloc(tape->arena, (size_t)N * (size_t)V * sizeof *tied->dz);
    }
    logprob_forward(tensor_f32(y), extra, tensor_f32(x), w->data, w->type, target, temperature, rows.precision, N, D, V);
    if (y->grad) {
        LogprobContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (LogprobContext){y, x, w, target, temperature, NULL, tied, rows};
        if (extra && extra->reference && extra->reference->kl->grad) c->reference = extra->reference;
        tape_record(tape, backward, c);
    }
    return y;
}
