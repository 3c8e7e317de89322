#include "tools/world_task.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/rng.h"
#include "tools/world_yaml.h"

static const char *const KEYS[] = {
    "version",        "name",     "topic", "pulled",       "earlier",  "numbered", "sentences.least", "sentences.share",
    "sentences.most", "plus",     "minus", "instructions", "requests", "level.2",  "level.1",         "level.0",
    "level.-1",       "level.-2", NULL};
static const char *const PREFIXES[] = {"slot.", "other.", "flag.", NULL};
static const char *const LEVEL_KEYS[WORLD_LEVELS] = {"level.-2", "level.-1", "level.0", "level.1", "level.2"};

typedef struct {
    WorldFile file;
    const World *world;
    WorldTask *task;
} TaskReader;

static Text behind(Text text, size_t n) { return (Text){text.data + n, text.size - n}; }

static int find_list(const World *world, Text name) {
    for (int i = 0; i < world->lists; i++)
        if (text_equal(world->list[i].name, name)) return i;
    return -1;
}

static int find_slot(const WorldTask *task, Text name) {
    for (int i = 0; i < task->slots; i++)
        if (text_equal(task->slot[i].name, name)) return i;
    return -1;
}

// The list that an entry names.
static Status need_list(const TaskReader *r, const YamlEntry *e, Text name, int *list) {
    *list = find_list(r->world, name);
    if (*list >= 0) return OK;
    return world_yaml_fail(&r->file, e, "there is no word list 'words.%.60s' in world.yaml", name.data);
}

// A list that some topic slot is filled from, so that a topic tells whether it has a word of it.
static Status need_topic_list(const TaskReader *r, const YamlEntry *e, int *list) {
    if (e->is_list) return world_yaml_fail(&r->file, e, "'%.60s' must be a text, found a list", e->key.data);
    TRY(need_list(r, e, e->item[0], list));
    for (int s = 0; s < r->task->topic_slots; s++)
        for (int w = 0; w < r->task->slot[s].count; w++)
            if (r->task->slot[s].list[w] == *list) return OK;
    return world_yaml_fail(&r->file, e, "no slot of 'topic' is filled from the list '%.60s'", e->item[0].data);
}

// ---- slots

// Words that begin alike could be read in two ways: "spy" and "spy on".
static Status check_words(const TaskReader *r, const YamlEntry *e, const WorldSlot *slot) {
    for (int a = 0; a < slot->count; a++)
        for (int b = 0; b < slot->count; b++) {
            Text word = slot->word[a], other = slot->word[b];
            bool begins = a != b && text_begins(word, other) && (word.size == other.size || word.data[other.size] == ' ');
            if (begins)
                return world_yaml_fail(&r->file, e, "the word '%.60s' begins with the word '%.60s': a text could be read in two ways",
                                       word.data, other.data);
        }
    return OK;
}

static Status add_slot(TaskReader *r, Text name) {
    char key[128];
    const YamlEntry *e;
    const Text *list;
    int lists, words = 0;
    snprintf(key, sizeof key, "slot.%.60s", name.data);
    TRY(world_yaml_entry(&r->file, key, &e));
    if (r->task->slots == WORLD_SLOTS_MAX) return world_yaml_fail(&r->file, e, "more than %d slots", WORLD_SLOTS_MAX);
    if (find_slot(r->task, name) >= 0) return world_yaml_fail(&r->file, e, "the slot {%.60s} stands twice in 'topic'", name.data);
    TRY(world_yaml_list(&r->file, key, 1, WORLD_WORDS_MAX, &lists, &list));
    Text *word = arena_zeros(r->file.arena, WORLD_WORDS_MAX, sizeof *word);
    int *of = arena_zeros(r->file.arena, WORLD_WORDS_MAX, sizeof *of);
    for (int i = 0; i < lists; i++) {
        int index;
        TRY(need_list(r, e, list[i], &index));
        const WorldList *l = &r->world->list[index];
        if (words + l->count > WORLD_WORDS_MAX) return world_yaml_fail(&r->file, e, "more than %d words", WORLD_WORDS_MAX);
        for (int w = 0; w < l->count; w++, words++) {
            word[words] = l->word[w];
            of[words] = index;
        }
    }
    r->task->slot[r->task->slots] = (WorldSlot){.name = name, .count = words, .word = word, .list = of, .other = -1};
    return check_words(r, e, &r->task->slot[r->task->slots++]);
}

