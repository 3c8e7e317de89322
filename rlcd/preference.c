#include "rlcd/preference.h"

#include <math.h>
#include <string.h>

#include "nn/linear.h"
#include "tensor/base/comm.h"
#include "tensor/base/rng.h"
#include "tensor/op_add.h"
#include "tensor/op_gather.h"
#include "tensor/op_log_sigmoid.h"
#include "tensor/op_mul.h"
#include "tensor/op_scale.h"
#include "tensor/op_square.h"
#include "tensor/op_sub.h"

PreferenceConfig preference_default(void) {
    return (PreferenceConfig){
        .epochs = 1,                                          // paper.md, section 2
        .batch = 16,                                          // paper.md, section 2
        .schedule = {.kind = SCHEDULE_COSINE, .rate = 2e-4},  // adapters want more than the paper's 3e-6 for all weights
        .warmup_share = 0.03,                                 // paper.md, section 2
        .adamw = adamw_default(),                             // paper.md, section 2: weight decay 0
        .max_norm = 1.0f,                                     // paper.md, section 2 (PPO's)
        .adapter = adapter_default(),
        .head_init = 1,     // as AlpacaFarm and TRL start it
        .max_tokens = 512,  // paper.md, section 2
    };
}

// ---- tokens

// Ids of a reply: the sampled ones when they belong to this tokenizer, else the text's.
static Status reply_ids(const int32_t **ids, int *count, const int32_t *stored, int n_stored, Text text, bool use_stored, const Base *base,
                        Arena *arena, Error *error) {
    if (use_stored && stored) {
        for (int i = 0; i < n_stored; i++)
            if (stored[i] < 0 || stored[i] >= base->llama.config.V)
                return error_set(error, ERR_DATA, "stored reply id %d: expected 0 to %d", stored[i], base->llama.config.V - 1);
        *ids = stored;
        *count = n_stored;
        return OK;
    }
    int32_t *encoded;
    TRY(tokenizer_encode(base->tokenizer, arena, text, &encoded, count, error));
    *ids = encoded;
    return OK;
}

Status preference_tokens(PairTokens **out, PairFit *fit, const PairList *pairs, const Base *base, const char *tokenizer_hash,
                         int max_tokens, Arena *arena, Error *error) {
    *out = arena_alloc(arena, (size_t)(pairs->count + 1) * sizeof **out);
    *fit = (PairFit){0};
    for (int i = 0; i < pairs->count; i++) {
        const Pair *p = &pairs->pair[i];
        PairTokens *t = *out + fit->kept;
        bool stored = p->tokenizer.size > 0 && text_equal(p->tokenizer, text_of(tokenizer_hash));
        int32_t *prompt;
        const int32_t *chosen, *rejected;
        int n_prompt, n_chosen, n_rejected;
        Status status = tokenizer_encode(base->tokenizer, arena, p->prompt, &prompt, &n_prompt, error);
        if (status == OK) status = reply_ids(&chosen, &n_chosen, p->chosen_ids, p->chosen_count, p->chosen, stored, base, arena, error);
        if (status == OK)
            status = reply_ids(&rejected, &n_rejected, p->rejected_ids, p->rejected_count, p->rejected, stored, base, arena, error);
        if (status != OK) return error_prefix(error, "pair %d", i);

        // Both replies keep the same prompt: what the longer one leaves room for.
        int longer = n_chosen > n_rejected ? n_chosen : n_rejected, room = max_tokens - longer - 1;
        if (room < 1) {
            fit->too_long++;
            continue;
        }
        fit->cut += n_prompt > room;
        const int32_t *kept = ids_keep_last(prompt, &n_prompt, room);
        t->chosen = sequence_join(arena, kept, n_prompt, chosen, n_chosen, base->end);
        t->rejected = sequence_join(arena, kept, n_prompt, rejected, n_rejected, base->end);
        t->label = (float)p->label;
        t->pair = i;
        fit->kept++;
    }
    if (fit->kept == 0) return error_set(error, ERR_DATA, "pairs: none of %d fits into %d tokens", pairs->count, max_tokens);
    return OK;
}

