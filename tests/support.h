// What tests share: the runner's list, paths, temporary folders, skipping without ../shared, float comparison.
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <check.h>
#include <stddef.h>

#include "tensor/base/arena.h"
#include "tensor/base/status.h"

// Path of a file below RLCD_SHARED, or NULL after printing "SKIPPED: <reason>" (CI fails when that line appears).
const char *shared_file(const char *name);

// Path of the program under test: RLCD_BINARY, else ./build/rlcd.
const char *program_path(void);

// A fresh empty folder below TMPDIR; removed (with contents) by temporary_remove.
const char *temporary_make(Arena *arena);
void temporary_remove(const char *path);

// Largest |a - b| / norm(b) over n values, both sums in double: how golden tensors are compared.
double relative_error(const float *a, const double *b, size_t n);

// Checks that a Status is OK and prints the Error's sentence if not.
#define ck_ok(expression, error) ck_assert_msg((expression) == OK, "%s", (error).text)

// Bits of a float, for comparisons that tell -0 from +0; all NaN are one value.
unsigned float_bits(float x);

#endif
