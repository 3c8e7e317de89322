// The preference model: tokens of pairs, learning, resuming, gradient units, what stops it. Golden values: test_training.c.
#include "rlcd/preference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_preference(void);

enum { PAIRS = 10, BATCH = 4, PER_EPOCH = 3 };

static Arena arena;
static Error error;
static Base base;
static PairTokens *pairs;

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_preference", 0);
    base = tiny_base(&arena, 1, false);
    // Replies of any ids; the better one holds token 40, the worse one token 50.
    RngKey key = rng_key(5, "pairs");
    pairs = arena_zeros(&arena, PAIRS, sizeof *pairs);
    for (int i = 0; i < PAIRS; i++) {
        int32_t ids[3][8];
        for (int k = 0; k < 3; k++)
            for (int t = 0; t < 8; t++)
                ids[k][t] =
                    (int32_t)(60 + rng_bits(key, (RngDraw){.step = (uint32_t)k, .prompt = (uint32_t)i, .position = (uint32_t)t}) % 500);
        ids[1][i % 3] = 40;
        ids[2][i % 4] = 50;
        pairs[i].chosen = sequence_join(&arena, ids[0], 3 + i % 5, ids[1], 4 + i % 3, TINY_END);
        pairs[i].rejected = sequence_join(&arena, ids[0], 3 + i % 5, ids[2], 5, TINY_END);
        pairs[i].label = i % 3 ? 1 : 0.9f;
        pairs[i].pair = i;
    }
}
static void teardown(void) { arena_free(&arena); }

static PreferenceConfig config_of(int epochs) {
    PreferenceConfig config = preference_default();
    config.epochs = epochs;
    config.batch = BATCH;
    config.adapter.rank = 4;
    config.adapter.alpha = 8;
    config.schedule = (Schedule){.kind = SCHEDULE_COSINE, .rate = 0.02};
    config.warmup_share = 0.1;
    return config;
}

// One run in `dir`, asked to stop at the n-th question (negative: never).
static Status train(Role **model, const char *dir, const PreferenceConfig *config, int stop_after, Session *session) {
    *session = tiny_session(&arena, dir);
    tiny_stop_after = stop_after;
    return preference_train(model, &base, pairs, PAIRS, NULL, 0, config, session, &error);
}

// ---- tokens

static Pair pair_of(const char *prompt, const char *chosen, const char *rejected) {
    Pair p = pair_make();
    p.prompt = text_of(prompt);
    p.chosen = text_of(chosen);
    p.rejected = text_of(rejected);
    return p;
}

// Prompt and reply are encoded apart and joined, with one end behind them.
static void check_sequence(const Sequence *s, const char *prompt, const char *reply) {
    int n_prompt, n_reply;
    const int32_t *a = tiny_encode(&base, &arena, prompt, &n_prompt), *b = tiny_encode(&base, &arena, reply, &n_reply);
    ck_assert_int_eq(s->count, n_prompt + n_reply + 1);
    ck_assert_int_eq(s->from, n_prompt);
    ck_assert_int_eq(memcmp(s->ids, a, (size_t)n_prompt * sizeof *a), 0);
    ck_assert_int_eq(memcmp(s->ids + n_prompt, b, (size_t)n_reply * sizeof *b), 0);
    ck_assert_int_eq(s->ids[s->count - 1], TINY_END);
}

