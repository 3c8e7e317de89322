// JSON: what RFC 8259 allows and forbids, trees, typed members, writing, depth and size.
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/json.h"
#include "tensor/base/metrics.h"
#include "tests/support.h"

static Arena arena;
static void setup(void) { arena = arena_make("test", 0); }
static void teardown(void) { arena_free(&arena); }

static const char *const VALID[] = {
    "[]", "{}", "[[]]", "[{}]", "{\"a\":{}}", " [] ", "\t\n\r []", "[] \n", "null", "true", "false", "0", "-0", "42", "-1", "0.5",
    "\"\"", "\"a\"", "[null]", "[true]", "[false]", "[1]", "[1,2]", "[ 1 , 2 ]", "[1\n,2]", "[null,1,\"1\",{}]", "[[[[[[]]]]]]",
    "{\"a\":1}", "{\"a\":1,\"b\":2}", "{ \"a\" : 1 , \"b\" : [ ] }", "{\"\":0}", "{\"a\":null}", "{\"a\":{\"a\":{\"a\":1}}}",
    "{\"a\":1,\"A\":2}", "{\"\\u0000\":1,\"\":2}", "[1e5]", "[1E5]", "[1e+5]", "[1e-5]", "[1.5e5]", "[0e1]", "[0e+1]", "[0.0]",
    "[-0.0]", "[-0]", "[-1.5E-3]", "[123.456789]", "[1e-400]", "[-1e-400]",
    "[0.00000000000000000000000000000000000000000000000000000000000001]", "[123456789012345678901234567890]",
    "[1.7976931348623157e308]", "[9223372036854775808]", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\u0041\"]", "[\"\\u0000\"]",
    "[\"\\u00e9\\u00E9\"]", "[\"\\ud83d\\ude00\"]", "[\"\\uD800\\uDC00\"]", "[\"\\uDBFF\\uDFFF\"]", "[\"\\uFFFF\"]",
    "[\"\\u2028\\u2029\"]", "[\"\\\\u0041\"]", "[\"\\\\n\"]", "[\"\xc3\xa9\"]", "[\"\xe2\x80\xa8\"]", "[\"\xf0\x9f\x98\x80\"]",
    "[\"\xf4\x8f\xbf\xbf\"]", "[\"\x7f\"]", "[\"/\"]", "[\"a,b]}{[:\"]", "[\"null\"]", "[\"//\"]", "{\"a b\":\"c d\"}",
    "{\"\\ud83d\\ude00\":1}", "[\"\xef\xbb\xbf\"]", "[\"\\u007f\"]", "[\"\\ud7ff\\ue000\"]", "[1,[2,[3,[4]]],5]",
    "{\"a\":[{\"b\":[{\"c\":[]}]}]}", "[\"a\",\"a\"]", "[{\"a\":1},{\"a\":1}]", "{\"a\":{\"b\":1},\"b\":{\"a\":1}}",
};

