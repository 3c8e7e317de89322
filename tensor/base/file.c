#include "tensor/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tensor/base/comm.h"
#include "tensor/base/sha256.h"

enum { PATH_BYTES = 4096, WRITER_BYTES = 1 << 20 };

// "PATH: what: the system's reason".
static Status fail_io(Error *error, const char *path, const char *what, int code) {
    return error_set(error, ERR_IO, "%s: %s: %s", path, what, strerror(code));
}

// A change of the disk: all ranks meet, rank 0 makes it, all part with its outcome.
#define TOGETHER(change) (comm_barrier(), comm_agree(comm_rank() == 0 ? (change) : OK, error))

// ---- Reading whole files ----

// Opens a regular file for reading; O_NONBLOCK keeps a pipe without a writer from holding us.
static Status open_regular(const char *path, int *fd, size_t *size, Error *error) {
    struct stat info;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) return fail_io(error, path, "cannot open", errno);
    int code = fstat(*fd, &info) != 0 ? errno : 0;
    if (code == 0 && S_ISREG(info.st_mode)) {
        *size = (size_t)info.st_size;
        return OK;
    }
    close(*fd);
    if (code) return fail_io(error, path, "cannot read", code);
    return error_set(error, ERR_IO, "%s: expected a regular file, found a %s", path,
                     S_ISDIR(info.st_mode) ? "directory" : S_ISFIFO(info.st_mode) ? "pipe" : "device or socket");
}

// Reads up to `bytes` bytes, fewer only at the end of the file; -1 with errno on failure.
static ssize_t read_fully(int fd, void *to, size_t bytes) {
    size_t held = 0;
    while (held < bytes) {
        ssize_t got = read(fd, (char *)to + held, bytes - held);
        if (got == 0) break;
        if (got < 0 && errno != EINTR) return -1;
        if (got > 0) held += (size_t)got;
    }
    return (ssize_t)held;
}

Status file_map(FileMap *map, const char *path, Error *error) {
    int fd;
    *map = (FileMap){.path = path};
    TRY(open_regular(path, &fd, &map->size, error));
    void *data = map->size ? mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    int code = errno;
    close(fd);
    if (data == MAP_FAILED) {
        map->size = 0;
        return fail_io(error, path, "cannot map", code);
    }
    map->data = data;
    return OK;
}

void file_unmap(FileMap *map) {
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (FileMap){.path = map->path};
}

void file_forget(const void *data, size_t bytes) {
    uintptr_t first = (uintptr_t)data, page = (uintptr_t)sysconf(_SC_PAGESIZE), skip = first % page;
    // Of a read-only map nothing can be lost, so what cannot be given back simply stays.
    if (bytes) madvise((void *)(first - skip), bytes + skip, MADV_DONTNEED);
}

Status file_read(Text *out, Arena *arena, const char *path, size_t limit, Error *error) {
    int fd;
    size_t size;
    TRY(open_regular(path, &fd, &size, error));
    if (size > limit) {
        close(fd);
        return error_set(error, ERR_FORMAT, "%s: expected at most %zu bytes, found %zu", path, limit, size);
    }
    char *data = arena_alloc(arena, size + 1);
    ssize_t got = read_fully(fd, data, size);
    int code = errno;
    close(fd);
    if (got < 0) return fail_io(error, path, "cannot read", code);
    if ((size_t)got < size)
        return error_set(error, ERR_IO, "%s: expected %zu bytes, found %zu: it shrank while it was read", path, size, (size_t)got);
    data[size] = '\0';
    *out = (Text){data, size};
    return OK;
}

Status file_sha256(const char *path, char hex[65], Error *error) {
    int fd;
    size_t size;
    uint8_t block[1 << 16], digest[32];
    Sha256 hash;
    TRY(open_regular(path, &fd, &size, error));
    sha256_begin(&hash);
    ssize_t got;
    while ((got = read_fully(fd, block, sizeof block)) > 0) sha256_feed(&hash, block, (size_t)got);
    int code = errno;
    close(fd);
    if (got < 0) return fail_io(error, path, "cannot read", code);
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
    return OK;
}

bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_directory(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

const char *path_join(Arena *arena, const char *dir, const char *name) {
    size_t length = strlen(dir);
    Str path = str_make(arena);
    str_printf(&path, "%s%s%s", dir, length == 0 || dir[length - 1] == '/' ? "" : "/", name);
    return path.data;
}

// ---- Making things durable ----

// Forces a file or directory to the disk; 0 or errno. What cannot be synced (a pipe, some file systems' directories) is fine.
static int sync_fd(int fd) {
#ifdef F_FULLFSYNC
    if (fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
    while (fsync(fd) != 0)
        if (errno != EINTR) return errno == EINVAL || errno == ENOTSUP ? 0 : errno;
    return 0;
}

// Writes all bytes; 0 or errno. Interrupted and short writes go on.
static int write_fully(int fd, const void *data, size_t bytes) {
    for (const char *from = data; bytes;) {
        ssize_t put = write(fd, from, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return put < 0 ? errno : EIO;
        from += put;
        bytes -= (size_t)put;
    }
    return 0;
}

static Status sync_directory(const char *path, Error *error) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_io(error, path, "cannot open directory", errno);
    int code = sync_fd(fd);
    close(fd);
    return code ? fail_io(error, path, "cannot sync directory", code) : OK;
}

// The directory that holds `path`, without its last slash ("." when none is named).
static Status parent_of(char out[PATH_BYTES], const char *path, Error *error) {
    size_t length = strlen(path);
    if (length >= PATH_BYTES) return fail_io(error, path, "cannot use", ENAMETOOLONG);
    while (length > 1 && path[length - 1] == '/') length--;
    while (length > 0 && path[length - 1] != '/') length--;
    while (length > 1 && path[length - 1] == '/') length--;
    memcpy(out, length ? path : ".", length ? length : 1);
    out[length ? length : 1] = '\0';
    return OK;
}

static Status sync_parent(const char *path, Error *error) {
    char parent[PATH_BYTES];
    TRY(parent_of(parent, path, error));
    return sync_directory(parent, error);
}

Status directory_sync(const char *path, Error *error) { return TOGETHER(sync_directory(path, error)); }

static Status rename_path(const char *from, const char *to, Error *error) {
    if (rename(from, to) != 0) {
        int code = errno;
        return error_set(error, ERR_IO, "%s: cannot rename to %s: %s", from, to, strerror(code));
    }
    TRY(sync_parent(to, error));
    return sync_parent(from, error);
}

Status path_rename(const char *from, const char *to, Error *error) { return TOGETHER(rename_path(from, to, error)); }

// Locks a whole file for writing without waiting; 0 or errno.
static int lock_file(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_SETLK, &whole) == 0 ? 0 : errno;
}

// Opens the temporary of a file to be written. Its name is fixed, so what a killed writer left is used again; the lock
// keeps two writers apart. A lock taken on a file that its owner has just renamed away is given up and tried again.
static Status open_temporary(const char *path, const char *temporary, int *fd, Error *error) {
    for (int attempt = 0; attempt < 100; attempt++) {
        struct stat held, named;
        *fd = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0666);
        if (*fd < 0) return fail_io(error, path, "cannot write", errno);
        int code = lock_file(*fd);
        if (code == EACCES || code == EAGAIN) {
            close(*fd);
            return error_set(error, ERR_BUSY, "%s: another process is writing it", path);
        }
        if (fstat(*fd, &held) == 0 && stat(temporary, &named) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
            if (ftruncate(*fd, 0) == 0) return OK;
            code = errno;
            close(*fd);
            return fail_io(error, path, "cannot write", code);
        }
        close(*fd);
    }
    return error_set(error, ERR_BUSY, "%s: another process is writing it", path);
}

// Syncs, closes and renames a finished temporary; `failed` is what went wrong before. Any failure removes it.
static Status finish_temporary(int fd, const char *path, const char *temporary, int failed, Error *error) {
    if (failed == 0) failed = sync_fd(fd);
    if (failed) unlink(temporary);
    int closed = close(fd) != 0 && errno != EINTR ? errno : 0;
    if (failed == 0 && (closed || rename(temporary, path) != 0)) {
        failed = closed ? closed : errno;
        unlink(temporary);
    }
    return failed ? fail_io(error, path, "cannot write", failed) : sync_parent(path, error);
}

