// Finite differences against backward, for every op and layer; and what such tests share.
#ifndef TESTS_GRADCHECK_H
#define TESTS_GRADCHECK_H

#include "tensor/tape.h"
#include "tests/support.h"

// The op under test: computes its result from `input` (those of the Gradcheck) under `tape`, which may be NULL.
typedef Tensor *(*GradcheckOp)(Tape *tape, Tensor *const *input, void *context);

enum { GRADCHECK_INPUTS = 8 };

typedef struct {
    GradcheckOp op;
    void *context;
    Tensor *input[GRADCHECK_INPUTS];  // with gradients; the first one's arena takes the results
    int inputs;
    bool together;                    // the op wants all gradients or none
} Gradcheck;

// Checks, for a fixed random projection L = sum r y (in double):
//   - every dL/dx against (8 (L(x+h) - L(x-h)) - (L(x+2h) - L(x-2h))) / 12h with h = 2^-5, to `tolerance` times the largest
//     derivative of that input (the formula's own error: about 3e-6 for values near 1);
//   - a NULL tape gives the same bits, and a result without gradient;
//   - backward adds: a second run doubles the gradients (to 1e-5 of the largest);
//   - a gradient alone has the bits that it has among the others (unless `together`).
// Returns the largest error seen, relative as above.
double gradcheck(const Gradcheck *check, double tolerance);

// An fp32 tensor with gradient and uniform values in [-spread, spread) that depend on `seed` alone.
Tensor *random_tensor(Arena *arena, unsigned seed, float spread, int a, int b);
void random_fill(float *x, size_t n, unsigned seed, float spread);

// Fixture: chooses the native kernel table.
void kernels_setup(void);

// Fails unless the n numbers have the same bits (NaN as NaN); `what` names them.
void check_bits(const char *what, const float *found, const float *expected, size_t n);

// Calls run(context, out) with 1, 2, 3 and 7 threads: the n numbers it writes must have the same bits.
void check_threads(void (*run)(void *context, float *out), void *context, size_t n);

#endif