static const char *const INVALID[] = {
    "", " ", "\n", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1]]", "[1][", "[1]x", "[] []", "{} {}",
    "1 2", "[\"a\"", "[\"a", "[\"a\\", "[\"a\\\"", "\"", "\"a", "'a'", "['a']", "[a]", "[\"a\":1]", "[1:2]", "[}", "[1}", "{]",
    "{\"a\":1]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\",1}", "{\"a\" 1}", "{\"a\"::1}",
    "{:1}", "{1:1}", "{a:1}", "{'a':1}", "{null:1}", "{\"a\":1 \"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\":1;\"b\":2}", "{\"a\":a}",
    "{[]:1}", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}", "{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", "nul", "nulll", "NULL", "Null",
    "tru", "True", "TRUE", "fals", "False", "[nul]", "[truefalse]", "[true,fals]", "undefined", "NaN", "[NaN]", "[nan]", "[Infinity]",
    "[-Infinity]", "[inf]", "[-inf]", "[+1]", "[++1]", "[--1]", "[-]", "[- 1]", "[01]", "[-01]", "[00]", "[012]", "[1.]", "[.5]",
    "[-.5]", "[1.e5]", "[.e5]", "[1e]", "[1e+]", "[1e-]", "[1E]", "[e5]", "[1e5.5]", "[1.2.3]", "[1e1e1]", "[0x10]", "[1a]", "[1_0]",
    "[1,0x1]", "[1e400]", "[-1e400]", "[1.8e308]", "[1-2]", "[1+2]", "[-a]", "[\"\\x41\"]", "[\"\\a\"]", "[\"\\'\"]", "[\"\\0\"]",
    "[\"\\ \"]", "[\"\\U0041\"]", "[\"\\u\"]", "[\"\\u0\"]", "[\"\\u00\"]", "[\"\\u004\"]", "[\"\\u004g\"]", "[\"\\u 041\"]",
    "[\"\\u-041\"]", "[\"\\ud800\"]", "[\"\\udc00\"]", "[\"\\ud800\\ud800\"]", "[\"\\ud800x\"]", "[\"\\ud800\\u0041\"]",
    "[\"\\ud800\\\"]", "[\"\\udfff\\ud800\"]", "[\"\\ud800\\udc0\"]", "[\"\\ud800\\n\"]", "[\"\\ud800\\U0000\"]", "[\"a\nb\"]",
    "[\"a\tb\"]", "[\"\x01\"]", "[\"\x1f\"]", "[\"\r\"]", "[\"\xff\"]", "[\"\xc0\xaf\"]", "[\"\xe9\"]", "[\"\xed\xa0\x80\"]",
    "[\"\xf4\x90\x80\x80\"]", "[\"\xe2\x80\"]", "\xef\xbb\xbf[]", "\xff", "[\xff]", "[1\xff]", "[\xc2\xa0]", "[\xe2\x80\x89]",
    "[1]\xc2\xa0", "[1\x0b,2]", "[\x0c]", "// a\n[]", "[] // a", "[/* a */]", "# a\n[]", "[1,\n// a\n2]", "<null>", "[<null>]", "*",
    "[*]", "[\\n]", "[\"a\"\"b\"]", "[\"a\" \"b\"]", "{\"a\":\"b\"\"c\"}", ("[\xe2\x80\x9c" "a]"), "=", "{\"a\"=1}", "(1)", "[1;2]",
    "`a`", "a", "-", "--", "[\"a\",\n4\n,1,", "[{}", "{\"a\":[}", "[[[[", "{\"a\":{\"a\":{", "[]]", "{}}", "{\"a\":1}}", ",", ":",
    "[\"",
};

enum { VALID_COUNT = sizeof VALID / sizeof VALID[0], INVALID_COUNT = sizeof INVALID / sizeof INVALID[0] };
_Static_assert(VALID_COUNT + INVALID_COUNT >= 240, "tables of the size that was meant");

START_TEST(valid_texts) {
    for (int i = 0; i < VALID_COUNT; i++) {
        const Json *value = NULL, *again = NULL;
        Error error = {0};
        ck_assert_msg(json_parse(&value, &arena, text_of(VALID[i]), "t", &error) == OK, "%s: %s", VALID[i], error.text);
        // What is written reads back, and is written the same a second time.
        Str once = str_make(&arena), twice = str_make(&arena);
        json_write(&once, value);
        ck_assert_msg(json_parse(&again, &arena, str_text(&once), "t", &error) == OK, "%s: %s", once.data, error.text);
        json_write(&twice, again);
        ck_assert_str_eq(once.data, twice.data);
    }
}
END_TEST

START_TEST(invalid_texts) {
    for (int i = 0; i < INVALID_COUNT; i++) {
        const Json *value = NULL;
        Error error = {0};
        ck_assert_msg(json_parse(&value, &arena, text_of(INVALID[i]), "dir/f.json", &error) == ERR_FORMAT, "accepted: %s", INVALID[i]);
        ck_assert_msg(strncmp(error.text, "dir/f.json: JSON, line ", 23) == 0, "%s", error.text);
        ck_assert_ptr_null(value);
    }
}
END_TEST