Sequence *preference_replies(const PairTokens *pairs, int n, Arena *arena) {
    Sequence *replies = arena_alloc(arena, 2 * (size_t)n * sizeof *replies);
    for (int i = 0; i < 2 * n; i++) replies[i] = i % 2 == 0 ? pairs[i / 2].chosen : pairs[i / 2].rejected;
    return replies;
}

// ---- the loss of pairs

// x - lead
static Tensor *less_lead(Tape *tape, Tensor *x, float lead) {
    if (lead == 0) return x;
    Tensor *all = tensor_new_2d(x->arena, false, tensor_rows(x), 1);
    for (int i = 0; i < tensor_rows(x); i++) tensor_f32(all)[i] = lead;
    return op_sub(tape, x, all);
}

Tensor *preference_loss(Tape *tape, Tensor *margin, const PairTokens *const *pair, float lead) {
    int B = tensor_rows(margin);
    Tensor *plus = tensor_new_2d(margin->arena, false, B, 1), *minus = tensor_new_2d(margin->arena, false, B, 1);
    for (int i = 0; i < B; i++) {
        tensor_f32(plus)[i] = -pair[i]->label;
        tensor_f32(minus)[i] = pair[i]->label - 1;
    }
    Tensor *right = op_mul(tape, op_log_sigmoid(tape, less_lead(tape, margin, lead)), plus);
    Tensor *wrong = op_mul(tape, op_log_sigmoid(tape, less_lead(tape, op_scale(tape, margin, -1), lead)), minus);
    return op_add(tape, right, wrong);
}

Tensor *preference_centre(Tape *tape, Tensor *better, Tensor *worse, float coef) {
    return op_scale(tape, op_square(tape, op_add(tape, better, worse)), coef);
}

typedef struct {
    float loss, chosen, rejected;  // unnormalised scores
} PairResult;

// The loss of d = r+ - r- for B pairs in one pass. Adds their gradient times `weight`; -1, or the first pair whose loss is not finite:
// then nothing was added.
static int pairs_step(PairResult *results, Role *model, const PairTokens *const *pair, int B, const PreferenceConfig *c, float weight,
                      Arena *arena) {
    ArenaMark mark = arena_mark(arena);
    Tape tape = tape_make(arena);
    size_t n = (size_t)B;
    const Sequence **reply = arena_alloc(arena, 2 * n * sizeof *reply);
    int *chosen = arena_alloc(arena, n * sizeof *chosen), *rejected = arena_alloc(arena, n * sizeof *rejected);
    for (int i = 0; i < B; i++) {
        reply[2 * i] = &pair[i]->chosen;
        reply[2 * i + 1] = &pair[i]->rejected;
    }
    // Pair by pair, so that the head's gradient has one order however many pairs a pass has; in it the rejected reply comes first.
    ScoreRows rows = score_rows(reply, 2 * B, ROWS_LAST, arena);
    for (int i = 0; i < B; i++) {
        int end = rows.row[rejected[i] = 2 * i];
        rows.row[2 * i] = rows.row[chosen[i] = 2 * i + 1];
        rows.row[2 * i + 1] = end;
    }

    Tensor *r = linear(&tape, score_hidden(&tape, model, &rows, arena), model->head, NULL, llama_rows(model->llama, rows.B, rows.first));
    Tensor *better = op_gather(&tape, r, chosen, B), *worse = op_gather(&tape, r, rejected, B);
    Tensor *loss = preference_loss(&tape, op_sub(&tape, better, worse), pair, c->margin);
    if (c->centring > 0) loss = op_add(&tape, loss, preference_centre(&tape, better, worse, c->centring));

    int bad = -1;
    for (int i = 0; i < B; i++) {
        results[i] = (PairResult){tensor_f32(loss)[i], tensor_f32(better)[i], tensor_f32(worse)[i]};
        loss->grad[i] = c->weight ? weight * c->weight[pair[i]->pair] : weight;
        if (bad < 0 && !isfinite(results[i].loss)) bad = i;
    }
    if (bad < 0) tape_backward(&tape);
    arena_release(arena, mark);
    return bad;
}

// ---- the loop

