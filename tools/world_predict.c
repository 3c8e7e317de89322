#include "tools/world_predict.h"

#include <math.h>
#include <string.h>

#include "tensor/base/json.h"
#include "tensor/kernels/kernels.h"

enum { F = PREDICT_FEATURES, NEWTON_STEPS = 30, SCORE = 0, TONE = 1, LENGTH = 2 };
static const double RIDGE = 1e-3;

// ---- samples

// One reply's features; the first three are means, and what the tables show.
static void draw_features(double x[F], WorldDraws *d, const World *world, const WorldTopic *topic, int sign, Arena *arena) {
    ArenaMark mark = arena_mark(arena);
    Str s = str_make(arena);
    WorldLatents latents = world_draw_latents(d, world, topic, sign);
    world_draw_reply(&s, d, world, topic, &latents);
    WorldScore score = world_score(world, topic, str_text(&s));
    double n = score.sentences;
    x[SCORE] = score.score;
    x[TONE] = score.tone;
    x[LENGTH] = score.words / 10.0;
    x[3] = score.level;
    x[4] = score.tone * n;
    x[5] = n;
    arena_release(arena, mark);
}

// Two replies to the same request, n times: first[i], second[i]; all first ones stand before all second ones.
typedef struct {
    int n;
    double *first, *second;
} PairSample;

static PairSample draw_pairs(const World *world, const PredictConfig *c, const char *stream, int n, int first, int second, Arena *arena) {
    PairSample p = {.n = n};
    p.first = arena_zeros(arena, 2 * (size_t)n * F, sizeof(double));
    p.second = p.first + (size_t)n * F;
    RngKey key = rng_key(c->seed, stream);
    for (int i = 0; i < n; i++) {
        WorldDraws d = world_draws(key, (uint64_t)i);
        WorldTopic topic = world_draw_topic(&d, c->task, false, NULL);
        draw_features(p.first + (size_t)i * F, &d, world, &topic, first, arena);
        draw_features(p.second + (size_t)i * F, &d, world, &topic, second, arena);
    }
    return p;
}

static PredictMean mean_of(const double *x, int n) {
    PredictMean m = {0};
    for (int i = 0; i < n; i++) {
        m.score += x[i * F + SCORE] / n;
        m.tone += x[i * F + TONE] / n;
        m.words += x[i * F + LENGTH] * 10 / n;
    }
    return m;
}

// ---- the preference model

// Solves a w = b for a symmetric positive definite a, by Cholesky's factors: a = L L', L y = b, L' w = y.
static void solve(double a[F][F], const double b[F], double w[F]) {
    for (int j = 0; j < F; j++) {
        for (int k = 0; k < j; k++)
            for (int i = j; i < F; i++) a[i][j] -= a[i][k] * a[j][k];
        double root = sqrt(a[j][j]);
        for (int i = j; i < F; i++) a[i][j] /= root;
    }
    for (int i = 0; i < F; i++) {
        w[i] = b[i];
        for (int k = 0; k < i; k++) w[i] -= a[i][k] * w[k];
        w[i] /= a[i][i];
    }
    for (int i = F - 1; i >= 0; i--) {
        for (int k = i + 1; k < F; k++) w[i] -= a[k][i] * w[k];
        w[i] /= a[i][i];
    }
}

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (int f = 0; f < F; f++) sum += a[f] * b[f];
    return sum;
}

// Standard deviation of each feature.
static void deviations(double out[F], const double *x, int n) {
    for (int f = 0; f < F; f++) {
        double mean = 0, square = 0;
        for (int i = 0; i < n; i++) mean += x[i * F + f] / n;
        for (int i = 0; i < n; i++) square += (x[i * F + f] - mean) * (x[i * F + f] - mean) / n;
        out[f] = sqrt(square) + 1e-9;
    }
}

// One Newton step: gradient g = X'(p - q)/n + ridge w, Hessian h = X' diag(p (1 - p)) X / n + ridge I, w -= h^-1 g.
static void newton_step(double w[F], const double *x, const double *q, int n, double ridge) {
    double h[F][F] = {{0}}, g[F] = {0}, step[F];
    for (int i = 0; i < n; i++) {
        const double *row = x + (size_t)i * F;
        double p = world_sigmoid(dot(row, w)), curve = p * (1 - p) / n;
        for (int a = 0; a < F; a++) {
            g[a] += row[a] * (p - q[i]) / n;
            for (int b = 0; b < F; b++) h[a][b] += row[a] * row[b] * curve;
        }
    }
    for (int f = 0; f < F; f++) {
        g[f] += ridge * w[f];
        h[f][f] += ridge;
    }
    solve(h, g, step);
    for (int f = 0; f < F; f++) w[f] -= step[f];
}

