#include "tools/report_figures.h"

#include <math.h>
#include <stdio.h>

#include "tools/html.h"
#include "tools/report_curve.h"
#include "tools/report_frame.h"
#include "tools/report_style.h"
#include "tools/svg.h"

enum { WIDTH = FIGURE_WIDTH, LABELS = 64 };

// ---- dots with whiskers

static void dot_row(Page *page, Svg *svg, const ResultMethod *m, const Estimate *e, double y, double names, bool percent, int decimals) {
    const Results *r = page->results;
    svg_group(svg, report_class(m), NULL);
    svg_label(svg, "name", names - 8, y + 4, "end", figure_short_name(page, m->name));
    // Thick: the prompts alone; thin with ends: the interval of the table.
    if (e->seeds > 1 && e->sampled) svg_rule(svg, "thick", svg_x(svg, e->prompts.low), y, svg_x(svg, e->prompts.high), y);
    if (e->ranged) {
        double low = svg_x(svg, e->interval.low), high = svg_x(svg, e->interval.high);
        svg_rule(svg, "whisker", low, y, high, y);
        svg_rule(svg, "whisker", low, y - 4, low, y + 4);
        svg_rule(svg, "whisker", high, y - 4, high, y + 4);
    }
    for (int s = 0; s < r->seeds && e->seeds > 1; s++)
        if (svg_is_drawn(e->seed[s])) svg_rule(svg, "seed", svg_x(svg, e->seed[s]), y + 6, svg_x(svg, e->seed[s]), y + 11);
    svg_mark(svg, report_turn(r, m), svg_x(svg, e->mean), y, 4.2, true);
    svg_group_end(svg);
    Str value = str_make(page->arena);
    figure_value(&value, e->mean, percent, decimals);
    svg_label(svg, "value", WIDTH, y + 4, "end", str_text(&value));
}

void figure_methods(Page *page, const char *id, const char *title, ResultMeasure measure, const char *axis, double reference,
                    const char *caption) {
    const Results *r = page->results;
    bool percent = measure != RESULT_ORACLE && measure != RESULT_KL && measure != RESULT_SCORE;
    double low = SVG_EMPTY_LOW, high = SVG_EMPTY_HIGH;
    int rows = 0, decimals = measure == RESULT_KL || measure == RESULT_SCORE ? 2 : 3;
    Str description = str_make(page->arena);
    for (int i = 0; i < r->methods; i++) {
        const Estimate *e = &r->method[i].value[measure];
        if (e->seeds == 0 || !svg_is_drawn(e->mean)) continue;
        rows++;
        svg_widen(&low, &high, e->mean);
        if (e->ranged) svg_widen(&low, &high, e->interval.low), svg_widen(&low, &high, e->interval.high);
        str_printf(&description, "%s%.*s ", rows > 1 ? ", " : "", (int)r->method[i].name.size, r->method[i].name.data);
        figure_value(&description, e->mean, percent, decimals);
    }
    if (rows == 0) return;
    if (measure == RESULT_ORACLE) low = 0, high = 1;
    svg_widen(&low, &high, reference);
    // Shares that are all alike still get an axis of some percents.
    if (percent && high - low < 0.1) low -= 0.05, high += 0.05;
    SvgTicks ticks = svg_ticks(low, high, 5), none = svg_ticks(0, 1, 2);
    double names = figure_name_width(r), height = 12 + 30.0 * rows;

    figure_begin(page, title);
    Svg svg = svg_open(page->out, figure_id(page, id, 0), title, str_text(&description), WIDTH, height + 42);
    svg_area(&svg, names, WIDTH - 50, 4, height, &ticks, &none);
    svg_axis_x(&svg, &ticks, axis, percent);
    if (svg_is_drawn(reference)) svg_rule(&svg, "even", svg_x(&svg, reference), svg.top, svg_x(&svg, reference), svg.bottom);
    for (int i = 0, row = 0; i < r->methods; i++) {
        const Estimate *e = &r->method[i].value[measure];
        if (e->seeds && svg_is_drawn(e->mean)) dot_row(page, &svg, &r->method[i], e, 20 + 30.0 * row++, names, percent, decimals);
    }
    svg_close(&svg);
    figure_end(page, caption, "methods.csv");
}

