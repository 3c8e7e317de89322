// The two filters; both work on byte ranges of the raw sample and copy nothing.
#include "rlcd/clean.h"

static const char *const NAMES[CLEAN_REASONS] = {"kept", "unfinished", "empty", "leaked", "not_utf8", "no_turn", "no_line"};

const char *clean_reason_name(CleanReason reason) {
    REQUIRE(reason >= CLEAN_KEPT && reason < CLEAN_REASONS, "clean_reason_name: %d", (int)reason);
    return NAMES[reason];
}

CleanOptions clean_options_default(void) { return (CleanOptions){.rule = CLEAN_SOUND, .cut_unfinished = false}; }

// The blanks that Python's strip() takes off: the reference's filter uses it, and both rules share it.
static bool is_blank(uint32_t c) {
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

// Length of the blank that begins at data[0], or 0.
static size_t blank_at(const char *data, size_t size) {
    uint32_t c;
    int length = utf8_decode(data, size, &c);
    return length > 0 && is_blank(c) ? (size_t)length : 0;
}

static Text strip_left(Text text) {
    size_t n;
    while (text.size > 0 && (n = blank_at(text.data, text.size)) > 0) text = (Text){text.data + n, text.size - n};
    return text;
}

static Text strip_right(Text text) {
    for (;;) {
        size_t n = 1;
        while (n < 4 && n < text.size && ((unsigned char)text.data[text.size - n] & 0xc0) == 0x80) n++;
        if (text.size == 0 || blank_at(text.data + text.size - n, n) != n) return text;
        text.size -= n;
    }
}

static bool contains(Text text, Text what) { return what.size > 0 && text_find(text, what) >= 0; }

// The earliest occurrence of `what`, if it is before *end.
static void cut_at(Text text, Text what, size_t *end, bool *found) {
    ptrdiff_t i = what.size == 0 ? -1 : text_find(text, what);
    if (i < 0) return;
    *found = true;
    if ((size_t)i < *end) *end = (size_t)i;
}

// The end of the last line or sentence: behind the last '.', '!', '?' that a blank or the end follows, or before the last newline.
static size_t last_sentence(Text text) {
    for (size_t i = text.size; i > 0; i--) {
        char c = text.data[i - 1];
        if (c == '\n') return i - 1;
        bool stop = c == '.' || c == '!' || c == '?';
        if (stop && (i == text.size || text.data[i] == ' ')) return i;
    }
    return 0;
}

size_t clean_reply_size(Text text, bool cut) {
    if (cut) text.size = last_sentence(text);
    return strip_right(text).size;
}

// True when "before + affix + after" without blanks and colons around it, e.g. "(kind response)", stands in the text.
static bool has_affix(Text text, Text affix, char open, char close) {
    for (size_t from = 0; from < text.size;) {
        ptrdiff_t found = text_find((Text){text.data + from, text.size - from}, affix);
        if (found < 0) return false;
        size_t begin = from + (size_t)found, end = begin + affix.size;
        while (begin > 0 && text.data[begin - 1] == ' ') begin--;
        while (end < text.size && text.data[end] == ' ') end++;
        bool opened = open == 0 || (begin > 0 && text.data[begin - 1] == open);
        bool closed = close == 0 || (end < text.size && text.data[end] == close);
        if (opened && closed) return true;
        from += (size_t)found + 1;
    }
    return false;
}

// A reply must not show how it was asked for: no turn marker's word, no opening of an affixed turn, no affix in its brackets.
static bool is_leaking(Text reply, const Task *task, int affix) {
    Text before = strip_right(strip_left(task->affix_before)), after = strip_left(task->affix_after);
    Text stem = strip_left(task->assistant_stem);
    if (contains(reply, strip_left(task->human)) || contains(reply, strip_left(task->assistant))) return true;
    bool bracket = before.size > stem.size;
    if (bracket && contains(reply, before)) return true;
    if (affix < 0 || affix >= task->affixes) return false;
    // The signs next to the affix in the template, its brackets as a rule, tell it from the same words said by chance.
    char open = bracket ? before.data[before.size - 1] : 0, close = after.size > 0 ? after.data[0] : 0;
    return has_affix(reply, task->plus[affix], open, close) || has_affix(reply, task->minus[affix], open, close);
}

static CleanReason clean_sound(Text *reply, const CleanSample *sample, const Task *task, int affix, bool cut_unfinished) {
    size_t end = sample->raw.size, bad;
    bool ended = sample->end_of_text;
    cut_at(sample->raw, task->human, &end, &ended);
    cut_at(sample->raw, task->assistant_stem, &end, &ended);
    for (int i = 0; i < task->stops; i++) cut_at(sample->raw, task->stop[i], &end, &ended);
    Text text = {sample->raw.data, end};
    if (!ended) {
        if (!cut_unfinished) return CLEAN_UNFINISHED;
        text.size = last_sentence(text);
        if (strip_left(text).size == 0) return CLEAN_UNFINISHED;
    }
    if (!utf8_valid(text, &bad)) return CLEAN_NOT_UTF8;
    *reply = strip_right(text);
    if (reply->size == 0) return CLEAN_EMPTY;
    return is_leaking(*reply, task, affix) ? CLEAN_LEAKED : CLEAN_KEPT;
}

// A marker's word: "Human" of "\n\nHuman:".
static Text marker_word(Text marker) {
    marker = strip_left(marker);
    size_t n = marker.size;
    while (n > 0 && (marker.data[n - 1] == ':' || marker.data[n - 1] == ' ')) n--;
    return (Text){marker.data, n};
}

// Order and slips of the reference are kept: "Human" inside a word counts, and a reply that only ended has no turn.
static CleanReason clean_paper(Text *reply, const CleanSample *sample, const Task *task) {
    Text text = sample->raw, label = strip_left(task->assistant);
    ptrdiff_t human = text_find(text, marker_word(task->human));
    if (human < 0) return CLEAN_NO_TURN;
    text.size = (size_t)human;
    ptrdiff_t line = text_find_last(text, TEXT("\n")), end = text_find(text, TEXT("</s>"));
    if (line < 0 && end < 0) return CLEAN_NO_LINE;
    if (line >= 0) text.size = (size_t)line;
    if (end >= 0 && (size_t)end < text.size) text.size = (size_t)end;
    text = strip_left(strip_right(text));
    ptrdiff_t again = text_find(text, label);
    if (again >= 0) {
        size_t behind = (size_t)again + label.size;
        text = strip_left((Text){text.data + behind, text.size - behind});
    }
    if (text.size == 0) return CLEAN_EMPTY;
    // pairs.jsonl is UTF-8, which the reference's decoder forced by replacement characters.
    if (!utf8_valid(text, NULL)) return CLEAN_NOT_UTF8;
    *reply = text;
    return CLEAN_KEPT;
}

CleanReason clean_sample(size_t *begin, size_t *end, const CleanSample *sample, const Task *task, int affix, CleanOptions options) {
    Text reply = {sample->raw.data, 0};
    CleanReason reason = options.rule == CLEAN_PAPER ? clean_paper(&reply, sample, task)
                                                     : clean_sound(&reply, sample, task, affix, options.cut_unfinished);
    if (reason != CLEAN_KEPT) return reason;
    *begin = (size_t)(reply.data - sample->raw.data);
    *end = *begin + reply.size;
    return CLEAN_KEPT;
}
