// Values by type. The text that was given is kept beside what it means, so that messages and files can show it.
#include "tools/args_value.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/json.h"

static Status refuse(Error *error, const char *place, const char *expected, Text found) {
    int shown = found.size > 80 ? 80 : (int)found.size;
    return error_set(error, ERR_USAGE, "%s: expected %s, found '%.*s'", place, expected, shown, found.data);
}

static bool is_one_of(Text text, const char *a, const char *b, const char *c) {
    return text_equal(text, text_of(a)) || text_equal(text, text_of(b)) || text_equal(text, text_of(c));
}

int value_choice(const char *choices, Text text) {
    int index = 0;
    for (const char *begin = choices;; index++) {
        const char *end = strchr(begin, '|');
        Text choice = {begin, end == NULL ? strlen(begin) : (size_t)(end - begin)};
        if (text_equal(choice, text)) return index;
        if (end == NULL) return -1;
        begin = end + 1;
    }
}

static Status set_number(ArgValue *v, const Option *o, Text text, const char *place, Error *error) {
    bool limited = o->low != 0 || o->high != 0;
    bool whole = o->type == OPTION_INT;
    bool good = whole ? number_parse_int(text, &v->integer) : number_parse(text, &v->number);
    double value = whole ? (double)v->integer : v->number;
    if (good && value - value == 0 && (!limited || (value >= o->low && value <= o->high))) return OK;
    char low[32], high[32], expected[128];
    number_print(o->low, low);
    number_print(o->high, high);
    if (limited) snprintf(expected, sizeof expected, "%s from %s to %s", whole ? "a whole number" : "a number", low, high);
    else snprintf(expected, sizeof expected, "%s", whole ? "a whole number" : "a number");
    return refuse(error, place, expected, text);
}

// Sets a value that is not a list from its text.
static Status set_text(ArgValue *v, Arena *arena, Text text, const char *place, Error *error) {
    const Option *o = v->option;
    size_t bytes;
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
        return error_set(error, ERR_USAGE, "%s: the value holds a NUL character", place);
    // Paths are bytes; everything else is text and goes into files as such.
    if (o->type != OPTION_PATH && !utf8_valid(text, NULL)) return error_set(error, ERR_USAGE, "%s: the value is not valid UTF-8", place);
    switch (o->type) {
    case OPTION_FLAG:
        v->flag = is_one_of(text, "true", "yes", "on");
        if (!v->flag && !is_one_of(text, "false", "no", "off")) return refuse(error, place, "true or false", text);
        break;
    case OPTION_INT:
    case OPTION_DOUBLE:
        TRY(set_number(v, o, text, place, error));
        break;
    case OPTION_SIZE:
        if (!size_parse(text, &bytes) || bytes > INT64_MAX) return refuse(error, place, "a size such as 24G or 512M", text);
        v->integer = (int64_t)bytes;
        break;
    case OPTION_DURATION:
        // Up to about thirty years, in whole milliseconds: what is written reads back.
        if (!duration_parse(text, &v->number) || v->number > 1e9) return refuse(error, place, "a time such as 3h30m or 90s", text);
        v->number = (double)(int64_t)(v->number * 1000 + 0.5) / 1000;
        break;
    case OPTION_CHOICE:
        if (value_choice(o->choices, text) < 0) return refuse(error, place, o->choices, text);
        break;
    case OPTION_PATH:
        if (text.size == 0) return refuse(error, place, "a path", text);
        break;
    case OPTION_STRING:
    case OPTION_LIST:
        break;
    }
    v->text = text_copy(arena, text).data;
    v->present = true;
    return OK;
}

bool value_is_initial(const ArgValue *v) {
    Text initial = text_of(v->option->initial);
    int64_t integer;
    double number;
    switch (v->option->type) {
    case OPTION_FLAG: return v->flag == is_one_of(initial, "true", "yes", "on");
    case OPTION_INT: return number_parse_int(initial, &integer) && integer == v->integer;
    case OPTION_DOUBLE: return number_parse(initial, &number) && number == v->number;
    default: return text_equal(initial, text_of(v->text));
    }
}

