// Loops over elements or rows, cut into ranges for the pool; a loop of one range stays in the caller.
//
// Only for work in which no result depends on where the ranges are cut.
#ifndef TENSOR_SPREAD_H
#define TENSOR_SPREAD_H

#include <stddef.h>

// One range [first, last) of a loop; `thread` names the scratch arena to use.
typedef void (*SpreadTask)(void *context, size_t first, size_t last, int thread);

// Calls `task` on ranges that cover [0, n). `cost` is about how many numbers one index touches: it sets the ranges' length.
void spread(size_t n, size_t cost, SpreadTask task, void *context);

// An elementwise kernel of the table over n elements, by ranges: kernel(y, x, n), kernel(y, a, b, n), kernel(y, x, s, n).
void spread_unary(void (*kernel)(float *, const float *, size_t), float *y, const float *x, size_t n);
void spread_binary(void (*kernel)(float *, const float *, const float *, size_t), float *y, const float *a, const float *b, size_t n);
void spread_scaled(void (*kernel)(float *, const float *, float, size_t), float *y, const float *x, float s, size_t n);

#endif
