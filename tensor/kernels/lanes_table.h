// All vector texts over one set of lanes, and how they fill a table.
#ifndef TENSOR_KERNELS_LANES_TABLE_H
#define TENSOR_KERNELS_LANES_TABLE_H

#include "tensor/kernels/lanes_adamw.h"
#include "tensor/kernels/lanes_attn.h"
#include "tensor/kernels/lanes_gemm.h"
#include "tensor/kernels/lanes_math.h"
#include "tensor/kernels/lanes_quant.h"
#include "tensor/kernels/lanes_row.h"
#include "tensor/kernels/lanes_vec.h"

// Every entry; bf16_tile is that of the folder's rows.h, and the folder's lanes.c replaces what it has a better way for.
static void lanes_install(Kernels *table, const char *name, FewKernel *few, FewKernel *few_in_bf16) {
    *table = (Kernels){
        .name = name,
        .add = add, .sub = sub, .mul = mul, .scale = scale, .divide = divide, .axpy = axpy, .add_scaled = add_scaled,
        .add_product = add_product, .exp = exp_row,
        .sum = sum, .dot_lanes = dot_lanes, .max = max, .exp_sum = exp_sum, .exp_store_sum = exp_store_sum,
        .rmsnorm_row = rmsnorm_row, .rmsnorm_dot = rmsnorm_dot, .rmsnorm_dx = rmsnorm_dx, .rmsnorm_dw = rmsnorm_dw,
        .swiglu_row = swiglu_row, .swiglu_grad_row = swiglu_grad_row, .rope_row = rope_row, .softmax_scaled = softmax_scaled,
        .gemm_tile = gemm_tile, .pack_rows = pack_rows, .pack_a = pack_a, .gemm_few = few,
        .bf16_pairs = bf16_pairs, .bf16_tile = bf16_tile, .bf16_few = few_in_bf16, .expand = expand,
        .attn_scores = attn_scores, .attn_mix = attn_mix, .attn_chain = attn_chain, .adamw = adamw,
    };
}

#endif
