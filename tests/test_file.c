// Files: maps, whole reads, writes that leave the old file when they fail, logs, directories, the lock.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static void expect_file(const char *path, Text expected) {
    Text text;
    ck_ok(file_read(&text, &arena, path, SIZE_MAX, &error), error);
    ck_assert_msg(text_equal(text, expected), "%s holds %zu bytes: %.60s", path, text.size, text.data);
}

// Names in the test's directory, joined by spaces.
static void expect_names(const char *expected) {
    const char **names;
    int count;
    Str joined = str_make(&arena);
    ck_ok(directory_list(&arena, dir, &names, &count, &error), error);
    for (int i = 0; i < count; i++) str_printf(&joined, "%s%s", i ? " " : "", names[i]);
    ck_assert(text_equal(str_text(&joined), text_of(expected)));
}

START_TEST(maps_and_reads) {
    FileMap map;
    Text text;
    char hex[65];
    const char *path = in_dir("f"), *empty = in_dir("empty");
    ck_ok(file_write(path, "abc", 3, &error), error);
    ck_ok(file_write(empty, NULL, 0, &error), error);
    ck_ok(file_map(&map, path, &error), error);
    ck_assert(map.size == 3 && memcmp(map.data, "abc", 3) == 0 && map.path == path);
    file_unmap(&map);
    file_unmap(&map);
    ck_ok(file_map(&map, empty, &error), error);
    ck_assert(map.size == 0 && map.data == NULL);
    file_unmap(&map);
    ck_ok(file_read(&text, &arena, path, 3, &error), error);
    ck_assert(text_equal(text, TEXT("abc")) && text.data[3] == '\0');
    ck_assert_int_eq(file_read(&text, &arena, path, 2, &error), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "at most 2 bytes, found 3"));
    ck_ok(file_sha256(path, hex, &error), error);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // A link to a file is followed.
    ck_assert_int_eq(symlink("f", in_dir("link")), 0);
    ck_ok(file_map(&map, in_dir("link"), &error), error);
    ck_assert_uint_eq(map.size, 3);
    file_unmap(&map);
    ck_assert(file_exists(path) && !file_exists(in_dir("g")) && file_is_directory(dir) && !file_is_directory(path));
}
END_TEST

START_TEST(only_regular_files) {
    static const char *const NAME[] = {"none", "pipe", "folder", "pipe-link"};
    FileMap map;
    Text text;
    char hex[65];
    ck_assert_int_eq(mkfifo(in_dir("pipe"), 0666), 0);
    ck_assert_int_eq(mkdir(in_dir("folder"), 0777), 0);
    ck_assert_int_eq(symlink("pipe", in_dir("pipe-link")), 0);
    for (int i = 0; i < 5; i++) {
        const char *path = i < 4 ? in_dir(NAME[i]) : "/dev/zero";
        ck_assert_int_eq(file_map(&map, path, &error), ERR_IO);
        ck_assert_ptr_nonnull(strstr(error.text, path));
        file_unmap(&map);
        ck_assert_int_eq(file_read(&text, &arena, path, 10, &error), ERR_IO);
        ck_assert_int_eq(file_sha256(path, hex, &error), ERR_IO);
    }
}
END_TEST

START_TEST(paths) {
    ck_assert_str_eq(path_join(&arena, "a", "b"), "a/b");
    ck_assert_str_eq(path_join(&arena, "a/", "b"), "a/b");
    ck_assert_str_eq(path_join(&arena, "", "b"), "b");
    ck_assert_str_eq(path_join(&arena, "/", "b"), "/b");
}
END_TEST

START_TEST(writes_replace_whole_files) {
    FileWriter w;
    const char *path = in_dir("f");
    ck_ok(file_write(path, "old", 3, &error), error);
    ck_ok(file_write(path, "newer", 5, &error), error);
    expect_file(path, TEXT("newer"));
    // In pieces of many sizes, over and under the buffer; the old file stands until the end.
    static char piece[3 << 20];
    for (size_t i = 0; i < sizeof piece; i++) piece[i] = (char)(i * 31 >> 3);
    static const size_t SIZES[] = {0, 1, 1000, (1 << 20) - 1001, 1, (1 << 20), (1 << 20) + 1, 5, 3 << 20, 7};
    Str all = str_make(&arena);
    ck_ok(writer_open(&w, &arena, path, &error), error);
    for (int i = 0; i < 10; i++) {
        writer_put(&w, piece, SIZES[i]);
        str_append(&all, (Text){piece, SIZES[i]});
    }
    ck_assert_uint_eq(w.written, all.size);
    expect_file(path, TEXT("newer"));
    expect_names("f f.tmp");
    ck_ok(writer_finish(&w, &error), error);
    expect_file(path, str_text(&all));
    expect_names("f");
}
END_TEST