START_TEST(preference_encodes) {
    Pair list[3] = {pair_of("\n\nHuman: Hi?\n\nAssistant:", " Good day.", " No"), pair_of("one two three four", " x", " y"),
                    pair_of("p", " a", " b")};
    const int32_t stored[] = {7, 8, 9};
    PairList some = {.count = 3, .pair = list};
    PairTokens *out;
    PairFit fit;
    list[0].label = 0.25;
    list[1].tokenizer = TEXT("hash");
    list[1].chosen_ids = stored;
    list[1].chosen_count = 3;
    list[2].tokenizer = TEXT("another");
    list[2].chosen_ids = list[2].rejected_ids = stored;
    list[2].chosen_count = list[2].rejected_count = 3;
    ck_ok(preference_tokens(&out, &fit, &some, &base, "hash", 60, &arena, &error), error);
    ck_assert_int_eq(fit.cut, 0);
    check_sequence(&out[0].chosen, "\n\nHuman: Hi?\n\nAssistant:", " Good day.");
    check_sequence(&out[0].rejected, "\n\nHuman: Hi?\n\nAssistant:", " No");
    ck_assert_float_eq(out[0].label, 0.25f);
    ck_assert_float_eq(out[1].label, 1);
    // Ids of this tokenizer are taken as they are; where there are none, the text; ids of another one are not looked at.
    const Sequence *s = &out[1].chosen;
    ck_assert_int_eq(s->count - s->from, 4);
    ck_assert_int_eq(memcmp(s->ids + s->from, stored, sizeof stored), 0);
    check_sequence(&out[1].rejected, "one two three four", " y");
    check_sequence(&out[2].chosen, "p", " a");
    check_sequence(&out[2].rejected, "p", " b");

    // Both sides keep the same end of the prompt: what the longer reply leaves room for.
    int whole = out[0].chosen.count, prompt = out[0].chosen.from;
    some.count = 1;
    ck_ok(preference_tokens(&out, &fit, &some, &base, "hash", whole - 2, &arena, &error), error);
    ck_assert_int_eq(fit.cut, 1);
    ck_assert_int_eq(out[0].chosen.count, whole - 2);
    ck_assert_int_eq(out[0].chosen.from, prompt - 2);
    ck_assert_int_eq(out[0].rejected.from, prompt - 2);
    int n;
    const int32_t *ids = tiny_encode(&base, &arena, "\n\nHuman: Hi?\n\nAssistant:", &n);
    ck_assert_int_eq(memcmp(out[0].rejected.ids, ids + 2, (size_t)(n - 2) * sizeof *ids), 0);
}
END_TEST

START_TEST(preference_refuses_pairs) {
    Pair list[2] = {pair_of("p", " a", " b"), pair_of("p", " a rather long reply", " b")};
    int32_t stored[] = {7, TINY_V};
    PairList some = {.count = 2, .pair = list};
    PairTokens *out;
    PairFit fit;
    // A pair whose reply alone does not fit is left out and counted; the others keep their order.
    ck_ok(preference_tokens(&out, &fit, &some, &base, "hash", 5, &arena, &error), error);
    ck_assert_int_eq(fit.kept, 1);
    ck_assert_int_eq(fit.too_long, 1);
    check_sequence(&out[0].chosen, "p", " a");
    ck_assert_int_eq(preference_tokens(&out, &fit, &some, &base, "hash", 2, &arena, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "none of 2"));
    list[1].tokenizer = TEXT("hash");
    list[1].rejected_ids = stored;
    list[1].rejected_count = 2;
    ck_assert_int_eq(preference_tokens(&out, &fit, &some, &base, "hash", 60, &arena, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "pair 1"));
    ck_assert_ptr_nonnull(strstr(error.text, "600"));
    stored[1] = -1;
    ck_assert_int_eq(preference_tokens(&out, &fit, &some, &base, "hash", 60, &arena, &error), ERR_DATA);
    list[1].prompt = TEXT("\xff");
    ck_assert_int_eq(preference_tokens(&out, &fit, &some, &base, "", 60, &arena, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "pair 1"));
}
END_TEST

// ---- learning