// Every beginning of a valid text, closed by nothing, is refused without a byte read behind it.
START_TEST(truncated_texts) {
    static const char WHOLE[] = "{\"a\":[1,-2.5e3,true,false,null,\"x\\n\\u00e9\\ud83d\\ude00\"],\"b\":{\"c\":[{},[]]}}";
    for (size_t size = 0; size < sizeof WHOLE - 1; size++) {
        const Json *value;
        char *copy = malloc(size ? size : 1);
        memcpy(copy, WHOLE, size);
        ck_assert_msg(json_parse(&value, &arena, (Text){copy, size}, "t", NULL) == ERR_FORMAT, "%.*s", (int)size, WHOLE);
        free(copy);
    }
}
END_TEST

START_TEST(nul_bytes) {
    const Json *value;
    ck_assert_int_eq(json_parse(&value, &arena, TEXT("[1]\0"), "t", NULL), ERR_FORMAT);
    ck_assert_int_eq(json_parse(&value, &arena, TEXT("[\0]"), "t", NULL), ERR_FORMAT);
    ck_assert_int_eq(json_parse(&value, &arena, TEXT("[\"\0\"]"), "t", NULL), ERR_FORMAT);
    ck_assert_int_eq(json_parse(&value, &arena, TEXT("[1\0]"), "t", NULL), ERR_FORMAT);
    ck_assert_int_eq(json_parse(&value, &arena, TEXT("[\"\\\0\"]"), "t", NULL), ERR_FORMAT);
    ck_assert_int_eq(json_parse(&value, &arena, (Text){NULL, 0}, "t", NULL), ERR_FORMAT);
    // Escaped it is a character like others, and two keys that differ behind it are two keys.
    ck_assert_int_eq(json_parse(&value, &arena, TEXT("{\"a\\u0000b\":1,\"a\\u0000c\":2}"), "t", NULL), OK);
    ck_assert_uint_eq(value->child->key.size, 3);
    ck_assert_ptr_null(json_get(value, "a"));
}
END_TEST

START_TEST(tree) {
    const Json *root;
    Error error;
    static const char WHOLE[] = "{\"n\":-12,\"x\":2.5,\"s\":\"a\\ud83d\\ude00\\u0000b\",\"l\":[1,[2],{}],\"t\":true,\"z\":null}";
    ck_ok(json_parse(&root, &arena, TEXT(WHOLE), "t", &error), error);
    ck_assert(root->type == JSON_OBJECT && root->count == 6 && root->next == NULL);
    const Json *n = json_get(root, "n"), *s = json_get(root, "s"), *l = json_get(root, "l");
    ck_assert(n->type == JSON_NUMBER && n->is_integer && n->integer == -12 && n->number == -12.0);
    ck_assert(!json_get(root, "x")->is_integer && json_get(root, "x")->number == 2.5);
    ck_assert(text_equal(s->string, TEXT("a\xf0\x9f\x98\x80\0b")) && s->string.data[s->string.size] == '\0');
    ck_assert(l->type == JSON_ARRAY && l->count == 3 && l->child->integer == 1 && l->child->next->child->integer == 2);
    ck_assert(l->child->next->next->type == JSON_OBJECT && l->child->next->next->count == 0 && l->child->next->next->child == NULL);
    ck_assert(json_get(root, "t")->boolean && json_get(root, "z")->type == JSON_NULL);
    ck_assert_ptr_null(json_get(root, "q"));
    ck_assert_ptr_null(json_get(NULL, "n"));
    ck_assert_ptr_null(json_get(l, "n"));
    // Order of members is that of the text.
    ck_assert(text_equal(root->child->next->next->key, TEXT("s")));
}
END_TEST

START_TEST(values_do_not_point_into_the_text) {
    char text[] = "{\"key\":\"value\"}";
    const Json *root;
    ck_assert_int_eq(json_parse(&root, &arena, text_of(text), "t", NULL), OK);
    memset(text, 'x', sizeof text);
    ck_assert(text_equal(root->child->key, TEXT("key")) && text_equal(root->child->string, TEXT("value")));
}
END_TEST

