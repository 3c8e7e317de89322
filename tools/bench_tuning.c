// Steps of training, as verbs take them: on next tokens, of the preference model, of PPO.
#include "tools/bench_tuning.h"

#include <string.h>

#include "nn/logprob.h"
#include "rlcd/ppo.h"
#include "rlcd/preference.h"
#include "tensor/op_gather.h"
#include "tools/console.h"
#include "tools/options.h"

// The adapter of bench.targets.
static AdapterConfig adapter_of(const Args *args) {
    AdapterConfig config = adapter_default();
    const char *const *targets;
    int n = args_list(args, "bench.targets", &targets);
    for (int p = 0; p < PROJ_COUNT; p++) {
        config.target[p] = false;
        for (int i = 0; i < n; i++) config.target[p] |= strcmp(targets[i], PROJ_NAMES[p]) == 0;
    }
    return config;
}

// ---- a training step: next-token loss, gradient, clip, AdamW

Status bench_training(Bench *b, const char *name, bool all, Error *error) {
    const Args *args = b->tool->args;
    int B = (int)args_int(args, "bench.train_batch"), T = (int)args_int(args, "bench.train_tokens"), V = b->tool->base.llama.config.V;
    RoleConfig shape = {.train_all = all, .adapter = adapter_of(args), .trained = true};
    Arena *step = &b->tool->step;
    Role *role = role_make(&b->tool->run, &b->tool->base, &shape, 0);
    AdamWConfig adamw = adamw_default();
    Optimizer optimizer = optimizer_make(&role->params, &adamw, 1);
    const int32_t *ids = bench_ids(&b->tool->run, B * T, V);
    // Rows and targets of a pass of B sequences; shorter ones use the front.
    int *length = arena_alloc(&b->tool->run, (size_t)B * sizeof *length),
        *first = arena_alloc(&b->tool->run, (size_t)(B + 1) * sizeof *first);
    int *row = arena_alloc(&b->tool->run, (size_t)(B * (T - 1)) * sizeof *row);
    const int32_t **sequence = arena_alloc(&b->tool->run, (size_t)B * sizeof *sequence);
    int32_t *target = arena_alloc(&b->tool->run, (size_t)(B * (T - 1)) * sizeof *target);
    for (int i = 0; i <= B; i++) {
        first[i] = i * (T - 1);
        if (i == B) break;
        length[i] = T;
        sequence[i] = ids + (size_t)i * (size_t)T;
        for (int t = 0; t < T - 1; t++) {
            row[first[i] + t] = i * T + t;
            target[first[i] + t] = sequence[i][t + 1];
        }
    }
    double rate[BENCH_REPEAT_MOST];
    for (int r = -1; r < b->repeat; r++) {
        double start = clock_seconds();
        for (int i = 0, n_pass; i < B; i += n_pass) {
            ArenaMark mark = arena_mark(step);
            Tape tape = tape_make(step);
            n_pass = llama_pass(role->llama, length + i, B - i, (int)args_int(args, "rows"));
            LlamaBatch batch = llama_batch(step, sequence + i, length + i, n_pass);
            LogprobExtra extra = {.tied = llama_tie(&batch, role->llama, first, step)};
            Tensor *h = llama_forward(&tape, role->llama, role->adapter, &batch, NULL, step);
            Tensor *logp = logprob(&tape, op_gather(&tape, h, row, first[n_pass]), role->llama->weights.head, target + first[i], 1,
                                   llama_rows(role->llama, n_pass, first), &extra);
            for (int t = 0; t < first[n_pass]; t++) logp->grad[t] = -1.0f / (float)(B * (T - 1));
            tape_backward(&tape);
            arena_release(step, mark);
        }
        float norm;
        TRY(optimizer_step(&optimizer, 1e-4f, &norm, error));
        if (r >= 0) rate[r] = (double)B * T / (clock_seconds() - start);
    }
    bench_row(b, name, "tok/s", rate, b->repeat, 0);
    arena_reset(step);
    arena_reset(&b->tool->run);
    return OK;
}

// ---- whole steps of the preference model and of PPO, by the functions that their verbs call

// When each step began, told by the phase's progress.
static struct {
    const char *phase;
    double at[BENCH_REPEAT_MOST + 2];
    int n;
} began;

static void note_step(const char *phase, int64_t done, int64_t total, const char *note) {
    if (strcmp(phase, began.phase) == 0 && began.n < BENCH_REPEAT_MOST + 2) began.at[began.n++] = clock_seconds();
    console_progress(phase, done, total, note);
}

