#include "tools/theory.h"

#include <math.h>

#include "tensor/base/pool.h"
#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"
#include "tools/normal.h"

const char *const THEORY_NAMES[THEORY_METHODS] = {"rlaif", "rlcd"};

static const double ROOT_TWO = 1.4142135623730950488, PI = 3.1415926535897932385;

double theory_share(const TheoryCount *count) { return count->pairs ? (double)count->right / (double)count->pairs : NAN; }

double theory_error(const TheoryCount *count) {
    double p = theory_share(count);
    return sqrt(p * (1 - p) / (double)count->pairs);
}

// ---- simulation

enum { TASK_PAIRS = 1 << 14, TRIES_MAX = 1 << 16 };

// One loop over pairs; every task counts its own.
typedef struct {
    TheoryMethod method;
    float shift, noise, width;
    RngKey key;
    uint32_t cell;
    int64_t pairs;
    TheoryCount *all, *hard;  // by task
} Simulation;

// Two independent standard normals from two words (Box and Muller, 1958).
static void normal_two(float out[2], uint32_t a, uint32_t b) {
    float u = (float)((a >> 8) + 1) * 0x1p-24f, angle = 6.2831853071795865f * ((float)(b >> 8) * 0x1p-24f);
    float radius = sqrtf(-2.0f * log_f32(u));
    out[0] = radius * cos_f32(angle);
    out[1] = radius * sin_f32(angle);
}

// The words of a draw: (cell, pair, try) is its name.
static void draw(uint32_t word[4], const Simulation *s, int64_t pair, uint32_t attempt) {
    rng_philox(word, (uint32_t[4]){s->cell, (uint32_t)pair, attempt, 0}, s->key.word);
}

// Whether the label of a pair is right: by construction it names the first reply; the judge names the one that seems to have more.
static bool is_right(const Simulation *s, float difference, uint32_t a, uint32_t b) {
    if (s->method == THEORY_RLCD) return difference > 0;
    float seen[2];
    normal_two(seen, a, b);
    return (difference > 0) == (difference + s->noise * (seen[0] - seen[1]) > 0);
}

static int64_t task_end(const Simulation *s, int task) {
    int64_t end = ((int64_t)task + 1) * TASK_PAIRS;
    return end < s->pairs ? end : s->pairs;
}

// Pairs as they are sampled: both attributes, then the label.
static void simulate_task(void *context, int task, int thread) {
    const Simulation *s = context;
    TheoryCount all = {0}, hard = {0};
    (void)thread;
    for (int64_t i = (int64_t)task * TASK_PAIRS; i < task_end(s, task); i++) {
        uint32_t word[4];
        float attribute[2];
        draw(word, s, i, 0);
        normal_two(attribute, word[0], word[1]);
        float difference = attribute[0] - attribute[1] + (s->method == THEORY_RLCD ? s->shift : 0);
        bool right = is_right(s, difference, word[2], word[3]), is_hard = fabsf(difference) <= s->width;
        all.pairs++, all.right += right;
        hard.pairs += is_hard, hard.right += right && is_hard;
    }
    s->all[task] = all;
    s->hard[task] = hard;
}

// Hard pairs: a difference anywhere in the window, kept with its density over the largest one there.
static void hard_task(void *context, int task, int thread) {
    const Simulation *s = context;
    TheoryCount hard = {0};
    (void)thread;
    float mean = s->method == THEORY_RLCD ? s->shift : 0, likeliest = mean < s->width ? mean : s->width, difference = 0;
    for (int64_t i = (int64_t)task * TASK_PAIRS; i < task_end(s, task); i++) {
        uint32_t word[4], attempt = 0;
        bool kept = false;
        for (; !kept; attempt++) {
            REQUIRE(attempt < TRIES_MAX, "theory: no difference of shift %g within %g", (double)s->shift, (double)s->width);
            draw(word, s, i, attempt);
            difference = s->width * ((float)(2 * (word[0] >> 8) + 1) * 0x1p-24f - 1);
            float away = difference - mean, nearest = likeliest - mean;
            kept = (float)(word[1] >> 8) * 0x1p-24f < exp_f32((nearest * nearest - away * away) * 0.25f);
        }
        hard.pairs++, hard.right += is_right(s, difference, word[2], word[3]);
    }
    s->hard[task] = hard;
}

