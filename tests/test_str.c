// Text, UTF-8, numbers against libc's strtod as an outside judge, sizes, times, near names.
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tensor/base/str.h"
#include "tests/support.h"

// 64 random bits of draw i.
static uint64_t random_bits(uint32_t i) {
    uint32_t counter[4] = {i, 0, 0, 0}, key[2] = {1, 2}, out[4];
    rng_philox(out, counter, key);
    return (uint64_t)out[0] << 32 | out[1];
}

static double double_of(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

START_TEST(texts_compare_and_search) {
    ck_assert(text_equal(TEXT("abc"), text_of("abc")) && !text_equal(TEXT("abc"), TEXT("abd")) && !text_equal(TEXT("ab"), TEXT("abc")));
    ck_assert(text_equal(TEXT("a\0b"), TEXT("a\0b")) && !text_equal(TEXT("a\0b"), TEXT("a\0c")));
    ck_assert_int_lt(text_compare(TEXT("ab"), TEXT("abc")), 0);
    ck_assert_int_gt(text_compare(TEXT("\xff"), TEXT("a")), 0);
    ck_assert_int_eq(text_compare(TEXT(""), TEXT("")), 0);
    ck_assert(text_begins(TEXT("abc"), TEXT("ab")) && text_begins(TEXT("abc"), TEXT("")) && !text_begins(TEXT("a"), TEXT("ab")));
    ck_assert(text_ends(TEXT("abc"), TEXT("bc")) && text_ends(TEXT(""), TEXT("")) && !text_ends(TEXT("c"), TEXT("bc")));
    ck_assert_int_eq(text_find(TEXT("aababab"), TEXT("bab")), 2);
    ck_assert_int_eq(text_find(TEXT("aab"), TEXT("ab")), 1);
    ck_assert_int_eq(text_find(TEXT("abc"), TEXT("cd")), -1);
    ck_assert_int_eq(text_find(TEXT("abc"), TEXT("abcd")), -1);
    ck_assert_int_eq(text_find(TEXT(""), TEXT("a")), -1);
    ck_assert_int_eq(text_find(TEXT("abc"), TEXT("")), 0);
    ck_assert_int_eq(text_find_last(TEXT("aababab"), TEXT("bab")), 4);
    ck_assert_int_eq(text_find_last(TEXT("abc"), TEXT("abc")), 0);
    ck_assert_int_eq(text_find_last(TEXT("abc"), TEXT("x")), -1);
    ck_assert_int_eq(text_find_last(TEXT("abc"), TEXT("")), 3);
}
END_TEST

START_TEST(str_grows) {
    Arena arena = arena_make("test", 4096);
    Str s = str_make(&arena);
    ck_assert_uint_eq(str_text(&s).size, 0);
    for (int i = 0; i < 5000; i++) {
        str_printf(&s, "%d,", i);
        // Other allocations stand in the way of growing in place.
        if (i % 100 == 0) memset(arena_alloc(&arena, 10), 0xEE, 10);
        ck_assert_int_eq(s.data[s.size], '\0');
    }
    char *at = s.data;
    for (int i = 0; i < 5000; i++, at++) {
        ck_assert_int_eq(strtol(at, &at, 10), i);
        ck_assert_int_eq(*at, ',');
    }
    ck_assert_uint_eq((size_t)(at - s.data), s.size);
    str_append(&s, (Text){NULL, 0});
    str_append(&s, TEXT("a\0b"));
    ck_assert_int_eq(s.data[s.size - 2], '\0');
    Text copy = text_copy(&arena, TEXT("x\0y"));
    ck_assert(copy.size == 3 && memcmp(copy.data, "x\0y", 4) == 0);
    arena_free(&arena);
}
END_TEST

START_TEST(utf8_every_code_point) {
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c == 0xD800) c = 0xE000;
        char bytes[4];
        uint32_t back = 0;
        int length = utf8_encode(c, bytes);
        if (length != (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4) || utf8_decode(bytes, 4, &back) != length || back != c)
            ck_abort_msg("U+%04X: %d bytes, read back as U+%04X", c, length, back);
        // Cut short it is refused.
        for (int cut = 0; cut < length; cut++)
            if (utf8_decode(bytes, (size_t)cut, &back) != 0) ck_abort_msg("U+%04X cut to %d bytes is accepted", c, cut);
    }
    char bytes[4];
    ck_assert_int_eq(utf8_encode(0x20AC, bytes), 3);
    ck_assert_int_eq(memcmp(bytes, "\xE2\x82\xAC", 3), 0);
}
END_TEST

