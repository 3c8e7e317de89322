#include "tools/judge_compare.h"

#include "tools/stats.h"

enum { RATINGS = 8 };

JudgeAnswers judge_answers(const JudgeVerdicts *verdicts, const JudgeQuestions *questions, Arena *arena) {
    double *first = arena_alloc(arena, (size_t)questions->count * sizeof *first);
    for (int i = 0; i < questions->count; i++)
        first[i] = verdicts->winner[i] == WINNER_FIRST ? 1 : verdicts->winner[i] == WINNER_SECOND ? 0 : 0.5;
    return (JudgeAnswers){.judge = verdicts->judge, .first = first, .single = true};
}

JudgeAnswers judge_answers_mean(const JudgeAnswers *answers, int n, Text name, const JudgeQuestions *questions, Arena *arena) {
    double *first = arena_zeros(arena, (size_t)questions->count, sizeof *first);
    double *rating = arena_zeros(arena, (size_t)questions->count, sizeof *rating);
    bool rated = true;
    for (int k = 0; k < n; k++) {
        rated = rated && answers[k].rating;
        for (int i = 0; i < questions->count; i++) {
            first[i] += answers[k].first[i];
            if (rated) rating[i] += answers[k].rating[i];
        }
    }
    // Sums first: halves add up exactly, and a tie stays one.
    for (int i = 0; i < questions->count; i++) {
        first[i] /= n;
        rating[i] /= n;
    }
    return (JudgeAnswers){.judge = name, .first = first, .rating = rated ? rating : NULL, .single = n == 1};
}

// ---- one pairing

// Numbers of a pairing, prompt by prompt.
typedef struct {
    int n;
    double *value, *apart, *rating;  // v; d; a's mean rating
    double characters[2];            // sums
    int64_t twice, consistent;       // pairs asked in both orders, and answered alike
    int64_t answers, first;          // without ties; for the first place
} Pairing;

// Characters of a text without the blanks around it: UTF-8 sequences.
static double characters(Text text) {
    text = text_trim(text);
    int64_t n = 0;
    for (size_t i = 0; i < text.size; i++) n += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return (double)n;
}

// Takes the questions of a pairing, which stand together from *at on in the order by pairs.
static Pairing gather(const JudgeQuestions *questions, const JudgeAnswers *answers, int *at, Arena *arena) {
    int begin = *at, end = begin, pairing = questions->question[questions->by_pair[begin]].pairing;
    while (end < questions->count && questions->question[questions->by_pair[end]].pairing == pairing) end++;
    Pairing p = {.value = arena_alloc(arena, (size_t)(end - begin) * sizeof(double)),
                 .apart = arena_alloc(arena, (size_t)(end - begin) * sizeof(double)),
                 .rating = arena_alloc(arena, (size_t)(end - begin) * sizeof(double))};
    for (int i = begin, asked; i < end; i += asked) {
        const int *number = questions->by_pair + i;
        const JudgeQuestion *q = &questions->question[number[0]];
        double value = 0, rating = 0, a = characters(judge_reply_a(q)), b = characters(judge_reply_b(q));
        asked = i + 1 < end && questions->question[number[1]].index == q->index ? 2 : 1;
        for (int k = 0; k < asked; k++) {
            const JudgeQuestion *one = &questions->question[number[k]];
            double first = answers->first[number[k]], rated = answers->rating ? answers->rating[number[k]] : 0;
            value += one->swapped ? 1 - first : first;
            rating += one->swapped ? rated : RATINGS + 1 - rated;
            p.answers += first != 0.5;
            p.first += first > 0.5;
        }
        if (asked == 2 && !q->same) {
            p.twice++;
            p.consistent += answers->first[number[0]] + answers->first[number[1]] == 1;
        }
        p.characters[0] += a;
        p.characters[1] += b;
        p.value[p.n] = value / asked;
        p.apart[p.n] = a - b;
        p.rating[p.n++] = rating / asked;
    }
    *at = end;
    return p;
}

// A figure of a pairing to be completed.
static JudgeFigure figure_of(const JudgeFigure *head, FigureKind kind, int64_t n, double value) {
    JudgeFigure f = *head;
    f.kind = kind, f.n = n, f.value = value;
    return f;
}

static void add_share(JudgeFigures *out, const JudgeFigure *head, FigureKind kind, int64_t successes, int64_t n) {
    if (n == 0) return;
    JudgeFigure f = figure_of(head, kind, n, (double)successes / (double)n);
    f.ranged = true;
    f.interval = measure_wilson(successes, n, MEASURE_Z95);
    judge_figures_add(out, f);
}

static void add_mean(JudgeFigures *out, const JudgeFigure *head, FigureKind kind, const double *x, int n, const JudgeCompare *c) {
    JudgeFigure f = figure_of(head, kind, n, measure_mean(x, n).mean);
    f.ranged = true;
    f.interval = stats_bootstrap_mean(x, n, c->replicates, c->seed, out->arena);
    judge_figures_add(out, f);
}

