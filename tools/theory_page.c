#include "tools/theory_page.h"

#include <math.h>

#include "tools/html.h"
#include "tools/report_frame.h"
#include "tools/report_style.h"
#include "tools/svg.h"
#include "tools/theory_files.h"

enum { HEIGHT = 300, POINTS = 161, MAP = 300 };

static const char *const CLASSES[THEORY_METHODS] = {"k-rlaif", "k-rlcd"};

// "25 % hard"
static Text share_name(Arena *arena, double share) {
    Str s = str_make(arena);
    html_number(&s, 100 * share, share * 100 == (double)(int)(share * 100) ? 0 : 1);
    str_append(&s, TEXT("\xE2\x80\xAF% hard"));
    return str_text(&s);
}

// ---- lines

// Names of the lines at the right edge, kept apart.
static void draw_names(Svg *svg, const Theory *t, const double *at, const bool *drawn, Arena *arena) {
    double y[THEORY_SHARES_MAX];
    int index[THEORY_SHARES_MAX], n = 0;
    for (int k = 0; k < t->config.shares; k++)
        if (drawn[k]) index[n] = k, y[n++] = at[k];
    svg_spread(y, n, 15, svg->top + 2, svg->bottom - 2);
    for (int i = 0; i < n; i++) {
        svg_rule(svg, "leader", svg->right, at[index[i]], svg->right + 8, y[i]);
        svg_label(svg, "name", svg->right + 11, y[i] + 4, "start", share_name(arena, t->config.share[index[i]]));
    }
}

// Accuracy over a method's own knob, a line for each share of hard prompts; marks are simulated.
static void figure_method(Page *page, const Theory *t, TheoryMethod m, const char *title, const char *axis, const char *caption) {
    const TheoryConfig *c = &t->config;
    double most = m == THEORY_RLCD ? c->shift_max : c->noise_max, x[THEORY_STEPS_MAX + 1], y[THEORY_STEPS_MAX + 1], end[THEORY_SHARES_MAX];
    bool drawn[THEORY_SHARES_MAX];
    SvgTicks tx = svg_ticks(0, most, 5), ty = svg_ticks(0.5, 1, 5);
    Str description = str_make(page->arena);
    str_printf(&description, "At the right end:");
    for (int k = 0; k < c->shares; k++) {
        Text name = share_name(page->arena, c->share[k]);
        str_printf(&description, " %.*s ", (int)name.size, name.data);
        html_number(&description, theory_point(t, m, c->steps, c->share[k]).exact, 3);
        str_append_char(&description, ';');
    }
    figure_begin(page, title);
    Svg svg = svg_open(page->out, figure_id(page, THEORY_NAMES[m], 0), title, str_text(&description), FIGURE_WIDTH, HEIGHT);
    svg_area(&svg, 40, FIGURE_WIDTH - 92, 26, HEIGHT - 42, &tx, &ty);
    svg_axis_y(&svg, &ty, "labels that are right", true);
    svg_axis_x(&svg, &tx, axis, false);
    svg_group(&svg, CLASSES[m], NULL);
    for (int k = 0; k < c->shares; k++) {
        for (int i = 0; i <= c->steps; i++) x[i] = most * i / c->steps, y[i] = theory_point(t, m, i, c->share[k]).exact;
        svg_line(&svg, x, y, c->steps + 1, 2, report_dash(k));
        for (int i = 0; i <= c->steps; i++) {
            double simulated = theory_point(t, m, i, c->share[k]).simulated;
            svg_mark(&svg, k, svg_x(&svg, x[i]), svg_y(&svg, simulated), 2.6, false);
        }
        end[k] = svg_y(&svg, y[c->steps]);
        drawn[k] = true;
    }
    draw_names(&svg, t, end, drawn, page->arena);
    svg_group_end(&svg);
    svg_close(&svg);
    figure_end(page, caption, "theory.csv");
}