static void run_simulation(TheoryCount *all, TheoryCount *hard, Simulation *s, const TheoryPlace *place, PoolTask task, Arena *arena) {
    REQUIRE(s->pairs >= 1 && s->pairs <= UINT32_MAX, "theory: %lld pairs", (long long)s->pairs);
    REQUIRE(
        place->shift >= 0 && place->shift <= 20 && place->noise >= 0 && place->noise <= 100 && place->width >= 1e-3 && place->width <= 10,
        "theory: shift %g, noise %g, width %g", place->shift, place->noise, place->width);
    ArenaMark mark = arena_mark(arena);
    int tasks = (int)((s->pairs + TASK_PAIRS - 1) / TASK_PAIRS);
    s->shift = (float)place->shift, s->noise = (float)place->noise, s->width = (float)place->width;
    s->all = arena_zeros(arena, (size_t)tasks, sizeof *s->all);
    s->hard = arena_zeros(arena, (size_t)tasks, sizeof *s->hard);
    pool_run(tasks, task, s);
    *hard = (TheoryCount){0};
    for (int i = 0; i < tasks; i++) hard->pairs += s->hard[i].pairs, hard->right += s->hard[i].right;
    if (all) *all = (TheoryCount){0};
    for (int i = 0; i < tasks && all; i++) all->pairs += s->all[i].pairs, all->right += s->all[i].right;
    arena_release(arena, mark);
}

void theory_simulate(TheoryCount *all, TheoryCount *hard, TheoryMethod method, const TheoryPlace *place, RngKey key, uint32_t cell,
                     int64_t pairs, Arena *arena) {
    Simulation s = {.method = method, .key = key, .cell = cell, .pairs = pairs};
    run_simulation(all, hard, &s, place, simulate_task, arena);
}

void theory_simulate_hard(TheoryCount *hard, TheoryMethod method, const TheoryPlace *place, RngKey key, uint32_t cell, int64_t pairs,
                          Arena *arena) {
    Simulation s = {.method = method, .key = key, .cell = cell, .pairs = pairs};
    run_simulation(NULL, hard, &s, place, hard_task, arena);
}

// ---- closed forms

// Simpson's rule over [low, high] in `steps` (even) steps.
static double integrate(double (*f)(double, const TheoryPlace *), const TheoryPlace *place, double low, double high, int steps) {
    double step = (high - low) / steps, sum = f(low, place) + f(high, place);
    for (int i = 1; i < steps; i++) sum += (i % 2 ? 4 : 2) * f(low + i * step, place);
    return sum * step / 3;
}

double theory_accuracy(TheoryMethod method, const TheoryPlace *place) {
    if (method == THEORY_RLCD) return normal_integral(place->shift / ROOT_TWO);
    return place->noise > 0 ? 0.5 + normal_arc_tangent(1 / place->noise) / PI : 1;
}

// Density of a difference d of RLCD at |d| <= width, over its largest value there.
static double contrast_density(double d, const TheoryPlace *place) {
    double nearest = (place->shift < place->width ? place->shift : place->width) - place->shift, away = d - place->shift;
    return normal_exponential((nearest * nearest - away * away) / 4);
}

// Density of RLAIF's difference, in units of its deviation, times by how much the judge beats a coin.
static double judge_gain(double u, const TheoryPlace *place) { return normal_density(u) * (normal_integral(u / place->noise) - 0.5); }

double theory_hard_accuracy(TheoryMethod method, const TheoryPlace *place) {
    enum { STEPS = 400 };
    double width = place->width / ROOT_TWO;
    if (method == THEORY_RLCD) {
        double above = integrate(contrast_density, place, 0, place->width, 2 * STEPS);
        return above / (above + integrate(contrast_density, place, -place->width, 0, 2 * STEPS));
    }
    if (place->noise <= 0) return 1;
    // Behind 8.5 deviations of the noise the judge is always right.
    double sure = 8.5 * place->noise < width ? 8.5 * place->noise : width;
    double gain = integrate(judge_gain, place, 0, sure, STEPS) + 0.5 * (normal_integral(width) - normal_integral(sure));
    return 0.5 + gain / (normal_integral(width) - 0.5);
}

double theory_hard_share(TheoryMethod method, const TheoryPlace *place) {
    double mean = method == THEORY_RLCD ? place->shift : 0;
    return normal_integral((place->width - mean) / ROOT_TWO) - normal_integral((-place->width - mean) / ROOT_TWO);
}

double theory_mixed_accuracy(TheoryMethod method, const TheoryPlace *place, double hard) {
    double accuracy = 0;
    if (hard < 1) accuracy += (1 - hard) * theory_accuracy(method, place);
    if (hard > 0) accuracy += hard * theory_hard_accuracy(method, place);
    return accuracy;
}