static const struct {
    const char *bytes;
    size_t bad;
} NOT_UTF8[] = {
    {"\x80", 0}, {"\xBF", 0}, {"ab\x80", 2}, {"\xC0\x80", 0}, {"\xC1\xBF", 0}, {"\xC2", 0}, {"\xC2 ", 0}, {"\xE0\x80\x80", 0},
    {"\xE0\x9F\xBF", 0}, {"\xE2\x82", 0}, {"x\xE2\x28\xA1", 1}, {"\xE2\x82\x28", 0}, {"\xED\xA0\x80", 0}, {"\xED\xAF\xBF", 0},
    {"\xED\xB0\x80", 0}, {"\xED\xBF\xBF", 0}, {"\xF0\x80\x80\x80", 0}, {"\xF0\x8F\xBF\xBF", 0}, {"\xF0\x9F\x98", 0},
    {"\xF0\x28\x8C\xBC", 0}, {"\xF4\x90\x80\x80", 0}, {"\xF5\x80\x80\x80", 0}, {"\xF8\x88\x80\x80\x80", 0},
    {"\xFC\x84\x80\x80\x80\x80", 0},
    {"\xFE", 0}, {"\xFF", 0}, {"12345678\xFF", 8}, {"1234567\xC3\xA9 long text\xE9 after", 19}, {"\xF0\x9F\x98\x80\xF0\x9F", 4},
};

START_TEST(utf8_refuses) {
    size_t bad = 99;
    uint32_t c;
    ck_assert(!utf8_valid(text_of(NOT_UTF8[_i].bytes), &bad));
    ck_assert_uint_eq(bad, NOT_UTF8[_i].bad);
    ck_assert_int_eq(utf8_decode(NOT_UTF8[_i].bytes + bad, strlen(NOT_UTF8[_i].bytes) - bad, &c), 0);
    ck_assert(!utf8_valid(text_of(NOT_UTF8[_i].bytes), NULL));
}
END_TEST

START_TEST(utf8_accepts) {
    ck_assert(utf8_valid(TEXT(""), NULL));
    ck_assert(utf8_valid(TEXT("plain text of more than eight bytes \0 with NUL"), NULL));
    ck_assert(utf8_valid(TEXT("\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xC2\x80\xDF\xBF\xE0\xA0\x80"), NULL));
}
END_TEST

START_TEST(utf8_encode_surrogate_aborts) {
    char bytes[4];
    utf8_encode(0xD800, bytes);
}
END_TEST

static const char *const NUMBER[] = {
    "0", "-0", "+1", "1", "0.1", "1e0", "1E5", "1e+5", "1e-5", "123456789012345678901234567890", "1e22", "1e23", "9007199254740991",
    "9007199254740992", "9007199254740993", "9007199254740994", "9007199254740995", "-9007199254740993",
    "9007199254740993.0000000000000001",
    "2.2250738585072011e-308", "2.2250738585072014e-308", "2.225073858507201e-308", "4.9406564584124654e-324", "5e-324",
    "2.4703282292062327e-324",
    "2.4703282292062328e-324", "2.47032822920623272e-324", "2.4703282292062327208e-324", "1e-324", "1e-400", "0e999999999999999999999",
    "0.000e-5", "1.7976931348623157e308", "1.7976931348623158e308", "1.79769313486231580793e308", "179769313486231570000e288",
    "8.988465674311579e307", "0.3", "0.30000000000000004", "6.62607015e-34", "1090544144181609348671888949248",
    "100000000000000016777215",
    "100000000000000016777216", "7.2057594037927933e16", "5.0e-324", "7.5e-324", "2.9802322387695312e-8",
    "3.14159265358979323846264338327950288",
    "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    "1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "1.00000000000000011102230246251565404236316680908203125", "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126", "1.0000000000000002220446049250313080847263336181640625",
    "1e-00000000000000000005", "1e0000000000000000000000000000000000000005", "123.456e-322", "0.5e-323", "1e308", "10e307", "0.1e309",
};

