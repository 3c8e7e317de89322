// Assignments are collected in order of strength (files, then the command line), the preset is looked up among them, then
// defaults, the preset's values and the assignments are applied one after the other. Every value is checked when it is set.
#include "tools/args.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/sha256.h"
#include "tools/args_value.h"

enum { ARGS_PLACE = 512, ARGS_COLUMNS = 100, ARGS_INDENT = 30 };

// One value that was given for an option, and where.
typedef struct {
    int index;        // of args->value
    YamlEntry value;
    const char *place;
    bool line;        // on the command line: lists grow
} Assignment;

typedef struct {
    Args *args;
    Arena *arena;
    Error *error;
    Assignment *given;
    int count, room, recipe;  // the first ones are the recipe's
} ArgsParser;

static const char *join(Arena *arena, const char *a, const char *b, const char *c) {
    Str s = str_make(arena);
    str_printf(&s, "%s%s%s", a, b, c);
    return s.data;
}

// "section.name", or the name alone in section "".
static const char *full_key(Arena *arena, const char *section, const char *name) {
    return section[0] == 0 ? name : join(arena, section, ".", name);
}

// A table's default: its author's mistake is a bug. Lists are written "a, b".
static void set_initial(ArgValue *v, Arena *arena, const char *text) {
    Error error = {0};
    YamlEntry e;
    if (v->option->type == OPTION_LIST) text = join(arena, "[", text, "]");
    Status status = value_read(&e, arena, v->option->type, text_of(text), v->key, &error);
    if (status == OK) status = value_set(v, arena, &e, v->key, false, &error);
    REQUIRE(status == OK, "option table: %s", error.text);
}

// ---- names ----

// True when a command-line name means this table's name: '-' and '_' are the same.
static bool same_name(const char *name, Text given) {
    size_t i = 0;
    for (; i < given.size && name[i] != 0; i++) {
        char a = name[i] == '_' ? '-' : name[i], b = given.data[i] == '_' ? '-' : given.data[i];
        if (a != b) return false;
    }
    return i == given.size && name[i] == 0;
}

// The option that a short or full name means on the command line: a full key, else the verb's own section, else section "", else
// the only one of that name. -1: none; -2: several.
static int find_option(const Args *args, Text name) {
    int found = -1, others = 0;
    for (int i = 0; i < args->count; i++)
        if (same_name(args->value[i].key, name)) return i;
    for (int i = 0; i < args->count; i++) {
        if (!same_name(args->value[i].option->name, name)) continue;
        if (strcmp(args->value[i].section, args->verb->name) == 0) return i;
        found = i;
        others++;
    }
    return others > 1 ? -2 : found;
}

// All names of a verb as the command line spells them, NULL-terminated.
static const char *const *all_names(const ArgsParser *p, bool keys) {
    const Args *args = p->args;
    const char **names = arena_zeros(p->arena, 2 * (size_t)args->count + 3, sizeof *names);
    int n = 0;
    for (int i = 0; i < args->count; i++) {
        names[n++] = args->value[i].key;
        if (keys || args->value[i].section[0] == 0) continue;
        names[n++] = args->value[i].option->name;
    }
    if (!keys) names[n++] = "help";
    return names;
}

static Status refuse_name(const ArgsParser *p, const char *place, Text name, bool keys) {
    Str given = str_make(p->arena), near_text = str_make(p->arena);
    str_append(&given, name);
    str_append(&near_text, TEXT(""));
    for (size_t i = 0; i < given.size; i++)
        if (!keys && given.data[i] == '-') given.data[i] = '_';
    const char *near = given.size == 0 ? NULL : nearest_name(given.data, all_names(p, keys));
    for (const char *c = near; c != NULL && *c != 0; c++) str_append_char(&near_text, !keys && *c == '_' ? '-' : *c);
    const char *kind = keys ? "key" : "option", *dashes = keys ? "" : "--";
    int shown = name.size > 60 ? 60 : (int)name.size;
    if (near == NULL) return error_set(p->error, ERR_USAGE, "%s: unknown %s '%s%.*s'", place, kind, dashes, shown, name.data);
    return error_set(p->error, ERR_USAGE, "%s: unknown %s '%s%.*s'; did you mean '%s%s'?", place, kind, dashes, shown, name.data, dashes,
                     near_text.data);
}