// The regression of v on tanh(d / s).
static void add_controlled(JudgeFigures *out, const JudgeFigure *head, const Pairing *p) {
    ArenaMark mark = arena_mark(out->arena);
    double *x = arena_alloc(out->arena, (size_t)p->n * sizeof *x), deviation = measure_mean(p->apart, p->n).deviation;
    for (int i = 0; i < p->n; i++) x[i] = deviation > 0 ? stats_tanh(p->apart[i] / deviation) : 0;
    StatsLogistic fit = stats_logistic(x, p->value, p->n);
    arena_release(out->arena, mark);
    if (!fit.found) return;
    JudgeFigure f = figure_of(head, FIGURE_CONTROLLED, p->n, stats_sigmoid(fit.intercept));
    f.ranged = true;
    f.interval.low = stats_sigmoid(fit.intercept - MEASURE_Z95 * fit.intercept_error);
    f.interval.high = stats_sigmoid(fit.intercept + MEASURE_Z95 * fit.intercept_error);
    judge_figures_add(out, f);
    f = figure_of(head, FIGURE_LENGTH_EFFECT, p->n, fit.slope);
    f.ranged = true;
    f.interval = (MeasureInterval){fit.slope - MEASURE_Z95 * fit.slope_error, fit.slope + MEASURE_Z95 * fit.slope_error};
    judge_figures_add(out, f);
}

// The win rate of each group by difference in length; nothing where there is only one.
static void add_groups(JudgeFigures *out, const JudgeFigure *head, const Pairing *p, const JudgeCompare *c) {
    int *group = arena_alloc(out->arena, (size_t)p->n * sizeof *group);
    double *value = arena_alloc(out->arena, (size_t)p->n * sizeof *value);
    stats_groups(group, p->apart, p->n, c->groups, out->arena);
    bool apart = false;
    for (int i = 1; i < p->n; i++) apart = apart || group[i] != group[0];
    if (!apart) return;
    for (int g = 0; g < c->groups; g++) {
        int n = 0;
        JudgeFigure part = *head;
        part.grouped = true;
        for (int i = 0; i < p->n; i++) {
            if (group[i] != g) continue;
            if (n == 0 || p->apart[i] < part.from) part.from = p->apart[i];
            if (n == 0 || p->apart[i] > part.to) part.to = p->apart[i];
            value[n++] = p->value[i];
        }
        if (n) add_mean(out, &part, FIGURE_WINS_BY_LENGTH, value, n, c);
    }
}

void judge_compare(JudgeFigures *out, const JudgeQuestions *questions, const JudgeAnswers *answers, const JudgeCompare *config) {
    for (int at = 0; at < questions->count;) {
        const JudgePairing *names = &questions->pairing[questions->question[questions->by_pair[at]].pairing];
        JudgeFigure head = {.a = names->a, .b = names->b, .judge = answers->judge};
        Pairing p = gather(questions, answers, &at, out->arena);
        int won = 0, tied = 0;
        for (int i = 0; i < p.n; i++) won += p.value[i] > 0.5, tied += p.value[i] == 0.5;
        add_mean(out, &head, FIGURE_WIN_RATE, p.value, p.n, config);
        judge_figures_add(out, figure_of(&head, FIGURE_WINS, p.n, won));
        judge_figures_add(out, figure_of(&head, FIGURE_TIES, p.n, tied));
        judge_figures_add(out, figure_of(&head, FIGURE_LOSSES, p.n, p.n - won - tied));
        if (answers->rating) {
            double *other = arena_alloc(out->arena, (size_t)p.n * sizeof *other);
            for (int i = 0; i < p.n; i++) other[i] = RATINGS + 1 - p.rating[i];
            add_mean(out, &head, FIGURE_RATING_A, p.rating, p.n, config);
            add_mean(out, &head, FIGURE_RATING_B, other, p.n, config);
        }
        add_controlled(out, &head, &p);
        if (answers->single) add_share(out, &head, FIGURE_SWAP, p.consistent, p.twice);
        if (answers->single) add_share(out, &head, FIGURE_FIRST_PLACE, p.first, p.answers);
        judge_figures_add(out, figure_of(&head, FIGURE_CHARACTERS_A, p.n, p.characters[0] / p.n));
        judge_figures_add(out, figure_of(&head, FIGURE_CHARACTERS_B, p.n, p.characters[1] / p.n));
        add_groups(out, &head, &p, config);
    }
}

// ---- two judges

static void add_kappa(JudgeFigures *out, const JudgeFigure *head, FigureKind kind, const int64_t *table, int K, StatsWeights weights) {
    StatsKappa k = stats_kappa(table, K, weights);
    if (!k.defined) return;
    JudgeFigure f = figure_of(head, kind, head->n, k.kappa);
    f.ranged = true;
    f.interval = k.interval;
    judge_figures_add(out, f);
}

void judge_agreement(JudgeFigures *out, const JudgeQuestions *questions, const JudgeAnswers *one, const JudgeAnswers *other) {
    int64_t winner[3 * 3] = {0}, rating[RATINGS * RATINGS] = {0}, alike = 0;
    JudgeFigure head = {.judge = one->judge, .other = other->judge};
    bool rated = one->rating && other->rating;
    for (int i = 0; i < questions->count; i++) {
        if (questions->question[i].same) continue;
        head.n++;
        alike += one->first[i] == other->first[i];
        winner[3 * (int)(2 * one->first[i]) + (int)(2 * other->first[i])]++;
        if (rated) rating[RATINGS * ((int)one->rating[i] - 1) + (int)other->rating[i] - 1]++;
    }
    if (head.n == 0) return;
    add_share(out, &head, FIGURE_AGREEMENT, alike, head.n);
    add_kappa(out, &head, FIGURE_KAPPA_WINNER, winner, 3, KAPPA_PLAIN);
    if (!rated) return;
    add_kappa(out, &head, FIGURE_KAPPA_RATING, rating, RATINGS, KAPPA_PLAIN);
    add_kappa(out, &head, FIGURE_KAPPA_LINEAR, rating, RATINGS, KAPPA_LINEAR);
    add_kappa(out, &head, FIGURE_KAPPA_QUADRATIC, rating, RATINGS, KAPPA_QUADRATIC);
}
