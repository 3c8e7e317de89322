#include "tools/world_grammar.h"

#include <string.h>

#include "tensor/base/file.h"
#include "tools/world_task.h"
#include "tools/world_yaml.h"

enum { WORLD_BYTES_MAX = 1 << 20, LISTS_MAX = 64, PREFIXES_MAX = 64 };

// Columns: name, place, lowest, highest, whole number.
const WorldKnob WORLD_KNOBS[] = {
    {"delta", offsetof(WorldKnobs, delta), -10, 10, false},
    {"leak", offsetof(WorldKnobs, leak), -10, 10, false},
    {"pull", offsetof(WorldKnobs, pull), -10, 10, false},
    {"rho", offsetof(WorldKnobs, rho), -1, 1, false},
    {"p_multi", offsetof(WorldKnobs, p_multi), 0, 1, false},
    {"p_closing", offsetof(WorldKnobs, p_closing), 0, 1, false},
    {"p_annot", offsetof(WorldKnobs, p_annot), 0, 1, false},
    {"p_judge", offsetof(WorldKnobs, p_judge), 0, 1, false},
    {"level_weight", offsetof(WorldKnobs, level_weight), 0, 10, false},
    {"tone_weight", offsetof(WorldKnobs, tone_weight), 0, 10, false},
    {"stray_judge", offsetof(WorldKnobs, stray_judge), 0, 1, false},
    {"stray_minus", offsetof(WorldKnobs, stray_minus), 0, 1, false},
    {"repeat_minus", offsetof(WorldKnobs, repeat_minus), 0, 1, false},
    {"splice_minus", offsetof(WorldKnobs, splice_minus), 0, 1, false},
    {"copy_weight", offsetof(WorldKnobs, copy_weight), 0, 1000, false},
    {"opening_weight", offsetof(WorldKnobs, opening_weight), 0, 1000, false},
    {"answer_weight", offsetof(WorldKnobs, answer_weight), 0, 1000, false},
    {"min_sentences", offsetof(WorldKnobs, min_sentences), 1, WORLD_SENTENCES_MAX, true},
};
const int WORLD_KNOB_COUNT = sizeof WORLD_KNOBS / sizeof *WORLD_KNOBS;

static const char *const KEYS[] = {"version",
                                   "tasks",
                                   "human",
                                   "assistant",
                                   "affixed",
                                   "closing",
                                   "judge",
                                   "judge.labels",
                                   "judge.end",
                                   "judge.polarity",
                                   "tone.rude",
                                   "tone.polite",
                                   "tone.share",
                                   "topics.seed",
                                   "topics.held_out",
                                   "earlier.sentences",
                                   "mix",
                                   "knob.delta",
                                   "knob.leak",
                                   "knob.pull",
                                   "knob.rho",
                                   "knob.p_multi",
                                   "knob.p_closing",
                                   "knob.p_annot",
                                   "knob.p_judge",
                                   "knob.level_weight",
                                   "knob.tone_weight",
                                   "knob.stray_judge",
                                   "knob.stray_minus",
                                   "knob.repeat_minus",
                                   "knob.splice_minus",
                                   "knob.copy_weight",
                                   "knob.opening_weight",
                                   "knob.answer_weight",
                                   "knob.min_sentences",
                                   NULL};
static const char *const PREFIXES[] = {"words.", "voice.", NULL};

double *world_knob(WorldKnobs *knobs, const WorldKnob *knob) { return (double *)((char *)knobs + knob->offset); }

const WorldKnob *world_find_knob(Text name) {
    for (int i = 0; i < WORLD_KNOB_COUNT; i++)
        if (text_equal(text_of(WORLD_KNOBS[i].name), name)) return &WORLD_KNOBS[i];
    return NULL;
}

bool world_is_mark(char c) { return c != '\0' && strchr(".,:;?!()", c) != NULL; }
bool world_is_letter(char c) { return ((unsigned char)c > ' ' && c != 0x7f) && !world_is_mark(c) && c != '{' && c != '}'; }

const WorldTask *world_find_task(const World *world, Text name) {
    for (int i = 0; i < world->tasks; i++)
        if (text_equal(world->task[i].name, name)) return &world->task[i];
    return NULL;
}

const WorldVoice *world_find_voice(const WorldKnobs *knobs, Text name) {
    for (int i = 0; i < knobs->voices; i++)
        if (text_equal(knobs->voice[i].name, name)) return &knobs->voice[i];
    return NULL;
}

// ---- knobs from the command line

bool world_parse_number(Arena *arena, Text text, double *value) {
    Str s = str_make(arena);
    bool minus = text.size > 0 && text.data[0] == '-';
    if (minus) text = (Text){text.data + 1, text.size - 1};
    str_append(&s, minus ? TEXT("-") : TEXT(""));
    if (text_begins(text, TEXT("."))) str_append_char(&s, '0');
    str_append(&s, text);
    return number_parse(str_text(&s), value);
}

