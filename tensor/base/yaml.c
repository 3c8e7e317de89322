// The parser walks lines once, top to bottom, and never recurses: a value is one line, a list is one line or a run of "- " lines.
#include "tensor/base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"

enum { YAML_BYTES_MAX = 1 << 20, YAML_KEYS_MAX = 4096 };

typedef struct {
    Arena *arena;
    const char *where;
    Error *error;
    Text rest;          // lines not yet taken
    Text line;          // the present line without its end
    size_t number;      // of the present line, from 1; 0 before the first
    Text *item;         // values read so far for the present key
    int items, room;
} YamlParser;

// How much of a hostile text a message shows.
static int shown(Text text) { return text.size > 60 ? 60 : (int)text.size; }

#define FAIL(p, ...) yaml_fail((p), __VA_ARGS__)

__attribute__((format(printf, 2, 3))) static Status yaml_fail(YamlParser *p, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (p->number == 0) return error_set(p->error, ERR_FORMAT, "%s: %s", p->where, sentence);
    return error_set(p->error, ERR_FORMAT, "%s:%zu: %s", p->where, p->number, sentence);
}

// PyYAML refuses most control characters and takes U+0085, U+2028 and U+2029 for line ends: both are refused here.
static Status check_characters(YamlParser *p, Text text) {
    size_t line = 1;
    for (size_t i = 0; i < text.size;) {
        uint32_t c;
        int length = utf8_decode(text.data + i, text.size - i, &c);
        p->number = line;
        if (length == 0) return FAIL(p, "expected UTF-8, found byte 0x%02x", (unsigned char)text.data[i]);
        bool newline = c == '\n';
        bool half_return = c == '\r' && !(i + 1 < text.size && text.data[i + 1] == '\n');
        bool control = (c < 0x20 && c != '\t' && c != '\r' && !newline) || (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff;
        if (half_return || control || c == 0x2028 || c == 0x2029)
            return FAIL(p, "character U+%04X must be written as an escape in double quotes", (unsigned)c);
        line += newline;
        i += (size_t)length;
    }
    p->number = 0;
    return OK;
}

// Takes the next line that holds more than blanks and a comment; false at the end.
static bool next_line(YamlParser *p) {
    while (p->rest.size > 0) {
        ptrdiff_t end = text_find(p->rest, TEXT("\n"));
        size_t size = end < 0 ? p->rest.size : (size_t)end;
        size_t used = end < 0 ? size : size + 1;
        p->line = (Text){p->rest.data, size};
        if (size > 0 && p->line.data[size - 1] == '\r') p->line.size--;
        p->rest = (Text){p->rest.data + used, p->rest.size - used};
        p->number++;
        size_t i = 0;
        while (i < p->line.size && p->line.data[i] == ' ') i++;
        if (i < p->line.size && p->line.data[i] != '#') return true;
    }
    return false;
}

static size_t skip_spaces(Text text, size_t i) {
    while (i < text.size && text.data[i] == ' ') i++;
    return i;
}

// The byte at i, or 0 behind the end.
static char at(Text text, size_t i) { return i < text.size ? text.data[i] : 0; }

static void add_item(YamlParser *p, Text item) {
    if (p->items == p->room) {
        size_t old = (size_t)p->room * sizeof *p->item;
        p->room = p->room == 0 ? 8 : p->room * 2;
        p->item = arena_grow(p->arena, p->item, old, (size_t)p->room * sizeof *p->item);
    }
    p->item[p->items++] = item;
}

// 'text' in which '' stands for one quote; *i is behind the opening quote and ends behind the closing one.
static Status parse_single_quoted(YamlParser *p, Text text, size_t *i, Text *out) {
    Str s = str_make(p->arena);
    str_append(&s, TEXT(""));
    while (*i < text.size) {
        char c = text.data[(*i)++];
        if (c != '\'') {
            str_append_char(&s, c);
        } else if (at(text, *i) == '\'') {
            str_append_char(&s, c);
            (*i)++;
        } else {
            *out = str_text(&s);
            return OK;
        }
    }
    return FAIL(p, "the single quote is not closed on its line");
}

// \x41, \u0041, \U00000041: `digits` hexadecimal digits of one character.
static Status parse_hexadecimal(YamlParser *p, Text text, size_t *i, int digits, uint32_t *code) {
    *code = 0;
    for (int d = 0; d < digits; d++) {
        char c = at(text, *i);
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (value < 0) return FAIL(p, "expected %d hexadecimal digits in the escape", digits);
        *code = *code * 16 + (uint32_t)value;
        (*i)++;
    }
    if (*code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000)) return FAIL(p, "the escape is not a character: U+%04X", (unsigned)*code);
    return OK;
}

