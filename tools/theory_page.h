// The page of `rlcd theory`: the paper's table, both methods' lines, where they cross, and the surface as maps.
#ifndef TOOLS_THEORY_PAGE_H
#define TOOLS_THEORY_PAGE_H

#include "tensor/base/str.h"
#include "tools/theory.h"

// theory.html: one page without scripts and without anything from elsewhere; links to theory.csv and theory.jsonl beside it.
void theory_write_page(Str *s, const Theory *theory, Arena *arena);

#endif