// Takes the part up to `end` off the front of *rest.
static Text take(Text *rest, char end) {
    const char *at = memchr(rest->data, end, rest->size);
    Text part = {rest->data, at ? (size_t)(at - rest->data) : rest->size};
    size_t used = part.size + (at != NULL);
    *rest = (Text){rest->data + used, rest->size - used};
    return part;
}

static bool is_name(Text text) {
    for (size_t i = 0; i < text.size; i++)
        if (!world_is_letter(text.data[i])) return false;
    return text.size > 0;
}

Status world_set_voice(WorldKnobs *knobs, Arena *arena, Text text, Error *error) {
    Text rest = text;
    WorldVoice voice = {.name = take(&rest, ':')};
    double *field[] = {&voice.attribute, &voice.tone, &voice.length, &voice.first};
    bool good = is_name(voice.name);
    for (int i = 0; i < 4 && good; i++)
        good = world_parse_number(arena, take(&rest, ':'), field[i]) && *field[i] >= -1000 && *field[i] <= 1000;
    if (!good || rest.size)
        return error_set(error, ERR_USAGE, "voice: expected NAME:ATTRIBUTE:TONE:LENGTH:FIRST with numbers from -1000 to 1000, found '%.*s'",
                         (int)(text.size > 80 ? 80 : text.size), text.data);
    voice.name = text_copy(arena, voice.name);
    int at = 0;
    while (at < knobs->voices && !text_equal(knobs->voice[at].name, voice.name)) at++;
    if (at == WORLD_VOICES_MAX) return error_set(error, ERR_USAGE, "voice: expected at most %d voices", WORLD_VOICES_MAX);
    knobs->voice[at] = voice;
    if (at == knobs->voices) knobs->voices++;
    return OK;
}

Status world_set_mix(WorldKnobs *knobs, const World *world, Arena *arena, Text text, Error *error) {
    double mix[WORLD_TASKS_MAX] = {0}, sum = 0;
    Text rest = text;
    while (rest.size) {
        Text item = take(&rest, ','), name = take(&item, ':');
        const WorldTask *task = world_find_task(world, name);
        if (task == NULL)
            return error_set(error, ERR_USAGE, "mix: the world has no task '%.*s'", (int)(name.size > 60 ? 60 : name.size), name.data);
        double *share = &mix[task - world->task];
        if (!world_parse_number(arena, item, share) || *share < 0 || *share > 1)
            return error_set(error, ERR_USAGE, "mix: expected a share from 0 to 1 for %s, found '%.*s'", task->name.data,
                             (int)(item.size > 60 ? 60 : item.size), item.data);
    }
    for (int i = 0; i < world->tasks; i++) sum += mix[i];
    if (!(sum > 0)) return error_set(error, ERR_USAGE, "mix: expected TASK:SHARE,... with a share above 0");
    memcpy(knobs->mix, mix, sizeof mix);
    return OK;
}

// ---- world.yaml

// A line of the affixed template, cut at {affix}.
static Status read_markers(const WorldFile *f, World *w) {
    Text affixed;
    TRY(world_yaml_text(f, "human", &w->human));
    TRY(world_yaml_text(f, "assistant", &w->assistant));
    TRY(world_yaml_text(f, "affixed", &affixed));
    ptrdiff_t at = text_find(affixed, TEXT("{affix}"));
    if (at < 0) return world_yaml_fail(f, yaml_get(f->yaml, "affixed"), "'affixed' must contain {affix}");
    w->affix_before = text_copy(f->arena, (Text){affixed.data, (size_t)at});
    w->affix_after = text_copy(f->arena, (Text){affixed.data + at + 7, affixed.size - (size_t)at - 7});
    return world_yaml_list(f, "closing", 1, PREFIXES_MAX, &w->closings, &w->closing);
}