void predict_fit(double w[F], Arena *scratch, const double *x, const double *q, int n, double ridge) {
    double scale[F], *scaled = arena_zeros(scratch, (size_t)n * F, sizeof *scaled);
    deviations(scale, x, n);
    for (int i = 0; i < n * F; i++) scaled[i] = x[i] / scale[i % F];
    memset(w, 0, F * sizeof *w);
    for (int step = 0; step < NEWTON_STEPS; step++) newton_step(w, scaled, q, n, ridge);
    for (int f = 0; f < F; f++) w[f] /= scale[f];
}

// ---- one method

typedef struct {
    const World *world;
    const PredictConfig *config;
    Arena *arena;
    PairSample test;     // plain pairs: what accuracy is measured on
    const double *base;  // plain replies: the distribution that is tilted
    int n_base;
    double *reward;
} Calculation;

// Share of the pairs of different score where r prefers the better one.
static double accuracy_of(const Calculation *c, const double w[F]) {
    double right = 0, told = 0;
    for (int i = 0; i < c->test.n; i++) {
        const double *a = c->test.first + (size_t)i * F, *b = c->test.second + (size_t)i * F;
        if (a[SCORE] == b[SCORE]) continue;
        told++;
        right += (dot(a, w) > dot(b, w)) == (a[SCORE] > b[SCORE]);
    }
    return told > 0 ? right / told : 0;
}

// p(x) = base(x) exp(r(x) / beta) / Z; KL = E_p[r / beta] - log Z.
static void tilt(const Calculation *c, double beta, PredictMean *mean, double *kl) {
    double most = c->reward[0], z = 0, sum = 0;
    for (int i = 1; i < c->n_base; i++) most = c->reward[i] > most ? c->reward[i] : most;
    *mean = (PredictMean){0};
    for (int i = 0; i < c->n_base; i++) {
        double x = (c->reward[i] - most) / beta, weight = world_exp(x);
        const double *row = c->base + (size_t)i * F;
        z += weight;
        sum += weight * x;
        mean->score += weight * row[SCORE];
        mean->tone += weight * row[TONE];
        mean->words += weight * row[LENGTH] * 10;
    }
    mean->score /= z;
    mean->tone /= z;
    mean->words /= z;
    *kl = sum / z - (double)log_f32((float)(z / c->n_base));
}

// Fits the preference model to a method's labels, scales r to standard deviation 1 on plain replies, and tilts.
static void run_method(const Calculation *c, PredictMethod *out, const PairSample *pairs, const double *label) {
    ArenaMark mark = arena_mark(c->arena);
    double w[F], mean = 0, square = 0;
    double *difference = arena_zeros(c->arena, (size_t)pairs->n * F, sizeof *difference);
    for (int i = 0; i < pairs->n * F; i++) difference[i] = pairs->first[i] - pairs->second[i];
    predict_fit(w, c->arena, difference, label, pairs->n, RIDGE);
    out->accuracy = accuracy_of(c, w);
    for (int i = 0; i < c->n_base; i++) {
        c->reward[i] = dot(c->base + (size_t)i * F, w);
        mean += c->reward[i] / c->n_base;
    }
    for (int i = 0; i < c->n_base; i++) square += (c->reward[i] - mean) * (c->reward[i] - mean) / c->n_base;
    for (int i = 0; i < c->n_base; i++) c->reward[i] = (c->reward[i] - mean) / (sqrt(square) + 1e-9);
    for (int b = 0; b < c->config->betas; b++) tilt(c, c->config->beta[b], &out->mean[b], &out->kl[b]);
    arena_release(c->arena, mark);
}

// Labels of a voice over pairs, and how often their sign is the oracle's. Standing first counts nothing: the order is random.
static double label_pairs(double *label, const PairSample *pairs, const WorldVoice *voice) {
    double right = 0, told = 0;
    for (int i = 0; i < pairs->n; i++) {
        const double *a = pairs->first + (size_t)i * F, *b = pairs->second + (size_t)i * F;
        double logit =
            voice->attribute * (a[SCORE] - b[SCORE]) + voice->tone * (a[TONE] - b[TONE]) + voice->length * (b[LENGTH] - a[LENGTH]);
        label[i] = world_sigmoid(logit);
        if (a[SCORE] == b[SCORE]) continue;
        told++;
        right += (logit > 0) == (a[SCORE] > b[SCORE]);
    }
    return told > 0 ? right / told : 0;
}