// What stands behind a backslash.
static Status parse_escape(YamlParser *p, Text text, size_t *i, Str *s) {
    static const char letters[] = "0abtnvfre \"/\\", values[] = "\0\a\b\t\n\v\f\r\033 \"/\\";
    char c = at(text, *i);
    (*i)++;
    const char *found = c == 0 ? NULL : strchr(letters, c);
    if (found != NULL) {
        str_append_char(s, values[found - letters]);
        return OK;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) return FAIL(p, "unknown escape \\%c in double quotes", c >= ' ' && c < 0x7f ? c : '?');
    uint32_t code;
    TRY(parse_hexadecimal(p, text, i, digits, &code));
    char bytes[4];
    str_append(s, (Text){bytes, (size_t)utf8_encode(code, bytes)});
    return OK;
}

static Status parse_double_quoted(YamlParser *p, Text text, size_t *i, Text *out) {
    Str s = str_make(p->arena);
    str_append(&s, TEXT(""));
    while (*i < text.size) {
        char c = text.data[(*i)++];
        if (c == '"') {
            *out = str_text(&s);
            return OK;
        }
        if (c == '\\') TRY(parse_escape(p, text, i, &s));
        else str_append_char(&s, c);
    }
    return FAIL(p, "the double quote is not closed on its line");
}

// An unquoted text. It ends at a comment or the line's end, inside [...] also at a comma or bracket; *i ends there.
static Status parse_plain(YamlParser *p, Text text, size_t *i, bool flow, Text *out) {
    size_t begin = *i, end = begin;
    char first = at(text, begin), second = at(text, begin + 1);
    bool dash = (first == '-' || first == '?' || first == ':') && (second == 0 || second == ' ' || flow);
    if (flow && first == '-' && second != 0 && strchr(" ,]", second) == NULL) dash = false;
    if (dash || strchr("[]{},#&*!|>%@`", first) != NULL)
        return FAIL(p, "a value that begins with '%c' must be quoted", first);
    for (; *i < text.size; (*i)++) {
        char c = text.data[*i], next = at(text, *i + 1);
        if (c == '#' && text.data[*i - 1] == ' ') break;
        if (flow && (c == ',' || c == ']')) break;
        if (c == '\t') return FAIL(p, "a tab must stand in double quotes, as \\t");
        if (c == ':' && (next == 0 || next == ' ' || (flow && strchr(",[]{}", next) != NULL)))
            return FAIL(p, "a value with ':' followed by a blank must be quoted (nested keys are written key.name: value)");
        if (flow && strchr("[{}?", c) != NULL) return FAIL(p, "a list item with '%c' must be quoted", c);
        if (c != ' ') end = *i + 1;
    }
    *out = text_copy(p->arena, (Text){text.data + begin, end - begin});
    return OK;
}

// One text, quoted or not, at text[*i].
static Status parse_scalar(YamlParser *p, Text text, size_t *i, bool flow, Text *out) {
    char c = at(text, *i);
    if (c != '"' && c != '\'') return parse_plain(p, text, i, flow, out);
    (*i)++;
    return c == '"' ? parse_double_quoted(p, text, i, out) : parse_single_quoted(p, text, i, out);
}

// Nothing but blanks and a comment may follow a value.
static Status expect_end(YamlParser *p, Text text, size_t i) {
    size_t j = skip_spaces(text, i);
    if (j == text.size || (text.data[j] == '#' && j > i)) return OK;
    if (j == i && j > 0 && text.data[j] == '#' && text.data[j - 1] == ' ') return OK;
    Text rest = {text.data + j, text.size - j};
    return FAIL(p, "expected the end of the line after the value, found '%.*s'", shown(rest), rest.data);
}