START_TEST(numbers_as_strtod) {
    double value = -99;
    ck_assert_msg(number_parse(text_of(NUMBER[_i]), &value), "%s is refused", NUMBER[_i]);
    ck_assert_msg(bits_of(value) == bits_of(strtod(NUMBER[_i], NULL)), "%s gives %a, expected %a", NUMBER[_i], value,
                  strtod(NUMBER[_i], NULL));
}
END_TEST

static const char *const NO_NUMBER[] = {
    "", "+", "-", ".", ".5", "5.", "5.e1", "01", "-01", "00", "1e", "1e+", "1e-", "e5", "1.2.3", "1 ", " 1", "1a", "0x10", "0x1p3",
    "nan", "NaN",
    "inf", "Infinity", "-Infinity", "--1", "+-1", "1,5", "1_000", "1e5.5", "1e400", "-1e400", "1.7976931348623159e308", "1.8e308",
    "2e308",
    "1e99999999999999999999999999",
    "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070963302864",
    "1d5", "\xD9\xA1", "1e+-5", "1f",
};

START_TEST(numbers_refused) {
    double value = -99;
    bool huge = strlen(NO_NUMBER[_i]) > 100;
    char text[512];
    // The long one is 1.797...e308 written out and then some.
    snprintf(text, sizeof text, "%s%s", NO_NUMBER[_i], huge ? "e201" : "");
    ck_assert_msg(!number_parse(text_of(text), &value), "%s is accepted as %g", text, value);
    ck_assert(value == -99);
}
END_TEST

START_TEST(number_with_nul_is_refused) {
    double value;
    int64_t integer;
    ck_assert(!number_parse(TEXT("1\0"), &value) && !number_parse_int(TEXT("1\0"), &integer));
}
END_TEST

// Midpoints of two doubles written out to the last digit, a digit above and a digit below: up to 770 digits.
START_TEST(midpoints_round_to_even) {
    static char text[2600];
    for (uint32_t i = 0; i < 3000; i++) {
        uint64_t bits = random_bits(i) >> 1;
        // Exponents over the whole range, every tenth subnormal.
        if (i % 10 == 0) bits &= ((uint64_t)1 << 52) - 1;
        if (bits >= (uint64_t)0x7FE << 52) continue;
        double low = double_of(bits), high = double_of(bits + 1), value;
        long double middle = ((long double)low + (long double)high) / 2;
        if ((double)LDBL_MANT_DIG < 54 || LDBL_MIN_EXP > -1080) return;
        int length = snprintf(text, sizeof text, "%.800Le", middle);
        ck_assert_int_lt(length, 2000);
        ck_assert(number_parse(text_of(text), &value));
        ck_assert_msg(bits_of(value) == bits + (bits & 1), "%s", text);
        // "+1" at the 801st digit behind the point lies above the midpoint.
        char *e = strchr(text, 'e'), tail[16];
        strcpy(tail, e);
        sprintf(e, "1%s", tail);
        ck_assert(number_parse(text_of(text), &value));
        ck_assert_msg(bits_of(value) == bits + 1, "%s", text);
        // The last digit that is not zero made one less, with nines behind it, lies below.
        while (*--e == '0') *e = '9';
        ck_assert_int_ne(*e, '.');
        (*e)--;
        ck_assert(number_parse(text_of(text), &value));
        ck_assert_msg(bits_of(value) == bits, "%s", text);
    }
}
END_TEST