static Status write_file(const char *path, const void *data, size_t bytes, Error *error) {
    char temporary[PATH_BYTES];
    int fd;
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= PATH_BYTES) return fail_io(error, path, "cannot write", ENAMETOOLONG);
    TRY(open_temporary(path, temporary, &fd, error));
    return finish_temporary(fd, path, temporary, write_fully(fd, data, bytes), error);
}

Status file_write(const char *path, const void *data, size_t bytes, Error *error) { return TOGETHER(write_file(path, data, bytes, error)); }

// What other ranks write goes nowhere.
static int open_nothing(void) { return open("/dev/null", O_RDWR | O_CLOEXEC); }

Status writer_open(FileWriter *w, Arena *arena, const char *path, Error *error) {
    Str temporary = str_make(arena);
    str_printf(&temporary, "%s.tmp", path);
    *w = (FileWriter){.fd = -1, .path = path, .temporary = temporary.data, .arena = arena};
    TRY(TOGETHER(open_temporary(path, w->temporary, &w->fd, error)));
    if (comm_rank()) w->fd = open_nothing();
    w->buffer = arena_alloc(arena, WRITER_BYTES);
    return OK;
}

static void writer_flush(FileWriter *w) {
    if (w->failed == 0) w->failed = write_fully(w->fd, w->buffer, w->held);
    w->held = 0;
}

void writer_put(FileWriter *w, const void *data, size_t bytes) {
    REQUIRE(w->fd >= 0, "writer_put: %s is not open", w->path);
    w->written += bytes;
    if (bytes > WRITER_BYTES - w->held) writer_flush(w);
    // What is larger than the buffer goes past it.
    if (bytes > WRITER_BYTES) {
        if (w->failed == 0) w->failed = write_fully(w->fd, data, bytes);
    } else if (bytes) {
        memcpy(w->buffer + w->held, data, bytes);
        w->held += bytes;
    }
}

Status writer_finish(FileWriter *w, Error *error) {
    REQUIRE(w->fd >= 0, "writer_finish: %s is not open", w->path);
    writer_flush(w);
    int fd = w->fd;
    w->fd = -1;
    if (comm_rank()) close(fd);
    return TOGETHER(finish_temporary(fd, w->path, w->temporary, w->failed, error));
}

void writer_abandon(FileWriter *w) {
    if (w->fd < 0) return;
    if (comm_rank() == 0) unlink(w->temporary);
    close(w->fd);
    w->fd = -1;
}

// ---- Logs that only grow ----

// Where the last whole line ends: searches '\n' from the end backwards.
static Status last_line_end(int fd, const char *path, uint64_t size, uint64_t *end, Error *error) {
    char block[1 << 14];
    for (uint64_t high = size; high > 0;) {
        size_t take = high < sizeof block ? (size_t)high : sizeof block;
        ssize_t got = pread(fd, block, take, (off_t)(high - take));
        if (got < 0 && errno == EINTR) continue;
        if (got != (ssize_t)take) return fail_io(error, path, "cannot read", got < 0 ? errno : EIO);
        high -= take;
        ptrdiff_t newline = text_find_last((Text){block, take}, TEXT("\n"));
        if (newline < 0) continue;
        *end = high + (uint64_t)newline + 1;
        return OK;
    }
    *end = 0;
    return OK;
}

// Cuts the file behind a->fd to `keep` bytes or to its last whole line, and leaves its end in a->offset.
static Status cut_log(FileAppend *a, uint64_t size, uint64_t keep, Error *error) {
    uint64_t end = keep;
    if (keep == SIZE_MAX) {
        TRY(last_line_end(a->fd, a->path, size, &end, error));
    } else if (keep > 0 && keep <= size) {
        TRY(last_line_end(a->fd, a->path, keep, &end, error));
        if (end != keep)
            return error_set(error, ERR_DATA, "%s: expected a line to end at byte %llu, where the log is to go on", a->path,
                             (unsigned long long)keep);
    } else if (keep > size) {
        return error_set(error, ERR_DATA, "%s: expected at least %llu bytes, found %llu", a->path, (unsigned long long)keep,
                         (unsigned long long)size);
    }
    if (end < size && ftruncate(a->fd, (off_t)end) != 0) return fail_io(error, a->path, "cannot cut", errno);
    a->offset = end;
    return OK;
}

