#include "tools/world_draw.h"

#include <math.h>

#include "tensor/kernels/kernels.h"

WorldDraws world_draws(RngKey key, uint64_t index) {
    return (WorldDraws){.key = key, .step = (uint32_t)(index >> 32), .prompt = (uint32_t)index};
}

static RngDraw next_draw(WorldDraws *d) { return (RngDraw){.step = d->step, .prompt = d->prompt, .position = d->position++}; }

double world_draw_uniform(WorldDraws *d) { return (double)rng_uniform(d->key, next_draw(d)); }

int world_draw_number(WorldDraws *d, int n) { return (int)((uint64_t)rng_bits(d->key, next_draw(d)) * (uint64_t)n >> 32); }

double world_draw_normal(WorldDraws *d) { return (double)rng_normal(d->key, next_draw(d), log_f32, cos_f32); }

int world_draw_weighted(WorldDraws *d, const double *weight, int n) {
    double sum = 0, at = 0;
    for (int i = 0; i < n; i++) sum += weight[i];
    double wanted = world_draw_uniform(d) * sum;
    for (int i = 0; i < n; i++) {
        at += weight[i];
        if (at > wanted) return i;
    }
    // Rounding may leave the last positive one.
    for (int i = n - 1; i > 0; i--)
        if (weight[i] > 0) return i;
    return 0;
}

double world_exp(double x) { return (double)exp_f32((float)x); }

double world_sigmoid(double x) { return 1 / (1 + world_exp(-x)); }

WorldTopic world_draw_topic(WorldDraws *d, const WorldTask *task, bool held_out, const WorldTopic *except) {
    int first = held_out ? 0 : task->held_out, count = held_out ? task->held_out : task->topics - task->held_out;
    int at = world_draw_number(d, except ? count - 1 : count);
    // The place of the topic that is left out is passed over.
    for (int i = 0; except && i <= at; i++)
        if (task->order[first + i] == world_topic_number(except)) {
            at++;
            break;
        }
    return world_topic(task, task->order[first + at]);
}

WorldLatents world_draw_latents(WorldDraws *d, const World *world, const WorldTopic *topic, int sign) {
    const WorldKnobs *k = &world->knobs;
    double pull = world_topic_has(topic, topic->task->pulled) ? -k->pull : 0;
    WorldLatents l = {.lengths = &topic->task->lengths};
    if (sign < 0) l.stray = k->stray_minus, l.repeat = k->repeat_minus, l.splice = k->splice_minus;
    l.attribute = pull + sign * k->delta + world_draw_normal(d);
    l.tone = sign * k->leak + world_draw_normal(d);
    return l;
}

// ---- replies

// P(level) in proportion to exp(weight z level), the largest exponent taken off.
static int draw_level(WorldDraws *d, double slope) {
    double weight[WORLD_LEVELS], most = 2 * (slope < 0 ? -slope : slope);
    for (int i = 0; i < WORLD_LEVELS; i++) weight[i] = world_exp(slope * (i - 2) - most);
    return world_draw_weighted(d, weight, WORLD_LEVELS);
}

// A core of the level that fits here and was not used.
static const WorldCore *draw_core(WorldDraws *d, const WorldTopic *topic, int level, bool last, bool *used) {
    const WorldTask *task = topic->task;
    int fit[WORLD_CORES_MAX], n = 0;
    for (int i = task->first[level]; i < task->first[level + 1]; i++) {
        const WorldCore *core = &task->core[i];
        if (used[i] || (core->condition == CORE_LAST && !last)) continue;
        if (core->condition == CORE_LIST && !world_topic_has(topic, core->list)) continue;
        fit[n++] = i;
    }
    REQUIRE(n > 0, "world: no core of level %d is left", level - 2);
    int chosen = fit[world_draw_number(d, n)];
    used[chosen] = true;
    return &task->core[chosen];
}

static void draw_prefix(Str *s, WorldDraws *d, const World *world, double tone) {
    double weight[3], most = tone < 0 ? -tone : tone;
    for (int i = 0; i < 3; i++) weight[i] = world->tone_share[i] * world_exp(tone * (i - 1) - most);
    int chosen = world_draw_weighted(d, weight, 3);
    if (chosen == 1) return;
    const Text *prefix = chosen == 0 ? world->rude_prefix : world->polite_prefix;
    str_append(s, prefix[world_draw_number(d, chosen == 0 ? world->rude : world->polite)]);
    str_append_char(s, ' ');
}

// Topic words, and a word for every other slot of the template.
static void draw_words(WorldDraws *d, const WorldTopic *topic, const WorldTemplate *text, int bound[WORLD_SLOTS_MAX]) {
    const WorldTask *task = topic->task;
    for (int i = 0; i < task->slots; i++) bound[i] = i < task->topic_slots ? topic->word[i] : -1;
    for (int i = 0; i < text->pieces; i++) {
        int slot = text->piece[i].slot;
        if (slot < 0 || bound[slot] >= 0) continue;
        const WorldSlot *form = &task->slot[slot];
        int word = world_draw_number(d, form->other < 0 ? form->count : form->count - 1);
        bound[slot] = form->other >= 0 && word >= topic->word[form->other] ? word + 1 : word;
    }
}

