// rlcd trace: one prompt followed to one gradient; every number with the function and the formula that it comes from.
//
// What an auditor reads. Each stage prints what it got, what it computed, and where the code stands; numbers that a person can
// check by hand are computed a second time in double from the formula as printed.
#include <stdio.h>
#include <string.h>

#include "llama/generate.h"
#include "nn/linear.h"
#include "nn/logprob.h"
#include "rlcd/clean.h"
#include "rlcd/contrast.h"
#include "rlcd/ppo_math.h"
#include "rlcd/rollout.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op_gather.h"
#include "tensor/op_log_sigmoid.h"
#include "tensor/op_scale.h"
#include "tensor/op_sub.h"
#include "tools/options.h"
#include "tools/roles.h"
#include "tools/stage.h"
#include "tools/task_files.h"

static const Option TRACE[] = {
    {"row", OPTION_INT, "0", NULL, true, false, 0, 1e12, NULL, "N", "Row of the prompts file that is followed."},
    {"preference", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "RUN", "Preference model (a fresh head if not given)."},
    {"policy", OPTION_PATH, NULL, NULL, false, false, 0, 0, NULL, "RUN", "Policy to start from (a fresh adapter if not given)."},
    {"max_new", OPTION_INT, "24", NULL, true, false, 1, 1000, NULL, "N", "Longest reply in tokens."},
    {"shown", OPTION_INT, "8", NULL, false, false, 1, 1000, NULL, "N", "Tokens whose numbers are shown."},
    {"kl_coef", OPTION_DOUBLE, "0.02", NULL, true, false, 0, 1000, NULL, "X", "Weight of the KL penalty."},
    {"lr", OPTION_DOUBLE, "2e-4", NULL, true, false, 0, 10, NULL, "X", "Learning rate of the one update."},
    {0},
};
static const OptionTable TRACE_TABLE = {"trace", TRACE};
static const OptionTable *const TABLES[] = {&OPTIONS_GENERAL, &OPTIONS_MODEL, &OPTIONS_DATA, &OPTIONS_TASK, &TRACE_TABLE, NULL};
const Verb VERB_TRACE = {
    .name = "trace",
    .usage = "rlcd trace --model M --prompts FILE --task T [--row N]",
    .summary = "Follows one prompt to one gradient and prints every number with its formula.",
    .tables = TABLES,
    .others = OPTIONS_ALL,
};

typedef struct {
    Tool *tool;
    Task task;
    Prompt prompt;
    Session session;
    int affix, max_new, shown;
    Text side_prompt[2];  // p+, p-
    Sequence reply[2];    // prompt p with o+ and o-, end-of-text behind: what the preference model reads
    Role *preference, *policy, *value;
    Rollout rollout;
} Trace;

static void heading(int number, const char *title, const char *where) { printf("\n== %d. %s   (%s)\n", number, title, where); }

// Text on one line, long ones cut in the middle.
static void show_text(const char *label, Text text) {
    printf("%-8s \"", label);
    for (size_t i = 0; i < text.size; i++) {
        if (text.size > 360 && i == 120) {
            printf(" ... ");
            i = text.size - 200;
            while (i < text.size && ((unsigned char)text.data[i] & 0xC0) == 0x80) i++;
        }
        if (text.data[i] == '\n')
            printf("\\n");
        else
            putchar(text.data[i]);
    }
    printf("\" (%zu bytes)\n", text.size);
}

static void show_ids(const char *label, const int32_t *ids, int n, int shown) {
    printf("%-8s", label);
    int first = n > shown ? n - shown : 0;
    if (first) printf(" ...");
    for (int i = first; i < n; i++) printf(" %d", ids[i]);
    printf("  (%d tokens)\n", n);
}

// ---- 1, 2: prompt and contrast

