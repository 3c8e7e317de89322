// Documents of a corpus: rows with and without weights, rows of pairs, plain text in its three divisions, .gz, and what is refused.
#include "tools/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support.h"

Suite *suite_corpus(void);

static Arena arena;
static Error error;
static const char *folder;

static void setup(void) {
    arena = arena_make("test_corpus", 0);
    folder = temporary_make(&arena);
}
static void teardown(void) {
    temporary_remove(folder);
    arena_free(&arena);
}

// Writes "text|" of each document, its weights as {start,end,w}.
static Status note(void *context, Text text, const PretrainWeight *weight, int weights, Error *failure) {
    Str *out = context;
    str_append(out, text);
    for (int i = 0; i < weights; i++) str_printf(out, "{%zu,%zu,%g}", weight[i].start, weight[i].end, (double)weight[i].weight);
    str_append_char(out, '|');
    return text_equal(text, TEXT("refuse me")) ? error_set(failure, ERR_DATA, "refused") : OK;
}

static const char *file_of(const char *name, const char *text, size_t size) {
    const char *path = path_join(&arena, folder, name);
    ck_ok(file_write(path, text, size, &error), error);
    return path;
}

static const char *read_one(const char *name, const char *text, CorpusSplit split) {
    const char *files[] = {file_of(name, text, strlen(text))};
    Str out = str_make(&arena);
    str_append(&out, TEXT(""));
    ck_ok(corpus_read(files, 1, split, note, &out, &error), error);
    return out.data;
}

START_TEST(corpus_rows) {
    ck_assert_str_eq(read_one("a.jsonl",
                              "{\"text\":\"one\"}\n\n{\"text\":\"two\\n\\nlines\",\"weight\":[[0,3,15],[4,10,0.5]]}\n{\"text\":\"\"}\n"
                              "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\"}\n{\"chosen\":\"whole\",\"rejected\":\"r\"}\n"
                              "{\"prompt\":\"q\",\"reply\":\"s\"}\n{\"prompt\":\"alone\"}\n{\"text\":\"w\",\"weight\":null}",
                              CORPUS_BLANK),
                     "one|two\n\nlines{0,3,15}{4,10,0.5}|pc|whole|qs|alone|w|");
}
END_TEST

START_TEST(corpus_plain) {
    const char *text = "\n\none\ntwo\r\n\n\n\nthree\n four\n";
    ck_assert_str_eq(read_one("a.txt", text, CORPUS_BLANK), "one\ntwo|three\n four|");
    ck_assert_str_eq(read_one("b.txt", text, CORPUS_LINE), "one|two|three| four|");
    ck_assert_str_eq(read_one("c.txt", text, CORPUS_FILE), "\n\none\ntwo\n\n\n\nthree\n four|");
    ck_assert_str_eq(read_one("d.txt", "", CORPUS_BLANK), "");
    ck_assert_str_eq(read_one("e.txt", "\n\n", CORPUS_BLANK), "");
}
END_TEST

// Files one behind the other; .gz by name.
START_TEST(corpus_files) {
    Str command = str_make(&arena);
    const char *plain = file_of("a.txt", "one\n", 4), *rows = file_of("b.jsonl", "{\"text\":\"two\"}\n", 15);
    str_printf(&command, "gzip %s", rows);
    ck_assert_int_eq(system(command.data), 0);
    const char *files[] = {path_join(&arena, folder, "b.jsonl.gz"), plain};
    Str out = str_make(&arena);
    ck_ok(corpus_read(files, 2, CORPUS_BLANK, note, &out, &error), error);
    ck_assert_str_eq(out.data, "two|one|");
}
END_TEST

static const struct {
    const char *name, *text, *part;
} BAD[] = {
    {"a.jsonl", "{\"text\":\"x\"}\n{\"text\":1}\n", "a.jsonl:2: \"text\": expected a string"},
    {"a.jsonl", "{\"text\":\"x\"}\n[1]\n", "a.jsonl:2: expected an object"},
    {"a.jsonl", "{\"texts\":\"x\"}\n", "a.jsonl:1: expected a member \"text\""},
    {"a.jsonl", "{\"text\":\"x\"\n", "a.jsonl:1"},
    {"a.jsonl", "{\"text\":\"\xff\"}\n", "a.jsonl:1"},
    {"a.jsonl", "\n{\"text\":\"refuse me\"}\n", "a.jsonl:2: refused"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":[[0,5,1]]}\n",
     "a.jsonl:1: \"weight\" 0: expected a range inside the text of 4 bytes, found [0, 5]"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":[[0,4,1],[2,2,1]]}\n", "\"weight\" 1: expected a range inside"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":[[-1,2,1]]}\n", "expected a range inside"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":[[0,9223372036854775807,1]]}\n", "expected a range inside"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":[[0,1,-1]]}\n", "expected a weight from 0"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":[[0,1]]}\n", "expected [start, end, weight]"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":[[0,1.5,1]]}\n", "expected [start, end, weight]"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":[7]}\n", "expected [start, end, weight]"},
    {"a.jsonl", "{\"text\":\"four\",\"weight\":{\"a\":1}}\n", "expected an array"},
    {"a.txt", "fine\n\nnot \xff fine\n", "a.txt:3: byte 4 of the line is not UTF-8 (0xff)"},
    {"a.txt", "x\n\nrefuse me\n\ny\n", "a.txt:3: refused"},
};

START_TEST(corpus_refuses) {
    const char *files[] = {file_of(BAD[_i].name, BAD[_i].text, strlen(BAD[_i].text))};
    Str out = str_make(&arena);
    ck_assert_int_ne(corpus_read(files, 1, CORPUS_BLANK, note, &out, &error), OK);
    ck_assert_msg(strstr(error.text, BAD[_i].part) != NULL, "expected '%s', found '%s'", BAD[_i].part, error.text);
}
END_TEST

START_TEST(corpus_needs_files) {
    const char *files[] = {path_join(&arena, folder, "missing.txt")};
    Str out = str_make(&arena);
    ck_assert_int_eq(corpus_read(files, 1, CORPUS_BLANK, note, &out, &error), ERR_IO);
    files[0] = folder;
    ck_assert_int_eq(corpus_read(files, 1, CORPUS_BLANK, note, &out, &error), ERR_IO);
}
END_TEST

Suite *suite_corpus(void) {
    Suite *suite = suite_create("corpus");
    TCase *tc = tcase_create("corpus");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, corpus_rows);
    tcase_add_test(tc, corpus_plain);
    tcase_add_test(tc, corpus_files);
    tcase_add_loop_test(tc, corpus_refuses, 0, sizeof BAD / sizeof *BAD);
    tcase_add_test(tc, corpus_needs_files);
    suite_add_tcase(suite, tc);
    return suite;
}
