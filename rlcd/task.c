// Task files: reading the flat keys, checking that the lists belong together, and finding a task by name.
#include "rlcd/task.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/yaml.h"

enum { TASK_LIST_MAX = 4096 };

static const char *const KEYS[] = {"version", "name",  "description",  "human", "assistant", "affixed", "stop", "ban",
                                   "plus",    "minus", "instructions", "judge", "labels",    "shots",   NULL};

typedef struct {
    Arena *arena;
    const Yaml *yaml;
    Error *error;
} TaskParser;

// One sentence about an entry, with its file and line.
__attribute__((format(printf, 3, 4))) static Status fail_at(const TaskParser *p, const YamlEntry *e, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return error_set(p->error, ERR_FORMAT, "%s:%zu: %s", p->yaml->where, e->line, sentence);
}

// Keys that no version of the format knows are refused, with the nearest one that exists.
static Status check_keys(const TaskParser *p) {
    for (int i = 0; i < p->yaml->count; i++) {
        const YamlEntry *e = &p->yaml->entry[i];
        bool known = false;
        for (int k = 0; KEYS[k] != NULL; k++) known = known || text_equal(e->key, text_of(KEYS[k]));
        if (known) continue;
        const char *near = nearest_name(e->key.data, KEYS);
        if (near != NULL) return fail_at(p, e, "unknown key '%.60s'; did you mean '%s'?", e->key.data, near);
        return fail_at(p, e, "unknown key '%.60s'", e->key.data);
    }
    return OK;
}

// A text of the file, or `fallback` (NULL data: the key is required). Empty texts are refused.
static Status take_text(const TaskParser *p, const char *key, Text fallback, Text *out) {
    const YamlEntry *e = yaml_get(p->yaml, key);
    if (e == NULL && fallback.data == NULL) return error_set(p->error, ERR_FORMAT, "%s: the key '%s' is missing", p->yaml->where, key);
    *out = e == NULL ? fallback : (Text){NULL, 0};
    if (e == NULL) return OK;
    if (e->is_list) return fail_at(p, e, "'%s' must be a text, found a list", key);
    if (e->item[0].size == 0) return fail_at(p, e, "'%s' is empty", key);
    *out = e->item[0];
    return OK;
}

// A list of the file, empty when the key is absent; its texts are not empty.
static Status take_list(const TaskParser *p, const char *key, int *count, const Text **items) {
    const YamlEntry *e = yaml_get(p->yaml, key);
    *count = 0;
    *items = NULL;
    if (e == NULL) return OK;
    if (!e->is_list) return fail_at(p, e, "'%s' must be a list, found a text", key);
    if (e->count > TASK_LIST_MAX) return fail_at(p, e, "'%s' has %d items, at most %d are read", key, e->count, TASK_LIST_MAX);
    for (int i = 0; i < e->count; i++)
        if (e->item[i].size == 0) return fail_at(p, e, "item %d of '%s' is empty", i, key);
    *count = e->count;
    *items = e->item;
    return OK;
}