START_TEST(preference_learns) {
    for (int all = 0; all < 2; all++) {
        const char *dir = temporary_make(&arena);
        PreferenceConfig config = config_of(8);
        config.train_all = all;
        Role *model;
        Session session;
        ck_ok(train(&model, dir, &config, -1, &session), error);
        double first = 0, last = 0;
        for (int i = 0; i < PER_EPOCH; i++) {
            first += tiny_number(&arena, dir, "metrics.jsonl", i, "loss") / PER_EPOCH;
            last += tiny_number(&arena, dir, "metrics.jsonl", -1 - i, "loss") / PER_EPOCH;
        }
        // From about log 2 to little more than what the soft labels leave.
        ck_assert_double_gt(first, 0.4);
        ck_assert_double_lt(last, 0.25);
        ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", -1, "step"), 8 * PER_EPOCH - 1);
        int64_t right;
        double margin[PAIRS], mean = 0;
        ck_ok(preference_accuracy(&right, margin, model, pairs, PAIRS, &session, &error), error);
        ck_assert_int_eq(right, PAIRS);
        for (int i = 0; i < PAIRS; i++) ck_assert_double_gt(margin[i], 0);

        // Scores over the training replies are normalised: mean 0, deviation 1.
        Sequence every[2 * PAIRS];
        float score[2 * PAIRS];
        double square = 0;
        for (int i = 0; i < PAIRS; i++) every[2 * i] = pairs[i].chosen, every[2 * i + 1] = pairs[i].rejected;
        ck_ok(score_preference(score, model, every, 2 * PAIRS, &session, &error), error);
        for (int i = 0; i < 2 * PAIRS; i++)
            mean += (double)score[i] / (2 * PAIRS), square += (double)score[i] * (double)score[i] / (2 * PAIRS);
        ck_assert_double_eq_tol(mean, 0, 1e-5);
        ck_assert_double_eq_tol(square, 1, 1e-5);

        // A later stage finds the same model.
        Role *loaded;
        ck_ok(save_load_role(&loaded, &base, dir, "preference", &arena, &session, &error), error);
        float again[2 * PAIRS];
        ck_ok(score_preference(again, loaded, every, 2 * PAIRS, &session, &error), error);
        check_bits("loaded", again, score, 2 * PAIRS);
        tiny_session_end(&session);
        temporary_remove(dir);
    }
}
END_TEST

// A head of zeros: every first score is 0, the first loss log 2, and it learns all the same.
START_TEST(preference_zero_head) {
    const char *dir = temporary_make(&arena);
    PreferenceConfig config = config_of(8);
    config.head_init = 0;
    Role *model;
    Session session;
    ck_ok(train(&model, dir, &config, -1, &session), error);
    ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", 0, "max_reward"), 0);
    ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", 0, "min_reward"), 0);
    ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", 0, "loss"), 0.693147, 1e-6);
    int64_t right;
    ck_ok(preference_accuracy(&right, NULL, model, pairs, PAIRS, &session, &error), error);
    ck_assert_int_eq(right, PAIRS);
    tiny_session_end(&session);
    temporary_remove(dir);
}
END_TEST

// Margins 0, 1, -1 by hand where the lead is ln 2: sigmoid(-ln 2) = 1/3. Finite differences of both terms.
static PairTokens labelled[3] = {{.label = 1}, {.label = 0}, {.label = 0.25f}};
static const PairTokens *const THREE[] = {&labelled[0], &labelled[1], &labelled[2]};
static Tensor *apply_lead(Tape *tape, Tensor *const *input, void *context) {
    return preference_loss(tape, input[0], THREE, *(const float *)context);
}
static Tensor *apply_centre(Tape *tape, Tensor *const *input, void *context) {
    return preference_centre(tape, input[0], input[1], *(const float *)context);
}

START_TEST(preference_lead_and_centre) {
    float lead = log_f32(2), none = 0, coef = 0.25f;
    Tensor *d = tensor_new_2d(&arena, true, 3, 1), *better = tensor_new_2d(&arena, true, 3, 1), *worse = tensor_new_2d(&arena, true, 3, 1);
    for (int i = 0; i < 3; i++) tensor_f32(d)[i] = (float[]){0, 1, -1}[i];
    const Tensor *loss = preference_loss(NULL, d, THREE, lead), *plain = preference_loss(NULL, d, THREE, none);
    ck_assert_float_eq_tol(tensor_f32(loss)[0], log_f32(3), 1e-6f);
    ck_assert_double_eq_tol((double)tensor_f32(loss)[1], log1p(2 * exp(1)), 1e-6);
    ck_assert_double_eq_tol((double)tensor_f32(loss)[2], 0.25 * log1p(2 * exp(1)) + 0.75 * log1p(2 * exp(-1)), 1e-6);
    ck_assert_float_eq_tol(tensor_f32(plain)[0], log_f32(2), 1e-6f);
    gradcheck(&(Gradcheck){.op = apply_lead, .context = &lead, .input = {d}, .inputs = 1}, 1e-4);
    gradcheck(&(Gradcheck){.op = apply_lead, .context = &none, .input = {d}, .inputs = 1}, 1e-4);

    const float plus[] = {1, 2, -3}, minus[] = {-1, 1, 0.5f}, centre[] = {0, 2.25f, 1.5625f};
    memcpy(better->data, plus, sizeof plus);
    memcpy(worse->data, minus, sizeof minus);
    check_bits("centre", tensor_f32(preference_centre(NULL, better, worse, coef)), centre, 3);
    gradcheck(&(Gradcheck){.op = apply_centre, .context = &coef, .input = {better, worse}, .inputs = 2}, 1e-4);
}
END_TEST

