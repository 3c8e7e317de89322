#include "tools/results.h"

#include <math.h>
#include <string.h>

#include "tools/self_bleu.h"

static const struct {
    const char *name, *meaning;
} MEASURES[RESULT_MEASURES] = {
    [RESULT_ORACLE] = {"oracle", "the oracle's score of a reply to a held-out prompt, 0 to 1"},
    [RESULT_WINS] = {"wins", "share of prompts on which RLCD's reply scores higher with the oracle; a tie counts half"},
    [RESULT_LEAD] = {"lead", "RLCD's oracle score less the method's on the same prompt"},
    [RESULT_ACCURACY] = {"accuracy", "preference accuracy on held-out pairs that the oracle (or people) labelled"},
    [RESULT_OWN] = {"own_accuracy", "preference accuracy on the method's own pairs"},
    [RESULT_LABEL] = {"label", "training pairs whose label takes the oracle's side; ties are left out"},
    [RESULT_KL] = {"kl", "KL to the base model in nats a reply"},
    [RESULT_SCORE] = {"score", "score by the method's own preference model"},
    [RESULT_WORDS] = {"words", "words of a reply; the oracle counts punctuation marks as well"},
    [RESULT_SENTENCES] = {"sentences", "sentences of a reply"},
    [RESULT_TONE] = {"tone", "mean tone of a reply, -1 rude to +1 polite"},
    [RESULT_WELL] = {"well_formed", "share of well-formed sentences"},
    [RESULT_ENDED] = {"ended", "share of replies that ended before the length limit"},
    [RESULT_DIST1] = {"dist_1", "distinct words / words over all replies"},
    [RESULT_DIST2] = {"dist_2", "distinct pairs of words / pairs of words over all replies"},
    [RESULT_DIST3] = {"dist_3", "distinct triples of words / triples of words over all replies"},
    [RESULT_SELF_BLEU] = {"self_bleu", "mean BLEU-4 of a reply against all others of the method: 1 when each stands elsewhere, too"},
};

const char *result_name(ResultMeasure measure) { return MEASURES[measure].name; }
const char *result_meaning(ResultMeasure measure) { return MEASURES[measure].meaning; }

double results_student(int degrees) {
    static const double QUANTILE[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
                                      2.2010,  2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860};
    REQUIRE(degrees >= 1, "results_student: %d degrees of freedom", degrees);
    if (degrees <= (int)(sizeof QUANTILE / sizeof *QUANTILE)) return QUANTILE[degrees - 1];
    // Expansion around the normal quantile (Abramowitz and Stegun, 26.7.5).
    double z = MEASURE_Z95, z2 = z * z, d = degrees;
    return z + z * (z2 + 1) / (4 * d) + z * ((5 * z2 + 16) * z2 + 3) / (96 * d * d) +
           z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * d * d * d);
}

// ---- one seed

// A measure of one method in one seed: its value, and how sure the prompts make it.
typedef struct {
    bool known;
    double mean;
    bool sampled;  // the two below are known
    double standard_error;
    MeasureInterval interval;
} Part;

static Part part_of_mean(MeasureMean m) {
    Part part = {.known = true, .mean = m.mean, .sampled = m.n > 1, .standard_error = m.standard_error};
    part.interval = measure_normal(m, MEASURE_Z95);
    return part;
}

static Part part_of_share(MatrixShare share) {
    if (share.of == 0) return (Part){.known = false};
    double p = (double)share.right / (double)share.of;
    return (Part){true, p, true, sqrt(p * (1 - p) / (double)share.of), measure_wilson(share.right, share.of, MEASURE_Z95)};
}

// What one reply adds to a measure that is a mean over replies.
static double reply_value(const MatrixReply *r, ResultMeasure measure) {
    switch (measure) {
        case RESULT_ORACLE: return r->oracle.score;
        case RESULT_KL: return r->kl;
        case RESULT_SCORE: return r->score;
        case RESULT_SENTENCES: return r->oracle.sentences;
        case RESULT_TONE: return r->oracle.tone;
        case RESULT_ENDED: return r->ended;
        default: return r->oracle.known ? r->oracle.words : (double)measure_words(r->reply);
    }
}

