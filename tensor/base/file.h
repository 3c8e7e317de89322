// Files: read-only maps, whole reads, lines (lines.h), writes that a crash cannot halve, the lock of a run directory.
//
// Every durable write goes: temporary name in the same directory -> write -> fsync, close checked -> rename -> fsync of the
// directory. A failure removes the temporary and leaves the old file as it was.
//
// With several ranks (comm.h) every call that changes the disk is made together: all arrive, so that nobody still reads what was, rank 0
// does it, and all leave with its outcome. Only lines in between (append_line, writer_put) go unannounced.
#ifndef TENSOR_BASE_FILE_H
#define TENSOR_BASE_FILE_H

#include "tensor/base/arena.h"
#include "tensor/base/lines.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

// A regular file mapped read-only (symlinks are followed; pipes, devices and directories refused).
typedef struct {
    const char *path;
    const uint8_t *data;  // NULL when size is 0
    size_t size;
} FileMap;

// Maps `path`, which must outlive the map; ERR_IO names the path and what is there instead of a regular file.
Status file_map(FileMap *map, const char *path, Error *error);
// Ends the map; safe when file_map failed.
void file_unmap(FileMap *map);
// Gives the memory behind a part of a FileMap (of nothing else: other memory would lose its contents) back to the system; the bytes
// come from the file again when they are read.
void file_forget(const void *data, size_t bytes);

// The whole of a regular file of at most `limit` bytes, NUL behind it, in the arena.
Status file_read(Text *out, Arena *arena, const char *path, size_t limit, Error *error);

// True when the path, symlinks followed, leads to anything / to a directory.
bool file_exists(const char *path);
bool file_is_directory(const char *path);
// "dir/name" in the arena.
const char *path_join(Arena *arena, const char *dir, const char *name);

// Writes a whole file as above. `bytes` may be 0.
Status file_write(const char *path, const void *data, size_t bytes, Error *error);

// The same in pieces; errors are kept and told by writer_finish, which renames. writer_abandon removes the temporary.
typedef struct {
    int fd;
    const char *path;
    char *temporary;
    uint8_t *buffer;
    size_t held;
    uint64_t written;
    int failed;  // errno of the first failure
    Arena *arena;
} FileWriter;
Status writer_open(FileWriter *w, Arena *arena, const char *path, Error *error);
void writer_put(FileWriter *w, const void *data, size_t bytes);
Status writer_finish(FileWriter *w, Error *error);
void writer_abandon(FileWriter *w);

// A log that only grows (pairs.jsonl, metrics.jsonl). Opening cuts it to `keep` bytes (SIZE_MAX: to the end of its last
// whole line). append_line writes text and '\n' in one write; append_sync makes it durable. Without an Error both last ones are a
// rank's own: what a failure leaves is tidied up alone.
typedef struct {
    int fd;
    const char *path;
    uint64_t offset;
} FileAppend;
Status append_open(FileAppend *a, const char *path, uint64_t keep, Error *error);
Status append_line(FileAppend *a, Text line, Error *error);
Status append_sync(FileAppend *a, Error *error);
Status append_close(FileAppend *a, Error *error);

// Makes a directory and its parents.
Status directory_make(const char *path, Error *error);
// Names in a directory (without . and ..), sorted bytewise.
Status directory_list(Arena *arena, const char *path, const char ***names, int *count, Error *error);
Status directory_sync(const char *path, Error *error);
// Removes a directory and what is in it (one level of subdirectories is enough for ours); missing is fine.
Status directory_remove(const char *path, Error *error);
// Renames and syncs the parent directory.
Status path_rename(const char *from, const char *to, Error *error);

// Takes the lock file "<dir>/lock" by fcntl (a killed owner leaves no stale lock). ERR_BUSY names directory and owner's pid.
Status lock_take(int *lock, const char *dir, Error *error);
void lock_release(int lock);

// SHA-256 of a whole file as 64 hex digits.
Status file_sha256(const char *path, char hex[65], Error *error);

#endif
