#include "tensor/gguf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/gguf_build.h"
#include "tests/support.h"

// What can be turned in the small file that `build` writes; each case turns one knob to one wrong value.
enum {
    NOTHING,
    MAGIC,
    VERSION,
    TENSORS,
    VALUES,
    KEY_LENGTH,
    VALUE_TYPE,
    STRING_LENGTH,
    LIST_TYPE,
    LIST_COUNT,
    TEXTS_COUNT,
    SECOND_TEXT_LENGTH,
    BOOL_VALUE,
    SECOND_KEY,
    ALIGNMENT,
    ALIGNMENT_TYPE,
    NAME_LENGTH,
    RANK,
    DIM0,
    DIM1,
    TYPE,
    SECOND_TYPE,
    SECOND_ROW,
    FIRST_OFFSET,
    SECOND_OFFSET,
    SECOND_NAME,
    DATA,
    LETTER,
    KNOBS
};

static const uint64_t GOOD[KNOBS] = {
    [MAGIC] = 0x46554747,
    [VERSION] = 3,
    [TENSORS] = 2,
    [VALUES] = 6,
    [KEY_LENGTH] = 20,
    [VALUE_TYPE] = GGUF_STRING,
    [STRING_LENGTH] = 5,
    [LIST_TYPE] = GGUF_I32,
    [LIST_COUNT] = 3,
    [TEXTS_COUNT] = 2,
    [SECOND_TEXT_LENGTH] = 3,
    [BOOL_VALUE] = 1,
    [SECOND_KEY] = '1',
    [ALIGNMENT] = 32,
    [ALIGNMENT_TYPE] = GGUF_U32,
    [NAME_LENGTH] = 3,
    [RANK] = 2,
    [DIM0] = 4,
    [DIM1] = 3,
    [TYPE] = 0,
    [SECOND_TYPE] = 8,
    [SECOND_ROW] = 32,
    [FIRST_OFFSET] = 0,
    [SECOND_OFFSET] = 64,
    [SECOND_NAME] = 'w',
    [DATA] = 160,
    [LETTER] = 'a',
};

// A string whose length field may lie.
static void put_lying_string(Str *s, uint64_t length, const char *text) {
    put_uint(s, length, 8);
    str_append(s, text_of(text));
}

// Six keys (text, list, texts, bool, alignment, number) and two tensors: one f32 [3,4], two q8_0 [2,32].
static void build(Str *s, const uint64_t *k) {
    put_uint(s, k[MAGIC], 4);
    put_uint(s, k[VERSION], 4);
    put_uint(s, k[TENSORS], 8);
    put_uint(s, k[VALUES], 8);
    put_lying_string(s, k[KEY_LENGTH], "general.architecture");
    put_uint(s, k[VALUE_TYPE], 4);
    put_lying_string(s, k[STRING_LENGTH], "llama");
    put_string(s, "k.list");
    put_uint(s, GGUF_ARRAY, 4);
    put_uint(s, k[LIST_TYPE], 4);
    put_uint(s, k[LIST_COUNT], 8);
    for (uint32_t i = 0; i < 3; i++) put_uint(s, 7 - 8 * (uint64_t)i, 4);
    put_string(s, "k.texts");
    put_uint(s, GGUF_ARRAY, 4);
    put_uint(s, GGUF_STRING, 4);
    put_uint(s, k[TEXTS_COUNT], 8);
    put_string(s, "");
    put_lying_string(s, k[SECOND_TEXT_LENGTH], "two");
    char key[] = "k.0";
    key[2] = '1';
    put_string(s, key);
    put_uint(s, GGUF_BOOL, 4);
    put_uint(s, k[BOOL_VALUE], 1);
    put_string(s, "general.alignment");
    put_uint(s, k[ALIGNMENT_TYPE], 4);
    put_uint(s, k[ALIGNMENT], 4);
    key[2] = k[SECOND_KEY] == '1' ? '2' : '1';
    put_string(s, key);
    put_uint(s, GGUF_F64, 4);
    put_uint(s, 0x3fe0000000000000, 8);

    char name[] = "one";
    name[2] = (char)k[LETTER] == 'a' ? 'e' : (char)k[LETTER];
    put_lying_string(s, k[NAME_LENGTH], name);
    put_uint(s, k[RANK], 4);
    put_uint(s, k[DIM0], 8);
    put_uint(s, k[DIM1], 8);
    put_uint(s, k[TYPE], 4);
    put_uint(s, k[FIRST_OFFSET], 8);
    put_tensor(s, k[SECOND_NAME] == 'w' ? "two" : "one", 2, (const uint64_t[]){k[SECOND_ROW], 2}, k[SECOND_TYPE], k[SECOND_OFFSET]);
    put_padding(s, 32);
    for (uint64_t i = 0; i < k[DATA]; i++) str_append_char(s, (char)i);
}

