// Lines, plain and through gzip: endings, long lines, damage, memory.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tests/support.h"

static Arena arena;
static const char *dir;
static Error error;

static void setup(void) {
    arena = arena_make("test", 0);
    dir = temporary_make(&arena);
}
static void teardown(void) {
    temporary_remove(dir);
    arena_free(&arena);
}

static const char *in_dir(const char *name) { return path_join(&arena, dir, name); }

// A file of these bytes, packed when the name ends in .gz.
static const char *make_file(const char *name, const void *data, size_t bytes) {
    const char *path = in_dir(name);
    char command[2 * 4096];
    if (!text_ends(text_of(name), TEXT(".gz"))) {
        ck_ok(file_write(path, data, bytes, &error), error);
        return path;
    }
    ck_ok(file_write(in_dir("raw"), data, bytes, &error), error);
    snprintf(command, sizeof command, "gzip -c '%s' > '%s'", in_dir("raw"), path);
    ck_assert_int_eq(system(command), 0);
    return path;
}

// All lines joined as "[line]"; the status of the reading.
static Status read_all(const char *path, Str *joined) {
    LineReader *reader;
    Text line;
    size_t number, count = 0;
    bool more = true;
    *joined = str_make(&arena);
    TRY(lines_open(&reader, &arena, path, &error));
    Status status = OK;
    while ((status = lines_next(reader, &line, &number, &more, &error)) == OK && more) {
        ck_assert_uint_eq(number, ++count);
        str_append_char(joined, '[');
        str_append(joined, line);
        str_append_char(joined, ']');
    }
    lines_close(reader);
    return status;
}

static const struct {
    const char *text, *lines;
} ENDING[] = {
    {"", NULL}, {"\n", "[]"}, {"a", "[a]"}, {"a\n", "[a]"}, {"a\nb", "[a][b]"}, {"a\r\nb\r\n", "[a][b]"}, {"a\n\nb\n\n", "[a][][b][]"},
    {"\r\n", "[]"}, {"a\rb\n", "[a\rb]"}, {"a\r\r\n", "[a\r]"}, {"a\xe2\x80\xa8" "b\n", "[a\xe2\x80\xa8" "b]"}, {"\n\n", "[][]"},
};

START_TEST(endings) {
    static const char *const NAME[] = {"x.jsonl", "x.jsonl.gz"};
    for (int i = 0; i < 2; i++) {
        Str joined;
        ck_ok(read_all(make_file(NAME[i], ENDING[_i].text, strlen(ENDING[_i].text)), &joined), error);
        ck_assert(text_equal(str_text(&joined), text_of(ENDING[_i].lines ? ENDING[_i].lines : "")));
    }
}
END_TEST

START_TEST(nul_bytes_are_kept) {
    Str joined;
    ck_ok(read_all(make_file("x", "a\0b\n\0\n", 6), &joined), error);
    ck_assert(text_equal(str_text(&joined), TEXT("[a\0b][\0]")));
}
END_TEST

// Lengths around every size of the buffer, between short lines; the caller releases what it takes in between.
START_TEST(lines_of_many_lengths) {
    static const size_t LENGTH[] = {0, 1, 65534, 65535, 65536, 65537, 3, 131071, 131072, 131073, 1000000, 0, 5, 262144};
    enum { COUNT = sizeof LENGTH / sizeof LENGTH[0] };
    Str text = str_make(&arena);
    for (int i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < LENGTH[i]; k++) str_append_char(&text, (char)('a' + (k + (size_t)i) % 23));
        str_append(&text, i % 2 ? TEXT("\r\n") : TEXT("\n"));
    }
    static const char *const NAME[] = {"x.jsonl", "x.jsonl.gz"};
    for (int f = 0; f < 2; f++) {
        LineReader *reader;
        Text line;
        size_t number;
        bool more;
        ck_ok(lines_open(&reader, &arena, make_file(NAME[f], text.data, text.size), &error), error);
        for (int i = 0; i < COUNT; i++) {
            ArenaMark mark = arena_mark(&arena);
            ck_ok(lines_next(reader, &line, &number, &more, &error), error);
            memset(arena_alloc(&arena, 300000), 'Z', 300000);
            arena_release(&arena, mark);
            ck_assert(more && number == (size_t)i + 1 && line.size == LENGTH[i]);
            for (size_t k = 0; k < line.size; k++)
                if (line.data[k] != (char)('a' + (k + (size_t)i) % 23)) ck_abort_msg("line %d, byte %zu", i + 1, k);
        }
        ck_ok(lines_next(reader, &line, &number, &more, &error), error);
        ck_assert(!more);
        ck_ok(lines_next(reader, &line, &number, &more, &error), error);
        ck_assert(!more);
        lines_close(reader);
    }
}
END_TEST

