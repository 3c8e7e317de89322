#include "tools/theory_files.h"

#include <math.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/html.h"
#include "tools/theory_page.h"

static const char *const SUBSETS[] = {"all", "hard"};

double theory_paper(const TheoryPlace *place, TheoryMethod method, bool hard) {
    if (place->shift != 3 || place->noise != 1 || place->width != 0.2) return NAN;
    if (method == THEORY_RLAIF) return hard ? 0.528 : 0.75;
    return hard ? 0.574 : NAN;
}

// ---- the table

static void put(Str *s, const char *label, double value, int decimals) {
    str_append(s, text_of(label));
    html_number(s, value, decimals);
}

static void put_short(Str *s, double value) {
    char number[32];
    number_print(value, number);
    str_append(s, text_of(number));
}

static void put_row(Str *s, const Theory *t, TheoryMethod m, bool hard) {
    const TheoryLine *line = &t->table[m];
    const TheoryCount *count = hard ? &line->hard : &line->all;
    double paper = theory_paper(&line->place, m, hard);
    str_printf(s, "%-6s %-5s %12lld", THEORY_NAMES[m], SUBSETS[hard], (long long)count->pairs);
    if (count->pairs == 0)
        str_append(s, TEXT("          -   -     "));
    else {
        put(s, "     ", theory_share(count), 4);
        put(s, " +- ", theory_error(count), 4);
    }
    put(s, "   ", hard ? line->exact_hard : line->exact_all, 4);
    if (isnan(paper))
        str_append(s, TEXT("   -\n"));
    else
        put(s, "   ", paper, m == THEORY_RLAIF && !hard ? 2 : 3), str_append(s, TEXT("\n"));
}

// Steps of the shift that the table shows: at most eight, evenly spread, the last one included.
static int shown_step(const TheoryConfig *c, int row) {
    int rows = c->steps < 8 ? c->steps : 8;
    return row < rows ? (row + 1) * c->steps / rows : -1;
}

static void put_crossings(Str *s, const Theory *t) {
    const TheoryConfig *c = &t->config;
    str_append(s, TEXT("\nRLAIF's labels are better than RLCD's where the judge's noise is below\n   shift"));
    for (int k = 0; k < c->shares; k++) {
        Str share = str_make(s->arena);
        str_append(&share, TEXT("hard "));
        put_short(&share, c->share[k]);
        str_printf(s, " %10s", share.data);
    }
    for (int row = 0, i; (i = shown_step(c, row)) >= 0; row++) {
        Str shift = str_make(s->arena);
        put(&shift, "", t->line[THEORY_RLCD][i].place.shift, 3);
        str_printf(s, "\n%8s", shift.data);
        for (int k = 0; k < c->shares; k++) {
            Str noise = str_make(s->arena);
            double crossing = t->crossing[i][k];
            if (isinf(crossing))
                str_append(&noise, TEXT("any"));
            else
                put(&noise, "", crossing, 3);
            str_printf(s, " %10s", noise.data);
        }
    }
    str_append(s, TEXT("\n"));
}

void theory_write_table(Str *s, const Theory *theory) {
    const TheoryPlace *p = &theory->config.place;
    str_append(s, TEXT("labels that are right: judge's noise "));
    put_short(s, p->noise);
    str_append(s, TEXT(", shift of p+ against p- "));
    put_short(s, p->shift);
    str_append(s, TEXT(", hard: the attributes differ by at most "));
    put_short(s, p->width);
    str_printf(s, "\n\n%-6s %-5s %12s     %-16s   %-6s   %s\n", "method", "pairs", "drawn", "simulated", "exact", "paper");
    for (int m = 0; m < THEORY_METHODS; m++)
        for (int hard = 0; hard < 2; hard++) put_row(s, theory, (TheoryMethod)m, hard);
    put_crossings(s, theory);
    str_append(s, TEXT("(shift: how far p+ moves the mean against p-, in deviations of a reply; hard: share of prompts whose replies come "
                       "out alike)\n\nsimulation against closed form: "));
    str_printf(s, "%d shares, the largest distance ", theory->compared);
    put(s, "", theory->distance, 1);
    str_append(s, TEXT(" standard errors\n"));
}

// ---- rows

static void put_member(Str *s, const char *key, double value) {
    str_printf(s, ",\"%s\":", key);
    json_write_number(s, value);
}