START_TEST(very_long_digit_strings) {
    static char text[30000];
    double value;
    // 1 followed by thousands of zeros, scaled back; the last digit still decides a tie.
    memset(text, '0', sizeof text);
    memcpy(text, "9007199254740993.", 17);
    strcpy(text + 20000, "0");
    ck_assert(number_parse(text_of(text), &value));
    ck_assert(value == 9007199254740992.0);
    text[20000] = '1';
    text[20001] = '\0';
    ck_assert(number_parse(text_of(text), &value));
    ck_assert(value == 9007199254740994.0);
    // A long run of zeros behind "0." against a large exponent, and the reverse.
    memset(text, '0', sizeof text);
    text[1] = '.';
    strcpy(text + 10001, "25e10000");
    ck_assert(number_parse(text_of(text), &value) && value == 2.5);
    memset(text, '0', sizeof text);
    text[0] = '7';
    strcpy(text + 10001, "e-10000");
    ck_assert(number_parse(text_of(text), &value) && value == 7.0);
    memset(text, '9', sizeof text);
    strcpy(text + 20000, "e-20000");
    ck_assert(number_parse(text_of(text), &value) && value == 1.0);
}
END_TEST

START_TEST(random_decimals_as_strtod) {
    char text[64];
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t a = random_bits(3 * i), b = random_bits(3 * i + 1), c = random_bits(3 * i + 2);
        int digits = 1 + (int)(c % 19), exponent = (int)(c >> 8) % 340;
        snprintf(text, sizeof text, "%.*s.%llue%d", 1, &"1234567890"[a % 10], (unsigned long long)(b >> (3 * (19 - digits))), exponent);
        if (text[0] == '0' && text[1] != '.') continue;
        double value = 0, judge = strtod(text, NULL);
        bool ok = number_parse(text_of(text), &value);
        ck_assert_msg(ok == isfinite(judge) && (!ok || bits_of(value) == bits_of(judge)), "%s gives %a, expected %a", text, value, judge);
    }
}
END_TEST

START_TEST(integers) {
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } CASE[] = {
        {"0", true, 0}, {"-0", true, 0}, {"+7", true, 7}, {"-12", true, -12}, {"1000", true, 1000},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0}, {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0}, {"10000000000000000000", false, 0}, {"9999999999999999999", false, 0},
        {"1.0", false, 0}, {"1e3", false, 0},
        {"", false, 0}, {"-", false, 0}, {"007", false, 0}, {"12 ", false, 0}, {"0x1", false, 0},
        {"100000000000000000000000000000", false, 0},
    };
    for (size_t i = 0; i < sizeof CASE / sizeof CASE[0]; i++) {
        int64_t value = 55;
        ck_assert_msg(number_parse_int(text_of(CASE[i].text), &value) == CASE[i].ok, "%s", CASE[i].text);
        ck_assert_int_eq(value, CASE[i].ok ? CASE[i].value : 55);
    }
}
END_TEST

// Significant digits of a decimal text.
static int digits_in(const char *text) {
    int digits = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && digits == 0)) continue;
        digits++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return digits - zeros;
}

// Reads back by both readers, and no shorter decimal near the value would.
static void check_print(double x) {
    char text[32], shorter[40];
    double back;
    number_print(x, text);
    if (!number_parse(text_of(text), &back) || bits_of(back) != bits_of(x) || bits_of(strtod(text, NULL)) != bits_of(x))
        ck_abort_msg("%a is printed as %s", x, text);
    int digits = digits_in(text);
    if (digits < 2 || strpbrk(text, ".e") == NULL) return;
    snprintf(shorter, sizeof shorter, "%.*e", digits - 2, x);
    if (strtod(shorter, NULL) == x) ck_abort_msg("%a is printed as %s, but %s reads back", x, text, shorter);
}

