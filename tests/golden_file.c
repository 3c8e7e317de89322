#include "tests/golden_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Golden golden_open(Arena *arena, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "tests/golden/%s", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    ck_assert_int_ge(size, 9);
    rewind(file);
    Golden golden = {arena_alloc(arena, (size_t)size + 1), (size_t)size, arena};
    ck_assert_uint_eq(fread(golden.bytes, 1, golden.size, file), golden.size);
    fclose(file);
    golden.bytes[golden.size] = '\0';
    ck_assert_msg(memcmp(golden.bytes, "golden 1\n", 9) == 0, "%s: another format", path);
    return golden;
}

// Walks the arrays to the one of that name and copies its values to aligned memory.
static void *find(const Golden *golden, const char *name, const char *type, size_t width, size_t *n) {
    size_t at = 9;
    while (at < golden->size) {
        char found[128], kind[8];
        char *end = memchr(golden->bytes + at, '\n', golden->size - at);
        ck_assert_ptr_nonnull(end);
        ck_assert_int_eq(sscanf(golden->bytes + at, "%127s %7s %zu", found, kind, n), 3);
        size_t bytes = *n * (strcmp(kind, "f64") == 0 ? 8 : 4);
        at = (size_t)(end - golden->bytes) + 1;
        if (strcmp(found, name) == 0) {
            ck_assert_str_eq(kind, type);
            ck_assert_uint_le(at + *n * width, golden->size);
            return arena_copy(golden->arena, golden->bytes + at, *n * width);
        }
        at += bytes + 1;
    }
    ck_abort_msg("golden array %s is not there", name);
    return NULL;
}

float *golden_f32(const Golden *golden, const char *name, size_t *n) { return find(golden, name, "f32", 4, n); }
double *golden_f64(const Golden *golden, const char *name, size_t *n) { return find(golden, name, "f64", 8, n); }
int32_t *golden_i32(const Golden *golden, const char *name, size_t *n) { return find(golden, name, "i32", 4, n); }

void golden_check(const Golden *golden, const char *name, const float *found, size_t n) {
    size_t count;
    const double *expected = golden_f64(golden, name, &count);
    ck_assert_msg(count == n, "%s: %zu golden values, %zu found", name, count, n);
    double error = relative_error(found, expected, n);
    ck_assert_msg(error < 1e-5, "%s: error %.3g of the norm", name, error);
}