// find_option with its sentences.
static Status resolve(const ArgsParser *p, const char *place, Text name, bool keys, int *index) {
    *index = find_option(p->args, name);
    if (*index >= 0) return OK;
    if (*index == -1) return refuse_name(p, place, name, keys);
    Str list = str_make(p->arena);
    str_append(&list, TEXT(""));
    for (int i = 0; i < p->args->count; i++)
        if (same_name(p->args->value[i].option->name, name)) str_printf(&list, "%s%s", list.size == 0 ? "" : ", ", p->args->value[i].key);
    return error_set(p->error, ERR_USAGE, "%s: '%.*s' could be any of %s", place, (int)name.size, name.data, list.data);
}

// ---- where values come from ----

static void add(ArgsParser *p, int index, YamlEntry value, const char *place, bool line) {
    if (p->count == p->room) {
        size_t old = (size_t)p->room * sizeof *p->given;
        p->room = p->room == 0 ? 32 : 2 * p->room;
        p->given = arena_grow(p->arena, p->given, old, (size_t)p->room * sizeof *p->given);
    }
    p->given[p->count++] = (Assignment){.index = index, .value = value, .place = place, .line = line};
}

// A key that another verb's table has: its value is checked and passed over.
static Status pass_over(const ArgsParser *p, const YamlEntry *e, const char *place, bool *known) {
    *known = false;
    for (const OptionTable *const *t = p->args->verb->others; t != NULL && *t != NULL; t++) {
        for (const Option *o = (*t)->option; o->name != NULL; o++) {
            const char *key = full_key(p->arena, (*t)->section, o->name);
            if (!text_equal(text_of(key), e->key)) continue;
            ArgValue value = {.option = o, .section = (*t)->section, .key = key};
            *known = true;
            return value_set(&value, p->arena, e, place, false, p->error);
        }
    }
    return OK;
}

// Reads a config file or recipe: full keys, spelled as in the table.
static Status read_file(ArgsParser *p, const char *path) {
    Yaml yaml;
    if (yaml_read(&yaml, p->arena, path, p->error) != OK) return p->error->status = ERR_USAGE;
    for (int i = 0; i < yaml.count; i++) {
        const YamlEntry *e = &yaml.entry[i];
        int index = -1;
        bool known = false;
        char place[ARGS_PLACE];
        snprintf(place, sizeof place, "%.400s:%zu: '%.60s'", path, e->line, e->key.data);
        for (int k = 0; k < p->args->count; k++)
            if (text_equal(text_of(p->args->value[k].key), e->key)) index = k;
        if (index < 0) TRY(pass_over(p, e, place, &known));
        if (known) continue;
        snprintf(place, sizeof place, "%.400s:%zu", path, e->line);
        if (index < 0) return refuse_name(p, place, e->key, true);
        if (strcmp(p->args->value[index].key, "config") == 0)
            return error_set(p->error, ERR_USAGE, "%s: a config file cannot name others", place);
        add(p, index, *e, join(p->arena, place, ": ", p->args->value[index].key), false);
    }
    return OK;
}