// Every epoch is a shuffle of its own; a step's line holds the means over its pairs; with lead and centring too.
START_TEST(preference_epochs) {
    const char *dir = temporary_make(&arena);
    PreferenceConfig config = config_of(2);
    config.schedule = (Schedule){.kind = SCHEDULE_CONSTANT, .rate = 0};
    if (_i) config.margin = 0.5f, config.centring = 0.25f;
    double lead = (double)config.margin, coef = (double)config.centring;
    Role *model;
    Session session;
    ck_ok(train(&model, dir, &config, -1, &session), error);
    int order[PAIRS];
    uint32_t work[PAIRS];
    for (int step = 0; step < 2 * PER_EPOCH; step++) {
        rng_shuffle(rng_key(7, "preference.shuffle"), (uint32_t)(step / PER_EPOCH), PAIRS, order, work);
        int first = step % PER_EPOCH * BATCH, size = PAIRS - first < BATCH ? PAIRS - first : BATCH;
        double loss = 0, margin = 0, accuracy = 0, reward = 0;
        for (int i = first; i < first + size; i++) {
            const PairTokens *p = &pairs[order[i]];
            Sequence both[2] = {p->chosen, p->rejected};
            float score[2];
            ck_ok(score_preference(score, model, both, 2, &session, &error), error);
            // At rate 0 the head is still the first one; training sees scores before they are normalised.
            double d = (double)(score[0] - score[1]) * (double)model->deviation, label = (double)p->label;
            double sum = (double)(score[0] + score[1]) * (double)model->deviation + 2 * (double)model->mean;
            loss += (label * log1p(exp(lead - d)) + (1 - label) * log1p(exp(d + lead)) + coef * sum * sum) / size;
            margin += d / size;
            accuracy += (d > 0) / (double)size;
            reward += sum / (2 * size);
        }
        ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", step, "loss"), loss, 1e-5);
        ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", step, "margin"), margin, 1e-5);
        ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", step, "mean_reward"), reward, 1e-5);
        ck_assert_double_eq_tol(tiny_number(&arena, dir, "metrics.jsonl", step, "accuracy"), accuracy, 1e-6);
    }
    tiny_session_end(&session);
    temporary_remove(dir);
}
END_TEST

// Ties count as wrong.
START_TEST(preference_accuracy_by_hand) {
    Session session = tiny_session(&arena, "");
    RoleConfig shape = {.adapter = adapter_default(), .head = true};
    Role *model = role_make(&arena, &base, &shape, 1);
    int64_t right = -1;
    ck_ok(preference_accuracy(&right, NULL, model, pairs, PAIRS, &session, &error), error);
    ck_assert_int_eq(right, 0);
    role_init_head(model, 1, 1);
    ck_ok(preference_accuracy(&right, NULL, model, pairs, PAIRS, &session, &error), error);
    PairTokens swapped[PAIRS];
    int64_t wrong;
    for (int i = 0; i < PAIRS; i++) swapped[i] = (PairTokens){pairs[i].rejected, pairs[i].chosen, 1, i};
    ck_ok(preference_accuracy(&wrong, NULL, model, swapped, PAIRS, &session, &error), error);
    ck_assert_int_eq(right + wrong, PAIRS);
    tiny_session_end(&session);
}
END_TEST

