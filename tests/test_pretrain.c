// Pre-training: pieces and weights of documents, the loss and its gradient, what never shows in the bits, resuming, what stops it.
#include "rlcd/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/logprob.h"
#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_pretrain(void);

static Arena arena;
static Error error;
static Base base;
static const char *const FILES[] = {"model.safetensors", "model.optimizer.safetensors"};

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_pretrain", 0);
    base = tiny_base(&arena, 1, true);
}
static void teardown(void) {
    pool_stop();
    arena_free(&arena);
}

// ---- text

static PretrainText text_of_documents(int context) {
    static const char *const DOCUMENTS[] = {"the cat sat on the mat",
                                            "a dog saw a man and a bird, then a cat",
                                            "why do you ask? i do not know",
                                            "rain",
                                            "one two three four five six seven",
                                            "it is what it is"};
    PretrainText text = pretrain_text(&arena, &base, context);
    for (int i = 0; i < 6; i++) {
        PretrainWeight weight = {2, 5, 3};
        ck_ok(pretrain_add(&text, text_of(DOCUMENTS[i]), &weight, i % 2, &error), error);
    }
    return text;
}

START_TEST(pretrain_pieces) {
    int n;
    const int32_t *ids = tiny_encode(&base, &arena, "why do you ask?", &n);
    PretrainText text = pretrain_text(&arena, &base, 4);
    ck_assert_int_gt(n, 4);
    ck_ok(pretrain_add(&text, TEXT("why do you ask?"), NULL, 0, &error), error);
    ck_ok(pretrain_add(&text, TEXT(""), NULL, 0, &error), error);
    // Every token but the first is predicted once: pieces of 5 tokens that overlap by one.
    int pieces = (n + 3) / 4;
    ck_assert_int_eq(text.count, pieces);
    ck_assert_int_eq(text.documents, 1);
    ck_assert_int_eq(text.tokens, n + 1);
    ck_assert_int_eq(text.cut, 1);
    ck_assert(!text.weighted);
    int predicted = 0;
    for (int p = 0; p < pieces; p++) {
        ck_assert_int_le(text.piece[p].count, 5);
        ck_assert_ptr_null(text.piece[p].weight);
        for (int t = 0; t < text.piece[p].count; t++) ck_assert_int_eq(text.piece[p].ids[t], 4 * p + t < n ? ids[4 * p + t] : TINY_END);
        predicted += text.piece[p].count - 1;
    }
    ck_assert_int_eq(predicted, n);
}
END_TEST

// A token weighs what the range says if any byte of it lies in it; the last range counts; end-of-text weighs 1.
START_TEST(pretrain_weights) {
    const char *document = "the answer is: (a)";
    int n;
    const int32_t *ids = tiny_encode(&base, &arena, document, &n);
    PretrainText text = pretrain_text(&arena, &base, 90);
    PretrainWeight weight[] = {{0, 9, 2}, {5, 6, 7}, {17, 18, 0.5f}};
    ck_ok(pretrain_add(&text, text_of(document), weight, 3, &error), error);
    ck_assert(text.weighted);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        size_t end = at + tokenizer_bytes(base.tokenizer, ids[i]).size;
        float expected = 1;
        for (size_t b = at; b < end; b++) {
            if (b < 9 && expected != 7) expected = 2;
            if (b == 5) expected = 7;
            if (b == 17) expected = 0.5f;
        }
        ck_assert_msg(text.piece[0].weight[i] == expected, "token %d: %g, expected %g", i, (double)text.piece[0].weight[i],
                      (double)expected);
        at = end;
    }
    ck_assert_float_eq(text.piece[0].weight[n], 1);
    ck_assert_int_eq(pretrain_add(&text, TEXT("\xff"), NULL, 0, &error), ERR_DATA);
}
END_TEST

// ---- training

static PretrainConfig config_of(void) {
    PretrainConfig config = pretrain_default();
    config.tokens = 160;
    config.batch = 40;
    config.schedule = (Schedule){.kind = SCHEDULE_COSINE, .rate = 0.01, .floor = 0.1};
    config.fresh = false;
    return config;
}