// The judge's template holds each variable once and begins with the dialogue.
static Status read_judge(const WorldFile *f, World *w) {
    static const char *const variables[] = {"{dialogue}", "{voice}", "{instruction}", "{first}", "{second}"};
    const Text *label;
    const double *polarity;
    int labels;
    TRY(world_yaml_text(f, "judge", &w->judge));
    for (int i = 0; i < 5; i++) {
        Text name = text_of(variables[i]);
        if (text_find(w->judge, name) < 0 || text_find(w->judge, name) != text_find_last(w->judge, name))
            return world_yaml_fail(f, yaml_get(f->yaml, "judge"), "'judge' must contain %s once", variables[i]);
    }
    if (!text_begins(w->judge, TEXT("{dialogue}")))
        return world_yaml_fail(f, yaml_get(f->yaml, "judge"), "'judge' must begin with {dialogue}");
    TRY(world_yaml_list(f, "judge.labels", 2, 2, &labels, &label));
    if (text_equal(label[0], label[1])) return world_yaml_fail(f, yaml_get(f->yaml, "judge.labels"), "the two labels are the same");
    w->label[0] = label[0];
    w->label[1] = label[1];
    TRY(world_yaml_text(f, "judge.end", &w->judge_end));
    TRY(world_yaml_numbers(f, "judge.polarity", 1, PREFIXES_MAX, -1, 1, &w->polarities, &polarity));
    int *sign = arena_zeros(f->arena, (size_t)w->polarities, sizeof *sign);
    for (int i = 0; i < w->polarities; i++) {
        sign[i] = (int)polarity[i];
        if ((double)sign[i] != polarity[i])
            return world_yaml_fail(f, yaml_get(f->yaml, "judge.polarity"), "'judge.polarity': expected -1, 0 or 1");
    }
    w->polarity = sign;
    return OK;
}

static Status check_word(const WorldFile *f, const YamlEntry *e, Text word) {
    for (size_t i = 0; i < word.size; i++) {
        bool inside = i > 0 && i + 1 < word.size && word.data[i - 1] != ' ';
        if (!world_is_letter(word.data[i]) && !(word.data[i] == ' ' && inside))
            return world_yaml_fail(f, e, "'%.60s' is no word: expected letters, with one blank between parts", word.data);
    }
    return OK;
}

static Status read_lists(const WorldFile *f, World *w) {
    WorldList *list = arena_zeros(f->arena, LISTS_MAX, sizeof *list);
    w->list = list;
    for (int i = 0; i < f->yaml->count; i++) {
        const YamlEntry *e = &f->yaml->entry[i];
        if (!text_begins(e->key, TEXT("words."))) continue;
        if (w->lists == LISTS_MAX) return world_yaml_fail(f, e, "more than %d word lists", LISTS_MAX);
        WorldList *l = &list[w->lists++];
        l->name = (Text){e->key.data + 6, e->key.size - 6};
        TRY(world_yaml_list(f, e->key.data, 1, WORLD_WORDS_MAX, &l->count, &l->word));
        for (int k = 0; k < l->count; k++) TRY(check_word(f, e, l->word[k]));
    }
    return OK;
}

// A prefix holds words and marks, no full stop, and none begins with another one.
static Status check_prefixes(const WorldFile *f, const char *key, const Text *prefix, int count, const Text *other, int others) {
    const YamlEntry *e = yaml_get(f->yaml, key);
    for (int i = 0; i < count; i++) {
        Text p = prefix[i];
        for (size_t c = 0; c < p.size; c++) {
            bool blank = p.data[c] == ' ' && c > 0 && c + 1 < p.size && p.data[c - 1] != ' ';
            bool mark = world_is_mark(p.data[c]) && p.data[c] != '.';
            if (!blank && !mark && !world_is_letter(p.data[c]))
                return world_yaml_fail(f, e, "'%.60s': expected words and marks without a full stop", p.data);
        }
        for (int k = 0; k < others; k++) {
            bool same = other == prefix && i == k, begins = text_begins(p, other[k]);
            if (!same && begins && (p.size == other[k].size || p.data[other[k].size] == ' '))
                return world_yaml_fail(f, e, "the prefix '%.60s' begins with the prefix '%.60s'", p.data, other[k].data);
        }
    }
    return OK;
}

static Status check_shares(const WorldFile *f, const char *key, const double *share, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += share[i];
    return sum > 0 ? OK : world_yaml_fail(f, yaml_get(f->yaml, key), "'%s': expected shares above 0", key);
}

static Status read_tones(const WorldFile *f, World *w) {
    const double *share;
    int count;
    TRY(world_yaml_list(f, "tone.rude", 1, PREFIXES_MAX, &w->rude, &w->rude_prefix));
    TRY(world_yaml_list(f, "tone.polite", 1, PREFIXES_MAX, &w->polite, &w->polite_prefix));
    TRY(check_prefixes(f, "tone.rude", w->rude_prefix, w->rude, w->rude_prefix, w->rude));
    TRY(check_prefixes(f, "tone.rude", w->rude_prefix, w->rude, w->polite_prefix, w->polite));
    TRY(check_prefixes(f, "tone.polite", w->polite_prefix, w->polite, w->rude_prefix, w->rude));
    TRY(check_prefixes(f, "tone.polite", w->polite_prefix, w->polite, w->polite_prefix, w->polite));
    TRY(world_yaml_numbers(f, "tone.share", 3, 3, 0, 1, &count, &share));
    TRY(check_shares(f, "tone.share", share, 3));
    memcpy(w->tone_share, share, sizeof w->tone_share);
    return OK;
}

