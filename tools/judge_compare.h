// From answers to figures: win rates with intervals, at equal length, by length; swap consistency; agreement of two judges.
//
//     value of a prompt  v = mean over its questions of 1 where the answer names a's reply, 1/2 for a tie, 0
//     win rate           mean v; interval by the bootstrap over prompts
//     at equal length    P(a is better) = sigmoid(theta + phi tanh(d / s)) is fitted to v; sigmoid(theta)
//
// d: characters of a's reply less those of b's, blanks around them left out; s: deviation of d over the prompts. This is the regression of
// AlpacaEval 2 (Dubois et al., 2024, arXiv 2404.04475) without its terms for the difficulty of a prompt, which need many models.
#ifndef TOOLS_JUDGE_COMPARE_H
#define TOOLS_JUDGE_COMPARE_H

#include "tools/judge_figures.h"
#include "tools/judge_verdicts.h"

// What one judge, or several together, said to every question.
typedef struct {
    Text judge;
    const double *first;   // [questions] 1: the reply in first place is better; 0: the second; 1/2: a tie; between: judges disagree
    const double *rating;  // [questions] 1 (first place much better) to 8 (second), 4.5 where both are the same; NULL: not rated
    bool single;           // one judge: order and place can be asked about
} JudgeAnswers;

typedef struct {
    int replicates;  // of the bootstrap
    uint64_t seed;
    int groups;  // by difference in length
} JudgeCompare;

// The answers of a verdict file; in `arena`.
JudgeAnswers judge_answers(const JudgeVerdicts *verdicts, const JudgeQuestions *questions, Arena *arena);

// The mean of several judges' answers, under a name; n >= 1. Rated only if all are.
JudgeAnswers judge_answers_mean(const JudgeAnswers *answers, int n, Text name, const JudgeQuestions *questions, Arena *arena);

// Adds what is known of each pairing. Left out: swap consistency where no pair was asked in both orders, ratings where there are none, the
// length-controlled win rate where the regression has no maximum (all won or lost, or equal lengths).
void judge_compare(JudgeFigures *out, const JudgeQuestions *questions, const JudgeAnswers *answers, const JudgeCompare *config);

// Adds how far two judges agree, over questions whose replies differ: as answered, before places are turned back, so that a policy that
// nearly always wins does not make agreement look like chance. Nothing when there is no such question.
void judge_agreement(JudgeFigures *out, const JudgeQuestions *questions, const JudgeAnswers *one, const JudgeAnswers *other);

#endif