static Status train(const char *dir, const PretrainText *text, const PretrainConfig *config, int stop_after, int rows) {
    Role *model;
    double loss;
    Session session = tiny_session(&arena, dir);
    tiny_stop_after = stop_after;
    session.rows = rows;
    session.keep = 0;
    Status status = pretrain_train(&model, &loss, &base, text, config, &session, &error);
    tiny_session_end(&session);
    return status;
}

// The loss of all pieces with weights, by another path: one sequence at a time, sums in double.
static double loss_of(const Llama *model, const PretrainText *text) {
    double sum = 0, weights = 0;
    for (int p = 0; p < text->count; p++) {
        const PretrainPiece *piece = &text->piece[p];
        int T = piece->count - 1;
        ArenaMark mark = arena_mark(&arena);
        LlamaBatch batch = llama_batch(&arena, &piece->ids, &T, 1);
        Tensor *h = llama_forward(NULL, model, NULL, &batch, NULL, &arena);
        float *z = arena_alloc(&arena, (size_t)T * TINY_V * sizeof *z);
        logits_forward(z, tensor_f32(h), model->weights.head->data, DTYPE_F32, 1, PRECISION_FP32, T, model->config.D, TINY_V);
        for (int t = 0; t < T; t++) {
            double total = 0;
            for (int v = 0; v < TINY_V; v++) total += exp((double)z[t * TINY_V + v]);
            double w = piece->weight ? (double)piece->weight[t + 1] : 1;
            sum += w * (log(total) - (double)z[t * TINY_V + piece->ids[t + 1]]);
            weights += w;
        }
        arena_release(&arena, mark);
    }
    return sum / weights;
}

// One step over all pieces without clipping: the logged loss is the formula's, and the first moment is (1 - beta1) times its
// gradient, by differences. Tied and untied.
START_TEST(pretrain_gradient) {
    base = tiny_base(&arena, 4, _i == 0);
    PretrainText text = text_of_documents(TINY_CONTEXT);
    PretrainConfig config = config_of();
    config.tokens = 1;
    config.batch = 10000;
    config.max_norm = 0;
    const char *dir = temporary_make(&arena);
    ck_ok(train(dir, &text, &config, -1, 64), error);

    Params params = params_make(&arena);
    Llama *model = llama_declare(&params, &base.llama);
    params_finish(&params, false);
    llama_fill(model, &base.llama);
    double loss = loss_of(model, &text), logged = tiny_number(&arena, dir, "metrics.jsonl", 0, "loss");
    ck_assert_msg(fabs(loss - logged) < 1e-5 * loss, "loss %.8g, logged %.8g", loss, logged);
    SafeTensors moments;
    ck_ok(safetensors_open(&moments, &arena, path_join(&arena, dir, "checkpoint-000001/model.optimizer.safetensors"), &error), error);
    for (int i = 0; i < params.tensors; i++) {
        Str name = str_make(&arena);
        str_printf(&name, "m.%s", params.tensor[i]->name);
        const float *m = tiny_tensor(&moments, name.data, NULL);
        float *value = tensor_f32(params.tensor[i]);
        // The element with the largest gradient: differences see it best.
        size_t at = 0;
        for (size_t k = 1; k < tensor_count(params.tensor[i]); k++)
            if (fabsf(m[k]) > fabsf(m[at])) at = k;
        float held = value[at], step = 0.01f;
        value[at] = held + step;
        double up = loss_of(model, &text);
        value[at] = held - step;
        double slope = (up - loss_of(model, &text)) / (2 * (double)step), found = (double)m[at] / (1 - (double)0.9f);
        value[at] = held;
        ck_assert_msg(fabs(slope - found) < 0.01 * fabs(slope) + 1e-4, "%s[%zu]: slope %.6g, gradient %.6g", params.tensor[i]->name, at,
                      slope, found);
    }
    safetensors_close(&moments);
    temporary_remove(dir);
}
END_TEST

