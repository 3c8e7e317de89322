#include "rlcd/score.h"

#include <string.h>

#include "nn/linear.h"
#include "nn/logprob.h"
#include "tensor/op_gather.h"

// Whose rows are asked for: the final one of each sequence, or those before each action.
typedef enum { ROWS_LAST, ROWS_ACTIONS } RowChoice;

// Hidden rows of whole sequences, in order, [chosen rows, D].
static Tensor *hidden_rows(const Role *role, const Sequence *sequences, int B, RowChoice choice, Arena *arena) {
    const int32_t **ids = arena_alloc(arena, (size_t)B * sizeof *ids);
    int *lengths = arena_alloc(arena, (size_t)B * sizeof *lengths), rows = 0;
    for (int i = 0; i < B; i++) {
        const Sequence *s = &sequences[i];
        REQUIRE(s->from >= 1 && s->from <= s->count, "score: first action %d of %d tokens", s->from, s->count);
        ids[i] = s->ids;
        lengths[i] = s->count;
        rows += choice == ROWS_LAST ? 1 : sequence_actions(s);
    }
    LlamaBatch *batch = arena_alloc(arena, sizeof *batch);
    *batch = llama_batch(arena, ids, lengths, B);
    int *row = arena_alloc(arena, (size_t)(rows + 1) * sizeof *row), chosen = 0;
    for (int i = 0; i < B; i++) {
        int begin = batch->offsets[i], end = batch->offsets[i + 1] - 1;
        if (choice == ROWS_LAST)
            row[chosen++] = end;
        else
            for (int t = begin + sequences[i].from - 1; t < end; t++) row[chosen++] = t;
    }
    return op_gather(NULL, llama_forward(NULL, role->llama, role->adapter, batch, NULL, arena), row, rows);
}

// The next batch: sequences [*first, *first + returned) of together about session->rows tokens, their rows in *x. What it
// takes from session->step is released by the caller. 0 at the end, or with *status when asked to stop.
static int next_batch(Tensor **x, const Role *role, const Sequence *sequences, int n, int first, RowChoice choice, Session *session,
                      Status *status, Error *error) {
    *status = OK;
    if (first == n) return 0;
    if (session->stop_wanted && session->stop_wanted()) {
        *status = error_set(error, ERR_STOPPED, "stopped while scoring");
        return 0;
    }
    int B = 0, N = 0;
    while (first + B < n && (B == 0 || N + sequences[first + B].count <= session->rows)) N += sequences[first + B++].count;
    *x = hidden_rows(role, sequences + first, B, choice, session->step);
    return B;
}

Status score_logprob(float **logp, float **entropy, const Role *role, const Sequence *sequences, int n, float temperature, Session *session,
                     Error *error) {
    const Tensor *head = role->llama->weights.head;
    int D = role->llama->config.D, V = role->llama->config.V;
    Tensor *x;
    Status status;
    ArenaMark mark = arena_mark(session->step);
    for (int first = 0, B; (B = next_batch(&x, role, sequences, n, first, ROWS_ACTIONS, session, &status, error)) > 0; first += B) {
        // The targets are the actions themselves.
        int rows = x->dim[0];
        int32_t *target = arena_alloc(session->step, (size_t)(rows + 1) * sizeof *target);
        float *out = arena_alloc(session->step, (size_t)(rows + 1) * sizeof *out);
        float *spread = arena_alloc(session->step, (size_t)(rows + 1) * sizeof *spread);
        for (int i = 0, at = 0; i < B; i++)
            for (int t = sequences[first + i].from; t < sequences[first + i].count; t++) target[at++] = sequences[first + i].ids[t];
        LogprobExtra extra = {.entropy = entropy ? spread : NULL};
        logprob_forward(out, &extra, tensor_f32(x), head->data, head->type, target, temperature, rows, D, V);
        for (int i = 0, at = 0; i < B; i++) {
            int T = sequence_actions(&sequences[first + i]);
            memcpy(logp[first + i], out + at, (size_t)T * sizeof(float));
            if (entropy) memcpy(entropy[first + i], spread + at, (size_t)T * sizeof(float));
            at += T;
        }
        arena_release(session->step, mark);
    }
    return status;
}

Status score_values(float **value, const Role *role, const Sequence *sequences, int n, Session *session, Error *error) {
    Tensor *x;
    Status status;
    ArenaMark mark = arena_mark(session->step);
    for (int first = 0, B; (B = next_batch(&x, role, sequences, n, first, ROWS_ACTIONS, session, &status, error)) > 0; first += B) {
        const float *v = tensor_f32(linear(NULL, x, role->head, role->bias));
        for (int i = 0; i < B; i++) {
            int T = sequence_actions(&sequences[first + i]);
            memcpy(value[first + i], v, (size_t)T * sizeof(float));
            v += T;
        }
        arena_release(session->step, mark);
    }
    return status;
}

Status score_preference(float *score, const Role *role, const Sequence *sequences, int n, Session *session, Error *error) {
    Tensor *x;
    Status status;
    ArenaMark mark = arena_mark(session->step);
    for (int first = 0, B; (B = next_batch(&x, role, sequences, n, first, ROWS_LAST, session, &status, error)) > 0; first += B) {
        const float *r = tensor_f32(linear(NULL, x, role->head, role->bias));
        for (int i = 0; i < B; i++) score[first + i] = (r[i] - role->mean) / role->deviation;
        arena_release(session->step, mark);
    }
    return status;
}

Status score_logits(float *logit, const Role *role, const Sequence *sequences, int n, const int32_t *ids, int n_ids, Session *session,
                    Error *error) {
    const Tensor *head = role->llama->weights.head;
    int D = role->llama->config.D, V = role->llama->config.V;
    Tensor *x;
    Status status;
    ArenaMark mark = arena_mark(session->step);
    for (int first = 0, B; (B = next_batch(&x, role, sequences, n, first, ROWS_LAST, session, &status, error)) > 0; first += B) {
        float *z = arena_alloc(session->step, (size_t)B * (size_t)V * sizeof *z);
        logits_forward(z, tensor_f32(x), head->data, head->type, 1.0f, B, D, V);
        for (int i = 0; i < B; i++)
            for (int k = 0; k < n_ids; k++) logit[(first + i) * n_ids + k] = z[(size_t)i * (size_t)V + (size_t)ids[k]];
        arena_release(session->step, mark);
    }
    return status;
}