// The first {word} in a text at or after `from`: its offset and size with braces, or -1.
static ptrdiff_t find_variable(Text text, size_t from, size_t *size) {
    for (size_t i = from; i < text.size; i++) {
        if (text.data[i] != '{') continue;
        size_t j = i + 1;
        while (j < text.size && ((text.data[j] >= 'a' && text.data[j] <= 'z') || text.data[j] == '_')) j++;
        if (j > i + 1 && j < text.size && text.data[j] == '}') {
            *size = j + 1 - i;
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

// How often each of `known` (NULL-ended) stands in the texts of a key. Any other {variable} would reach the model as it stands.
static Status count_variables(const TaskParser *p, const char *key, const char *const *known, int *count) {
    const YamlEntry *e = yaml_get(p->yaml, key);
    for (int v = 0; known[v] != NULL; v++) count[v] = 0;
    for (int i = 0; e != NULL && i < e->count; i++) {
        size_t size = 0;
        for (ptrdiff_t found, at = 0; (found = find_variable(e->item[i], (size_t)at, &size)) >= 0; at = found + (ptrdiff_t)size) {
            const char *word = text_copy(p->arena, (Text){e->item[i].data + found, size}).data;
            int v = 0;
            while (known[v] != NULL && strcmp(word, known[v]) != 0) v++;
            if (known[0] == NULL) return fail_at(p, e, "'%s' has no variables, found %.40s", key, word);
            const char *near = nearest_name(word, known);
            if (known[v] == NULL)
                return fail_at(p, e, "unknown variable %.40s in '%s'; did you mean %s?", word, key, near ? near : known[0]);
            count[v]++;
        }
    }
    return OK;
}

// Splits the template at its one {affix}.
static Status split_template(const TaskParser *p, Task *task, Text affixed) {
    static const char *const known[] = {"{affix}", NULL};
    const YamlEntry *e = yaml_get(p->yaml, "affixed");
    int count;
    TRY(count_variables(p, "affixed", known, &count));
    if (e != NULL && count != 1) return fail_at(p, e, count == 0 ? "'affixed' must contain {affix}" : "'affixed' contains {affix} twice");
    size_t found = (size_t)text_find(affixed, text_of(known[0])), behind = found + strlen(known[0]);
    task->affix_before = text_copy(p->arena, (Text){affixed.data, found});
    task->affix_after = text_copy(p->arena, (Text){affixed.data + behind, affixed.size - behind});
    return OK;
}

// ---- templates

// A template with its variables, which are all known, filled in once.
static Text fill_variables(Arena *arena, Text form, const char *const *known, const Text *value) {
    Str s = str_make(arena);
    size_t at = 0, size = 0;
    for (ptrdiff_t found; (found = find_variable(form, at, &size)) >= 0; at = (size_t)found + size) {
        str_append(&s, (Text){form.data + at, (size_t)found - at});
        for (int v = 0; known[v] != NULL; v++)
            if (text_equal((Text){form.data + found, size}, text_of(known[v]))) str_append(&s, value[v]);
    }
    str_append(&s, (Text){form.data + at, form.size - at});
    return str_text(&s);
}

static const char *const SHOTS[] = {"{plus}", "{minus}", NULL};

Text task_shots(Arena *arena, const Task *task, int affix) {
    return fill_variables(arena, task->shots, SHOTS, (const Text[]){task->plus[affix], task->minus[affix]});
}

static const char *const VARIABLES[] = {"{dialogue}", "{instruction}", "{voice}", "{first}", "{second}", NULL};
enum { VAR_DIALOGUE, VAR_INSTRUCTION, VAR_VOICE, VAR_FIRST, VAR_SECOND };

Text task_judge(Arena *arena, const Task *task, const JudgeParts *parts) {
    REQUIRE(task->judge.size > 0, "task_judge: the task '%s' has no template", task->name.data);
    const Text value[] = {parts->dialogue, parts->instruction, parts->voice, parts->first, parts->second};
    return fill_variables(arena, task->judge, VARIABLES, value);
}

// Template and labels: known variables, both replies, two different answers.
static Status take_judge(const TaskParser *p, Task *task) {
    static const Text usual[] = {{"A", 1}, {"B", 1}};
    const YamlEntry *e = yaml_get(p->yaml, "judge");
    const Text *labels;
    int count, used[sizeof VARIABLES / sizeof *VARIABLES];
    TRY(take_list(p, "labels", &count, &labels));
    if (count == 0) labels = usual;
    if ((count != 0 && count != 2) || text_equal(labels[0], labels[1]))
        return fail_at(p, yaml_get(p->yaml, "labels"), "'labels' must be two different texts");
    for (int i = 0; i < 2; i++) task->label[i] = labels[i];
    TRY(take_text(p, "judge", TEXT(""), &task->judge));
    TRY(count_variables(p, "judge", VARIABLES, used));
    if (e == NULL) return OK;
    if (!used[VAR_FIRST] || !used[VAR_SECOND]) return fail_at(p, e, "'judge' must contain {first} and {second}");
    if (used[VAR_INSTRUCTION] && task->instructions == 0)
        return fail_at(p, e, "'judge' asks for {instruction}, but there are no 'instructions'");
    return OK;
}

// What the plain and the affixed Assistant marker share, without blanks at its end: a cut there finds both.
static Text common_stem(Arena *arena, Text a, Text b) {
    size_t n = 0;
    while (n < a.size && n < b.size && a.data[n] == b.data[n]) n++;
    Text stem = text_trim((Text){a.data, n});
    return text_copy(arena, (Text){a.data, stem.size ? (size_t)(stem.data - a.data) + stem.size : 0});
}

// The markers must tell turns apart: neither inside the other, neither of blanks alone.
static Status check_markers(const TaskParser *p, const Task *task) {
    const char *where = p->yaml->where;
    if (text_find(task->human, task->assistant) >= 0 || text_find(task->assistant, task->human) >= 0)
        return error_set(p->error, ERR_DATA, "%s: 'human' and 'assistant' must be different markers, one not inside the other", where);
    if (task->assistant_stem.size == 0)
        return error_set(p->error, ERR_DATA, "%s: 'assistant' and 'affixed' must begin alike, and not with blanks alone", where);
    if (text_find(task->human, task->assistant_stem) >= 0)
        return error_set(p->error, ERR_DATA, "%s: 'human' contains what 'assistant' and 'affixed' share: turns cannot be told apart",
                         where);
    return OK;
}

// plus and minus belong together by position, and so does a judge's question when there are any.
static Status check_lists(const TaskParser *p, const Task *task, int minus) {
    const char *where = p->yaml->where;
    if (task->affixes == 0) return error_set(p->error, ERR_DATA, "%s: 'plus' must list at least one affix", where);
    if (task->affixes != minus)
        return error_set(p->error, ERR_DATA, "%s: 'plus' has %d affixes and 'minus' has %d; they belong together by position", where,
                         task->affixes, minus);
    if (task->instructions != 0 && task->instructions != task->affixes)
        return error_set(p->error, ERR_DATA, "%s: 'instructions' has %d items, expected none or one for each of the %d affixes", where,
                         task->instructions, task->affixes);
    for (int i = 0; i < task->affixes; i++)
        if (text_equal(task->plus[i], task->minus[i]))
            return error_set(p->error, ERR_DATA, "%s: affix %d is the same in 'plus' and 'minus': there is no contrast", where, i);
    return OK;
}

static Status check_version(const TaskParser *p) {
    Text version;
    TRY(take_text(p, "version", (Text){NULL, 0}, &version));
    if (text_equal(version, TEXT("1"))) return OK;
    return error_set(p->error, ERR_FORMAT, "%s:%zu: this program reads task files of version 1, found version '%.20s'", p->yaml->where,
                     yaml_get(p->yaml, "version")->line, version.data);
}

static Status fill_task(Task *task, Arena *arena, const Yaml *yaml, Error *error) {
    const TaskParser parser = {.arena = arena, .yaml = yaml, .error = error}, *p = &parser;
    static const char *const plain[] = {"name", "description", "human", "assistant",    "stop",
                                        "ban",  "plus",        "minus", "instructions", "labels"};
    static const char *const none[] = {NULL};
    Text affixed;
    int minus, shown[2];
    *task = (Task){.path = yaml->where};
    TRY(check_version(p));
    TRY(check_keys(p));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) TRY(count_variables(p, plain[i], none, NULL));
    TRY(take_text(p, "name", (Text){NULL, 0}, &task->name));
    TRY(take_text(p, "description", TEXT(""), &task->description));
    TRY(take_text(p, "human", TEXT("\n\nHuman:"), &task->human));
    TRY(take_text(p, "assistant", TEXT("\n\nAssistant:"), &task->assistant));
    TRY(take_text(p, "affixed", TEXT("\n\nAssistant ({affix}):"), &affixed));
    TRY(split_template(p, task, affixed));
    task->assistant_stem = common_stem(p->arena, task->assistant, task->affix_before);
    TRY(check_markers(p, task));
    TRY(take_list(p, "plus", &task->affixes, &task->plus));
    TRY(take_list(p, "minus", &minus, &task->minus));
    TRY(take_list(p, "instructions", &task->instructions, &task->instruction));
    TRY(take_judge(p, task));
    TRY(take_text(p, "shots", TEXT(""), &task->shots));
    TRY(count_variables(p, "shots", SHOTS, shown));
    TRY(take_list(p, "ban", &task->bans, &task->ban));
    TRY(take_list(p, "stop", &task->stops, &task->stop));
    // Without stops of its own a reply ends where any turn begins.
    if (task->stops == 0) {
        Text *stop = arena_alloc(p->arena, 2 * sizeof *stop);
        stop[0] = task->human;
        stop[1] = task->assistant_stem;
        task->stop = stop;
        task->stops = 2;
    }
    return check_lists(p, task, minus);
}

Status task_parse(Task *task, Arena *arena, Text text, const char *where, Error *error) {
    Yaml yaml;
    TRY(yaml_parse(&yaml, arena, text, where, error));
    return fill_task(task, arena, &yaml, error);
}

Status task_read(Task *task, Arena *arena, const char *path, Error *error) {
    Yaml yaml;
    TRY(yaml_read(&yaml, arena, path, error));
    return fill_task(task, arena, &yaml, error);
}

const Task *task_plain(void) {
    static const Text stop[] = {{"\n\nHuman:", 8}, {"\n\nAssistant", 11}};
    static const Task task = {
        .path = "",
        .name = {"plain", 5},
        .description = {"", 0},
        .shots = {"", 0},
        .human = {"\n\nHuman:", 8},
        .assistant = {"\n\nAssistant:", 12},
        .affix_before = {"\n\nAssistant (", 13},
        .affix_after = {"):", 2},
        .assistant_stem = {"\n\nAssistant", 11},
        .stops = 2,
        .stop = stop,
        .label = {{"A", 1}, {"B", 1}},
    };
    return &task;
}