START_TEST(abandoned_and_left_behind) {
    FileWriter w;
    const char *path = in_dir("f");
    ck_ok(file_write(path, "old", 3, &error), error);
    ck_ok(writer_open(&w, &arena, path, &error), error);
    writer_put(&w, "new", 3);
    writer_abandon(&w);
    writer_abandon(&w);
    expect_file(path, TEXT("old"));
    expect_names("f");
    // What a killed writer left is used again, and nothing of it remains.
    pid_t child = fork();
    if (child == 0) {
        static char much[4 << 20];
        if (writer_open(&w, &arena, path, &error) == OK) writer_put(&w, much, sizeof much);
        raise(SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    expect_names("f f.tmp");
    expect_file(path, TEXT("old"));
    ck_ok(file_write(path, "new", 3, &error), error);
    expect_file(path, TEXT("new"));
    expect_names("f");
}
END_TEST

START_TEST(two_writers_of_one_file) {
    FileWriter w;
    int ready[2];
    char byte;
    const char *path = in_dir("f");
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (writer_open(&w, &arena, path, &error) == OK && write(ready[1], "x", 1) == 1) pause();
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(file_write(path, "b", 1, &error), ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(error.text, "another process"));
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_ok(file_write(path, "b", 1, &error), error);
}
END_TEST

START_TEST(full_disk_leaves_the_old_file) {
    static char much[5 << 20];
    const char *path = in_dir("f");
    ck_ok(file_write(path, "old", 3, &error), error);
    // A limit on file sizes stands for a full disk: the write fails in its middle.
    signal(SIGXFSZ, SIG_IGN);
    for (size_t limit = 0; limit < 5 << 20; limit += 700001) {
        struct rlimit cap = {limit, RLIM_INFINITY};
        FileWriter w;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &cap), 0);
        ck_assert_int_eq(file_write(path, much, sizeof much, &error), ERR_IO);
        ck_assert_ptr_nonnull(strstr(error.text, path));
        ck_ok(writer_open(&w, &arena, path, &error), error);
        for (int i = 0; i < 50; i++) writer_put(&w, much, 100000);
        ck_assert_int_eq(writer_finish(&w, &error), ERR_IO);
        ck_assert_ptr_nonnull(strstr(error.text, strerror(EFBIG)));
        cap.rlim_cur = RLIM_INFINITY;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &cap), 0);
        expect_file(path, TEXT("old"));
        expect_names("f");
    }
}
END_TEST

START_TEST(places_that_cannot_be_written) {
    FileWriter w;
    FileAppend a;
    ck_ok(file_write(in_dir("f"), "x", 1, &error), error);
    // Below a regular file, in a folder that is not there, over a folder.
    const char *below = in_dir("f/g"), *none = in_dir("none/g");
    ck_assert_int_eq(file_write(below, "x", 1, &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, below));
    ck_assert_int_eq(writer_open(&w, &arena, none, &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, none));
    ck_assert_int_eq(append_open(&a, below, 0, &error), ERR_IO);
    ck_assert_int_eq(mkdir(in_dir("folder"), 0777), 0);
    ck_assert_int_eq(file_write(in_dir("folder"), "x", 1, &error), ERR_IO);
    expect_names("f folder");
    char name[5000];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(file_write(name, "x", 1, &error), ERR_IO);
}
END_TEST

START_TEST(log_grows_and_is_cut) {
    FileAppend a;
    const char *path = in_dir("log");
    ck_ok(append_open(&a, path, SIZE_MAX, &error), error);
    ck_ok(append_line(&a, TEXT("one"), &error), error);
    ck_ok(append_line(&a, TEXT(""), &error), error);
    ck_ok(append_line(&a, TEXT("three"), &error), error);
    ck_assert_uint_eq(a.offset, 11);
    ck_ok(append_sync(&a, &error), error);
    ck_ok(append_close(&a, &error), error);
    ck_ok(append_close(&a, &error), error);
    expect_file(path, TEXT("one\n\nthree\n"));
    // To a stated offset.
    ck_ok(append_open(&a, path, 5, &error), error);
    ck_assert_uint_eq(a.offset, 5);
    ck_ok(append_line(&a, TEXT("3"), &error), error);
    ck_ok(append_close(&a, &error), error);
    expect_file(path, TEXT("one\n\n3\n"));
    ck_assert_int_eq(append_open(&a, path, 8, &error), ERR_DATA);
    ck_assert_int_eq(append_open(&a, path, 2, &error), ERR_DATA);
    expect_file(path, TEXT("one\n\n3\n"));
}
END_TEST