// ---- where they cross

// The crossing over the shift in fine steps; what lies above the picture breaks the line.
static int crossing_line(const Theory *t, double share, double *x, double *y) {
    TheoryPlace place = t->config.place;
    int n = 0;
    for (int i = 1; i < POINTS; i++) {
        place.shift = t->config.shift_max * i / (POINTS - 1);
        double noise = theory_crossing(&place, share);
        x[n] = place.shift;
        y[n++] = noise <= t->config.noise_max ? noise : NAN;
    }
    return n;
}

static void figure_crossing(Page *page, const Theory *t, double (*x)[POINTS], double (*y)[POINTS], int n) {
    const TheoryConfig *c = &t->config;
    static const char TITLE[] = "Where RLAIF overtakes RLCD";
    double at[THEORY_SHARES_MAX];
    bool drawn[THEORY_SHARES_MAX];
    SvgTicks tx = svg_ticks(0, c->shift_max, 5), ty = svg_ticks(0, c->noise_max, 5);
    figure_begin(page, TITLE);
    Svg svg = svg_open(page->out, figure_id(page, "crossing", 0), TITLE,
                       TEXT("Over the shift of the prompts, the noise of the judge below which RLAIF's labels are right more often."),
                       FIGURE_WIDTH, HEIGHT);
    svg_area(&svg, 40, FIGURE_WIDTH - 92, 26, HEIGHT - 42, &tx, &ty);
    svg_axis_y(&svg, &ty, "noise of the judge", false);
    svg_axis_x(&svg, &tx, "shift of p+ against p\xE2\x88\x92", false);
    svg_group(&svg, "k-base", NULL);
    for (int k = 0; k < c->shares; k++) {
        svg_line(&svg, x[k], y[k], n, 2, report_dash(k));
        drawn[k] = svg_is_drawn(y[k][n - 1]);
        at[k] = drawn[k] ? svg_y(&svg, y[k][n - 1]) : 0;
    }
    draw_names(&svg, t, at, drawn, page->arena);
    svg_group_end(&svg);
    svg_group(&svg, "k-rlcd", NULL);
    svg_label(&svg, "name", svg.right - 6, svg.top + 14, "end", TEXT("RLCD ahead"));
    svg_group_end(&svg);
    svg_group(&svg, "k-rlaif", NULL);
    svg_label(&svg, "name", svg.left + 8, svg.bottom - 8, "start", TEXT("RLAIF ahead"));
    svg_group_end(&svg);
    svg_close(&svg);
    figure_end(page, "Above a line RLCD\xE2\x80\x99s labels are right more often, below it RLAIF\xE2\x80\x99s. From the closed form.",
               "theory.jsonl");
}

// ---- the surface as maps

