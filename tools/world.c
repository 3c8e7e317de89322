#include "tools/world.h"

#include <string.h>

static Text behind(Text text, size_t n) { return (Text){text.data + n, text.size - n}; }

WorldTopic world_topic(const WorldTask *task, int number) {
    WorldTopic topic = {.task = task};
    for (int s = task->topic_slots - 1; s >= 0; s--) {
        topic.word[s] = number % task->slot[s].count;
        number /= task->slot[s].count;
    }
    return topic;
}

int world_topic_number(const WorldTopic *topic) {
    int number = 0;
    for (int s = 0; s < topic->task->topic_slots; s++) number = number * topic->task->slot[s].count + topic->word[s];
    return number;
}

bool world_topic_has(const WorldTopic *topic, int list) {
    for (int s = 0; s < topic->task->topic_slots; s++)
        if (topic->task->slot[s].list[topic->word[s]] == list) return true;
    return false;
}

void world_note_place(WorldPlaces *places, size_t begin, size_t end, bool opening) {
    REQUIRE(places->count < WORLD_PLACES_MAX, "world: more than %d places in a document", WORLD_PLACES_MAX);
    places->place[places->count].begin = begin;
    places->place[places->count].end = end;
    places->place[places->count++].opening = opening;
}

void world_fill(Str *s, const WorldTask *task, const WorldTemplate *text, const int *bound, bool opening, WorldPlaces *places) {
    for (int i = 0; i < text->pieces; i++) {
        Text literal = text->piece[i].literal;
        int slot = text->piece[i].slot;
        size_t begin = s->size;
        str_append(s, literal);
        // A blank at the literal's end belongs to the word behind it.
        while (literal.size && literal.data[literal.size - 1] == ' ') literal.size--;
        if (places && opening && literal.size) {
            world_note_place(places, begin, begin + literal.size, true);
            opening = false;
        }
        if (slot < 0) continue;
        begin = s->size;
        str_append(s, task->slot[slot].word[bound[slot]]);
        if (places && slot < task->topic_slots) world_note_place(places, begin, s->size, false);
    }
}

// ---- reading

// A word of a slot at the beginning of a text: the bound one, or any. No word begins with another one and a blank, so a word that
// no letter follows is the only one.
static int match_word(const WorldTask *task, int slot, Text text, const int *bound) {
    const WorldSlot *s = &task->slot[slot];
    for (int w = 0; w < s->count; w++) {
        if (bound[slot] >= 0 && bound[slot] != w) continue;
        if (s->other >= 0 && bound[s->other] == w) continue;
        Text word = s->word[w];
        if (text_begins(text, word) && (text.size == word.size || !world_is_letter(text.data[word.size]))) return w;
    }
    return -1;
}

bool world_match(const WorldTask *task, const WorldTemplate *form, Text text, int bound[WORLD_SLOTS_MAX]) {
    for (int i = 0; i < form->pieces; i++) {
        int slot = form->piece[i].slot;
        if (!text_begins(text, form->piece[i].literal)) return false;
        text = behind(text, form->piece[i].literal.size);
        if (slot < 0) continue;
        bound[slot] = match_word(task, slot, text, bound);
        if (bound[slot] < 0) return false;
        text = behind(text, task->slot[slot].word[bound[slot]].size);
    }
    return text.size == 0;
}

static void bind_topic(int bound[WORLD_SLOTS_MAX], const WorldTask *task, const WorldTopic *topic) {
    for (int s = 0; s < task->slots; s++) bound[s] = topic && s < task->topic_slots ? topic->word[s] : -1;
}

static Status find_request(WorldTopic *topic, const World *world, Text request, Error *error) {
    for (const WorldTask *task = world->task; task < world->task + world->tasks; task++)
        for (int i = 0; i < task->requests; i++) {
            int bound[WORLD_SLOTS_MAX];
            bind_topic(bound, task, NULL);
            if (!world_match(task, &task->request[i], request, bound)) continue;
            topic->task = task;
            memcpy(topic->word, bound, sizeof topic->word);
            return OK;
        }
    return error_set(error, ERR_DATA, "the last Human turn is no request of this world: '%.*s'",
                     (int)(request.size > 80 ? 80 : request.size), request.data);
}

Status world_find_topic(WorldTopic *topic, const World *world, Text prompt, Error *error) {
    ptrdiff_t at = text_find_last(prompt, world->human);
    if (at < 0) return error_set(error, ERR_DATA, "the prompt has no Human turn");
    Text request = behind(prompt, (size_t)at + world->human.size);
    ptrdiff_t end = text_find(request, TEXT("\n"));
    if (end >= 0) request.size = (size_t)end;
    if (text_begins(request, TEXT(" "))) request = behind(request, 1);
    return find_request(topic, world, request, error);
}