START_TEST(integers_and_numbers) {
    const Json *root;
    static const char WHOLE[] = "[9223372036854775807,-9223372036854775808,9223372036854775808,1.0,1e3,-0,9007199254740993]";
    ck_assert_int_eq(json_parse(&root, &arena, TEXT(WHOLE), "t", NULL), OK);
    static const bool INTEGER[] = {true, true, false, false, false, true, true};
    const Json *at = root->child;
    for (int i = 0; i < 7; i++, at = at->next) ck_assert_int_eq(at->is_integer, INTEGER[i]);
    at = root->child;
    ck_assert(at->integer == INT64_MAX && at->next->integer == INT64_MIN && at->next->next->number == 0x1p63);
    Str s = str_make(&arena);
    json_write(&s, root);
    ck_assert_str_eq(s.data, "[9223372036854775807,-9223372036854775808,9.223372036854776e18,1,1000,-0,9007199254740993]");
}
END_TEST

START_TEST(places_in_messages) {
    const Json *value;
    Error error;
    json_parse(&value, &arena, TEXT("{\n  \"a\": 1,\n  \"b\": x\n}"), "f", &error);
    ck_assert_str_eq(error.text, "f: JSON, line 3, column 8: expected a value, found 'x'");
    json_parse(&value, &arena, TEXT("[1 \xc3\xa9]"), "f", &error);
    ck_assert_str_eq(error.text, "f: JSON, line 1, column 4: expected ',' or ']', found '\xc3\xa9'");
    json_parse(&value, &arena, TEXT("{\"name\":1,\n\"name\":2}"), "f", &error);
    ck_assert_str_eq(error.text, "f: JSON, line 2, column 9: the object that ends here has the key \"name\" twice");
    json_parse(&value, &arena, TEXT("[1,2"), "f", &error);
    ck_assert_str_eq(error.text, "f: JSON, line 1, column 5: expected ',' or ']', found the end");
}
END_TEST

// `depth` opening brackets and as many closing ones.
static Text nested(int depth, const char *open, const char *close) {
    Str s = str_make(&arena);
    for (int i = 0; i < depth; i++) str_append(&s, text_of(open));
    str_append_char(&s, '1');
    for (int i = 0; i < depth; i++) str_append(&s, text_of(close));
    return str_text(&s);
}

START_TEST(nesting) {
    const Json *value;
    Error error;
    ck_ok(json_parse(&value, &arena, nested(512, "[", "]"), "t", &error), error);
    Str s = str_make(&arena);
    json_write(&s, value);
    ck_assert(text_equal(str_text(&s), nested(512, "[", "]")));
    ck_ok(json_parse(&value, &arena, nested(512, "{\"a\":", "}"), "t", &error), error);
    ck_assert_int_eq(json_parse(&value, &arena, nested(513, "[", "]"), "t", &error), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "512"));
    // A bomb of a million brackets, closed or not, with or without keys.
    ck_assert_int_eq(json_parse(&value, &arena, nested(1000000, "[", "]"), "t", NULL), ERR_FORMAT);
    ck_assert_int_eq(json_parse(&value, &arena, nested(1000000, "{\"a\":", ""), "t", NULL), ERR_FORMAT);
}
END_TEST

// An object of n members whose keys are 0..n-1 in decimal behind a common beginning; the last key is that of `twin` when >= 0.
static Text large_object(int n, int twin) {
    Str s = str_make(&arena);
    for (int i = 0; i < n; i++) {
        int key = i == n - 1 && twin >= 0 ? twin : i;
        str_printf(&s, "%s\"a common beginning of all the keys %d\":%d", i ? "," : "{", key, i);
    }
    str_append_char(&s, '}');
    return str_text(&s);
}

START_TEST(duplicates_in_objects_of_any_size) {
    const Json *value;
    Error error;
    static const int SIZES[] = {2, 3, 15, 16, 17, 18, 31, 33, 100, 1000};
    for (int i = 0; i < 10; i++) {
        int n = SIZES[i];
        ck_ok(json_parse(&value, &arena, large_object(n, -1), "t", &error), error);
        ck_assert_uint_eq(value->count, (size_t)n);
        for (int twin = 0; twin < n - 1; twin += n > 50 ? 7 : 1)
            ck_assert_int_eq(json_parse(&value, &arena, large_object(n, twin), "t", NULL), ERR_FORMAT);
    }
}
END_TEST

