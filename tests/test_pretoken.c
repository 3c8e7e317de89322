// Pieces by hand for each rule, and what any rule promises: the pieces together are the text.
#include <string.h>

#include "llama/pretoken.h"
#include "llama/unicode.h"
#include "tensor/base/rng.h"
#include "tests/support.h"

static Arena arena;
static void setup(void) { arena = arena_make("test", 0); }
static void teardown(void) { arena_free(&arena); }

// The pieces of a text with | between them.
static const char *pieces(const char *rule, const char *text) {
    Pretoken pretoken;
    ck_assert(pretoken_by_name(text_of(rule), &pretoken));
    Str out = str_make(&arena);
    str_append(&out, TEXT(""));
    PretokenCursor cursor = pretoken_begin(&pretoken, text_of(text));
    for (Text piece; pretoken_next(&cursor, &piece);) {
        if (out.size) str_append_char(&out, '|');
        str_append(&out, piece);
    }
    return out.size ? out.data : "";
}

typedef struct {
    const char *text, *gpt2, *smollm, *llama3, *qwen2;
} PieceCase;

static const PieceCase CASES[] = {
    {"", "", "", "", ""},
    {"Hello world", "Hello| world", "Hello| world", "Hello| world", "Hello| world"},
    {"a  b", "a| | b", "a| | b", "a| | b", "a| | b"},
    {"a   ", "a|   ", "a|   ", "a|   ", "a|   "},
    // A digit of its own ends the text before it, so the white space there is not shared with it.
    {"a  1", "a| | 1", "a|  |1", "a| | |1", "a| | |1"},
    {"12345 6", "12345| 6", "1|2|3|4|5| |6", "123|45| |6", "1|2|3|4|5| |6"},
    {"x1y", "x|1|y", "x|1|y", "x|1|y", "x|1|y"},
    // Half, superscript two, Arabic digit, Roman numeral: all numbers.
    {"\u00bd\u00b2\u0663\u2167", "\u00bd\u00b2\u0663\u2167", "\u00bd|\u00b2|\u0663|\u2167", "\u00bd\u00b2\u0663|\u2167",
     "\u00bd|\u00b2|\u0663|\u2167"},
    {"it's I'LL we're", "it|'s| I|'|LL| we|'re", "it|'s| I|'|LL| we|'re", "it|'s| I|'LL| we|'re", "it|'s| I|'LL| we|'re"},
    {"'sam 'x 'l", "'s|am| '|x| '|l", "'s|am| '|x| '|l", "'s|am| '|x| '|l", "'s|am| '|x| '|l"},
    // The long s folds to s.
    {"x'\u017fy", "x|'|\u017fy", "x|'|\u017fy", "x|'\u017f|y", "x|'\u017f|y"},
    {"(word) \"q\"", "(|word|)| \"|q|\"", "(|word|)| \"|q|\"", "(word|)| \"|q|\"", "(word|)| \"|q|\""},
    {"\tx", "\t|x", "\t|x", "\tx", "\tx"},
    {"!!\n\nx", "!!|\n|\n|x", "!!|\n|\n|x", "!!\n\n|x", "!!\n\n|x"},
    {"a \n \n b", "a| \n \n| b", "a| \n \n| b", "a| \n \n| b", "a| \n \n| b"},
    {"a \n  b", "a| \n | b", "a| \n | b", "a| \n| | b", "a| \n| | b"},
    {"a\r\nb", "a|\r|\n|b", "a|\r|\n|b", "a|\r\n|b", "a|\r\n|b"},
    // A combining mark is neither letter nor number; no-break and ideographic space are white space.
    {"e\u0301x", "e|\u0301|x", "e|\u0301|x", "e|\u0301x", "e|\u0301x"},
    {"a\u00a0b\u3000\u3000c", "a|\u00a0|b|\u3000|\u3000|c", "a|\u00a0|b|\u3000|\u3000|c", "a|\u00a0b|\u3000|\u3000c",
     "a|\u00a0b|\u3000|\u3000c"},
    {"\u65e5\u672c\u3002\u8a9e", "\u65e5\u672c|\u3002|\u8a9e", "\u65e5\u672c|\u3002|\u8a9e", "\u65e5\u672c|\u3002\u8a9e",
     "\u65e5\u672c|\u3002\u8a9e"},
};

START_TEST(pieces_by_hand) {
    const PieceCase *c = &CASES[_i];
    ck_assert_str_eq(pieces("gpt-2", c->text), c->gpt2);
    ck_assert_str_eq(pieces("smollm", c->text), c->smollm);
    ck_assert_str_eq(pieces("llama-bpe", c->text), c->llama3);
    ck_assert_str_eq(pieces("qwen2", c->text), c->qwen2);
}
END_TEST

// The library's regular expressions and its Digits stage follow different versions of Unicode: U+11DE0 is a digit of the newer.
START_TEST(two_versions_of_unicode) {
    ck_assert_int_eq(unicode_class(0x11de0), UNICODE_NUMERIC);
    ck_assert_int_eq(unicode_class(0x10d40), UNICODE_NUMBER | UNICODE_NUMERIC);
    ck_assert_int_eq(unicode_class(0x1c89), UNICODE_LETTER);
    ck_assert_str_eq(pieces("gpt-2", "\U00011de0\U00011de0!"), "\U00011de0\U00011de0!");
    ck_assert_str_eq(pieces("smollm", "\U00011de0\U00011de0!"), "\U00011de0|\U00011de0|!");
}
END_TEST

