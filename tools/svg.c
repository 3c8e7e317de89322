#include "tools/svg.h"

#include <math.h>
#include <string.h>

#include "tools/html.h"

bool svg_is_drawn(double value) { return isfinite(value) && value > -1e9 && value < 1e9; }

void svg_widen(double *low, double *high, double value) {
    if (!svg_is_drawn(value)) return;
    if (value < *low) *low = value;
    if (value > *high) *high = value;
}

// The largest whole number <= x, for |x| < 1e15.
static double floor_of(double x) {
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

SvgTicks svg_ticks(double low, double high, int wanted) {
    REQUIRE(wanted >= 2 && wanted <= 8, "svg_ticks: %d steps", wanted);
    if (!svg_is_drawn(low) || !svg_is_drawn(high) || low > high) low = 0, high = 1;
    double size = low < 0 ? -low : low;
    if (high - low <= 1e-9 * (1 + size)) low -= 0.5 * (1 + size), high += 0.5 * (1 + size);
    // The smallest of 1, 2, 5, 10, ... times a power of ten that needs about the wanted steps.
    static const double TIMES[] = {1, 2, 5};
    SvgTicks t = {.count = 0};
    double power = 1, step = 0, span = (high - low) / wanted;
    while (power > span) power /= 10, t.decimals++;
    while (power * 10 <= span) power *= 10, t.decimals--;
    for (int i = 0; i < 4 && step < 0.9 * span; i++) step = i < 3 ? power * TIMES[i] : power * 10;
    if (step >= power * 10 * (1 - 1e-9)) t.decimals--;
    if (t.decimals < 0) t.decimals = 0;
    double first = floor_of(low / step + 1e-9), last = -floor_of(-high / step + 1e-9);
    // Values that reach over a tick by less than a twelfth of a step need no further one.
    if (last - first > 1 && (first + 1) * step - low < step / 12) first++;
    if (last - first > 1 && high - (last - 1) * step < step / 12) last--;
    for (double k = first; k <= last && t.count < SVG_TICKS; k++) t.tick[t.count++] = k * step;
    return t;
}

void svg_number(Str *s, double value) {
    // Tenths, rounded half away from zero; what is out of every picture stays at its edge.
    if (!(value > -1e6)) value = -1e6;
    if (value > 1e6) value = 1e6;
    int64_t tenths = (int64_t)(value * 10 + (value < 0 ? -0.5 : 0.5));
    if (tenths < 0) str_append_char(s, '-'), tenths = -tenths;
    str_printf(s, "%lld", (long long)(tenths / 10));
    if (tenths % 10) str_printf(s, ".%lld", (long long)(tenths % 10));
}

static void point(Str *s, double x, double y) {
    svg_number(s, x);
    str_append_char(s, ',');
    svg_number(s, y);
}

// name="12.3"
static void attribute(Str *s, const char *name, double value) {
    str_printf(s, " %s=\"", name);
    svg_number(s, value);
    str_append_char(s, '"');
}

Svg svg_open(Str *out, const char *id, const char *title, Text description, double width, double height) {
    Svg svg = {.out = out};
    str_append(out, TEXT("<svg viewBox=\"0 0 "));
    svg_number(out, width);
    str_append_char(out, ' ');
    svg_number(out, height);
    str_printf(out, "\" role=\"img\" aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">", id, id, id);
    html_text(out, text_of(title));
    str_printf(out, "</title><desc id=\"%s-d\">", id);
    html_text(out, description);
    str_append(out, TEXT("</desc>\n"));
    return svg;
}

void svg_close(Svg *svg) { str_append(svg->out, TEXT("</svg>\n")); }

void svg_area(Svg *svg, double left, double right, double top, double bottom, const SvgTicks *x, const SvgTicks *y) {
    svg->left = left, svg->right = right, svg->top = top, svg->bottom = bottom;
    svg->x_low = x->tick[0], svg->x_high = x->tick[x->count - 1];
    svg->y_low = y->tick[0], svg->y_high = y->tick[y->count - 1];
}

double svg_x(const Svg *svg, double x) { return svg->left + (x - svg->x_low) / (svg->x_high - svg->x_low) * (svg->right - svg->left); }
double svg_y(const Svg *svg, double y) { return svg->bottom - (y - svg->y_low) / (svg->y_high - svg->y_low) * (svg->bottom - svg->top); }

// The number at a tick.
static Text tick_text(Str *s, const SvgTicks *ticks, int i, bool percent) {
    int decimals = percent ? (ticks->decimals > 2 ? ticks->decimals - 2 : 0) : ticks->decimals;
    html_number(s, ticks->tick[i] * (percent ? 100 : 1), decimals);
    if (percent) str_append(s, TEXT("%"));
    return str_text(s);
}

void svg_axis_x(Svg *svg, const SvgTicks *ticks, const char *name, bool percent) {
    for (int i = 0; i < ticks->count; i++) {
        Str text = str_make(svg->out->arena);
        double x = svg_x(svg, ticks->tick[i]);
        svg_rule(svg, "grid", x, svg->top, x, svg->bottom);
        svg_label(svg, "tick", x, svg->bottom + 15, "middle", tick_text(&text, ticks, i, percent));
    }
    svg_label(svg, "axis", (svg->left + svg->right) / 2, svg->bottom + 32, "middle", text_of(name));
}

void svg_axis_y(Svg *svg, const SvgTicks *ticks, const char *name, bool percent) {
    for (int i = 0; i < ticks->count; i++) {
        Str text = str_make(svg->out->arena);
        double y = svg_y(svg, ticks->tick[i]);
        svg_rule(svg, "grid", svg->left, y, svg->right, y);
        svg_label(svg, "tick", svg->left - 6, y + 4, "end", tick_text(&text, ticks, i, percent));
    }
    // The name stands above the axis, where it is read without turning the head.
    svg_label(svg, "axis", svg->left - 6, svg->top - 11, "start", text_of(name));
}

void svg_group(Svg *svg, const char *name, const char *style) {
    str_printf(svg->out, "<g class=\"%s%s%s\">", name, style ? " " : "", style ? style : "");
}

void svg_group_end(Svg *svg) { str_append(svg->out, TEXT("</g>\n")); }

void svg_line(Svg *svg, const double *x, const double *y, int n, double width, const char *dash) {
    Str *s = svg->out;
    bool open = false, any = false;
    for (int i = 0; i < n; i++) {
        bool drawn = svg_is_drawn(x[i]) && svg_is_drawn(y[i]);
        if (drawn) {
            if (!any) str_append(s, TEXT("<path class=\"line\" d=\""));
            str_append_char(s, open ? 'L' : 'M');
            point(s, svg_x(svg, x[i]), svg_y(svg, y[i]));
            any = true;
        }
        open = drawn;
    }
    if (!any) return;
    str_append_char(s, '"');
    attribute(s, "stroke-width", width);
    if (dash) str_printf(s, " stroke-dasharray=\"%s\"", dash);
    str_append(s, TEXT("/>\n"));
}

// One stretch of a band: along the upper edge, and back along the lower one.
static void band_part(Svg *svg, const double *x, const double *low, const double *high, int first, int last) {
    Str *s = svg->out;
    if (last - first < 1) return;
    str_append(s, TEXT("<path class=\"band\" d=\""));
    for (int i = first; i <= last; i++) {
        str_append_char(s, i == first ? 'M' : 'L');
        point(s, svg_x(svg, x[i]), svg_y(svg, high[i]));
    }
    for (int i = last; i >= first; i--) {
        str_append_char(s, 'L');
        point(s, svg_x(svg, x[i]), svg_y(svg, low[i]));
    }
    str_append(s, TEXT("Z\"/>\n"));
}

void svg_band(Svg *svg, const double *x, const double *low, const double *high, int n) {
    int first = 0;
    for (int i = 0; i <= n; i++) {
        if (i < n && svg_is_drawn(x[i]) && svg_is_drawn(low[i]) && svg_is_drawn(high[i])) continue;
        band_part(svg, x, low, high, first, i - 1);
        first = i + 1;
    }
}

void svg_cell(Svg *svg, double x1, double y1, double x2, double y2, double strength) {
    double left = svg_x(svg, x1), right = svg_x(svg, x2), bottom = svg_y(svg, y1), top = svg_y(svg, y2);
    str_append(svg->out, TEXT("<rect fill=\"currentColor\""));
    attribute(svg->out, "x", left);
    attribute(svg->out, "y", top);
    attribute(svg->out, "width", right - left);
    attribute(svg->out, "height", bottom - top);
    str_append(svg->out, TEXT(" fill-opacity=\""));
    html_number(svg->out, strength > 1 ? 1 : strength > 0 ? strength : 0, 2);
    str_append(svg->out, TEXT("\"/>\n"));
}

void svg_rule(Svg *svg, const char *name, double x1, double y1, double x2, double y2) {
    str_printf(svg->out, "<path class=\"%s\" d=\"M", name);
    point(svg->out, x1, y1);
    str_append_char(svg->out, 'L');
    point(svg->out, x2, y2);
    str_append(svg->out, TEXT("\"/>\n"));
}

void svg_mark(Svg *svg, int shape, double x, double y, double radius, bool filled) {
    Str *s = svg->out;
    const char *name = filled ? "mark" : "mark hollow";
    if (shape % 4 == 0) {
        str_printf(s, "<circle class=\"%s\"", name);
        attribute(s, "cx", x);
        attribute(s, "cy", y);
        attribute(s, "r", radius);
        str_append(s, TEXT("/>\n"));
        return;
    }
    // Corners around the centre, of about the circle's area.
    static const double CORNERS[3][4][2] = {{{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}},
                                            {{0, -1.25}, {1.15, 0.85}, {-1.15, 0.85}, {0, -1.25}},
                                            {{0, -1.25}, {1.25, 0}, {0, 1.25}, {-1.25, 0}}};
    str_printf(s, "<path class=\"%s\" d=\"", name);
    for (int i = 0; i < 4; i++) {
        const double *corner = CORNERS[shape % 4 - 1][i];
        str_append_char(s, i ? 'L' : 'M');
        point(s, x + radius * corner[0], y + radius * corner[1]);
    }
    str_append(s, TEXT("Z\"/>\n"));
}

void svg_label(Svg *svg, const char *name, double x, double y, const char *anchor, Text text) {
    str_printf(svg->out, "<text class=\"%s\"", name);
    attribute(svg->out, "x", x);
    attribute(svg->out, "y", y);
    if (strcmp(anchor, "start") != 0) str_printf(svg->out, " text-anchor=\"%s\"", anchor);
    str_append_char(svg->out, '>');
    html_text(svg->out, text);
    str_append(svg->out, TEXT("</text>\n"));
}

void svg_spread(double *y, int n, double gap, double top, double bottom) {
    int order[64];
    REQUIRE(n >= 0 && n <= 64, "svg_spread: %d labels", n);
    // Order by height, then by index.
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && y[order[at - 1]] > y[i]; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    // Neighbours that are too near move apart by half of what is missing each, until none is left.
    for (int round = 0; round < 200; round++) {
        bool moved = false;
        for (int k = 0; k + 1 < n; k++) {
            double missing = gap - (y[order[k + 1]] - y[order[k]]);
            if (missing <= 0.01) continue;
            y[order[k]] -= missing / 2;
            y[order[k + 1]] += missing / 2;
            moved = true;
        }
        if (!moved) break;
    }
    // Inside the edges: from the bottom up, then from the top down, which wins where there is no room.
    double limit = bottom;
    for (int k = n - 1; k >= 0; k--, limit -= gap)
        if (y[order[k]] > limit)
            y[order[k]] = limit;
        else
            limit = y[order[k]];
    limit = top;
    for (int k = 0; k < n; k++, limit += gap)
        if (y[order[k]] < limit)
            y[order[k]] = limit;
        else
            limit = y[order[k]];
}
