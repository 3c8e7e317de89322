// Generation: what a sequence gets depends on its own draw alone; log-probabilities are those of scoring; how replies end.
#include "llama/generate.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "nn/logprob.h"
#include "rlcd/score.h"
#include "tensor/base/pool.h"
#include "tests/gradcheck.h"
#include "tests/tiny.h"

Suite *suite_generate(void);

enum { REQUESTS = 16, MAX_NEW = 24, CAPACITY = 64 };

typedef struct {
    int32_t ids[MAX_NEW];
    float logprob[MAX_NEW];
    int count, text_ids, times;
    GenerateEnd end;
    char text[512];
    size_t size;
} Reply;

static Arena arena;
static Error error;
static Base base;
static Role *role;  // random adapter: generation must go through it
static int32_t prompts[REQUESTS][40];

static void setup(void) {
    kernels_setup();
    arena = arena_make("test_generate", 0);
    base = tiny_base(&arena, 1, false);
    RoleConfig config = {.adapter = adapter_default()};
    role = role_make(&arena, &base, &config, 3);
    random_fill(role->params.value, role->params.count, 5, 0.2f);
    RngKey key = rng_key(2, "prompts");
    for (int i = 0; i < REQUESTS; i++)
        for (int t = 0; t < 40; t++)
            prompts[i][t] = (int32_t)(3 + rng_bits(key, (RngDraw){.prompt = (uint32_t)i, .position = (uint32_t)t}) % (TINY_V - 3));
}
static void teardown(void) { arena_free(&arena); }

static int prompt_count(int i) { return 1 + (i * 7) % 40; }
// Lengths differ, so that places become free at different steps.
static int max_new(int i) { return i % 3 == 2 ? 1 + i / 2 : MAX_NEW; }

// A source over requests 0 .. n-1, or from the last to the first.
typedef struct {
    Reply *reply;
    int n, next, done;
    bool backwards;
    uint32_t attempt;
    Status fail;
} Source;

static GenerateRequest request_of(int i, uint32_t attempt) {
    return (GenerateRequest){.prompt = prompts[i],
                             .prompt_count = prompt_count(i),
                             .max_new = max_new(i),
                             .draw = {.step = 4, .prompt = (uint32_t)i, .side = 1, .sample = 2, .attempt = attempt}};
}

static bool next(void *context, GenerateRequest *request) {
    Source *s = context;
    if (s->next == s->n) return false;
    int i = s->backwards ? s->n - 1 - s->next : s->next;
    s->next++;
    *request = request_of(i, s->attempt);
    request->user = &s->reply[i];
    return true;
}

static void keep(Reply *r, const GenerateResult *result) {
    r->count = result->count;
    r->text_ids = result->text_ids;
    r->end = result->end;
    r->size = result->text.size;
    r->times++;
    ck_assert_uint_lt(r->size, sizeof r->text);
    memcpy(r->ids, result->ids, (size_t)r->count * sizeof *r->ids);
    memcpy(r->logprob, result->logprob, (size_t)r->count * sizeof *r->logprob);
    if (r->size) memcpy(r->text, result->text.data, r->size);
}

static Status done(void *context, const GenerateRequest *request, const GenerateResult *result, Error *e) {
    Source *s = context;
    ck_assert_int_le(result->count, request->max_new);
    keep(request->user, result);
    if (++s->done == 3 && s->fail != OK) return error_set(e, s->fail, "the source failed");
    return OK;
}

static GenerateConfig config_of(int slots) {
    GenerateConfig config = {
        .sampler = sampler_default(), .key = rng_key(7, "test"), .slots = slots, .capacity = CAPACITY, .max_new = MAX_NEW};
    config.sampler.temperature = 0.8f;
    return config;
}

static Reply *run(const GenerateConfig *config, bool backwards) {
    Reply *reply = arena_zeros(&arena, REQUESTS, sizeof *reply);
    Source s = {.reply = reply, .n = REQUESTS, .backwards = backwards};
    GenerateSource source = {next, done, &s};
    size_t used = arena.used;
    ck_ok(generate_run(&base.llama, role->adapter, base.tokenizer, config, &source, &arena, &error), error);
    ck_assert_uint_eq(arena.used, used);
    for (int i = 0; i < REQUESTS; i++) ck_assert_int_eq(reply[i].times, 1);
    return reply;
}