// ---- the same bits

static const char *const FILES[] = {"preference.safetensors", "preference.optimizer.safetensors"};

// Stopped after every step, or killed between checkpoints: the end is that of one uninterrupted run.
START_TEST(preference_resumes) {
    const char *one = temporary_make(&arena), *two = temporary_make(&arena), *three = temporary_make(&arena);
    PreferenceConfig config = config_of(2);
    Role *model, *again;
    Session session;
    ck_ok(train(&model, one, &config, -1, &session), error);
    float model_mean = model->mean, model_deviation = model->deviation;
    tiny_session_end(&session);
    int stops = 0;
    while (train(&again, two, &config, 0, &session) == ERR_STOPPED) {
        ck_assert_ptr_nonnull(strstr(error.text, ++stops < 2 * PER_EPOCH ? "stopped after step" : "stopped before the scores"));
        tiny_session_end(&session);
        // The last stop comes while scores are measured: the trained model is kept, and measured when asked again.
        if (stops == 2 * PER_EPOCH) break;
    }
    ck_assert_int_eq(stops, 2 * PER_EPOCH);
    ck_ok(train(&again, two, &config, -1, &session), error);
    ck_assert(again->mean == model_mean && again->deviation == model_deviation && model_deviation != 1);
    tiny_session_end(&session);
    tiny_same_run(&arena, one, two, 2 * PER_EPOCH, FILES, 2);

    // Killed after the fifth step when the last checkpoint was the fourth: what was logged since is cut off and done again.
    session = tiny_session(&arena, three);
    session.checkpoint_every = 4;
    tiny_stop_after = 4;
    ck_assert_int_eq(preference_train(&again, &base, pairs, PAIRS, NULL, 0, &config, &session, &error), ERR_STOPPED);
    tiny_session_end(&session);
    ck_ok(directory_remove(path_join(&arena, three, "checkpoint-000005"), &error), error);
    ck_ok(train(&again, three, &config, -1, &session), error);
    tiny_session_end(&session);
    tiny_same_run(&arena, one, three, 2 * PER_EPOCH, FILES, 2);

    // A finished run is read, not trained.
    ck_ok(train(&again, three, &config, 0, &session), error);
    ck_assert(again->mean == model_mean && again->deviation == model_deviation);
    tiny_session_end(&session);
    tiny_same_run(&arena, one, three, 2 * PER_EPOCH, FILES, 2);
    temporary_remove(one);
    temporary_remove(two);
    temporary_remove(three);
}
END_TEST

// The gradient of one minibatch of the first `n` pairs in units of `unit`, each pair's loss times its weight (NULL: 1): at rate 0, with
// beta1 = 0 and no clip, it is the first moment.
static float *gradient_of(const PairTokens *some, int n, int unit, const float *weight, size_t *count) {
    const char *dir = temporary_make(&arena);
    PreferenceConfig config = config_of(1);
    config.batch = n;
    config.unit = unit;
    config.weight = weight;
    config.schedule = (Schedule){.kind = SCHEDULE_CONSTANT, .rate = 0};
    config.warmup_share = 0;
    config.adamw.beta1 = 0;
    config.max_norm = 0;
    Session session = tiny_session(&arena, dir);
    Role *model;
    ck_ok(preference_train(&model, &base, some, n, NULL, 0, &config, &session, &error), error);
    Optimizer optimizer = optimizer_make(&model->params, &config.adamw, 0);
    SavedRole saved = {"preference", model, &optimizer};
    int64_t step;
    uint64_t offset;
    ck_ok(save_read(&session, &step, &offset, &saved, 1, NULL, 0, &error), error);
    ck_assert_int_eq(step, 1);
    *count = model->params.count;
    float *m = (float *)arena_copy(&arena, optimizer.m, *count * sizeof *m);
    tiny_session_end(&session);
    temporary_remove(dir);
    return m;
}

