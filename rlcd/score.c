#include "rlcd/score.h"

#include <string.h>

#include "nn/linear.h"
#include "nn/logprob.h"
#include "tensor/op_gather.h"

// A batch of sequences [first, last) whose hidden rows are asked for at chosen places.
typedef struct {
    LlamaBatch batch;
    int *row;  // chosen rows, sequences in order
    int rows;
} Chosen;

// Takes sequences from `first` until about `limit` rows are together; `last_only` chooses the final row, else the rows
// before each action. Returns the number of sequences.
static int choose(Chosen *c, Arena *arena, const Sequence *sequences, int n, int first, int limit, bool last_only) {
    int B = 0, N = 0, chosen = 0;
    while (first + B < n && (B == 0 || N + sequences[first + B].count <= limit)) {
        N += sequences[first + B].count;
        chosen += last_only ? 1 : sequence_actions(&sequences[first + B]);
        B++;
    }
    const int32_t **ids = arena_alloc(arena, (size_t)B * sizeof *ids);
    int *lengths = arena_alloc(arena, (size_t)B * sizeof *lengths);
    for (int i = 0; i < B; i++) {
        ids[i] = sequences[first + i].ids;
        lengths[i] = sequences[first + i].count;
    }
    c->batch = llama_batch(arena, ids, lengths, B);
    c->row = arena_alloc(arena, (size_t)(chosen ? chosen : 1) * sizeof *c->row);
    c->rows = 0;
    for (int i = 0; i < B; i++) {
        const Sequence *s = &sequences[first + i];
        REQUIRE(s->from >= 1 && s->from <= s->count, "score: first action %d of %d tokens", s->from, s->count);
        int begin = last_only ? s->count - 1 : s->from - 1;
        for (int t = begin; t < s->count - (last_only ? 0 : 1); t++) c->row[c->rows++] = c->batch.offsets[i] + t;
    }
    return B;
}

// One step's end: everything of the batch is released.
static Status next_batch(Session *session, Error *error) {
    if (session->stop_wanted && session->stop_wanted()) return error_set(error, ERR_STOPPED, "stopped while scoring");
    return OK;
}

Status score_logprob(float **logp, float **entropy, const Role *role, const Sequence *sequences, int n, float temperature, Session *session,
                     Error *error) {
    const Tensor *head = role->llama->weights.head;
    int D = role->llama->config.D, V = role->llama->config.V;
    for (int first = 0; first < n;) {
        TRY(next_batch(session, error));
        ArenaMark mark = arena_mark(session->step);
        Chosen c;
        int B = choose(&c, session->step, sequences, n, first, session->rows, false);
        Tensor *h = llama_forward(NULL, role->llama, role->adapter, &c.batch, NULL, session->step);
        Tensor *x = op_gather(NULL, h, c.row, c.rows);

        // The targets are the actions themselves.
        int32_t *target = arena_alloc(session->step, (size_t)(c.rows + 1) * sizeof *target);
        float *out = arena_alloc(session->step, (size_t)(c.rows + 1) * sizeof *out);
        float *spread = arena_alloc(session->step, (size_t)(c.rows + 1) * sizeof *spread);
        for (int i = 0, at = 0; i < B; i++)
            for (int t = sequences[first + i].from; t < sequences[first + i].count; t++) target[at++] = sequences[first + i].ids[t];
        LogprobExtra extra = {.entropy = entropy ? spread : NULL};
        logprob_forward(out, &extra, tensor_f32(x), head->data, head->type, target, temperature, c.rows, D, V);
        for (int i = 0, at = 0; i < B; i++) {
            int T = sequence_actions(&sequences[first + i]);
            memcpy(logp[first + i], out + at, (size_t)T * sizeof(float));
            if (entropy) memcpy(entropy[first + i], spread + at, (size_t)T * sizeof(float));
            at += T;
        }
        arena_release(session->step, mark);
        first += B;
    }
    return OK;
}

Status score_values(float **value, const Role *role, const Sequence *sequences, int n, Session *session, Error *error) {
    for (int first = 0; first < n;) {
        TRY(next_batch(session, error));
        ArenaMark mark = arena_mark(session->step);
        Chosen c;
        int B = choose(&c, session->step, sequences, n, first, session->rows, false);
        Tensor *h = llama_forward(NULL, role->llama, role->adapter, &c.batch, NULL, session->step);
        Tensor *v = linear(NULL, op_gather(NULL, h, c.row, c.rows), role->head, role->bias);
        for (int i = 0, at = 0; i < B; i++) {
            int T = sequence_actions(&sequences[first + i]);
            memcpy(value[first + i], tensor_f32(v) + at, (size_t)T * sizeof(float));
            at += T;
        }
        arena_release(session->step, mark);
        first += B;
    }
    return OK;
}

Status score_preference(float *score, const Role *role, const Sequence *sequences, int n, Session *session, Error *error) {
    for (int first = 0; first < n;) {
        TRY(next_batch(session, error));
        ArenaMark mark = arena_mark(session->step);
        Chosen c;
        int B = choose(&c, session->step, sequences, n, first, session->rows, true);
        Tensor *h = llama_forward(NULL, role->llama, role->adapter, &c.batch, NULL, session->step);
        Tensor *r = linear(NULL, op_gather(NULL, h, c.row, c.rows), role->head, role->bias);
        for (int i = 0; i < B; i++) score[first + i] = (tensor_f32(r)[i] - role->mean) / role->deviation;
        arena_release(session->step, mark);
        first += B;
    }
    return OK;
}