static void trace_contrast(Trace *t) {
    heading(1, "The prompt p", "rlcd/dialogue.c: dialogue_prompt");
    show_text("p", t->prompt.dialogue.text);
    printf("%d turns; the last one is an empty Assistant turn\n", t->prompt.dialogue.turns);

    heading(2, "The contrasting prompts", "rlcd/contrast.c: contrast_affix, contrast_text");
    RngKey key = rng_key(t->session.seed, "simulate.affix");
    uint32_t bits = rng_bits(key, (RngDraw){.prompt = (uint32_t)t->prompt.index});
    t->affix = contrast_affix(&t->task, t->session.seed, (uint32_t)t->prompt.index);
    printf("key = SHA-256(seed %llu, \"simulate.affix\") = %08x %08x; Philox4x32-10 at prompt %lld gives %u; %u mod %d = affix %d\n",
           (unsigned long long)t->session.seed, key.word[0], key.word[1], (long long)t->prompt.index, bits, bits, t->task.affixes,
           t->affix);
    printf("plus %s, minus %s: plus into the last Assistant turn of p+, minus into every earlier one; p- is the mirror image\n",
           t->task.plus[t->affix].data, t->task.minus[t->affix].data);
    t->side_prompt[0] = contrast_text(&t->tool->run, &t->task, &t->prompt.dialogue, t->affix, SIDE_PLUS);
    t->side_prompt[1] = contrast_text(&t->tool->run, &t->task, &t->prompt.dialogue, t->affix, SIDE_MINUS);
    show_text("p+", t->side_prompt[0]);
    show_text("p-", t->side_prompt[1]);
}

// ---- 3: one token drawn by hand

static Status trace_draw(Trace *t, const int32_t *ids, int count, Error *error) {
    const Llama *llama = &t->tool->base.llama;
    int D = llama->config.D, V = llama->config.V;
    heading(3, "The first token of o+", "llama/model.c: llama_forward; nn/logprob.c: logits_forward; llama/sampler.c: sampler_draw");
    ArenaMark mark = arena_mark(&t->tool->step);
    LlamaBatch batch = llama_batch(&t->tool->step, &ids, &count, 1);
    Tensor *h = llama_forward(NULL, llama, NULL, &batch, NULL, &t->tool->step);
    float *z = arena_alloc(&t->tool->step, (size_t)V * sizeof *z), max, total, logp;
    const float *row = tensor_f32(h) + (size_t)(count - 1) * (size_t)D;
    logits_forward(z, row, llama->weights.head->data, llama->weights.head->type, 1, llama->precision, 1, D, V);
    printf("hidden row of the last prompt token: %.7g %.7g %.7g ... (%d numbers)\n", (double)row[0], (double)row[1], (double)row[2], D);
    logprob_row(z, V, 0, &max, &total);
    printf(
        "logits z = h W^T over all %d ids (simulate keeps the 50 likeliest unless told otherwise): largest %.7g; sum of exp(z - max) = "
        "%.7g\n",
        V, (double)max, (double)total);
    SamplerConfig sampler = sampler_default();
    RngKey key = rng_key(t->session.seed, "simulate.sample");
    RngDraw draw = {.prompt = (uint32_t)t->prompt.index, .side = SIDE_PLUS};
    float u = rng_uniform(key, draw);
    int32_t id;
    TRY(sampler_draw(&sampler, z, V, u, &t->tool->run, &id, &logp, error));
    Text piece = tokenizer_bytes(t->tool->base.tokenizer, id);
    printf("u = (Philox word >> 8) * 2^-24 = %.8g; the running sum of exp(z - max) passes u * sum = %.7g at id %d \"%.*s\"\n", (double)u,
           (double)(u * total), id, (int)piece.size, piece.data);
    printf("log-probability = (z - max) - log(sum) = (%.7g - %.7g) - %.7g = %.7g\n", (double)z[id], (double)max, (double)log_f32(total),
           (double)logp);
    arena_release(&t->tool->step, mark);
    return OK;
}

// ---- 4: both replies and the filter