// Sets a value from what stood in a file or on the command line; `grow` adds a list's items behind those it has.
Status value_set(ArgValue *v, Arena *arena, const YamlEntry *entry, const char *place, bool grow, Error *error) {
    if (v->option->type != OPTION_LIST) {
        if (entry->is_list) return error_set(error, ERR_USAGE, "%s: expected one value, found a list", place);
        return set_text(v, arena, entry->item[0], place, error);
    }
    int old = grow ? v->count : 0;
    const char **item = arena_alloc(arena, (size_t)(old + entry->count) * sizeof *item);
    for (int i = 0; i < old; i++) item[i] = v->item[i];
    for (int i = 0; i < entry->count; i++) {
        TRY(set_text(v, arena, entry->item[i], place, error));
        item[old + i] = v->text;
    }
    v->text = NULL;
    v->item = item;
    v->count = old + entry->count;
    v->present = true;
    return OK;
}

// A value as it stands on the command line or in a table: taken as it is, but for a list in brackets.
Status value_read(YamlEntry *out, Arena *arena, OptionType type, Text text, const char *place, Error *error) {
    if (type == OPTION_LIST && text_begins(text, TEXT("["))) {
        if (yaml_parse_value(out, arena, text, place, error) != OK) return error->status = ERR_USAGE;
        return OK;
    }
    Text *item = arena_alloc(arena, sizeof *item);
    *item = text;
    *out = (YamlEntry){.is_list = false, .count = 1, .item = item};
    return OK;
}

// A text for files: bytes that are not UTF-8, which only paths may hold, become U+FFFD.
static Text clean_text(Str *clean, Text text) {
    size_t begin = 0, bad;
    str_append(clean, TEXT(""));
    for (;;) {
        Text rest = {text.data + begin, text.size - begin};
        if (utf8_valid(rest, &bad)) {
            str_append(clean, rest);
            return str_text(clean);
        }
        str_append(clean, (Text){rest.data, bad});
        str_append(clean, TEXT("\xef\xbf\xbd"));
        begin += bad + 1;
    }
}

static void write_text(Str *s, const char *text, bool json) {
    Str clean = str_make(s->arena);
    Text valid = utf8_valid(text_of(text), NULL) ? text_of(text) : clean_text(&clean, text_of(text));
    if (json) json_write_string(s, valid);
    else yaml_write_text(s, valid);
}

static void write_value(Str *s, const ArgValue *v, bool json) {
    char number[32];
    switch (v->option->type) {
    case OPTION_FLAG:
        str_append(s, v->flag ? TEXT("true") : TEXT("false"));
        break;
    case OPTION_INT:
    case OPTION_SIZE:
        str_printf(s, "%lld", (long long)v->integer);
        break;
    case OPTION_DURATION:
    case OPTION_DOUBLE:
        number_print(v->number, number);
        str_append(s, text_of(number));
        break;
    case OPTION_STRING:
    case OPTION_CHOICE:
    case OPTION_PATH:
        write_text(s, v->text, json);
        break;
    case OPTION_LIST:
        str_append_char(s, '[');
        for (int i = 0; i < v->count; i++) {
            if (i > 0) str_append(s, json ? TEXT(",") : TEXT(", "));
            write_text(s, v->item[i], json);
        }
        str_append_char(s, ']');
        break;
    }
}

void value_write_json(Str *s, const ArgValue *v) { write_value(s, v, true); }
void value_write_yaml(Str *s, const ArgValue *v) { write_value(s, v, false); }

const char *value_name(const Option *option) {
    if (option->value != NULL) return option->value;
    switch (option->type) {
    case OPTION_FLAG: return "";
    case OPTION_INT: return "N";
    case OPTION_SIZE: return "SIZE";
    case OPTION_DURATION: return "TIME";
    case OPTION_DOUBLE: return "X";
    case OPTION_CHOICE: return option->choices;
    case OPTION_LIST: return "ITEM";
    case OPTION_PATH: return "FILE";
    case OPTION_STRING: break;
    }
    return "TEXT";
}