// other.SLOT: TOPICSLOT, filled with another word than the topic's.
static Status add_other(TaskReader *r, const YamlEntry *e) {
    int slot = find_slot(r->task, behind(e->key, 6)), topic;
    if (slot < r->task->topic_slots) return world_yaml_fail(&r->file, e, "'%.60s': expected a slot that is not in 'topic'", e->key.data);
    if (e->is_list) return world_yaml_fail(&r->file, e, "'%.60s' must be a text, found a list", e->key.data);
    topic = find_slot(r->task, e->item[0]);
    if (topic < 0 || topic >= r->task->topic_slots)
        return world_yaml_fail(&r->file, e, "'%.60s': expected a slot of 'topic', found '%.60s'", e->key.data, e->item[0].data);
    const WorldSlot *a = &r->task->slot[slot], *b = &r->task->slot[topic];
    bool same = a->count == b->count;
    for (int w = 0; same && w < a->count; w++) same = a->list[w] == b->list[w];
    if (!same || a->count < 2)
        return world_yaml_fail(&r->file, e, "'%.60s': both slots must be filled from the same lists of at least two words", e->key.data);
    r->task->slot[slot].other = topic;
    return OK;
}

static Status read_slots(TaskReader *r) {
    const Text *topic;
    int count;
    TRY(world_yaml_list(&r->file, "topic", 1, WORLD_TOPIC_MAX, &count, &topic));
    for (int i = 0; i < count; i++) TRY(add_slot(r, topic[i]));
    r->task->topic_slots = count;
    const Yaml *yaml = r->file.yaml;
    for (int i = 0; i < yaml->count; i++) {
        Text key = yaml->entry[i].key;
        if (text_begins(key, TEXT("slot.")) && find_slot(r->task, behind(key, 5)) < 0) TRY(add_slot(r, behind(key, 5)));
    }
    for (int i = 0; i < yaml->count; i++)
        if (text_begins(yaml->entry[i].key, TEXT("other."))) TRY(add_other(r, &yaml->entry[i]));
    return OK;
}

// ---- templates

// No blank at an end, no two in a row, no line break, no stray bracket.
static Status check_literal(const TaskReader *r, const YamlEntry *e, Text source, Text literal, bool first, bool last) {
    for (size_t i = 0; i < literal.size; i++) {
        char c = literal.data[i];
        bool edge = (i == 0 && first) || (i + 1 == literal.size && last);
        bool doubled = c == ' ' && (edge || (i > 0 && literal.data[i - 1] == ' '));
        if (doubled || c == '{' || c == '}' || (c != ' ' && !world_is_mark(c) && !world_is_letter(c)))
            return world_yaml_fail(&r->file, e, "'%.80s': expected words and marks with one blank between them", source.data);
    }
    if (!first && literal.size > 0 && world_is_letter(literal.data[0]))
        return world_yaml_fail(&r->file, e, "'%.80s': a letter follows a slot", source.data);
    return OK;
}