static const struct {
    size_t good, torn;
} TORN[] = {{0, 0}, {0, 5}, {1, 0}, {1, 1}, {20, 30}, {20, 16384}, {16384, 1}, {16383, 1}, {16385, 100000}, {40000, 16384}};

START_TEST(torn_line_is_cut) {
    FileAppend a;
    const char *path = in_dir("log");
    // `good` bytes that end in a newline, then `torn` without one.
    Str text = str_make(&arena);
    for (size_t i = 0; i < TORN[_i].good; i++) str_append_char(&text, i + 1 == TORN[_i].good || i % 999 == 7 ? '\n' : 'g');
    for (size_t i = 0; i < TORN[_i].torn; i++) str_append_char(&text, 't');
    ck_ok(file_write(path, text.data, text.size, &error), error);
    ck_ok(append_open(&a, path, SIZE_MAX, &error), error);
    ck_assert_uint_eq(a.offset, TORN[_i].good);
    ck_ok(append_line(&a, TEXT("next"), &error), error);
    ck_ok(append_close(&a, &error), error);
    text.size = TORN[_i].good;
    str_append(&text, TEXT("next\n"));
    expect_file(path, str_text(&text));
}
END_TEST

START_TEST(failed_line_is_taken_back) {
    FileAppend a;
    const char *path = in_dir("log");
    struct rlimit cap = {10, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    ck_ok(append_open(&a, path, 0, &error), error);
    ck_ok(append_line(&a, TEXT("one"), &error), error);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &cap), 0);
    // Six of ten bytes fit, so the system writes these first: a short write, then an error.
    ck_assert_int_eq(append_line(&a, TEXT("123456789"), &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, path));
    expect_file(path, TEXT("one\n"));
    ck_ok(append_line(&a, TEXT("two"), &error), error);
    ck_ok(append_close(&a, &error), error);
    expect_file(path, TEXT("one\ntwo\n"));
}
END_TEST

START_TEST(full_device) {
#ifdef __linux__
    FileAppend a;
    ck_ok(append_open(&a, "/dev/full", SIZE_MAX, &error), error);
    ck_assert_int_eq(append_line(&a, TEXT("line"), &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "/dev/full"));
    ck_assert_ptr_nonnull(strstr(error.text, strerror(ENOSPC)));
    ck_ok(append_close(&a, &error), error);
#endif
}
END_TEST

START_TEST(newline_in_a_line_aborts) {
    FileAppend a;
    append_open(&a, "/dev/null", 0, NULL);
    append_line(&a, TEXT("a\nb"), NULL);
}
END_TEST

START_TEST(directories) {
    const char *deep = in_dir("a/b//c/");
    ck_ok(directory_make(deep, &error), error);
    ck_ok(directory_make(deep, &error), error);
    ck_assert(file_is_directory(in_dir("a/b/c")));
    ck_ok(directory_sync(deep, &error), error);
    ck_ok(file_write(in_dir("f"), "x", 1, &error), error);
    ck_assert_int_eq(directory_make(in_dir("f"), &error), ERR_IO);
    ck_assert_int_eq(directory_make(in_dir("f/g"), &error), ERR_IO);
    ck_assert_int_eq(directory_make("", &error), ERR_IO);
    // Sorted by bytes, over several sizes of the list.
    char name[16], last[16] = "";
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%c%d", i % 2 ? 'Z' : 'b', i * 37 % 100);
        ck_ok(file_write(path_join(&arena, deep, name), "", 0, &error), error);
    }
    const char **names;
    int count;
    ck_ok(directory_list(&arena, deep, &names, &count, &error), error);
    ck_assert_int_eq(count, 100);
    for (int i = 0; i < count; i++) {
        ck_assert_int_lt(strcmp(last, names[i]), 0);
        snprintf(last, sizeof last, "%s", names[i]);
    }
    ck_assert_int_eq(directory_list(&arena, in_dir("none"), &names, &count, &error), ERR_IO);
    ck_ok(path_rename(in_dir("a"), in_dir("z"), &error), error);
    expect_names("f z");
    ck_assert_int_eq(path_rename(in_dir("a"), in_dir("y"), &error), ERR_IO);
}
END_TEST