static Part over_replies(const MatrixMethod *m, ResultMeasure measure, Arena *scratch) {
    bool of_oracle = measure == RESULT_ORACLE || measure == RESULT_SENTENCES || measure == RESULT_TONE;
    bool missing = (of_oracle && !m->judged) || (measure == RESULT_SCORE && !m->scored) || (measure == RESULT_KL && !m->near);
    if (m->replies == 0 || missing) return (Part){.known = false};
    double *x = arena_alloc(scratch, (size_t)m->replies * sizeof *x);
    for (int i = 0; i < m->replies; i++) x[i] = reply_value(&m->reply[i], measure);
    return part_of_mean(measure_mean(x, m->replies));
}

// Well-formed sentences / sentences: a ratio of two means over replies, whose error comes from its linear part.
static Part well_formed(const MatrixMethod *m, Arena *scratch) {
    double well = 0, sentences = 0;
    for (int i = 0; i < m->replies; i++) well += m->reply[i].oracle.well_formed, sentences += m->reply[i].oracle.sentences;
    if (!m->judged || sentences == 0) return (Part){.known = false};
    double ratio = well / sentences, *x = arena_alloc(scratch, (size_t)m->replies * sizeof *x);
    for (int i = 0; i < m->replies; i++)
        x[i] = (m->reply[i].oracle.well_formed - ratio * m->reply[i].oracle.sentences) * m->replies / sentences;
    Part part = part_of_mean(measure_mean(x, m->replies));
    part.mean = ratio;
    part.interval = (MeasureInterval){ratio - MEASURE_Z95 * part.standard_error, ratio + MEASURE_Z95 * part.standard_error};
    return part;
}

// How varied the replies are: Dist-n, or self-BLEU with n-grams up to `order`.
static Part variety(const MatrixMethod *m, ResultMeasure measure, int order, Arena *scratch) {
    if (m->replies == 0) return (Part){.known = false};
    Text *texts = arena_alloc(scratch, (size_t)m->replies * sizeof *texts);
    for (int i = 0; i < m->replies; i++) texts[i] = m->reply[i].reply;
    return (Part){.known = true,
                  .mean = measure == RESULT_SELF_BLEU ? self_bleu_words(scratch, texts, m->replies, order)
                                                      : measure_distinct_words(scratch, texts, m->replies, order)};
}

// RLCD against a method on the prompts that both answered: wins (a tie half), or the difference in score.
static Part against(const MatrixMethod *rlcd, const MatrixMethod *m, ResultMeasure measure, Arena *scratch) {
    if (rlcd == NULL || rlcd == m || !rlcd->judged || !m->judged) return (Part){.known = false};
    double *x = arena_alloc(scratch, (size_t)rlcd->replies * sizeof *x);
    int64_t n = 0;
    for (int i = 0, j = 0; i < rlcd->replies && j < m->replies;) {
        const MatrixReply *a = &rlcd->reply[i], *b = &m->reply[j];
        if (a->index == b->index) {
            double lead = a->oracle.score - b->oracle.score;
            x[n++] = measure == RESULT_LEAD ? lead : lead > 0 ? 1 : lead < 0 ? 0 : 0.5;
        }
        i += a->index <= b->index;
        j += b->index <= a->index;
    }
    return n ? part_of_mean(measure_mean(x, n)) : (Part){.known = false};
}

static Part measure_part(const MatrixMethod *m, const MatrixMethod *rlcd, ResultMeasure measure, Arena *scratch) {
    switch (measure) {
        case RESULT_WINS:
        case RESULT_LEAD: return against(rlcd, m, measure, scratch);
        case RESULT_ACCURACY: return part_of_share(m->accuracy);
        case RESULT_OWN: return part_of_share(m->own);
        case RESULT_LABEL: return part_of_share(m->label);
        case RESULT_WELL: return well_formed(m, scratch);
        case RESULT_DIST1:
        case RESULT_DIST2:
        case RESULT_DIST3: return variety(m, measure, 1 + (int)(measure - RESULT_DIST1), scratch);
        case RESULT_SELF_BLEU: return variety(m, measure, SELF_BLEU_ORDER, scratch);
        default: return over_replies(m, measure, scratch);
    }
}

