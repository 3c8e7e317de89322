#include "tools/report.h"

#include <math.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tools/html.h"
#include "tools/report_card.h"
#include "tools/report_data.h"
#include "tools/report_figures.h"
#include "tools/report_samples.h"
#include "tools/report_style.h"
#include "tools/report_sweep.h"

// ---- three sentences

static void put_percent(Str *s, double share) {
    html_number(s, 100 * share, 0);
    str_append(s, TEXT("\xE2\x80\xAF%"));
}

// "0.76 (0.74 to 0.78)"
static void put_estimate(Str *s, const Estimate *e, int decimals) {
    html_number(s, e->mean, decimals);
    if (!e->ranged) return;
    str_append(s, TEXT(" ("));
    html_number(s, e->interval.low, decimals);
    str_append(s, TEXT(" to "));
    html_number(s, e->interval.high, decimals);
    str_append(s, TEXT(")"));
}

static const ResultMethod *of_kind(const Results *r, const char *kind) {
    for (int i = 0; i < r->methods; i++)
        if (text_equal(r->method[i].kind, text_of(kind)) && r->method[i].value[RESULT_ORACLE].seeds) return &r->method[i];
    return NULL;
}

// The RLAIF method whose judge is the weakest (sign -1) or the strongest (+1), by its labels where they were judged.
static const ResultMethod *judge(const Results *r, int sign) {
    const ResultMethod *found = NULL;
    for (int i = 0; i < r->methods; i++) {
        const ResultMethod *m = &r->method[i];
        if (!text_equal(m->kind, TEXT("rlaif")) || m->value[RESULT_LEAD].seeds == 0) continue;
        if (found == NULL || sign * (m->value[RESULT_LABEL].mean - found->value[RESULT_LABEL].mean) > 0) found = m;
    }
    return found;
}

// "RLCD is ahead of X, whose judge is right in 53 % of its labels, and wins on 74 % of the prompts"; how good RLCD's own labels are is
// told once.
static void put_comparison(Str *s, const ResultMethod *rlcd, const ResultMethod *m, bool *told) {
    const Estimate *lead = &m->value[RESULT_LEAD];
    bool ahead = lead->ranged && lead->interval.low > 0, behind = lead->ranged && lead->interval.high < 0;
    str_append(s, ahead ? TEXT("RLCD is ahead of ") : behind ? TEXT("RLCD is behind ") : TEXT("RLCD cannot be told apart from "));
    html_text(s, m->name);
    if (m->value[RESULT_LABEL].seeds) {
        str_append(s, TEXT(", whose judge is right in "));
        put_percent(s, m->value[RESULT_LABEL].mean);
        str_append(s, TEXT(" of its labels"));
        if (rlcd->value[RESULT_LABEL].seeds && !*told) {
            str_append(s, TEXT(" (RLCD by construction: "));
            put_percent(s, rlcd->value[RESULT_LABEL].mean);
            str_append(s, TEXT(")"));
            *told = true;
        }
        str_append(s, TEXT(","));
    }
    str_append(s, TEXT(" and wins on "));
    put_percent(s, m->value[RESULT_WINS].mean);
    str_append(s, TEXT(" of the prompts"));
}

static void put_finding(Str *s, const Results *r) {
    const ResultMethod *base = of_kind(r, "base"), *cd = of_kind(r, "cd"), *rlcd = of_kind(r, "rlcd");
    const ResultMethod *weak = judge(r, -1), *strong = judge(r, 1);
    if (rlcd == NULL) {
        str_append(
            s,
            TEXT(
                "<p>No oracle scored these replies, so this page shows what the preference models say, and the replies to be read.</p>\n"));
        return;
    }
    str_printf(s, "<p>On %lld held-out prompts an exact oracle scores every reply from 0 to 1: RLCD reaches ", (long long)r->prompts);
    put_estimate(s, &rlcd->value[RESULT_ORACLE], 2);
    if (base) {
        str_append(s, TEXT(", the model it started from "));
        put_estimate(s, &base->value[RESULT_ORACLE], 2);
    }
    if (cd) {
        str_append(s, TEXT(", training on the good replies alone (context distillation) "));
        put_estimate(s, &cd->value[RESULT_ORACLE], 2);
    }
    str_append(s, TEXT(".</p>\n"));
    bool told = false;
    if (weak == NULL) return;
    str_append(s, TEXT("<p>RLAIF instead lets the model judge two plain replies: "));
    put_comparison(s, rlcd, weak, &told);
    if (strong != weak) {
        str_append(s, TEXT("; "));
        put_comparison(s, rlcd, strong, &told);
    }
    str_append(s, TEXT(".</p>\n"));
}

