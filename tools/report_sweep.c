#include "tools/report_sweep.h"

#include <math.h>
#include <string.h>

#include "tools/html.h"
#include "tools/report_style.h"
#include "tools/svg.h"

enum { LINES = 2 * SWEEP_LINES, HEIGHT = 300 };

// A method of a sweep: what is calculated of it, what was trained; one of both may be NULL.
typedef struct {
    const SweepLine *predicted, *trained;
    const ResultMethod *method;  // of `Shown.all`: colour, mark and dash
} SweptMethod;

typedef struct {
    const Sweep *sweep;
    int count;
    SweptMethod swept[LINES];
    Results all;  // the page's methods, then those that only the sweep has
} Shown;

static const SweepLine *find_line(const SweepLines *lines, Text name) {
    for (int i = 0; i < lines->count; i++)
        if (text_equal(lines->line[i].name, name)) return &lines->line[i];
    return NULL;
}

// The method of that name; a new one is of the kind that its name begins with.
static int find_method(Results *all, Text name) {
    for (int i = 0; i < all->methods; i++)
        if (text_equal(all->method[i].name, name)) return i;
    ptrdiff_t dash = text_find(name, TEXT("-"));
    all->method[all->methods] = (ResultMethod){.name = name, .kind = {name.data, dash < 0 ? name.size : (size_t)dash}};
    return all->methods++;
}

// Everything of a sweep by method, in the order of its rows.
static Shown *gather(Page *page, const Sweep *sweep) {
    const Results *r = page->results;
    const SweepLines *sides[] = {&sweep->predicted, &sweep->trained};
    Shown *shown = arena_zeros(page->arena, 1, sizeof *shown);
    int index[LINES];
    shown->sweep = sweep;
    shown->all.methods = r->methods;
    shown->all.method = arena_alloc(page->arena, (size_t)(r->methods + LINES) * sizeof *r->method);
    if (r->methods) memcpy(shown->all.method, r->method, (size_t)r->methods * sizeof *r->method);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < sides[side]->count; i++) {
            Text name = sides[side]->line[i].name;
            if (side == 1 && find_line(&sweep->predicted, name)) continue;
            index[shown->count] = find_method(&shown->all, name);
            shown->swept[shown->count++] =
                (SweptMethod){.predicted = find_line(&sweep->predicted, name), .trained = find_line(&sweep->trained, name)};
        }
    for (int i = 0; i < shown->count; i++) shown->swept[i].method = &shown->all.method[index[i]];
    return shown;
}

// ---- what a knob is

static const char *knob_title(Text knob) {
    if (text_equal(knob, TEXT("delta"))) return "How far the affixes pull the replies apart";
    if (text_equal(knob, TEXT("leak"))) return "How much they pull at the tone as well";
    return "Over another knob of the world";
}

static const char *knob_axis(Text knob, Arena *arena) {
    Str s = str_make(arena);
    str_append(&s, knob);
    if (text_equal(knob, TEXT("delta"))) str_append(&s, TEXT(": what an affix moves the attribute by"));
    if (text_equal(knob, TEXT("leak"))) str_append(&s, TEXT(": what an affix moves the tone by"));
    return s.data;
}

// ---- the drawing

// Whether a line lies under one that is drawn later.
static bool is_hidden(const Shown *shown, const SweptMethod *m) {
    for (const SweptMethod *above = shown->swept; above < m; above++) {
        const SweepLine *a = above->predicted, *b = m->predicted;
        bool same = a && b && a->points == b->points;
        for (int i = 0; same && i < a->points; i++)
            same = a->point[i].value == b->point[i].value && fabs(a->point[i].oracle - b->point[i].oracle) < 0.006;
        if (same) return true;
    }
    return false;
}

static void widen(const SweepLine *line, double x[2], double y[2]) {
    for (int i = 0; line && i < line->points; i++) {
        svg_widen(&x[0], &x[1], line->point[i].value);
        svg_widen(&y[0], &y[1], line->point[i].oracle);
        if (isnan(line->point[i].low)) continue;
        // A score lies between 0 and 1, whatever an interval over few seeds says.
        svg_widen(&y[0], &y[1], line->point[i].low < 0 ? 0 : line->point[i].low);
        svg_widen(&y[0], &y[1], line->point[i].high > 1 ? 1 : line->point[i].high);
    }
}

static void draw_predicted(Svg *svg, const Shown *shown, const SweptMethod *m) {
    double x[SWEEP_POINTS], y[SWEEP_POINTS];
    int turn = report_turn(&shown->all, m->method), n = m->predicted ? m->predicted->points : 0;
    for (int i = 0; i < n; i++) x[i] = m->predicted->point[i].value, y[i] = m->predicted->point[i].oracle;
    svg_group(svg, report_class(m->method), NULL);
    // What is hidden shows at both edges of the line above it.
    svg_line(svg, x, y, n, is_hidden(shown, m) ? 4.6 : 2, report_dash(turn));
    for (int i = 0; i < n && n <= 16; i++) svg_mark(svg, turn, svg_x(svg, x[i]), svg_y(svg, y[i]), 2.6, false);
    svg_group_end(svg);
}

