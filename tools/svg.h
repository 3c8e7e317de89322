// Drawings as inline SVG: a plot area with a linear scale on each axis, lines, bands, marks, whiskers and labels that keep apart.
// Colours are the page's: whatever is drawn inside a group takes the group's `color` (CSS), text its class.
#ifndef TOOLS_SVG_H
#define TOOLS_SVG_H

#include "tensor/base/str.h"

typedef struct {
    Str *out;
    double left, right, top, bottom;      // edges of the plot area, in drawing units; y grows downwards
    double x_low, x_high, y_low, y_high;  // the values at left, right, bottom, top
} Svg;

enum { SVG_TICKS = 16 };

// Round numbers (1, 2 or 5 times a power of ten apart) that cover a range.
typedef struct {
    int count, decimals;
    double tick[SVG_TICKS];
} SvgTicks;

// Ticks from the last round number <= low to the first >= high, with about `wanted` steps, 2 <= wanted <= 8; a value may lie outside by a
// twelfth of a step. An empty or unusable range becomes one around it, or 0..1.
SvgTicks svg_ticks(double low, double high, int wanted);

// Whether a value can be drawn: finite and of a size that a drawing can show.
bool svg_is_drawn(double value);

// Widens [*low, *high] to hold a value; values that cannot be drawn are passed over. Begin with SVG_EMPTY.
#define SVG_EMPTY_LOW 1e12
#define SVG_EMPTY_HIGH (-1e12)
void svg_widen(double *low, double *high, double value);

// <svg> of width x height units with a title and a description for those who cannot see it; `id` is unique on the page, ASCII letters,
// digits and '-'. Ends with svg_close.
Svg svg_open(Str *out, const char *id, const char *title, Text description, double width, double height);
void svg_close(Svg *svg);

// Sets the plot area and its scales to the outermost ticks.
void svg_area(Svg *svg, double left, double right, double top, double bottom, const SvgTicks *x, const SvgTicks *y);

// Values in drawing units.
double svg_x(const Svg *svg, double x);
double svg_y(const Svg *svg, double y);

// Grid lines with numbers, and the axis' name. `percent` multiplies by 100 and adds "%".
void svg_axis_x(Svg *svg, const SvgTicks *ticks, const char *name, bool percent);
void svg_axis_y(Svg *svg, const SvgTicks *ticks, const char *name, bool percent);

// A group of one class; `style` (may be NULL) is further class names.
void svg_group(Svg *svg, const char *name, const char *style);
void svg_group_end(Svg *svg);

// A line through points in drawing order; one that cannot be drawn breaks it. `dash` NULL: solid.
void svg_line(Svg *svg, const double *x, const double *y, int n, double width, const char *dash);

// The area between low and high over x; gaps where either cannot be drawn.
void svg_band(Svg *svg, const double *x, const double *low, const double *high, int n);

// A filled rectangle between two points in values, in the group's colour; `strength` (0 to 1) is its opacity.
void svg_cell(Svg *svg, double x1, double y1, double x2, double y2, double strength);

// A straight line in drawing units, of a class.
void svg_rule(Svg *svg, const char *name, double x1, double y1, double x2, double y2);

// A mark at a point in drawing units: 0 circle, 1 square, 2 triangle, 3 diamond, and so on around.
void svg_mark(Svg *svg, int shape, double x, double y, double radius, bool filled);

// Text in drawing units: anchor "start", "middle" or "end"; escaped.
void svg_label(Svg *svg, const char *name, double x, double y, const char *anchor, Text text);

// Moves heights apart so that neighbours in order of height differ by at least `gap` and stay within [top, bottom] where they fit; the
// order among them is kept, ties by index. n <= 64.
void svg_spread(double *y, int n, double gap, double top, double bottom);

// Appends a number with one decimal, as coordinates are written.
void svg_number(Str *s, double value);

#endif
