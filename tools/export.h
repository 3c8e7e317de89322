// A model as a Hugging Face folder: config.json, generation_config.json, model.safetensors, tokenizer.json.
#ifndef TOOLS_EXPORT_H
#define TOOLS_EXPORT_H

#include "llama/config.h"
#include "nn/params.h"

// Appends config.json: both spellings of RoPE, so that old and new readers agree (formats.md, section 2).
// `type` is what its matrices have (F32, F16 or BF16).
void export_config(Str *json, const LlamaConfig *config, DType type);

// Writes generation_config.json (where asked for) and then config.json into a folder.
Status export_small(const char *dir, const LlamaConfig *config, DType type, bool generation, Arena *arena, Error *error);

// Writes the folder `dir` (made when missing): every tensor of `params` as F32 under its name, the tokenizer's files copied byte by
// byte from beside `tokenizer` (a tokenizer.json). config.json comes last, so a folder that opens is whole.
Status export_folder(const char *dir, const LlamaConfig *config, const Params *params, const char *tokenizer, Arena *arena, Error *error);

#endif
