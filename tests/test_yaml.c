// Flat YAML: what is accepted, what is refused and where. The accepted texts mean the same in PyYAML (tests/golden/flat.yaml).
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/yaml.h"
#include "tests/support.h"

static Arena arena;
static Error error;

static void set_up(void) { arena = arena_make("test", 0); }
static void tear_down(void) { arena_free(&arena); }

static Yaml parse(const char *text) {
    Yaml yaml;
    ck_ok(yaml_parse(&yaml, &arena, text_of(text), "t", &error), error);
    return yaml;
}

// Expects one text under `key`.
static void expect(const char *source, const char *key, const char *value) {
    Yaml yaml = parse(source);
    const YamlEntry *e = yaml_get(&yaml, key);
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(e->count, 1);
    ck_assert_msg(text_equal(e->item[0], text_of(value)), "%s: '%s'", source, e->item[0].data);
}

// Expects a refusal at a line whose sentence holds `part`.
static void refuse(const char *source, int line, const char *part) {
    Yaml yaml;
    char begin[16];
    ck_assert_msg(yaml_parse(&yaml, &arena, text_of(source), "t", &error) == ERR_FORMAT, "accepted: %s", source);
    snprintf(begin, sizeof begin, "t:%d: ", line);
    ck_assert_msg(strncmp(error.text, begin, strlen(begin)) == 0 && strstr(error.text, part) != NULL, "%s\n%s", source, error.text);
}

START_TEST(test_texts) {
    expect("a: b", "a", "b");
    expect("a: b c  # d", "a", "b c");
    expect("a: b#c", "a", "b#c");
    expect("a: http://x:8/y", "a", "http://x:8/y");
    expect("# first\n\na.b-c: -5\r\nd: 1e-5\r\n", "a.b-c", "-5");
    expect("---\nd: yes\n", "d", "yes");
    expect("\xef\xbb\xbf" "d: no", "d", "no");
    expect("a: \"x\\n\\\"y\\\" # z\\u00e9\\x41\\\\\" # end", "a", "x\n\"y\" # z\xc3\xa9" "A\\");
    expect("a: 'it''s \\n'", "a", "it's \\n");
    expect("a: \"\"", "a", "");
    expect("a: it's", "a", "it's");
    expect("a: \xe2\x82\xac 5", "a", "\xe2\x82\xac 5");
}
END_TEST

START_TEST(test_lists) {
    Yaml yaml = parse("a: [x, \"y, z\", 'w', -1]  # c\nb:\n  - one # c\n\n  # c\n  - \"two\"\nc:\n- 3\nd: []\n");
    ck_assert_int_eq(yaml.count, 4);
    const YamlEntry *a = yaml_get(&yaml, "a"), *b = yaml_get(&yaml, "b"), *c = yaml_get(&yaml, "c"), *d = yaml_get(&yaml, "d");
    ck_assert(a->is_list && a->count == 4 && text_equal(a->item[1], TEXT("y, z")) && text_equal(a->item[3], TEXT("-1")));
    ck_assert(b->is_list && b->count == 2 && text_equal(b->item[0], TEXT("one")) && text_equal(b->item[1], TEXT("two")));
    ck_assert(c->is_list && c->count == 1 && c->line == 7);
    ck_assert(d->is_list && d->count == 0);
    ck_assert_ptr_null(yaml_get(&yaml, "e"));
}
END_TEST

