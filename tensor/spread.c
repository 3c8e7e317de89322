#include "tensor/spread.h"

#include <limits.h>

#include "tensor/base/pool.h"

// About 10 microseconds of elementwise work: well above the price of handing out a range.
enum { SPREAD_NUMBERS = 16384 };

typedef struct {
    SpreadTask task;
    void *context;
    size_t n, grain;
} Spread;

static void spread_range(void *context, int index, int thread) {
    const Spread *s = context;
    size_t first = (size_t)index * s->grain;
    size_t last = s->n - first < s->grain ? s->n : first + s->grain;
    s->task(s->context, first, last, thread);
}

void spread(size_t n, size_t cost, SpreadTask task, void *context) {
    size_t grain = cost < SPREAD_NUMBERS ? SPREAD_NUMBERS / (cost ? cost : 1) : 1;
    if (n / grain >= INT_MAX) grain = n / (INT_MAX / 2) + 1;
    Spread s = {task, context, n, grain};
    pool_run((int)(n / grain + (n % grain != 0)), spread_range, &s);
}

typedef struct {
    void (*unary)(float *, const float *, size_t);
    void (*binary)(float *, const float *, const float *, size_t);
    void (*scaled)(float *, const float *, float, size_t);
    float *y;
    const float *a, *b;
    float s;
} Elementwise;

static void elementwise_range(void *context, size_t first, size_t last, int thread) {
    const Elementwise *e = context;
    size_t n = last - first;
    (void)thread;
    if (e->unary) e->unary(e->y + first, e->a + first, n);
    if (e->binary) e->binary(e->y + first, e->a + first, e->b + first, n);
    if (e->scaled) e->scaled(e->y + first, e->a + first, e->s, n);
}

void spread_unary(void (*kernel)(float *, const float *, size_t), float *y, const float *x, size_t n) {
    spread(n, 1, elementwise_range, &(Elementwise){.unary = kernel, .y = y, .a = x});
}

void spread_binary(void (*kernel)(float *, const float *, const float *, size_t), float *y, const float *a, const float *b, size_t n) {
    spread(n, 1, elementwise_range, &(Elementwise){.binary = kernel, .y = y, .a = a, .b = b});
}

void spread_scaled(void (*kernel)(float *, const float *, float, size_t), float *y, const float *x, float s, size_t n) {
    spread(n, 1, elementwise_range, &(Elementwise){.scaled = kernel, .y = y, .a = x, .s = s});
}
