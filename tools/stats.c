#include "tools/stats.h"

#include <math.h>
#include <stdlib.h>

#include "tensor/base/rng.h"
#include "tensor/base/status.h"
#include "tools/normal.h"

double stats_sigmoid(double x) { return x >= 0 ? 1 / (1 + normal_exponential(-x)) : normal_exponential(x) / (1 + normal_exponential(x)); }

double stats_tanh(double x) {
    double size = x < 0 ? -x : x, e = normal_exponential(-2 * size), y = (1 - e) / (1 + e);
    return x < 0 ? -y : y;
}

// ---- the bootstrap

double stats_quantile(const double *sorted, int n, double p) {
    REQUIRE(n >= 1 && p >= 0 && p <= 1, "stats_quantile: %d values, p %g", n, p);
    double place = p * (n - 1);
    int below = (int)place;
    if (below >= n - 1) return sorted[n - 1];
    return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void stats_groups(int *group, const double *x, int n, int groups, Arena *scratch) {
    ArenaMark mark = arena_mark(scratch);
    double *sorted = arena_alloc(scratch, (size_t)n * sizeof *sorted);
    for (int i = 0; i < n; i++) sorted[i] = x[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int i = 0; i < n; i++) {
        // The number of smaller values.
        int low = 0, high = n;
        while (low < high) {
            int middle = low + (high - low) / 2;
            if (sorted[middle] < x[i])
                low = middle + 1;
            else
                high = middle;
        }
        group[i] = (int)((int64_t)low * groups / n);
    }
    arena_release(scratch, mark);
}

MeasureInterval stats_bootstrap_mean(const double *x, int n, int replicates, uint64_t seed, Arena *scratch) {
    REQUIRE(n >= 1 && replicates >= 1, "stats_bootstrap_mean: %d values, %d replicates", n, replicates);
    ArenaMark mark = arena_mark(scratch);
    double *mean = arena_alloc(scratch, (size_t)replicates * sizeof *mean);
    RngKey key = rng_key(seed, "judge.bootstrap");
    for (int r = 0; r < replicates; r++) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            uint64_t bits = rng_bits(key, (RngDraw){.step = (uint32_t)r, .position = (uint32_t)i});
            sum += x[bits * (uint64_t)n >> 32];
        }
        mean[r] = sum / n;
    }
    // Equal means are equal in every order.
    qsort(mean, (size_t)replicates, sizeof *mean, by_value);
    MeasureInterval interval = {stats_quantile(mean, replicates, 0.025), stats_quantile(mean, replicates, 0.975)};
    arena_release(scratch, mark);
    return interval;
}

// ---- kappa

// Agreement of categories i and j: 1 on the diagonal, 0 at the farthest.
static double agreement(int i, int j, int K, StatsWeights weights) {
    double far = K - 1, apart = i > j ? i - j : j - i;
    if (weights == KAPPA_PLAIN) return i == j;
    return weights == KAPPA_LINEAR ? 1 - apart / far : 1 - apart * apart / (far * far);
}

// Shares of the category k in both margins.
static void margins(double *first, double *second, const int64_t *table, int K, int k, double n) {
    *first = *second = 0;
    for (int j = 0; j < K; j++) {
        *first += (double)table[k * K + j] / n;
        *second += (double)table[j * K + k] / n;
    }
}

// Mean agreement of category k with what the other judge says: of the first judge's k, and of the second's.
static void mean_agreement(double *of_first, double *of_second, const int64_t *table, int K, int k, StatsWeights weights, double n) {
    *of_first = *of_second = 0;
    for (int j = 0; j < K; j++) {
        double first, second;
        margins(&first, &second, table, K, j, n);
        *of_first += second * agreement(k, j, K, weights);
        *of_second += first * agreement(j, k, K, weights);
    }
}

