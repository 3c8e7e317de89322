#include "tensor/tensor.h"

#include "tensor/base/status.h"

Tensor *tensor_wrap(Arena *arena, DType type, int rank, const int *dims, const void *data, float *grad, const char *name) {
    REQUIRE(rank >= 1 && rank <= 4, "tensor: rank %d", rank);
    Tensor *t = arena_alloc(arena, sizeof *t);
    *t = (Tensor){.type = type, .rank = rank, .dim = {1, 1, 1, 1}, .data = (void *)data, .grad = grad, .arena = arena, .name = name};
    for (int i = 0; i < rank; i++) {
        REQUIRE(dims[i] >= 0, "tensor: dimension %d is %d", i, dims[i]);
        t->dim[i] = dims[i];
    }
    return t;
}

size_t tensor_count(const Tensor *t) { return (size_t)t->dim[0] * (size_t)t->dim[1] * (size_t)t->dim[2] * (size_t)t->dim[3]; }

int tensor_rows(const Tensor *t) { return t->rank == 1 ? 1 : t->dim[0]; }

int tensor_columns(const Tensor *t) { return t->rank == 1 ? t->dim[0] : t->dim[1] * t->dim[2] * t->dim[3]; }

Tensor *tensor_new(Arena *arena, bool with_grad, int rank, const int *dims) {
    Tensor *t = tensor_wrap(arena, DTYPE_F32, rank, dims, NULL, NULL, NULL);
    size_t n = tensor_count(t);
    t->data = arena_alloc(arena, n * sizeof(float));
    if (with_grad) t->grad = arena_zeros(arena, n, sizeof(float));
    return t;
}

Tensor *tensor_new_1d(Arena *arena, bool with_grad, int a) { return tensor_new(arena, with_grad, 1, (int[]){a}); }

Tensor *tensor_new_2d(Arena *arena, bool with_grad, int a, int b) { return tensor_new(arena, with_grad, 2, (int[]){a, b}); }