START_TEST(two_hundred_thousand_doubles_read_back) {
    for (uint32_t i = 0; i < 200000; i++) {
        uint64_t bits = random_bits(i);
        // Half over all exponents, half of everyday size.
        if (i % 2) bits = (bits & ~((uint64_t)0x7FF << 52)) | (uint64_t)(1023 - 30 + i / 2 % 60) << 52;
        if (isfinite(double_of(bits))) check_print(double_of(bits));
    }
}
END_TEST

START_TEST(powers_and_borders_read_back) {
    for (int e = -1074; e <= 1023; e++) {
        double x = ldexp(1, e);
        check_print(x);
        check_print(nextafter(x, INFINITY));
        check_print(nextafter(x, 0));
        check_print(-x);
    }
    for (int e = -323; e <= 308; e++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", e);
        check_print(strtod(text, NULL));
    }
    check_print(DBL_MAX);
}
END_TEST

START_TEST(floats_read_back) {
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)random_bits(i);
        float x, back;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        char text[32], shorter[40];
        number_print_float(x, text);
        back = strtof(text, NULL);
        double value;
        if (float_bits(back) != float_bits(x) || !number_parse(text_of(text), &value) || float_bits((float)value) != float_bits(x))
            ck_abort_msg("%a is printed as %s", (double)x, text);
        int digits = digits_in(text);
        if (digits < 2 || strpbrk(text, ".e") == NULL) continue;
        snprintf(shorter, sizeof shorter, "%.*e", digits - 2, (double)x);
        if (strtof(shorter, NULL) == x) ck_abort_msg("%a is printed as %s, but %s reads back", (double)x, text, shorter);
    }
}
END_TEST

START_TEST(number_texts) {
    static const struct {
        double value;
        const char *text;
    } CASE[] = {
        {0, "0"}, {-0.0, "-0"}, {1, "1"}, {-17, "-17"}, {0.1, "0.1"}, {0.5, "0.5"}, {-2.5, "-2.5"}, {1e15, "1000000000000000"},
        {9007199254740991.0, "9007199254740991"}, {-9007199254740991.0, "-9007199254740991"}, {123456.789, "123456.789"}, {0.0001,
        "0.0001"},
        {1e-7, "1e-7"}, {1.5e-9, "1.5e-9"}, {5e-324, "5e-324"}, {1e22, "1e22"}, {1e23, "1e23"}, {1.7976931348623157e308,
        "1.7976931348623157e308"},
        {0x1p-44, "5.684341886080802e-14"}, {2.2250738585072011e-308, "2.225073858507201e-308"}, {0.30000000000000004,
        "0.30000000000000004"},
    };
    char text[32];
    for (size_t i = 0; i < sizeof CASE / sizeof CASE[0]; i++) {
        number_print(CASE[i].value, text);
        ck_assert_str_eq(text, CASE[i].text);
    }
    number_print_float(0.1f, text);
    ck_assert_str_eq(text, "0.1");
    number_print_float(16777216.0f, text);
    ck_assert_str_eq(text, "16777216");
    number_print_float(1e-45f, text);
    ck_assert_str_eq(text, "1e-45");
}
END_TEST

START_TEST(print_of_nan_aborts) {
    char text[32];
    number_print((double)NAN, text);
}
END_TEST