// One map: the colour says who is ahead, its strength by how much.
static void figure_map(Page *page, const Theory *t, int k, const double *x, const double *y, int n) {
    const TheoryConfig *c = &t->config;
    Text name = share_name(page->arena, c->share[k]);
    const char *title = text_copy(page->arena, name).data;
    SvgTicks tx = svg_ticks(0, c->shift_max, 4), ty = svg_ticks(0, c->noise_max, 4);
    Str description = str_make(page->arena);
    str_append(&description, TEXT("RLCD's accuracy less RLAIF's over shift and noise; at the largest of both "));
    double corner = theory_point(t, THEORY_RLCD, c->steps, c->share[k]).exact - theory_point(t, THEORY_RLAIF, c->steps, c->share[k]).exact;
    html_number(&description, corner, 3);
    figure_begin(page, title);
    Svg svg = svg_open(page->out, figure_id(page, "map", k), title, str_text(&description), MAP, MAP);
    svg_area(&svg, 34, MAP - 8, 26, MAP - 42, &tx, &ty);
    for (int m = 0; m < THEORY_METHODS; m++) {
        svg_group(&svg, CLASSES[m], NULL);
        for (int i = 0; i < c->steps; i++)
            for (int j = 0; j < c->steps; j++) {
                // The mean of a cell's corners.
                double lead = 0;
                for (int corners = 0; corners < 4; corners++)
                    lead += (theory_point(t, THEORY_RLCD, i + (corners & 1), c->share[k]).simulated -
                             theory_point(t, THEORY_RLAIF, j + corners / 2, c->share[k]).simulated) /
                            4;
                double strength = m == THEORY_RLCD ? lead : -lead;
                if (strength <= 0) continue;
                svg_cell(&svg, c->shift_max * i / c->steps, c->noise_max * j / c->steps, c->shift_max * (i + 1) / c->steps,
                         c->noise_max * (j + 1) / c->steps, 0.08 + 1.8 * strength);
            }
        svg_group_end(&svg);
    }
    svg_axis_y(&svg, &ty, "noise of the judge", false);
    svg_axis_x(&svg, &tx, "shift of p+ against p\xE2\x88\x92", false);
    svg_group(&svg, "k-base", NULL);
    svg_line(&svg, x, y, n, 2, NULL);
    svg_group_end(&svg);
    svg_close(&svg);
    str_append(page->out, TEXT("<figcaption>Line: where both are equally often right.</figcaption></figure>\n"));
}

// ---- words and table

static void put_number(Str *s, double value) {
    char number[32];
    number_print(value, number);
    str_append(s, text_of(number));
}

static void put_table(Page *page, const Theory *t) {
    Str *s = page->out;
    str_append(s, TEXT("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of "
                       "labels\"><table><caption>Judge\xE2\x80\x99s noise "));
    put_number(s, t->config.place.noise);
    str_append(s, TEXT(", shift "));
    put_number(s, t->config.place.shift);
    str_append(s, TEXT(", hard pairs: attributes at most "));
    put_number(s, t->config.place.width);
    str_append(
        s,
        TEXT(" apart. Small: one standard error.</caption>\n<thead><tr><th scope=\"col\">labels of</th><th scope=\"col\">pairs drawn</th>"
             "<th scope=\"col\">right, simulated</th><th scope=\"col\">closed form</th><th "
             "scope=\"col\">paper</th></tr></thead>\n<tbody>\n"));
    for (int m = 0; m < THEORY_METHODS; m++)
        for (int hard = 0; hard < 2; hard++) {
            const TheoryLine *line = &t->table[m];
            const TheoryCount *count = hard ? &line->hard : &line->all;
            double paper = theory_paper(&line->place, (TheoryMethod)m, hard);
            str_printf(s, "<tr><th scope=\"row\" class=\"%s\">%s, %s</th><td>%lld</td><td>", CLASSES[m], THEORY_NAMES[m],
                       hard ? "hard pairs" : "all pairs", (long long)count->pairs);
            html_number(s, theory_share(count), 4);
            str_append(s, TEXT("<small>\xC2\xB1"));
            html_number(s, theory_error(count), 4);
            str_append(s, TEXT("</small></td><td>"));
            html_number(s, hard ? line->exact_hard : line->exact_all, 4);
            str_append(s, TEXT("</td><td>"));
            if (isnan(paper))
                str_append(s, TEXT("\xE2\x80\x93"));
            else
                put_number(s, paper);
            str_append(s, TEXT("</td></tr>\n"));
        }
    str_append(s, TEXT("</tbody></table></div>\n"));
}