// One --name VALUE, --name=VALUE, --flag or --no-flag; *i ends on the last argument that was used.
static Status read_option(ArgsParser *p, int argc, const char *const *argv, int *i) {
    const char *given = argv[*i] + 2, *equal = strchr(given, '=');
    Text name = {given, equal == NULL ? strlen(given) : (size_t)(equal - given)};
    const char *verb = join(p->arena, "rlcd ", p->args->verb->name, "");
    int index = find_option(p->args, name);
    bool negated = false;
    if (index == -1 && text_begins(name, TEXT("no-"))) {
        int positive = find_option(p->args, (Text){name.data + 3, name.size - 3});
        negated = positive >= 0 && p->args->value[positive].option->type == OPTION_FLAG;
        if (negated) index = positive;
    }
    if (index < 0) TRY(resolve(p, verb, name, false, &index));
    const Option *option = p->args->value[index].option;
    Str place = str_make(p->arena);
    str_printf(&place, "--%.*s", (int)name.size, name.data);
    YamlEntry value;
    if (negated && equal != NULL) return error_set(p->error, ERR_USAGE, "%s takes no value", place.data);
    const char *text = equal != NULL ? equal + 1 : option->type == OPTION_FLAG ? (negated ? "false" : "true") : NULL;
    if (text == NULL) {
        // The next argument is the value; another option there is a slip.
        const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;
        bool slip = next != NULL && strncmp(next, "--", 2) == 0 && find_option(p->args, (Text){next + 2, strcspn(next + 2, "=")}) != -1;
        if (next == NULL || slip) return error_set(p->error, ERR_USAGE, "%s needs a value", place.data);
        text = next;
        (*i)++;
    }
    TRY(value_read(&value, p->arena, option->type, text_of(text), place.data, p->error));
    add(p, index, value, place.data, true);
    return OK;
}

// key=value behind a recipe's name.
static Status read_override(ArgsParser *p, const char *argument) {
    const char *equal = strchr(argument, '=');
    if (equal == NULL) return error_set(p->error, ERR_USAGE, "expected key=value behind the recipe, found '%.80s'", argument);
    Text name = {argument, (size_t)(equal - argument)};
    int index = -1;
    YamlEntry value;
    TRY(resolve(p, "override", name, true, &index));
    const ArgValue *v = &p->args->value[index];
    const char *place = join(p->arena, v->key, "=", "");
    TRY(value_read(&value, p->arena, v->option->type, text_of(equal + 1), place, p->error));
    add(p, index, value, place, true);
    return OK;
}

// Splits the command line into options (kept for later, behind the files) and positional arguments.
static Status read_command_line(ArgsParser *p, int argc, const char *const *argv) {
    Args *args = p->args;
    args->positional = arena_zeros(p->arena, (size_t)argc + 1, sizeof *args->positional);
    bool options = true;
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        bool dash = options && a[0] == '-' && a[1] != 0;
        if (dash && strcmp(a, "--") == 0) {
            options = false;
        } else if (dash && (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0)) {
            args->help = true;
            return OK;
        } else if (dash && a[1] == '-') {
            TRY(read_option(p, argc, argv, &i));
        } else if (dash) {
            return error_set(p->error, ERR_USAGE, "rlcd %s: unknown option '%.60s': options begin with two dashes", args->verb->name, a);
        } else {
            args->positional[args->positionals++] = a;
        }
    }
    return OK;
}

// Config files and the recipe come before everything on the command line, whatever their place there.
static Status read_sources(ArgsParser *p, int argc, const char *const *argv) {
    Args *args = p->args;
    const Verb *verb = args->verb;
    TRY(read_command_line(p, argc, argv));
    if (args->help) return OK;
    int n = args->positionals;
    if (n < verb->least || (verb->most >= 0 && n > verb->most && !verb->recipe)) {
        if (n > verb->most && verb->most >= 0)
            return error_set(p->error, ERR_USAGE, "rlcd %s: unexpected argument '%.80s'; usage: %s", verb->name,
                             args->positional[verb->most], verb->usage);
        return error_set(p->error, ERR_USAGE, "rlcd %s: an argument is missing; usage: %s", verb->name, verb->usage);
    }
    ArgsParser files = {.args = args, .arena = p->arena, .error = p->error};
    int config = find_option(args, TEXT("config"));
    if (verb->recipe && n > 0) {
        const char *path = verb->find_recipe == NULL ? args->positional[0] : verb->find_recipe(p->arena, args->positional[0]);
        TRY(read_file(&files, path));
        files.recipe = files.count;
        for (int i = 1; i < n; i++) TRY(read_override(p, args->positional[i]));
    }
    for (int i = 0; i < p->count; i++)
        for (int k = 0; p->given[i].index == config && k < p->given[i].value.count; k++)
            TRY(read_file(&files, text_copy(p->arena, p->given[i].value.item[k]).data));
    for (int i = 0; i < p->count; i++) add(&files, p->given[i].index, p->given[i].value, p->given[i].place, true);
    *p = files;
    return OK;
}