// ---- curves over steps

static bool is_run(const Curve *c) { return c->n > 1 && (curve_has(c->oracle, c->n) || curve_has(c->score, c->n)); }

// One of the two plots of a small figure.
static void step_plot(Svg *svg, const Curve *c, const SvgTicks *x, const SvgTicks *y, bool own, double top, double bottom,
                      const char *name) {
    svg_area(svg, 34, 272, top, bottom, x, y);
    svg_axis_y(svg, y, name, false);
    svg_band(svg, c->step, own ? c->score_low : c->oracle_low, own ? c->score_high : c->oracle_high, c->n);
    svg_line(svg, c->step, own ? c->score : c->oracle, c->n, 2.2, NULL);
}

static void small_figure(Page *page, const ResultMethod *m, int number, const Curve *c, const SvgTicks *oracle, const SvgTicks *score) {
    Hacking h = curve_hacking(c);
    Str said = str_make(page->arena), name = str_make(page->arena);
    SvgTicks x = svg_ticks(c->step[0], c->step[c->n - 1], 5);
    bool has_oracle = curve_has(c->oracle, c->n), has_score = curve_has(c->score, c->n);
    if (h.seen) {
        str_printf(&said, "Reward hacking: from step %.0f to the end the own score rises by ", h.step);
        html_number(&said, h.rise, 2);
        str_append(&said, TEXT(" while the oracle falls by "));
        html_number(&said, h.fall, 2);
        str_append(&said, TEXT("."));
    } else if (has_oracle && has_score) {
        str_append(&said, TEXT("No reward hacking seen: the oracle ends near its best."));
    } else {
        str_append(&said, has_oracle ? TEXT("No own score was logged.") : TEXT("No oracle scored these rollouts."));
    }
    str_append(&name, figure_short_name(page, m->name));
    str_printf(page->out, "<figure class=\"%s\"><h4>", report_class(m));
    html_text(page->out, str_text(&name));
    str_append(page->out, TEXT("</h4>\n"));
    Svg svg = svg_open(page->out, figure_id(page, "steps", number), name.data, str_text(&said), 280, 268);
    if (has_oracle) step_plot(&svg, c, &x, oracle, false, 24, 112, "oracle");
    if (h.seen) svg_rule(&svg, "even", svg_x(&svg, h.step), 24, svg_x(&svg, h.step), 230);
    if (has_score) step_plot(&svg, c, &x, score, true, 146, 230, "own preference score");
    svg_area(&svg, 34, 272, 146, 230, &x, score);
    for (int i = 0; i < x.count; i++) {
        Str tick = str_make(page->arena);
        // There are no parts of a step.
        if (x.decimals && x.tick[i] != (double)(int64_t)x.tick[i]) continue;
        html_number(&tick, x.tick[i], 0);
        svg_label(&svg, "tick", svg_x(&svg, x.tick[i]), 245, "middle", str_text(&tick));
    }
    svg_label(&svg, "axis", 153, 262, "middle", TEXT("PPO step"));
    svg_close(&svg);
    str_append(page->out, TEXT("<figcaption>"));
    html_text(page->out, str_text(&said));
    str_append(page->out, TEXT("</figcaption></figure>\n"));
}

void figure_steps(Page *page) {
    const Results *r = page->results;
    double low = SVG_EMPTY_LOW, high = SVG_EMPTY_HIGH;
    Curve *curve = arena_alloc(page->arena, (size_t)r->methods * sizeof *curve);
    int runs = 0;
    for (int m = 0; m < r->methods; m++) {
        const Curve *c = &curve[m];
        curve[m] = curve_of(r, &r->method[m], page->arena);
        runs += is_run(c);
        for (int i = 0; i < c->n; i++) {
            const double *scores[] = {c->score, c->score_low, c->score_high};
            for (int k = 0; k < 3; k++) svg_widen(&low, &high, scores[k][i]);
        }
    }
    if (runs == 0) return;
    SvgTicks oracle = svg_ticks(0, 1, 2), score = svg_ticks(low, high, 3);
    str_printf(
        page->out,
        "<h3>Over the steps of PPO: what is climbed, and what is meant</h3>\n<p class=\"note\">PPO sees the score of its own preference "
        "model (below) and never the oracle (above). Where the first rises and the second falls, the policy has found what its "
        "preference model likes and nobody meant: reward hacking. Rollouts on training prompts; %s. <a href=\"",
        r->seeds > 1 ? "the line is the mean over seeds, the band reaches from the smallest seed to the largest"
                     : "the band is the 95\xE2\x80\xAF% interval over the step's rollouts that the oracle scored");
    html_text(page->out, text_of(page->data));
    str_append(page->out, TEXT("/steps.csv\">steps.csv</a></p>\n<div class=\"figures small\">\n"));
    for (int m = 0; m < r->methods; m++)
        if (is_run(&curve[m])) small_figure(page, &r->method[m], m, &curve[m], &oracle, &score);
    str_append(page->out, TEXT("</div>\n"));
}