// Cuts a text at its slots. Only the first `allowed` slots of the task may stand in it.
static Status read_template(const TaskReader *r, const YamlEntry *e, Text source, int allowed, WorldTemplate *out) {
    WorldPiece *piece = arena_zeros(r->file.arena, 2 * WORLD_SLOTS_MAX, sizeof *piece);
    Text rest = source;
    int n = 0;
    for (bool first = true, last = false; !last; first = false) {
        ptrdiff_t open = text_find(rest, TEXT("{"));
        last = open < 0;
        Text literal = last ? rest : (Text){rest.data, (size_t)open};
        if (n == 2 * WORLD_SLOTS_MAX) return world_yaml_fail(&r->file, e, "'%.80s': too many slots", source.data);
        if (!first && !last && literal.size == 0)
            return world_yaml_fail(&r->file, e, "'%.80s': two slots without a text between", source.data);
        TRY(check_literal(r, e, source, literal, first, last));
        piece[n] = (WorldPiece){.literal = literal, .slot = -1};
        if (last) break;
        rest = behind(rest, (size_t)open + 1);
        ptrdiff_t close = text_find(rest, TEXT("}"));
        if (close < 0) return world_yaml_fail(&r->file, e, "'%.80s': a { has no }", source.data);
        piece[n].slot = find_slot(r->task, (Text){rest.data, (size_t)close});
        if (piece[n].slot < 0 || piece[n].slot >= allowed)
            return world_yaml_fail(&r->file, e, "'%.80s': {%.*s} is no slot %s", source.data, (int)(close > 40 ? 40 : close), rest.data,
                                   piece[n].slot < 0 ? "of this task" : "of 'topic'");
        rest = behind(rest, (size_t)close + 1);
        n++;
    }
    *out = (WorldTemplate){.source = source, .pieces = n + 1, .piece = piece};
    return OK;
}

static bool holds_slot(const WorldTemplate *t, int slot) {
    for (int i = 0; i < t->pieces; i++)
        if (t->piece[i].slot == slot) return true;
    return false;
}

// A request names the whole topic, and no other task has the same one.
static Status check_request(const TaskReader *r, const YamlEntry *e, const WorldTemplate *request, int index) {
    for (int s = 0; s < r->task->topic_slots; s++)
        if (!holds_slot(request, s))
            return world_yaml_fail(&r->file, e, "'%.80s': expected every slot of 'topic', {%.40s} is missing", request->source.data,
                                   r->task->slot[s].name.data);
    for (const WorldTask *t = r->world->task; t <= r->task; t++) {
        int end = t == r->task ? index : t->requests;
        for (int i = 0; i < end; i++)
            if (text_equal(t->request[i].source, request->source))
                return world_yaml_fail(&r->file, e, "'%.80s' stands twice", request->source.data);
    }
    return OK;
}

static Status read_requests(TaskReader *r) {
    const Text *item;
    TRY(world_yaml_list(&r->file, "requests", 1, WORLD_CORES_MAX, &r->task->requests, &item));
    const YamlEntry *e = yaml_get(r->file.yaml, "requests");
    WorldTemplate *request = arena_zeros(r->file.arena, (size_t)r->task->requests, sizeof *request);
    r->task->request = request;
    for (int i = 0; i < r->task->requests; i++) {
        TRY(read_template(r, e, item[i], r->task->topic_slots, &request[i]));
        TRY(check_request(r, e, &request[i], i));
    }
    return OK;
}

// ---- cores

// "[flag] text": the condition in brackets.
static Status read_condition(const TaskReader *r, const YamlEntry *e, Text *text, WorldCore *core) {
    core->condition = CORE_ALWAYS;
    core->list = -1;
    if (!text_begins(*text, TEXT("["))) return OK;
    ptrdiff_t close = text_find(*text, TEXT("] "));
    if (close < 0) return world_yaml_fail(&r->file, e, "'%.80s': expected '[condition] text'", text->data);
    Text name = {text->data + 1, (size_t)close - 1};
    Text source = *text;
    *text = behind(*text, (size_t)close + 2);
    if (text_equal(name, TEXT("last"))) {
        core->condition = CORE_LAST;
        return OK;
    }
    char key[128];
    snprintf(key, sizeof key, "flag.%.*s", (int)(name.size > 60 ? 60 : name.size), name.data);
    const YamlEntry *flag = yaml_get(r->file.yaml, key);
    if (flag == NULL) return world_yaml_fail(&r->file, e, "'%.80s': there is no '%s'", source.data, key);
    core->condition = CORE_LIST;
    return need_topic_list(r, flag, &core->list);
}

