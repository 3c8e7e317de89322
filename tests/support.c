#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *shared_file(const char *name) {
    static char path[4096];
    const char *root = getenv("RLCD_SHARED");
    struct stat info;
    if (root == NULL) {
        fprintf(stderr, "SKIPPED: needs %s below RLCD_SHARED, which is not set\n", name);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (stat(path, &info) != 0) {
        fprintf(stderr, "SKIPPED: %s is not there\n", path);
        return NULL;
    }
    return path;
}

const char *program_path(void) {
    const char *path = getenv("RLCD_BINARY");
    return path ? path : "build/rlcd";
}

const char *temporary_make(Arena *arena) {
    const char *root = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/rlcd-test-XXXXXX", root ? root : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(path));
    return arena_copy(arena, path, strlen(path));
}

void temporary_remove(const char *path) {
    char command[4200];
    ck_assert_ptr_nonnull(strstr(path, "rlcd-test-"));
    snprintf(command, sizeof command, "rm -rf -- '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

double relative_error(const float *a, const double *b, size_t n) {
    double norm = 0, worst = 0;
    for (size_t i = 0; i < n; i++) norm += b[i] * b[i];
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)a[i] - b[i]));
    return norm > 0 ? worst / sqrt(norm) : worst;
}

unsigned float_bits(float x) {
    unsigned bits;
    if (x != x) return 0x7fc00000u;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