START_TEST(large_objects_are_not_quadratic) {
    const Json *value;
    Error error;
    Text text = large_object(200000, -1);
    double start = clock_seconds();
    ck_ok(json_parse(&value, &arena, text, "t", &error), error);
    // Every pair compared would be 20 billion comparisons.
    ck_assert(clock_seconds() - start < 10);
    ck_assert_int_eq(value->child->next->next->integer, 2);
    ck_assert_int_eq(json_parse(&value, &arena, large_object(200000, 150000), "t", &error), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "keys 150000"));
}
END_TEST

START_TEST(memory_of_a_hostile_text_is_bounded) {
    size_t size = (size_t)20 << 20;
    char *text = arena_alloc(&arena, size);
    const Json *value;
    Error error;
    // "[1,1,1,...": a value costs two bytes of text.
    for (size_t i = 0; i < size; i++) text[i] = i % 2 ? '1' : ',';
    text[0] = '[';
    ck_assert_int_eq(json_parse(&value, &arena, (Text){text, size}, "t", &error), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "8388608"));
    ck_assert_uint_lt(arena_peak_reserved(), (size_t)1 << 30);
}
END_TEST

START_TEST(typed_members) {
    const Json *o;
    Error error;
    int64_t integer = 5;
    double number = 5;
    bool truth = false;
    Text text = TEXT("old");
    static const char WHOLE[] = "{\"i\":7,\"x\":0.5,\"f\":7.0,\"s\":\"txt\",\"b\":true,\"n\":null,\"a\":[],\"o\":{}}";
    ck_ok(json_parse(&o, &arena, TEXT(WHOLE), "t", &error), error);
    ck_assert(json_need_int(o, "i", 7, 7, &integer, "f", &error) == OK && integer == 7);
    ck_assert_int_eq(json_need_int(o, "i", 8, 100, &integer, "f", &error), ERR_FORMAT);
    ck_assert_str_eq(error.text, "f: \"i\": expected an integer from 8 to 100, found 7");
    ck_assert_int_eq(json_need_int(o, "i", -5, 6, &integer, "f", &error), ERR_FORMAT);
    ck_assert_int_eq(json_need_int(o, "f", 0, 100, &integer, "f", &error), ERR_FORMAT);
    ck_assert_int_eq(json_need_int(o, "q", 0, 100, &integer, "f", &error), ERR_FORMAT);
    ck_assert_str_eq(error.text, "f: \"q\": expected an integer from 0 to 100, found nothing");
    ck_assert_int_eq(json_need_int(o, "s", 0, 100, &integer, "f", &error), ERR_FORMAT);
    ck_assert_str_eq(error.text, "f: \"s\": expected an integer from 0 to 100, found \"txt\"");
    ck_assert_int_eq(json_need_int(o, "n", 0, 100, &integer, "f", &error), ERR_FORMAT);
    ck_assert_int_eq(integer, 7);
    // The forms with a fallback take it for absent and null, and for nothing else.
    ck_assert(json_int_or(o, "q", 0, 9, 3, &integer, "f", &error) == OK && integer == 3);
    ck_assert(json_int_or(o, "n", 0, 9, 4, &integer, "f", &error) == OK && integer == 4);
    ck_assert(json_int_or(o, "i", 0, 9, 4, &integer, "f", &error) == OK && integer == 7);
    ck_assert_int_eq(json_int_or(o, "i", 0, 6, 4, &integer, "f", &error), ERR_FORMAT);
    ck_assert_int_eq(json_int_or(o, "b", 0, 9, 4, &integer, "f", &error), ERR_FORMAT);
    ck_assert(json_need_number(o, "x", &number, "f", &error) == OK && number == 0.5);
    ck_assert(json_need_number(o, "i", &number, "f", &error) == OK && number == 7);
    ck_assert_int_eq(json_need_number(o, "a", &number, "f", &error), ERR_FORMAT);
    ck_assert_str_eq(error.text, "f: \"a\": expected a number, found an array");
    ck_assert(json_number_or(o, "q", 1.5, &number, "f", &error) == OK && number == 1.5);
    ck_assert_int_eq(json_number_or(o, "s", 1.5, &number, "f", &error), ERR_FORMAT);
    ck_assert(json_need_string(o, "s", &text, "f", &error) == OK && text_equal(text, TEXT("txt")));
    ck_assert_int_eq(json_need_string(o, "i", &text, "f", &error), ERR_FORMAT);
    ck_assert(json_string_or(o, "n", TEXT("fb"), &text, "f", &error) == OK && text_equal(text, TEXT("fb")));
    ck_assert_int_eq(json_string_or(o, "o", TEXT("fb"), &text, "f", &error), ERR_FORMAT);
    ck_assert(json_bool_or(o, "b", false, &truth, "f", &error) == OK && truth);
    ck_assert(json_bool_or(o, "q", false, &truth, "f", &error) == OK && !truth);
    ck_assert_int_eq(json_bool_or(o, "i", false, &truth, "f", &error), ERR_FORMAT);
    ck_assert_int_eq(json_need_int(NULL, "i", 0, 1, &integer, "f", &error), ERR_FORMAT);
}
END_TEST