static const struct {
    const char *name;
    int knob;
    uint64_t value;
    const char *word;  // NULL: the file is good
} CASES[] = {
    {"good", NOTHING, 0, NULL},
    {"version 2", VERSION, 2, NULL},
    {"last tensor not padded", DATA, 132, NULL},
    {"alignment 8", ALIGNMENT, 8, "offset 64; expected 48"},
    {"magic", MAGIC, 0x47475546, "not a GGUF file"},
    {"version 0", VERSION, 0, "version 0"},
    {"version 1", VERSION, 1, "version 1"},
    {"version 4", VERSION, 4, "version 4"},
    {"version in the other byte order", VERSION, 3u << 24, "big-endian"},
    {"tensor count beyond the file", TENSORS, 1000, "claims 1000 tensors"},
    {"tensor count of 2^63", TENSORS, 1ull << 63, "tensors"},
    {"tensor count one more", TENSORS, 3, "byte"},
    {"tensor count one less", TENSORS, 1, "belong to nothing"},
    {"key count beyond the file", VALUES, 1ull << 60, "keys"},
    {"key count that wraps", VALUES, UINT64_MAX, "keys"},
    {"key count one more", VALUES, 7, "byte"},
    {"key length of 2^64-1", KEY_LENGTH, UINT64_MAX, "a key at byte"},
    {"key length beyond the file", KEY_LENGTH, 100000, "a key at byte"},
    {"empty key", KEY_LENGTH, 0, "is empty"},
    {"value type 13", VALUE_TYPE, 13, "unknown value type 13"},
    {"value type of 2^32-1", VALUE_TYPE, UINT32_MAX, "unknown value type"},
    {"string length of 2^64-1", STRING_LENGTH, UINT64_MAX, "general.architecture"},
    {"string length of 2^63", STRING_LENGTH, 1ull << 63, "general.architecture"},
    {"array of arrays", LIST_TYPE, GGUF_ARRAY, "array of arrays"},
    {"array of an unknown type", LIST_TYPE, 99, "unknown type 99"},
    {"array count whose size wraps", LIST_COUNT, (1ull << 62) + 3, "k.list"},
    {"array count beyond the file", LIST_COUNT, 100000, "k.list"},
    {"count of strings beyond the file", TEXTS_COUNT, 1ull << 61, "k.texts"},
    {"string in an array beyond the file", SECOND_TEXT_LENGTH, 1ull << 40, "k.texts"},
    {"bool of 2", BOOL_VALUE, 2, "expected 0 or 1"},
    {"key that stands twice", SECOND_KEY, '2', "'k.1' stands twice"},
    {"alignment 0", ALIGNMENT, 0, "general.alignment is 0"},
    {"alignment 1", ALIGNMENT, 1, "general.alignment is 1"},
    {"alignment 33", ALIGNMENT, 33, "power of two"},
    {"alignment 2^31", ALIGNMENT, 1u << 31, "general.alignment"},
    {"alignment of type i32", ALIGNMENT_TYPE, GGUF_I32, "of type i32"},
    {"name length of 2^64-1", NAME_LENGTH, UINT64_MAX, "tensor's name"},
    {"name of 64 bytes", NAME_LENGTH, 64, "at most 63"},
    {"empty name", NAME_LENGTH, 0, "is empty"},
    {"name that is no UTF-8", LETTER, 0xff, "UTF-8"},
    {"rank 0", RANK, 0, "rank 0"},
    {"rank 5", RANK, 5, "rank 5"},
    {"rank of 2^32-1", RANK, UINT32_MAX, "rank"},
    {"dimension 0", DIM0, 0, "dimension 0 of 0"},
    {"dimension 0 in second place", DIM1, 0, "dimension 1 of 0"},
    {"dimension of 2^63", DIM0, 1ull << 63, "more elements"},
    {"product that wraps to 12", DIM1, (1ull << 62) + 3, "more elements"},
    {"bytes that wrap", DIM1, 1ull << 60, "more bytes"},
    {"type 4, removed from the format", TYPE, 4, "unknown type number 4"},
    {"type of 2^32-1", TYPE, UINT32_MAX, "unknown type"},
    {"row that is no whole block", SECOND_ROW, 33, "block of 32"},
    {"block type over a short row", TYPE, 8, "block of 32"},
    {"shape larger than the data", DIM1, 1000, "needs 16000 bytes"},
    {"type that needs more data", SECOND_TYPE, 0, "needs 256 bytes"},
    {"first offset not 0", FIRST_OFFSET, 32, "offset 32; expected 0"},
    {"offset inside the tensor before", SECOND_OFFSET, 32, "expected 64"},
    {"offset that leaves a hole", SECOND_OFFSET, 96, "expected 64"},
    {"offset of 2^64-32", SECOND_OFFSET, UINT64_MAX - 31, "expected 64"},
    {"name that stands twice", SECOND_NAME, 'n', "'one' stands twice"},
    {"data one byte short", DATA, 131, "needs 68 bytes"},
    {"no data", DATA, 0, "needs 48 bytes"},
    {"bytes behind the last tensor", DATA, 161, "belong to nothing"},
};

