#include "tools/report_curve.h"

#include <math.h>

bool curve_has(const double *y, int n) {
    for (int i = 0; i < n; i++)
        if (isfinite(y[i])) return true;
    return false;
}

// Mean, smallest and largest of the known ones; NAN when there is none.
typedef struct {
    double sum, low, high;
    int n;
} Range;

static void range_add(Range *r, double value) {
    if (!isfinite(value)) return;
    r->sum += value;
    if (r->n == 0 || value < r->low) r->low = value;
    if (r->n == 0 || value > r->high) r->high = value;
    r->n++;
}

static double range_mean(const Range *r) { return r->n ? r->sum / r->n : NAN; }

// One step over the seeds; `at` holds each seed's place in its list, which moves on behind this step.
static void add_step(Curve *c, const ResultMethod *method, int seeds, int64_t step, int *at) {
    Range oracle = {0}, score = {0}, kl = {0};
    double variance = 0;
    for (int s = 0; s < seeds; s++) {
        const MatrixMethod *run = method->run[s];
        if (run == NULL || at[s] >= run->steps || run->step[at[s]].step != step) continue;
        const MatrixStep *now = &run->step[at[s]++];
        range_add(&oracle, now->oracle);
        range_add(&score, now->score);
        range_add(&kl, now->kl);
        if (isfinite(now->oracle)) variance += isfinite(now->oracle_error) ? now->oracle_error * now->oracle_error : NAN;
    }
    int i = c->n++;
    c->step[i] = (double)step;
    c->kl[i] = range_mean(&kl);
    c->oracle[i] = range_mean(&oracle);
    c->oracle_error[i] = oracle.n ? sqrt(variance) / oracle.n : NAN;
    c->score[i] = range_mean(&score);
    c->oracle_low[i] = oracle.n > 1 ? oracle.low : c->oracle[i] - MEASURE_Z95 * c->oracle_error[i];
    c->oracle_high[i] = oracle.n > 1 ? oracle.high : c->oracle[i] + MEASURE_Z95 * c->oracle_error[i];
    c->score_low[i] = score.n > 1 ? score.low : NAN;
    c->score_high[i] = score.n > 1 ? score.high : NAN;
}

Curve curve_of(const Results *r, const ResultMethod *method, Arena *arena) {
    Curve c = {.n = 0};
    size_t most = 0;
    for (int s = 0; s < r->seeds; s++) most += method->run[s] ? (size_t)method->run[s]->steps : 0;
    double **lists[] = {&c.step, &c.kl, &c.oracle, &c.oracle_low, &c.oracle_high, &c.oracle_error, &c.score, &c.score_low, &c.score_high};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) *lists[i] = arena_alloc(arena, most * sizeof(double));
    int *at = arena_zeros(arena, (size_t)r->seeds, sizeof *at);
    for (;;) {
        // The smallest step that some seed has not passed.
        int64_t next = INT64_MAX;
        bool any = false;
        for (int s = 0; s < r->seeds; s++) {
            const MatrixMethod *run = method->run[s];
            if (run == NULL || at[s] >= run->steps) continue;
            any = true;
            if (run->step[at[s]].step < next) next = run->step[at[s]].step;
        }
        if (!any) return c;
        add_step(&c, method, r->seeds, next, at);
    }
}

// Mean of y over three steps around i, at the ends over what is there.
static double smooth(const double *y, int n, int i) {
    Range r = {0};
    for (int k = i - 1; k <= i + 1; k++)
        if (k >= 0 && k < n) range_add(&r, y[k]);
    return range_mean(&r);
}

double *curve_smooth(const double *y, int n, Arena *arena) {
    double *out = arena_alloc(arena, (size_t)n * sizeof *out);
    for (int i = 0; i < n; i++) out[i] = smooth(y, n, i);
    return out;
}

Hacking curve_hacking(const Curve *c) {
    Hacking h = {.seen = false};
    if (c->n < 4) return h;
    int best = 0, last = c->n - 2;
    for (int i = 1; i <= last; i++)
        if (smooth(c->oracle, c->n, i) > smooth(c->oracle, c->n, best)) best = i;
    // Three steps have a third of the variance of one; a difference has that of both.
    double first = smooth(c->oracle_error, c->n, best), second = smooth(c->oracle_error, c->n, last);
    double error = sqrt((first * first + second * second) / 3);
    h.step = c->step[best];
    h.fall = smooth(c->oracle, c->n, best) - smooth(c->oracle, c->n, last);
    h.rise = smooth(c->score, c->n, last) - smooth(c->score, c->n, best);
    h.seen = h.fall > 0.03 && h.fall > 2 * error && h.rise > 0;
    return h;
}
