// Text to ids and back: against the ids of the field's library, against the plain definition of BPE, round trips.
#include <stdio.h>
#include <string.h>

#include "llama/bpe.h"
#include "llama/tokenizer_bpe.h"
#include "tensor/base/json.h"
#include "tensor/base/rng.h"
#include "tests/support.h"

static Arena arena, step;
static Error error;
static void setup(void) {
    arena = arena_make("test", 0);
    step = arena_make("step", 0);
}
static void teardown(void) {
    arena_free(&step);
    arena_free(&arena);
}

static const char *const SMALL[] = {"gpt2", "smollm", "llama3", "qwen2"};

static Tokenizer *small(int which) {
    char path[64];
    Tokenizer *tokenizer;
    snprintf(path, sizeof path, "tests/golden/tokenizer_%s.json", SMALL[which]);
    ck_ok(tokenizer_open(&tokenizer, &arena, path, &error), error);
    return tokenizer;
}

static const Json *golden(const char *key) {
    Text text;
    const Json *root;
    const char *path = "tests/golden/tokenizer_golden.json";
    ck_ok(file_read(&text, &arena, path, 1 << 20, &error), error);
    ck_ok(json_parse(&root, &arena, text, path, &error), error);
    const Json *list = json_get(root, key);
    ck_assert_ptr_nonnull(list);
    ck_assert_uint_eq(list->count, json_get(root, "texts")->count);
    ck_assert_uint_gt(list->count, 250);
    return list;
}

// Every golden text gives the golden ids; null stands for a text that must be refused.
static void compare_golden(const Tokenizer *tokenizer, const char *key) {
    const Json *expected = golden(key)->child;
    for (const Json *text = golden("texts")->child; text; text = text->next, expected = expected->next) {
        int32_t *ids;
        int count;
        Status status = tokenizer_encode(tokenizer, &step, text->string, &ids, &count, &error);
        if (expected->type == JSON_NULL) {
            ck_assert_int_eq(status, ERR_DATA);
            ck_assert_ptr_nonnull(strstr(error.text, "no token for byte"));
            continue;
        }
        ck_ok(status, error);
        ck_assert_msg((size_t)count == expected->count, "'%s': %d ids, expected %zu", text->string.data, count, expected->count);
        const Json *id = expected->child;
        for (int i = 0; i < count; i++, id = id->next)
            ck_assert_msg(ids[i] == id->integer, "'%s': id %d is %d, expected %lld", text->string.data, i, ids[i], (long long)id->integer);
    }
}

START_TEST(golden_small) { compare_golden(small(_i), SMALL[_i]); }
END_TEST

START_TEST(golden_real) {
    const char *path = shared_file("models/smollm2-135m-instruct.Q4_1.gguf");
    if (path == NULL) return;
    Tokenizer *tokenizer;
    ck_ok(tokenizer_open(&tokenizer, &arena, path, &error), error);
    compare_golden(tokenizer, "smollm2");
    ck_assert_int_eq(tokenizer_vocabulary(tokenizer), 49152);
    ck_assert_int_eq(tokenizer_bos(tokenizer), 1);
    ck_assert_int_eq(tokenizer_eos(tokenizer), 2);
    ck_assert_int_eq(tokenizer_id(tokenizer, TEXT("<|im_end|>")), 2);
    ck_assert(tokenizer_is_special(tokenizer, 16));
    ck_assert(!tokenizer_is_special(tokenizer, 17));
}
END_TEST

static Text decode(const Tokenizer *tokenizer, const int32_t *ids, int count, bool skip) {
    Str out = str_make(&step);
    tokenizer_decode(tokenizer, ids, count, skip, &out);
    return str_text(&out);
}

// 34,000 random texts for each of three rules come back byte for byte; gpt2 has tokens that take white space. The small
// vocabularies hold all 256 bytes.
START_TEST(round_trip) {
    static const uint32_t TOP[] = {0x80, 0x80, 0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000};
    Tokenizer *tokenizer = small(1 + _i % 3);
    RngKey key = rng_key(5, "test.tokenizer");
    for (uint32_t turn = 0; turn < 34000; turn++) {
        char data[4 * 32];
        size_t size = 0;
        uint32_t length = rng_bits(key, (RngDraw){.step = turn, .prompt = 9, .side = (uint32_t)_i}) % 33;
        for (uint32_t i = 0; i < length; i++) {
            RngDraw draw = {.step = turn, .position = i, .side = (uint32_t)_i};
            uint32_t top = TOP[rng_bits(key, draw) % 8];
            draw.prompt = 1;
            uint32_t code = rng_bits(key, draw) % top;
            size += (size_t)utf8_encode(code >= 0xd800 && code < 0xe000 ? 'x' : code, data + size);
        }
        int32_t *ids;
        int count;
        ck_ok(tokenizer_encode(tokenizer, &step, (Text){data, size}, &ids, &count, &error), error);
        ck_assert_int_le(count, (int)size);
        ck_assert(text_equal(decode(tokenizer, ids, count, false), (Text){data, size}));
        arena_reset(&step);
    }
}
END_TEST

