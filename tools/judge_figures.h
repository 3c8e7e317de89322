// What is known of judgements, one number after the other: as a table to read and as JSON Lines.
#ifndef TOOLS_JUDGE_FIGURES_H
#define TOOLS_JUDGE_FIGURES_H

#include "tools/judge_questions.h"
#include "tools/measure.h"

typedef enum {
    FIGURE_WIN_RATE,  // mean over prompts of 1 (a wins), 1/2, 0; over both orders where both were asked
    FIGURE_WINS,      // prompts on which a is better; then alike, worse
    FIGURE_TIES,
    FIGURE_LOSSES,
    FIGURE_CONTROLLED,     // win rate at equal length
    FIGURE_LENGTH_EFFECT,  // the regression's slope: log-odds for each step of tanh(difference / deviation)
    FIGURE_SWAP,           // share of pairs whose two orders name the same reply
    FIGURE_FIRST_PLACE,    // share of answers, ties left out, for the reply in first place
    FIGURE_CHARACTERS_A,   // mean length
    FIGURE_CHARACTERS_B,
    FIGURE_WINS_BY_LENGTH,  // win rate of the prompts whose difference in length is in [from, to]
    FIGURE_RATING_A,        // mean rating, 1 to 8; those of a and b add up to 9
    FIGURE_RATING_B,
    FIGURE_AGREEMENT,     // share of questions that two judges answered alike
    FIGURE_KAPPA_WINNER,  // Cohen's kappa of first, tie, second
    FIGURE_KAPPA_RATING,  // of the eight ratings: plain, linear and quadratic weights
    FIGURE_KAPPA_LINEAR,
    FIGURE_KAPPA_QUADRATIC,
    FIGURE_COUNT
} FigureKind;

typedef struct {
    FigureKind kind;
    Text a, b;          // policies; empty where two judges are compared
    Text judge, other;  // `other` only where two are compared
    int64_t n;          // prompts, pairs or questions behind the value
    double value;
    bool ranged;  // has a 95 % interval
    MeasureInterval interval;
    bool grouped;  // has from and to: characters of a's reply less those of b's
    double from, to;
} JudgeFigure;

typedef struct {
    Arena *arena;
    int count, capacity;
    JudgeFigure *figure;
} JudgeFigures;

// The name of a kind in files.
const char *judge_figure_name(FigureKind kind);

// Appends a figure.
void judge_figures_add(JudgeFigures *list, JudgeFigure figure);

// The figures as a table to read, in their order; a heading where policies or judges change.
void judge_figures_print(Str *out, const JudgeFigures *list);

// One JSON line each.
void judge_figures_write(Str *out, const JudgeFigures *list);

#endif
