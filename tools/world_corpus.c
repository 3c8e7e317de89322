#include "tools/world_corpus.h"

#include <stdio.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/console.h"
#include "tools/world_draw.h"

Status world_read_knobs(World *world, Arena *arena, const Args *args, Error *error) {
    const char *const *voice;
    for (int i = 0; i < WORLD_KNOB_COUNT; i++) {
        const WorldKnob *k = &WORLD_KNOBS[i];
        char key[64];
        snprintf(key, sizeof key, "world.%s", k->name);
        if (!args_has(args, key)) continue;
        double value = args_double(args, key);
        if (k->whole && value != (double)(int64_t)value)
            return error_set(error, ERR_USAGE, "%s: expected a whole number, found %g", k->name, value);
        *world_knob(&world->knobs, k) = value;
    }
    int voices = args_list(args, "world.voice", &voice);
    for (int i = 0; i < voices; i++) TRY(world_set_voice(&world->knobs, arena, text_of(voice[i]), error));
    if (!args_has(args, "world.mix")) return OK;
    return world_set_mix(&world->knobs, world, arena, text_of(args_text(args, "world.mix")), error);
}

// Words, marks, line breaks between turns, and the end: what a tokenizer of words would count.
static int count_tokens(Text text) {
    int tokens = world_count_words(text) + 1;
    for (size_t i = 0; i + 1 < text.size; i++) tokens += text.data[i] == '\n' && text.data[i + 1] == '\n';
    return tokens;
}

// One range of a row's "weight".
static void write_weight(Str *line, bool *any, size_t begin, size_t end, double weight) {
    if (weight == 1) return;
    str_printf(line, "%s[%zu,%zu,", *any ? "," : ",\"weight\":[", begin, end);
    json_write_number(line, weight);
    str_append_char(line, ']');
    *any = true;
}

static void write_document(Str *line, const WorldDocument *document, Text text, const WorldKnobs *knobs) {
    const WorldPlaces *places = &document->places;
    bool any = false;
    str_append(line, TEXT("{\"text\":"));
    json_write_string(line, text);
    for (int i = 0; i < places->count; i++)
        write_weight(line, &any, places->place[i].begin, places->place[i].end,
                     places->place[i].opening ? knobs->opening_weight : knobs->copy_weight);
    if (document->judge) write_weight(line, &any, document->begin, document->end, knobs->answer_weight);
    str_append(line, any ? TEXT("]}\n") : TEXT("}\n"));
}

static Status write_documents(CorpusCounts *c, const World *world, const Args *args, FileWriter *writer, Arena *arena, Error *error) {
    RngKey key = rng_key((uint64_t)args_int(args, "seed"), "world.corpus");
    int64_t documents = args_has(args, "world.documents") ? args_int(args, "world.documents") : INT64_MAX;
    int64_t tokens = args_has(args, "world.tokens") ? args_int(args, "world.tokens") : INT64_MAX;
    while (c->documents < documents && c->tokens < tokens) {
        ArenaMark mark = arena_mark(arena);
        WorldDraws draws = world_draws(key, (uint64_t)c->documents);
        Str text = str_make(arena), line = str_make(arena);
        WorldDocument document = world_draw_document(&text, &draws, world);
        write_document(&line, &document, str_text(&text), &world->knobs);
        writer_put(writer, line.data, line.size);
        int64_t n = count_tokens(str_text(&text));
        c->documents++;
        c->judges += document.judge;
        c->tokens += n;
        c->longest = n > c->longest ? n : c->longest;
        c->of_task[document.task - world->task]++;
        arena_release(arena, mark);
        if (console_stop_wanted()) return error_set(error, ERR_STOPPED, "stopped before the end; nothing was written");
    }
    return OK;
}

Status world_write_corpus(CorpusCounts *counts, const World *world, const Args *args, const char *path, Error *error) {
    Arena arena = arena_make("corpus", 0);
    FileWriter writer;
    *counts = (CorpusCounts){0};
    Status status = writer_open(&writer, &arena, path, error);
    if (status == OK) {
        status = write_documents(counts, world, args, &writer, &arena, error);
        if (status == OK)
            status = writer_finish(&writer, error);
        else
            writer_abandon(&writer);
    }
    arena_free(&arena);
    return status;
}