// A file with holes costs no disk: "first\n", then `bytes` NUL bytes, then `tail`.
static const char *make_long(size_t bytes, const char *tail) {
    const char *path = in_dir("long");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ck_assert_int_eq(write(fd, "first\n", 6), 6);
    ck_assert_int_eq(pwrite(fd, tail, strlen(tail), (off_t)(6 + bytes)), (ssize_t)strlen(tail));
    if (*tail == '\0') ck_assert_int_eq(ftruncate(fd, (off_t)(6 + bytes)), 0);
    close(fd);
    return path;
}

START_TEST(longest_line) {
    static const struct {
        size_t bytes;
        const char *tail;
        Status status;
    } CASE[] = {
        {(size_t)64 << 20, "\n", OK}, {(size_t)64 << 20, "\r\n", OK}, {(size_t)64 << 20, "", OK},
        {((size_t)64 << 20) + 1, "\n", ERR_FORMAT}, {((size_t)64 << 20) + 1, "", ERR_FORMAT}, {(size_t)300 << 20, "\n", ERR_FORMAT},
    };
    Text line;
    size_t number;
    bool more;
    LineReader *reader;
    ck_ok(lines_open(&reader, &arena, make_long(CASE[_i].bytes, CASE[_i].tail), &error), error);
    ck_ok(lines_next(reader, &line, &number, &more, &error), error);
    Status status = lines_next(reader, &line, &number, &more, &error);
    ck_assert_int_eq(status, CASE[_i].status);
    if (status == OK) ck_assert_uint_eq(line.size, CASE[_i].bytes);
    else ck_assert_ptr_nonnull(strstr(error.text, "long:2:"));
    lines_close(reader);
    ck_assert_uint_lt(arena_peak_reserved(), (size_t)256 << 20);
}
END_TEST

START_TEST(several_members) {
    char command[3 * 4096];
    Str joined;
    make_file("a.gz", "one\ntw", 6);
    make_file("b.gz", "o\nthree\n", 8);
    snprintf(command, sizeof command, "cat '%s' '%s' > '%s'", in_dir("a.gz"), in_dir("b.gz"), in_dir("c.gz"));
    ck_assert_int_eq(system(command), 0);
    ck_ok(read_all(in_dir("c.gz"), &joined), error);
    ck_assert_str_eq(joined.data, "[one][two][three]");
}
END_TEST

// A packed file of 2,000 lines to be damaged.
static Text packed(void) {
    Str text = str_make(&arena);
    for (int i = 0; i < 2000; i++) str_printf(&text, "{\"row\":%d,\"value\":%d}\n", i, i * 7919 % 1000);
    Text bytes;
    ck_ok(file_read(&bytes, &arena, make_file("good.gz", text.data, text.size), 1 << 20, &error), error);
    return bytes;
}

// No damage is taken for the end of the file, and no torn line is handed out.
static void expect_damage(const void *data, size_t bytes) {
    Str joined;
    const char *path = in_dir("bad.gz");
    ck_ok(file_write(path, data, bytes, &error), error);
    ck_assert_int_eq(read_all(path, &joined), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "bad.gz"));
    ck_assert(joined.size == 0 || text_ends(str_text(&joined), TEXT("}]")));
}