static Status open_log(FileAppend *a, const char *path, uint64_t keep, Error *error) {
    struct stat info;
    a->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
    if (a->fd < 0) return fail_io(error, path, "cannot write", errno);
    Status status = fstat(a->fd, &info) == 0 ? OK : fail_io(error, path, "cannot write", errno);
    // A device has no lines to cut. A new file needs its name on the disk too.
    if (status == OK && S_ISREG(info.st_mode)) {
        status = cut_log(a, (uint64_t)info.st_size, keep, error);
        if (status == OK && info.st_size == 0) status = sync_parent(path, error);
    }
    if (status != OK) {
        close(a->fd);
        a->fd = -1;
    }
    return status;
}

Status append_open(FileAppend *a, const char *path, uint64_t keep, Error *error) {
    *a = (FileAppend){.fd = -1, .path = path};
    TRY(TOGETHER(open_log(a, path, keep, error)));
    // The others count along.
    comm_broadcast(&a->offset, sizeof a->offset, 0);
    if (comm_rank()) a->fd = open_nothing();
    return OK;
}

Status append_line(FileAppend *a, Text line, Error *error) {
    REQUIRE(a->fd >= 0, "append_line: %s is not open", a->path);
    REQUIRE(line.size == 0 || memchr(line.data, '\n', line.size) == NULL, "append_line: %s: a line with a newline inside", a->path);
    char newline = '\n';
    struct iovec part[2] = {{(void *)(uintptr_t)line.data, line.size}, {&newline, 1}};
    ssize_t put;
    do put = writev(a->fd, part, 2);
    while (put < 0 && errno == EINTR);
    int code = put < 0 ? errno : 0;
    // After a short write the rest follows.
    if (code == 0 && (size_t)put < line.size) code = write_fully(a->fd, line.data + put, line.size - (size_t)put);
    if (code == 0 && (size_t)put <= line.size) code = write_fully(a->fd, &newline, 1);
    if (code == 0) {
        a->offset += line.size + 1;
        return OK;
    }
    // A torn line does not stay behind; a device cannot be cut, and its failure changes nothing.
    if (ftruncate(a->fd, (off_t)a->offset) != 0) errno = code;
    return fail_io(error, a->path, "cannot write", code);
}

Status append_sync(FileAppend *a, Error *error) {
    int code = sync_fd(a->fd);
    Status status = code ? fail_io(error, a->path, "cannot sync", code) : OK;
    return error ? comm_agree(status, error) : status;
}

Status append_close(FileAppend *a, Error *error) {
    if (a->fd < 0) return OK;
    int code = sync_fd(a->fd);
    if (close(a->fd) != 0 && errno != EINTR && code == 0) code = errno;
    a->fd = -1;
    Status status = code ? fail_io(error, a->path, "cannot write", code) : OK;
    return error ? comm_agree(status, error) : status;
}

// ---- Directories ----

static Status make_directory(const char *path, Error *error) {
    char part[PATH_BYTES];
    size_t length = strlen(path);
    if (length >= PATH_BYTES) return fail_io(error, path, "cannot make directory", ENAMETOOLONG);
    if (length == 0) return fail_io(error, path, "cannot make directory", ENOENT);
    // Each beginning of the path that ends before a slash or at its end.
    for (size_t i = 1; i <= length; i++) {
        if (i < length && path[i] != '/') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) == 0) {
            TRY(sync_parent(part, error));
        } else {
            int code = errno;
            if (!file_is_directory(part)) return fail_io(error, part, "cannot make directory", code == EEXIST ? ENOTDIR : code);
        }
    }
    return OK;
}

Status directory_make(const char *path, Error *error) { return TOGETHER(make_directory(path, error)); }