// A run in the folder bench.scratch, which is emptied before and behind it.
static Status scratch_session(Session *session, Bench *b, Metrics *metrics, const char *phase, Error *error) {
    const char *folder = args_text(b->tool->args, "bench.scratch");
    TRY(directory_make(folder, error));
    *session = tool_session(b->tool, metrics, folder, "bench");
    session->resume = false;
    session->checkpoint_every = INT64_MAX;
    session->progress = note_step;
    began.phase = phase;
    began.n = 0;
    return OK;
}

// Rates of the steps between the notes (`work` of each over its seconds, or the seconds themselves for work 0), the first left out
// when there are more than asked for; then what the run wrote goes.
static Status end_session(Bench *b, Metrics *metrics, Status status, const char *name, double work, Error *error) {
    double rate[BENCH_REPEAT_MOST];
    if (status == OK) {
        int first = began.n - 1 > b->repeat ? 1 : 0;
        for (int r = 0; r < b->repeat; r++) {
            double seconds = began.at[first + r + 1] - began.at[first + r];
            rate[r] = work > 0 ? work / seconds : seconds;
        }
        bench_row(b, name, work > 0 ? "tok/s" : "s/step", rate, b->repeat, 0);
    }
    Error second = {0};
    Status closed = metrics_close(metrics, status == OK ? error : &second);
    arena_reset(&b->tool->step);
    arena_reset(&b->tool->run);
    if (status == OK) status = closed;
    return status == OK ? directory_remove(args_text(b->tool->args, "bench.scratch"), error) : status;
}

Status bench_preference(Bench *b, const char *name, bool all, Error *error) {
    const Args *args = b->tool->args;
    int n = (int)args_int(args, "bench.train_batch"), T = (int)args_int(args, "bench.train_tokens");
    PreferenceConfig config = preference_default();
    // The last step ends with the run's checkpoint, and the first one warms up: neither is counted.
    config.epochs = b->repeat + 2;
    config.batch = n;
    config.train_all = all;
    config.adapter = adapter_of(args);
    config.max_tokens = T;
    Metrics metrics = {0};
    Session session;
    TRY(scratch_session(&session, b, &metrics, "preference", error));
    int32_t *ids = bench_ids(session.run, 2 * n * T, b->tool->base.llama.config.V);
    PairTokens *pairs = arena_alloc(session.run, (size_t)n * sizeof *pairs);
    for (int i = 0; i < n; i++) {
        pairs[i].chosen = (Sequence){ids + (size_t)(2 * i) * (size_t)T, T, T / 2};
        pairs[i].rejected = (Sequence){ids + (size_t)(2 * i + 1) * (size_t)T, T, T / 2};
        pairs[i].label = 1;
    }
    Role *model;
    Status status = preference_train(&model, &b->tool->base, pairs, n, NULL, 0, &config, &session, error);
    return end_session(b, &metrics, status, name, 2.0 * n * T, error);
}

Status bench_ppo(Bench *b, const char *name, bool all, Error *error) {
    const Args *args = b->tool->args;
    int n = (int)args_int(args, "bench.batch"), P = (int)args_int(args, "bench.context");
    PpoConfig config = ppo_default();
    // The last step is not counted: it ends with the run's checkpoint.
    config.steps = b->repeat + 1;
    config.rollouts = n;
    config.minibatch = (int)args_int(args, "bench.minibatch");
    config.epochs = (int)args_int(args, "bench.epochs");
    config.train_all = all;
    config.adapter = adapter_of(args);
    config.max_prompt = P;
    config.samples = 0;
    config.generate.max_new = (int)args_int(args, "bench.new");
    config.generate.slots = n;
    config.generate.ignore_end = true;
    Metrics metrics = {0};
    Session session;
    TRY(scratch_session(&session, b, &metrics, "ppo", error));
    int32_t *ids = bench_ids(session.run, n * P, b->tool->base.llama.config.V);
    PromptTokens *prompts = arena_alloc(session.run, (size_t)n * sizeof *prompts);
    for (int i = 0; i < n; i++) prompts[i] = (PromptTokens){i, ids + (size_t)i * (size_t)P, P};
    RoleConfig shape = {.train_all = all, .adapter = config.adapter, .head = true};
    Role *preference = role_make(session.run, &b->tool->base, &shape, 0), *policy;
    role_init_head(preference, 1, 0);
    Status status = ppo_train(&policy, &b->tool->base, preference, prompts, n, &config, &session, error);
    return end_session(b, &metrics, status, name, 0, error);
}