double theory_crossing(const TheoryPlace *place, double hard) {
    enum { ROUNDS = 48 };
    static const double MOST = 1e6;
    double wanted = theory_mixed_accuracy(THEORY_RLCD, place, hard), low = 0, high = 1;
    TheoryPlace tried = *place;
    // RLAIF falls from 1 to 1/2 as the noise grows: double it until it is too much, then halve the interval.
    if (place->shift <= 0) return INFINITY;
    for (; high < MOST; low = high, high *= 2) {
        tried.noise = high;
        if (theory_mixed_accuracy(THEORY_RLAIF, &tried, hard) < wanted) break;
    }
    if (high >= MOST) return INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        tried.noise = (low + high) / 2;
        if (theory_mixed_accuracy(THEORY_RLAIF, &tried, hard) < wanted)
            high = tried.noise;
        else
            low = tried.noise;
    }
    return (low + high) / 2;
}

// ---- table and surface

// Notes how far a simulated share lies from the closed form.
static void compare(Theory *t, const TheoryCount *count, double exact) {
    // The error of the closed form's own share: also right where every label was right.
    double error = count->pairs ? sqrt(exact * (1 - exact) / (double)count->pairs) : 0;
    if (!(error > 0)) return;
    double distance = fabs(theory_share(count) - exact) / error;
    if (distance > t->distance) t->distance = distance;
    t->compared++;
}

// One line by simulation and closed form; `cell` and the one behind it are its draws. The table counts hard pairs among all, the surface
// draws them by themselves.
static void run_line(Theory *t, TheoryLine *line, TheoryMethod method, RngKey key, uint32_t cell, bool table, Arena *arena) {
    TheoryCount among;
    int64_t pairs = table ? t->config.pairs : t->config.cell_pairs;
    theory_simulate(&line->all, &among, method, &line->place, key, cell, pairs, arena);
    if (table)
        line->hard = among;
    else
        theory_simulate_hard(&line->hard, method, &line->place, key, cell + 1, pairs, arena);
    line->exact_all = theory_accuracy(method, &line->place);
    line->exact_hard = theory_hard_accuracy(method, &line->place);
    compare(t, &line->all, line->exact_all);
    compare(t, &line->hard, line->exact_hard);
}

void theory_run(Theory *out, const TheoryConfig *config, Arena *arena, void (*progress)(const char *, int64_t, int64_t, const char *)) {
    REQUIRE(config->steps >= 1 && config->steps <= THEORY_STEPS_MAX && config->shares >= 1 && config->shares <= THEORY_SHARES_MAX,
            "theory: %d steps, %d shares", config->steps, config->shares);
    RngKey key = rng_key(config->seed, "theory");
    *out = (Theory){.config = *config};
    int parts = THEORY_METHODS * (config->steps + 2), done = 0;
    for (int m = 0; m < THEORY_METHODS; m++) {
        // Cells: the table's first, then two a step.
        uint32_t cell = (uint32_t)m << 16;
        if (progress) progress("theory", done, parts, THEORY_NAMES[m]);
        out->table[m].place = config->place;
        out->hard_share[m] = theory_hard_share((TheoryMethod)m, &config->place);
        run_line(out, &out->table[m], (TheoryMethod)m, key, cell, true, arena);
        for (int i = 0; i <= config->steps; i++) {
            TheoryLine *line = &out->line[m][i];
            line->place = config->place;
            if (m == THEORY_RLCD) line->place.shift = config->shift_max * i / config->steps;
            if (m == THEORY_RLAIF) line->place.noise = config->noise_max * i / config->steps;
            run_line(out, line, (TheoryMethod)m, key, cell + 2 + 2 * (uint32_t)i, false, arena);
            if (progress) progress("theory", ++done, parts, THEORY_NAMES[m]);
        }
        done++;
    }
    for (int i = 0; i <= config->steps; i++)
        for (int k = 0; k < config->shares; k++) out->crossing[i][k] = theory_crossing(&out->line[THEORY_RLCD][i].place, config->share[k]);
    if (progress) progress("theory", parts, parts, "done");
}

TheoryPoint theory_point(const Theory *theory, TheoryMethod method, int i, double share) {
    const TheoryLine *line = &theory->line[method][i];
    double all = (1 - share) * theory_error(&line->all), hard = share * theory_error(&line->hard);
    return (TheoryPoint){.simulated = (1 - share) * theory_share(&line->all) + share * theory_share(&line->hard),
                         .error = sqrt(all * all + hard * hard),
                         .exact = (1 - share) * line->exact_all + share * line->exact_hard};
}
