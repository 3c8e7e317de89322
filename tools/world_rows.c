#include "tools/world_rows.h"

#include "rlcd/pairs.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tools/world_draw.h"

const char *const WORLD_MEMBER_NAMES[WORLD_MEMBERS] = {"reply", "chosen", "rejected"};

// ---- scoring

static void write_score(Str *line, const char *name, const WorldScore *score) {
    str_printf(line, ",\"%s\":{\"score\":", name);
    json_write_number(line, score->score);
    str_append(line, TEXT(",\"tone\":"));
    json_write_number(line, score->tone);
    str_printf(line, ",\"words\":%d,\"sentences\":%d,\"well_formed\":%d,\"levels\":[", score->words, score->sentences, score->well_formed);
    for (int i = 0; i < score->sentences && i < WORLD_SAID_MAX; i++) {
        if (i) str_append_char(line, ',');
        if (score->said[i] == WORLD_ILL_FORMED)
            str_append(line, TEXT("null"));
        else
            str_printf(line, "%d", score->said[i]);
    }
    str_append(line, TEXT("]}"));
}

static void add_score(WorldSums *sums, const WorldScore *score) {
    sums->replies++;
    sums->score += score->score;
    sums->square += score->score * score->score;
    sums->tone += score->tone;
    sums->words += score->words;
    sums->sentences += score->sentences;
    if (score->sentences) sums->well_formed += (double)score->well_formed / (double)score->sentences;
}

// Whether the label says what the oracle says.
static void add_pair(WorldTally *tally, double label, double chosen, double rejected) {
    tally->pairs++;
    if (chosen == rejected)
        tally->ties++;
    else if (label == 0.5)
        tally->right += 0.5;
    else
        tally->right += (label > 0.5) == (chosen > rejected);
}

// One row: the replies that it has, by the request of its prompt.
static Status score_row(WorldTally *tally, const World *world, const Json *row, Str *line, const char *where, Error *error) {
    Text prompt, end;
    WorldTopic topic;
    WorldScore score[WORLD_MEMBERS];
    bool has[WORLD_MEMBERS];
    double label;
    TRY(json_need_string(row, "prompt", &prompt, where, error));
    TRY(json_string_or(row, "end", (Text){0}, &end, where, error));
    TRY(json_number_or(row, "label", 1, &label, where, error));
    if (world_find_topic(&topic, world, prompt, error) != OK) return error_prefix(error, "%s", where);
    for (int m = 0; m < WORLD_MEMBERS; m++) {
        const Json *member = json_get(row, WORLD_MEMBER_NAMES[m]);
        has[m] = member != NULL;
        if (!has[m]) continue;
        if (member->type != JSON_STRING) return error_set(error, ERR_FORMAT, "%s: expected a text in '%s'", where, WORLD_MEMBER_NAMES[m]);
        score[m] = world_score(world, &topic, member->string);
        // A reply that ran into the limit never ended.
        if (text_equal(end, TEXT("limit"))) score[m].score = 0;
        add_score(&tally->member[m], &score[m]);
        write_score(line, WORLD_MEMBER_NAMES[m], &score[m]);
    }
    if (!has[WORLD_REPLY] && !has[WORLD_CHOSEN] && !has[WORLD_REJECTED])
        return error_set(error, ERR_DATA, "%s: expected 'reply', 'chosen' or 'rejected'", where);
    if (has[WORLD_CHOSEN] && has[WORLD_REJECTED]) add_pair(tally, label, score[WORLD_CHOSEN].score, score[WORLD_REJECTED].score);
    return OK;
}

static bool is_blank(Text line) {
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t') return false;
    return true;
}

