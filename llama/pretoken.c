// Each scanner below names its expression; alternatives are tried in its order, first match wins.
#include "llama/pretoken.h"

#include "llama/unicode.h"

static const char GPT2_REGEX[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
static const char GPT2_REGEX_GROUPED[] = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
static const char LLAMA3_REGEX[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
static const char QWEN2_REGEX[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const char PRETOKEN_NAMES[] = "gpt-2, smollm, llama-bpe, dbrx, qwen2";

bool pretoken_by_regex(Text regex, PretokenStage *out) {
    if (text_equal(regex, text_of(GPT2_REGEX)) || text_equal(regex, text_of(GPT2_REGEX_GROUPED))) *out = PRETOKEN_GPT2;
    else if (text_equal(regex, text_of(LLAMA3_REGEX))) *out = PRETOKEN_LLAMA3;
    else if (text_equal(regex, text_of(QWEN2_REGEX))) *out = PRETOKEN_QWEN2;
    else return false;
    return true;
}

Text pretoken_regex(PretokenStage stage) {
    return text_of(stage == PRETOKEN_GPT2     ? GPT2_REGEX
                   : stage == PRETOKEN_LLAMA3 ? LLAMA3_REGEX
                   : stage == PRETOKEN_QWEN2  ? QWEN2_REGEX
                                              : "");
}

bool pretoken_by_name(Text name, Pretoken *out) {
    if (text_equal(name, TEXT("gpt-2"))) *out = (Pretoken){{PRETOKEN_GPT2}, 1};
    else if (text_equal(name, TEXT("smollm"))) *out = (Pretoken){{PRETOKEN_DIGITS, PRETOKEN_GPT2}, 2};
    // Dbrx cuts as Llama 3 does, but builds every piece from merges (tokenizer_gguf.c).
    else if (text_equal(name, TEXT("llama-bpe")) || text_equal(name, TEXT("dbrx"))) *out = (Pretoken){{PRETOKEN_LLAMA3}, 1};
    else if (text_equal(name, TEXT("qwen2"))) *out = (Pretoken){{PRETOKEN_QWEN2}, 1};
    else return false;
    return true;
}

// One character: its length in bytes and its classes. At the end of the text both are 0 and `code` is no character.
typedef struct {
    uint32_t code;
    int bytes;
    int classes;
} Char;

static Char char_at(Text text, size_t at) {
    Char c = {UINT32_MAX, 0, 0};
    if (at >= text.size) return c;
    c.bytes = utf8_decode(text.data + at, text.size - at, &c.code);
    REQUIRE(c.bytes > 0, "pretoken: byte %zu is not UTF-8", at);
    c.classes = unicode_class(c.code);
    return c;
}

static bool is_letter(Char c) { return c.classes & UNICODE_LETTER; }
static bool is_number(Char c) { return c.classes & UNICODE_NUMBER; }
static bool is_space(Char c) { return c.classes & UNICODE_SPACE; }
static bool is_line_end(Char c) { return c.code == '\r' || c.code == '\n'; }
// [^\s\p{L}\p{N}]
static bool is_sign(Char c) { return c.bytes && !(c.classes & (UNICODE_LETTER | UNICODE_NUMBER | UNICODE_SPACE)); }
static bool is_numeric(Char c) { return c.classes & UNICODE_NUMERIC; }
static bool is_not_numeric(Char c) { return c.bytes && !is_numeric(c); }

// First place at or behind `at` whose character does not satisfy `wanted`.
static size_t run_end(Text text, size_t at, bool (*wanted)(Char)) {
    for (Char c = char_at(text, at); c.bytes && wanted(c); c = char_at(text, at)) at += (size_t)c.bytes;
    return at;
}

// Length of 's 't 're 've 'm 'll 'd at the start of the text, or 0. Ignoring case, the long s (U+017F) is an s.
static size_t contraction(Text text, bool any_case) {
    if (text.size < 2 || text.data[0] != '\'') return 0;
    char letter[2] = {text.data[1], text.size > 2 ? text.data[2] : '\0'};
    if (any_case) {
        if (letter[0] == '\xc5' && letter[1] == '\xbf') return 3;
        for (int i = 0; i < 2; i++)
            if (letter[i] >= 'A' && letter[i] <= 'Z') letter[i] = (char)(letter[i] - 'A' + 'a');
    }
    switch (letter[0]) {
    case 's': case 't': case 'm': case 'd': return 2;
    case 'r': case 'v': return letter[1] == 'e' ? 3 : 0;
    case 'l': return letter[1] == 'l' ? 3 : 0;
    default: return 0;
    }
}

// \s+(?!\S)|\s+ : white space up to the end of the text, else all but the last character of it, which the next word takes.
static size_t scan_spaces(Text text) {
    size_t last = 0, at = 0;
    for (Char c = char_at(text, 0); is_space(c); c = char_at(text, at)) {
        last = at;
        at += (size_t)c.bytes;
    }
    return at < text.size && last > 0 ? last : at;
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
static size_t scan_gpt2(Text text) {
    size_t length = contraction(text, false);
    if (length) return length;
    size_t start = text.data[0] == ' ' ? 1 : 0;
    Char c = char_at(text, start);
    if (is_letter(c)) return run_end(text, start, is_letter);
    if (is_number(c)) return run_end(text, start, is_number);
    if (is_sign(c)) return run_end(text, start, is_sign);
    return scan_spaces(text);
}

// \s*[\r\n]+ : white space up to and with the last line end of its run, or 0.
static size_t scan_lines(Text text) {
    size_t end = 0, at = 0;
    for (Char c = char_at(text, 0); is_space(c); c = char_at(text, at)) {
        at += (size_t)c.bytes;
        if (is_line_end(c)) end = at;
    }
    return end;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,most}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
static size_t scan_llama3(Text text, int most_digits) {
    size_t length = contraction(text, true);
    if (length) return length;
    // A word, with one character of any other kind before it.
    Char c = char_at(text, 0);
    size_t start = is_letter(c) || is_number(c) || is_line_end(c) ? 0 : (size_t)c.bytes;
    if (is_letter(char_at(text, start))) return run_end(text, start, is_letter);
    // Digits, at most so many.
    if (is_number(c)) {
        size_t at = 0;
        for (int i = 0; i < most_digits && is_number(c); i++, c = char_at(text, at)) at += (size_t)c.bytes;
        return at;
    }
    // Signs with a space before and line ends behind.
    start = c.code == ' ' ? 1 : 0;
    if (is_sign(char_at(text, start))) return run_end(text, run_end(text, start, is_sign), is_line_end);
    length = scan_lines(text);
    return length ? length : scan_spaces(text);
}

size_t pretoken_scan(PretokenStage stage, Text text) {
    REQUIRE(text.size > 0, "pretoken_scan: empty text");
    switch (stage) {
    case PRETOKEN_DIGITS:
    case PRETOKEN_DIGIT_RUNS: {
        Char c = char_at(text, 0);
        if (!is_numeric(c)) return run_end(text, 0, is_not_numeric);
        return stage == PRETOKEN_DIGITS ? (size_t)c.bytes : run_end(text, 0, is_numeric);
    }
    case PRETOKEN_GPT2: return scan_gpt2(text);
    case PRETOKEN_LLAMA3: return scan_llama3(text, 3);
    case PRETOKEN_QWEN2: return scan_llama3(text, 1);
    }
    REQUIRE(false, "pretoken_scan: stage %d", (int)stage);
}

PretokenCursor pretoken_begin(const Pretoken *rule, Text text) {
    REQUIRE(rule->count >= 0 && rule->count <= PRETOKEN_STAGES_MAX, "pretoken_begin: %d stages", rule->count);
    return (PretokenCursor){.rule = rule, .text = text};
}

bool pretoken_next(PretokenCursor *cursor, Text *piece) {
    if (cursor->at == cursor->text.size) return false;
    // Every stage whose piece is used up cuts a new one out of the piece of the stage before it.
    size_t limit = cursor->text.size;
    for (int i = 0; i < cursor->rule->count; i++) {
        if (cursor->end[i] == cursor->at) {
            Text rest = {cursor->text.data + cursor->at, limit - cursor->at};
            cursor->end[i] += pretoken_scan(cursor->rule->stage[i], rest);
        }
        limit = cursor->end[i];
    }
    *piece = (Text){cursor->text.data + cursor->at, limit - cursor->at};
    cursor->at = limit;
    return true;
}
