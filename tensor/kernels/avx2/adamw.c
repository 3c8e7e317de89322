// One AdamW update, eight lanes at a time.
#include "tensor/kernels/avx2/lanes.h"
// The text follows its lanes.
#include "tensor/kernels/lanes_adamw.h"

void avx2_adamw_install(Kernels *table) { table->adamw = adamw; }
