// What every pointwise op begins with: check the inputs, make the result.
#ifndef TENSOR_OP_RESULT_H
#define TENSOR_OP_RESULT_H

#include "tensor/tape.h"

// An fp32 tensor of a's shape in a's arena, with a gradient when `tape` must record an op of these inputs. `op` names the
// caller in messages. a and b (may be NULL) must be fp32 and of equal shape (REQUIRE).
Tensor *op_result(const Tape *tape, const char *op, const Tensor *a, const Tensor *b);

#endif