StatsKappa stats_kappa(const int64_t *table, int K, StatsWeights weights) {
    StatsKappa out = {.defined = true};
    double n = 0, spread = 0;
    for (int i = 0; i < K * K; i++) n += (double)table[i];
    REQUIRE(K >= 2 && n >= 1, "stats_kappa: %d categories, %g items", K, n);
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) {
            double p, q, unused;
            margins(&p, &unused, table, K, i, n);
            margins(&unused, &q, table, K, j, n);
            double w = agreement(i, j, K, weights);
            out.observed += w * (double)table[i * K + j] / n;
            out.expected += w * p * q;
        }
    double left = 1 - out.expected;
    out.defined = left > 1e-12;
    if (!out.defined) return out;
    out.kappa = (out.observed - out.expected) / left;
    // variance = (sum of p_ij [w_ij (1 - Pe) - (w_i. + w_.j)(1 - Po)]^2 - (Po Pe - 2 Pe + Po)^2) / (n (1 - Pe)^4)
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) {
            double row, column, unused;
            mean_agreement(&row, &unused, table, K, i, weights, n);
            mean_agreement(&unused, &column, table, K, j, weights, n);
            double d = agreement(i, j, K, weights) * left - (row + column) * (1 - out.observed);
            spread += (double)table[i * K + j] / n * d * d;
        }
    double centre = out.observed * out.expected - 2 * out.expected + out.observed;
    double variance = (spread - centre * centre) / n;
    out.error = variance > 0 ? sqrt(variance) / (left * left) : 0;
    out.interval = (MeasureInterval){out.kappa - MEASURE_Z95 * out.error, out.kappa + MEASURE_Z95 * out.error};
    return out;
}

// ---- logistic regression

// A symmetric 2 x 2 matrix [a b; b c].
typedef struct {
    double a, b, c;
} Symmetric;

// Its inverse; false when it is singular as far as doubles tell.
static bool invert(Symmetric *out, Symmetric m) {
    double determinant = m.a * m.c - m.b * m.b;
    if (!(determinant > 1e-12 * m.a * m.c) || !(m.a * m.c > 0)) return false;
    *out = (Symmetric){m.c / determinant, -m.b / determinant, m.a / determinant};
    return true;
}

// Gradient X'(y - p) and information X' diag(p (1 - p)) X; `squares` (may be NULL) receives X' diag((y - p)^2) X.
static Symmetric information(double gradient[2], Symmetric *squares, const StatsLogistic *at, const double *x, const double *y, int n) {
    Symmetric h = {0}, s = {0};
    gradient[0] = gradient[1] = 0;
    for (int i = 0; i < n; i++) {
        double p = stats_sigmoid(at->intercept + at->slope * x[i]), error = y[i] - p, curve = p * (1 - p);
        gradient[0] += error;
        gradient[1] += error * x[i];
        h.a += curve, h.b += curve * x[i], h.c += curve * x[i] * x[i];
        s.a += error * error, s.b += error * error * x[i], s.c += error * error * x[i] * x[i];
    }
    if (squares) *squares = s;
    return h;
}

StatsLogistic stats_logistic(const double *x, const double *y, int n) {
    enum { STEPS = 100 };
    const double most = 2, limit = 30, near = 1e-10;
    StatsLogistic out = {.found = false};
    Symmetric inverse, squares;
    double g[2];
    REQUIRE(n >= 1, "stats_logistic: %d rows", n);
    for (double moved = 1; moved > near; out.steps++) {
        if (out.steps == STEPS || !invert(&inverse, information(g, NULL, &out, x, y, n))) return out;
        double step[2] = {inverse.a * g[0] + inverse.b * g[1], inverse.b * g[0] + inverse.c * g[1]};
        // A long step is cut: far from the maximum the curvature says little.
        moved = fabs(step[0]) > fabs(step[1]) ? fabs(step[0]) : fabs(step[1]);
        double cut = moved > most ? most / moved : 1;
        out.intercept += cut * step[0];
        out.slope += cut * step[1];
        // Where x separates y the likelihood has no maximum, and both run away.
        if (fabs(out.intercept) > limit || fabs(out.slope) > limit) return out;
    }
    // Covariance H^-1 S H^-1: right also where y is a share and not a draw of 0 or 1.
    if (!invert(&inverse, information(g, &squares, &out, x, y, n))) return out;
    Symmetric v = inverse, s = squares;
    double va = v.a * (s.a * v.a + s.b * v.b) + v.b * (s.b * v.a + s.c * v.b);
    double vc = v.b * (s.a * v.b + s.b * v.c) + v.c * (s.b * v.b + s.c * v.c);
    out.intercept_error = sqrt(va > 0 ? va : 0);
    out.slope_error = sqrt(vc > 0 ? vc : 0);
    out.found = true;
    return out;
}