START_TEST(classes_at_the_edges) {
    ck_assert_int_eq(unicode_class('a'), UNICODE_LETTER);
    ck_assert_int_eq(unicode_class('7'), UNICODE_NUMBER | UNICODE_NUMERIC);
    ck_assert_int_eq(unicode_class('\v'), UNICODE_SPACE);
    ck_assert_int_eq(unicode_class(0x1c), 0);
    ck_assert_int_eq(unicode_class(0x7f), 0);
    ck_assert_int_eq(unicode_class(0x84), 0);
    ck_assert_int_eq(unicode_class(0x85), UNICODE_SPACE);
    ck_assert_int_eq(unicode_class(0x86), 0);
    ck_assert_int_eq(unicode_class(0x200a), UNICODE_SPACE);
    ck_assert_int_eq(unicode_class(0x200b), 0);
    ck_assert_int_eq(unicode_class(0xac00), UNICODE_LETTER);
    ck_assert_int_eq(unicode_class(0xd7a3), UNICODE_LETTER);
    ck_assert_int_eq(unicode_class(0xd7a4), 0);
    ck_assert_int_eq(unicode_class(0x10ffff), 0);
    ck_assert_int_eq(unicode_class(UINT32_MAX), 0);
    // The number of letters is Unicode 16.0's, of numbers and numeric code points 16.0's and 17.0's.
    int letters = 0, numbers = 0, spaces = 0, numeric = 0;
    for (uint32_t c = 0; c < 0x110000; c++) {
        int classes = unicode_class(c);
        letters += (classes & UNICODE_LETTER) != 0;
        numbers += (classes & UNICODE_NUMBER) != 0;
        spaces += (classes & UNICODE_SPACE) != 0;
        numeric += (classes & UNICODE_NUMERIC) != 0;
    }
    ck_assert_int_eq(letters, 141028);
    ck_assert_int_eq(numbers, 1911);
    ck_assert_int_eq(spaces, 25);
    ck_assert_int_eq(numeric, 1924);
}
END_TEST

START_TEST(unknown_rules) {
    Pretoken rule;
    PretokenStage stage;
    ck_assert(!pretoken_by_name(TEXT("deepseek-llm"), &rule));
    ck_assert(!pretoken_by_name(TEXT(""), &rule));
    ck_assert(!pretoken_by_regex(TEXT("\\p{L}+"), &stage));
    ck_assert(pretoken_by_regex(TEXT("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"), &stage));
    ck_assert_int_eq(stage, PRETOKEN_GPT2);
}
END_TEST

// Runs of numeric characters: tokenizer.json's Digits without individual_digits.
START_TEST(digit_runs) {
    Text text = TEXT("ab12\u0663c");
    ck_assert_uint_eq(pretoken_scan(PRETOKEN_DIGIT_RUNS, text), 2);
    ck_assert_uint_eq(pretoken_scan(PRETOKEN_DIGIT_RUNS, (Text){text.data + 2, text.size - 2}), 4);
    ck_assert_uint_eq(pretoken_scan(PRETOKEN_DIGITS, (Text){text.data + 2, text.size - 2}), 1);
}
END_TEST

// Any text: pieces are not empty, follow each other and end on characters.
START_TEST(pieces_give_the_text) {
    static const uint32_t FROM[] = {0, 0x20, 0x80, 0x660, 0x2000, 0x4e00, 0xff10, 0x1f600, 0x10000, '\'', '\n', ' '};
    static const uint32_t MORE[] = {0x80, 0x60, 0x700, 0x20, 0x70, 0x100, 0x60, 0x80, 0xfffff, 1, 4, 1};
    static const char *const RULES[] = {"gpt-2", "smollm", "llama-bpe", "qwen2"};
    RngKey key = rng_key(3, "test.pretoken");
    Pretoken rule;
    ck_assert(pretoken_by_name(text_of(RULES[_i]), &rule));
    for (uint32_t turn = 0; turn < 5000; turn++) {
        char data[4 * 24];
        size_t size = 0;
        for (uint32_t i = 0; i < 24; i++) {
            uint32_t kind = rng_bits(key, (RngDraw){.step = turn, .position = i}) % 12;
            uint32_t code = FROM[kind] + rng_bits(key, (RngDraw){.step = turn, .position = i, .prompt = 1}) % MORE[kind];
            size += (size_t)utf8_encode(code, data + size);
        }
        size_t at = 0;
        PretokenCursor cursor = pretoken_begin(&rule, (Text){data, size});
        for (Text piece; pretoken_next(&cursor, &piece); at += piece.size) {
            ck_assert_uint_gt(piece.size, 0);
            ck_assert_ptr_eq(piece.data, data + at);
            ck_assert(utf8_valid(piece, NULL));
        }
        ck_assert_uint_eq(at, size);
    }
}
END_TEST

Suite *suite_pretoken(void) {
    Suite *suite = suite_create("pretoken");
    TCase *tcase = tcase_create("pretoken");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, pieces_by_hand, 0, sizeof CASES / sizeof *CASES);
    tcase_add_test(tcase, two_versions_of_unicode);
    tcase_add_test(tcase, classes_at_the_edges);
    tcase_add_test(tcase, unknown_rules);
    tcase_add_test(tcase, digit_runs);
    tcase_add_loop_test(tcase, pieces_give_the_text, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}
