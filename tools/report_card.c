#include "tools/report_card.h"

#include <string.h>

#include "rlcd/clean.h"
#include "tools/html.h"

// ---- outcomes of draws

// Draws by outcome of the stage `stage` over all seeds; false when no card has them.
static bool count_draws(const Results *r, const char *stage, double count[CLEAN_REASONS]) {
    bool any = false;
    memset(count, 0, CLEAN_REASONS * sizeof *count);
    for (int seed = 0; seed < r->seeds; seed++)
        for (int c = 0; c < r->matrix[seed]->cards; c++) {
            const MatrixCard *card = &r->matrix[seed]->card[c];
            const Json *outcomes = json_get(json_get(card->card, "simulate"), "outcomes");
            if (strcmp(card->stage, stage) != 0 || outcomes == NULL) continue;
            any = true;
            for (int k = 0; k < CLEAN_REASONS; k++) {
                const Json *n = json_get(outcomes, clean_reason_name((CleanReason)k));
                if (n && n->type == JSON_NUMBER && n->number > 0) count[k] += n->number;
            }
        }
    return any;
}

void card_rejections(Page *page) {
    static const struct { const char *stage, *shown; } STAGES[] = {{"contrast", "from p+ and p\xE2\x88\x92"}, {"plain", "from p"}};
    static const char *const MEANING[CLEAN_REASONS] = {
        [CLEAN_KEPT] = "became a reply",
        [CLEAN_UNFINISHED] = "the length limit came before an end",
        [CLEAN_EMPTY] = "nothing but blanks",
        [CLEAN_LEAKED] = "a turn marker or the affix stood in it",
        [CLEAN_NOT_UTF8] = "bytes, not text",
        [CLEAN_NO_TURN] = "no next turn (paper\xE2\x80\x99s rule)",
        [CLEAN_NO_LINE] = "no line (paper\xE2\x80\x99s rule)",
    };
    double count[2][CLEAN_REASONS], total[2] = {0, 0};
    bool any[2];
    Str *s = page->out;
    for (int i = 0; i < 2; i++) {
        any[i] = count_draws(page->results, STAGES[i].stage, count[i]);
        for (int k = 0; k < CLEAN_REASONS; k++) total[i] += count[i][k];
    }
    if (!any[0] && !any[1]) return;
    str_append(s, TEXT("<h3>Why draws were rejected</h3>\n<p class=\"note\">A rejected draw is drawn again, five times in all for a reply. "
                       "<a href=\""));
    html_text(s, text_of(page->data));
    str_append(s, TEXT("/rejections.csv\">rejections.csv</a></p>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">outcome</th>"));
    for (int i = 0; i < 2; i++)
        if (any[i]) str_printf(s, "<th scope=\"col\">draws %s</th><th scope=\"col\">share</th>", STAGES[i].shown);
    str_append(s, TEXT("<th scope=\"col\" class=\"text\">meaning</th></tr></thead>\n<tbody>\n"));
    for (int k = 0; k < CLEAN_REASONS; k++) {
        if (!(any[0] && count[0][k] > 0) && !(any[1] && count[1][k] > 0)) continue;
        str_printf(s, "<tr><th scope=\"row\">%s</th>", clean_reason_name((CleanReason)k));
        for (int i = 0; i < 2; i++) {
            if (!any[i]) continue;
            double share = total[i] > 0 ? count[i][k] / total[i] : 0;
            str_append(s, TEXT("<td>"));
            html_number(s, count[i][k], 0);
            str_printf(s, "</td><td><span class=\"bar %s\"><i style=\"width:%d%%\"></i></span>", i ? "k-rlaif" : "k-rlcd",
                       (int)(100 * share + 0.5));
            html_number(s, 100 * share, 1);
            str_append(s, TEXT("%</td>"));
        }
        str_printf(s, "<td class=\"text\">%s</td></tr>\n", MEANING[k]);
    }
    str_append(s, TEXT("</tbody></table></div>\n"));
}

// ---- the card

static double number_of(const Json *object, const char *key) {
    const Json *member = json_get(object, key);
    return member && member->type == JSON_NUMBER ? member->number : 0;
}

static Text text_in(const Json *object, const char *key) {
    const Json *member = json_get(object, key);
    return member && member->type == JSON_STRING ? member->string : TEXT("");
}

// "2 h 3 min", "4 min 10 s", "12.5 s"
static void put_seconds(Str *s, double seconds) {
    if (!(seconds >= 0 && seconds < 1e9)) seconds = 0;
    int64_t whole = (int64_t)(seconds + 0.5);
    if (seconds < 60) {
        html_number(s, seconds, 1);
        str_append(s, TEXT(" s"));
    } else if (whole < 3600) {
        str_printf(s, "%d min %d s", (int)(whole / 60), (int)(whole % 60));
    } else {
        str_printf(s, "%d h %d min", (int)(whole / 3600), (int)(whole / 60 % 60));
    }
}

static void put_mebibytes(Str *s, double bytes) {
    html_number(s, bytes / (1 << 20), 0);
    str_append(s, TEXT(" MiB"));
}

static void row_begin(Str *s, const char *name) { str_printf(s, "<tr><th scope=\"row\">%s</th><td class=\"wrap\">", name); }
static void row_end(Str *s) { str_append(s, TEXT("</td></tr>\n")); }

static void put_seeds(Str *s, const Results *r) {
    row_begin(s, r->seeds > 1 ? "seeds" : "seed");
    for (int i = 0; i < r->seeds; i++) {
        str_printf(s, "%s%lld (<code>", i ? ", " : "", (long long)r->matrix[i]->seed);
        html_text(s, text_of(r->matrix[i]->dir));
        str_append(s, TEXT("</code>)"));
    }
    row_end(s);
}

// What all stages took together.
static void put_machine(Str *s, const Results *r) {
    double seconds = 0, peak = 0, threads = 0;
    Text kernels = TEXT("");
    int stages = 0;
    for (int seed = 0; seed < r->seeds; seed++)
        for (int c = 0; c < r->matrix[seed]->cards; c++) {
            const Json *card = r->matrix[seed]->card[c].card, *machine = json_get(card, "machine");
            double bytes = number_of(card, "peak_rss_bytes");
            seconds += number_of(card, "wall_s");
            peak = bytes > peak ? bytes : peak;
            threads = number_of(machine, "threads") > threads ? number_of(machine, "threads") : threads;
            if (kernels.size == 0) kernels = text_in(machine, "kernels");
            stages++;
        }
    if (stages == 0) return;
    row_begin(s, "machine");
    html_text(s, kernels);
    str_append(s, TEXT(" kernels, "));
    html_number(s, threads, 0);
    str_append(s, threads == 1 ? TEXT(" thread") : TEXT(" threads"));
    row_end(s);
    row_begin(s, "wall time");
    put_seconds(s, seconds);
    str_printf(s, " in %d stages", stages);
    row_end(s);
    row_begin(s, "peak memory");
    put_mebibytes(s, peak);
    row_end(s);
}

static void put_stages(Str *s, const Results *r) {
    str_append(
        s,
        TEXT("<details><summary>Every stage, with the hash of what it made</summary>\n<div class=\"scroll\"><table><thead><tr><th "
             "scope=\"col\">stage</th><th scope=\"col\" class=\"text\">verb</th><th scope=\"col\">seed</th><th scope=\"col\">time</th><th "
             "scope=\"col\">memory</th><th scope=\"col\" class=\"text\">golden hash</th></tr></thead>\n<tbody>\n"));
    for (int seed = 0; seed < r->seeds; seed++)
        for (int c = 0; c < r->matrix[seed]->cards; c++) {
            const MatrixCard *card = &r->matrix[seed]->card[c];
            str_append(s, TEXT("<tr><th scope=\"row\">"));
            html_text(s, text_of(card->stage));
            str_append(s, TEXT("</th><td class=\"text\">"));
            html_text(s, text_in(card->card, "verb"));
            str_printf(s, "</td><td>%lld</td><td>", (long long)r->matrix[seed]->seed);
            put_seconds(s, number_of(card->card, "wall_s"));
            str_append(s, TEXT("</td><td>"));
            put_mebibytes(s, number_of(card->card, "peak_rss_bytes"));
            str_append(s, TEXT("</td><td class=\"text\"><code>"));
            Text hash = text_in(card->card, "sha256");
            html_text(s, (Text){hash.data, hash.size < 16 ? hash.size : 16});
            str_append(s, TEXT("</code></td></tr>\n"));
        }
    str_append(s, TEXT("</tbody></table></div></details>\n"));
}

// Whether an option with this key and value stands in a card before number `end` of the first seed.
static bool seen_before(const Matrix *m, int end, const Json *option, Arena *arena) {
    Str value = str_make(arena);
    json_write(&value, option);
    for (int c = 0; c < end; c++) {
        const Json *other = json_get(m->card[c].card, "options");
        for (const Json *o = other && other->type == JSON_OBJECT ? other->child : NULL; o; o = o->next) {
            if (!text_equal(o->key, option->key)) continue;
            Str there = str_make(arena);
            json_write(&there, o);
            if (text_equal(str_text(&there), str_text(&value))) return true;
        }
    }
    return false;
}

// The options of the first seed's stages, each value once, with the stage that it was first seen in.
static void put_options(Page *page) {
    const Matrix *m = page->results->matrix[0];
    Str *s = page->out;
    str_append(s, TEXT("<details><summary>Every option of the recipe (first seed)</summary>\n<div class=\"scroll\"><table><thead><tr><th "
                       "scope=\"col\">option</th><th scope=\"col\" class=\"text\">value</th><th scope=\"col\" class=\"text\">first "
                       "in</th></tr></thead>\n"
                       "<tbody>\n"));
    for (int c = 0; c < m->cards; c++) {
        const Json *options = json_get(m->card[c].card, "options");
        for (const Json *o = options && options->type == JSON_OBJECT ? options->child : NULL; o; o = o->next) {
            if (seen_before(m, c, o, page->arena)) continue;
            Str value = str_make(page->arena);
            json_write(&value, o);
            str_append(s, TEXT("<tr><th scope=\"row\">"));
            html_text(s, o->key);
            str_append(s, TEXT("</th><td class=\"wrap\"><code>"));
            html_text(s, o->type == JSON_STRING ? o->string : str_text(&value));
            str_append(s, TEXT("</code></td><td class=\"text\">"));
            html_text(s, text_of(m->card[c].stage));
            str_append(s, TEXT("</td></tr>\n"));
        }
    }
    str_append(s, TEXT("</tbody></table></div></details>\n"));
}

void card_run(Page *page) {
    const Results *r = page->results;
    const Matrix *first = r->matrix[0];
    Str *s = page->out;
    str_append(s, TEXT("<h3>The run\xE2\x80\x99s card</h3>\n<div class=\"scroll\"><table><tbody>\n"));
    row_begin(s, "program");
    str_append(s, TEXT("rlcd "));
    html_text(s, first->version);
    row_end(s);
    row_begin(s, "model");
    str_append(s, TEXT("<code>"));
    html_text(s, first->model_path);
    str_append(s, TEXT("</code>, SHA-256 <code>"));
    html_text(s, first->model_hash);
    str_append(s, TEXT("</code>"));
    for (int i = 1; i < r->seeds; i++)
        if (!text_equal(r->matrix[i]->model_hash, first->model_hash)) {
            str_append(s, TEXT("; other seeds used other models"));
            break;
        }
    row_end(s);
    put_seeds(s, r);
    put_machine(s, r);
    str_append(s, TEXT("</tbody></table></div>\n"));
    if (first->cards == 0) return;
    put_stages(s, r);
    put_options(page);
}
