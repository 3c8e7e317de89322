// Training of byte pair encoding: merges by hand, ties, runs of equal letters, any order of the texts, the file that is written.
#include "tools/bpe_train.h"

#include <signal.h>
#include <string.h>

#include "llama/tokenizer_bpe.h"
#include "tensor/base/json.h"
#include "tensor/base/rng.h"
#include "tensor/base/sha256.h"
#include "tests/support.h"

Suite *suite_bpe_train(void);

static Arena arena;
static Error error;
static const Text END = {"<eos>", 5};

static void setup(void) { arena = arena_make("test_bpe_train", 0); }
static void teardown(void) { arena_free(&arena); }

static Pretoken rule_of(const char *name) {
    Pretoken rule;
    ck_assert(pretoken_by_name(text_of(name), &rule));
    return rule;
}

// tokenizer.json of texts.
static Text trained(const char *rule_name, const char *const *texts, int n, int tokens, int expected) {
    Pretoken rule = rule_of(rule_name);
    BpeTrainer *t = bpe_train_make(&arena, &rule);
    for (int i = 0; i < n; i++) bpe_train_add(t, text_of(texts[i]));
    ck_assert_int_eq(bpe_train_merge(t, tokens), expected);
    Str json = str_make(&arena);
    bpe_train_write(&json, t, &END, 1);
    return str_text(&json);
}

// The merges of a tokenizer.json, one a line.
static const char *merges_of(Text json) {
    const Json *root, *merges;
    ck_ok(json_parse(&root, &arena, json, "test", &error), error);
    merges = json_get(json_get(root, "model"), "merges");
    Str s = str_make(&arena);
    str_append(&s, TEXT(""));
    for (const Json *m = merges->child; m; m = m->next) {
        str_append(&s, m->string);
        str_append_char(&s, '\n');
    }
    return s.data;
}

// low 5, lower 2, newest 6, widest 3 (Sennrich, Haddow, Birch, 2016, section 3.2, without the end-of-word mark). Each word stands
// behind a space, which is part of its piece and written as a letter with a high id.
START_TEST(train_by_hand) {
    const char *text[] = {" low low low low low lower lower newest newest newest newest newest newest widest widest widest"};
    // At first (e,s) 9, (s,t) 9, (w,e) 8, (l,o) 7, (o,w) 7, (space,l) 7, ...: "e s" goes before "s t" by its left id. Then (es,t) 9.
    // Then 7 each: l < o < space. A joined token has a higher id than any byte, so (space,lo) goes before (lo,w).
    ck_assert_str_eq(merges_of(trained("gpt-2", text, 1, 261, 261)), "e s\nes t\nl o\n\xc4\xa0 lo\n\xc4\xa0lo w\n");
    // newest is left as n e w est, 6 each: e < n < w < space; then n < est's; then space.
    ck_assert_str_eq(merges_of(trained("gpt-2", text, 1, 264, 264)),
                     "e s\nes t\nl o\n\xc4\xa0 lo\n\xc4\xa0lo w\ne w\nn ew\n\xc4\xa0 new\n");
}
END_TEST

// A run is joined from the left: aaaaa is aa aa a. (aa,a) and (aa,aa) both occur twice: the smaller right id goes first.
START_TEST(train_runs) {
    const char *text[] = {"aaaaa aaaaa"};
    ck_assert_str_eq(merges_of(trained("gpt-2", text, 1, 258, 258)), "a a\naa a\n");
    ck_assert_str_eq(merges_of(trained("gpt-2", text, 1, 259, 259)), "a a\naa a\naa aaa\n");
    // The end: both pieces are one token each.
    ck_assert_str_eq(merges_of(trained("gpt-2", text, 1, 400, 260)), "a a\naa a\naa aaa\n\xc4\xa0 aaaaa\n");
}
END_TEST

// Dashes in runs of many lengths: the file is read back, and encoding finds the joins that training made.
START_TEST(train_many_runs) {
    Str text = str_make(&arena);
    for (int length = 1; length < 40; length++) {
        for (int i = 0; i < length; i++) str_append_char(&text, '-');
        str_append_char(&text, '\n');
    }
    const char *texts[] = {text.data};
    Text json = trained("gpt-2", texts, 1, 4000, 294);
    Tokenizer *t;
    ck_ok(tokenizer_from_json_text(&t, &arena, json, "trained", &error), error);
    ck_assert_int_eq(tokenizer_vocabulary(t), 295);
    // Every length up to 39 is one token.
    for (int length = 1; length < 40; length++) {
        int32_t *ids;
        int count;
        ck_ok(tokenizer_encode(t, &arena, (Text){"----------------------------------------", (size_t)length}, &ids, &count, &error), error);
        ck_assert_msg(count == 1, "%d dashes: %d tokens", length, count);
    }
}
END_TEST