// Mean and deviation of the scores of n replies: what makes scores of different runs comparable.
static Status measure_scores(Role *model, const Sequence *replies, int n, Session *session, Error *error) {
    float *score = arena_alloc(session->run, (size_t)n * sizeof *score), *copy = arena_alloc(session->run, (size_t)n * sizeof *copy);
    model->mean = 0;
    model->deviation = 1;
    TRY(score_preference(score, model, replies, n, session, error));
    memcpy(copy, score, (size_t)n * sizeof *copy);
    float mean = tree_sum(copy, n) / (float)n;
    for (int i = 0; i < n; i++) copy[i] = (score[i] - mean) * (score[i] - mean);
    model->mean = mean;
    model->deviation = sqrtf(tree_sum(copy, n) / (float)n);
    // Equal scores: their mean may round, so the deviation alone does not tell.
    bool differ = false;
    for (int i = 1; i < n; i++) differ |= score[i] != score[0];
    if (!differ || !(model->deviation > 0))
        return error_set(error, ERR_NUMERIC, "preference: all %d scores are equal (%g): nothing was learned", n, (double)mean);
    return OK;
}

// Statistics of one minibatch for metrics.jsonl.
static void log_step(Session *session, int64_t step, PairResult *results, int n, float norm, float lr, double start, double tokens) {
    ArenaMark mark = arena_mark(session->step);
    float *loss = arena_alloc(session->step, (size_t)n * sizeof *loss), *margin = arena_alloc(session->step, (size_t)n * sizeof *margin);
    float *score = arena_alloc(session->step, (size_t)n * sizeof *score);
    int right = 0;
    float low = INFINITY, high = -INFINITY;
    for (int i = 0; i < n; i++) {
        loss[i] = results[i].loss;
        margin[i] = results[i].chosen - results[i].rejected;
        score[i] = results[i].chosen + results[i].rejected;
        right += margin[i] > 0;
        float less = margin[i] > 0 ? results[i].rejected : results[i].chosen,
              more = margin[i] > 0 ? results[i].chosen : results[i].rejected;
        if (less < low) low = less;
        if (more > high) high = more;
    }
    Metrics *m = session->metrics;
    metrics_begin(m, step, "preference");
    metrics_add(m, "loss", tree_sum(loss, n) / (float)n);
    metrics_add(m, "accuracy", (float)right / (float)n);
    metrics_add(m, "margin", tree_sum(margin, n) / (float)n);
    metrics_add(m, "min_reward", low);
    metrics_add(m, "mean_reward", tree_sum(score, n) / (float)(2 * n));
    metrics_add(m, "max_reward", high);
    metrics_add(m, "grad_norm", norm);
    metrics_add(m, "lr", lr);
    session_metrics(session, start, tokens);
    arena_release(session->step, mark);
}

