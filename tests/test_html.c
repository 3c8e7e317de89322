// Escaping: nothing that a file says is markup, control or broken UTF-8 any more.
#include <math.h>

#include "tests/support.h"
#include "tools/html.h"

static Arena arena;
static void set_up(void) { arena = arena_make("test", 0); }
static void tear_down(void) { arena_free(&arena); }

static const char *escaped(Text text) {
    Str s = str_make(&arena);
    str_append(&s, TEXT(""));
    html_text(&s, text);
    return s.data;
}

START_TEST(texts) {
    ck_assert_str_eq(escaped(TEXT("")), "");
    ck_assert_str_eq(escaped(TEXT("a\tb\nc \xc3\xa9 \xf0\x9f\x90\xa6")), "a\tb\nc \xc3\xa9 \xf0\x9f\x90\xa6");
    ck_assert_str_eq(escaped(TEXT("<script>\"'&")), "&lt;script&gt;&quot;&#39;&amp;");
    ck_assert_str_eq(escaped(TEXT("\0\x1b[31m\r\x7f")), "&lt;U+0000&gt;&lt;U+001B&gt;[31m&lt;U+000D&gt;&lt;U+007F&gt;");
    // C1 controls, marks of direction, noncharacters.
    ck_assert_str_eq(escaped(TEXT("\xc2\x80\xe2\x80\xae\xe2\x81\xa6\xef\xbf\xbf\xef\xb7\x90\xf4\x8f\xbf\xbe")),
                     "&lt;U+0080&gt;&lt;U+202E&gt;&lt;U+2066&gt;&lt;U+FFFF&gt;&lt;U+FDD0&gt;&lt;U+10FFFE&gt;");
    // Bytes that are no text: overlong, lone, cut, surrogate.
    ck_assert_str_eq(escaped(TEXT("\xc0\xbc|\x80|\xe2\x82")), "\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd");
}
END_TEST

START_TEST(every_byte_pair_is_safe) {
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            char bytes[2] = {(char)a, (char)b};
            ArenaMark mark = arena_mark(&arena);
            Str s = str_make(&arena);
            html_text(&s, (Text){bytes, 2});
            ck_assert(utf8_valid(str_text(&s), NULL));
            for (size_t i = 0; i < s.size; i++) {
                unsigned char c = (unsigned char)s.data[i];
                ck_assert_msg(c != '<' && c != '>' && c != '"' && c != '\'' && c != 0x7f && (c >= 0x20 || c == '\n' || c == '\t'),
                              "%d %d: %s", a, b, s.data);
            }
            arena_release(&arena, mark);
        }
}
END_TEST

START_TEST(numbers) {
    static const struct {
        double value;
        int decimals;
        const char *text;
    } CASES[] = {{0, 2, "0.00"},
                 {-0.001, 2, "0.00"},
                 {-0.005001, 2,
                  "\xe2\x88\x92"
                  "0.01"},
                 {12.34, 1, "12.3"},
                 {-7, 0,
                  "\xe2\x88\x92"
                  "7"},
                 {NAN, 2, "?"},
                 {INFINITY, 2, "?"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Str s = str_make(&arena);
        html_number(&s, CASES[i].value, CASES[i].decimals);
        ck_assert_str_eq(s.data, CASES[i].text);
    }
}
END_TEST

Suite *suite_html(void);
Suite *suite_html(void) {
    Suite *suite = suite_create("html");
    TCase *tc = tcase_create("html");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, texts);
    tcase_add_test(tc, every_byte_pair_is_safe);
    tcase_add_test(tc, numbers);
    suite_add_tcase(suite, tc);
    return suite;
}