typedef struct {
    Trace *trace;
    const int32_t *ids[2];
    int count[2], next;
    Text raw[2];
    bool end_of_text[2];
    const int32_t *reply[2];
    int reply_count[2];
} Sides;

static bool next_side(void *context, GenerateRequest *request) {
    Sides *s = context;
    if (s->next == 2) return false;
    int side = s->next++;
    *request = (GenerateRequest){.prompt = s->ids[side], .prompt_count = s->count[side], .max_new = s->trace->max_new};
    request->draw = (RngDraw){.prompt = (uint32_t)s->trace->prompt.index, .side = side ? SIDE_MINUS : SIDE_PLUS};
    return true;
}

static Status take_side(void *context, const GenerateRequest *request, const GenerateResult *result, Error *error) {
    (void)error;
    Sides *s = context;
    Arena *arena = &s->trace->tool->text;
    int side = request->draw.side == SIDE_MINUS;
    Str raw = str_make(arena);
    str_append(&raw, TEXT(""));
    for (int i = 0; i < result->count - (result->end == END_TEXT); i++)
        str_append(&raw, tokenizer_bytes(s->trace->tool->base.tokenizer, result->ids[i]));
    s->raw[side] = str_text(&raw);
    s->end_of_text[side] = result->end == END_TEXT;
    s->reply[side] = (const int32_t *)(const void *)arena_copy(arena, result->ids, (size_t)result->text_ids * sizeof(int32_t));
    s->reply_count[side] = result->text_ids;
    return OK;
}

static Status trace_replies(Trace *t, const int32_t *prompt, int n_prompt, Error *error) {
    Sides s = {.trace = t};
    for (int side = 0; side < 2; side++) {
        int32_t *ids;
        TRY(tokenizer_encode(t->tool->base.tokenizer, &t->tool->run, t->side_prompt[side], &ids, &s.count[side], error));
        s.ids[side] = ids;
    }
    // The longest sequence: a prompt with its affixes or without, a reply, an end-of-text.
    int longest = n_prompt;
    for (int side = 0; side < 2; side++)
        if (s.count[side] > longest) longest = s.count[side];
    TRY(llama_prepare(&t->tool->base.llama, &t->tool->model, longest + t->max_new + 1, error));
    TRY(trace_draw(t, s.ids[0], s.count[0], error));

    heading(4, "The replies o+ and o-, and the filter", "llama/generate.c: generate_run; rlcd/clean.c: clean_sample");
    GenerateConfig config = {.sampler = sampler_default(),
                             .key = rng_key(t->session.seed, "simulate.sample"),
                             .stops = t->task.stop,
                             .n_stops = t->task.stops,
                             .slots = 2,
                             .max_new = t->max_new};
    config.capacity = (s.count[0] > s.count[1] ? s.count[0] : s.count[1]) + t->max_new;
    GenerateSource source = {next_side, take_side, &s};
    TRY(generate_run(&t->tool->base.llama, NULL, t->tool->base.tokenizer, &config, &source, &t->tool->run, error));
    CleanOptions clean = clean_options_default();
    for (int side = 0; side < 2; side++) {
        size_t begin = 0, end = 0;
        CleanSample sample = {s.raw[side], s.end_of_text[side]};
        CleanReason reason = clean_sample(&begin, &end, &sample, &t->task, t->affix, clean);
        show_text(side ? "o- raw" : "o+ raw", s.raw[side]);
        printf("         outcome: %s%s\n", clean_reason_name(reason),
               reason == CLEAN_KEPT ? "" : " (simulate would draw again; the trace goes on with the sampled ids)");
        t->reply[side] = sequence_join(&t->tool->text, prompt, n_prompt, s.reply[side], s.reply_count[side], t->tool->base.end);
    }
    return OK;
}

// ---- 5: the preference loss