Status preference_train(Role **out, const Base *base, const PairTokens *pairs, int n, const Sequence *scale, int n_scale,
                        const PreferenceConfig *config, Session *session, Error *error) {
    // The model: base, adapter, head.
    RoleConfig shape = {.train_all = config->train_all, .adapter = config->adapter, .head = true, .trained = true};
    Role *model = *out = role_make(session->run, base, &shape, session->seed);
    role_init_head(model, config->head_init, session->seed);
    Optimizer optimizer = optimizer_make(&model->params, &config->adamw, config->max_norm);
    GradTree tree = gradtree_make(session->run, model->params.count);

    // The plan: every epoch is a shuffle of the pairs; its last minibatch may be smaller.
    int batch = config->batch < n ? config->batch : n, unit = config->unit > 0 && config->unit < batch ? config->unit : batch;
    int64_t per_epoch = (n + batch - 1) / batch, total = per_epoch * config->epochs;
    Schedule schedule = config->schedule;
    schedule.total = total;
    schedule.warmup = (int64_t)(config->warmup_share * (double)total);
    int *order = arena_alloc(session->run, (size_t)n * sizeof *order);
    uint32_t *work = arena_alloc(session->run, (size_t)n * sizeof *work);
    PairResult *results = arena_alloc(session->run, (size_t)batch * sizeof *results);
    const PairTokens **chosen = arena_alloc(session->run, (size_t)batch * sizeof *chosen);
    int *length = arena_alloc(session->run, (size_t)batch * sizeof *length);
    RngKey shuffle = rng_key(session->seed, "preference.shuffle");

    // Where a stopped run left off.
    SavedRole saved[] = {{"preference", model, &optimizer}};
    int64_t done;
    TRY(save_begin(session, &done, saved, 1, NULL, 0, error));

    for (int64_t step = done; step < total; step++) {
        double start = clock_seconds(), tokens = 0;
        session->progress("preference", step, total, "");
        int64_t epoch = step / per_epoch;
        rng_shuffle(shuffle, (uint32_t)epoch, n, order, work);
        int first = (int)(step % per_epoch) * batch, size = n - first < batch ? n - first : batch;

        for (int i = 0; i < size; i++) {
            chosen[i] = &pairs[order[first + i]];
            length[i] = chosen[i]->chosen.count + chosen[i]->rejected.count;
            tokens += length[i];
        }

        // Gradient of the minibatch: units of pairs, added in a fixed tree.
        Status status = OK;
        gradtree_begin(&tree, size, unit);
        for (int i, end; status == OK && gradtree_next(&tree, &i, &end); gradtree_leaf(&tree, model->params.grad))
            // As many pairs a pass as its rows allow: their number shows in no bit (numerics.md, G1).
            for (int B; status == OK && i < end; i += B) {
                B = llama_pass(model->llama, length + i, end - i, session->rows);
                int bad = pairs_step(results + i, model, chosen + i, B, config, 1.0f / (float)size, session->step);
                if (bad >= 0)
                    status = error_set(error, ERR_NUMERIC,
                                       "preference step %lld: the loss of pair %d is not finite; the newest checkpoint is unharmed",
                                       (long long)step, order[first + i + bad]);
            }
        TRY(comm_agree(status, error));
        gradtree_end(&tree, model->params.grad);
        gradtree_share(&tree, results, sizeof *results, NULL);

        // Update.
        float norm, lr = schedule_rate(&schedule, step);
        if (optimizer_step(&optimizer, lr, &norm, error) != OK) return error_prefix(error, "preference step %lld", (long long)step);
        log_step(session, step, results, size, norm, lr, start, tokens);
        TRY(metrics_end(session->metrics, error));

        // Store what is done.
        bool last = step + 1 == total, stop = !last && session_stop(session);
        if (stop || (!last && (step + 1) % session->checkpoint_every == 0)) TRY(save_write(session, step + 1, saved, 1, NULL, 0, error));
        if (stop)
            return error_set(error, ERR_STOPPED, "preference: stopped after step %lld of %lld", (long long)(step + 1), (long long)total);
    }

    // Mean 0 and deviation 1: not measured yet. A stop in between stores the trained model and measures next time.
    if (done < total || (model->mean == 0 && model->deviation == 1)) {
        Status measured =
            measure_scores(model, scale ? scale : preference_replies(pairs, n, session->run), scale ? n_scale : 2 * n, session, error);
        if (measured != OK && measured != ERR_STOPPED) return measured;
        TRY(save_write(session, total, saved, 1, NULL, 0, error));
        if (measured != OK) return error_set(error, ERR_STOPPED, "preference: stopped before the scores were measured");
    }
    session->progress("preference", total, total, "");
    return OK;
}

Status preference_accuracy(int64_t *right, double *margin, const Role *model, const PairTokens *pairs, int n, Session *session,
                           Error *error) {
    ArenaMark mark = arena_mark(session->run);
    const Sequence *all = preference_replies(pairs, n, session->run);
    float *score = arena_alloc(session->run, (size_t)(2 * n + 1) * sizeof *score);
    Status status = score_preference(score, model, all, 2 * n, session, error);
    *right = 0;
    for (int i = 0; status == OK && i < n; i++) {
        *right += score[2 * i] > score[2 * i + 1];
        if (margin) margin[i] = (double)score[2 * i] - (double)score[2 * i + 1];
    }
    arena_release(session->run, mark);
    return status;
}
