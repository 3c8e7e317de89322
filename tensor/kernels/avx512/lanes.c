// The vector texts over sixteen lanes; stored rows come side by side as in avx2/.
#include "tensor/kernels/avx512/lanes.h"
// The texts follow their lanes.
#include "tensor/kernels/avx2/rows.h"
// The table follows the rows.
#include "tensor/kernels/lanes_table.h"

void kernels_avx512(Kernels *table) {
    lanes_install(table, "avx512", gemm_few, bf16_few);
    table->pack_a = pack_a_across;
    table->pack_rows = pack_rows_across;
}