// `first` of the page: with what RLCD is.
static void put_lead(Str *s, const Results *r, bool first) {
    str_append(s, TEXT("<div class=\"lead\">"));
    if (first)
        str_append(s,
                   TEXT("<p>RLCD asks a model for every reply twice, once so that it should come out good and once so that it should come "
                        "out bad, calls the first one better without anybody looking, and trains the model towards what the better ones "
                        "have in common.</p>\n"));
    put_finding(s, r);
    str_append(s, TEXT("</div>\n"));
}

// ---- the table

typedef struct {
    const char *title;
    ResultMeasure measure;
    int decimals;
    bool percent;
    bool ranged;  // with its interval
} Cell;

static const Cell CELLS[] = {
    {"oracle", RESULT_ORACLE, 3, false, true},
    {"RLCD wins", RESULT_WINS, 1, true, true},
    {"RLCD leads by", RESULT_LEAD, 3, false, true},
    {"preference accuracy", RESULT_ACCURACY, 1, true, true},
    {"own-pair accuracy", RESULT_OWN, 1, true, true},
    {"label accuracy", RESULT_LABEL, 1, true, true},
    {"KL", RESULT_KL, 2, false, true},
    {"own score", RESULT_SCORE, 2, false, false},
    {"words", RESULT_WORDS, 1, false, false},
    {"sentences", RESULT_SENTENCES, 2, false, false},
    {"tone", RESULT_TONE, 2, false, false},
    {"well-formed", RESULT_WELL, 1, true, true},
    {"Dist\xE2\x80\x91"
     "1",
     RESULT_DIST1, 3, false, false},
    {"Dist\xE2\x80\x91"
     "2",
     RESULT_DIST2, 3, false, false},
    {"Dist\xE2\x80\x91"
     "3",
     RESULT_DIST3, 3, false, false},
    {"Self\xE2\x80\x91"
     "BLEU",
     RESULT_SELF_BLEU, 3, false, false},
};
enum { CELL_COUNT = sizeof CELLS / sizeof *CELLS };

static bool is_measured(const Results *r, ResultMeasure measure) {
    for (int i = 0; i < r->methods; i++)
        if (r->method[i].value[measure].seeds) return true;
    return false;
}

// Accuracy on the method's own pairs says how far it learned its labels; it is shown where no oracle's pairs are.
static bool is_column(const Results *r, const Cell *cell) {
    return is_measured(r, cell->measure) && !(cell->measure == RESULT_OWN && is_measured(r, RESULT_ACCURACY));
}

static void put_number(Str *s, double value, const Cell *cell) { html_number(s, cell->percent ? 100 * value : value, cell->decimals); }

static void put_cell(Str *s, const Estimate *e, const Cell *cell) {
    if (e->seeds == 0) {
        str_append(s, TEXT("<td>\xE2\x80\x93</td>"));
        return;
    }
    str_append(s, TEXT("<td>"));
    put_number(s, e->mean, cell);
    if (cell->percent) str_append(s, TEXT("%"));
    if (e->ranged && cell->ranged) {
        str_append(s, TEXT("<small>\xC2\xB1"));
        put_number(s, results_half(e), cell);
        str_append(s, TEXT("</small>"));
    }
    str_append(s, TEXT("</td>"));
}

