#include "tensor/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A sentence stays one line whatever the names in it hold.
static void flatten(char *text) {
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
}

Status error_set(Error *error, Status status, const char *format, ...) {
    if (error == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    flatten(error->text);
    error->status = status;
    return status;
}

Status error_prefix(Error *error, const char *format, ...) {
    if (error == NULL) return ERR_IO;
    char old[ERROR_TEXT_MAX], prefix[ERROR_TEXT_MAX / 2];
    memcpy(old, error->text, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    // Both parts are bounded, so the cut that the compiler warns of is the wanted one.
    size_t used = strlen(prefix);
    memcpy(error->text, prefix, used);
    snprintf(error->text + used, sizeof error->text - used, ": %.*s", (int)(ERROR_TEXT_MAX - used - 3), old);
    flatten(error->text);
    return error->status;
}

_Noreturn void require_failed(const char *file, int line, const char *condition, const char *format, ...) {
    fprintf(stderr, "rlcd: internal error at %s:%d: (%s) ", file, line, condition);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}