static Status read_voices(const WorldFile *f, WorldKnobs *knobs) {
    for (int i = 0; i < f->yaml->count; i++) {
        const YamlEntry *e = &f->yaml->entry[i];
        const double *value;
        int count;
        if (!text_begins(e->key, TEXT("voice."))) continue;
        TRY(world_yaml_numbers(f, e->key.data, 4, 4, -1000, 1000, &count, &value));
        if (knobs->voices == WORLD_VOICES_MAX) return world_yaml_fail(f, e, "more than %d voices", WORLD_VOICES_MAX);
        Text name = {e->key.data + 6, e->key.size - 6};
        knobs->voice[knobs->voices++] = (WorldVoice){name, value[0], value[1], value[2], value[3]};
    }
    return knobs->voices ? OK : error_set(f->error, ERR_FORMAT, "%s: expected at least one 'voice.NAME'", f->yaml->where);
}

static Status read_knobs(const WorldFile *f, World *w) {
    const double *mix;
    int count;
    for (int i = 0; i < WORLD_KNOB_COUNT; i++) {
        const WorldKnob *k = &WORLD_KNOBS[i];
        Str key = str_make(f->arena);
        str_printf(&key, "knob.%s", k->name);
        double *value = world_knob(&w->knobs, k);
        TRY(world_yaml_number(f, key.data, k->low, k->high, value));
        if (k->whole && (double)(int64_t)*value != *value)
            return world_yaml_fail(f, yaml_get(f->yaml, key.data), "'%s' must be a whole number", key.data);
    }
    TRY(world_yaml_numbers(f, "mix", w->tasks, w->tasks, 0, 1, &count, &mix));
    TRY(check_shares(f, "mix", mix, count));
    memcpy(w->knobs.mix, mix, (size_t)count * sizeof *mix);
    return read_voices(f, &w->knobs);
}

static Status read_tasks(const WorldFile *f, World *w) {
    const Text *name;
    TRY(world_yaml_list(f, "tasks", 1, WORLD_TASKS_MAX, &w->tasks, &name));
    for (int i = 0; i < w->tasks; i++) {
        w->task[i].name = name[i];
        for (size_t c = 0; c < name[i].size; c++)
            if (!((name[i].data[c] >= 'a' && name[i].data[c] <= 'z') || name[i].data[c] == '_'))
                return world_yaml_fail(f, yaml_get(f->yaml, "tasks"), "'%.60s': expected a task's name of a to z and _", name[i].data);
        for (int k = 0; k < i; k++)
            if (text_equal(name[k], name[i])) return world_yaml_fail(f, yaml_get(f->yaml, "tasks"), "'%.60s' stands twice", name[i].data);
    }
    return OK;
}

Status world_parse(World *world, Arena *arena, Text text, const char *where, Error *error) {
    Yaml yaml;
    TRY(yaml_parse(&yaml, arena, text, where, error));
    WorldFile f = {arena, &yaml, error};
    *world = (World){.path = where};
    TRY(world_yaml_version(&f));
    TRY(world_yaml_check_keys(&f, KEYS, PREFIXES));
    TRY(read_tasks(&f, world));
    TRY(read_markers(&f, world));
    TRY(read_judge(&f, world));
    TRY(read_lists(&f, world));
    TRY(read_tones(&f, world));
    TRY(world_yaml_int(&f, "topics.seed", 0, 4294967295, &world->topics_seed));
    TRY(world_yaml_number(&f, "topics.held_out", 0, 1, &world->held_out));
    TRY(world_yaml_numbers(&f, "earlier.sentences", 1, WORLD_SENTENCES_MAX, 0, 1, &world->earlier.count, &world->earlier.share));
    TRY(check_shares(&f, "earlier.sentences", world->earlier.share, world->earlier.count));
    world->earlier.least = 1;
    return read_knobs(&f, world);
}

const char *world_folder(Arena *arena, const char *share) {
    const char *installed = path_join(arena, share, "models/tiny/world");
    return file_is_directory(installed) ? installed : path_join(arena, share, "../models/tiny/world");
}

Status world_open(World *world, Arena *arena, const char *folder, Error *error) {
    Text text;
    const char *path = path_join(arena, folder, "world.yaml");
    TRY(file_read(&text, arena, path, WORLD_BYTES_MAX, error));
    TRY(world_parse(world, arena, text, path, error));
    for (int i = 0; i < world->tasks; i++) {
        Str name = str_make(arena);
        str_printf(&name, "%s.yaml", world->task[i].name.data);
        path = path_join(arena, folder, name.data);
        TRY(file_read(&text, arena, path, WORLD_BYTES_MAX, error));
        TRY(world_parse_task(world, i, arena, text, path, error));
    }
    return OK;
}