// ---- against KL

// Whether a method has a judge whose labels the oracle knows.
static bool is_judged(const ResultMethod *m) {
    return m->voice.size && m->value[RESULT_LABEL].seeds && m->value[RESULT_ORACLE].seeds && svg_is_drawn(m->value[RESULT_ORACLE].mean);
}

// Marks at (across, measure), and their names at the right, apart from each other and joined to the marks. RLCD has no judge: against label
// accuracy it is a line, whose name has no mark.
static void end_labels(Page *page, Svg *svg, ResultMeasure across, ResultMeasure measure) {
    const Results *r = page->results;
    double y[LABELS];
    int which[LABELS], n = 0;
    for (int i = 0; i < r->methods && n < LABELS; i++) {
        const Estimate *x = &r->method[i].value[across], *e = &r->method[i].value[measure];
        if (e->seeds == 0 || !svg_is_drawn(e->mean)) continue;
        if (across == RESULT_LABEL ? !is_judged(&r->method[i]) && i != r->rlcd : x->seeds == 0 || !svg_is_drawn(x->mean)) continue;
        y[n] = svg_y(svg, e->mean);
        which[n++] = i;
    }
    svg_spread(y, n, 15, svg->top + 2, svg->bottom - 2);
    for (int k = 0; k < n; k++) {
        const ResultMethod *m = &r->method[which[k]];
        bool marked = across != RESULT_LABEL || which[k] != r->rlcd;
        double x = marked ? svg_x(svg, m->value[across].mean) : svg->right, at = svg_y(svg, m->value[measure].mean);
        svg_group(svg, report_class(m), NULL);
        svg_rule(svg, "leader", x, at, svg->right + 8, y[k]);
        if (marked) svg_mark(svg, report_turn(r, m), x, at, 4.4, true);
        svg_label(svg, "name", svg->right + 11, y[k] + 4, "start", figure_short_name(page, m->name));
        svg_group_end(svg);
    }
}

static void distance_plot(Page *page, const Curve *curve, ResultMeasure measure, const char *title, const char *caption) {
    const Results *r = page->results;
    double low = SVG_EMPTY_LOW, high = SVG_EMPTY_HIGH, x_low = 0, x_high = 0;
    Str description = str_make(page->arena);
    bool any = false;
    str_append(&description, TEXT("At the end, KL and value:"));
    for (int m = 0; m < r->methods; m++) {
        const Estimate *kl = &r->method[m].value[RESULT_KL], *e = &r->method[m].value[measure];
        for (int i = 0; i < curve[m].n; i++) {
            svg_widen(&x_low, &x_high, curve[m].kl[i]);
            svg_widen(&low, &high, measure == RESULT_ORACLE ? curve[m].oracle[i] : curve[m].score[i]);
        }
        if (kl->seeds == 0 || e->seeds == 0) continue;
        any = true;
        svg_widen(&x_low, &x_high, kl->mean);
        svg_widen(&low, &high, e->mean);
        str_printf(&description, " %.*s ", (int)r->method[m].name.size, r->method[m].name.data);
        html_number(&description, kl->mean, 2);
        str_append(&description, TEXT(" and "));
        html_number(&description, e->mean, 2);
        str_append_char(&description, ';');
    }
    if (!any) return;
    SvgTicks x = svg_ticks(x_low, x_high, 5), y = svg_ticks(low, high, 5);
    figure_begin(page, title);
    Svg svg = svg_open(page->out, figure_id(page, "kl", measure == RESULT_ORACLE), title, str_text(&description), WIDTH, 300);
    svg_area(&svg, 36, WIDTH - figure_name_width(r) - 4, 26, 258, &x, &y);
    svg_axis_y(&svg, &y, measure == RESULT_ORACLE ? "oracle" : "own preference score", false);
    svg_axis_x(&svg, &x, "KL to the base model, nats a reply", false);
    for (int m = 0; m < r->methods; m++) {
        const Curve *c = &curve[m];
        const double *kl = curve_smooth(c->kl, c->n, page->arena);
        const double *value = curve_smooth(measure == RESULT_ORACLE ? c->oracle : c->score, c->n, page->arena);
        svg_group(&svg, report_class(&r->method[m]), NULL);
        svg_line(&svg, kl, value, c->n, 1.8, report_dash(report_turn(r, &r->method[m])));
        svg_group_end(&svg);
    }
    end_labels(page, &svg, RESULT_KL, measure);
    svg_close(&svg);
    figure_end(page, caption, "steps.csv");
}