static void trace_preference(Trace *t) {
    heading(5, "The preference loss", "rlcd/preference.c: pair_step; tensor/op_log_sigmoid.c");
    Arena *step = &t->tool->step;
    ArenaMark mark = arena_mark(step);
    Tape tape = tape_make(step);
    const int32_t *ids[2] = {t->reply[0].ids, t->reply[1].ids};
    int lengths[2] = {t->reply[0].count, t->reply[1].count};
    show_ids("p o+ end", ids[0], lengths[0], t->shown);
    show_ids("p o- end", ids[1], lengths[1], t->shown);
    LlamaBatch batch = llama_batch(step, ids, lengths, 2);
    Tensor *h = llama_forward(NULL, t->preference->llama, t->preference->adapter, &batch, NULL, step);
    int last[2] = {batch.offsets[1] - 1, batch.offsets[2] - 1};
    Tensor *x = op_gather(NULL, h, last, 2);
    Tensor *score = linear(NULL, x, t->preference->head, NULL, llama_rows(t->preference->llama, 0, NULL));
    // From here on by the tape, starting at the two scores.
    Tensor *better = tensor_new_2d(step, true, 1, 1), *worse = tensor_new_2d(step, true, 1, 1);
    tensor_f32(better)[0] = tensor_f32(score)[0];
    tensor_f32(worse)[0] = tensor_f32(score)[1];
    Tensor *d = op_sub(&tape, better, worse);
    Tensor *loss = op_scale(&tape, op_log_sigmoid(&tape, d), -1);
    loss->grad[0] = 1;
    tape_backward(&tape);
    float r0 = tensor_f32(score)[0], r1 = tensor_f32(score)[1], delta = tensor_f32(d)[0];
    printf("r+ = w . h(o+) = %.7g, r- = w . h(o-) = %.7g at the end-of-text rows\n", (double)r0, (double)r1);
    printf("loss = -log sigmoid(r+ - r-) = -log sigmoid(%.7g) = %.7g\n", (double)delta, (double)tensor_f32(loss)[0]);
    printf("d loss / d r+ = -sigmoid(-(r+ - r-)) = %.7g, d loss / d r- = %.7g; by hand: %.7g\n", (double)better->grad[0],
           (double)worse->grad[0], -1.0 / (1.0 + (double)exp_f32(delta)));
    arena_release(step, mark);
}

// ---- 6: a rollout, its reward and its advantage

static Status trace_rollout(Trace *t, const PromptTokens *prompt, Error *error) {
    heading(6, "A rollout, its reward, its advantage", "rlcd/rollout.c; rlcd/ppo_math.c: ppo_kl, ppo_shape_reward, ppo_estimate_advantage");
    GenerateConfig config = {.sampler = sampler_default(),
                             .key = rng_key(t->session.seed, "ppo.rollout"),
                             .stops = t->task.stop,
                             .n_stops = t->task.stops,
                             .slots = 1,
                             .max_new = t->max_new};
    config.capacity = prompt->count + t->max_new;
    const PromptTokens *prompts[1] = {prompt};
    Role reference = role_base(&t->tool->base);
    Rollout *r = &t->rollout;
    TRY(rollout_sample(r, prompts, 1, t->policy, &t->tool->base, &config, false, 0, &t->tool->text, &t->session, error));
    TRY(rollout_score(r, 1, &reference, t->preference, t->value, 1, &t->tool->text, &t->session, error));
    show_text("reply", r->text);
    int T = sequence_actions(&r->sequence);
    float coef = (float)args_double(t->tool->args, "trace.kl_coef");
    ppo_kl(r->kl, r->logp, r->ref_logp, T, KL_K1);
    ppo_shape_reward(r->reward, r->kl, coef, r->score, T);
    ppo_estimate_advantage(r->advantage, r->returns, r->reward, r->value, T, 1, 1);
    printf("score of the reply = (w . h - mean) / deviation = %.7g with mean %.7g, deviation %.7g\n", (double)r->score,
           (double)t->preference->mean, (double)t->preference->deviation);
    printf(
        "kl_t = logp_t - ref_t;  reward_t = -%.4g kl_t (+ score at the end);  delta_t = reward_t + V_t+1 - V_t;  A_t = delta_t + A_t+1\n",
        (double)coef);
    printf("   t      id  logp        ref logp    kl          reward      value       advantage   return\n");
    for (int i = 0; i < T; i++) {
        if (i >= t->shown && i < T - 1) continue;
        printf("%4d %7d  %-11.6g %-11.6g %-11.6g %-11.6g %-11.6g %-11.6g %-11.6g\n", i, r->sequence.ids[r->sequence.from + i],
               (double)r->logp[i], (double)r->ref_logp[i], (double)r->kl[i], (double)r->reward[i], (double)r->value[i],
               (double)r->advantage[i], (double)r->returns[i]);
    }
    return OK;
}

