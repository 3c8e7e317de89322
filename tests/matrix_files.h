// Matrix folders for tests: one written by tests/matrix.sh, and small ones whose every number is known.
#ifndef TESTS_MATRIX_FILES_H
#define TESTS_MATRIX_FILES_H

#include "tensor/base/arena.h"

// A folder with plausible numbers of eight methods, made by tests/matrix.sh below `folder`; its path.
const char *matrix_plausible(Arena *arena, const char *folder, int seed, int prompts, int steps);

// A folder of three methods (base, rlcd, rlaif-novice) and four prompts, whose numbers are those in the tables of matrix_files.c; its path.
const char *matrix_small(Arena *arena, const char *folder, const char *name, int seed);

#endif
