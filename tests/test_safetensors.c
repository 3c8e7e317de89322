#include "tensor/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support.h"

static Arena arena;

static void setup(void) { arena = arena_make("test_safetensors", 0); }
static void teardown(void) { arena_free(&arena); }

// A file of this header text and `data` bytes; `length` is what the first eight bytes say.
static FileMap make(const char *header, uint64_t length, size_t data) {
    Str s = str_make(&arena);
    for (int i = 0; i < 8; i++) str_append_char(&s, (char)(length >> (8 * i)));
    str_append(&s, text_of(header));
    for (size_t i = 0; i < data; i++) str_append_char(&s, (char)i);
    return (FileMap){"file.safetensors", (const uint8_t *)s.data, s.size};
}

#define ONE(type, shape, begin, end) "{\"a\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}}"
#define TWO(b1, e1, b2, e2)                                                \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" b1 "," e1 \
    "]},\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[" b2 "," e2 "]}}"

static const struct {
    const char *name, *header;
    size_t data;
    int64_t extra;     // added to the true header length
    const char *word;  // NULL: the file is good
} CASES[] = {
    {"one tensor", ONE("F32", "[2]", "0", "8"), 8, 0, NULL},
    {"no tensor", "{}", 0, 0, NULL},
    {"rank 0", ONE("F32", "[]", "0", "4"), 4, 0, NULL},
    {"size 0", ONE("F32", "[0,5]", "0", "0"), 0, 0, NULL},
    {"size 0 of a product that would wrap", ONE("F32", "[0,4611686018427387904,16]", "0", "0"), 0, 0, NULL},
    {"two, listed in the other order", TWO("3", "11", "0", "3"), 11, 0, NULL},
    {"padding of spaces", ONE("F32", "[2]", "0", "8") "   ", 8, 0, NULL},
    {"metadata", "{\"__metadata__\":{\"format\":\"pt\",\"x\":\"\"}}", 0, 0, NULL},
    {"unknown member", "{\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"more\":[1,{}],\"data_offsets\":[0,1]}}", 1, 0, NULL},
    {"type that we do not compute with", ONE("F8_E4M3", "[7]", "0", "7"), 7, 0, NULL},
    {"half a byte each", ONE("F4", "[4]", "0", "2"), 2, 0, NULL},
    {"header longer than the file", "{}", 0, 1, "only 2 bytes follow"},
    {"header length over the limit", "{}", 0, 100000000, "at most 100000000"},
    {"header length of 2^63", "{}", 0, INT64_MAX, "at most 100000000"},
    {"header length 0", "{}", 0, -2, "does not begin with '{'"},
    {"header cut", ONE("F32", "[2]", "0", "8"), 8, -1, "expected ','"},
    {"header not an object", "[]", 0, 0, "does not begin with '{'"},
    {"header begins with a space", " {}", 0, 0, "does not begin with '{'"},
    {"padding of another kind", "{}\n", 0, 0, "does not begin with '{'"},
    {"header that is no UTF-8", "{\"\xff\":1}", 0, 0, "UTF-8"},
    {"header that is no JSON", "{\"a\":}", 0, 0, "file.safetensors"},
    {"two objects", "{}{}", 0, 0, "file.safetensors"},
    {"metadata not an object", "{\"__metadata__\":[]}", 0, 0, "__metadata__"},
    {"metadata with a number", "{\"__metadata__\":{\"x\":1}}", 0, 0, "'x' is not a string"},
    {"metadata that stands twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, 0, "__metadata__"},
    {"tensor that stands twice",
     "{\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, 0,
     "a"},
    {"tensor that is a number", "{\"a\":1}", 0, 0, "'a' is not described"},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 0, "'dtype'"},
    {"dtype of another case", ONE("f32", "[2]", "0", "8"), 8, 0, "unknown dtype 'f32'"},
    {"dtype a number", "{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 0, "'dtype'"},
    {"no shape", "{\"a\":{\"dtype\":\"I8\",\"data_offsets\":[0,1]}}", 1, 0, "'shape'"},
    {"shape a number", ONE("I8", "1", "0", "1"), 1, 0, "'shape'"},
    {"negative dimension", ONE("I8", "[-1]", "0", "1"), 1, 0, "whole numbers"},
    {"broken dimension", ONE("I8", "[1.5]", "0", "1"), 1, 0, "whole numbers"},
    {"dimension of 1e0", ONE("I8", "[1e0]", "0", "1"), 1, 0, "whole numbers"},
    {"dimension a text", ONE("I8", "[\"1\"]", "0", "1"), 1, 0, "whole numbers"},
    {"rank 9", ONE("I8", "[1,1,1,1,1,1,1,1,1]", "0", "1"), 1, 0, "rank 9"},
    {"product that wraps to 4", ONE("F32", "[4194305,4194305,211106198978564]", "0", "16"), 16, 0, "more elements"},
    {"bytes that wrap", ONE("F64", "[2305843009213693953]", "0", "8"), 8, 0, "'a'"},
    {"half a byte", ONE("F4", "[3]", "0", "1"), 1, 0, "whole bytes"},
    {"no offsets", "{\"a\":{\"dtype\":\"I8\",\"shape\":[1]}}", 1, 0, "'data_offsets'"},
    {"three offsets", "{\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", 1, 0, "'data_offsets'"},
    {"negative offset", ONE("I8", "[1]", "-1", "0"), 1, 0, "'data_offsets'"},
    {"end before begin", ONE("I8", "[1]", "1", "0"), 1, 0, "needs 1 bytes"},
    {"span larger than the shape", ONE("F32", "[2]", "0", "12"), 12, 0, "needs 8 bytes"},
    {"span smaller than the shape", ONE("F32", "[2]", "0", "4"), 4, 0, "needs 8 bytes"},
    {"first does not begin at 0", ONE("F32", "[2]", "4", "12"), 12, 0, "begins at 4"},
    {"overlap", TWO("0", "8", "7", "10"), 10, 0, "begins at 7; expected 8"},
    {"hole", TWO("0", "8", "9", "12"), 12, 0, "begins at 9; expected 8"},
    {"end beyond the file", ONE("F32", "[2]", "0", "8"), 7, 0, "ends at 8"},
    {"bytes behind the last", ONE("F32", "[2]", "0", "8"), 9, 0, "end at 8, but"},
    {"bytes without a tensor", "{}", 1, 0, "data has 1"},
};

START_TEST(hostile_files) {
    SafeTensors file;
    Error error = {0};
    FileMap map = make(CASES[_i].header, strlen(CASES[_i].header) + (uint64_t)CASES[_i].extra, CASES[_i].data);
    Status status = safetensors_check(&file, &arena, map, &error);
    if (CASES[_i].word == NULL) {
        ck_assert_msg(status == OK, "%s: %s", CASES[_i].name, error.text);
    } else {
        ck_assert_msg(status == ERR_FORMAT, "%s was accepted", CASES[_i].name);
        ck_assert_msg(strstr(error.text, CASES[_i].word) != NULL, "%s: '%s' in: %s", CASES[_i].name, CASES[_i].word, error.text);
        ck_assert_msg(strncmp(error.text, "file.safetensors", 16) == 0, "%s", error.text);
    }
}
END_TEST

START_TEST(truncations) {
    const char *header = TWO("0", "8", "8", "11");
    FileMap whole = make(header, strlen(header), 11);
    for (size_t size = 0; size < whole.size; size++) {
        SafeTensors file;
        Error error;
        ArenaMark mark = arena_mark(&arena);
        FileMap map = {"file.safetensors", whole.data, size};
        ck_assert_msg(safetensors_check(&file, &arena, map, &error) == ERR_FORMAT, "%zu of %zu bytes", size, whole.size);
        arena_release(&arena, mark);
    }
}
END_TEST

// Whatever a flipped bit makes of the header, an accepted file keeps every tensor inside.
START_TEST(bit_flips) {
    const char *header = TWO("0", "8", "8", "11");
    FileMap map = make(header, strlen(header), 11);
    uint8_t *bytes = (uint8_t *)map.data;
    for (size_t bit = 0; bit < 8 * (map.size - 11); bit++) {
        SafeTensors file;
        Error error;
        ArenaMark mark = arena_mark(&arena);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
        if (safetensors_check(&file, &arena, map, &error) == OK)
            for (size_t i = 0; i < file.n_tensors; i++)
                ck_assert(file.tensors[i].data >= map.data &&
                          file.tensors[i].bytes <= (size_t)(map.data + map.size - file.tensors[i].data));
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
        arena_release(&arena, mark);
    }
}
END_TEST

// A header that would make a tree far larger than itself is refused before the tree is made.
START_TEST(crowded_header) {
    SafeTensors file;
    Error error = {0};
    size_t n = 5 << 20;
    Str s = str_make(&arena);
    str_append(&s, TEXT("{\"a\":{\"shape\":[1"));
    for (size_t i = 0; i < n / 2; i++) str_append(&s, TEXT(",1"));
    str_append(&s, TEXT("]}}"));
    size_t before = arena.reserved;
    FileMap map = make(s.data, s.size, 0);
    ck_assert_int_eq(safetensors_check(&file, &arena, map, &error), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "values; at most"));
    ck_assert_uint_lt(arena.reserved - before, 64u << 20);
}
END_TEST

