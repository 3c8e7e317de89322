#include "rlcd/score.h"

#include <string.h>

#include "nn/linear.h"
#include "nn/logprob.h"
#include "tensor/op_gather.h"

ScoreRows score_rows(const Sequence *const *sequences, int B, RowChoice choice, Arena *arena) {
    const int32_t **ids = arena_alloc(arena, (size_t)B * sizeof *ids);
    int *length = arena_alloc(arena, (size_t)B * sizeof *length), *first = arena_alloc(arena, (size_t)(B + 1) * sizeof *first);
    first[0] = 0;
    for (int i = 0; i < B; i++) {
        const Sequence *s = sequences[i];
        REQUIRE(s->from >= 1 && s->from <= s->count, "score: first action %d of %d tokens", s->from, s->count);
        ids[i] = s->ids;
        length[i] = s->count;
        first[i + 1] = first[i] + (choice == ROWS_LAST ? 1 : sequence_actions(s));
    }
    LlamaBatch *batch = arena_alloc(arena, sizeof *batch);
    *batch = llama_batch(arena, ids, length, B);
    int *row = arena_alloc(arena, (size_t)(first[B] + 1) * sizeof *row);
    int32_t *target = choice == ROWS_LAST ? NULL : arena_alloc(arena, (size_t)(first[B] + 1) * sizeof *target);
    for (int i = 0, n = 0; i < B; i++) {
        // The row before an action predicts it.
        int begin = choice == ROWS_LAST ? length[i] - 1 : sequences[i]->from - 1;
        for (int t = begin; n < first[i + 1]; t++, n++) {
            row[n] = batch->offsets[i] + t;
            if (target) target[n] = ids[i][t + 1];
        }
    }
    return (ScoreRows){B, first[B], first, row, target, batch};
}

Tensor *score_hidden(Tape *tape, const Role *role, const ScoreRows *rows, Arena *arena) {
    return op_gather(tape, llama_forward(tape, role->llama, role->adapter, rows->batch, NULL, arena), rows->row, rows->N);
}

Tensor *score_actions(Tape *tape, const Role *role, const ScoreRows *rows, float temperature, float *entropy, Arena *arena) {
    LogprobExtra extra = {.entropy = entropy, .tied = tape ? llama_tie(rows->batch, role->llama, rows->first, arena) : NULL};
    Tensor *x = score_hidden(tape, role, rows, arena);
    return logprob(tape, x, role->llama->weights.head, rows->target, temperature, llama_rows(role->llama, rows->B, rows->first), &extra);
}

// The next batch: sequences [first, first + rows->B) of together about session->rows tokens. What it takes from session->step is
// released by the caller. False at the end, or with *status when asked to stop.
static bool next_batch(ScoreRows *rows, const Sequence *sequences, int n, int first, RowChoice choice, Session *session, Status *status,
                       Error *error) {
    *status = OK;
    if (first == n) return false;
    if (session->stop_wanted && session->stop_wanted()) {
        *status = error_set(error, ERR_STOPPED, "stopped while scoring");
        return false;
    }
    int B = 0, N = 0;
    while (first + B < n && (B == 0 || N + sequences[first + B].count <= session->rows)) N += sequences[first + B++].count;
    const Sequence **part = arena_alloc(session->step, (size_t)B * sizeof *part);
    for (int i = 0; i < B; i++) part[i] = &sequences[first + i];
    *rows = score_rows(part, B, choice, session->step);
    return true;
}

Status score_logprob(float **logp, float **entropy, const Role *role, const Sequence *sequences, int n, float temperature, Session *session,
                     Error *error) {
    ScoreRows rows;
    Status status;
    ArenaMark mark = arena_mark(session->step);
    for (int first = 0; next_batch(&rows, sequences, n, first, ROWS_ACTIONS, session, &status, error); first += rows.B) {
        float *spread = entropy ? arena_alloc(session->step, (size_t)(rows.N + 1) * sizeof *spread) : NULL;
        const Tensor *out = score_actions(NULL, role, &rows, temperature, spread, session->step);
        for (int i = 0; i < rows.B; i++) {
            size_t bytes = (size_t)(rows.first[i + 1] - rows.first[i]) * sizeof(float);
            memcpy(logp[first + i], tensor_f32(out) + rows.first[i], bytes);
            if (entropy) memcpy(entropy[first + i], spread + rows.first[i], bytes);
        }
        arena_release(session->step, mark);
    }
    return status;
}

// What the scalar head gives for the chosen rows of each sequence.
static Status score_head(float **out, const Role *role, const Sequence *sequences, int n, RowChoice choice, Session *session,
                         Error *error) {
    ScoreRows rows;
    Status status;
    ArenaMark mark = arena_mark(session->step);
    for (int first = 0; next_batch(&rows, sequences, n, first, choice, session, &status, error); first += rows.B) {
        const Tensor *v = linear(NULL, score_hidden(NULL, role, &rows, session->step), role->head, role->bias,
                                 llama_rows(role->llama, rows.B, rows.first));
        for (int i = 0; i < rows.B; i++)
            memcpy(out[first + i], tensor_f32(v) + rows.first[i], (size_t)(rows.first[i + 1] - rows.first[i]) * sizeof(float));
        arena_release(session->step, mark);
    }
    return status;
}

Status score_values(float **value, const Role *role, const Sequence *sequences, int n, Session *session, Error *error) {
    return score_head(value, role, sequences, n, ROWS_ACTIONS, session, error);
}

Status score_preference(float *score, const Role *role, const Sequence *sequences, int n, Session *session, Error *error) {
    ArenaMark mark = arena_mark(session->run);
    float **place = arena_alloc(session->run, (size_t)(n + 1) * sizeof *place);
    for (int i = 0; i < n; i++) place[i] = &score[i];
    Status status = score_head(place, role, sequences, n, ROWS_LAST, session, error);
    for (int i = 0; status == OK && i < n; i++) score[i] = (score[i] - role->mean) / role->deviation;
    arena_release(session->run, mark);
    return status;
}

Status score_logits(float *logit, const Role *role, const Sequence *sequences, int n, const int32_t *ids, int n_ids, Session *session,
                    Error *error) {
    const Tensor *head = role->llama->weights.head;
    size_t V = (size_t)role->llama->config.V;
    ScoreRows rows;
    Status status;
    ArenaMark mark = arena_mark(session->step);
    for (int first = 0; next_batch(&rows, sequences, n, first, ROWS_LAST, session, &status, error); first += rows.B) {
        float *z = arena_alloc(session->step, (size_t)rows.B * V * sizeof *z);
        const Tensor *x = score_hidden(NULL, role, &rows, session->step);
        logits_forward(z, tensor_f32(x), head->data, head->type, 1.0f, role->llama->precision, rows.B, role->llama->config.D, (int)V);
        for (int i = 0; i < rows.B; i++)
            for (int k = 0; k < n_ids; k++) logit[(first + i) * n_ids + k] = z[(size_t)i * V + (size_t)ids[k]];
        arena_release(session->step, mark);
    }
    return status;
}