// ---- putting it together ----

static void make_values(Args *args, Arena *arena, const Verb *verb) {
    size_t count = 0;
    for (const OptionTable *const *t = verb->tables; *t != NULL; t++)
        for (const Option *o = (*t)->option; o->name != NULL; o++) count++;
    args->value = arena_zeros(arena, count, sizeof *args->value);
    for (const OptionTable *const *t = verb->tables; *t != NULL; t++) {
        for (const Option *o = (*t)->option; o->name != NULL; o++) {
            const char *key = full_key(arena, (*t)->section, o->name);
            for (int i = 0; i < args->count; i++) REQUIRE(strcmp(args->value[i].key, key) != 0, "option %s stands in two tables", key);
            args->value[args->count++] = (ArgValue){.option = o, .section = (*t)->section, .key = key};
        }
    }
}

static Status apply(ArgsParser *p) {
    Args *args = p->args;
    int preset = find_option(args, TEXT("preset"));
    bool paper = false;
    for (int i = 0; i < p->count; i++)
        if (p->given[i].index == preset) paper = !p->given[i].value.is_list && text_equal(p->given[i].value.item[0], TEXT("paper"));
    for (int i = 0; i < args->count; i++) {
        const Option *o = args->value[i].option;
        const char *initial = paper && o->paper != NULL ? o->paper : o->initial;
        if (initial != NULL) set_initial(&args->value[i], p->arena, initial);
    }
    // The first items on the command line replace a list, further ones are added.
    bool *grown = arena_zeros(p->arena, (size_t)args->count, sizeof *grown);
    for (int i = 0; i < p->count; i++) {
        const Assignment *a = &p->given[i];
        TRY(value_set(&args->value[a->index], p->arena, &a->value, a->place, grown[a->index], p->error));
        args->value[a->index].given = true;
        if (i >= p->recipe) args->value[a->index].asked = true;
        grown[a->index] = a->line;
    }
    for (int i = 0; i < args->count; i++) {
        const ArgValue *v = &args->value[i];
        if (!v->option->required || v->present) continue;
        if (args->verb->recipe) return error_set(p->error, ERR_USAGE, "'%s' is missing: set it in the recipe or as %s=...", v->key, v->key);
        return error_set(p->error, ERR_USAGE, "rlcd %s needs --%s; usage: %s", args->verb->name, v->option->name, args->verb->usage);
    }
    return OK;
}

Status args_parse(Args *out, Arena *arena, const Verb *verb, int argc, const char *const *argv, Error *error) {
    Error unused;
    ArgsParser p = {.args = out, .arena = arena, .error = error == NULL ? &unused : error};
    *out = (Args){.verb = verb};
    make_values(out, arena, verb);
    TRY(read_sources(&p, argc, argv));
    return out->help ? OK : apply(&p);
}

Status args_set(Args *args, Arena *arena, const char *key, Text value, Error *error) {
    Error unused;
    ArgsParser p = {.args = args, .arena = arena, .error = error == NULL ? &unused : error};
    int index = -1;
    YamlEntry e;
    TRY(resolve(&p, "override", text_of(key), true, &index));
    TRY(value_read(&e, arena, args->value[index].option->type, value, key, p.error));
    TRY(value_set(&args->value[index], arena, &e, key, false, p.error));
    args->value[index].given = true;
    return OK;
}

