// One AdamW update, four lanes at a time.
#include "tensor/kernels/neon/lanes.h"
// The text follows its lanes.
#include "tensor/kernels/lanes_adamw.h"

void neon_adamw_install(Kernels *table) { table->adamw = adamw; }