// ---- 7: the policy loss, its gradient, one update

static Status trace_update(Trace *t, Error *error) {
    heading(7, "The policy loss and its gradient", "rlcd/ppo_math.c: ppo_policy_loss; tensor/tape.c: tape_backward");
    Rollout *r = &t->rollout;
    Arena *step = &t->tool->step;
    ArenaMark mark = arena_mark(step);
    Tape tape = tape_make(step);
    int T = sequence_actions(&r->sequence), clipped, *row = arena_alloc(step, (size_t)T * sizeof *row);
    const int32_t *ids = r->sequence.ids;
    for (int i = 0; i < T; i++) row[i] = r->sequence.from - 1 + i;
    LlamaBatch batch = llama_batch(step, &ids, &r->sequence.count, 1);
    Tensor *x = op_gather(&tape, llama_forward(&tape, t->policy->llama, t->policy->adapter, &batch, NULL, step), row, T);
    LinearRows rows = llama_rows(t->policy->llama, 0, NULL);
    Tensor *logp = logprob(&tape, x, t->policy->llama->weights.head, ids + r->sequence.from, 1, rows, NULL);
    Tensor *loss = ppo_policy_loss(&tape, logp, r->logp, r->advantage, 0.2f, &clipped);
    int same = 0;
    for (int i = 0; i < T; i++) {
        same += memcmp(&tensor_f32(logp)[i], &r->logp[i], sizeof(float)) == 0;
        loss->grad[i] = 1.0f / (float)T;
    }
    tape_backward(&tape);
    printf("log-probabilities of the training forward equal the sampled ones in %d of %d actions: the first ratio is %s\n", same, T,
           same == T ? "exactly 1" : "not 1, which is a bug");
    printf("loss_t = max(-A ratio, -A clip(ratio, 0.8, 1.2)), weight 1/%d; d loss / d logp_t = -A_t ratio_t / %d\n", T, T);
    for (int i = 0; i < T && i < t->shown; i++)
        printf("%4d  loss %-12.6g d loss / d logp %-12.6g by hand %-12.6g\n", i, (double)tensor_f32(loss)[i], (double)logp->grad[i],
               -(double)r->advantage[i] / T);

    // One tensor of the last layer stands for all.
    heading(8, "One update", "nn/optimizer.c: gradient_norm, optimizer_step; kernels.h: adamw");
    Params *params = &t->policy->params;
    Tensor *w = params->tensor[params->tensors - 1];
    float g = w->grad[0], before = tensor_f32(w)[0], norm = gradient_norm(params->grad, params->count), after;
    AdamWConfig adamw = adamw_default();
    float lr = (float)args_double(t->tool->args, "trace.lr");
    Optimizer optimizer = optimizer_make(params, &adamw, 1);
    TRY(optimizer_step(&optimizer, lr, &norm, error));
    after = tensor_f32(w)[0];
    double factor = norm > 1 ? 1 / ((double)norm + 1e-6) : 1, clip = (double)g * factor;
    printf("gradient norm over %zu numbers = %.7g; clip factor min(1, 1 / (norm + 1e-6)) = %.7g\n", params->count, (double)norm, factor);
    printf("%s[0]: gradient %.7g, clipped %.7g\n", w->name, (double)g, clip);
    printf("m = 0.1 g = %.7g, v = 0.001 g^2 = %.7g, corrected m / 0.1 = %.7g, v / 0.001 = %.7g\n", 0.1 * clip, 0.001 * clip * clip, clip,
           clip * clip);
    printf("w = %.9g - %.4g * m / (sqrt(v) + 1e-8) = %.9g; the update gave %.9g\n", (double)before, (double)lr,
           (double)before - (clip != 0 ? (double)lr * clip / ((clip < 0 ? -clip : clip) + 1e-8) : 0), (double)after);
    arena_release(step, mark);
    return OK;
}