static void put_head(Str *s, const Theory *t) {
    str_append(
        s,
        TEXT("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, "
             "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>RLCD: how often a label is "
             "right</title>\n<style>\n"));
    str_append(s, text_of(REPORT_STYLE));
    str_append(s, TEXT("</style>\n</head>\n<body>\n<header><h1>How often a label is right</h1>\n<p class=\"meta\">rlcd theory \xC2\xB7 the "
                       "model of the "
                       "paper\xE2\x80\x99s appendix N \xC2\xB7 seed "));
    str_printf(s, "%lld", (long long)t->config.seed);
    str_append(
        s,
        TEXT("</p>\n<div class=\"lead\"><p>A reply has some of an attribute: a normal number of deviation 1. RLAIF draws two replies from "
             "one "
             "prompt and asks a judge who sees each attribute with noise. RLCD draws them from two prompts whose means lie a shift apart "
             "and "
             "calls the first one better. Which label is right more often depends on three numbers: the shift, the noise, and the share of "
             "prompts whose two replies come out alike.</p>\n<p>Of all pairs RLCD labels "));
    html_number(s, 100 * t->table[THEORY_RLCD].exact_all, 1);
    str_append(s, TEXT("\xE2\x80\xAF% right and RLAIF "));
    html_number(s, 100 * t->table[THEORY_RLAIF].exact_all, 1);
    str_append(s, TEXT("\xE2\x80\xAF%; of the hard ones alone "));
    html_number(s, 100 * t->table[THEORY_RLCD].exact_hard, 1);
    str_append(s, TEXT("\xE2\x80\xAF% and "));
    html_number(s, 100 * t->table[THEORY_RLAIF].exact_hard, 1);
    str_append(s, TEXT("\xE2\x80\xAF%. Hard pairs are "));
    html_number(s, 100 * t->hard_share[THEORY_RLCD], 1);
    str_append(s, TEXT("\xE2\x80\xAF% of RLCD\xE2\x80\x99s and "));
    html_number(s, 100 * t->hard_share[THEORY_RLAIF], 1);
    str_append(s,
               TEXT("\xE2\x80\xAF% of RLAIF\xE2\x80\x99s.</p></div>\n</header>\n<main>\n<section><h2>The paper\xE2\x80\x99s table</h2>\n"));
}

void theory_write_page(Str *s, const Theory *theory, Arena *arena) {
    const TheoryConfig *c = &theory->config;
    Page page = {.out = s, .arena = arena, .data = "."};
    double(*x)[POINTS] = arena_alloc(arena, THEORY_SHARES_MAX * sizeof *x),
    (*y)[POINTS] = arena_alloc(arena, THEORY_SHARES_MAX * sizeof *y);
    int n = 0;
    for (int k = 0; k < c->shares; k++) n = crossing_line(theory, c->share[k], x[k], y[k]);
    put_head(s, theory);
    put_table(&page, theory);
    str_append(s, TEXT("</section>\n<section><h2>The surface</h2>\n<p>RLCD asks no judge, so the noise does not change it; RLAIF has one "
                       "prompt, so the "
                       "shift does not. Two families of lines are the whole surface.</p>\n<div class=\"figures\">\n"));
    figure_method(&page, theory, THEORY_RLCD, "RLCD: the further apart the prompts, the better", "shift of p+ against p\xE2\x88\x92",
                  "Lines: closed form; marks: simulated. Hard prompts gain little from the shift.");
    figure_method(&page, theory, THEORY_RLAIF, "RLAIF: as good as its judge", "noise of the judge",
                  "Lines: closed form; marks: simulated. A judge without noise is always right.");
    figure_crossing(&page, theory, x, y, n);
    str_append(s, TEXT("</div>\n<h3>Who is ahead</h3>\n<p class=\"note\">Orange: RLCD\xE2\x80\x99s labels are right more often; blue: "
                       "RLAIF\xE2\x80\x99s. The "
                       "stronger, the further.</p>\n<div class=\"figures small\">\n"));
    for (int k = 0; k < c->shares; k++) figure_map(&page, theory, k, x[k], y[k], n);
    str_append(s, TEXT("</div>\n</section>\n</main>\n<footer><p>A model of labels, not of language models: it says when a construction can "
                       "beat a judge, not "
                       "that it does.</p></footer>\n</body>\n</html>\n"));
}