START_TEST(test_refusals) {
    refuse("a: b\na: c", 2, "was given before, on line 1");
    refuse("a:\nb: c", 1, "has no value");
    refuse("a:\n  b: c", 1, "write 'a.name: value'");
    refuse("a:", 1, "has no value");
    refuse("a: b\n  c: d", 2, "indentation");
    refuse("a: b: c", 1, "must be quoted");
    refuse("a: b:", 1, "must be quoted");
    refuse("a: [b, c", 1, "list");
    refuse("a: [b c]]", 1, "end of the line");
    refuse("a: [b, {c: d}]", 1, "must be quoted");
    refuse("a: [[b]]", 1, "must be quoted");
    refuse("a: {b: c}", 1, "must be quoted");
    refuse("a: |\n  b", 1, "must be quoted");
    refuse("a: &b c", 1, "must be quoted");
    refuse("a: !!int 3", 1, "must be quoted");
    refuse("a: *b", 1, "must be quoted");
    refuse("a: - b", 1, "must be quoted");
    refuse("a: @b", 1, "must be quoted");
    refuse("a: \"b", 1, "not closed");
    refuse("a: 'b", 1, "not closed");
    refuse("a: \"b\" c", 1, "end of the line");
    refuse("a: \"\\q\"", 1, "escape");
    refuse("a: \"\\ud800\"", 1, "not a character");
    refuse("a: b\tc", 1, "tab");
    refuse("a:\n  - b\n    - c", 3, "indented alike");
    refuse("a:\n  -\n", 2, "empty");
    refuse("a:\n  - b: c", 2, "must be quoted");
    refuse("just words", 1, "expected 'key: value'");
    refuse("a:b", 1, "expected 'key: value'");
    refuse("a: b\n---\nc: d", 2, "expected 'key: value'");
    refuse("a: b\n\xff: c", 2, "UTF-8");
    refuse("a: b\nc: \"\xe2\x80\xa8\"", 2, "U+2028");
    refuse("a: b\rc: d", 1, "U+000D");
    refuse("a: \x01", 1, "U+0001");
}
END_TEST

// What is written reads back as the same text.
START_TEST(test_written_text) {
    static const char *const texts[] = {"a", "", " ", "-", "-5", "- a", "a: b", "#", "1e-5",
                                        "a\nb\t\"c\"\\", "\xc2\x85\xe2\x80\xa8", "[x]", "'", "caf\xc3\xa9", "a+b", "~"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Str s = str_make(&arena);
        str_append(&s, TEXT("k: "));
        yaml_write_text(&s, text_of(texts[i]));
        expect(s.data, "k", texts[i]);
    }
}
END_TEST

// The golden file was read by PyYAML; its values are in flat.txt, one "key<TAB>value" a line, newlines as \n.
START_TEST(test_golden) {
    Yaml yaml;
    Text wanted;
    ck_ok(yaml_read(&yaml, &arena, "tests/golden/flat.yaml", &error), error);
    ck_ok(file_read(&wanted, &arena, "tests/golden/flat.txt", 1 << 20, &error), error);
    Str s = str_make(&arena);
    for (int k = 0; k < yaml.count; k++) {
        const YamlEntry *e = &yaml.entry[k];
        str_printf(&s, "%s", e->key.data);
        for (int i = 0; i < e->count; i++) {
            str_append_char(&s, '\t');
            for (size_t j = 0; j < e->item[i].size; j++) {
                if (e->item[i].data[j] == '\n') str_append(&s, TEXT("\\n"));
                else str_append_char(&s, e->item[i].data[j]);
            }
        }
        str_append_char(&s, '\n');
    }
    ck_assert_str_eq(s.data, wanted.data);
}
END_TEST

// A key more than the cap is refused; the cap itself is read.
START_TEST(test_many_keys) {
    Yaml yaml;
    Str s = str_make(&arena);
    for (int i = 0; i < 4096; i++) str_printf(&s, "k%d: v\n", i);
    ck_ok(yaml_parse(&yaml, &arena, str_text(&s), "t", &error), error);
    ck_assert_int_eq(yaml.count, 4096);
    str_append(&s, TEXT("more: v\n"));
    ck_assert_int_eq(yaml_parse(&yaml, &arena, str_text(&s), "t", &error), ERR_FORMAT);
}
END_TEST

Suite *suite_yaml(void);
Suite *suite_yaml(void) {
    Suite *s = suite_create("yaml");
    TCase *c = tcase_create("yaml");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_texts);
    tcase_add_test(c, test_lists);
    tcase_add_test(c, test_refusals);
    tcase_add_test(c, test_written_text);
    tcase_add_test(c, test_golden);
    tcase_add_test(c, test_many_keys);
    suite_add_tcase(s, c);
    return s;
}
