// A model as a Hugging Face folder: config.json, generation_config.json, safetensors (with an index above a size), the tokenizer.
#ifndef TOOLS_CONVERT_FOLDER_H
#define TOOLS_CONVERT_FOLDER_H

#include "tools/convert.h"

// Whether the folder holds a model, or a part of one: files that convert_to_folder would replace.
bool convert_folder_held(const char *dir, Arena *arena);

// Writes DIR (made when missing). An old model in it loses its config.json first and the new one gets it last, so that a folder
// which opens is whole; other files stay. From a folder the tokenizer's files and generation_config.json are copied byte by byte.
// ERR_IO when the disk has no room, before anything is written. *bytes is the size of the weights, *files how many hold them.
Status convert_to_folder(const char *dir, const ConvertSource *source, const ConvertOptions *options, uint64_t *bytes, int *files,
                         Arena *arena, Error *error);

#endif
