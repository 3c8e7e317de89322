#include "rlcd/score.h"

#include <string.h>

#include "nn/linear.h"
#include "tensor/base/comm.h"
#include "tensor/base/pool.h"
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

Tensor *score_actions(Tape *tape, const Role *role, const ScoreRows *rows, float temperature, const LogprobExtra *extra, Arena *arena) {
    LogprobExtra all = extra ? *extra : (LogprobExtra){0};
    all.tied = tape ? llama_tie(rows->batch, role->llama, rows->first, arena) : NULL;
    Tensor *x = score_hidden(tape, role, rows, arena);
    return logprob(tape, x, role->llama->weights.head, rows->target, temperature, llama_rows(role->llama, rows->B, rows->first), &all);
}

LogprobReference *score_reference_rows(Tape *tape, const Role *reference, const ScoreRows *rows, Arena *arena) {
    LogprobReference *r = arena_alloc(arena, sizeof *r);
    *r = (LogprobReference){tensor_f32(score_hidden(NULL, reference, rows, arena)), reference->llama->weights.head,
                            tensor_new_1d(arena, tape != NULL, rows->N)};
    return r;
}

// Gives every rank what the others found of n sequences: `each` numbers of every one, or (0) one of every action.
static Status share_scores(float *const *part, const Sequence *sequences, int n, int each, Status status, Error *error) {
    TRY(comm_agree(status, error));
    if (comm_size() == 1) return OK;
    ArenaMark mark = arena_mark(pool_scratch(0));
    size_t *bytes = arena_alloc(pool_scratch(0), ((size_t)n + 1) * sizeof *bytes), offset[COMM_RANKS + 1];
    Str mine = str_make(pool_scratch(0));
    int first = (int)comm_first(n, comm_rank()), end = (int)comm_first(n, comm_rank() + 1);
    for (int i = 0; i < n; i++) {
        bytes[i] = (size_t)(each ? each : sequence_actions(&sequences[i])) * sizeof(float);
        if (i >= first && i < end) str_append(&mine, (Text){(const char *)part[i], bytes[i]});
    }
    const char *all = comm_collect(mine.data, mine.size, offset, pool_scratch(0));
    for (int i = 0; i < n; all += bytes[i++]) memcpy(part[i], all, bytes[i]);
    arena_release(pool_scratch(0), mark);
    return OK;
}

// This rank's share of the sequences, batch by batch.
typedef struct {
    const Sequence *sequences;
    int first, next, end;  // the present batch begins at `first`
    RowChoice choice;
    Session *session;
    ArenaMark mark;
    Status status;
    ScoreRows rows;
} Batches;

static Batches batches_make(const Sequence *sequences, int n, RowChoice choice, Session *session) {
    return (Batches){.sequences = sequences,
                     .next = (int)comm_first(n, comm_rank()),
                     .end = (int)comm_first(n, comm_rank() + 1),
                     .choice = choice,
                     .session = session,
                     .mark = arena_mark(session->step)};
}

// The next batch, of together about session->rows tokens; what the one before took from session->step is released. False at the end, or
// with the status when asked to stop.
static bool batches_next(Batches *b, Error *error) {
    arena_release(b->session->step, b->mark);
    if (b->next == b->end) return false;
    if (b->session->stop_wanted && b->session->stop_wanted()) {
        b->status = error_set(error, ERR_STOPPED, "stopped while scoring");
        return false;
    }
    int N = 0;
    b->first = b->next;
    while (b->next < b->end && (b->next == b->first || N + b->sequences[b->next].count <= b->session->rows))
        N += b->sequences[b->next++].count;
    int B = b->next - b->first;
    const Sequence **part = arena_alloc(b->session->step, (size_t)B * sizeof *part);
    for (int i = 0; i < B; i++) part[i] = &b->sequences[b->first + i];
    b->rows = score_rows(part, B, b->choice, b->session->step);
    return true;
}

// One number a row, to the batch's sequences.
static void scatter(float **out, const Batches *b, const float *value) {
    const int *first = b->rows.first;
    for (int i = 0; i < b->rows.B; i++) memcpy(out[b->first + i], value + first[i], (size_t)(first[i + 1] - first[i]) * sizeof *value);
}

Status score_logprob(float **logp, float **entropy, const Role *role, const Sequence *sequences, int n, float temperature, Session *session,
                     Error *error) {
    Batches b = batches_make(sequences, n, ROWS_ACTIONS, session);
    while (batches_next(&b, error)) {
        float *spread = entropy ? arena_alloc(session->step, (size_t)(b.rows.N + 1) * sizeof *spread) : NULL;
        scatter(logp, &b, tensor_f32(score_actions(NULL, role, &b.rows, temperature, &(LogprobExtra){.entropy = spread}, session->step)));
        if (entropy) scatter(entropy, &b, spread);
    }
    TRY(share_scores(logp, sequences, n, 0, b.status, error));
    return entropy ? share_scores(entropy, sequences, n, 0, OK, error) : OK;
}

Status score_kl(float **kl, const Role *role, const Role *reference, const Sequence *sequences, int n, float temperature, Session *session,
                Error *error) {
    Batches b = batches_make(sequences, n, ROWS_ACTIONS, session);
    while (batches_next(&b, error)) {
        const LogprobReference *r = score_reference_rows(NULL, reference, &b.rows, session->step);
        score_actions(NULL, role, &b.rows, temperature, &(LogprobExtra){.reference = r}, session->step);
        scatter(kl, &b, tensor_f32(r->kl));
    }
    return share_scores(kl, sequences, n, 0, b.status, error);
}

// What the scalar head gives for the chosen rows of each sequence.
static Status score_head(float **out, const Role *role, const Sequence *sequences, int n, RowChoice choice, Session *session,
                         Error *error) {
    Batches b = batches_make(sequences, n, choice, session);
    while (batches_next(&b, error)) {
        const Tensor *v = linear(NULL, score_hidden(NULL, role, &b.rows, session->step), role->head, role->bias,
                                 llama_rows(role->llama, b.rows.B, b.rows.first));
        scatter(out, &b, tensor_f32(v));
    }
    return share_scores(out, sequences, n, choice == ROWS_LAST, b.status, error);
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
    Batches b = batches_make(sequences, n, ROWS_LAST, session);
    while (batches_next(&b, error)) {
        float *z = arena_alloc(session->step, (size_t)b.rows.B * V * sizeof *z);
        const Tensor *x = score_hidden(NULL, role, &b.rows, session->step);
        logits_forward(z, tensor_f32(x), head->data, head->type, 1.0f, role->llama->precision, b.rows.B, role->llama->config.D, (int)V);
        for (int i = 0; i < b.rows.B; i++)
            for (int k = 0; k < n_ids; k++) logit[(b.first + i) * n_ids + k] = z[(size_t)i * V + (size_t)ids[k]];
    }
    float **place = arena_alloc(session->step, ((size_t)n + 1) * sizeof *place);
    for (int i = 0; i < n; i++) place[i] = &logit[i * n_ids];
    Status status = share_scores(place, sequences, n, n_ids, b.status, error);
    arena_release(session->step, b.mark);
    return status;
}
