// Text for pages and drawings: whatever a file said becomes valid UTF-8 that no browser takes for markup.
#ifndef TOOLS_HTML_H
#define TOOLS_HTML_H

#include "tensor/base/str.h"

// Appends text with & < > " ' as references. Controls (but newline and tab), the marks that turn the direction of writing, and what HTML
// forbids are shown as U+XXXX in angle brackets; bytes that are not UTF-8 as U+FFFD. Good inside elements and quoted attributes.
void html_text(Str *s, Text text);

// A number with a fixed count of decimals, a real minus sign, and no sign on what rounds to zero. "?" when it is not finite.
void html_number(Str *s, double value, int decimals);

#endif