static void same(const Reply *a, const Reply *b, int n) {
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(a[i].count, b[i].count);
        ck_assert_int_eq(a[i].end, b[i].end);
        ck_assert_int_eq(a[i].text_ids, b[i].text_ids);
        ck_assert_int_eq(memcmp(a[i].ids, b[i].ids, (size_t)a[i].count * sizeof *a[i].ids), 0);
        check_bits("log-probability", a[i].logprob, b[i].logprob, (size_t)a[i].count);
        ck_assert_uint_eq(a[i].size, b[i].size);
        ck_assert_int_eq(memcmp(a[i].text, b[i].text, a[i].size), 0);
    }
}

START_TEST(generate_slots) {
    static const int SLOTS[] = {2, 5, 16, 40};
    GenerateConfig one = config_of(1);
    Reply *expected = run(&one, false);
    for (int i = 0; i < 4; i++) {
        GenerateConfig config = config_of(SLOTS[i]);
        same(run(&config, false), expected, REQUESTS);
        same(run(&config, true), expected, REQUESTS);
    }
    // Replies differ from one another, and one draw differs from the next.
    ck_assert_int_ne(memcmp(expected[0].ids, expected[1].ids, sizeof expected[0].ids), 0);
    one.key = rng_key(8, "test");
    ck_assert_int_ne(memcmp(run(&one, false)[0].ids, expected[0].ids, sizeof expected[0].ids), 0);
}
END_TEST

// By the definition: the whole sequence again for every token, one draw named by the token's place in the reply.
START_TEST(generate_draws) {
    GenerateConfig config = config_of(4);
    const Reply *reply = run(&config, false);
    const Tensor *head = base.llama.weights.head;
    for (int i = 0; i < REQUESTS; i += 3)
        for (int t = 0; t < reply[i].count; t++) {
            Sequence s = sequence_join(&arena, prompts[i], prompt_count(i), reply[i].ids, t, -1);
            const int32_t *ids = s.ids;
            LlamaBatch batch = llama_batch(&arena, &ids, &s.count, 1);
            const Tensor *h = llama_forward(NULL, role->llama, role->adapter, &batch, NULL, &arena);
            float z[TINY_V], logprob;
            logits_forward(z, tensor_f32(h) + (s.count - 1) * 16, head->data, head->type, 0.8f, PRECISION_FP32, 1, 16, TINY_V);
            RngDraw draw = {.step = 4, .prompt = (uint32_t)i, .side = 1, .sample = 2, .position = (uint32_t)t};
            int32_t id;
            ck_ok(sampler_draw(&config.sampler, z, TINY_V, rng_uniform(config.key, draw), &arena, &id, &logprob, &error), error);
            ck_assert_int_eq(id, reply[i].ids[t]);
            check_bits("log-probability", &logprob, &reply[i].logprob[t], 1);
        }
}
END_TEST

START_TEST(generate_threads) {
    GenerateConfig config = config_of(5);
    Reply *expected = run(&config, false);
    for (int threads = 2; threads <= 7; threads += threads == 2 ? 1 : 4) {
        ck_ok(pool_start(threads, &error), error);
        same(run(&config, false), expected, REQUESTS);
        pool_stop();
    }
}
END_TEST

// S3: what sampling saw are the bits of scoring the finished sequence.
START_TEST(generate_logprob_is_scoring) {
    Session session = tiny_session(&arena, "");
    static const float TEMPERATURE[] = {0.8f, 1, 0};
    for (int k = 0; k < 3; k++) {
        GenerateConfig config = config_of(5);
        config.sampler.temperature = TEMPERATURE[k];
        // Cuts and bans leave log-probabilities alone.
        config.sampler.top_k = k == 1 ? 30 : 0;
        config.sampler.banned = (int32_t[]){5, 6, 7};
        config.sampler.n_banned = 3;
        Reply *reply = run(&config, false);
        Sequence sequence[REQUESTS];
        float *logp[REQUESTS];
        for (int i = 0; i < REQUESTS; i++) {
            sequence[i] = sequence_join(&arena, prompts[i], prompt_count(i), reply[i].ids, reply[i].count, -1);
            logp[i] = arena_zeros(&arena, MAX_NEW, sizeof(float));
        }
        ck_ok(score_logprob(logp, NULL, role, sequence, REQUESTS, sampler_temperature(&config.sampler), &session, &error), error);
        for (int i = 0; i < REQUESTS; i++) {
            check_bits("logp", reply[i].logprob, logp[i], (size_t)reply[i].count);
            for (int t = 0; t < reply[i].count; t++) ck_assert(reply[i].ids[t] < 5 || reply[i].ids[t] > 7);
        }
    }
    tiny_session_end(&session);
}
END_TEST

