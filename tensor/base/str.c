#include "tensor/base/str.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Text text_of(const char *c_string) { return (Text){c_string, strlen(c_string)}; }

bool text_equal(Text a, Text b) { return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0); }

int text_compare(Text a, Text b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool text_begins(Text text, Text prefix) { return text.size >= prefix.size && text_equal((Text){text.data, prefix.size}, prefix); }

bool text_ends(Text text, Text suffix) {
    return text.size >= suffix.size && text_equal((Text){text.data + (text.size - suffix.size), suffix.size}, suffix);
}

ptrdiff_t text_find(Text text, Text what) {
    if (what.size == 0) return 0;
    for (size_t at = 0; what.size <= text.size - at; at++) {
        // Jump to the next place where the first byte fits.
        const char *hit = memchr(text.data + at, what.data[0], text.size - at - what.size + 1);
        if (hit == NULL) return -1;
        at = (size_t)(hit - text.data);
        if (memcmp(hit, what.data, what.size) == 0) return (ptrdiff_t)at;
    }
    return -1;
}

ptrdiff_t text_find_last(Text text, Text what) {
    if (what.size > text.size) return -1;
    for (size_t at = text.size - what.size + 1; at-- > 0;)
        if (text_equal((Text){text.data + at, what.size}, what)) return (ptrdiff_t)at;
    return -1;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

Text text_trim(Text text) {
    while (text.size > 0 && is_blank(text.data[0])) text = (Text){text.data + 1, text.size - 1};
    while (text.size > 0 && is_blank(text.data[text.size - 1])) text.size--;
    return text;
}

Text text_copy(Arena *arena, Text text) { return (Text){arena_copy(arena, text.data, text.size), text.size}; }

Str str_make(Arena *arena) { return (Str){.arena = arena}; }

// Makes room for `more` bytes and a NUL.
static void str_reserve(Str *s, size_t more) {
    size_t need;
    REQUIRE(checked_add(s->size, more, &need) && checked_add(need, 1, &need), "str: %zu + %zu bytes", s->size, more);
    if (need <= s->capacity) return;
    size_t capacity = s->capacity <= SIZE_MAX / 2 ? 2 * s->capacity : need;
    if (capacity < need) capacity = need;
    if (capacity < 256) capacity = 256;
    s->data = arena_grow(s->arena, s->data, s->capacity, capacity);
    s->capacity = capacity;
}

void str_append(Str *s, Text text) {
    str_reserve(s, text.size);
    if (text.size) memcpy(s->data + s->size, text.data, text.size);
    s->size += text.size;
    s->data[s->size] = '\0';
}

void str_append_char(Str *s, char c) { str_append(s, (Text){&c, 1}); }

void str_printf(Str *s, const char *format, ...) {
    REQUIRE(format != NULL, "str_printf: no format");
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    REQUIRE(length >= 0, "str_printf: format \"%s\"", format);
    str_reserve(s, (size_t)length);
    vsnprintf(s->data + s->size, (size_t)length + 1, format, again);
    va_end(again);
    s->size += (size_t)length;
}

Text str_text(const Str *s) { return s->data ? (Text){s->data, s->size} : TEXT(""); }

int utf8_decode(const char *data, size_t size, uint32_t *code_point) {
    if (size == 0) return 0;
    const unsigned char *byte = (const unsigned char *)data;
    if (byte[0] < 0x80) {
        *code_point = byte[0];
        return 1;
    }
    // The lead byte tells the length; the least code point of each length refuses overlong forms.
    static const uint32_t LEAST[5] = {0, 0, 0x80, 0x800, 0x10000};
    int length = byte[0] >= 0xC2 && byte[0] <= 0xDF ? 2 : (byte[0] & 0xF0) == 0xE0 ? 3 : byte[0] >= 0xF0 && byte[0] <= 0xF4 ? 4 : 0;
    if (length == 0 || size < (size_t)length) return 0;
    uint32_t value = byte[0] & (0x7Fu >> length);
    for (int i = 1; i < length; i++) {
        if ((byte[i] & 0xC0) != 0x80) return 0;
        value = value << 6 | (byte[i] & 0x3Fu);
    }
    if (value < LEAST[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return 0;
    *code_point = value;
    return length;
}

int utf8_encode(uint32_t c, char out[4]) {
    REQUIRE(c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF), "utf8: U+%04X is not a character", c);
    int length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (length == 1) {
        out[0] = (char)c;
        return 1;
    }
    for (int i = length - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00u >> length & 0xFF) | c);
    return length;
}

bool utf8_valid(Text text, size_t *bad) {
    uint32_t code_point;
    for (size_t at = 0; at < text.size;) {
        // Eight ASCII bytes at a time.
        uint64_t eight;
        if (text.size - at >= 8 && (memcpy(&eight, text.data + at, 8), (eight & 0x8080808080808080u) == 0)) {
            at += 8;
            continue;
        }
        int length = utf8_decode(text.data + at, text.size - at, &code_point);
        if (length == 0) {
            if (bad) *bad = at;
            return false;
        }
        at += (size_t)length;
    }
    return true;
}

// ---- Numbers ----

// DIGITS_KEPT digits decide the rounding: the exact midpoint of two doubles has at most 767 digits, so what follows matters
// only as "more than nothing", which one last digit 1 stands for. WORDS * 32 bits hold 10^1125 and a doubled remainder.
enum { DIGITS_KEPT = 800, WORDS = 128 };

typedef struct {
    bool negative, integer;
    char digit[DIGITS_KEPT + 1];  // 0..9, no leading zero
    int digits;
    int64_t exponent;             // value = digits * 10^exponent
} Decimal;

// A natural number, least word first; `used` words, the last of them not zero.
typedef struct {
    uint32_t word[WORDS];
    int used;
} Big;

static void big_multiply_add(Big *a, uint32_t factor, uint32_t carry) {
    uint64_t sum = carry;
    for (int i = 0; i < a->used; i++, sum >>= 32) {
        sum += (uint64_t)a->word[i] * factor;
        a->word[i] = (uint32_t)sum;
    }
    if (sum) a->word[a->used++] = (uint32_t)sum;
}

static void big_times_power_of_ten(Big *a, int64_t power) {
    for (; power >= 9; power -= 9) big_multiply_add(a, 1000000000u, 0);
    for (; power > 0; power--) big_multiply_add(a, 10, 0);
}

static int big_bits(const Big *a) { return a->used ? 32 * a->used - __builtin_clz(a->word[a->used - 1]) : 0; }

static void big_shift_left(Big *a, int bits) {
    int words = bits / 32, rest = bits % 32;
    memmove(a->word + words, a->word, (size_t)a->used * sizeof a->word[0]);
    memset(a->word, 0, (size_t)words * sizeof a->word[0]);
    a->used += words;
    if (rest) big_multiply_add(a, 1u << rest, 0);
}

static int big_compare(const Big *a, const Big *b) {
    if (a->used != b->used) return a->used < b->used ? -1 : 1;
    for (int i = a->used - 1; i >= 0; i--)
        if (a->word[i] != b->word[i]) return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

// a - b for a >= b.
static void big_subtract(Big *a, const Big *b) {
    int64_t borrow = 0;
    for (int i = 0; i < a->used; i++) {
        int64_t difference = (int64_t)a->word[i] - (i < b->used ? b->word[i] : 0) + borrow;
        a->word[i] = (uint32_t)difference;
        borrow = difference >> 32;
    }
    while (a->used && a->word[a->used - 1] == 0) a->used--;
}

// Splits a text by JSON's grammar with an optional leading '+'; false when it does not fit.
static bool decimal_read(Text text, Decimal *d) {
    const char *at = text.data, *end = text.data + text.size;
    d->negative = false;
    d->digits = 0;
    d->exponent = 0;
    if (at < end && (*at == '-' || *at == '+')) d->negative = *at++ == '-';
    if (at == end || *at < '0' || *at > '9') return false;
    if (*at == '0' && at + 1 < end && at[1] >= '0' && at[1] <= '9') return false;
    // Digits before and after the point; leading zeros are not kept, those beyond DIGITS_KEPT only leave a mark.
    bool fraction = false, beyond = false;
    for (; at < end; at++) {
        if (*at == '.' && !fraction) {
            if (at + 1 == end || at[1] < '0' || at[1] > '9') return false;
            fraction = true;
            continue;
        }
        if (*at < '0' || *at > '9') break;
        bool kept = d->digits < DIGITS_KEPT;
        if (kept && (d->digits || *at != '0')) d->digit[d->digits++] = (char)(*at - '0');
        beyond |= !kept && *at != '0';
        d->exponent += (kept ? 0 : 1) - (fraction ? 1 : 0);
    }
    if (beyond) {
        d->digit[d->digits++] = 1;
        d->exponent--;
    }
    d->integer = !fraction;
    if (at < end && (*at == 'e' || *at == 'E')) {
        d->integer = false;
        bool minus = false;
        if (++at < end && (*at == '-' || *at == '+')) minus = *at++ == '-';
        if (at == end) return false;
        // An exponent beyond any text's length is as good as infinite.
        int64_t exponent = 0;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            if (exponent < INT64_C(100000000000000000)) exponent = 10 * exponent + (*at - '0');
        d->exponent += minus ? -exponent : exponent;
    }
    while (d->digits && d->digit[d->digits - 1] == 0) {
        d->digits--;
        d->exponent++;
    }
    return at == end;
}

// digits * 10^exponent as the nearest double (ties to even) by long division of exact integers; false on overflow.
static bool decimal_round(const Decimal *d, double *value) {
    Big a = {.used = 0}, b = {.word = {1}, .used = 1};
    for (int i = 0; i < d->digits; i++) big_multiply_add(&a, 10, (uint32_t)d->digit[i]);
    if (d->exponent >= 0) big_times_power_of_ten(&a, d->exponent);
    else big_times_power_of_ten(&b, -d->exponent);
    // Shift one of them so that value = (a / b) * 2^e with 1 <= a / b < 2.
    int e = big_bits(&a) - big_bits(&b);
    if (e >= 0) big_shift_left(&b, e);
    else big_shift_left(&a, -e);
    if (big_compare(&a, &b) < 0) {
        big_shift_left(&a, 1);
        e--;
    }
    // Subnormal doubles have fewer bits; each turn decides one.
    int bits = e >= -1022 ? 53 : 53 + (e + 1022);
    uint64_t mantissa = 0;
    for (int i = 0; i < bits; i++) {
        bool one = big_compare(&a, &b) >= 0;
        if (one) big_subtract(&a, &b);
        mantissa = mantissa << 1 | one;
        big_shift_left(&a, 1);
    }
    // The next bit and whether anything follows it: half, less or more.
    int rest = bits >= 0 ? big_compare(&a, &b) : -1;
    if (rest > 0 || (rest == 0 && (mantissa & 1))) mantissa++;
    // Adding the exponent field to the mantissa carries into it when rounding reached the next power of two.
    uint64_t field = e >= -1022 ? (uint64_t)(e + 1022) << 52 : 0;
    field += mantissa;
    if (field >= (uint64_t)0x7FF << 52) return false;
    memcpy(value, &field, sizeof field);
    return true;
}

bool number_parse(Text text, double *value) {
    static const double TEN[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    Decimal d;
    double result = 0;
    if (!decimal_read(text, &d)) return false;
    uint64_t small = 0;
    for (int i = 0; i < d.digits && i < 17; i++) small = 10 * small + (uint64_t)d.digit[i];
    if (d.digits == 0 || d.digits + d.exponent < -323) {
        result = 0;
    } else if (d.digits + d.exponent > 309) {
        return false;
    } else if (d.digits <= 17 && small < (uint64_t)1 << 53 && d.exponent >= -22 && d.exponent <= 22) {
        // Both operands are exact, so the one operation rounds once.
        result = d.exponent < 0 ? (double)small / TEN[-d.exponent] : (double)small * TEN[d.exponent];
    } else if (!decimal_round(&d, &result)) {
        return false;
    }
    *value = d.negative ? -result : result;
    return true;
}

bool number_parse_int(Text text, int64_t *value) {
    Decimal d;
    if (!decimal_read(text, &d) || !d.integer || d.digits + d.exponent > 19) return false;
    uint64_t size = 0;
    for (int i = 0; i < d.digits; i++) size = 10 * size + (uint64_t)d.digit[i];
    for (int64_t i = 0; i < d.exponent; i++) size *= 10;
    if (size > (uint64_t)INT64_MAX + d.negative) return false;
    *value = d.negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

// Adds one to the last of `count` decimal digits; 99 becomes 10 with one more in the exponent.
static void digits_increment(char *digit, int count, int *exponent) {
    int i = count - 1;
    while (i >= 0 && digit[i] == '9') digit[i--] = '0';
    if (i >= 0) {
        digit[i]++;
    } else {
        digit[0] = '1';
        (*exponent)++;
    }
}

// Writes sign, digits d.ddd and a power of ten as plain text for -5 <= exponent < 16, else with an exponent.
static void digits_layout(char out[32], bool negative, const char *digit, int count, int exponent) {
    while (count > 1 && digit[count - 1] == '0') count--;
    const char *sign = negative ? "-" : "";
    int whole = exponent + 1;
    if (exponent < -5 || exponent >= 16)
        snprintf(out, 32, "%s%c%s%.*se%d", sign, digit[0], count > 1 ? "." : "", count - 1, digit + 1, exponent);
    else if (exponent < 0)
        snprintf(out, 32, "%s0.%.*s%.*s", sign, -whole, "00000", count, digit);
    else if (count <= whole)
        snprintf(out, 32, "%s%.*s%.*s", sign, count, digit, whole - count, "0000000000000000");
    else
        snprintf(out, 32, "%s%.*s.%.*s", sign, whole, digit, count - whole, digit + whole);
}

// True when the text reads back as the value, in float when `single`.
static bool reads_back(const char *text, double value, bool single) {
    double back;
    return number_parse(text_of(text), &back) && (single ? (float)back == (float)value : back == value);
}

// Tries rising numbers of digits. A decimal of `least` digits or fewer survives the way through a normal number, so trailing
// zeros of the first try already show the shorter texts; subnormal numbers are tried from one digit on.
static void print_shortest(double value, bool single, char out[32]) {
    REQUIRE(isfinite(value), "number_print: the value is not finite");
    bool negative = signbit(value) != 0;
    double size = fabs(value);
    if (size < 0x1p53 && size == (double)(int64_t)size) {
        snprintf(out, 32, "%s%" PRId64, negative ? "-" : "", (int64_t)size);
        return;
    }
    bool normal = size >= (single ? (double)FLT_MIN : DBL_MIN);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    bool power_of_two = (bits & (((uint64_t)1 << 52) - 1)) == 0;
    for (int count = !normal ? 1 : single ? FLT_DIG : DBL_DIG; count <= 17; count++) {
        char text[40], digit[20];
        snprintf(text, sizeof text, "%.*e", count - 1, size);
        digit[0] = text[0];
        memcpy(digit + 1, text + 2, (size_t)count - 1);
        // printf writes the exponent as a sign and at least two digits.
        const char *power = strchr(text, 'e') + 1;
        int exponent = 0;
        for (const char *c = power + 1; *c; c++) exponent = 10 * exponent + (*c - '0');
        if (*power == '-') exponent = -exponent;
        digits_layout(out, negative, digit, count, exponent);
        if (reads_back(out, value, single)) return;
        // Above a power of two the doubles lie wider than below it: the next decimal may fit where the nearest does not.
        if (!power_of_two) continue;
        digits_increment(digit, count, &exponent);
        digits_layout(out, negative, digit, count, exponent);
        if (reads_back(out, value, single)) return;
    }
}

void number_print(double value, char out[32]) { print_shortest(value, false, out); }
void number_print_float(float value, char out[32]) { print_shortest(value, true, out); }

// ---- Sizes, times, names ----

// Length of the digits and point at the start of `text`.
static size_t plain_number_length(Text text) {
    size_t n = 0;
    while (n < text.size && ((text.data[n] >= '0' && text.data[n] <= '9') || text.data[n] == '.')) n++;
    return n;
}

bool size_parse(Text text, size_t *bytes) {
    size_t n = plain_number_length(text), unit = 1;
    Text number = {text.data, n}, suffix = {text.data + n, text.size - n};
    if (suffix.size) {
        static const char LETTERS[] = "KMGTkmgt";
        const char *letter = suffix.data[0] ? strchr(LETTERS, suffix.data[0]) : NULL;
        if (letter == NULL || !(suffix.size == 1 || text_equal((Text){suffix.data + 1, suffix.size - 1}, TEXT("iB")))) return false;
        unit = (size_t)1 << 10 * ((letter - LETTERS) % 4 + 1);
    }
    int64_t whole;
    double value;
    if (number_parse_int(number, &whole)) return checked_mul((size_t)whole, unit, bytes);
    if (!number_parse(number, &value) || value * (double)unit >= 0x1p63) return false;
    *bytes = (size_t)(value * (double)unit);
    return true;
}

bool duration_parse(Text text, double *seconds) {
    static const struct {
        char letter;
        double seconds;
    } UNIT[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    double sum = 0;
    size_t unit = 0;
    // A number without a unit is seconds; with units they fall from days to seconds.
    if (plain_number_length(text) == text.size) return number_parse(text, seconds);
    while (text.size) {
        size_t n = plain_number_length(text);
        double value;
        if (n == text.size || !number_parse((Text){text.data, n}, &value)) return false;
        while (unit < 4 && UNIT[unit].letter != text.data[n]) unit++;
        if (unit == 4) return false;
        sum += value * UNIT[unit++].seconds;
        text = (Text){text.data + n + 1, text.size - n - 1};
    }
    *seconds = sum;
    return isfinite(sum);
}

enum { NAME_MAX_COMPARED = 63 };

// Levenshtein distance of two short names, one row of the table at a time.
static int edit_distance(const char *a, size_t a_size, const char *b, size_t b_size) {
    int row[NAME_MAX_COMPARED + 1];
    for (size_t j = 0; j <= b_size; j++) row[j] = (int)j;
    for (size_t i = 1; i <= a_size; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_size; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_size];
}

const char *nearest_name(const char *name, const char *const *names) {
    size_t size = strlen(name);
    if (size > NAME_MAX_COMPARED) return NULL;
    // Near means: at most one letter in three is wrong.
    const char *nearest = NULL;
    int least = (int)(size + 2) / 3 + 1;
    for (; *names; names++) {
        size_t other = strlen(*names);
        if (other > NAME_MAX_COMPARED) continue;
        int distance = edit_distance(name, size, *names, other);
        if (distance < least && distance < (int)other) {
            least = distance;
            nearest = *names;
        }
    }
    return nearest;
}
