// The vector texts over four lanes.
#include "tensor/kernels/neon/lanes.h"
// The texts follow their lanes.
#include "tensor/kernels/neon/rows.h"
// The table follows the rows.
#include "tensor/kernels/lanes_table.h"

void kernels_neon(Kernels *table) {
    kernels_scalar(table);
    lanes_install(table, "neon", gemm_few, table->bf16_few);
}
