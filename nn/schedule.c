// Learning-rate schedules: a straight warm-up, then constant, a straight line or half a cosine to the floor.
#include "nn/schedule.h"

// sin(x) for |x| <= pi/2 by its series up to x^21, from the small terms on: the first term left out is below 2^-59.
static double sine(double x) {
    double square = x * x, sum = 1.0;
    for (int n = 20; n >= 2; n -= 2) sum = 1.0 - square / (double)(n * (n + 1)) * sum;
    return x * sum;
}

float schedule_rate(const Schedule *s, int64_t done) {
    const double pi = 3.141592653589793;
    if (done < s->warmup) return (float)(s->rate * (double)done / (double)s->warmup);
    // The end is the floor exactly, whatever the last sine rounds to.
    if (done >= s->total) return (float)(s->kind == SCHEDULE_CONSTANT ? s->rate : s->floor * s->rate);
    double t = (double)(done - s->warmup) / (double)(s->total - s->warmup), rate = s->rate;
    if (s->kind == SCHEDULE_LINEAR) rate = s->rate * (1.0 - t);
    // cos(pi t) = sin(pi (1/2 - t))
    if (s->kind == SCHEDULE_COSINE) rate = s->rate * 0.5 * (1.0 + sine(pi * (0.5 - t)));
    if (s->kind != SCHEDULE_CONSTANT) rate = s->floor * s->rate + (1.0 - s->floor) * rate;
    return rate > 0 ? (float)rate : 0.0f;
}