// ---- reading values ----

// The value of a key that must be in the tables; with a type (or -1) that it must have, then also present.
static const ArgValue *get(const Args *args, const char *key, int type) {
    for (int i = 0; i < args->count; i++) {
        const ArgValue *v = &args->value[i];
        if (strcmp(v->key, key) != 0) continue;
        REQUIRE(type < 0 || (int)v->option->type == type, "option %s has type %d, not %d", key, (int)v->option->type, type);
        return v;
    }
    REQUIRE(false, "rlcd %s has no option %s", args->verb->name, key);
}

static const ArgValue *get_present(const Args *args, const char *key, OptionType type) {
    const ArgValue *v = get(args, key, (int)type);
    REQUIRE(v->present, "option %s has no value", key);
    return v;
}

bool args_flag(const Args *args, const char *key) { return get_present(args, key, OPTION_FLAG)->flag; }
int64_t args_int(const Args *args, const char *key) { return get_present(args, key, OPTION_INT)->integer; }
size_t args_size(const Args *args, const char *key) { return (size_t)get_present(args, key, OPTION_SIZE)->integer; }
double args_double(const Args *args, const char *key) { return get_present(args, key, OPTION_DOUBLE)->number; }
double args_seconds(const Args *args, const char *key) { return get_present(args, key, OPTION_DURATION)->number; }

const char *args_text(const Args *args, const char *key) {
    const ArgValue *v = get(args, key, -1);
    OptionType type = v->option->type;
    REQUIRE(type == OPTION_STRING || type == OPTION_CHOICE || type == OPTION_PATH, "option %s is not a text", key);
    return v->present ? v->text : NULL;
}

int args_list(const Args *args, const char *key, const char *const **items) {
    const ArgValue *v = get(args, key, OPTION_LIST);
    *items = v->item;
    return v->count;
}

bool args_has(const Args *args, const char *key) { return get(args, key, -1)->present; }
bool args_given(const Args *args, const char *key) { return get(args, key, -1)->given; }
bool args_asked(const Args *args, const char *key) { return get(args, key, -1)->asked; }

int args_choice(const Args *args, const char *key) {
    const ArgValue *v = get_present(args, key, OPTION_CHOICE);
    return value_choice(v->option->choices, text_of(v->text));
}

// ---- writing ----

void args_write_json(Str *s, const Args *args, bool bits_only) {
    str_append_char(s, '{');
    bool first = true;
    for (int i = 0; i < args->count; i++) {
        const ArgValue *v = &args->value[i];
        if (!v->present || (bits_only && !v->option->bits)) continue;
        str_printf(s, "%s\"%s\":", first ? "" : ",", v->key);
        value_write_json(s, v);
        first = false;
    }
    str_append_char(s, '}');
}

static void write_line(Str *s, const ArgValue *v) {
    str_printf(s, "%s: ", v->key);
    value_write_yaml(s, v);
    str_append_char(s, '\n');
}

void args_write_yaml(Str *s, const Args *args, bool bits_only) {
    str_append(s, TEXT(""));
    for (int i = 0; i < args->count; i++) {
        const ArgValue *v = &args->value[i];
        // A config file cannot name others, so that key is left out.
        bool skip = !v->present || (bits_only && !v->option->bits) || strcmp(v->key, "config") == 0;
        if (!skip) write_line(s, v);
    }
}

// Whether an option is part of the recipe's hash.
static bool is_hashed(const ArgValue *v) {
    const Option *o = v->option;
    return v->present && o->bits != BITS_NEVER && !(o->bits == BITS_CHANGED && value_is_initial(v));
}