START_TEST(damaged_gzip) {
    Text good = packed();
    Str joined;
    ck_ok(read_all(in_dir("good.gz"), &joined), error);
    for (size_t cut = 1; cut < good.size; cut += good.size / 12) expect_damage(good.data, cut);
    expect_damage(good.data, good.size - 1);
    // One bit in the checksum, in the length, in the data; bytes behind the end; no gzip at all.
    char *bad = arena_copy(&arena, good.data, good.size);
    size_t place[] = {good.size - 8, good.size - 1, good.size / 2};
    for (int i = 0; i < 3; i++) {
        bad[place[i]] ^= 4;
        expect_damage(bad, good.size);
        bad[place[i]] ^= 4;
    }
    Str behind = str_make(&arena);
    str_append(&behind, good);
    str_append(&behind, TEXT("behind the end"));
    expect_damage(behind.data, behind.size);
    expect_damage("plain text\n", 11);
}
END_TEST

START_TEST(closing_early) {
    LineReader *reader;
    Text line;
    size_t number;
    bool more;
    packed();
    // Neither descriptors nor children stay behind.
    for (int i = 0; i < 50; i++) {
        ck_ok(lines_open(&reader, &arena, in_dir("good.gz"), &error), error);
        ck_ok(lines_next(reader, &line, &number, &more, &error), error);
        lines_close(reader);
        lines_close(reader);
    }
    lines_close(NULL);
    int next = open("/dev/null", O_RDONLY);
    ck_assert_int_lt(next, 20);
    close(next);
}
END_TEST

START_TEST(refused_paths) {
    LineReader *reader;
    ck_assert_int_eq(lines_open(&reader, &arena, in_dir("none"), &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "none"));
    ck_assert_int_eq(lines_open(&reader, &arena, in_dir("none.gz"), &error), ERR_IO);
    ck_assert_int_eq(lines_open(&reader, &arena, dir, &error), ERR_IO);
    ck_assert_int_eq(mkdir(in_dir("d.gz"), 0777), 0);
    ck_assert_int_eq(lines_open(&reader, &arena, in_dir("d.gz"), &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "directory"));
    // Without gzip in the path there is a message too.
    make_file("x.gz", "a\n", 2);
    const char *path = arena_copy(&arena, getenv("PATH"), strlen(getenv("PATH")));
    setenv("PATH", dir, 1);
    Str joined;
    ck_assert_int_eq(read_all(in_dir("x.gz"), &joined), ERR_IO);
    setenv("PATH", path, 1);
    ck_assert_ptr_nonnull(strstr(error.text, "gzip"));
}
END_TEST

START_TEST(odd_names) {
    static const char *const NAME[] = {"-rf.gz", "a b'c\"d.gz", "x;touch y.gz", "\xc3\xa9\n.gz", "$(id).gz"};
    Str joined;
    make_file("plain.gz", "1\n", 2);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(rename(in_dir("plain.gz"), in_dir(NAME[i])), 0);
        ck_ok(read_all(in_dir(NAME[i]), &joined), error);
        ck_assert_str_eq(joined.data, "[1]");
        ck_assert_int_eq(rename(in_dir(NAME[i]), in_dir("plain.gz")), 0);
    }
    ck_assert_int_eq(chdir(dir), 0);
    ck_assert_int_eq(rename("plain.gz", "-.gz"), 0);
    ck_ok(read_all("-.gz", &joined), error);
    ck_assert_str_eq(joined.data, "[1]");
}
END_TEST

START_TEST(standard_input_and_pipes) {
    int ends[2];
    Str joined;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "a\nb", 3), 3);
    close(ends[1]);
    ck_assert_int_ge(dup2(ends[0], STDIN_FILENO), 0);
    ck_ok(read_all("-", &joined), error);
    ck_assert_str_eq(joined.data, "[a][b]");
}
END_TEST

Suite *suite_lines(void) {
    Suite *suite = suite_create("lines");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, endings, 0, sizeof ENDING / sizeof ENDING[0]);
    tcase_add_test(all, nul_bytes_are_kept);
    tcase_add_test(all, lines_of_many_lengths);
    tcase_add_loop_test(all, longest_line, 0, 6);
    tcase_add_test(all, several_members);
    tcase_add_test(all, damaged_gzip);
    tcase_add_test(all, closing_early);
    tcase_add_test(all, refused_paths);
    tcase_add_test(all, odd_names);
    tcase_add_test(all, standard_input_and_pipes);
    suite_add_tcase(suite, all);
    return suite;
}