// Scores of any number of rows at a time have the same bits; a stop is heard.
START_TEST(generate_scoring_batches) {
    Session session = tiny_session(&arena, "");
    GenerateConfig config = config_of(16);
    Reply *reply = run(&config, false);
    RoleConfig shape = {.adapter = adapter_default(), .head = true, .head_bias = true};
    Role *judge = role_make(&arena, &base, &shape, 4);
    random_fill(judge->params.value, judge->params.count, 6, 0.2f);
    judge->mean = 0.25f;
    judge->deviation = 2;
    Sequence sequence[REQUESTS];
    float *found[2][REQUESTS], *entropy[2][REQUESTS], *value[2][REQUESTS], score[2][REQUESTS];
    for (int i = 0; i < REQUESTS; i++)
        sequence[i] = sequence_join(&arena, prompts[i], prompt_count(i), reply[i].ids, reply[i].count, TINY_END);
    static const int ROWS[2] = {1, 1000};
    for (int k = 0; k < 2; k++) {
        session.rows = ROWS[k];
        for (int i = 0; i < REQUESTS; i++) {
            found[k][i] = arena_zeros(&arena, MAX_NEW + 1, sizeof(float));
            entropy[k][i] = arena_zeros(&arena, MAX_NEW + 1, sizeof(float));
            value[k][i] = arena_zeros(&arena, MAX_NEW + 1, sizeof(float));
        }
        ck_ok(score_logprob(found[k], entropy[k], role, sequence, REQUESTS, 0.8f, &session, &error), error);
        ck_ok(score_values(value[k], judge, sequence, REQUESTS, &session, &error), error);
        ck_ok(score_preference(score[k], judge, sequence, REQUESTS, &session, &error), error);
    }
    check_bits("score", score[1], score[0], REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        size_t T = (size_t)sequence_actions(&sequence[i]);
        ck_assert_uint_eq(T, (size_t)reply[i].count + 1);
        check_bits("logp", found[1][i], found[0][i], T);
        check_bits("entropy", entropy[1][i], entropy[0][i], T);
        check_bits("value", value[1][i], value[0][i], T);
        // An entropy lies between 0 and log V.
        for (size_t t = 0; t < T; t++) ck_assert(entropy[0][i][t] > 0 && entropy[0][i][t] < 6.4f);
        // The score stands at the last row, one behind the row of the last value, and is normalised.
        const int32_t *ids = sequence[i].ids;
        LlamaBatch batch = llama_batch(&arena, &ids, &sequence[i].count, 1);
        const Tensor *h = llama_forward(NULL, judge->llama, judge->adapter, &batch, NULL, &arena);
        for (int back = 0; back < 2; back++) {
            double sum = (double)tensor_f32(judge->bias)[0];
            for (int d = 0; d < 16; d++)
                sum += (double)tensor_f32(h)[(size_t)(sequence[i].count - 1 - back) * 16 + (size_t)d] * (double)tensor_f32(judge->head)[d];
            if (back)
                ck_assert_float_eq_tol(value[0][i][T - 1], (float)sum, 1e-5f);
            else
                ck_assert_float_eq_tol(score[0][i], ((float)sum - 0.25f) / 2, 1e-5f);
        }
    }
    tiny_stop = true;
    ck_assert_int_eq(score_preference(score[0], judge, sequence, REQUESTS, &session, &error), ERR_STOPPED);
    ck_assert_int_eq(score_values(value[0], judge, sequence, REQUESTS, &session, &error), ERR_STOPPED);
    ck_assert_int_eq(score_logprob(found[0], NULL, role, sequence, REQUESTS, 1, &session, &error), ERR_STOPPED);
    tiny_session_end(&session);
}
END_TEST

// ---- ends