static bool begins_with_prefix(Text text, const Text *prefix, int count) {
    for (int i = 0; i < count; i++)
        if (text_begins(text, prefix[i]) && text.size > prefix[i].size && text.data[prefix[i].size] == ' ') return true;
    return false;
}

// What the oracle needs: one full stop, at the end; no tone prefix; no other core alike.
static Status check_core(const TaskReader *r, const YamlEntry *e, const WorldCore *core, int index) {
    Text text = core->text.source;
    if (text_find(text, TEXT(".")) != (ptrdiff_t)text.size - 1)
        return world_yaml_fail(&r->file, e, "'%.80s': expected one full stop, at the end", text.data);
    if (begins_with_prefix(text, r->world->rude_prefix, r->world->rude) ||
        begins_with_prefix(text, r->world->polite_prefix, r->world->polite))
        return world_yaml_fail(&r->file, e, "'%.80s' begins with a tone prefix", text.data);
    for (int i = 0; i < index; i++)
        if (text_equal(r->task->core[i].text.source, text)) return world_yaml_fail(&r->file, e, "'%.80s' stands twice", text.data);
    return OK;
}

// A level runs dry when a reply takes all its sentences from it: it must have one more core at every place.
static Status check_enough(const TaskReader *r, const YamlEntry *e, int level) {
    const WorldTask *t = r->task;
    int always = 0, last = 0, longest = t->lengths.least + t->lengths.count - 1;
    if (t->earlier && r->world->earlier.count > longest) longest = r->world->earlier.count;
    for (int i = t->first[level]; i < t->cores; i++) {
        always += t->core[i].condition == CORE_ALWAYS;
        last += t->core[i].condition == CORE_LAST;
    }
    if (always >= longest || (always == longest - 1 && last > 0)) return OK;
    return world_yaml_fail(&r->file, e, "'%s' has %d cores that fit every topic; a reply of %d sentences needs as many", LEVEL_KEYS[level],
                           always + (last > 0), longest);
}

static Status read_cores(TaskReader *r) {
    WorldCore *core = arena_zeros(r->file.arena, WORLD_CORES_MAX, sizeof *core);
    r->task->core = core;
    for (int level = 0; level < WORLD_LEVELS; level++) {
        const Text *item;
        int count;
        TRY(world_yaml_list(&r->file, LEVEL_KEYS[level], 1, WORLD_CORES_MAX, &count, &item));
        const YamlEntry *e = yaml_get(r->file.yaml, LEVEL_KEYS[level]);
        r->task->first[level] = r->task->cores;
        for (int i = 0; i < count; i++) {
            Text text = item[i];
            if (r->task->cores == WORLD_CORES_MAX) return world_yaml_fail(&r->file, e, "more than %d cores", WORLD_CORES_MAX);
            WorldCore *c = &core[r->task->cores];
            c->level = level - 2;
            TRY(read_condition(r, e, &text, c));
            TRY(read_template(r, e, text, r->task->slots, &c->text));
            TRY(check_core(r, e, c, r->task->cores));
            r->task->cores++;
        }
        r->task->first[level + 1] = r->task->cores;
        TRY(check_enough(r, e, level));
    }
    return OK;
}

// ---- the rest

