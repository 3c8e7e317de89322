// What `rlcd theory` shows and writes: the table, the surface as rows and as CSV; the page is in theory_page.h.
#ifndef TOOLS_THEORY_FILES_H
#define TOOLS_THEORY_FILES_H

#include "tensor/base/str.h"
#include "tools/theory.h"

// What the paper gives for a method's labels (hard pairs or all) at this place; NaN where it says nothing.
double theory_paper(const TheoryPlace *place, TheoryMethod method, bool hard);

// The table and where RLAIF overtakes RLCD, as plain text.
void theory_write_table(Str *s, const Theory *theory);

// theory.jsonl: rows of kind `table`, `cell` and `crossing` (docs/formats.md).
void theory_write_rows(Str *s, const Theory *theory);

// theory.csv: the cells of the surface.
void theory_write_csv(Str *s, const Theory *theory);

// Makes the folder and writes theory.jsonl, theory.csv and theory.html into it.
Status theory_write(const Theory *theory, const char *dir, Arena *arena, Error *error);

#endif