START_TEST(written_strings) {
    Str s = str_make(&arena);
    json_write_string(&s, TEXT("a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f\0e\xc3\xa9\xe2\x80\xa8"));
    ck_assert_str_eq(s.data, "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000e\xc3\xa9\xe2\x80\xa8\"");
    // All control characters, alone and read back.
    for (int c = 0; c < 0x80; c++) {
        char byte = (char)c;
        const Json *value;
        s = str_make(&arena);
        json_write_string(&s, (Text){&byte, 1});
        ck_assert_int_eq(json_parse(&value, &arena, str_text(&s), "t", NULL), OK);
        ck_assert(value->string.size == 1 && value->string.data[0] == byte);
    }
    s = str_make(&arena);
    json_write_number(&s, (double)NAN);
    json_write_number(&s, (double)-INFINITY);
    json_write_number(&s, 0.1);
    json_write_float(&s, INFINITY);
    json_write_float(&s, 0.1f);
    ck_assert_str_eq(s.data, "nullnull0.1null0.1");
}
END_TEST

START_TEST(writing_part_of_a_tree) {
    const Json *root;
    ck_assert_int_eq(json_parse(&root, &arena, TEXT("{\"a\":[1,{\"b\":[]},\"x\"],\"c\":2}"), "t", NULL), OK);
    Str s = str_make(&arena);
    json_write(&s, json_get(root, "a"));
    ck_assert_str_eq(s.data, "[1,{\"b\":[]},\"x\"]");
    s = str_make(&arena);
    json_write(&s, root->child->child);
    ck_assert_str_eq(s.data, "1");
    s = str_make(&arena);
    json_write(&s, root);
    ck_assert_str_eq(s.data, "{\"a\":[1,{\"b\":[]},\"x\"],\"c\":2}");
}
END_TEST

START_TEST(writing_bad_utf8_aborts) {
    Str s = str_make(&arena);
    json_write_string(&s, TEXT("\xff"));
}
END_TEST

Suite *suite_json(void) {
    Suite *suite = suite_create("json");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, valid_texts);
    tcase_add_test(all, invalid_texts);
    tcase_add_test(all, truncated_texts);
    tcase_add_test(all, nul_bytes);
    tcase_add_test(all, tree);
    tcase_add_test(all, values_do_not_point_into_the_text);
    tcase_add_test(all, integers_and_numbers);
    tcase_add_test(all, places_in_messages);
    tcase_add_test(all, nesting);
    tcase_add_test(all, duplicates_in_objects_of_any_size);
    tcase_add_test(all, large_objects_are_not_quadratic);
    tcase_add_test(all, memory_of_a_hostile_text_is_bounded);
    tcase_add_test(all, typed_members);
    tcase_add_test(all, written_strings);
    tcase_add_test(all, writing_part_of_a_tree);
    tcase_add_test_raise_signal(all, writing_bad_utf8_aborts, SIGABRT);
    suite_add_tcase(suite, all);
    return suite;
}