static Arena arena;

static void setup(void) { arena = arena_make("test_gguf", 0); }
static void teardown(void) { arena_free(&arena); }

static FileMap map_of(const Str *s) { return (FileMap){"file.gguf", (const uint8_t *)s->data, s->size}; }

START_TEST(hostile_files) {
    Gguf g;
    Error error = {0};
    uint64_t knobs[KNOBS];
    memcpy(knobs, GOOD, sizeof knobs);
    knobs[CASES[_i].knob] = CASES[_i].value;
    Str s = str_make(&arena);
    build(&s, knobs);
    Status status = gguf_check(&g, &arena, map_of(&s), &error);
    if (CASES[_i].word == NULL) {
        ck_assert_msg(status == OK, "%s: %s", CASES[_i].name, error.text);
    } else {
        ck_assert_msg(status == ERR_FORMAT, "%s was accepted", CASES[_i].name);
        ck_assert_msg(strstr(error.text, CASES[_i].word) != NULL, "%s: '%s' in: %s", CASES[_i].name, CASES[_i].word, error.text);
        ck_assert_msg(strncmp(error.text, "file.gguf: ", 11) == 0, "%s", error.text);
    }
}
END_TEST

// Every shorter file is refused, but for one that only lacks the padding of its last tensor.
START_TEST(truncations) {
    Str s = str_make(&arena);
    build(&s, GOOD);
    for (size_t size = 0; size < s.size; size++) {
        Gguf g;
        Error error;
        ArenaMark mark = arena_mark(&arena);
        // A copy of its own size, so that a sanitizer sees reads behind the end.
        FileMap map = {"file.gguf", size ? malloc(size) : NULL, size};
        if (size) memcpy((void *)map.data, s.data, size);
        Status status = gguf_check(&g, &arena, map, &error);
        free((void *)map.data);
        arena_release(&arena, mark);
        ck_assert_msg((status == OK) == (size >= s.size - 28), "%zu of %zu bytes", size, s.size);
    }
}
END_TEST