void figure_distance(Page *page) {
    const Results *r = page->results;
    Curve *curve = arena_alloc(page->arena, (size_t)r->methods * sizeof *curve);
    for (int m = 0; m < r->methods; m++) curve[m] = curve_of(r, &r->method[m], page->arena);
    distance_plot(page, curve, RESULT_ORACLE, "What is bought with distance from the base model",
                  "Lines: rollouts over the steps of PPO, means of three steps. Marks: replies to held-out prompts after training. Higher "
                  "at the same KL is better.");
    distance_plot(
        page, curve, RESULT_SCORE, "The own score against the same distance",
        "Each method is scored by its own preference model, so heights of different methods cannot be compared, only their course.");
}

// ---- judges

// Methods of a kind with a judge, by label accuracy; returns their number.
static int by_accuracy(const Results *r, const char *kind, const ResultMethod *list[MATRIX_METHODS]) {
    int n = 0;
    for (int i = 0; i < r->methods && n < MATRIX_METHODS; i++) {
        const ResultMethod *m = &r->method[i];
        if (!is_judged(m) || !text_equal(m->kind, text_of(kind))) continue;
        int at = n++;
        for (; at > 0 && list[at - 1]->value[RESULT_LABEL].mean > m->value[RESULT_LABEL].mean; at--) list[at] = list[at - 1];
        list[at] = m;
    }
    return n;
}

bool figure_crossing(const Results *r, double *accuracy, bool *above) {
    const ResultMethod *list[MATRIX_METHODS];
    int n = by_accuracy(r, "rlaif", list);
    *above = false;
    if (n < 2 || r->rlcd < 0 || r->method[r->rlcd].value[RESULT_ORACLE].seeds == 0) return false;
    double level = r->method[r->rlcd].value[RESULT_ORACLE].mean;
    *above = list[n - 1]->value[RESULT_ORACLE].mean >= level;
    for (int i = 0; i + 1 < n; i++) {
        double a = list[i]->value[RESULT_ORACLE].mean - level, b = list[i + 1]->value[RESULT_ORACLE].mean - level;
        if (!(a < 0 && b >= 0)) continue;
        double x = list[i]->value[RESULT_LABEL].mean;
        *accuracy = x + (list[i + 1]->value[RESULT_LABEL].mean - x) * (a / (a - b));
        return true;
    }
    return false;
}

// One kind of method: a line from judge to judge, each with its interval.
static void judge_line(Page *page, Svg *svg, const char *kind) {
    const ResultMethod *list[MATRIX_METHODS];
    double x[MATRIX_METHODS], y[MATRIX_METHODS];
    int n = by_accuracy(page->results, kind, list);
    if (n == 0) return;
    for (int i = 0; i < n; i++) x[i] = list[i]->value[RESULT_LABEL].mean, y[i] = list[i]->value[RESULT_ORACLE].mean;
    svg_group(svg, report_class(list[0]), NULL);
    svg_line(svg, x, y, n, 2, NULL);
    for (int i = 0; i < n; i++) {
        const Estimate *e = &list[i]->value[RESULT_ORACLE];
        double at = svg_x(svg, x[i]);
        if (e->ranged) svg_rule(svg, "whisker", at, svg_y(svg, e->interval.low), at, svg_y(svg, e->interval.high));
    }
    svg_group_end(svg);
}