// ---- the oracle

int world_count_words(Text text) {
    int words = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool begins = world_is_letter(text.data[i]) && (i == 0 || !world_is_letter(text.data[i - 1]));
        words += begins || world_is_mark(text.data[i]);
    }
    return words;
}

// Takes one word or mark and the blanks behind it off a text.
static Text drop_word(Text text) {
    size_t n = 0;
    if (text.size && world_is_mark(text.data[0]))
        n = 1;
    else
        while (n < text.size && world_is_letter(text.data[n])) n++;
    while (n < text.size && text.data[n] == ' ') n++;
    return behind(text, n);
}

// Takes a numbered sentence's "3) " off. A wrong one is taken off too, so that its tone is seen.
static bool take_number(Text *text, int number) {
    char digits[16];
    int n = 0;
    for (int value = number; value; value /= 10) n++;
    for (int i = n, value = number; i > 0; value /= 10) digits[--i] = (char)('0' + value % 10);
    memcpy(digits + n, ") ", 2);
    Text wanted = {digits, (size_t)n + 2};
    bool right = text_begins(*text, wanted);
    *text = right ? behind(*text, wanted.size) : drop_word(drop_word(*text));
    return right;
}

// Takes a tone prefix and its blank off; returns its tone. A mark behind a prefix leaves the tone, and a text that no core is.
static int take_tone(Text *text, const World *world) {
    const Text *prefix[] = {world->polite_prefix, world->rude_prefix};
    const int count[] = {world->polite, world->rude}, tone[] = {1, -1};
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < count[side]; i++) {
            Text p = prefix[side][i];
            char next = text_begins(*text, p) && text->size > p.size ? text->data[p.size] : '\0';
            if (next != ' ' && !world_is_mark(next)) continue;
            if (next == ' ') *text = behind(*text, p.size + 1);
            return tone[side];
        }
    return 0;
}

// The core that a sentence is, or NULL. `last`: nothing follows it.
static const WorldCore *match_core(const WorldTopic *topic, Text text, bool last, const bool *used) {
    const WorldTask *task = topic->task;
    for (int i = 0; i < task->cores; i++) {
        const WorldCore *core = &task->core[i];
        int bound[WORLD_SLOTS_MAX];
        if (used[i] || (core->condition == CORE_LAST && !last)) continue;
        if (core->condition == CORE_LIST && !world_topic_has(topic, core->list)) continue;
        bind_topic(bound, task, topic);
        if (world_match(task, &core->text, text, bound)) return core;
    }
    return NULL;
}

// Blanks behind the last sentence belong to the stop; one before the first belongs to the marker.
static Text trim(Text reply) {
    while (reply.size && strchr(" \t\r\n", reply.data[reply.size - 1])) reply.size--;
    return text_begins(reply, TEXT(" ")) ? behind(reply, 1) : reply;
}

WorldScore world_score(const World *world, const WorldTopic *topic, Text reply) {
    WorldScore score = {.words = world_count_words(reply)};
    bool used[WORLD_CORES_MAX] = {false};
    int tones = 0;
    for (Text rest = trim(reply); rest.size; score.sentences++) {
        // A sentence goes up to its full stop, or to the end; one blank stands between two.
        ptrdiff_t stop = text_find(rest, TEXT("."));
        Text sentence = {rest.data, stop < 0 ? rest.size : (size_t)stop + 1};
        rest = behind(rest, sentence.size);
        bool good = score.sentences < topic->task->most;
        if (score.sentences) {
            good = good && text_begins(sentence, TEXT(" "));
            if (text_begins(sentence, TEXT(" "))) sentence = behind(sentence, 1);
        }
        if (topic->task->numbered && !take_number(&sentence, score.sentences + 1)) good = false;
        tones += take_tone(&sentence, world);
        const WorldCore *core = good ? match_core(topic, sentence, rest.size == 0, used) : NULL;
        score.level += core ? core->level : -2;
        if (score.sentences < WORLD_SAID_MAX) score.said[score.sentences] = (signed char)(core ? core->level : WORLD_ILL_FORMED);
        if (core == NULL) continue;
        used[core - topic->task->core] = true;
        score.well_formed++;
    }
    if (score.sentences == 0) return score;
    // Sentences that are missing from the least number count as neutral ones.
    int least = (int)world->knobs.min_sentences, n = score.sentences > least ? score.sentences : least;
    score.score = (double)(score.level + 2 * n) / (double)(4 * n);
    score.tone = (double)tones / (double)score.sentences;
    return score;
}

Status world_score_reply(WorldScore *score, const World *world, Text prompt, Text reply, Error *error) {
    WorldTopic topic;
    TRY(world_find_topic(&topic, world, prompt, error));
    *score = world_score(world, &topic, reply);
    return OK;
}
