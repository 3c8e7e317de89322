// llama2.c's model files (karpathy/llama2.c, export.py): seven numbers, then every weight as fp32, rows of q and k interleaved.
//
//     version 0   i32 D, F, L, H, K, V (negative: the head is its own), context; embedding, attention norms, q, k, v, o, ffn norms, gate,
//                 down, up, final norm, cosines and sines [context, S/2] (not used), head
//     version 1   "24ka", i32 1, the seven numbers, u8 "head is the embedding", zeros to byte 256; attention norms, ffn norms, final norm,
//                 embedding, q, k, v, o, gate, down, up, head
// Each kind stands for all layers in turn. Rope's base is 10000 and the norms' eps 1e-5: llama2.c knows no others.
#ifndef TOOLS_CONVERT_BIN_H
#define TOOLS_CONVERT_BIN_H

#include "tools/convert.h"

// Fills config, parts and map of the source from PATH. ERR_FORMAT unless the file has exactly the bytes that its numbers ask for;
// version 2 (quantised in groups) is refused by name. `source->map` is to be unmapped by convert_close.
Status convert_bin_open(ConvertSource *source, Arena *arena, const char *path, Error *error);

// The same over bytes that are mapped already (map.path names them in messages); the source takes the map over when it succeeds.
Status convert_bin_check(ConvertSource *source, Arena *arena, FileMap map, Error *error);

#endif