// Units of one pair: the tree of G2 over the pairs' own gradients, in the order of the shuffle. Larger units continue one chain:
// the same number but for rounding.
START_TEST(preference_units) {
    enum { N = 8 };
    float *own[N], leaf[N];
    size_t count;
    int order[N];
    uint32_t work[N];
    for (int i = 0; i < N; i++) own[i] = gradient_of(pairs + i, 1, 0, NULL, &count);
    rng_shuffle(rng_key(7, "preference.shuffle"), 0, N, order, work);
    float *expected = arena_alloc(&arena, count * sizeof *expected);
    double norm = 0;
    for (size_t k = 0; k < count; k++) {
        // The weight 1/8 is a power of two: scaling a gradient by it rounds nothing.
        for (int i = 0; i < N; i++) leaf[i] = own[order[i]][k] / N;
        expected[k] = tree_sum(leaf, N);
        norm += (double)expected[k] * (double)expected[k];
    }
    check_bits("units of one", gradient_of(pairs, N, 1, NULL, &count), expected, count);
    // Weights that are powers of two round nothing either.
    static const float WEIGHT[N] = {1, 0, 2, 0.5f, 1, 4, 0, 1};
    float *weighted = arena_alloc(&arena, count * sizeof *weighted);
    for (size_t k = 0; k < count; k++) {
        for (int i = 0; i < N; i++) leaf[i] = own[order[i]][k] * WEIGHT[order[i]] / N;
        weighted[k] = tree_sum(leaf, N);
    }
    check_bits("weighted pairs", gradient_of(pairs, N, 1, WEIGHT, &count), weighted, count);
    static const int UNIT[] = {0, 2, 3, 7, 8, 100};
    int unlike = 0;
    for (int u = 0; u < 6; u++) {
        const float *found = gradient_of(pairs, N, UNIT[u], NULL, &count);
        double off = 0;
        for (size_t k = 0; k < count; k++) {
            double d = (double)found[k] - (double)expected[k];
            off += d * d;
            unlike += found[k] != expected[k];
        }
        ck_assert_double_le(sqrt(off), 1e-5 * sqrt(norm));
    }
    // Which units were added is visible in the bits, so it is the recipe's choice.
    ck_assert_int_gt(unlike, 0);
}
END_TEST

// ---- what stops it

START_TEST(preference_names_pair) {
    // One token has a NaN; one pair holds it.
    const Tensor *e = base.llama.weights.embedding;
    float *copy = (float *)arena_copy(&arena, e->data, tensor_count(e) * sizeof(float));
    base.llama.weights.embedding = tensor_wrap(&arena, DTYPE_F32, 2, e->dim, copy, NULL, "e");
    copy[33 * 16 + 5] = NAN;
    pairs[6].rejected.ids[pairs[6].rejected.from] = 33;
    int order[PAIRS], place = 0;
    uint32_t work[PAIRS];
    rng_shuffle(rng_key(7, "preference.shuffle"), 0, PAIRS, order, work);
    while (order[place] != 6) place++;
    char sentence[64];
    snprintf(sentence, sizeof sentence, "preference step %d: the loss of pair 6 ", place / BATCH);

    const char *dir = temporary_make(&arena);
    PreferenceConfig config = config_of(1);
    Role *model;
    Session session;
    ck_assert_int_eq(train(&model, dir, &config, -1, &session), ERR_NUMERIC);
    ck_assert_msg(strncmp(error.text, sentence, strlen(sentence)) == 0, "%s", error.text);
    for (size_t i = 0; i < model->params.count; i++)
        if (!isfinite(model->params.value[i])) ck_abort_msg("a weight is not finite");
    // The newest checkpoint is that of the step before.
    char name[32];
    snprintf(name, sizeof name, "checkpoint-%06d", place / BATCH + 1);
    ck_assert(!file_exists(path_join(&arena, dir, name)));
    tiny_session_end(&session);
    temporary_remove(dir);
}
END_TEST