// No flipped bit of the header leads astray: whatever is accepted keeps every pointer inside the file.
START_TEST(bit_flips) {
    Str s = str_make(&arena);
    build(&s, GOOD);
    for (size_t bit = 0; bit < 8 * (s.size - GOOD[DATA]); bit++) {
        Gguf g;
        Error error;
        ArenaMark mark = arena_mark(&arena);
        s.data[bit / 8] = (char)(s.data[bit / 8] ^ 1 << bit % 8);
        const uint8_t *begin = (const uint8_t *)s.data, *end = begin + s.size;
        if (gguf_check(&g, &arena, map_of(&s), &error) == OK) {
            for (size_t i = 0; i < g.n_tensors; i++)
                ck_assert(g.tensors[i].data >= begin && g.tensors[i].bytes <= (size_t)(end - g.tensors[i].data));
            for (size_t i = 0; i < g.n_values; i++)
                ck_assert(g.values[i].data >= begin && g.values[i].bytes <= (size_t)(end - g.values[i].data));
        }
        s.data[bit / 8] = (char)(s.data[bit / 8] ^ 1 << bit % 8);
        arena_release(&arena, mark);
    }
}
END_TEST

START_TEST(contents) {
    Gguf g;
    Error error = {0};
    Str s = str_make(&arena);
    build(&s, GOOD);
    ck_ok(gguf_check(&g, &arena, map_of(&s), &error), error);
    ck_assert_uint_eq(g.n_values, 6);
    const GgufTensor *two = gguf_tensor(&g, "two");
    ck_assert_ptr_nonnull(two);
    ck_assert(two->known && two->dtype == DTYPE_Q8_0 && two->rank == 2 && two->dim[0] == 32 && two->dim[1] == 2 && two->bytes == 68);
    ck_assert_uint_eq(two->data[0], 64);
    ck_assert_ptr_null(gguf_tensor(&g, "tw"));
    ck_assert_ptr_null(gguf_find(&g, "k"));

    int32_t *numbers;
    Text *texts, text;
    size_t count;
    double x;
    bool yes;
    ck_ok(gguf_ints_or_null(&g, &arena, "k.list", &numbers, &count, &error), error);
    ck_assert(count == 3 && numbers[0] == 7 && numbers[1] == -1 && numbers[2] == -9);
    ck_ok(gguf_ints_or_null(&g, &arena, "absent", &numbers, &count, &error), error);
    ck_assert(numbers == NULL && count == 0);
    ck_ok(gguf_need_strings(&g, &arena, "k.texts", &texts, &count, &error), error);
    ck_assert(count == 2 && texts[0].size == 0 && text_equal(texts[1], TEXT("two")));
    ck_ok(gguf_string_or(&g, "general.architecture", TEXT("x"), &text, &error), error);
    ck_assert(text_equal(text, TEXT("llama")));
    ck_ok(gguf_bool_or(&g, "k.1", false, &yes, &error), error);
    ck_assert(yes);
    ck_ok(gguf_need_float(&g, "k.2", &x, &error), error);
    ck_assert(x == 0.5);
    ck_ok(gguf_float_or(&g, "absent", 2.5, &x, &error), error);
    ck_assert(x == 2.5);

    // Wrong types and missing keys are told by name.
    ck_assert_int_eq(gguf_need_float(&g, "k.1", &x, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "'k.1' is of type bool; expected f32 or f64"));
    ck_assert_int_eq(gguf_bool_or(&g, "k.2", false, &yes, &error), ERR_DATA);
    ck_assert_int_eq(gguf_string_or(&g, "k.2", TEXT("x"), &text, &error), ERR_DATA);
    ck_assert_int_eq(gguf_need_strings(&g, &arena, "k.list", &texts, &count, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "array of i32"));
    ck_assert_int_eq(gguf_ints_or_null(&g, &arena, "k.texts", &numbers, &count, &error), ERR_DATA);
    ck_assert_int_eq(gguf_need_float(&g, "absent", &x, &error), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(error.text, "'absent' is missing"));
}
END_TEST

