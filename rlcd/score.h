// Scoring without gradient: log-probabilities, values and preference scores of finished sequences, in ragged batches.
//
// How many sequences run at once never changes a bit (numerics.md, A2 and S3): the numbers equal those of the training
// forward of each sequence alone. With several ranks each scores a share of the sequences, and all get the whole: together.
#ifndef RLCD_SCORE_H
#define RLCD_SCORE_H

#include "nn/logprob.h"
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

// The rows [N, D], and the log-probability of each action [N], under a tape or without (NULL); what else `extra` (may be NULL) names.
Tensor *score_hidden(Tape *tape, const Role *role, const ScoreRows *rows, Arena *arena);
Tensor *score_actions(Tape *tape, const Role *role, const ScoreRows *rows, float temperature, const LogprobExtra *extra, Arena *arena);

// What KL over the whole vocabulary needs of the reference: its rows, and a place [N] with gradient if there is a `tape`.
LogprobReference *score_reference_rows(Tape *tape, const Role *reference, const ScoreRows *rows, Arena *arena);

// Log-probability of every action of every sequence: logp[i] has sequence_actions(i) places; entropy likewise, or NULL.
// Whole batches of about session->rows rows. ERR_STOPPED when asked to stop.
Status score_logprob(float **logp, float **entropy, const Role *role, const Sequence *sequences, int n, float temperature, Session *session,
                     Error *error);

// KL from the reference of each action's distribution: kl[i] has sequence_actions(i) places (nn/logprob.h).
Status score_kl(float **kl, const Role *role, const Role *reference, const Sequence *sequences, int n, float temperature, Session *session,
                Error *error);

// Value before every action: value[i][t] from the row before action t, with bias, without normalisation.
Status score_values(float **value, const Role *role, const Sequence *sequences, int n, Session *session, Error *error);

// Preference score at the last row of every sequence (its end-of-text), normalised by the role's mean and deviation.
Status score_preference(float *score, const Role *role, const Sequence *sequences, int n, Session *session, Error *error);

// Logits of chosen ids behind the last token of every sequence: logit[i * n_ids + k] of ids[k].
Status score_logits(float *logit, const Role *role, const Sequence *sequences, int n, const int32_t *ids, int n_ids, Session *session,
                    Error *error);

#endif
