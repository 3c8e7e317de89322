#include "tensor/op_result.h"

#include "tensor/base/status.h"

Tensor *op_result(const Tape *tape, const char *op, const Tensor *a, const Tensor *b) {
    REQUIRE(a->type == DTYPE_F32 && (b == NULL || b->type == DTYPE_F32), "%s: inputs must be f32", op);
    if (b)
        REQUIRE(a->rank == b->rank && a->dim[0] == b->dim[0] && a->dim[1] == b->dim[1] && a->dim[2] == b->dim[2] && a->dim[3] == b->dim[3],
                "%s: a [%d,%d,%d,%d], b [%d,%d,%d,%d]", op, a->dim[0], a->dim[1], a->dim[2], a->dim[3], b->dim[0], b->dim[1], b->dim[2],
                b->dim[3]);
    return tensor_new(a->arena, tape_wants(tape, a, b), a->rank, a->dim);
}
