// A model as one GGUF file.
#ifndef TOOLS_CONVERT_GGUF_H
#define TOOLS_CONVERT_GGUF_H

#include "tools/convert.h"

// Writes PATH (temporary name, sync, rename): keys, tokenizer, then tensor by tensor. ERR_IO when the disk has no room for it,
// before anything is written; ERR_DATA when the source has no tokenizer. *bytes is the file's size.
Status convert_to_gguf(const char *path, const ConvertSource *source, const ConvertOptions *options, uint64_t *bytes, Arena *arena,
                       Error *error);

#endif
