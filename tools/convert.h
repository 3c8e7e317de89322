// Models moved from file to file: a source of weights (a GGUF, a Hugging Face folder, or random numbers of a shape), and what turns
// its rows into those of the file to be written. Tensor by tensor, a few MiB at a time: memory does not grow with the model.
#ifndef TOOLS_CONVERT_H
#define TOOLS_CONVERT_H

#include "llama/weights.h"
#include "tools/tokenizer_text.h"

// What a model needs beside its weights.
typedef struct {
    Tokenizer *tokenizer;  // NULL: none that we can read
    Text json;             // tokenizer.json, byte for byte; empty when it must be made from `tokenizer`
    Text chat_template;    // empty: none
    bool add_bos;
} ConvertTokenizer;

typedef struct {
    const char *path;  // of the model, or of the shape
    LlamaConfig config;
    LlamaSource source;
    WeightsPart *part;
    int parts;
    FileMap map;       // of a llama2.c model
    bool interleaved;  // rows of q and k stand as in a GGUF
    bool random;       // weights are drawn: each a function of (seed, name, element)
    uint64_t seed;
    ConvertTokenizer tokenizer;
} ConvertSource;

typedef struct {
    bool typed;          // else every matrix keeps its type, as far as the file to be written has it
    DType type;          // of matrices
    size_t shard_bytes;  // largest file of a folder
} ConvertOptions;

// Opens a model, a llama2.c file when the name ends in .bin, and its tokenizer (absent is fine but for a GGUF). The source's memory
// lives in `arena`.
Status convert_open(ConvertSource *source, Arena *arena, const char *path, Error *error);
// The tokenizer of a GGUF, of a folder, or of a tokenizer.json.
Status convert_open_tokenizer(ConvertTokenizer *out, Arena *arena, const char *path, Error *error);
// Whether the source's tokenizer fits its shape (ERR_DATA, told with `where`); ends of text that the shape does not name are the
// tokenizer's. The second opens one first, for a source that has none.
Status convert_fit_tokenizer(ConvertSource *source, const char *where, Error *error);
Status convert_give_tokenizer(ConvertSource *source, Arena *arena, const char *path, Error *error);
// Ends the maps.
void convert_close(ConvertSource *source);

// The type that a part will have: in a GGUF vectors are F32 and rows that are no whole blocks F16; a folder has no block types.
DType convert_type(const ConvertSource *source, const WeightsPart *part, const ConvertOptions *options, bool gguf);
// Its bytes then.
size_t convert_bytes(const WeightsPart *part, DType type);

// Puts a part's bytes as `type`, its rows in the order of a GGUF or of a folder; factors that are only declared are convert_factors.
// The part's own bytes are copied where nothing changes; else numbers are expanded and rounded by the type's rule. ERR_DATA names a
// number that the type cannot hold; ERR_STOPPED when a signal came. `done` and `total` are bytes, for the progress.
Status convert_put(FileWriter *writer, const ConvertSource *source, const WeightsPart *part, DType type, bool gguf, uint64_t *done,
                   uint64_t total, Arena *arena, Error *error);

// The folder that a path lies in, in the arena.
const char *convert_folder_of(const char *path, Arena *arena);

// ERR_IO with one sentence unless the file system of `folder` has room for `bytes` more.
Status convert_need_room(const char *folder, uint64_t bytes, Error *error);

// The type that most matrices will have, and the scaling that a GGUF tells only by factors (Llama 3's): *config is the source's with
// the rule found among those of the field, ERR_DATA for other factors.
DType convert_main_type(const ConvertSource *source, const ConvertOptions *options, bool gguf);
Status convert_find_scaling(LlamaConfig *config, const ConvertSource *source, Arena *arena, Error *error);
// The factors that say a config's scaling in a GGUF, [S/2] in the arena: base angle / factor is the scaled angle.
float *convert_factors(const LlamaConfig *config, Arena *arena);

#endif