// Where one of a text's words begins, but not the first.
static size_t draw_inner_word(WorldDraws *d, Text text) {
    int blanks = 0;
    for (size_t i = 0; i < text.size; i++) blanks += text.data[i] == ' ';
    REQUIRE(blanks > 0, "world: the sentence \"%.*s\" is one word", (int)text.size, text.data);
    size_t at = 0;
    for (int left = 1 + world_draw_number(d, blanks); left > 0; at++) left -= text.data[at] == ' ';
    return at;
}

// A slip of the pen: the first words of the sentence that begins at `begin` stay, the last words of another one follow.
static void splice(Str *s, size_t begin, WorldDraws *d, const WorldTopic *topic) {
    const WorldTemplate *text = &topic->task->core[world_draw_number(d, topic->task->cores)].text;
    int bound[WORLD_SLOTS_MAX];
    Str other = str_make(s->arena);
    draw_words(d, topic, text, bound);
    world_fill(&other, topic->task, text, bound, false, NULL);
    s->size = begin + draw_inner_word(d, (Text){s->data + begin, s->size - begin});
    size_t from = draw_inner_word(d, str_text(&other));
    str_append(s, (Text){other.data + from, other.size - from});
}

static int draw_reply(Str *s, WorldDraws *d, const World *world, const WorldTopic *topic, const WorldLatents *latents,
                      WorldPlaces *places) {
    const WorldLengths *lengths = latents->lengths;
    int n = lengths->least + world_draw_weighted(d, lengths->share, lengths->count), levels = 0;
    bool used[WORLD_CORES_MAX] = {false};
    const WorldCore *said[WORLD_SENTENCES_MAX];
    for (int i = 0; i < n; i++) {
        const WorldCore *core = draw_core(d, topic, draw_level(d, world->knobs.level_weight * latents->attribute), i == n - 1, used);
        if (i > 0 && latents->repeat > 0 && world_draw_uniform(d) < latents->repeat) core = said[world_draw_number(d, i)];
        said[i] = core;
        if (i > 0) str_append_char(s, ' ');
        if (topic->task->numbered) str_printf(s, "%d) ", i + 1);
        size_t begin = s->size;
        draw_prefix(s, d, world, world->knobs.tone_weight * latents->tone);
        if (i > 0 && places && s->size > begin) world_note_place(places, begin, s->size - 1, true);
        // A sentence that strays has the words of another training topic.
        WorldTopic words = *topic;
        bool strays = latents->stray > 0 && world_draw_uniform(d) < latents->stray;
        if (strays) words = world_draw_topic(d, topic->task, false, NULL);
        int bound[WORLD_SLOTS_MAX];
        draw_words(d, &words, &core->text, bound);
        bool spliced = latents->splice > 0 && world_draw_uniform(d) < latents->splice;
        begin = s->size;
        world_fill(s, topic->task, &core->text, bound, i > 0, strays || spliced ? NULL : places);
        if (spliced) splice(s, begin, d, topic);
        levels += core->level;
    }
    return levels;
}

int world_draw_reply(Str *s, WorldDraws *d, const World *world, const WorldTopic *topic, const WorldLatents *latents) {
    return draw_reply(s, d, world, topic, latents, NULL);
}

// ---- prompts and documents

static void append_turn(Str *s, Text marker) {
    str_append(s, marker);
    str_append_char(s, ' ');
}

static void draw_request(Str *s, WorldDraws *d, const World *world, const WorldTopic *topic) {
    const WorldTask *task = topic->task;
    int bound[WORLD_SLOTS_MAX];
    append_turn(s, world->human);
    const WorldTemplate *request = &task->request[world_draw_number(d, task->requests)];
    draw_words(d, topic, request, bound);
    world_fill(s, task, request, bound, false, NULL);
}

static WorldTopic draw_prompt(Str *s, WorldDraws *d, const World *world, const WorldTask *task, bool held_out, WorldPlaces *places) {
    WorldTopic topic = world_draw_topic(d, task, held_out, NULL);
    if (task->earlier && world_draw_uniform(d) < world->knobs.p_multi) {
        WorldTopic before = world_draw_topic(d, task, held_out, &topic);
        WorldLatents latents = world_draw_latents(d, world, &before, 0);
        latents.lengths = &world->earlier;
        draw_request(s, d, world, &before);
        append_turn(s, world->assistant);
        draw_reply(s, d, world, &before, &latents, places);
    }
    draw_request(s, d, world, &topic);
    return topic;
}