// A gradient that is not finite while the loss is: the step is named and nothing was changed.
START_TEST(preference_names_step) {
    const char *dir = temporary_make(&arena);
    PreferenceConfig config = config_of(1);
    config.schedule.rate = 1e30;
    config.warmup_share = 0;
    Role *model;
    Session session;
    ck_assert_int_eq(train(&model, dir, &config, -1, &session), ERR_NUMERIC);
    ck_assert_msg(strncmp(error.text, "preference step ", 16) == 0, "%s", error.text);
    tiny_session_end(&session);
    temporary_remove(dir);
}
END_TEST

START_TEST(preference_needs_difference) {
    // All replies equal: nothing can be learned, and no deviation can be divided by, whatever the mean of equal numbers rounds to.
    for (int k = 0; k < 6; k++) {
        pairs[k].chosen.ids[0] = 70 + k;
        Sequence one = pairs[k].chosen;
        for (int i = 0; i < PAIRS; i++) pairs[i].chosen = pairs[i].rejected = one;
        const char *dir = temporary_make(&arena);
        PreferenceConfig config = config_of(1);
        Role *model;
        Session session;
        ck_assert_int_eq(train(&model, dir, &config, -1, &session), ERR_NUMERIC);
        ck_assert_ptr_nonnull(strstr(error.text, "equal"));
        tiny_session_end(&session);
        temporary_remove(dir);
    }
}
END_TEST

// Mean and deviation of normalised scores, of a role loaded from the run directory as later stages do.
static void moments(const char *dir, const Sequence *replies, int n, double *mean, double *deviation) {
    Role *role;
    Session session = tiny_session(&arena, dir);
    float score[2 * PAIRS];
    ck_ok(save_load_role(&role, &base, dir, "preference", &arena, &session, &error), error);
    ck_ok(score_preference(score, role, replies, n, &session, &error), error);
    *mean = *deviation = 0;
    for (int i = 0; i < n; i++) *mean += (double)score[i] / n;
    for (int i = 0; i < n; i++) *deviation += ((double)score[i] - *mean) * ((double)score[i] - *mean) / n;
    *deviation = sqrt(*deviation);
    tiny_session_end(&session);
}

// Scores have mean 0 and deviation 1 over the replies of the scale: those trained on, or others; both trainings are one.
START_TEST(preference_scale) {
    const Sequence *trained = preference_replies(pairs, PAIRS, &arena);
    Sequence plain[5];
    for (int i = 0; i < 5; i++) plain[i] = trained[2 * i + 1];
    PreferenceConfig config = config_of(1);
    for (int own = 0; own < 2; own++) {
        const char *dir = temporary_make(&arena);
        Session session = tiny_session(&arena, dir);
        Role *model;
        double mean, deviation;
        ck_ok(preference_train(&model, &base, pairs, PAIRS, own ? NULL : plain, own ? 0 : 5, &config, &session, &error), error);
        tiny_session_end(&session);
        moments(dir, own ? trained : plain, own ? 2 * PAIRS : 5, &mean, &deviation);
        ck_assert_double_eq_tol(mean, 0, 1e-5);
        ck_assert_double_eq_tol(deviation, 1, 1e-5);
        moments(dir, own ? plain : trained, own ? 5 : 2 * PAIRS, &mean, &deviation);
        ck_assert(mean < -0.01 || mean > 0.01);
        temporary_remove(dir);
    }
}
END_TEST

Suite *suite_preference(void) {
    Suite *suite = suite_create("preference");
    TCase *tc = tcase_create("preference");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, preference_encodes);
    tcase_add_test(tc, preference_refuses_pairs);
    tcase_add_test(tc, preference_learns);
    tcase_add_test(tc, preference_zero_head);
    tcase_add_test(tc, preference_lead_and_centre);
    tcase_add_loop_test(tc, preference_epochs, 0, 2);
    tcase_add_test(tc, preference_accuracy_by_hand);
    tcase_add_test(tc, preference_resumes);
    tcase_add_test(tc, preference_units);
    tcase_add_test(tc, preference_names_pair);
    tcase_add_test(tc, preference_names_step);
    tcase_add_test(tc, preference_needs_difference);
    tcase_add_test(tc, preference_scale);
    suite_add_tcase(suite, tc);
    return suite;
}