void theory_write_rows(Str *s, const Theory *theory) {
    const TheoryConfig *c = &theory->config;
    for (int m = 0; m < THEORY_METHODS; m++)
        for (int hard = 0; hard < 2; hard++) {
            const TheoryLine *line = &theory->table[m];
            const TheoryCount *count = hard ? &line->hard : &line->all;
            double paper = theory_paper(&line->place, (TheoryMethod)m, hard);
            str_printf(s, "{\"kind\":\"table\",\"method\":\"%s\",\"pairs\":\"%s\"", THEORY_NAMES[m], SUBSETS[hard]);
            put_member(s, "shift", line->place.shift);
            put_member(s, "noise", line->place.noise);
            put_member(s, "width", line->place.width);
            str_printf(s, ",\"drawn\":%lld", (long long)count->pairs);
            put_member(s, "accuracy", theory_share(count));
            put_member(s, "standard_error", theory_error(count));
            put_member(s, "exact", hard ? line->exact_hard : line->exact_all);
            if (!isnan(paper)) put_member(s, "paper", paper);
            str_append(s, TEXT("}\n"));
        }
    for (int k = 0; k < c->shares; k++)
        for (int i = 0; i <= c->steps; i++)
            for (int j = 0; j <= c->steps; j++) {
                TheoryPoint rlcd = theory_point(theory, THEORY_RLCD, i, c->share[k]);
                TheoryPoint rlaif = theory_point(theory, THEORY_RLAIF, j, c->share[k]);
                str_append(s, TEXT("{\"kind\":\"cell\""));
                put_member(s, "hard", c->share[k]);
                put_member(s, "shift", theory->line[THEORY_RLCD][i].place.shift);
                put_member(s, "noise", theory->line[THEORY_RLAIF][j].place.noise);
                put_member(s, "rlcd", rlcd.simulated);
                put_member(s, "rlcd_error", rlcd.error);
                put_member(s, "rlcd_exact", rlcd.exact);
                put_member(s, "rlaif", rlaif.simulated);
                put_member(s, "rlaif_error", rlaif.error);
                put_member(s, "rlaif_exact", rlaif.exact);
                str_append(s, TEXT("}\n"));
            }
    for (int k = 0; k < c->shares; k++)
        for (int i = 0; i <= c->steps; i++) {
            str_append(s, TEXT("{\"kind\":\"crossing\""));
            put_member(s, "hard", c->share[k]);
            put_member(s, "shift", theory->line[THEORY_RLCD][i].place.shift);
            put_member(s, "noise", theory->crossing[i][k]);
            str_append(s, TEXT("}\n"));
        }
}

void theory_write_csv(Str *s, const Theory *theory) {
    const TheoryConfig *c = &theory->config;
    str_append(s, TEXT("hard,shift,noise,rlcd,rlcd_error,rlcd_exact,rlaif,rlaif_error,rlaif_exact\n"));
    for (int k = 0; k < c->shares; k++)
        for (int i = 0; i <= c->steps; i++)
            for (int j = 0; j <= c->steps; j++) {
                TheoryPoint a = theory_point(theory, THEORY_RLCD, i, c->share[k]);
                TheoryPoint b = theory_point(theory, THEORY_RLAIF, j, c->share[k]);
                double value[] = {c->share[k],
                                  theory->line[THEORY_RLCD][i].place.shift,
                                  theory->line[THEORY_RLAIF][j].place.noise,
                                  a.simulated,
                                  a.error,
                                  a.exact,
                                  b.simulated,
                                  b.error,
                                  b.exact};
                for (size_t n = 0; n < sizeof value / sizeof *value; n++) {
                    if (n) str_append_char(s, ',');
                    put_short(s, value[n]);
                }
                str_append_char(s, '\n');
            }
}

Status theory_write(const Theory *theory, const char *dir, Arena *arena, Error *error) {
    static const char *const NAMES[] = {"theory.jsonl", "theory.csv", "theory.html"};
    Str text[3] = {str_make(arena), str_make(arena), str_make(arena)};
    theory_write_rows(&text[0], theory);
    theory_write_csv(&text[1], theory);
    theory_write_page(&text[2], theory, arena);
    TRY(directory_make(dir, error));
    for (int i = 0; i < 3; i++) TRY(file_write(path_join(arena, dir, NAMES[i]), text[i].data, text[i].size, error));
    return OK;
}