// Integers of each type at the borders of what a caller allows.
START_TEST(integers) {
    static const struct {
        GgufType type;
        int bytes;
        uint64_t bits;
        int64_t value;
        bool good;  // within [-5, 300]
    } ROWS[] = {
        {GGUF_U8, 1, 255, 255, true},        {GGUF_I8, 1, 0xfb, -5, true},        {GGUF_I8, 1, 0xfa, -6, false},
        {GGUF_U16, 2, 300, 300, true},       {GGUF_U16, 2, 301, 301, false},      {GGUF_I16, 2, 0xfffb, -5, true},
        {GGUF_U32, 4, 0xffffffff, 0, false}, {GGUF_I32, 4, 0xffffffff, -1, true}, {GGUF_U64, 8, 300, 300, true},
        {GGUF_U64, 8, UINT64_MAX, 0, false}, {GGUF_I64, 8, UINT64_MAX, -1, true}, {GGUF_F32, 4, 0x3f800000, 0, false},
        {GGUF_BOOL, 1, 1, 0, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        Gguf g;
        Error error = {0};
        int64_t value = 77;
        Str s = str_make(&arena);
        put_header(&s, 0, 1);
        put_string(&s, "k");
        put_uint(&s, ROWS[i].type, 4);
        put_uint(&s, ROWS[i].bits, ROWS[i].bytes);
        ck_ok(gguf_check(&g, &arena, map_of(&s), &error), error);
        Status status = gguf_need_int(&g, "k", -5, 300, &value, &error);
        ck_assert_msg(status == (ROWS[i].good ? OK : ERR_DATA), "row %zu: %s", i, error.text);
        ck_assert_int_eq(value, ROWS[i].good ? ROWS[i].value : 77);
        if (!ROWS[i].good) ck_assert_ptr_nonnull(strstr(error.text, "'k'"));
        ck_ok(gguf_int_or(&g, "absent", 0, 1, 42, &value, &error), error);
        ck_assert_int_eq(value, 42);
    }
}
END_TEST

START_TEST(floats_are_finite) {
    const float bad[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 3; i++) {
        Gguf g;
        Error error = {0};
        double x;
        Str s = str_make(&arena);
        put_header(&s, 0, 1);
        put_f32_key(&s, "k", bad[i]);
        ck_ok(gguf_check(&g, &arena, map_of(&s), &error), error);
        ck_assert_int_eq(gguf_need_float(&g, "k", &x, &error), ERR_DATA);
        ck_assert_ptr_nonnull(strstr(error.text, "finite"));
    }
}
END_TEST

START_TEST(real_model) {
    const char *path = shared_file("models/smollm2-135m-instruct.Q4_1.gguf");
    if (path == NULL) return;
    Gguf g;
    Error error = {0};
    Text *tokens;
    size_t count;
    ck_ok(gguf_open(&g, &arena, path, &error), error);
    ck_assert_uint_eq(g.n_tensors, 272);
    ck_assert_uint_eq(g.n_values, 33);
    ck_assert(gguf_tensor(&g, "token_embd.weight")->dtype == DTYPE_Q8_0);
    ck_assert(gguf_tensor(&g, "blk.29.attn_q.weight")->dtype == DTYPE_Q4_1);
    ck_ok(gguf_need_strings(&g, &arena, "tokenizer.ggml.tokens", &tokens, &count, &error), error);
    ck_assert_uint_eq(count, 49152);
    ck_assert(text_equal(tokens[2], TEXT("<|im_end|>")));
    gguf_close(&g);
}
END_TEST

START_TEST(not_a_regular_file) {
    Gguf g;
    Error error = {0};
    ck_assert_int_ne(gguf_open(&g, &arena, "/dev/null", &error), OK);
    ck_assert_int_ne(gguf_open(&g, &arena, "/tmp", &error), OK);
    ck_assert_int_eq(gguf_open(&g, &arena, "/absent/file.gguf", &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "/absent/file.gguf"));
}
END_TEST

Suite *suite_gguf(void);
Suite *suite_gguf(void) {
    Suite *suite = suite_create("gguf");
    TCase *tests = tcase_create("gguf");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, hostile_files, 0, sizeof CASES / sizeof *CASES);
    tcase_add_test(tests, truncations);
    tcase_add_test(tests, bit_flips);
    tcase_add_test(tests, contents);
    tcase_add_test(tests, integers);
    tcase_add_test(tests, floats_are_finite);
    tcase_add_test(tests, real_model);
    tcase_add_test(tests, not_a_regular_file);
    suite_add_tcase(suite, tests);
    return suite;
}
