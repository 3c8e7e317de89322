// Rotary position embedding (Su et al., 2021, arXiv 2104.09864): in each head the pair (x[i], x[i + S/2]) turns by
// position * inv_freq[i].
//
//   y[i] = x[i] cos - x[i + S/2] sin;  y[i + S/2] = x[i + S/2] cos + x[i] sin
//   The matrix is orthogonal: dx is dy turned back, the same function with sign -1.
#include "nn/rope.h"

#include "tensor/base/pool.h"
#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tensor/spread.h"

void rope_inverse_frequencies(float *inv_freq, int half, const RopeConfig *config) {
    const double two_pi = 6.283185307179586;
    for (int i = 0; i < half; i++) {
        double f = pow_real_f64((double)config->theta, -(double)i / (double)half);
        if (config->scaling == ROPE_LINEAR) f = f / (double)config->factor;
        if (config->scaling == ROPE_LLAMA3) {
            // Turns within the original context: few are slowed by the factor, many are kept, between them a linear blend.
            double turns = (double)config->original_context * f / two_pi;
            double low = (double)config->low_freq_factor, high = (double)config->high_freq_factor;
            double blend = (turns - low) / (high - low);
            if (turns < low) f = f / (double)config->factor;
            else if (turns <= high) f = (1 - blend) * f / (double)config->factor + blend * f;
        }
        inv_freq[i] = (float)f;
    }
}

typedef struct {
    const RopeTable *table;
    const float *inv_freq;
} TableTask;

static void table_rows(void *context, size_t first, size_t last, int thread) {
    const TableTask *c = context;
    size_t half = (size_t)c->table->half;
    (void)thread;
    for (size_t position = first; position < last; position++)
        for (size_t i = 0; i < half; i++) {
            float angle = (float)position * c->inv_freq[i];
            c->table->cosine[position * half + i] = cos_f32(angle);
            c->table->sine[position * half + i] = sin_f32(angle);
        }
}

RopeTable rope_table(Arena *arena, const float *inv_freq, int half, int positions) {
    REQUIRE(half > 0 && positions >= 0 && positions <= 1 << 20, "rope: half a head of %d, %d positions", half, positions);
    size_t bytes = (size_t)positions * (size_t)half * sizeof(float);
    RopeTable table = {positions, half, arena_alloc(arena, bytes), arena_alloc(arena, bytes)};
    spread((size_t)positions, (size_t)half * 32, table_rows, &(TableTask){&table, inv_freq});
    return table;
}

typedef struct {
    float *y;
    const float *x;
    const RopeTable *table;
    const int *position;
    float sign;
    size_t heads, S;
    bool add;  // add to y what backward turns back, instead of storing it
} Rotation;

static void rotate_rows(void *context, size_t first, size_t last, int thread) {
    const Rotation *c = context;
    size_t half = c->S / 2, width = c->heads * c->S;
    Arena *scratch = pool_scratch(thread);
    ArenaMark mark = arena_mark(scratch);
    float *turned = c->add ? arena_alloc(scratch, width * sizeof(float)) : NULL;
    for (size_t n = first; n < last; n++) {
        REQUIRE(c->position[n] >= 0 && c->position[n] < c->table->positions, "rope: row %zu has position %d of %d", n, c->position[n],
                c->table->positions);
        size_t angle = (size_t)c->position[n] * half;
        float *y = c->y + n * width, *out = c->add ? turned : y;
        for (size_t h = 0; h < width; h += c->S)
            kernels.rope_row(out + h, c->x + n * width + h, c->table->cosine + angle, c->table->sine + angle, c->sign, half);
        if (c->add) kernels.add(y, y, turned, width);
    }
    arena_release(scratch, mark);
}

void rope_rotate(float *y, const float *x, const RopeTable *table, const int *position, float sign, int N, int heads, int S) {
    Rotation c = {y, x, table, position, sign, (size_t)heads, (size_t)S, false};
    spread((size_t)N, 2 * c.heads * c.S, rotate_rows, &c);
}

void rope_backward(float *dx, const float *dy, const RopeTable *table, const int *position, int N, int heads, int S) {
    Rotation c = {dx, dy, table, position, -1.0f, (size_t)heads, (size_t)S, true};
    spread((size_t)N, 2 * c.heads * c.S, rotate_rows, &c);
}

typedef struct {
    Tensor *y, *x;
    const RopeTable *table;
    const int *position;
    int heads;
} RopeContext;

static void backward(void *context) {
    const RopeContext *c = context;
    rope_backward(c->x->grad, c->y->grad, c->table, c->position, tensor_rows(c->x), c->heads, 2 * c->table->half);
}

Tensor *rope(Tape *tape, Tensor *x, const RopeTable *table, const int *position, int heads) {
    int N = tensor_rows(x), S = 2 * table->half;
    REQUIRE(x->type == DTYPE_F32 && tensor_columns(x) == heads * S, "rope: x [%d,%d], %d heads of %d", N, tensor_columns(x), heads, S);
    Tensor *y = tensor_new(x->arena, tape_wants(tape, x, NULL), x->rank, x->dim);
    rope_rotate(tensor_f32(y), tensor_f32(x), table, position, 1.0f, N, heads, S);
    if (y->grad) {
        RopeContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (RopeContext){y, x, table, position, heads};
        tape_record(tape, backward, c);
    }
    return y;
}