// ---- all seeds

Estimate results_over_seeds(const double *values, int n) {
    Estimate e = {.seeds = 0};
    double squares = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(values[i])) e.mean += values[i], e.seeds++;
    if (e.seeds == 0) return e;
    e.mean /= e.seeds;
    for (int i = 0; i < n; i++)
        if (isfinite(values[i])) squares += (values[i] - e.mean) * (values[i] - e.mean);
    e.ranged = e.seeds > 1;
    if (!e.ranged) return e;
    double half = results_student(e.seeds - 1) * sqrt(squares / (e.seeds - 1) / e.seeds);
    e.interval = (MeasureInterval){e.mean - half, e.mean + half};
    return e;
}

static bool is_share(ResultMeasure m) {
    return m == RESULT_ORACLE || m == RESULT_WINS || m == RESULT_ACCURACY || m == RESULT_OWN || m == RESULT_LABEL || m == RESULT_WELL ||
           m == RESULT_ENDED;
}

// What lies outside 0..1 says nothing of a share.
static void clip(MeasureInterval *interval, ResultMeasure measure) {
    if (!is_share(measure)) return;
    if (interval->low < 0) interval->low = 0;
    if (interval->high > 1) interval->high = 1;
}

static Estimate estimate(const Results *r, const ResultMethod *method, ResultMeasure measure, Arena *arena, Arena *scratch) {
    double *seed = arena_alloc(arena, (size_t)r->seeds * sizeof *seed), variance = 0;
    Part last = {.known = false};
    bool sampled = true;
    for (int s = 0; s < r->seeds; s++) {
        const MatrixMethod *rlcd = r->rlcd < 0 ? NULL : r->method[r->rlcd].run[s];
        seed[s] = NAN;
        if (method->run[s] == NULL) continue;
        Part part = measure_part(method->run[s], rlcd, measure, scratch);
        arena_reset(scratch);
        if (!part.known) continue;
        seed[s] = part.mean;
        variance += part.standard_error * part.standard_error;
        sampled = sampled && part.sampled;
        last = part;
    }
    Estimate e = results_over_seeds(seed, r->seeds);
    e.seed = seed;
    e.sampled = e.seeds > 0 && sampled;
    // One seed has its own interval (Wilson's for a share); several have independent prompts.
    double half = e.seeds ? MEASURE_Z95 * sqrt(variance) / e.seeds : 0;
    e.prompts = e.seeds == 1 ? last.interval : (MeasureInterval){e.mean - half, e.mean + half};
    if (e.seeds == 1) e.ranged = sampled, e.interval = e.prompts;
    clip(&e.interval, measure);
    clip(&e.prompts, measure);
    return e;
}

// ---- gathering

// The method of this name, added when it is new.
static Status method_of(ResultMethod **out, Results *r, Arena *arena, const MatrixMethod *m, const char *dir, Error *error) {
    for (int i = 0; i < r->methods; i++) {
        *out = &r->method[i];
        if (!text_equal((*out)->name, m->name)) continue;
        if (text_equal((*out)->kind, m->kind) && text_equal((*out)->voice, m->voice)) return OK;
        return error_set(error, ERR_DATA, "%s/results.json: expected the method \"%.*s\" to be of kind \"%.*s\" as in %s, found \"%.*s\"",
                         dir, (int)m->name.size, m->name.data, (int)(*out)->kind.size, (*out)->kind.data, r->matrix[0]->dir,
                         (int)m->kind.size, m->kind.data);
    }
    *out = &r->method[r->methods++];
    **out = (ResultMethod){.name = m->name, .kind = m->kind, .voice = m->voice};
    (*out)->run = arena_zeros(arena, (size_t)r->seeds, sizeof *(*out)->run);
    return OK;
}

// The same prompt under the same index, or "on the same prompt" would not be true.
static Status check_prompts(const Matrix *matrix, Error *error) {
    const MatrixMethod *first = NULL;
    for (int k = 0; k < matrix->methods; k++) {
        const MatrixMethod *m = &matrix->method[k];
        if (m->replies == 0) continue;
        if (first == NULL) first = m;
        for (int i = 0, j = 0; i < first->replies && j < m->replies;) {
            const MatrixReply *a = &first->reply[i], *b = &m->reply[j];
            if (a->index == b->index && !text_equal(a->prompt, b->prompt))
                return error_set(error, ERR_DATA, "%s/replies.jsonl: expected the prompt of index %lld to be that of %s/replies.jsonl",
                                 m->eval, (long long)b->index, first->eval);
            i += a->index <= b->index;
            j += b->index <= a->index;
        }
    }
    return OK;
}