// Plain and weighted losses stand apart and together give the loss.
START_TEST(pretrain_metrics) {
    PretrainText text = text_of_documents(TINY_CONTEXT);
    PretrainConfig config = config_of();
    config.tokens = 1;
    config.batch = 10000;
    const char *dir = temporary_make(&arena);
    ck_ok(train(dir, &text, &config, -1, 64), error);
    int marks = 0, predicted = 0;
    for (int p = 0; p < text.count; p++)
        for (int t = 1; t < text.piece[p].count; t++, predicted++) marks += text.piece[p].weight && text.piece[p].weight[t] != 1;
    ck_assert_int_gt(marks, 0);
    double plain = tiny_number(&arena, dir, "metrics.jsonl", 0, "nll/plain"),
           marked = tiny_number(&arena, dir, "metrics.jsonl", 0, "nll/weighted");
    double loss = (plain * (predicted - marks) + 3 * marked * marks) / (predicted + 2 * marks);
    ck_assert_double_eq_tol(loss, tiny_number(&arena, dir, "metrics.jsonl", 0, "loss"), 1e-5);
    ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", 0, "weighted_tokens"), marks);
    ck_assert_double_eq(tiny_number(&arena, dir, "metrics.jsonl", 0, "tokens"), (double)text.tokens);
    // Steps go on until the tokens are done; no batch is larger than it may be.
    config = config_of();
    const char *more = temporary_make(&arena);
    ck_ok(train(more, &text, &config, -1, 64), error);
    double before = 0, tokens;
    for (int i = 0; (tokens = tiny_number(&arena, more, "metrics.jsonl", i, "tokens")) < 160; i++, before = tokens)
        ck_assert(tokens > before && tokens - before <= 40);
    ck_assert(before < 160 && tokens - before <= 40);
    temporary_remove(dir);
    temporary_remove(more);
}
END_TEST

// A fresh model: norms are 1, matrices have the deviations that were asked for, and only the seed and the name decide.
START_TEST(pretrain_init) {
    LlamaConfig config = base.llama.config;
    Base fresh = pretrain_base(&arena, &config, base.tokenizer, TINY_END);
    ck_ok(llama_prepare(&fresh.llama, &arena, TINY_CONTEXT, &error), error);
    PretrainText text = text_of_documents(TINY_CONTEXT);
    PretrainConfig c = config_of();
    c.fresh = true;
    c.tokens = 1;
    c.schedule.rate = 0;
    const char *dir = temporary_make(&arena);
    Role *model;
    double loss;
    Session session = tiny_session(&arena, dir);
    ck_ok(pretrain_train(&model, &loss, &fresh, &text, &c, &session, &error), error);
    // Near-zero logits: every token is about as likely.
    ck_assert_double_eq_tol(loss, log(TINY_V), 0.05);
    for (int i = 0; i < model->params.tensors; i++) {
        const Tensor *t = model->params.tensor[i];
        size_t n = tensor_count(t);
        double sum = 0, square = 0, expected = strstr(t->name, "embed") ? 0.02 : 0.04;
        if (strstr(t->name, "o_proj") || strstr(t->name, "down_proj")) expected /= 2;  // sqrt(2 * 2 layers)
        for (size_t k = 0; k < n; k++) {
            sum += (double)tensor_f32(t)[k];
            square += (double)tensor_f32(t)[k] * (double)tensor_f32(t)[k];
        }
        double deviation = sqrt(square / (double)n - sum / (double)n * sum / (double)n);
        if (t->rank == 1)
            ck_assert(sum == (double)n && square == (double)n);
        else
            ck_assert_msg(fabs(deviation - expected) < 4 * expected / sqrt(2.0 * (double)n), "%s: deviation %g, expected %g", t->name,
                          deviation, expected);
    }
    tiny_session_end(&session);
    temporary_remove(dir);
}
END_TEST