static int compare_names(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

Status directory_list(Arena *arena, const char *path, const char ***names, int *count, Error *error) {
    DIR *directory = opendir(path);
    if (directory == NULL) return fail_io(error, path, "cannot list directory", errno);
    size_t held = 0, capacity = 16;
    const char **list = arena_alloc(arena, capacity * sizeof *list);
    struct dirent *entry;
    while ((errno = 0, entry = readdir(directory)) != NULL) {
        if (is_dots(entry->d_name)) continue;
        if (held == capacity) {
            list = arena_grow(arena, list, capacity * sizeof *list, 2 * capacity * sizeof *list);
            capacity *= 2;
        }
        list[held++] = arena_copy(arena, entry->d_name, strlen(entry->d_name));
    }
    int code = errno;
    closedir(directory);
    if (code) return fail_io(error, path, "cannot list directory", code);
    qsort(list, held, sizeof *list, compare_names);
    *names = list;
    *count = (int)held;
    return OK;
}

// Removes what the open directory `fd` holds, and closes it; subdirectories are emptied `levels` deep. Symbolic links are
// removed, never followed. 0 or errno.
static int empty_directory(int fd, int levels) {
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        int code = errno;
        close(fd);
        return code;
    }
    int code = 0;
    bool removed = true;
    // Some systems skip entries while others go: turns until one removes nothing.
    while (removed && code == 0) {
        struct dirent *entry;
        removed = false;
        rewinddir(directory);
        while (code == 0 && (errno = 0, entry = readdir(directory)) != NULL) {
            struct stat info;
            if (is_dots(entry->d_name)) continue;
            if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
                code = errno;
                break;
            }
            bool folder = S_ISDIR(info.st_mode);
            if (folder && levels > 0) {
                int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                code = below < 0 ? errno : empty_directory(below, levels - 1);
            }
            if (code == 0 && unlinkat(fd, entry->d_name, folder ? AT_REMOVEDIR : 0) != 0) code = errno;
            removed = true;
        }
    }
    closedir(directory);
    return code;
}

static Status remove_directory(const char *path, Error *error) {
    // Without its last slashes, because "link/" would name what the link points to.
    char name[PATH_BYTES];
    size_t length = strlen(path);
    if (length >= PATH_BYTES) return fail_io(error, path, "cannot remove directory", ENAMETOOLONG);
    while (length > 1 && path[length - 1] == '/') length--;
    memcpy(name, path, length);
    name[length] = '\0';
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return OK;
    if (fd < 0) return fail_io(error, path, "cannot remove directory", errno);
    int code = empty_directory(fd, 1);
    if (code == 0 && rmdir(name) != 0) code = errno;
    return code ? fail_io(error, path, "cannot remove directory", code) : sync_parent(path, error);
}

Status directory_remove(const char *path, Error *error) { return TOGETHER(remove_directory(path, error)); }

// ---- The lock of a run directory ----

static Status take_lock(int *lock, const char *dir, Error *error) {
    char path[PATH_BYTES], text[32];
    if (snprintf(path, sizeof path, "%s/lock", dir) >= PATH_BYTES) return fail_io(error, dir, "cannot lock", ENAMETOOLONG);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd < 0) return fail_io(error, path, "cannot lock", errno);
    for (int attempt = 0;; attempt++) {
        int code = lock_file(fd);
        if (code == 0) break;
        struct flock owner = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        bool held = (code == EACCES || code == EAGAIN) && fcntl(fd, F_GETLK, &owner) == 0;
        // The owner may end between the two calls: then another try.
        if (held && owner.l_type == F_UNLCK && attempt < 10) continue;
        close(fd);
        if (!held) return fail_io(error, path, "cannot lock", code);
        return error_set(error, ERR_BUSY, "%s: in use by process %ld", dir, (long)owner.l_pid);
    }
    // Who holds it, for people; the lock itself is the system's.
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int code = ftruncate(fd, 0) != 0 ? errno : write_fully(fd, text, (size_t)length);
    if (code) {
        close(fd);
        return fail_io(error, path, "cannot write", code);
    }
    *lock = fd;
    return OK;
}

Status lock_take(int *lock, const char *dir, Error *error) { return TOGETHER(take_lock(lock, dir, error)); }

void lock_release(int lock) { close(lock); }