static Status collect(Results *r, Arena *arena, Error *error) {
    int most = 0;
    for (int s = 0; s < r->seeds; s++) most += r->matrix[s]->methods;
    r->method = arena_alloc(arena, (size_t)most * sizeof *r->method);
    for (int s = 0; s < r->seeds; s++) {
        const Matrix *matrix = r->matrix[s];
        for (int earlier = 0; earlier < s; earlier++)
            if (r->matrix[earlier]->seed == matrix->seed && text_equal(r->matrix[earlier]->model_hash, matrix->model_hash))
                return error_set(error, ERR_DATA, "%s/results.json: seed %lld of this task and model is in %s/results.json already",
                                 matrix->dir, (long long)matrix->seed, r->matrix[earlier]->dir);
        TRY(check_prompts(matrix, error));
        for (int i = 0; i < matrix->methods; i++) {
            ResultMethod *method;
            TRY(method_of(&method, r, arena, &matrix->method[i], matrix->dir, error));
            method->run[s] = &matrix->method[i];
        }
    }
    r->rlcd = -1;
    for (int i = r->methods - 1; i >= 0; i--)
        if (text_equal(r->method[i].kind, TEXT("rlcd"))) r->rlcd = i;
    Arena scratch = arena_make("estimates", 0);
    for (int i = 0; i < r->methods; i++) {
        const MatrixMethod *run = r->method[i].run[0];
        if (run && run->replies > r->prompts) r->prompts = run->replies;
        for (int m = 0; m < RESULT_MEASURES; m++) r->method[i].value[m] = estimate(r, &r->method[i], (ResultMeasure)m, arena, &scratch);
    }
    arena_free(&scratch);
    return OK;
}

Status results_read(ResultsList *out, Arena *arena, const char *const *dirs, int n, int samples, Error *error) {
    REQUIRE(n >= 1 && samples >= 0, "results_read: %d folders, %d samples", n, samples);
    Matrix *matrix = arena_alloc(arena, (size_t)n * sizeof *matrix);
    *out = (ResultsList){.task = arena_zeros(arena, (size_t)n, sizeof *out->task)};
    for (int i = 0; i < n; i++) {
        TRY(matrix_read(&matrix[i], arena, dirs[i], samples, error));
        Results *r = out->task;
        while (r < out->task + out->count && !text_equal(r->task, matrix[i].task)) r++;
        if (r == out->task + out->count) {
            *r = (Results){.task = matrix[i].task, .matrix = arena_alloc(arena, (size_t)n * sizeof *r->matrix)};
            out->count++;
        }
        r->matrix[r->seeds++] = &matrix[i];
    }
    for (int t = 0; t < out->count; t++) TRY(collect(&out->task[t], arena, error));
    return OK;
}

// ---- the table

double results_half(const Estimate *e) {
    double low = e->mean - e->interval.low, high = e->interval.high - e->mean;
    return low > high ? low : high;
}

// A column: one measure, or three that share it.
typedef struct {
    const char *title;
    ResultMeasure measure;
    int decimals, count;
    double scale;
    bool ranged;  // with its interval
    int width;
} Column;

static const Column COLUMNS[] = {
    {"oracle", RESULT_ORACLE, 3, 1, 1, true, 13},         {"RLCD wins %", RESULT_WINS, 1, 1, 100, true, 11},
    {"accuracy %", RESULT_ACCURACY, 1, 1, 100, true, 10}, {"own acc. %", RESULT_OWN, 1, 1, 100, true, 10},
    {"labels %", RESULT_LABEL, 1, 1, 100, true, 10},      {"KL", RESULT_KL, 2, 1, 1, true, 11},
    {"score", RESULT_SCORE, 2, 1, 1, false, 5},           {"words", RESULT_WORDS, 1, 1, 1, false, 5},
    {"sent.", RESULT_SENTENCES, 2, 1, 1, false, 5},       {"tone", RESULT_TONE, 2, 1, 1, false, 5},
    {"well %", RESULT_WELL, 1, 1, 100, false, 6},         {"Dist-1    -2    -3", RESULT_DIST1, 3, 3, 1, false, 17},
};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS };

static bool measured(const Results *r, ResultMeasure measure) {
    for (int i = 0; i < r->methods; i++)
        if (r->method[i].value[measure].seeds) return true;
    return false;
}

// The oracle's pairs are the better judge of a preference model; its own are shown where there are none.
static bool is_shown(const Results *r, const Column *column) {
    if (column->measure == RESULT_OWN && measured(r, RESULT_ACCURACY)) return false;
    return measured(r, column->measure);
}

// A fixed number of decimals; what rounds to zero has no sign.
static void put_number(Str *s, double value, int decimals) {
    double least = 0.5;
    for (int i = 0; i < decimals; i++) least /= 10;
    str_printf(s, "%.*f", decimals, value > -least && value < least ? 0.0 : value);
}

static void put_cell(Str *s, const ResultMethod *m, const Column *column) {
    Str cell = str_make(s->arena);
    str_append(&cell, TEXT(""));
    for (int k = 0; k < column->count; k++) {
        const Estimate *e = &m->value[column->measure + k];
        if (k) str_append_char(&cell, ' ');
        if (e->seeds == 0) {
            str_append_char(&cell, '-');
            continue;
        }
        put_number(&cell, e->mean * column->scale, column->decimals);
        if (!column->ranged || !e->ranged) continue;
        str_append(&cell, TEXT(" +-"));
        put_number(&cell, results_half(e) * column->scale, column->decimals);
    }
    str_printf(s, "  %*s", column->width, cell.data);
}

// A name of anybody's choice in `width` columns: controls become '?'; a character of UTF-8 takes one column.
static void put_name(Str *s, Text name, int width) {
    int used = 0;
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        str_append_char(s, c < 0x20 || c == 0x7f ? '?' : (char)c);
        used += (c & 0xc0) != 0x80;
    }
    for (; used < width; used++) str_append_char(s, ' ');
}

// Columns first..last - 1 of all methods.
static void put_block(Str *s, const Results *r, int first, int last, int name_width) {
    put_name(s, TEXT("method"), name_width);
    for (int c = first; c < last; c++)
        if (is_shown(r, &COLUMNS[c])) str_printf(s, "  %*s", COLUMNS[c].width, COLUMNS[c].title);
    str_append_char(s, '\n');
    for (int i = 0; i < r->methods; i++) {
        put_name(s, r->method[i].name, name_width);
        for (int c = first; c < last; c++)
            if (is_shown(r, &COLUMNS[c])) put_cell(s, &r->method[i], &COLUMNS[c]);
        str_append_char(s, '\n');
    }
}

static void put_task(Str *s, const Results *r, int columns) {
    int name_width = 12;
    for (int i = 0; i < r->methods; i++)
        if ((int)r->method[i].name.size > name_width) name_width = (int)r->method[i].name.size;
    put_name(s, r->task, 0);
    str_printf(s, ": %lld held-out prompts%s, %d seed%s; +- is the 95 %% interval over %s\n", (long long)r->prompts,
               r->seeds > 1 ? " a seed" : "", r->seeds, r->seeds > 1 ? "s" : "", r->seeds > 1 ? "seeds" : "prompts");
    for (int first = 0; first < COLUMN_COUNT;) {
        int width = name_width, last = first;
        for (; last < COLUMN_COUNT; last++) {
            int more = is_shown(r, &COLUMNS[last]) ? 2 + COLUMNS[last].width : 0;
            if (last > first && width + more > columns) break;
            width += more;
        }
        put_block(s, r, first, last, name_width);
        first = last;
    }
}

void results_table(Str *s, const ResultsList *list, int columns) {
    REQUIRE(columns >= 80, "results_table: %d columns", columns);
    for (int t = 0; t < list->count; t++) {
        if (t) str_append_char(s, '\n');
        put_task(s, &list->task[t], columns);
    }
}