static const float F32_DATA[6] = {1, -2, 3.5f, 0, 1e-40f, 6};
static const uint16_t BF16_DATA[3] = {0x3f80, 0x4000, 0xc040}, F16_DATA[1] = {0x3c00};

static Status write_sample(const char *path, bool reversed, Error *error) {
    const SafeTensorOut tensors[4] = {{"b.weight", DTYPE_BF16, 1, {3}, BF16_DATA},
                                      {"z.weight", DTYPE_F32, 2, {2, 3}, F32_DATA},
                                      {"a \"quoted\"\n", DTYPE_F16, 0, {0}, F16_DATA},
                                      {"y", DTYPE_F32, 1, {0}, F32_DATA}};
    SafeTensorOut order[4];
    const char *const metadata[] = {"rlcd.recipe_sha256", "00ff", NULL};
    for (int i = 0; i < 4; i++) order[i] = tensors[reversed ? 3 - i : i];
    return safetensors_write(path, &arena, order, 4, metadata, error);
}

// What is written reads back to the bit, the order of the arguments does not matter, and the bytes are the format's.
START_TEST(round_trip) {
    SafeTensors file;
    Error error = {0};
    Text first, second;
    const char *dir = temporary_make(&arena), *path = path_join(&arena, dir, "x.safetensors"),
               *other = path_join(&arena, dir, "y.safetensors");
    ck_ok(write_sample(path, false, &error), error);
    ck_ok(write_sample(other, true, &error), error);
    ck_ok(file_read(&first, &arena, path, 1 << 20, &error), error);
    ck_ok(file_read(&second, &arena, other, 1 << 20, &error), error);
    ck_assert(text_equal(first, second));
    const char *expected =
        "{\"__metadata__\":{\"format\":\"pt\",\"rlcd.recipe_sha256\":\"00ff\"},\"y\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,"
        "0]},"
        "\"z.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"a \\\"quoted\\\"\\n\":{\"dtype\":\"F16\",\"shape\":[],"
        "\"data_offsets\":[24,26]},\"b.weight\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[26,32]}}";
    ck_assert(text_begins((Text){first.data + 8, first.size - 8}, text_of(expected)));
    ck_assert_uint_eq((first.size - 32) % 8, 0);

    ck_ok(safetensors_open(&file, &arena, path, &error), error);
    ck_assert_uint_eq(file.n_tensors, 4);
    const SafeTensor *z = safetensors_find(&file, "z.weight"), *b = safetensors_find(&file, "b.weight"),
                     *a = safetensors_find(&file, "a \"quoted\"\n");
    ck_assert(z && z->known && z->dtype == DTYPE_F32 && z->rank == 2 && z->dim[0] == 2 && z->dim[1] == 3 && z->bytes == 24);
    ck_assert_int_eq(memcmp(z->data, F32_DATA, 24), 0);
    ck_assert(b && b->dtype == DTYPE_BF16 && memcmp(b->data, BF16_DATA, 6) == 0);
    ck_assert(a && a->dtype == DTYPE_F16 && a->rank == 0 && memcmp(a->data, F16_DATA, 2) == 0);
    ck_assert_ptr_null(safetensors_find(&file, "a"));
    ck_assert_uint_eq((uintptr_t)z->data % 8, 0);
    ck_assert(text_equal(json_get(file.metadata, "format")->string, TEXT("pt")));
    safetensors_close(&file);
    temporary_remove(dir);
}
END_TEST

