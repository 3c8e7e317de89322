// What the figures of a report share: the page, a figure's beginning and end, its id, names and values.
#ifndef TOOLS_REPORT_FRAME_H
#define TOOLS_REPORT_FRAME_H

#include "tools/results.h"

enum { FIGURE_WIDTH = 420 };  // drawing units

// The page that is being written.
typedef struct {
    Str *out;
    Arena *arena;
    const Results *results;  // of one task
    int task;                // its number on the page, from 0: part of every id
    const char *data;        // folder of the CSV files, as the page links to it
} Page;

// An id that is unique on the page, in its arena; `name` and `number` are unique within the task.
const char *figure_id(Page *page, const char *name, int number);

// <figure> with its title; the caption, the link to the file with the numbers, and </figure>.
void figure_begin(Page *page, const char *title);
void figure_end(Page *page, const char *caption, const char *file);

// Drawing units that the longest name of the methods needs, at most 170.
double figure_name_width(const Results *r);

// A name that would not fit its room is cut.
Text figure_short_name(Page *page, Text name);

// "0.757" of 3 decimals; percent: "75.7%" of the same.
void figure_value(Str *s, double value, bool percent, int decimals);

#endif