// Roles from runs, or fresh ones.
static Status open_roles(Trace *t, Error *error) {
    const Args *args = t->tool->args;
    RoleConfig shape = {.adapter = adapter_default(), .head = true, .trained = false};
    if (args_has(args, "trace.preference")) {
        TRY(roles_load(&t->preference, t->tool, NULL, "preference", "preference", args_text(args, "trace.preference"), &t->session, error));
    } else {
        t->preference = role_make(&t->tool->run, &t->tool->base, &shape, t->session.seed);
        role_init_head(t->preference, 1, t->session.seed);
        printf("no --preference: a fresh head, whose scores mean nothing yet\n");
    }
    shape = (RoleConfig){
        .train_all = t->preference->config.train_all, .adapter = t->preference->config.adapter, .head = true, .head_bias = true};
    t->value = role_make(&t->tool->run, &t->tool->base, &shape, t->session.seed);
    role_copy_trunk(t->value, t->preference);
    shape = (RoleConfig){.adapter = adapter_default(), .trained = true};
    t->policy = role_make(&t->tool->run, &t->tool->base, &shape, t->session.seed);
    if (args_has(args, "trace.policy")) {
        Role *stored;
        TRY(roles_load(&stored, t->tool, NULL, "policy", "policy", args_text(args, "trace.policy"), &t->session, error));
        if (stored->params.count != t->policy->params.count)
            return error_set(error, ERR_DATA, "--policy: expected an adapter of rank 16 on all projections");
        role_copy_trunk(t->policy, stored);
    }
    return OK;
}

static Status trace(Tool *tool, Error *error) {
    const Args *args = tool->args;
    if (!args_has(args, "data.prompts")) return error_set(error, ERR_USAGE, "trace: expected --prompts FILE, found none");
    TRY(tool_open_model(tool, error));
    Metrics metrics = {0};
    Trace t = {.tool = tool, .max_new = (int)args_int(args, "trace.max_new"), .shown = (int)args_int(args, "trace.shown")};
    t.session = tool_session(tool, &metrics, "", "");
    const char *task_path;
    PromptList list;
    PromptTokens *prompt;
    int cut;
    TRY(task_files_open(&t.task, &task_path, tool, error));
    TRY(prompts_read(&list, &tool->text, args_text(args, "data.prompts"), &t.task, args_int(args, "trace.row"), 1, error));
    t.prompt = list.prompt[0];
    int room = tool->base.llama.config.context - t.max_new - 64;
    if (room < 8)
        return error_set(error, ERR_USAGE, "trace.max_new: %d new tokens leave no room in the model's context of %d", t.max_new,
                         tool->base.llama.config.context);
    TRY(rollout_prompts(&prompt, &list, &tool->base, room, &tool->text, &cut, error));
    TRY(open_roles(&t, error));

    trace_contrast(&t);
    TRY(trace_replies(&t, prompt->ids, prompt->count, error));
    trace_preference(&t);
    TRY(trace_rollout(&t, prompt, error));
    return trace_update(&t, error);
}

int cmd_trace(int argc, const char *const *argv) {
    Tool tool;
    Args args;
    Error error = {0};
    int code = tool_start(&tool, &args, &VERB_TRACE, argc, argv);
    if (code >= 0) return code;
    Status status = trace(&tool, &error);
    return tool_exit(&tool, status, &error);
}
