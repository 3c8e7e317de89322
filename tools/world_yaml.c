#include "tools/world_yaml.h"

#include <stdarg.h>
#include <stdio.h>

enum { SHOWN = 60 };

static int shown(Text text) { return text.size > SHOWN ? SHOWN : (int)text.size; }

Status world_yaml_fail(const WorldFile *f, const YamlEntry *e, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return error_set(f->error, ERR_FORMAT, "%s:%zu: %s", f->yaml->where, e->line, sentence);
}

Status world_yaml_check_keys(const WorldFile *f, const char *const *known, const char *const *prefixes) {
    for (int i = 0; i < f->yaml->count; i++) {
        const YamlEntry *e = &f->yaml->entry[i];
        bool found = false;
        for (int k = 0; known[k]; k++) found = found || text_equal(e->key, text_of(known[k]));
        for (int k = 0; prefixes[k]; k++) {
            Text prefix = text_of(prefixes[k]);
            found = found || (text_begins(e->key, prefix) && e->key.size > prefix.size);
        }
        if (found) continue;
        const char *near = nearest_name(e->key.data, known);
        if (near) return world_yaml_fail(f, e, "unknown key '%.60s'; did you mean '%s'?", e->key.data, near);
        return world_yaml_fail(f, e, "unknown key '%.60s'", e->key.data);
    }
    return OK;
}

Status world_yaml_entry(const WorldFile *f, const char *key, const YamlEntry **e) {
    *e = yaml_get(f->yaml, key);
    return *e ? OK : error_set(f->error, ERR_FORMAT, "%s: the key '%s' is missing", f->yaml->where, key);
}

Status world_yaml_text(const WorldFile *f, const char *key, Text *out) {
    const YamlEntry *e;
    TRY(world_yaml_entry(f, key, &e));
    if (e->is_list) return world_yaml_fail(f, e, "'%s' must be a text, found a list", key);
    if (e->item[0].size == 0) return world_yaml_fail(f, e, "'%s' is empty", key);
    *out = e->item[0];
    return OK;
}

// An entry that is a list of `least` to `most` items.
static Status take_list(const WorldFile *f, const char *key, int least, int most, const YamlEntry **e) {
    TRY(world_yaml_entry(f, key, e));
    if (!(*e)->is_list) return world_yaml_fail(f, *e, "'%s' must be a list, found a text", key);
    if ((*e)->count < least || (*e)->count > most)
        return world_yaml_fail(f, *e, "'%s' must have %d to %d items, found %d", key, least, most, (*e)->count);
    return OK;
}

Status world_yaml_list(const WorldFile *f, const char *key, int least, int most, int *count, const Text **items) {
    const YamlEntry *e;
    TRY(take_list(f, key, least, most, &e));
    for (int i = 0; i < e->count; i++)
        if (e->item[i].size == 0) return world_yaml_fail(f, e, "item %d of '%s' is empty", i, key);
    *count = e->count;
    *items = e->item;
    return OK;
}

// One number of an entry, within its range.
static Status parse_number(const WorldFile *f, const YamlEntry *e, Text text, double low, double high, double *out) {
    char from[32], to[32];
    if (number_parse(text, out) && *out >= low && *out <= high) return OK;
    number_print(low, from);
    number_print(high, to);
    return world_yaml_fail(f, e, "'%s' must be a number from %s to %s, found '%.*s'", e->key.data, from, to, shown(text), text.data);
}

Status world_yaml_number(const WorldFile *f, const char *key, double low, double high, double *out) {
    const YamlEntry *e;
    TRY(world_yaml_entry(f, key, &e));
    if (e->is_list) return world_yaml_fail(f, e, "'%s' must be a number, found a list", key);
    return parse_number(f, e, e->item[0], low, high, out);
}

Status world_yaml_numbers(const WorldFile *f, const char *key, int least, int most, double low, double high, int *count,
                          const double **out) {
    const YamlEntry *e;
    TRY(take_list(f, key, least, most, &e));
    double *value = arena_zeros(f->arena, (size_t)e->count, sizeof *value);
    for (int i = 0; i < e->count; i++) TRY(parse_number(f, e, e->item[i], low, high, &value[i]));
    *count = e->count;
    *out = value;
    return OK;
}

Status world_yaml_int(const WorldFile *f, const char *key, int64_t low, int64_t high, int64_t *out) {
    double value;
    TRY(world_yaml_number(f, key, (double)low, (double)high, &value));
    *out = (int64_t)value;
    if ((double)*out == value) return OK;
    return world_yaml_fail(f, yaml_get(f->yaml, key), "'%s' must be a whole number", key);
}

Status world_yaml_flag(const WorldFile *f, const char *key, bool *out) {
    Text text;
    TRY(world_yaml_text(f, key, &text));
    *out = text_equal(text, TEXT("yes")) || text_equal(text, TEXT("true"));
    if (*out || text_equal(text, TEXT("no")) || text_equal(text, TEXT("false"))) return OK;
    return world_yaml_fail(f, yaml_get(f->yaml, key), "'%s' must be yes or no, found '%.*s'", key, shown(text), text.data);
}

Status world_yaml_version(const WorldFile *f) {
    int64_t version;
    TRY(world_yaml_int(f, "version", 0, 1 << 30, &version));
    if (version == 1) return OK;
    return world_yaml_fail(f, yaml_get(f->yaml, "version"), "this program reads worlds of version 1, found version %lld",
                           (long long)version);
}