// Every NaN is written as the one that files hold; infinities and signed zeros stay.
START_TEST(nan_has_one_form) {
    enum { N = 3000 };
    SafeTensors file;
    Error error = {0};
    uint32_t bits[N], back[N];
    for (uint32_t i = 0; i < N; i++)
        bits[i] = i % 4 == 0 ? 0xff800001u + i : i % 4 == 1 ? 0x7fc12345u : i % 4 == 2 ? 0xff800000u : 0x80000000u;
    const SafeTensorOut tensor = {"x", DTYPE_F32, 1, {N}, bits};
    const char *dir = temporary_make(&arena), *path = path_join(&arena, dir, "x.safetensors");
    ck_ok(safetensors_write(path, &arena, &tensor, 1, NULL, &error), error);
    ck_ok(safetensors_open(&file, &arena, path, &error), error);
    memcpy(back, file.tensors[0].data, sizeof back);
    for (int i = 0; i < N; i++) ck_assert_uint_eq(back[i], i % 4 < 2 ? 0x7fc00000u : bits[i]);
    safetensors_close(&file);
    temporary_remove(dir);
}
END_TEST

START_TEST(unwritable_path) {
    Error error = {0};
    ck_assert_int_eq(write_sample("/absent/x.safetensors", false, &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "/absent/"));
}
END_TEST

static void write_twins(void) {
    const SafeTensorOut twins[2] = {{"x", DTYPE_F32, 1, {6}, F32_DATA}, {"x", DTYPE_F32, 1, {6}, F32_DATA}};
    safetensors_write("/absent/x.safetensors", &arena, twins, 2, NULL, NULL);
}

// Two tensors of one name are a caller's mistake.
START_TEST(equal_names_abort) { write_twins(); }
END_TEST

Suite *suite_safetensors(void);
Suite *suite_safetensors(void) {
    Suite *suite = suite_create("safetensors");
    TCase *tests = tcase_create("safetensors");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, hostile_files, 0, sizeof CASES / sizeof *CASES);
    tcase_add_test(tests, truncations);
    tcase_add_test(tests, bit_flips);
    tcase_add_test(tests, crowded_header);
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, nan_has_one_form);
    tcase_add_test(tests, unwritable_path);
    tcase_add_test_raise_signal(tests, equal_names_abort, 6);
    suite_add_tcase(suite, tests);
    return suite;
}