START_TEST(removing) {
    ck_ok(directory_make(in_dir("keep"), &error), error);
    ck_ok(file_write(in_dir("keep/f"), "x", 1, &error), error);
    ck_ok(directory_make(in_dir("run/sub"), &error), error);
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, i % 2 ? "run/%d" : "run/sub/%d", i);
        ck_ok(file_write(in_dir(name), "x", 1, &error), error);
    }
    // Links inside go, what they point to stays.
    ck_assert_int_eq(symlink("../keep", in_dir("run/link")), 0);
    ck_assert_int_eq(symlink("../../keep/f", in_dir("run/sub/link")), 0);
    ck_ok(directory_remove(in_dir("run"), &error), error);
    expect_names("keep");
    expect_file(in_dir("keep/f"), TEXT("x"));
    // Missing is fine; a link, with or without a slash behind it, and a file are refused.
    ck_ok(directory_remove(in_dir("run"), &error), error);
    ck_assert_int_eq(symlink("keep", in_dir("link")), 0);
    ck_assert_int_eq(directory_remove(in_dir("link"), &error), ERR_IO);
    ck_assert_int_eq(directory_remove(in_dir("link/"), &error), ERR_IO);
    ck_assert_int_eq(directory_remove(in_dir("keep/f"), &error), ERR_IO);
    expect_file(in_dir("keep/f"), TEXT("x"));
    ck_ok(directory_remove(in_dir("keep/"), &error), error);
    expect_names("link");
    // Deeper than ours is not ours.
    ck_ok(directory_make(in_dir("d/e/f"), &error), error);
    ck_ok(file_write(in_dir("d/e/f/g"), "x", 1, &error), error);
    ck_assert_int_eq(directory_remove(in_dir("d"), &error), ERR_IO);
    expect_file(in_dir("d/e/f/g"), TEXT("x"));
}
END_TEST

START_TEST(lock_of_a_killed_owner) {
    int lock, ready[2];
    char byte, number[32];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (lock_take(&lock, dir, &error) == OK && write(ready[1], "x", 1) == 1) pause();
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    // The second is refused at once, with directory and owner; the lock file says it too.
    ck_assert_int_eq(lock_take(&lock, dir, &error), ERR_BUSY);
    snprintf(number, sizeof number, "process %ld", (long)child);
    ck_assert_ptr_nonnull(strstr(error.text, number));
    ck_assert_ptr_nonnull(strstr(error.text, dir));
    snprintf(number, sizeof number, "%ld\n", (long)child);
    expect_file(in_dir("lock"), text_of(number));
    ck_assert_int_eq(lock_take(&lock, dir, &error), ERR_BUSY);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_ok(lock_take(&lock, dir, &error), error);
    snprintf(number, sizeof number, "%ld\n", (long)getpid());
    // Not by expect_file: closing another descriptor of the file would give up this process's lock.
    char held[32] = "";
    ck_assert_int_gt(pread(lock, held, sizeof held - 1, 0), 0);
    ck_assert_str_eq(held, number);
    // Now the other way round, until it is released.
    for (int turn = 0; turn < 2; turn++) {
        child = fork();
        if (child == 0) _exit(lock_take(&lock, dir, &error));
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(WEXITSTATUS(status), turn == 0 ? ERR_BUSY : OK);
        if (turn == 0) lock_release(lock);
    }
    ck_assert_int_eq(lock_take(&lock, in_dir("none"), &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "none"));
}
END_TEST

Suite *suite_file(void) {
    Suite *suite = suite_create("file");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, maps_and_reads);
    tcase_add_test(all, only_regular_files);
    tcase_add_test(all, paths);
    tcase_add_test(all, writes_replace_whole_files);
    tcase_add_test(all, abandoned_and_left_behind);
    tcase_add_test(all, two_writers_of_one_file);
    tcase_add_test(all, full_disk_leaves_the_old_file);
    tcase_add_test(all, places_that_cannot_be_written);
    tcase_add_test(all, log_grows_and_is_cut);
    tcase_add_loop_test(all, torn_line_is_cut, 0, sizeof TORN / sizeof TORN[0]);
    tcase_add_test(all, failed_line_is_taken_back);
    tcase_add_test(all, full_device);
    tcase_add_test(all, directories);
    tcase_add_test(all, removing);
    tcase_add_test(all, lock_of_a_killed_owner);
    suite_add_tcase(suite, all);
    TCase *aborts = tcase_create("aborts");
    tcase_add_test_raise_signal(aborts, newline_in_a_line_aborts, SIGABRT);
    suite_add_tcase(suite, aborts);
    return suite;
}