// [a, "b", 'c'] on one line; *i is behind the opening bracket.
static Status parse_flow_list(YamlParser *p, Text text, size_t *i) {
    for (;;) {
        *i = skip_spaces(text, *i);
        if (at(text, *i) == ']') break;
        if (*i == text.size) return FAIL(p, "the list is not closed by ']' on its line");
        Text item;
        TRY(parse_scalar(p, text, i, true, &item));
        add_item(p, item);
        *i = skip_spaces(text, *i);
        char c = at(text, *i);
        if (c == ']') break;
        if (c != ',') return FAIL(p, "expected ',' or ']' in the list");
        (*i)++;
    }
    (*i)++;
    return OK;
}

// The value behind "key:" on its own line: a text or a list in brackets.
static Status parse_value(YamlParser *p, Text text, size_t i, bool *is_list) {
    p->item = NULL;
    p->items = p->room = 0;
    *is_list = at(text, i) == '[';
    if (*is_list) {
        i++;
        TRY(parse_flow_list(p, text, &i));
    } else {
        Text item;
        TRY(parse_scalar(p, text, &i, false, &item));
        add_item(p, item);
    }
    return expect_end(p, text, i);
}

// "- item" lines with one indentation. Leaves the first line that does not belong to it in p->line and returns through `more`
// whether there is one.
static Status parse_block_list(YamlParser *p, Text key, bool *more) {
    p->item = NULL;
    p->items = p->room = 0;
    size_t indent = SIZE_MAX, key_line = p->number;
    while ((*more = next_line(p))) {
        size_t i = skip_spaces(p->line, 0);
        bool dash = at(p->line, i) == '-' && (at(p->line, i + 1) == ' ' || i + 1 == p->line.size);
        if (!dash) break;
        if (indent == SIZE_MAX) indent = i;
        if (i != indent) return FAIL(p, "list items must be indented alike: expected %zu blanks, found %zu", indent, i);
        i = skip_spaces(p->line, i + 1);
        if (i == p->line.size || p->line.data[i] == '#') return FAIL(p, "the list item is empty; write \"\" for an empty text");
        Text item;
        TRY(parse_scalar(p, p->line, &i, false, &item));
        TRY(expect_end(p, p->line, i));
        add_item(p, item);
    }
    if (p->items > 0) return OK;
    bool nested = *more && at(p->line, 0) == ' ';
    p->number = key_line;
    if (nested) return FAIL(p, "nested keys are not read: write '%.*s.name: value' in the first column", shown(key), key.data);
    return FAIL(p, "'%.*s' has no value; write \"\" for an empty text or [] for an empty list", shown(key), key.data);
}

static bool is_key_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/';
}

// "key:" at the beginning of the present line; *i ends behind the blanks that follow.
static Status parse_key(YamlParser *p, Text *key, size_t *i) {
    if (at(p->line, 0) == ' ' || at(p->line, 0) == '\t')
        return FAIL(p, "unexpected indentation: keys begin in the first column, nested ones are written key.name: value");
    size_t n = 0;
    while (n < p->line.size && is_key_character(p->line.data[n])) n++;
    bool separated = at(p->line, n) == ':' && (n + 1 == p->line.size || p->line.data[n + 1] == ' ');
    if (n == 0 || p->line.data[0] == '-' || !separated)
        return FAIL(p, "expected 'key: value', found '%.*s'", shown(p->line), p->line.data);
    *key = text_copy(p->arena, (Text){p->line.data, n});
    *i = skip_spaces(p->line, n + 1);
    return OK;
}