static double inside(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

// `aside` units from the value, within the plot, so that whiskers of several methods can be told apart.
static void draw_trained(Svg *svg, const Shown *shown, const SweptMethod *m, double aside) {
    svg_group(svg, report_class(m->method), NULL);
    for (int i = 0; i < m->trained->points; i++) {
        const SweepPoint *point = &m->trained->point[i];
        double x = inside(svg_x(svg, point->value) + aside, svg->left, svg->right);
        if (!isnan(point->low)) {
            double low = inside(svg_y(svg, point->low), svg->top, svg->bottom);
            double high = inside(svg_y(svg, point->high), svg->top, svg->bottom);
            svg_rule(svg, "whisker", x, low, x, high);
            svg_rule(svg, "whisker", x - 4, low, x + 4, low);
            svg_rule(svg, "whisker", x - 4, high, x + 4, high);
        }
        svg_mark(svg, report_turn(&shown->all, m->method), x, svg_y(svg, point->oracle), 4.4, true);
    }
    svg_group_end(svg);
}

// Names at the right, apart from each other and joined to the ends of their lines.
static void draw_names(Page *page, Svg *svg, const Shown *shown) {
    double y[LINES];
    int n = shown->count > 64 ? 64 : shown->count;
    for (int i = 0; i < n; i++) {
        const SweepLine *line = shown->swept[i].predicted ? shown->swept[i].predicted : shown->swept[i].trained;
        y[i] = svg_y(svg, line->point[line->points - 1].oracle);
    }
    svg_spread(y, n, 15, svg->top + 2, svg->bottom - 2);
    for (int i = 0; i < n; i++) {
        const SweptMethod *m = &shown->swept[i];
        const SweepPoint *last = m->predicted ? &m->predicted->point[m->predicted->points - 1] : &m->trained->point[m->trained->points - 1];
        svg_group(svg, report_class(m->method), NULL);
        svg_rule(svg, "leader", svg_x(svg, last->value), svg_y(svg, last->oracle), svg->right + 8, y[i]);
        svg_label(svg, "name", svg->right + 11, y[i] + 4, "start", figure_short_name(page, m->method->name));
        svg_group_end(svg);
    }
}

// What is seen, for the caption and for those who cannot see it.
static void describe(Str *caption, Str *description, const Shown *shown) {
    const Sweep *sweep = shown->sweep;
    str_append(caption, TEXT(""));
    if (sweep->predicted.count) {
        str_append(caption, TEXT("Lines: calculated"));
        if (!isnan(sweep->beta)) {
            char beta[32];
            number_print(sweep->beta, beta);
            str_printf(caption, ", with KL weighed %s", beta);
        }
        bool hidden = false;
        for (int i = 0; i < shown->count; i++) hidden = hidden || is_hidden(shown, &shown->swept[i]);
        str_append(caption, hidden ? TEXT("; lines that lie on each other have two widths. ") : TEXT(". "));
    }
    if (sweep->trained.count) str_append(caption, TEXT("Filled marks: models trained at this value, with 95\xE2\x80\xAF% intervals. "));
    str_append(description, TEXT("At the right end:"));
    for (int i = 0; i < shown->count; i++) {
        const SweptMethod *m = &shown->swept[i];
        const SweepLine *line = m->predicted ? m->predicted : m->trained;
        str_printf(description, " %.*s ", (int)line->name.size, line->name.data);
        html_number(description, line->point[line->points - 1].oracle, 3);
        str_append_char(description, ';');
    }
}

static void sweep_figure(Page *page, const Sweep *sweep, int number) {
    Shown *shown = gather(page, sweep);
    Str caption = str_make(page->arena), description = str_make(page->arena);
    double xs[2] = {SVG_EMPTY_LOW, SVG_EMPTY_HIGH}, ys[2] = {SVG_EMPTY_LOW, SVG_EMPTY_HIGH};
    const char *title = knob_title(sweep->knob);
    Results names = shown->all;
    names.method = arena_alloc(page->arena, (size_t)shown->count * sizeof *names.method);
    names.methods = shown->count;
    for (int i = 0; i < shown->count; i++) {
        widen(shown->swept[i].predicted, xs, ys);
        widen(shown->swept[i].trained, xs, ys);
        names.method[i] = *shown->swept[i].method;
    }
    SvgTicks x = svg_ticks(xs[0], xs[1], 5), y = svg_ticks(ys[0], ys[1], 5);
    describe(&caption, &description, shown);
    figure_begin(page, title);
    Svg svg = svg_open(page->out, figure_id(page, "sweep", number), title, str_text(&description), FIGURE_WIDTH, HEIGHT);
    svg_area(&svg, 36, FIGURE_WIDTH - figure_name_width(&names) - 4, 26, HEIGHT - 42, &x, &y);
    svg_axis_y(&svg, &y, "oracle", false);
    svg_axis_x(&svg, &x, knob_axis(sweep->knob, page->arena), false);
    // The first rows lie on top.
    for (int i = shown->count - 1; i >= 0; i--) draw_predicted(&svg, shown, &shown->swept[i]);
    int trained = 0, place = 0;
    for (int i = 0; i < shown->count; i++) trained += shown->swept[i].trained != NULL;
    double step = trained > 5 ? 20.0 / trained : 5;
    for (int i = 0; i < shown->count; i++)
        if (shown->swept[i].trained) draw_trained(&svg, shown, &shown->swept[i], (place++ - (trained - 1) / 2.0) * step);
    draw_names(page, &svg, shown);
    svg_close(&svg);
    figure_end(page, caption.data, "predict.csv");
}

void figure_sweeps(Page *page, const SweepList *sweeps) {
    bool any = false;
    for (int i = 0; i < sweeps->count; i++) {
        if (!text_equal(sweeps->sweep[i]->task, page->results->task)) continue;
        if (!any)
            str_append(
                page->out,
                TEXT("<h3>What the knobs of the world predict</h3>\n<p class=\"note\">Without a language model: to each method\xE2\x80"
                     "\x99s labels on text of the grammar a linear preference model is fitted, and the oracle is that of the policy "
                     "that maximises reward less KL. PPO on a small model reaches less; what carries over is the order.</p>\n<div "
                     "class=\"figures\">\n"));
        any = true;
        sweep_figure(page, sweeps->sweep[i], i);
    }
    if (any) str_append(page->out, TEXT("</div>\n"));
}
