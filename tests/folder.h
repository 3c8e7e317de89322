// What a suite needs that works on files: an arena, a temporary folder, an error to fill; a checked fixture of its test case.
//
//     tcase_add_checked_fixture(c, set_up, tear_down);
//
// The text stands here once; each suite has variables of its own.
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include "tests/support.h"

static Arena arena;
static Error error;
static const char *folder;

static void set_up(void) {
    arena = arena_make("test", 0);
    folder = temporary_make(&arena);
}

static void tear_down(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

#endif
