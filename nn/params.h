// Params: every trained number of one model part in one block, every gradient in another.
//
// Clearing, clipping, reducing, updating and storing are single loops over a block. Tensors are slices in the order of
// adding; names are those of the file that stores them. Declared first, allocated once by params_finish.
#ifndef NN_PARAMS_H
#define NN_PARAMS_H

#include "tensor/tensor.h"

typedef struct {
    Arena *arena;
    Tensor **tensor;   // in order of adding
    int tensors, capacity;
    float *value;      // `count` numbers; NULL before params_finish
    float *grad;       // NULL when not trained
    size_t count;
} Params;

// An empty set whose memory will come from `arena`.
Params params_make(Arena *arena);

// Declares a tensor; `name` is copied. Its data is undefined until params_finish.
Tensor *params_add(Params *params, const char *name, int rank, const int *dims);

// Allocates the value block (zeros) and, if `trained`, the gradient block (zeros), and points every tensor into them.
void params_finish(Params *params, bool trained);

// The tensor of a name, or NULL.
Tensor *params_find(const Params *params, const char *name);

// Sets all gradients to zero.
void params_clear_grad(Params *params);

#endif
