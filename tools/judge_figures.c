#include "tools/judge_figures.h"

#include "tensor/base/json.h"
#include "tools/json_rows.h"

// How a kind is called and shown: a share as percent with one digit, a mean with `digits`.
static const struct {
    const char *name, *label, *of;
    bool share;
    int digits;
} KINDS[FIGURE_COUNT] = {
    [FIGURE_WIN_RATE] = {"win_rate", "win rate", "prompts", true, 1},
    [FIGURE_WINS] = {"wins", "prompts won", "prompts", false, 0},
    [FIGURE_TIES] = {"ties", "prompts tied", "prompts", false, 0},
    [FIGURE_LOSSES] = {"losses", "prompts lost", "prompts", false, 0},
    [FIGURE_CONTROLLED] = {"length_controlled_win_rate", "length-controlled win rate", "prompts", true, 1},
    [FIGURE_LENGTH_EFFECT] = {"length_effect", "effect of length (log-odds)", "prompts", false, 3},
    [FIGURE_SWAP] = {"swap_consistency", "swap consistency", "pairs", true, 1},
    [FIGURE_FIRST_PLACE] = {"first_place", "answers for the first place", "answers", true, 1},
    [FIGURE_CHARACTERS_A] = {"characters_a", "characters of a reply", "prompts", false, 1},
    [FIGURE_CHARACTERS_B] = {"characters_b", "of the other's", "prompts", false, 1},
    [FIGURE_WINS_BY_LENGTH] = {"win_rate_by_length", "win rate", "prompts", true, 1},
    [FIGURE_RATING_A] = {"rating_a", "mean rating", "prompts", false, 2},
    [FIGURE_RATING_B] = {"rating_b", "of the other", "prompts", false, 2},
    [FIGURE_AGREEMENT] = {"agreement", "answered alike", "questions", true, 1},
    [FIGURE_KAPPA_WINNER] = {"kappa_winner", "kappa of the winner", "questions", false, 3},
    [FIGURE_KAPPA_RATING] = {"kappa_rating", "kappa of the ratings", "questions", false, 3},
    [FIGURE_KAPPA_LINEAR] = {"kappa_rating_linear", "  linear weights", "questions", false, 3},
    [FIGURE_KAPPA_QUADRATIC] = {"kappa_rating_quadratic", "  quadratic weights", "questions", false, 3},
};

const char *judge_figure_name(FigureKind kind) { return KINDS[kind].name; }

void judge_figures_add(JudgeFigures *list, JudgeFigure figure) {
    list->figure = json_rows_room(list->arena, list->figure, list->count, &list->capacity, sizeof *list->figure);
    list->figure[list->count++] = figure;
}

// "rlcd against base, judged by ada", or "ada and bob".
static void print_heading(Str *out, const JudgeFigure *f) {
    if (f->other.size)
        str_printf(out, "%.*s and %.*s\n", (int)f->judge.size, f->judge.data, (int)f->other.size, f->other.data);
    else
        str_printf(out, "%.*s against %.*s, judged by %.*s\n", (int)f->a.size, f->a.data, (int)f->b.size, f->b.data, (int)f->judge.size,
                   f->judge.data);
}

void judge_figures_print(Str *out, const JudgeFigures *list) {
    for (int i = 0; i < list->count; i++) {
        const JudgeFigure *f = &list->figure[i], *p = i ? f - 1 : NULL;
        bool new = p == NULL || !text_equal(p->a, f->a) || !text_equal(p->b, f->b) || !text_equal(p->judge, f->judge) ||
                   !text_equal(p->other, f->other);
        if (new &&i) str_append_char(out, '\n');
        if (new) print_heading(out, f);
        double scale = KINDS[f->kind].share ? 100 : 1;
        int digits = KINDS[f->kind].digits;
        Str label = str_make(list->arena);
        str_printf(&label, "%s", KINDS[f->kind].label);
        if (f->grouped) str_printf(&label, ", %+.0f to %+.0f characters", f->from, f->to);
        str_printf(out, "  %-42s %8.*f%s", label.data, digits, scale * f->value, KINDS[f->kind].share ? " %" : "  ");
        if (f->ranged) str_printf(out, " [%.*f, %.*f]", digits, scale * f->interval.low, digits, scale * f->interval.high);
        str_printf(out, "  %lld %s\n", (long long)f->n, KINDS[f->kind].of);
    }
}

static void write_text(Str *out, const char *key, Text text) {
    str_printf(out, ",\"%s\":", key);
    json_write_string(out, text);
}

static void write_number(Str *out, const char *key, double value) {
    str_printf(out, ",\"%s\":", key);
    json_write_number(out, value);
}

void judge_figures_write(Str *out, const JudgeFigures *list) {
    for (int i = 0; i < list->count; i++) {
        const JudgeFigure *f = &list->figure[i];
        str_printf(out, "{\"measure\":\"%s\"", KINDS[f->kind].name);
        if (f->a.size) write_text(out, "a", f->a);
        if (f->b.size) write_text(out, "b", f->b);
        write_text(out, "judge", f->judge);
        if (f->other.size) write_text(out, "other", f->other);
        if (f->grouped) {
            write_number(out, "from", f->from);
            write_number(out, "to", f->to);
        }
        str_printf(out, ",\"n\":%lld", (long long)f->n);
        write_number(out, "value", f->value);
        if (f->ranged) {
            write_number(out, "low", f->interval.low);
            write_number(out, "high", f->interval.high);
        }
        str_append(out, TEXT("}\n"));
    }
}
