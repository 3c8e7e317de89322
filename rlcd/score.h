// Scoring without gradient: log-probabilities, values and preference scores of finished sequences, in ragged batches.
//
// How many sequences run at once never changes a bit (numerics.md, A2 and S3): the numbers equal those of the training
// forward of each sequence alone.
#ifndef RLCD_SCORE_H
#define RLCD_SCORE_H

#include "rlcd/batch.h"
#include "rlcd/role.h"
#include "rlcd/session.h"

// Whole sequences of one pass, and the hidden rows that are asked for: those before each action, or the last of each sequence.
typedef enum { ROWS_ACTIONS, ROWS_LAST } RowChoice;
typedef struct {
    int B, N;               // sequences, rows
    const int *first;       // [B + 1] rows by sequence
    int *row;               // [N]
    const int32_t *target;  // [N] the actions; NULL for ROWS_LAST
    LlamaBatch *batch;
} ScoreRows;

// In `arena`; the sequences' ids must outlive it.
ScoreRows score_rows(const Sequence *const *sequences, int B, RowChoice choice, Arena *arena);

// The rows [N, D], and the log-probability of each action [N] (entropy[N] may be NULL), under a tape or without (NULL).
Tensor *score_hidden(Tape *tape, const Role *role, const ScoreRows *rows, Arena *arena);
Tensor *score_actions(Tape *tape, const Role *role, const ScoreRows *rows, float temperature, float *entropy, Arena *arena);

// Log-probability of every action of every sequence: logp[i] has sequence_actions(i) places; entropy likewise, or NULL.
// Whole batches of about session->rows rows. ERR_STOPPED when asked to stop.
Status score_logprob(float **logp, float **entropy, const Role *role, const Sequence *sequences, int n, float temperature, Session *session,
                     Error *error);

// Value before every action: value[i][t] from the row before action t, with bias, without normalisation.
Status score_values(float **value, const Role *role, const Sequence *sequences, int n, Session *session, Error *error);

// Preference score at the last row of every sequence (its end-of-text), normalised by the role's mean and deviation.
Status score_preference(float *score, const Role *role, const Sequence *sequences, int n, Session *session, Error *error);

// Logits of chosen ids behind the last token of every sequence: logit[i * n_ids + k] of ids[k].
Status score_logits(float *logit, const Role *role, const Sequence *sequences, int n, const int32_t *ids, int n_ids, Session *session,
                    Error *error);

#endif