void args_recipe_hash(char hex[65], Arena *scratch, const Args *args) {
    ArenaMark mark = arena_mark(scratch);
    Sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    // Keys in bytewise order: the next one is the smallest above the last.
    for (const ArgValue *last = NULL, *next;; last = next) {
        next = NULL;
        for (int i = 0; i < args->count; i++) {
            const ArgValue *v = &args->value[i];
            bool later = is_hashed(v) && (last == NULL || strcmp(v->key, last->key) > 0);
            if (later && (next == NULL || strcmp(v->key, next->key) < 0)) next = v;
        }
        if (next == NULL) break;
        Str line = str_make(scratch);
        write_line(&line, next);
        sha256_feed(&hash, line.data, line.size);
    }
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
    arena_release(scratch, mark);
}

// ---- help ----

// Appends words, breaking lines before ARGS_COLUMNS and indenting new ones; `column` is where the text stands.
static void write_wrapped(Str *s, const char *text, size_t column, size_t indent) {
    while (*text != 0) {
        size_t word = strcspn(text, " ");
        if (column + 1 + word > ARGS_COLUMNS && column > indent) {
            str_printf(s, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            str_append_char(s, ' ');
            column++;
        }
        str_append(s, (Text){text, word});
        column += word;
        text += word + (text[word] == ' ');
    }
}

// "--[no-]flag", "--lr X", or "ppo.lr=X" where names are given in a recipe.
static void write_option(Str *s, const Verb *verb, const OptionTable *table, const Option *o) {
    Str left = str_make(s->arena), right = str_make(s->arena);
    const char *dot = table->section[0] == 0 ? "" : ".";
    if (verb->recipe && table->section[0] != 0) {
        str_printf(&left, "  %s%s%s=%s", table->section, dot, o->name, o->type == OPTION_FLAG ? "true|false" : value_name(o));
    } else {
        str_printf(&left, "  --%s", o->type == OPTION_FLAG ? "[no-]" : "");
        for (const char *c = o->name; *c != 0; c++) str_append_char(&left, *c == '_' ? '-' : *c);
        if (o->type != OPTION_FLAG) str_printf(&left, " %s", value_name(o));
    }
    str_append(&right, text_of(o->help));
    if (o->type == OPTION_LIST) str_append(&right, TEXT(" Once for each item, or [a, b]."));
    if (o->required) str_append(&right, TEXT(" (required)"));
    if (o->initial != NULL && o->paper == NULL) str_printf(&right, " [%s]", o->initial);
    if (o->initial != NULL && o->paper != NULL) str_printf(&right, " [%s; paper: %s]", o->initial, o->paper);
    str_append(s, str_text(&left));
    size_t column = left.size;
    if (column + 2 > ARGS_INDENT) {
        str_append_char(s, '\n');
        column = 0;
    }
    str_printf(s, "%*s", (int)(ARGS_INDENT - column), "");
    write_wrapped(s, right.data, ARGS_INDENT, ARGS_INDENT);
    str_append_char(s, '\n');
}

void args_help(Str *s, const Verb *verb) {
    str_append(s, TEXT("Usage: "));
    write_wrapped(s, verb->usage, 7, 7);
    str_append(s, TEXT("\n\n"));
    write_wrapped(s, verb->summary, 0, 0);
    str_append(s, TEXT("\n"));
    const char *section = NULL;
    for (const OptionTable *const *t = verb->tables; *t != NULL; t++) {
        // Tables of one section in a row share a heading.
        bool same = section != NULL && strcmp(section, (*t)->section) == 0;
        section = (*t)->section;
        if (!same) str_printf(s, "\n%s:\n", section[0] == 0 ? "general" : section);
        for (const Option *o = (*t)->option; o->name != NULL; o++) write_option(s, verb, *t, o);
    }
    str_append(s, TEXT("\nIn config files and recipes an option is `section.name: value` (general ones: `name: value`).\n"));
}