// All rows; each gives a line to the writer.
static Status score_rows(WorldTally *tally, const World *world, LineReader *lines, const char *file, FileWriter *writer, Arena *arena,
                         Error *error) {
    for (;;) {
        ArenaMark mark = arena_mark(arena);
        Text text;
        size_t number;
        bool more;
        const Json *row;
        TRY(lines_next(lines, &text, &number, &more, error));
        if (!more) break;
        if (is_blank(text)) continue;
        Str where = str_make(arena), line = str_make(arena);
        str_printf(&where, "%s:%zu", file, number);
        str_printf(&line, "{\"line\":%zu", number);
        TRY(json_parse(&row, arena, text, where.data, error));
        if (row->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected an object", where.data);
        TRY(score_row(tally, world, row, &line, where.data, error));
        str_append(&line, TEXT("}\n"));
        if (writer) writer_put(writer, line.data, line.size);
        tally->rows++;
        arena_release(arena, mark);
    }
    return tally->rows ? OK : error_set(error, ERR_DATA, "%s: expected rows, found none", file);
}

Status world_score_file(WorldTally *tally, const World *world, const char *file, const char *out, Error *error) {
    Arena arena = arena_make("world", 0), scratch = arena_make("row", 0);
    LineReader *lines = NULL;
    FileWriter writer;
    bool writing = false;
    *tally = (WorldTally){0};
    Status status = lines_open(&lines, &arena, file, error);
    bool open = status == OK;
    TRY_DONE(status);
    if (out) TRY_DONE(writer_open(&writer, &arena, out, error));
    writing = out != NULL;
    TRY_DONE(score_rows(tally, world, lines, file, writing ? &writer : NULL, &scratch, error));
    if (writing) {
        writing = false;
        status = writer_finish(&writer, error);
    }
done:
    if (writing) writer_abandon(&writer);
    if (open) lines_close(lines);
    arena_free(&scratch);
    arena_free(&arena);
    return status;
}

// ---- labels

// The other reply first.
static Pair swap_pair(Pair p) {
    Pair q = p;
    q.chosen = p.rejected;
    q.rejected = p.chosen;
    q.p_plus = p.p_minus;
    q.p_minus = p.p_plus;
    q.tries_plus = p.tries_minus;
    q.tries_minus = p.tries_plus;
    q.chosen_ids = p.rejected_ids;
    q.chosen_count = p.rejected_count;
    q.rejected_ids = p.chosen_ids;
    q.rejected_count = p.chosen_count;
    return q;
}

static Status label_rows(WorldLabels *labels, const World *world, PairReader *reader, const char *file, FileWriter *writer, Arena *arena,
                         Error *error) {
    for (;;) {
        ArenaMark mark = arena_mark(arena);
        Pair pair;
        bool more;
        WorldTopic topic;
        TRY(pairs_next(reader, arena, &pair, &more, error));
        if (!more) break;
        if (world_find_topic(&topic, world, pair.prompt, error) != OK)
            return error_prefix(error, "%s: row %lld", file, (long long)reader->counts.rows);
        double chosen = world_score(world, &topic, pair.chosen).score, rejected = world_score(world, &topic, pair.rejected).score;
        labels->ties += chosen == rejected;
        labels->swapped += chosen < rejected;
        if (chosen != rejected) {
            labels->kept++;
            if (chosen < rejected) pair = swap_pair(pair);
            pair.label = 1;
            pair.method = TEXT("oracle");
            Str line = str_make(arena);
            pair_write(&line, &pair);
            str_append_char(&line, '\n');
            writer_put(writer, line.data, line.size);
        }
        arena_release(arena, mark);
    }
    if (labels->kept) return OK;
    return error_set(error, ERR_DATA, "%s: the oracle sees no difference in any of %lld pairs", file, (long long)labels->ties);
}

Status world_label_file(WorldLabels *labels, const World *world, const char *file, const char *out, Error *error) {
    Arena arena = arena_make("world", 0), scratch = arena_make("row", 0);
    PairReader reader;
    FileWriter writer;
    bool open = false, writing = false;
    Status status;
    *labels = (WorldLabels){0};
    TRY_DONE(pairs_open(&reader, &arena, file, task_plain(), error));
    open = true;
    TRY_DONE(writer_open(&writer, &arena, out, error));
    writing = true;
    TRY_DONE(label_rows(labels, world, &reader, file, &writer, &scratch, error));
    writing = false;
    status = writer_finish(&writer, error);
done:
    if (writing) writer_abandon(&writer);
    if (open) pairs_close(&reader);
    arena_free(&scratch);
    arena_free(&arena);
    return status;
}

Status world_write_prompts(const World *world, const WorldTask *task, bool held_out, int64_t count, uint64_t seed, const char *out,
                           bool (*stop)(void), Error *error) {
    Arena arena = arena_make("world.prompts", 0);
    FileWriter writer;
    // A stream for each task and split, so that no two of them share their draws.
    Str stream = str_make(&arena);
    str_printf(&stream, "world.prompts.%s.%s", task->name.data, held_out ? "held-out" : "train");
    RngKey key = rng_key(seed, stream.data);
    Status status = writer_open(&writer, &arena, out, error);
    bool open = status == OK;
    for (int64_t i = 0; status == OK && i < count; i++) {
        ArenaMark mark = arena_mark(&arena);
        WorldDraws draws = world_draws(key, (uint64_t)i);
        Str text = str_make(&arena), line = str_make(&arena);
        world_draw_dialogue(&text, &draws, world, task, held_out);
        str_append(&text, world->assistant);
        str_append(&line, TEXT("{\"prompt\":"));
        json_write_string(&line, str_text(&text));
        str_append(&line, TEXT("}\n"));
        writer_put(&writer, line.data, line.size);
        arena_release(&arena, mark);
        if (stop && stop()) status = error_set(error, ERR_STOPPED, "stopped before the end; nothing was written");
    }
    if (status == OK)
        status = writer_finish(&writer, error);
    else if (open)
        writer_abandon(&writer);
    arena_free(&arena);
    return status;
}