START_TEST(sizes_and_times) {
    size_t bytes = 1;
    double seconds = 1;
    ck_assert(size_parse(TEXT("1024"), &bytes) && bytes == 1024);
    ck_assert(size_parse(TEXT("24G"), &bytes) && bytes == (size_t)24 << 30);
    ck_assert(size_parse(TEXT("512M"), &bytes) && bytes == (size_t)512 << 20);
    ck_assert(size_parse(TEXT("1.5k"), &bytes) && bytes == 1536);
    ck_assert(size_parse(TEXT("2TiB"), &bytes) && bytes == (size_t)2 << 40);
    ck_assert(size_parse(TEXT("0"), &bytes) && bytes == 0);
    static const char *const NO_SIZE[] = {"", "G", "-1", "-1G", "1GB2", "1 G", "1e3", "24Gi", "99999999999999T",
                                          "9223372036854775807K", "nan", "1..5G", "."};
    for (size_t i = 0; i < sizeof NO_SIZE / sizeof NO_SIZE[0]; i++)
        ck_assert_msg(!size_parse(text_of(NO_SIZE[i]), &bytes), "%s", NO_SIZE[i]);
    ck_assert(duration_parse(TEXT("3h30m"), &seconds) && seconds == 12600);
    ck_assert(duration_parse(TEXT("90s"), &seconds) && seconds == 90);
    ck_assert(duration_parse(TEXT("45m"), &seconds) && seconds == 2700);
    ck_assert(duration_parse(TEXT("2d"), &seconds) && seconds == 172800);
    ck_assert(duration_parse(TEXT("1d2h3m4.5s"), &seconds) && seconds == 93784.5);
    ck_assert(duration_parse(TEXT("20"), &seconds) && seconds == 20);
    static const char *const NO_TIME[] = {"", "h", "3h30", "30m3h", "3h3h", "-3h", "3x", "1e3s", "3h ", "m5", "+3s"};
    for (size_t i = 0; i < sizeof NO_TIME / sizeof NO_TIME[0]; i++)
        ck_assert_msg(!duration_parse(text_of(NO_TIME[i]), &seconds), "%s", NO_TIME[i]);
}
END_TEST

START_TEST(near_names) {
    static const char *const NAMES[] = {"learning_rate", "batch_size", "steps", "seed", "model", NULL};
    ck_assert_str_eq(nearest_name("learning-rate", NAMES), "learning_rate");
    ck_assert_str_eq(nearest_name("batchsize", NAMES), "batch_size");
    ck_assert_str_eq(nearest_name("step", NAMES), "steps");
    ck_assert_str_eq(nearest_name("modle", NAMES), "model");
    ck_assert_ptr_null(nearest_name("temperature", NAMES));
    ck_assert_ptr_null(nearest_name("", NAMES));
    ck_assert_ptr_null(nearest_name("x", NAMES));
    static char name[500];
    memset(name, 'a', sizeof name - 1);
    ck_assert_ptr_null(nearest_name(name, NAMES));
}
END_TEST

Suite *suite_str(void) {
    Suite *suite = suite_create("str");
    TCase *text = tcase_create("text"), *number = tcase_create("number");
    tcase_add_test(text, texts_compare_and_search);
    tcase_add_test(text, str_grows);
    tcase_add_test(text, utf8_every_code_point);
    tcase_add_loop_test(text, utf8_refuses, 0, sizeof NOT_UTF8 / sizeof NOT_UTF8[0]);
    tcase_add_test(text, utf8_accepts);
    tcase_add_test_raise_signal(text, utf8_encode_surrogate_aborts, SIGABRT);
    tcase_add_test(text, sizes_and_times);
    tcase_add_test(text, near_names);
    suite_add_tcase(suite, text);
    tcase_set_timeout(number, 60);
    tcase_add_loop_test(number, numbers_as_strtod, 0, sizeof NUMBER / sizeof NUMBER[0]);
    tcase_add_loop_test(number, numbers_refused, 0, sizeof NO_NUMBER / sizeof NO_NUMBER[0]);
    tcase_add_test(number, number_with_nul_is_refused);
    tcase_add_test(number, midpoints_round_to_even);
    tcase_add_test(number, very_long_digit_strings);
    tcase_add_test(number, random_decimals_as_strtod);
    tcase_add_test(number, integers);
    tcase_add_test(number, two_hundred_thousand_doubles_read_back);
    tcase_add_test(number, powers_and_borders_read_back);
    tcase_add_test(number, floats_read_back);
    tcase_add_test(number, number_texts);
    tcase_add_test_raise_signal(number, print_of_nan_aborts, SIGABRT);
    suite_add_tcase(suite, number);
    return suite;
}