static Status read_affixes(TaskReader *r) {
    static const char *const keys[] = {"plus", "minus", "instructions"};
    const Text **out[] = {&r->task->plus, &r->task->minus, &r->task->instruction};
    for (int k = 0; k < 3; k++) {
        int count;
        TRY(world_yaml_list(&r->file, keys[k], 1, WORLD_CORES_MAX, &count, out[k]));
        if (k == 0) r->task->affixes = count;
        if (count != r->task->affixes)
            return world_yaml_fail(&r->file, yaml_get(r->file.yaml, keys[k]), "'%s' has %d items, 'plus' has %d", keys[k], count,
                                   r->task->affixes);
    }
    return OK;
}

static Status read_lengths(TaskReader *r) {
    int64_t least, most;
    WorldLengths *l = &r->task->lengths;
    TRY(world_yaml_int(&r->file, "sentences.least", 1, WORLD_SENTENCES_MAX, &least));
    TRY(world_yaml_numbers(&r->file, "sentences.share", 1, WORLD_SENTENCES_MAX - (int)least + 1, 0, 1, &l->count, &l->share));
    l->least = (int)least;
    TRY(world_yaml_int(&r->file, "sentences.most", least + l->count - 1, WORLD_SENTENCES_MAX, &most));
    r->task->most = (int)most;
    double sum = 0;
    for (int i = 0; i < l->count; i++) sum += l->share[i];
    if (sum > 0) return OK;
    return world_yaml_fail(&r->file, yaml_get(r->file.yaml, "sentences.share"), "'sentences.share': expected shares above 0");
}

// All topics by number, shuffled once and for ever: the first are held out.
static Status split_topics(TaskReader *r) {
    WorldTask *t = r->task;
    char stream[128];
    t->topics = 1;
    for (int s = 0; s < t->topic_slots; s++) {
        if (t->topics > WORLD_TOPICS_MAX / t->slot[s].count)
            return world_yaml_fail(&r->file, yaml_get(r->file.yaml, "topic"), "more than %d topics", WORLD_TOPICS_MAX);
        t->topics *= t->slot[s].count;
    }
    t->held_out = (int)((double)t->topics * r->world->held_out);
    if (t->held_out < 2 || t->topics - t->held_out < 2)
        return world_yaml_fail(&r->file, yaml_get(r->file.yaml, "topic"), "%d topics: expected at least 2 to train on and 2 held out",
                               t->topics);
    int *order = arena_zeros(r->file.arena, (size_t)t->topics, sizeof *order);
    uint32_t *work = arena_zeros(r->file.arena, (size_t)t->topics, sizeof *work);
    snprintf(stream, sizeof stream, "world.topics.%.60s", t->name.data);
    rng_shuffle(rng_key((uint64_t)r->world->topics_seed, stream), 0, t->topics, order, work);
    t->order = order;
    return OK;
}

Status world_parse_task(World *world, int index, Arena *arena, Text text, const char *where, Error *error) {
    Yaml yaml;
    Text name;
    WorldTask *task = &world->task[index];
    TRY(yaml_parse(&yaml, arena, text, where, error));
    TaskReader r = {.file = {arena, &yaml, error}, .world = world, .task = task};
    *task = (WorldTask){.name = task->name, .pulled = -1};
    TRY(world_yaml_version(&r.file));
    TRY(world_yaml_check_keys(&r.file, KEYS, PREFIXES));
    TRY(world_yaml_text(&r.file, "name", &name));
    if (!text_equal(name, task->name))
        return world_yaml_fail(&r.file, yaml_get(&yaml, "name"), "expected the name '%.60s', found '%.60s'", task->name.data, name.data);
    TRY(read_slots(&r));
    TRY(world_yaml_flag(&r.file, "earlier", &task->earlier));
    TRY(world_yaml_flag(&r.file, "numbered", &task->numbered));
    const YamlEntry *pulled = yaml_get(&yaml, "pulled");
    if (pulled) TRY(need_topic_list(&r, pulled, &task->pulled));
    TRY(read_affixes(&r));
    TRY(read_lengths(&r));
    TRY(read_requests(&r));
    TRY(read_cores(&r));
    return split_topics(&r);
}