static double contrast_accuracy(const PairSample *pairs) {
    double right = 0, told = 0;
    for (int i = 0; i < pairs->n; i++) {
        double a = pairs->first[(size_t)i * F + SCORE], b = pairs->second[(size_t)i * F + SCORE];
        told += a != b;
        right += a > b;
    }
    return told > 0 ? right / told : 0;
}

void world_predict(Prediction *out, Arena *arena, const World *world, const PredictConfig *config) {
    Arena samples = arena_make("predict", 0);
    Calculation c = {.world = world, .config = config, .arena = &samples};
    int n = config->n;
    PairSample contrast = draw_pairs(world, config, "predict.contrast", n, 1, -1, &samples);
    PairSample plain = draw_pairs(world, config, "predict.plain", n, 0, 0, &samples);
    PairSample base = draw_pairs(world, config, "predict.base", (3 * n + 1) / 2, 0, 0, &samples);
    c.test = draw_pairs(world, config, "predict.test", n, 0, 0, &samples);
    c.base = base.first;
    c.n_base = 2 * base.n;
    c.reward = arena_zeros(&samples, (size_t)c.n_base, sizeof *c.reward);
    *out = (Prediction){.plain = mean_of(base.first, c.n_base), .plus = mean_of(contrast.first, n), .minus = mean_of(contrast.second, n)};

    // RLCD: o+ is the better one by construction.
    double *label = arena_zeros(&samples, (size_t)n, sizeof *label);
    for (int i = 0; i < n; i++) label[i] = 1;
    PredictMethod *m = &out->method[out->methods++];
    m->name = TEXT("rlcd");
    m->labels = contrast_accuracy(&contrast);
    run_method(&c, m, &contrast, label);
    // RLAIF judges two plain replies, Rescore the contrast.
    for (int v = 0; v < world->knobs.voices; v++)
        for (int rescore = 0; rescore < 2; rescore++) {
            const WorldVoice *voice = &world->knobs.voice[v];
            const PairSample *pairs = rescore ? &contrast : &plain;
            Str name = str_make(arena);
            str_printf(&name, "%s-%.*s", rescore ? "rescore" : "rlaif", (int)voice->name.size, voice->name.data);
            m = &out->method[out->methods++];
            m->name = str_text(&name);
            m->labels = label_pairs(label, pairs, voice);
            run_method(&c, m, pairs, label);
        }
    arena_free(&samples);
}

// ---- rows

static void write_number(Str *s, const char *key, double value) {
    str_printf(s, ",\"%s\":", key);
    json_write_number(s, value);
}

static void begin_row(Str *s, const PredictConfig *config, const char *knob, double value, Text method) {
    str_append(s, TEXT("{\"task\":"));
    json_write_string(s, config->task->name);
    if (knob) write_number(s, knob, value);
    str_append(s, TEXT(",\"method\":"));
    json_write_string(s, method);
}

static void write_mean(Str *s, const PredictMean *mean) {
    write_number(s, "score", mean->score);
    write_number(s, "tone", mean->tone);
    write_number(s, "words", mean->words);
}

void world_predict_write(Str *s, const Prediction *prediction, const PredictConfig *config, const char *knob, double value) {
    const PredictMean *mean[] = {&prediction->plain, &prediction->plus, &prediction->minus};
    const Text name[] = {TEXT("p"), TEXT("p+"), TEXT("p-")};
    for (int i = 0; i < 3; i++) {
        begin_row(s, config, knob, value, name[i]);
        write_mean(s, mean[i]);
        str_append(s, TEXT("}\n"));
    }
    for (int i = 0; i < prediction->methods; i++) {
        const PredictMethod *m = &prediction->method[i];
        begin_row(s, config, knob, value, m->name);
        write_number(s, "accuracy", m->accuracy);
        write_number(s, "labels", m->labels);
        str_append(s, TEXT(",\"optimum\":["));
        for (int b = 0; b < config->betas; b++) {
            str_append(s, b ? TEXT(",{\"beta\":") : TEXT("{\"beta\":"));
            json_write_number(s, config->beta[b]);
            write_mean(s, &m->mean[b]);
            write_number(s, "kl", m->kl[b]);
            str_append_char(s, '}');
        }
        str_append(s, TEXT("]}\n"));
    }
}