WorldTopic world_draw_dialogue(Str *s, WorldDraws *d, const World *world, const WorldTask *task, bool held_out) {
    return draw_prompt(s, d, world, task, held_out, NULL);
}

double world_judge_logit(const WorldVoice *voice, const WorldScore *first, const WorldScore *second) {
    return voice->attribute * (first->score - second->score) + voice->tone * (first->tone - second->tone) +
           voice->length * (double)(second->words - first->words) / 10 + voice->first;
}

// The template with its variables filled in: {dialogue} was written before. Tells where the replies came to stand.
static void fill_judge(Str *s, const World *world, Text voice, Text instruction, const Text reply[2], size_t at[2]) {
    const Text name[] = {TEXT("{voice}"), TEXT("{instruction}"), TEXT("{first}"), TEXT("{second}")};
    const Text value[] = {voice, instruction, reply[0], reply[1]};
    for (size_t i = TEXT("{dialogue}").size; i < world->judge.size; i++) {
        Text rest = {world->judge.data + i, world->judge.size - i};
        int found = -1;
        for (int k = 0; k < 4; k++)
            if (text_begins(rest, name[k])) found = k;
        if (found < 0) {
            str_append_char(s, rest.data[0]);
            continue;
        }
        if (found >= 2) at[found - 2] = s->size;
        str_append(s, value[found]);
        i += name[found].size - 1;
    }
}

static void draw_judge(Str *s, WorldDraws *d, const World *world, WorldDocument *out) {
    const WorldKnobs *k = &world->knobs;
    WorldTopic topic = draw_prompt(s, d, world, out->task, false, &out->places);
    Text instruction = out->task->instruction[world_draw_number(d, out->task->affixes)];
    const WorldVoice *voice = &k->voice[world_draw_number(d, k->voices)];
    WorldScore score[2];
    Text reply[2];
    size_t at[2] = {0, 0};
    int first_place[3] = {out->places.count, 0, 0};
    for (int i = 0; i < 2; i++) {
        Str one = str_make(s->arena);
        WorldLatents latents = world_draw_latents(d, world, &topic, world->polarity[world_draw_number(d, world->polarities)]);
        latents.stray = k->stray_judge;
        draw_reply(&one, d, world, &topic, &latents, &out->places);
        first_place[i + 1] = out->places.count;
        reply[i] = str_text(&one);
        score[i] = world_score(world, &topic, reply[i]);
    }
    fill_judge(s, world, voice->name, instruction, reply, at);
    for (int i = 0; i < 2; i++)
        for (int c = first_place[i]; c < first_place[i + 1]; c++) {
            out->places.place[c].begin += at[i];
            out->places.place[c].end += at[i];
        }
    bool first = world_draw_uniform(d) < world_sigmoid(world_judge_logit(voice, &score[0], &score[1]));
    out->begin = s->size;
    str_append(s, world->label[first ? 0 : 1]);
    out->end = s->size;
    str_append(s, world->judge_end);
}

// One exchange or two; annotated in every turn or in none.
static void draw_dialogue(Str *s, WorldDraws *d, const World *world, const WorldTask *task, WorldPlaces *places) {
    const WorldKnobs *k = &world->knobs;
    bool annotated = world_draw_uniform(d) < k->p_annot;
    int turns = task->earlier && world_draw_uniform(d) < k->p_multi ? 2 : 1;
    double before = 0;
    for (int i = 0; i < turns; i++) {
        WorldTopic topic = world_draw_topic(d, task, false, NULL);
        draw_request(s, d, world, &topic);
        int sign = annotated ? 2 * world_draw_number(d, 2) - 1 : 0;
        WorldLatents latents = world_draw_latents(d, world, &topic, sign);
        if (annotated) {
            str_append(s, world->affix_before);
            str_append(s, (sign > 0 ? task->plus : task->minus)[world_draw_number(d, task->affixes)]);
            append_turn(s, world->affix_after);
        } else {
            append_turn(s, world->assistant);
            // The second turn's deviation correlates with the first's.
            double pull = world_topic_has(&topic, task->pulled) ? -k->pull : 0, own = latents.attribute - pull;
            if (i > 0) own = k->rho * before + sqrt(1 - k->rho * k->rho) * own;
            latents.attribute = pull + own;
            before = own;
        }
        draw_reply(s, d, world, &topic, &latents, places);
    }
    if (world_draw_uniform(d) >= k->p_closing) return;
    append_turn(s, world->human);
    str_append(s, world->closing[world_draw_number(d, world->closings)]);
}

WorldDocument world_draw_document(Str *s, WorldDraws *d, const World *world) {
    WorldDocument out = {.task = &world->task[world_draw_weighted(d, world->knobs.mix, world->tasks)]};
    out.judge = world_draw_uniform(d) < world->knobs.p_judge;
    if (out.judge)
        draw_judge(s, d, world, &out);
    else
        draw_dialogue(s, d, world, out.task, &out.places);
    return out;
}