// The definition, without list or heap: join the leftmost pair of lowest rank until there is none.
static int plain_bpe(const Vocabulary *v, Text piece, int32_t *ids) {
    int n = (int)piece.size;
    for (int i = 0; i < n; i++) ids[i] = v->of_byte[(unsigned char)piece.data[i]];
    for (;;) {
        int best = -1;
        uint32_t lowest = NO_RANK;
        for (int i = 0; i + 1 < n; i++) {
            uint32_t rank = vocabulary_rank(v, ids[i], ids[i + 1]);
            if (rank < lowest) lowest = rank, best = i;
        }
        if (best < 0) return n;
        ids[best] = v->joined[lowest];
        n--;
        for (int i = best + 1; i < n; i++) ids[i] = ids[i + 1];
    }
}

START_TEST(merges_follow_the_definition) {
    const Vocabulary *v = &small(_i)->vocabulary;
    RngKey key = rng_key(6, "test.bpe");
    int joined = 0;
    for (uint32_t turn = 0; turn < 4000; turn++) {
        char data[200];
        int32_t ids[200], expected[200];
        // Pieces of tokens give many merges; the lengths pass the border between stack and arena.
        size_t size = 0, length = rng_bits(key, (RngDraw){.step = turn}) % 150;
        for (uint32_t i = 0; size < length; i++) {
            Text token = v->token[rng_bits(key, (RngDraw){.step = turn, .position = i, .prompt = 1}) % v->count].bytes;
            size_t cut = token.size < length - size ? token.size : length - size;
            memcpy(data + size, token.data, cut);
            size += cut;
        }
        int count = bpe_encode(v, &step, (Text){data, size}, ids);
        ck_assert_int_eq(count, plain_bpe(v, (Text){data, size}, expected));
        ck_assert_mem_eq(ids, expected, (size_t)count * sizeof *ids);
        joined += (int)size - count;
    }
    ck_assert_int_gt(joined, 50000);
    ck_assert_uint_eq(step.used, 0);
}
END_TEST

// One megabyte without a space is one piece; only an O(n log n) merge ends before Check's time limit.
START_TEST(long_piece) {
    static const char *const UNIT[] = {"a", "the", "ab", "\xf0\x9f\x98\x80"};
    enum { BYTES = 1000000 };
    Tokenizer *tokenizer = small(1);
    char *data = arena_alloc(&arena, BYTES);
    size_t unit = strlen(UNIT[_i]), size = BYTES / unit * unit;
    for (size_t i = 0; i < size; i++) data[i] = UNIT[_i][i % unit];
    int32_t *ids;
    int count;
    ck_ok(tokenizer_encode(tokenizer, &step, (Text){data, size}, &ids, &count, &error), error);
    ck_assert(text_equal(decode(tokenizer, ids, count, false), (Text){data, size}));
}
END_TEST

START_TEST(invalid_utf8_is_refused) {
    static const struct {
        Text text;
        const char *offset;
    } CASES[] = {{{"abc\xff", 4}, "byte 3:"},       {{"\x80", 1}, "byte 0:"},         {{"a\xc3", 2}, "byte 1:"},
                 {{"ab\xed\xa0\x80", 5}, "byte 2:"}, {{"\xc0\xaf", 2}, "byte 0:"}, {{"<|im_end|>\xf5z", 12}, "byte 10:"}};
    Tokenizer *tokenizer = small(0);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int32_t *ids;
        int count;
        ck_assert_int_eq(tokenizer_encode(tokenizer, &step, CASES[i].text, &ids, &count, &error), ERR_DATA);
        ck_assert_ptr_nonnull(strstr(error.text, CASES[i].offset));
        ck_assert_ptr_nonnull(strstr(error.text, "UTF-8"));
    }
}
END_TEST

START_TEST(empty_text) {
    int32_t *ids;
    int count = 7;
    ck_ok(tokenizer_encode(small(0), &step, (Text){0}, &ids, &count, &error), error);
    ck_assert_int_eq(count, 0);
    ck_assert_ptr_nonnull(ids);
}
END_TEST

static void expect_ids(const Tokenizer *tokenizer, const char *text, const int32_t *expected, int n) {
    int32_t *ids;
    int count;
    ck_ok(tokenizer_encode(tokenizer, &step, text_of(text), &ids, &count, &error), error);
    ck_assert_msg(count == n, "'%s': %d ids, expected %d", text, count, n);
    ck_assert_mem_eq(ids, expected, (size_t)n * sizeof *ids);
}

