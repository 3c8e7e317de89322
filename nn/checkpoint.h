// Checkpoint folder, version 1: everything that a run needs to go on as if it had never stopped.
//
//     RUN/checkpoint-000020/  policy.safetensors, ...   tensors of the caller's naming
//                             state.json                {"version":1,"step":20,"state":{key: integer, number or text, ...}}
//                             COMPLETE                  a line "sha256  bytes  name" for each other file, sorted by name
//
// Written as checkpoint-000020.tmp, every file synced, COMPLETE last; then the folder is synced and renamed and the run
// directory synced; only then older checkpoints go. A crash at any point leaves the older ones as they were. The bytes are a
// function of the contents alone. Every byte is covered when reading: a listed file by its SHA-256 and length, COMPLETE by
// its one spelling, the folder by holding exactly what is listed.
#ifndef NN_CHECKPOINT_H
#define NN_CHECKPOINT_H

#include "nn/params.h"
#include "tensor/safetensors.h"

enum { CHECKPOINT_FILES = 64, CHECKPOINT_KEYS = 256 };

// One block of numbers laid out as a Params: its values, or the moments beside them. Tensors are stored as prefix + name.
typedef struct {
    const char *prefix;    // "" for values, "m." and "v." for moments
    const Params *params;  // names, shapes and order
    float *value;          // params->count numbers
} CheckpointBlock;

typedef struct {
    Arena *arena;
    int64_t step;
    const char *run, *temporary, *path;  // the run directory, the folder while it is written, the folder afterwards
    const char *file[CHECKPOINT_FILES];
    int files;
    const char *key[CHECKPOINT_KEYS];
    int keys;
    Str state;             // members of "state" so far
    const char *not_finite;  // a key whose number JSON cannot hold, or NULL
} CheckpointWriter;

// Begins checkpoint `step` (0 .. 999999999) in the directory `run`, which exists; removes what a killed writer left there.
// The arena must live until commit. After a failure of this or any later call the temporary folder is gone.
Status checkpoint_begin(CheckpointWriter *writer, Arena *arena, const char *run, int64_t step, Error *error);

// Adds a file. `name` is made of letters, digits, '-', '_' and '.', is new and neither state.json nor COMPLETE (REQUIRE).
Status checkpoint_add_tensors(CheckpointWriter *writer, const char *name, const SafeTensorOut *tensors, int n, Error *error);
// The same with the tensors of blocks.
Status checkpoint_add_blocks(CheckpointWriter *writer, const char *name, const CheckpointBlock *blocks, int n, Error *error);
// The same with bytes of any kind.
Status checkpoint_add_bytes(CheckpointWriter *writer, const char *name, const void *data, size_t bytes, Error *error);

// Adds a member of state.json; keys are distinct (REQUIRE), texts valid UTF-8 (REQUIRE). A number that is not finite makes
// checkpoint_commit fail.
void checkpoint_put_int(CheckpointWriter *writer, const char *key, int64_t value);
void checkpoint_put_number(CheckpointWriter *writer, const char *key, double value);
void checkpoint_put_text(CheckpointWriter *writer, const char *key, Text value);

// Makes the checkpoint durable under its name (a folder of that name is replaced), then removes earlier ones so that `keep`
// remain with this one (0: all stay). ERR_NUMERIC names the key of a number that is not finite.
Status checkpoint_commit(CheckpointWriter *writer, int keep, Error *error);

// Gives up: removes the temporary folder.
void checkpoint_abandon(CheckpointWriter *writer);

typedef struct {
    const char *name;
    FileMap map;
    bool is_tensors;       // ends in .safetensors; then `tensors` is open
    SafeTensors tensors;
} CheckpointFile;

// An opened checkpoint whose every byte was checked; files stay mapped until close.
typedef struct {
    const char *path, *where;  // the folder; its state.json, for json_need_int and its like
    int64_t step;
    const Json *state;         // the caller's members
    CheckpointFile *file;
    int files;
} Checkpoint;

// Opens the newest undamaged checkpoint of a run directory. A damaged one is told to `warn` (may be NULL) in one sentence and
// the next older is tried. *found is false when the run has none at all. ERR_DATA when there are some and none is undamaged,
// or when the newest is whole but of another version.
Status checkpoint_open_newest(Checkpoint *out, bool *found, Arena *arena, const char *run, void (*warn)(const char *sentence),
                              Error *error);

// Opens one folder; ERR_FORMAT or ERR_IO says what is damaged, ERR_DATA that it is of another version.
Status checkpoint_open(Checkpoint *out, Arena *arena, const char *path, Error *error);
// Ends its maps.
void checkpoint_close(Checkpoint *checkpoint);

// A file by name, or NULL.
const CheckpointFile *checkpoint_file(const Checkpoint *checkpoint, const char *name);

// Fills the blocks from a file: the same names, shapes and fp32, nothing missing, nothing more; else ERR_DATA names the
// tensor and no block has changed.
Status checkpoint_read_blocks(const Checkpoint *checkpoint, const char *name, const CheckpointBlock *blocks, int n, Error *error);
// The same for the values of one Params.
Status checkpoint_read_params(const Checkpoint *checkpoint, const char *name, Params *params, Error *error);

// The member `key` of state.json must be this; ERR_DATA names the key and both values: a checkpoint of another recipe, seed
// or model is refused.
Status checkpoint_expect_int(const Checkpoint *checkpoint, const char *key, int64_t expected, Error *error);
Status checkpoint_expect_text(const Checkpoint *checkpoint, const char *key, Text expected, Error *error);

#endif
