// Errors: what the world did wrong comes back as a Status with one sentence; what a caller did wrong aborts.
//
// The world (a file, a format, memory, a disk, a NaN loss) is expected to fail: functions return Status and fill the
// caller's Error with one sentence: what, where, expected, found. A caller's mistake (a wrong shape) is a bug: REQUIRE
// prints place and values and aborts; it is compiled into every build. Only tools/ prints an Error and exits.
#ifndef TENSOR_BASE_STATUS_H
#define TENSOR_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    OK = 0,
    ERR_IO,       // the operating system refused: open, read, write, sync, rename, lock
    ERR_FORMAT,   // a file's bytes are not what its format promises
    ERR_DATA,     // a file is well formed and says something that cannot be used
    ERR_MEMORY,   // memory or a stated cap is too small
    ERR_USAGE,    // command line or recipe
    ERR_NUMERIC,  // NaN or infinity where a number must be
    ERR_BUSY,     // another process holds the run directory
    ERR_STOPPED,  // a signal or --max-time asked for a stop; what was done is saved
} Status;

enum { ERROR_TEXT_MAX = 1024 };

// One failure, told once. `text` is a single sentence without a final newline.
typedef struct {
    Status status;
    char text[ERROR_TEXT_MAX];
} Error;

// Fills `error` (may be NULL) by printf rules, cutting at ERROR_TEXT_MAX, and returns `status` so that callers can
// write `return error_set(...)`. Control characters in the result become '?': a hostile name cannot break the line.
Status error_set(Error *error, Status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

// Puts "prefix: " in front of the sentence that `error` holds; returns its status. Used to add a file's name on the way up.
Status error_prefix(Error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Returns from the calling function when `expression` is a failure.
#define TRY(expression)                   \
    do {                                  \
        Status try_status = (expression); \
        if (try_status != OK) return try_status; \
    } while (0)

// Jumps to the function's single `done:` label when `expression` is a failure; the function has `Status status`.
#define TRY_DONE(expression)        \
    do {                            \
        status = (expression);      \
        if (status != OK) goto done; \
    } while (0)

// Prints file, line, the condition and the printf-style values, then aborts.
_Noreturn void require_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define REQUIRE(condition, ...)                                                            \
    do {                                                                                   \
        if (!(condition)) require_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);     \
    } while (0)

// a*b and a+b of sizes that come from a file: false when the result does not fit, `out` then untouched.
static inline bool checked_mul(size_t a, size_t b, size_t *out) {
    size_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}
static inline bool checked_add(size_t a, size_t b, size_t *out) {
    size_t r;
    if (__builtin_add_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

#endif
