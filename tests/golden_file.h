// Golden values: a file of named arrays that a script in tests/golden/ wrote.
//
//     line "golden 1", then per array a line "NAME TYPE COUNT" (f32, f64 or i32) and COUNT little-endian values, then a newline
#ifndef TESTS_GOLDEN_FILE_H
#define TESTS_GOLDEN_FILE_H

#include "tests/support.h"

typedef struct {
    char *bytes;
    size_t size;
    Arena *arena;
} Golden;

// Reads tests/golden/NAME (tests run in the root).
Golden golden_open(Arena *arena, const char *name);

// The values of one array, aligned; its count goes to *n. Fails the test when it is missing or of another type.
float *golden_f32(const Golden *golden, const char *name, size_t *n);
double *golden_f64(const Golden *golden, const char *name, size_t *n);
int32_t *golden_i32(const Golden *golden, const char *name, size_t *n);

// Compares with the f64 array `name`: the largest difference is at most 1e-5 of the array's norm.
void golden_check(const Golden *golden, const char *name, const float *found, size_t n);

#endif