static void put_table(Page *page) {
    const Results *r = page->results;
    Str *s = page->out;
    str_printf(
        s,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of methods\"><table class=\"main\"><caption>%lld held-out "
        "prompts%s, %d seed%s. Small: half the width of the 95\xE2\x80\xAF%% interval, %s.</caption>\n<thead><tr><th "
        "scope=\"col\">method</th>",
        (long long)r->prompts, r->seeds > 1 ? " a seed" : "", r->seeds, r->seeds > 1 ? "s" : "",
        r->seeds > 1 ? "over the seeds (Student\xE2\x80\x99s t)" : "over the prompts");
    for (int c = 0; c < CELL_COUNT; c++)
        if (is_column(r, &CELLS[c])) {
            str_append(s, TEXT("<th scope=\"col\" title=\""));
            html_text(s, text_of(result_meaning(CELLS[c].measure)));
            str_append(s, TEXT("\">"));
            html_text(s, text_of(CELLS[c].title));
            str_append(s, TEXT("</th>"));
        }
    str_append(s, TEXT("</tr></thead>\n<tbody>\n"));
    for (int i = 0; i < r->methods; i++) {
        const ResultMethod *m = &r->method[i];
        str_printf(s, "<tr%s><th scope=\"row\" class=\"%s\">", i == r->rlcd ? " class=\"own\"" : "", report_class(m));
        html_text(s, m->name);
        str_append(s, TEXT("</th>"));
        for (int c = 0; c < CELL_COUNT; c++)
            if (is_column(r, &CELLS[c])) put_cell(s, &m->value[CELLS[c].measure], &CELLS[c]);
        str_append(s, TEXT("</tr>\n"));
    }
    str_append(s,
               TEXT("</tbody></table></div>\n<details><summary>What the columns and the methods are</summary>\n<dl class=\"replies\">\n"));
    for (int c = 0; c < CELL_COUNT; c++)
        if (is_column(r, &CELLS[c])) {
            str_printf(s, "<dt>%s</dt><dd>", CELLS[c].title);
            html_text(s, text_of(result_meaning(CELLS[c].measure)));
            str_append(s, TEXT("</dd>\n"));
        }
    static const char *const METHODS[][2] = {
        {"base", "the model as it was before any training here"},
        {"cd", "context distillation: trained to give the replies o+ without being asked for good ones"},
        {"rlcd", "preference model on (o+, o\xE2\x88\x92), labelled by construction; then PPO"},
        {"rlaif", "preference model on two plain replies that the model itself compared, in the voice that the name tells; then PPO"},
        {"rescore", "the pairs of rlcd with the labels of the judge; then PPO"},
        {"dpo", "direct preference optimisation on the pairs of rlcd, without preference model or PPO"},
        {"ipo", "the same with a squared loss, which aims at a margin instead of the largest"},
        {"rloo", "the preference model of rlcd; then RLOO, whose baseline is the other replies to the prompt, without a value model"},
        {"grpo", "the same with GRPO, which also divides by the deviation of these replies"},
        {"cdpo", "the same with a share of the labels taken to be wrong"},
        {"bon", "the base's reply that the preference model of rlcd likes best of several; nothing is tuned"},
        {"human", "a preference model of pairs that people labelled; then PPO"},
        {"hybrid", "a preference model of both, the pairs of rlcd and those that people labelled; then PPO"},
    };
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++)
        for (int m = 0; m < r->methods; m++)
            if (text_equal(r->method[m].kind, text_of(METHODS[i][0]))) {
                str_printf(s, "<dt class=\"%s\">%s</dt><dd>%s</dd>\n", report_class(&r->method[m]), METHODS[i][0], METHODS[i][1]);
                break;
            }
    str_append(s, TEXT("</dl></details>\n"));
}

// ---- sections

static void put_figures(Page *page) {
    const char *whiskers = page->results->seeds > 1
                               ? "Whiskers: 95\xE2\x80\xAF% over seeds; thick: 95\xE2\x80\xAF% over prompts; ticks below: each seed."
                               : "Whiskers: 95\xE2\x80\xAF% over prompts.";
    str_append(page->out, TEXT("<div class=\"figures\">\n"));
    figure_methods(page, "oracle", "What the oracle says of each policy", RESULT_ORACLE, "oracle score", NAN, whiskers);
    figure_methods(page, "wins", "RLCD against each, prompt by prompt", RESULT_WINS, "prompts on which RLCD scores higher", 0.5,
                   "Right of the dashed line RLCD wins more often than it loses; ties count half.");
    figure_methods(page, "label", "How many labels are right", RESULT_LABEL, "labels that take the oracle's side", 0.5,
                   "By the oracle, on the pairs that each method trains on. The dashed line is a coin.");
    ResultMeasure accuracy = is_measured(page->results, RESULT_ACCURACY) ? RESULT_ACCURACY : RESULT_OWN;
    figure_methods(page, "accuracy", "How well each preference model tells good from bad", accuracy, "pairs put in the right order", 0.5,
                   accuracy == RESULT_ACCURACY ? "On held-out pairs that the oracle (or people) labelled. The dashed line is a coin."
                                               : "On the method's own pairs: how far it learned its labels, right or wrong.");
    figure_judges(page);
    str_append(page->out, TEXT("</div>\n"));
    figure_steps(page);
    str_append(page->out, TEXT("<div class=\"figures\">\n"));
    figure_distance(page);
    str_append(page->out, TEXT("</div>\n"));
}