// The order of the texts and how they are divided does not show.
START_TEST(train_any_order) {
    const char *texts[] = {"the cat sat on the mat", "a dog; the log: 12 frogs", "\xc3\xa4\xc3\xb6\xc3\xbc na\xc3\xafve", "the end"};
    const char *turned[] = {texts[3], texts[1], texts[0], texts[2]};
    Text a = trained("llama-bpe", texts, 4, 290, 290), b = trained("llama-bpe", turned, 4, 290, 290);
    ck_assert(text_equal(a, b));
}
END_TEST

// Texts of random words and of any characters: what is trained reads back, keeps every byte, and needs fewer tokens.
START_TEST(train_round_trip) {
    static const char *const RULES[] = {"gpt-2", "smollm", "llama-bpe", "qwen2"};
    static const uint32_t CODES[] = {'a', 'b', 'e', 'n', 's', 't', ' ', ' ', ' ', '\n', '1', '2', '.', '\'', 0xe9, 0x4e2d, 0x1f600, 0x3b1};
    RngKey key = rng_key(3, "test.bpe_train");
    for (int r = 0; r < 4; r++) {
        Str text = str_make(&arena);
        for (uint32_t i = 0; i < 4000; i++) {
            char bytes[4];
            uint32_t code = CODES[rng_bits(key, (RngDraw){.step = (uint32_t)r, .position = i}) % (sizeof CODES / sizeof *CODES)];
            str_append(&text, (Text){bytes, (size_t)utf8_encode(code, bytes)});
        }
        const char *texts[] = {text.data};
        Text json = trained(RULES[r], texts, 1, 500, 500);
        Tokenizer *t;
        int32_t *ids;
        int count;
        ck_ok(tokenizer_from_json_text(&t, &arena, json, "trained", &error), error);
        ck_assert_int_eq(tokenizer_vocabulary(t), 501);
        ck_assert_int_eq(tokenizer_id(t, END), 0);
        ck_ok(tokenizer_encode(t, &arena, str_text(&text), &ids, &count, &error), error);
        ck_assert_int_lt(count, (int)text.size / 2);
        Str back = str_make(&arena);
        tokenizer_decode(t, ids, count, false, &back);
        ck_assert(text_equal(str_text(&back), str_text(&text)));
        // Bytes that were never seen have their tokens too.
        ck_ok(tokenizer_encode(t, &arena, TEXT("\x01\x7f Q \xf0\x9f\xa6\x80"), &ids, &count, &error), error);
    }
}
END_TEST

// The same file on every machine: its hash over the prompts of the tiny recipe's dialogues.
START_TEST(train_golden) {
    Text text;
    ck_ok(file_read(&text, &arena, "tests/golden/tiny_hh.jsonl", 1 << 24, &error), error);
    const char *texts[] = {text.data};
    Text json = trained("llama-bpe", texts, 1, 700, 700);
    Sha256 hash;
    uint8_t digest[32];
    char hex[65];
    sha256_begin(&hash);
    sha256_feed(&hash, json.data, json.size);
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
    ck_assert_str_eq(hex, "607cba120cf9a7bd2317fc52821d416ccfed19900b1dcb884e394a3639f68953");
}
END_TEST

START_TEST(train_refuses_few) {
    Pretoken rule = rule_of("gpt-2");
    bpe_train_merge(bpe_train_make(&arena, &rule), 255);
}
END_TEST

Suite *suite_bpe_train(void) {
    Suite *suite = suite_create("bpe_train");
    TCase *tc = tcase_create("bpe_train");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, train_by_hand);
    tcase_add_test(tc, train_runs);
    tcase_add_test(tc, train_many_runs);
    tcase_add_test(tc, train_any_order);
    tcase_add_test(tc, train_round_trip);
    tcase_add_test(tc, train_golden);
    tcase_add_test_raise_signal(tc, train_refuses_few, SIGABRT);
    suite_add_tcase(suite, tc);
    return suite;
}