// RLCD's level with its interval, over the whole width.
static void judge_level(Page *page, Svg *svg) {
    const ResultMethod *rlcd = &page->results->method[page->results->rlcd];
    const Estimate *e = &rlcd->value[RESULT_ORACLE];
    double x[2] = {svg->x_low, svg->x_high}, y[2] = {e->mean, e->mean}, low[2] = {e->interval.low, e->interval.low},
           high[2] = {e->interval.high, e->interval.high};
    svg_group(svg, report_class(rlcd), NULL);
    if (e->ranged) svg_band(svg, x, low, high, 2);
    svg_line(svg, x, y, 2, 2, NULL);
    svg_group_end(svg);
}

void figure_judges(Page *page) {
    const Results *r = page->results;
    const ResultMethod *list[MATRIX_METHODS];
    int n = by_accuracy(r, "rlaif", list);
    if (n < 2 || r->rlcd < 0 || r->method[r->rlcd].value[RESULT_ORACLE].seeds == 0) return;
    double x_low = 0.5, x_high = 0.5, low = SVG_EMPTY_LOW, high = SVG_EMPTY_HIGH, meeting = NAN;
    for (int i = 0; i < r->methods; i++) {
        const Estimate *e = &r->method[i].value[RESULT_ORACLE];
        if (!is_judged(&r->method[i]) && i != r->rlcd) continue;
        if (i != r->rlcd) svg_widen(&x_low, &x_high, r->method[i].value[RESULT_LABEL].mean);
        svg_widen(&low, &high, e->mean);
        if (e->ranged) svg_widen(&low, &high, e->interval.low), svg_widen(&low, &high, e->interval.high);
    }
    bool above, meets = figure_crossing(r, &meeting, &above);
    Str said = str_make(page->arena);
    if (meets) {
        str_append(&said, TEXT("RLAIF meets RLCD where its judge is right in "));
        figure_value(&said, meeting, true, 2);
        str_append(&said, TEXT(" of its labels (straight line between neighbouring judges). "));
    } else {
        str_append(&said, above ? TEXT("RLAIF\xE2\x80\x99s mean lies above RLCD\xE2\x80\x99s with every judge that was tried. ")
                                : TEXT("RLAIF\xE2\x80\x99s mean stays below RLCD\xE2\x80\x99s with every judge that was tried. "));
    }
    // Where the difference ends to be one, which may be before the lines meet.
    for (int i = 0; i < n; i++) {
        const Estimate *lead = &list[i]->value[RESULT_LEAD];
        if (!lead->ranged || lead->interval.low > 0) continue;
        str_printf(&said, "From the judge of %.*s on the two cannot be told apart, or RLAIF is ahead. ", (int)list[i]->name.size,
                   list[i]->name.data);
        break;
    }
    str_append(&said, TEXT("Whiskers and band: 95\xE2\x80\xAF%. RLCD needs no judge: it is a line."));
    SvgTicks x = svg_ticks(x_low, x_high, 5), y = svg_ticks(low, high, 5);
    const char *title = "How good must a judge be?";
    figure_begin(page, title);
    Svg svg = svg_open(page->out, figure_id(page, "judges", 0), title, str_text(&said), WIDTH, 300);
    svg_area(&svg, 36, WIDTH - figure_name_width(r) - 4, 26, 258, &x, &y);
    svg_axis_y(&svg, &y, "oracle after training", false);
    svg_axis_x(&svg, &x, "labels that take the oracle's side", true);
    judge_level(page, &svg);
    if (meets)
        svg_rule(&svg, "even", svg_x(&svg, meeting), svg_y(&svg, r->method[r->rlcd].value[RESULT_ORACLE].mean), svg_x(&svg, meeting),
                 svg.bottom);
    judge_line(page, &svg, "rescore");
    judge_line(page, &svg, "rlaif");
    end_labels(page, &svg, RESULT_LABEL, RESULT_ORACLE);
    svg_close(&svg);
    figure_end(page, said.data, "methods.csv");
}