// Stopped after every step and gone on, killed between two checkpoints, or never stopped: one run.
START_TEST(pretrain_resumes) {
    PretrainText text = text_of_documents(TINY_CONTEXT);
    PretrainConfig config = config_of();
    const char *one = temporary_make(&arena), *two = temporary_make(&arena);
    ck_ok(train(one, &text, &config, -1, 64), error);
    int stops = 0;
    while (train(two, &text, &config, 0, 64) == ERR_STOPPED) stops++;
    ck_assert_int_ge(stops, 3);
    char name[64];
    snprintf(name, sizeof name, "checkpoint-%06d", stops + 1);
    ck_assert(file_exists(path_join(&arena, one, name)));
    tiny_same_run(&arena, one, two, stops + 1, FILES, 2);
    // The last two checkpoints are lost with what was logged behind them.
    ck_ok(directory_remove(path_join(&arena, two, name), &error), error);
    snprintf(name, sizeof name, "checkpoint-%06d", stops);
    ck_ok(directory_remove(path_join(&arena, two, name), &error), error);
    ck_ok(train(two, &text, &config, -1, 64), error);
    tiny_same_run(&arena, one, two, stops + 1, FILES, 2);
    temporary_remove(one);
    temporary_remove(two);
}
END_TEST

// Rows of a pass, threads, kernels: never visible. A unit of its own size is another sum, and again the same for any rows.
START_TEST(pretrain_bits) {
    base = tiny_base(&arena, 1, _i % 2 == 0);
    PretrainText text = text_of_documents(TINY_CONTEXT);
    PretrainConfig config = config_of();
    config.unit = _i / 2 * 2;
    const char *one = temporary_make(&arena);
    ck_ok(train(one, &text, &config, -1, 64), error);
    int steps = 0;
    char name[64];
    do snprintf(name, sizeof name, "checkpoint-%06d", ++steps);
    while (file_exists(path_join(&arena, one, name)));
    ck_assert_int_gt(--steps, 2);
    for (int variant = 0; variant < 4; variant++) {
        const char *two = temporary_make(&arena);
        if (variant == 1) ck_ok(pool_start(2, &error), error);
        if (variant == 2) ck_ok(pool_start(3, &error), error);
        if (variant == 3) ck_ok(kernels_choose("scalar", &error), error);
        ck_ok(train(two, &text, &config, -1, variant == 0 ? 1 : 10000), error);
        tiny_same_run(&arena, one, two, steps, FILES, 2);
        pool_stop();
        temporary_remove(two);
    }
    ck_ok(kernels_choose("native", &error), error);
    temporary_remove(one);
}
END_TEST

START_TEST(pretrain_stops) {
    const char *dir = temporary_make(&arena);
    PretrainConfig config = config_of();
    // All weights 0: there is nothing to divide by.
    PretrainText nothing = pretrain_text(&arena, &base, TINY_CONTEXT);
    PretrainWeight zero = {0, 4, 0};
    ck_ok(pretrain_add(&nothing, TEXT("rain"), &zero, 1, &error), error);
    ((float *)nothing.piece[0].weight)[nothing.piece[0].count - 1] = 0;
    ck_assert_int_eq(train(dir, &nothing, &config, -1, 64), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "every weight of the batch is 0"));
    // A rate that blows the weights up: the step is named, nothing but what was stored before is left.
    PretrainText text = text_of_documents(TINY_CONTEXT);
    config.schedule = (Schedule){.kind = SCHEDULE_CONSTANT, .rate = 1e38};
    config.warmup_share = 0;
    config.tokens = 1000;
    ck_assert_int_eq(train(dir, &text, &config, -1, 64), ERR_NUMERIC);
    ck_assert_ptr_nonnull(strstr(error.text, "pretrain step "));
    temporary_remove(dir);
}
END_TEST

Suite *suite_pretrain(void) {
    Suite *suite = suite_create("pretrain");
    TCase *tc = tcase_create("pretrain");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, pretrain_pieces);
    tcase_add_test(tc, pretrain_weights);
    tcase_add_loop_test(tc, pretrain_gradient, 0, 2);
    tcase_add_test(tc, pretrain_metrics);
    tcase_add_test(tc, pretrain_init);
    tcase_add_test(tc, pretrain_resumes);
    tcase_add_loop_test(tc, pretrain_bits, 0, 4);
    tcase_add_test(tc, pretrain_stops);
    suite_add_tcase(suite, tc);
    return suite;
}