// What the definition makes of the tokens of an endless reply: ends with the first end-of-text, or the first token whose text
// completes a stop string.
static Reply ended(const Reply *endless, int limit, const Text *stops, int n_stops, const int32_t *eos, int n_eos) {
    Reply r = *endless;
    r.size = 0;
    r.end = END_LIMIT;
    size_t ends[MAX_NEW], cut = SIZE_MAX;
    for (r.count = 0; r.count < limit && r.end == END_LIMIT; r.count++) {
        int32_t id = r.ids[r.count];
        for (int i = 0; i < n_eos; i++)
            if (id == eos[i]) r.end = END_TEXT;
        if (r.end == END_LIMIT) {
            Text bytes = tokenizer_bytes(base.tokenizer, id);
            memcpy(r.text + r.size, bytes.data, bytes.size);
            r.size += bytes.size;
            for (size_t at = 0; at < r.size && cut == SIZE_MAX; at++)
                for (int i = 0; i < n_stops; i++)
                    if (at + stops[i].size <= r.size && memcmp(r.text + at, stops[i].data, stops[i].size) == 0) cut = at;
            if (cut != SIZE_MAX) r.end = END_STOP;
        }
        ends[r.count] = r.size;
    }
    if (r.end == END_STOP) r.size = cut;
    int own = r.end == END_LIMIT ? r.count : r.count - 1;
    for (r.text_ids = 0; r.text_ids < own && ends[r.text_ids] <= r.size; r.text_ids++) {}
    return r;
}

// A stop string from the middle of two neighbouring tokens of a reply: the last byte of one, the first `more` of the next.
static Text border(const Reply *r, int token, size_t more) {
    Text a = tokenizer_bytes(base.tokenizer, r->ids[token]), b = tokenizer_bytes(base.tokenizer, r->ids[token + 1]);
    char joined[8] = {a.data[a.size - 1]};
    if (more > b.size) more = b.size;
    memcpy(joined + 1, b.data, more);
    return text_copy(&arena, (Text){joined, 1 + more});
}

START_TEST(generate_ends) {
    GenerateConfig config = config_of(5);
    config.ignore_end = true;
    Reply *endless = run(&config, false), *expected = arena_zeros(&arena, REQUESTS, sizeof *expected);
    for (int i = 0; i < REQUESTS; i++) {
        ck_assert_int_eq(endless[i].count, max_new(i));
        ck_assert_int_eq(endless[i].end, END_LIMIT);
        ck_assert_int_eq(endless[i].text_ids, endless[i].count);
        Reply whole = ended(&endless[i], max_new(i), NULL, 0, NULL, 0);
        same(&whole, &endless[i], 1);
    }
    // Stop strings over a border of two tokens, over a whole token, and one inside another one.
    const Text wide[] = {border(&endless[0], 3, 1), border(&endless[1], 10, 2), border(&endless[3], 15, 3), text_of("e"), text_of("qzq")};
    int ends[3] = {0}, cut_inside = 0;
    for (int first = 0; first < 4; first++)
        for (int n = 0; n <= 2; n++)
            for (int eos = 0; eos < 2; eos++) {
                config = config_of(3);
                config.stops = wide + first;
                config.n_stops = n;
                // The sixth token of one reply is an end of text, beside the model's own.
                base.llama.config.n_eos = 1 + eos;
                base.llama.config.eos_all[1] = endless[4].ids[5];
                for (int i = 0; i < REQUESTS; i++) {
                    expected[i] = ended(&endless[i], max_new(i), config.stops, n, base.llama.config.eos_all, 1 + eos);
                    ends[expected[i].end]++;
                    cut_inside += expected[i].end == END_STOP && expected[i].text_ids < expected[i].count - 1;
                }
                same(run(&config, false), expected, REQUESTS);
            }
    // All three ends came about, and stop strings that began inside an earlier token.
    ck_assert(ends[END_LIMIT] > 10 && ends[END_TEXT] > 10 && ends[END_STOP] > 10 && cut_inside > 0);
}
END_TEST

// ---- sources

// One prompt at a time; each is drawn again until its third draw.
typedef struct {
    Reply reply[4][3];
    int tries[4];
    bool running[4];
    int most, now;
} Again;

static bool again_next(void *context, GenerateRequest *request) {
    Again *s = context;
    for (int i = 0; i < 4; i++) {
        if (s->running[i] || s->tries[i] == 3) continue;
        *request = request_of(i, (uint32_t)s->tries[i]);
        request->user = &s->tries[i];
        s->running[i] = true;
        if (++s->now > s->most) s->most = s->now;
        return true;
    }
    return false;
}