static void put_task(Page *page, const ReportConfig *config) {
    Str *s = page->out;
    str_printf(s, "<section id=\"task-%d\"><h2>Results: ", page->task);
    html_text(s, page->results->task);
    str_append(s, TEXT("</h2>\n"));
    if (page->task) put_lead(s, page->results, false);
    put_table(page);
    put_figures(page);
    if (config->sweeps) figure_sweeps(page, config->sweeps);
    str_printf(s, "</section>\n<section id=\"samples-%d\"><h2>Read for yourself</h2>\n", page->task);
    samples_replies(page, config->prompts);
    samples_pairs(page);
    str_printf(s, "</section>\n<section id=\"card-%d\"><h2>How this was made</h2>\n", page->task);
    card_rejections(page);
    card_run(page);
    str_append(s, TEXT("</section>\n"));
}

static void put_head(Str *s, const ResultsList *list) {
    str_append(
        s,
        TEXT("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, "
             "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>RLCD report: "));
    for (int t = 0; t < list->count; t++) {
        if (t) str_append(s, TEXT(", "));
        html_text(s, list->task[t].task);
    }
    str_append(s, TEXT("</title>\n<style>\n"));
    str_append(s, text_of(REPORT_STYLE));
    str_append(s, TEXT("</style>\n</head>\n<body>\n<header><h1>RLCD: contrast against a judge</h1>\n<p class=\"meta\">A report of rlcd "));
    html_text(s, list->task[0].matrix[0]->version);
    for (int t = 0; t < list->count; t++) {
        str_append(s, TEXT(" \xC2\xB7 "));
        html_text(s, list->task[t].task);
        str_printf(s, ", %d seed%s", list->task[t].seeds, list->task[t].seeds > 1 ? "s" : "");
    }
    Text hash = list->task[0].matrix[0]->model_hash;
    if (hash.size) {
        str_append(s, TEXT(" \xC2\xB7 model <code>"));
        html_text(s, (Text){hash.data, hash.size < 12 ? hash.size : 12});
        str_append(s, TEXT("</code>"));
    }
    str_append(s, TEXT("</p>\n"));
    put_lead(s, &list->task[0], true);
    str_append(s, TEXT("<nav aria-label=\"On this page\">"));
    for (int t = 0; t < list->count; t++) {
        str_printf(s, "<a href=\"#task-%d\">", t);
        html_text(s, list->count > 1 ? list->task[t].task : TEXT("Results"));
        str_printf(s, "</a><a href=\"#samples-%d\">Replies</a><a href=\"#card-%d\">How it was made</a>", t, t);
    }
    str_append(s, TEXT("</nav></header>\n<main>\n"));
}

// "x/report.html" -> "x/report-data"
static const char *data_folder(Arena *arena, const char *path) {
    Text name = text_of(path);
    if (text_ends(name, TEXT(".html"))) name.size -= 5;
    Str s = str_make(arena);
    str_append(&s, name);
    str_append(&s, TEXT("-data"));
    return s.data;
}

void report_page(Str *s, const ResultsList *list, const ReportConfig *config, Arena *arena) {
    const char *data = data_folder(arena, config->path), *slash = strrchr(data, '/');
    put_head(s, list);
    for (int t = 0; t < list->count; t++) {
        Page page = {.out = s, .arena = arena, .results = &list->task[t], .task = t, .data = slash ? slash + 1 : data};
        put_task(&page, config);
    }
    str_append(
        s, TEXT("</main>\n<footer><p>The replies marked o\xE2\x88\x92 and those of weak policies are bad on purpose. A score here is an "
                "oracle's of a small world, or a preference model's; neither says that a model is safe.</p></footer>\n</body>\n</html>\n"));
}

Status report_write(const ResultsList *list, const ReportConfig *config, Arena *arena, const char **folder, Error *error) {
    const char *data = data_folder(arena, config->path);
    Str s = str_make(arena);
    report_page(&s, list, config, arena);
    TRY(report_data_write(list, config->sweeps, data, arena, error));
    if (folder) *folder = data;
    return file_write(config->path, s.data, s.size, error);
}