START_TEST(added_tokens) {
    Tokenizer *t = small(0);
    int32_t end = tokenizer_id(t, TEXT("<|im_end|>")), mask = tokenizer_id(t, TEXT("<mask>")), pad = tokenizer_id(t, TEXT("<pad>"));
    int32_t foo = tokenizer_id(t, TEXT("foo")), foo_bar = tokenizer_id(t, TEXT("foo bar")), bar_b = tokenizer_id(t, TEXT("bar b"));
    int32_t a = tokenizer_id(t, TEXT("a")), space = tokenizer_id(t, TEXT("\u0120"));
    ck_assert_int_eq(end, 2);
    ck_assert_int_eq(tokenizer_vocabulary(t), 605);
    // Special tokens stand anywhere in the raw text.
    expect_ids(t, "a<|im_end|>a", (int32_t[]){a, end, a}, 3);
    expect_ids(t, "<|im_end|><|im_end|>", (int32_t[]){end, end}, 2);
    // The longest at the leftmost place; those marked normalized only between the others.
    expect_ids(t, "foo bar", (int32_t[]){foo_bar}, 1);
    expect_ids(t, "foofoo", (int32_t[]){foo, foo}, 2);
    expect_ids(t, "foo bar b", (int32_t[]){foo, space, bar_b}, 3);
    // White space to the left or to the right belongs to the token.
    expect_ids(t, "a \u3000<mask>a", (int32_t[]){a, mask, a}, 3);
    expect_ids(t, "a<pad> \n\u00a0a", (int32_t[]){a, pad, a}, 3);
    // Text given back: with and without what is special.
    int32_t ids[] = {a, end, foo, mask};
    ck_assert(text_equal(decode(t, ids, 4, false), TEXT("a<|im_end|>foo<mask>")));
    ck_assert(text_equal(decode(t, ids, 4, true), TEXT("afoo")));
    ck_assert(tokenizer_is_special(t, mask));
    ck_assert(!tokenizer_is_special(t, foo));
    ck_assert(text_equal(tokenizer_bytes(t, end), TEXT("<|im_end|>")));
    ck_assert(text_equal(tokenizer_bytes(t, space), TEXT(" ")));
    ck_assert_int_eq(tokenizer_id(t, TEXT("no such token")), -1);
}
END_TEST

// BOS and EOS come from tokenizer_config.json, then from config.json beside tokenizer.json.
START_TEST(folder) {
    const char *dir = temporary_make(&arena);
    Text json;
    ck_ok(file_read(&json, &arena, "tests/golden/tokenizer_smollm.json", 1 << 20, &error), error);
    ck_ok(file_write(path_join(&arena, dir, "tokenizer.json"), json.data, json.size, &error), error);
    Tokenizer *t;
    ck_ok(tokenizer_open(&t, &arena, dir, &error), error);
    ck_assert_int_eq(tokenizer_bos(t), -1);
    ck_assert_int_eq(tokenizer_eos(t), -1);
    Text config = TEXT("{\"bos_token_id\":0,\"eos_token_id\":[2,1]}");
    ck_ok(file_write(path_join(&arena, dir, "config.json"), config.data, config.size, &error), error);
    ck_ok(tokenizer_open(&t, &arena, dir, &error), error);
    ck_assert_int_eq(tokenizer_bos(t), 0);
    ck_assert_int_eq(tokenizer_eos(t), 2);
    Text named = TEXT("{\"bos_token\":null,\"eos_token\":{\"content\":\"<|im_start|>\"}}");
    ck_ok(file_write(path_join(&arena, dir, "tokenizer_config.json"), named.data, named.size, &error), error);
    ck_ok(tokenizer_open(&t, &arena, dir, &error), error);
    ck_assert_int_eq(tokenizer_bos(t), 0);
    ck_assert_int_eq(tokenizer_eos(t), 1);
    named = TEXT("{\"eos_token\":\"<|nowhere|>\"}");
    ck_ok(file_write(path_join(&arena, dir, "tokenizer_config.json"), named.data, named.size, &error), error);
    ck_assert_int_eq(tokenizer_open(&t, &arena, dir, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "<|nowhere|>"));
    temporary_remove(dir);
}
END_TEST

Suite *suite_tokenizer(void) {
    Suite *suite = suite_create("tokenizer");
    TCase *tcase = tcase_create("tokenizer");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, golden_small, 0, 4);
    tcase_add_test(tcase, golden_real);
    tcase_add_loop_test(tcase, round_trip, 0, 3);
    tcase_add_loop_test(tcase, merges_follow_the_definition, 0, 4);
    tcase_add_loop_test(tcase, long_piece, 0, 4);
    tcase_add_test(tcase, invalid_utf8_is_refused);
    tcase_add_test(tcase, empty_text);
    tcase_add_test(tcase, added_tokens);
    tcase_add_test(tcase, folder);
    suite_add_tcase(suite, tcase);
    return suite;
}