static Status again_done(void *context, const GenerateRequest *request, const GenerateResult *result, Error *e) {
    Again *s = context;
    (void)e;
    int i = (int)((int *)request->user - s->tries);
    keep(&s->reply[i][s->tries[i]++], result);
    s->running[i] = false;
    s->now--;
    return OK;
}

START_TEST(generate_again) {
    static Again s[2];
    for (int k = 0; k < 2; k++) {
        GenerateConfig config = config_of(k ? 9 : 1);
        GenerateSource source = {again_next, again_done, &s[k]};
        ck_ok(generate_run(&base.llama, role->adapter, base.tokenizer, &config, &source, &arena, &error), error);
        ck_assert_int_eq(s[k].most, k ? 4 : 1);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(s[0].tries[i], 3);
        same(s[1].reply[i], s[0].reply[i], 3);
        // Every draw is one of its own.
        ck_assert_int_ne(memcmp(s[0].reply[i][0].ids, s[0].reply[i][1].ids, (size_t)s[0].reply[i][0].count * sizeof(int32_t)), 0);
    }
}
END_TEST

START_TEST(generate_source_fails) {
    GenerateConfig config = config_of(5);
    Reply *reply = arena_zeros(&arena, REQUESTS, sizeof *reply);
    Source s = {.reply = reply, .n = REQUESTS, .fail = ERR_STOPPED};
    GenerateSource source = {next, done, &s};
    size_t used = arena.used;
    ck_assert_int_eq(generate_run(&base.llama, role->adapter, base.tokenizer, &config, &source, &arena, &error), ERR_STOPPED);
    ck_assert_str_eq(error.text, "the source failed");
    ck_assert_int_eq(s.done, 3);
    ck_assert_uint_eq(arena.used, used);
    // Nothing to do is no failure.
    s = (Source){.n = 0};
    ck_ok(generate_run(&base.llama, role->adapter, base.tokenizer, &config, &source, &arena, &error), error);
}
END_TEST

START_TEST(generate_names_prompt) {
    role->params.value[40] = NAN;
    GenerateConfig config = config_of(1);
    Source s = {.reply = arena_zeros(&arena, REQUESTS, sizeof(Reply)), .n = REQUESTS, .backwards = true};
    GenerateSource source = {next, done, &s};
    ck_assert_int_eq(generate_run(&base.llama, role->adapter, base.tokenizer, &config, &source, &arena, &error), ERR_NUMERIC);
    ck_assert_msg(strncmp(error.text, "prompt 15: ", 11) == 0, "%s", error.text);
    ck_assert_int_eq(s.done, 0);
}
END_TEST

// Ids that the tokenizer has no text for are never drawn, whatever the sampler.
START_TEST(generate_ids_without_text) {
    base = tiny_base_wide(&arena, 1, false, 900);
    for (int zero = 0; zero < 2; zero++) {
        GenerateConfig config = config_of(5);
        config.sampler.temperature = zero ? 0 : 1;
        config.sampler.banned = (int32_t[]){9};
        config.sampler.n_banned = 1;
        const Reply *reply = run(&config, false);
        for (int i = 0; i < REQUESTS; i++)
            for (int t = 0; t < reply[i].count; t++) ck_assert(reply[i].ids[t] < TINY_V && reply[i].ids[t] != 9);
    }
}
END_TEST

START_TEST(generate_refuses_long_request) {
    GenerateConfig config = config_of(2);
    config.capacity = 30;
    run(&config, false);
}
END_TEST

Suite *suite_generate(void) {
    Suite *suite = suite_create("generate");
    TCase *tc = tcase_create("generate");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, generate_slots);
    tcase_add_test(tc, generate_draws);
    tcase_add_test(tc, generate_threads);
    tcase_add_test(tc, generate_logprob_is_scoring);
    tcase_add_test(tc, generate_scoring_batches);
    tcase_add_test(tc, generate_ends);
    tcase_add_test(tc, generate_again);
    tcase_add_test(tc, generate_source_fails);
    tcase_add_test(tc, generate_names_prompt);
    tcase_add_test(tc, generate_ids_without_text);
    tcase_add_test_raise_signal(tc, generate_refuses_long_request, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
