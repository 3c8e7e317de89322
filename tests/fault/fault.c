// Preloaded by tests/torture.sh: the N-th call of the program to the system fails, or the program is killed there.
//
//     FAULT_AT=7       the seventh call that counts (none: nothing happens)
//     FAULT_EVER=1     every later one fails as well
//     FAULT_CALL=fsync only calls of this name count
//     FAULT_KIND=kill  SIGKILL in front of the call instead of an error; then only calls that change files count
//     FAULT_MET=FILE   gets the call's name when the fault was met
//
// An allocation gets NULL, a thread EAGAIN, the rest -1 with ENOSPC, ENOMEM or EIO.
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;
static long at, armed;
static bool ever, killing;
static const char *only, *met;

// The environment is read before main; what the loader does earlier does not count.
__attribute__((constructor)) static void begin(void) {
    const char *number = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
    ever = getenv("FAULT_EVER") != NULL;
    killing = kind != NULL && strcmp(kind, "kill") == 0;
    only = getenv("FAULT_CALL");
    met = getenv("FAULT_MET");
    at = number ? atol(number) : 0;
    armed = at > 0;
}

// Whether this call is the one.
static bool fault(const char *name, bool changes) {
    if (!armed || (killing && !changes) || (only && strcmp(only, name) != 0)) return false;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call != at && !(ever && call > at)) return false;
    if (met && call == at) {
        long fd = syscall(SYS_openat, AT_FDCWD, met, O_WRONLY | O_CREAT, 0666);
        syscall(SYS_write, fd, name, strlen(name));
        syscall(SYS_close, fd);
    }
    if (killing) syscall(SYS_kill, getpid(), SIGKILL);
    return true;
}

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))
#define FAIL(name, changes, code, value) \
    do {                                 \
        if (fault(name, changes)) {      \
            errno = (code);              \
            return (value);              \
        }                                \
    } while (0)

// glibc's own names: dlsym may allocate.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size) {
    FAIL("malloc", false, ENOMEM, NULL);
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    FAIL("calloc", false, ENOMEM, NULL);
    return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    FAIL("realloc", false, ENOMEM, NULL);
    return __libc_realloc(old, size);
}
void *mmap(void *where, size_t size, int access, int flags, int fd, off_t offset) {
    FAIL("mmap", false, ENOMEM, MAP_FAILED);
    return NEXT(mmap)(where, size, access, flags, fd, offset);
}
int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*work)(void *), void *context) {
    if (fault("pthread_create", false)) return EAGAIN;
    return NEXT(pthread_create)(thread, how, work, context);
}
int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(list, int) : 0;
    va_end(list);
    FAIL("open", (flags & O_CREAT) != 0, EIO, -1);
    return NEXT(open)(path, flags, mode);
}
int fstat(int fd, struct stat *info) {
    FAIL("fstat", false, EIO, -1);
    return NEXT(fstat)(fd, info);
}
ssize_t read(int fd, void *to, size_t bytes) {
    FAIL("read", false, EIO, -1);
    return NEXT(read)(fd, to, bytes);
}
ssize_t pread(int fd, void *to, size_t bytes, off_t offset) {
    FAIL("pread", false, EIO, -1);
    return NEXT(pread)(fd, to, bytes, offset);
}
ssize_t write(int fd, const void *from, size_t bytes) {
    FAIL("write", true, ENOSPC, -1);
    return NEXT(write)(fd, from, bytes);
}
int close(int fd) {
    // The descriptor is gone all the same, as the system does it.
    bool failing = fault("close", true);
    int result = NEXT(close)(fd);
    if (failing) errno = EIO;
    return failing ? -1 : result;
}
int fsync(int fd) {
    FAIL("fsync", true, EIO, -1);
    return NEXT(fsync)(fd);
}
int ftruncate(int fd, off_t size) {
    FAIL("ftruncate", true, EIO, -1);
    return NEXT(ftruncate)(fd, size);
}
int rename(const char *from, const char *to) {
    FAIL("rename", true, EIO, -1);
    return NEXT(rename)(from, to);
}
int mkdir(const char *path, mode_t mode) {
    FAIL("mkdir", true, ENOSPC, -1);
    return NEXT(mkdir)(path, mode);
}
int unlink(const char *path) {
    FAIL("unlink", true, EIO, -1);
    return NEXT(unlink)(path);
}
int unlinkat(int dir, const char *path, int flags) {
    FAIL("unlinkat", true, EIO, -1);
    return NEXT(unlinkat)(dir, path, flags);
}
DIR *opendir(const char *path) {
    FAIL("opendir", false, ENOMEM, NULL);
    return NEXT(opendir)(path);
}
struct dirent *readdir(DIR *dir) {
    FAIL("readdir", false, EIO, NULL);
    return NEXT(readdir)(dir);
}