static Status parse_entries(YamlParser *p, Yaml *out) {
    YamlEntry *entry = NULL;
    int count = 0, room = 0;
    bool more = next_line(p);
    if (more && text_equal(p->line, TEXT("---"))) more = next_line(p);
    while (more) {
        YamlEntry e = {.line = p->number};
        size_t i = 0;
        TRY(parse_key(p, &e.key, &i));
        for (int k = 0; k < count; k++)
            if (text_equal(entry[k].key, e.key))
                return FAIL(p, "'%.*s' was given before, on line %zu", shown(e.key), e.key.data, entry[k].line);
        if (count == YAML_KEYS_MAX) return FAIL(p, "more than %d keys", YAML_KEYS_MAX);
        // A key without a value on its line is followed by a list.
        if (i == p->line.size || p->line.data[i] == '#') {
            e.is_list = true;
            TRY(parse_block_list(p, e.key, &more));
        } else {
            TRY(parse_value(p, p->line, i, &e.is_list));
            more = next_line(p);
        }
        e.item = p->item;
        e.count = p->items;
        if (count == room) {
            size_t old = (size_t)room * sizeof *entry;
            room = room == 0 ? 32 : room * 2;
            entry = arena_grow(p->arena, entry, old, (size_t)room * sizeof *entry);
        }
        entry[count++] = e;
    }
    out->count = count;
    out->entry = entry;
    return OK;
}

Status yaml_parse(Yaml *out, Arena *arena, Text text, const char *where, Error *error) {
    YamlParser p = {.arena = arena, .where = where, .error = error};
    if (text_begins(text, TEXT("\xef\xbb\xbf"))) text = (Text){text.data + 3, text.size - 3};
    if (text.size > YAML_BYTES_MAX) return FAIL(&p, "expected at most %d bytes, found %zu", YAML_BYTES_MAX, text.size);
    TRY(check_characters(&p, text));
    p.rest = text;
    *out = (Yaml){.where = where};
    return parse_entries(&p, out);
}

Status yaml_read(Yaml *out, Arena *arena, const char *path, Error *error) {
    Text text;
    TRY(file_read(&text, arena, path, YAML_BYTES_MAX, error));
    return yaml_parse(out, arena, text, arena_copy(arena, path, strlen(path)), error);
}

Status yaml_parse_value(YamlEntry *out, Arena *arena, Text text, const char *where, Error *error) {
    YamlParser p = {.arena = arena, .where = where, .error = error};
    TRY(check_characters(&p, text));
    if (text_find(text, TEXT("\n")) >= 0) return FAIL(&p, "expected a value on one line");
    size_t i = skip_spaces(text, 0);
    if (i == text.size || text.data[i] == '#') return FAIL(&p, "expected a value; write \"\" for an empty text");
    TRY(parse_value(&p, text, i, &out->is_list));
    out->item = p.item;
    out->count = p.items;
    return OK;
}

const YamlEntry *yaml_get(const Yaml *yaml, const char *key) {
    Text wanted = text_of(key);
    for (int i = 0; i < yaml->count; i++)
        if (text_equal(yaml->entry[i].key, wanted)) return &yaml->entry[i];
    return NULL;
}

// Letters, digits and a few signs that no YAML reader takes for anything else, wherever they stand; '-' may begin a number.
static bool is_safe_plain(Text text) {
    if (text.size == 0) return false;
    char first = at(text, 0), second = at(text, 1);
    if (first == '-' && !(second >= '0' && second <= '9')) return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_key_character(text.data[i]) && !(i > 0 && text.data[i] == '+')) return false;
    return true;
}

void yaml_write_text(Str *s, Text text) {
    if (is_safe_plain(text)) {
        str_append(s, text);
        return;
    }
    str_append_char(s, '"');
    for (size_t i = 0; i < text.size;) {
        uint32_t c;
        int length = utf8_decode(text.data + i, text.size - i, &c);
        REQUIRE(length > 0, "yaml_write_text: invalid UTF-8 at byte %zu", i);
        if (c == '"' || c == '\\') str_printf(s, "\\%c", (char)c);
        else if (c == '\n') str_append(s, TEXT("\\n"));
        else if (c == '\t') str_append(s, TEXT("\\t"));
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) str_printf(s, "\\x%02X", (unsigned)c);
        else if (c == 0x2028 || c == 0x2029 || c == 0xfffe || c == 0xffff || c == 0xfeff) str_printf(s, "\\u%04X", (unsigned)c);
        else str_append(s, (Text){text.data + i, (size_t)length});
        i += (size_t)length;
    }
    str_append_char(s, '"');
}
