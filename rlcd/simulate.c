#include "rlcd/simulate.h"

#include <stdio.h>
#include <string.h>

#include "rlcd/samples.h"
#include "tensor/base/comm.h"
#include "tensor/base/json.h"

SimulateConfig simulate_default(void) {
    SimulateConfig config = {.clean = clean_options_default(), .max_prompt = 512, .shards = 1};
    config.generate.sampler = sampler_default();
    config.generate.sampler.top_k = 50;  // paper.md, section 2
    config.generate.max_new = 300;       // paper.md, section 2
    config.generate.slots = 32;
    return config;
}

enum { PLUS, MINUS, SIDES, BLOCK_ROUNDS = 8 };

// One side of one prompt on its way.
typedef struct {
    Text prompt;  // p+ or p-
    const int32_t *ids;
    int count;
    int tries;  // draws done
    bool running, kept;
    Text reply;
    const int32_t *reply_ids;
    int reply_count;
} Side;

typedef struct {
    const Prompt *prompt;
    Dialogue dialogue;  // after cutting
    int affix;
    Side side[SIDES];
    bool cut;  // the prompt lost turns
    CleanCounts counts;
    Arena arena;  // texts and ids of this prompt; freed when it is written
    bool live;
} Work;

typedef struct {
    SimulateResult *result;
    const Base *base;
    const Task *task;
    const SimulateConfig *config;
    Session *session;
    Work *work;             // one for each prompt of the shard that is not done yet
    int n, begun, written;  // prompts prepared; prompts on disk
    FileAppend pairs, rejected;
    Arena lines;  // of the block, with several ranks
    Str held;     // this rank's lines, each behind a '+' or '-': a pair or not
    Error error;  // of preparing, told by the next done()
    Status status;
} Simulation;

// ---- what exists

// Counts of a stored line, so that the totals cover earlier runs too.
static void count_stored(SimulateResult *result, const Json *line) {
    const Json *outcomes = json_get(line, "outcomes");
    for (int r = 0; r < CLEAN_REASONS; r++) {
        const Json *n = json_get(outcomes, clean_reason_name((CleanReason)r));
        if (n && n->is_integer) result->counts.count[r] += n->integer;
    }
    const Json *cut = json_get(line, "cut");
    result->cut += cut && cut->type == JSON_BOOL && cut->boolean;
}

// Reads what an earlier run wrote: the number of lines, and the largest prompt index.
static Status read_done(SimulateResult *result, const char *path, int64_t *lines, int64_t *last, Arena *arena, Error *error) {
    *lines = 0;
    if (!file_exists(path)) return OK;
    ArenaMark mark = arena_mark(arena);
    LineReader *reader;
    TRY(lines_open(&reader, arena, path, error));
    Status status = OK;
    for (;;) {
        Text line;
        size_t number;
        bool more;
        TRY_DONE(lines_next(reader, &line, &number, &more, error));
        if (!more) break;
        ArenaMark inner = arena_mark(arena);
        const Json *json;
        int64_t index;
        char where[512];
        snprintf(where, sizeof where, "%.400s:%zu", path, number);
        TRY_DONE(json_parse(&json, arena, line, where, error));
        TRY_DONE(json_need_int(json, "index", 0, INT64_MAX, &index, where, error));
        count_stored(result, json);
        arena_release(arena, inner);
        (*lines)++;
        if (index > *last) *last = index;
    }
done:
    lines_close(reader);
    arena_release(arena, mark);
    return status;
}

// ---- preparing a prompt

// What a side's form depends on.
typedef struct {
    const Simulation *s;
    int affix;
} SideContext;

static Text side_text(const void *context, const Dialogue *prompt, int side, Arena *arena) {
    const SideContext *c = context;
    return contrast_text(arena, c->s->task, prompt, c->affix, c->s->config->plain ? SIDE_PLAIN : side == PLUS ? SIDE_PLUS : SIDE_MINUS);
}

// Builds both sides; the prompt is cut first so that both fit.
static Status prepare(Simulation *s, Work *w, Error *error) {
    w->arena = arena_make("simulate.prompt", (size_t)64 << 10);
    w->live = true;
    w->affix = contrast_affix(s->task, s->session->seed, (uint32_t)w->prompt->index);
    int dropped = 0, room = s->config->max_prompt;
    SideContext context = {s, w->affix};
    bool fits = base_cut(&w->dialogue, &dropped, s->base, &w->prompt->dialogue, room, side_text, SIDES, &context, &w->arena);
    w->cut = dropped > 0 || !fits;
    for (int side = 0; side < SIDES; side++) {
        Side *p = &w->side[side];
        int32_t *ids;
        p->prompt = side_text(&context, &w->dialogue, side, &w->arena);
        TRY(tokenizer_encode(s->base->tokenizer, &w->arena, p->prompt, &ids, &p->count, error));
        p->ids = ids_keep_last(ids, &p->count, room);
    }
    return OK;
}

// ---- writing, in the order of prompts

// What the totals need travels with each line, so that they survive a stop.
static void write_outcomes(Str *line, const Work *w) {
    const CleanCounts *counts = &w->counts;
    if (w->cut) str_append(line, TEXT(",\"cut\":true"));
    str_append(line, TEXT(",\"outcomes\":{"));
    bool first = true;
    for (int r = 0; r < CLEAN_REASONS; r++)
        if (counts->count[r]) {
            str_printf(line, "%s\"%s\":%lld", first ? "" : ",", clean_reason_name((CleanReason)r), (long long)counts->count[r]);
            first = false;
        }
    str_append_char(line, '}');
}

// A finished line: written by rank 0, counted by all.
static Status put_line(Simulation *s, bool pair, Text line, Error *error) {
    ArenaMark mark = arena_mark(s->session->run);
    const Json *json;
    TRY(append_line(pair ? &s->pairs : &s->rejected, line, error));
    TRY(json_parse(&json, s->session->run, line, "a line of simulate", error));
    count_stored(s->result, json);
    s->result->kept += pair;
    s->result->dropped += !pair;
    s->result->counts.dropped += !pair;
    arena_release(s->session->run, mark);
    return OK;
}

// Writes a line, or keeps it for rank 0.
static Status write_line(Simulation *s, bool pair, Text line, Error *error) {
    if (comm_size() == 1) return put_line(s, pair, line, error);
    str_append_char(&s->held, pair ? '+' : '-');
    str_append(&s->held, line);
    str_append_char(&s->held, '\n');
    return OK;
}

static Status write_pair(Simulation *s, Work *w, Error *error) {
    Pair pair = pair_make();
    pair.prompt = w->dialogue.text;
    pair.index = w->prompt->index;
    pair.task = s->task->name;
    pair.affix = w->affix;
    // Two replies to p itself have no label until a judge has spoken.
    pair.method = s->config->plain ? TEXT("rlaif") : TEXT("rlcd");
    if (s->config->plain) {
        pair.label = 0.5;
    } else {
        pair.p_plus = w->side[PLUS].prompt;
        pair.p_minus = w->side[MINUS].prompt;
    }
    pair.seed = (int64_t)s->session->seed;
    pair.tries_plus = w->side[PLUS].tries;
    pair.tries_minus = w->side[MINUS].tries;
    pair.tokenizer = text_of(s->config->tokenizer_hash);
    pair.chosen = w->side[PLUS].reply;
    pair.rejected = w->side[MINUS].reply;
    pair.chosen_ids = w->side[PLUS].reply_ids;
    pair.chosen_count = w->side[PLUS].reply_count;
    pair.rejected_ids = w->side[MINUS].reply_ids;
    pair.rejected_count = w->side[MINUS].reply_count;
    Str line = str_make(&w->arena);
    pair_write(&line, &pair);
    line.size--;
    write_outcomes(&line, w);
    str_append_char(&line, '}');
    return write_line(s, true, str_text(&line), error);
}

static Status write_rejected(Simulation *s, Work *w, Error *error) {
    Str line = str_make(&w->arena);
    const char *side = w->side[PLUS].kept ? "minus" : w->side[MINUS].kept ? "plus" : "both";
    str_printf(&line, "{\"index\":%lld,\"side\":\"%s\"", (long long)w->prompt->index, side);
    write_outcomes(&line, w);
    str_append_char(&line, '}');
    return write_line(s, false, str_text(&line), error);
}

// Nothing more is drawn for this side.
static bool is_settled(const Side *side) { return side->kept || side->tries == CLEAN_TRIES; }

// Writes all prompts at the front that are finished: both sides settled, whatever the other one did, so that not even the counts
// of a dropped prompt depend on which side ran first.
static Status flush(Simulation *s, Error *error) {
    while (s->written < s->begun) {
        Work *w = &s->work[s->written];
        if (!is_settled(&w->side[PLUS]) || !is_settled(&w->side[MINUS])) return OK;
        bool complete = w->side[PLUS].kept && w->side[MINUS].kept;
        TRY(complete ? write_pair(s, w, error) : write_rejected(s, w, error));
        arena_free(&w->arena);
        w->live = false;
        s->written++;
        s->session->progress("simulate", s->result->kept + s->result->dropped, s->result->prompts, "");
    }
    return OK;
}

// ---- the source of requests

static bool next_request(void *context, GenerateRequest *request) {
    Simulation *s = context;
    if (s->status != OK) return false;
    // Draws of prompts already begun come first, in their order: a rejected sample again, or a side not yet drawn.
    for (int i = s->written; i <= s->begun && i < s->n; i++) {
        Work *w = &s->work[i];
        if (i == s->begun) {
            if (s->session->stop_wanted()) return false;
            s->status = prepare(s, w, &s->error);
            s->begun++;
            if (s->status != OK) {
                error_prefix(&s->error, "prompt %lld", (long long)w->prompt->index);
                return false;
            }
        }
        for (int side = 0; side < SIDES; side++) {
            Side *p = &w->side[side];
            if (p->running || is_settled(p)) continue;
            p->running = true;
            *request = (GenerateRequest){.prompt = p->ids, .prompt_count = p->count, .max_new = s->config->generate.max_new, .user = w};
            // Replies to p are two samples of one side, those to p+ and p- the first sample of two.
            request->draw = (RngDraw){.prompt = (uint32_t)w->prompt->index, .attempt = (uint32_t)p->tries};
            if (s->config->plain)
                request->draw.sample = (uint32_t)side;
            else
                request->draw.side = side == PLUS ? SIDE_PLUS : SIDE_MINUS;
            return true;
        }
    }
    return false;
}

static Status keep_reply(Simulation *s, Work *w, Side *p, const GenerateResult *result, Text raw, size_t begin, size_t end, Error *error) {
    p->reply = text_copy(&w->arena, (Text){raw.data + begin, end - begin});
    // A reply that begins later than the sample is tokenised anew.
    int sampled = begin == 0 ? result->count : 0;
    int32_t *ids;
    TRY(base_reply_ids(&ids, &p->reply_count, s->base, p->reply, result->ids, sampled, &w->arena, error));
    p->reply_ids = ids;
    return OK;
}

static Status take_result(void *context, const GenerateRequest *request, const GenerateResult *result, Error *error) {
    Simulation *s = context;
    Work *w = request->user;
    bool minus = s->config->plain ? request->draw.sample == MINUS : request->draw.side == SIDE_MINUS;
    Side *p = &w->side[minus ? MINUS : PLUS];
    p->running = false;
    p->tries++;

    // The filter sees all sampled text but end-of-text.
    ArenaMark mark = arena_mark(s->session->run);
    Str raw = str_make(s->session->run);
    for (int i = 0; i < result->count - (result->end == END_TEXT); i++)
        str_append(&raw, tokenizer_bytes(s->base->tokenizer, result->ids[i]));
    CleanSample sample = {raw.size ? str_text(&raw) : TEXT(""), result->end == END_TEXT};
    size_t begin = 0, end = 0;
    CleanReason reason = clean_sample(&begin, &end, &sample, s->task, w->affix, s->config->clean);
    w->counts.count[reason]++;
    Status status = OK;
    if (reason == CLEAN_KEPT) {
        p->kept = true;
        status = keep_reply(s, w, p, result, sample.raw, begin, end, error);
    }
    arena_release(s->session->run, mark);
    TRY(status);
    TRY(flush(s, error));
    if (s->session->stop_wanted())
        return error_set(error, ERR_STOPPED, "simulate: stopped at %d of %d prompts", (int)(s->result->kept + s->result->dropped),
                         (int)s->result->prompts);
    return OK;
}

// Adds the task's bans to the sampler's: every id whose text is the piece.
static Status add_bans(SamplerConfig *sampler, const Task *task, const Base *base, Arena *arena, Error *error) {
    int V = tokenizer_vocabulary(base->tokenizer), n = sampler->n_banned;
    bool *is_banned = arena_zeros(arena, (size_t)V, sizeof *is_banned);
    for (int i = 0; i < task->bans; i++) {
        bool found = false;
        for (int id = 0; id < V; id++)
            if (text_equal(tokenizer_bytes(base->tokenizer, id), task->ban[i])) is_banned[id] = found = true;
        if (!found) return error_set(error, ERR_DATA, "%s: ban \"%s\" is not the text of any token", task->path, task->ban[i].data);
    }
    int32_t *banned = arena_alloc(arena, (size_t)(n + V) * sizeof *banned);
    for (int i = 0; i < n; i++) banned[i] = sampler->banned[i];
    for (int id = 0; id < V; id++)
        if (is_banned[id]) banned[n++] = id;
    sampler->banned = banned;
    sampler->n_banned = n;
    return OK;
}

// The lines of all ranks in the order of the block's prompts, up to the first that is missing. Together.
static Status merge_lines(Simulation *s, int n, Status status, Error *error) {
    size_t at[COMM_RANKS + 1], offset[COMM_RANKS + 1];
    const char *all = comm_collect(s->held.data, s->held.size, offset, &s->lines);
    memcpy(at, offset, sizeof at);
    for (int i = 0, r = 0; i < n && at[r] < offset[r + 1]; i++, r = (r + 1) % comm_size()) {
        const char *line = all + at[r] + 1;
        Text text = {line, (size_t)((const char *)memchr(line, '\n', offset[r + 1] - at[r] - 1) - line)};
        TRY(put_line(s, line[-1] == '+', text, error));
        at[r] += text.size + 2;
    }
    s->session->progress("simulate", s->result->kept + s->result->dropped, s->result->prompts, "");
    s->held = str_make(&s->lines);
    arena_reset(&s->lines);
    return comm_agree(status, error);
}

Status simulate_run(SimulateResult *result, const Base *base, const Task *task, const PromptList *prompts, const SimulateConfig *config,
                    Session *session, Error *error) {
    *result = (SimulateResult){0};
    Simulation s = {.result = result, .base = base, .task = task, .config = config, .session = session,
                    .lines = arena_make("simulate.lines", 0)};
    s.held = str_make(&s.lines);
    const char *pairs_path = path_join(session->run, session->dir, "pairs.jsonl"),
               *rejected_path = path_join(session->run, session->dir, "rejected.jsonl");

    // What exists is skipped: lines are in prompt order, so everything up to the largest index is done.
    int64_t last = -1;
    TRY(append_open(&s.pairs, pairs_path, SIZE_MAX, error));
    Status status = append_open(&s.rejected, rejected_path, SIZE_MAX, error);
    if (status != OK) {
        append_close(&s.pairs, NULL);
        return status;
    }
    status = read_done(result, pairs_path, &result->kept, &last, session->run, error);
    if (status == OK) status = read_done(result, rejected_path, &result->dropped, &last, session->run, error);
    TRY_DONE(comm_agree(status, error));
    result->counts.dropped = result->dropped;

    const Prompt **todo = arena_alloc(session->run, ((size_t)prompts->count + 1) * sizeof *todo);
    int n = 0;
    for (int i = 0; i < prompts->count; i++) {
        if (i % config->shards != config->shard) continue;
        result->prompts++;
        if (prompts->prompt[i].index > last) todo[n++] = &prompts->prompt[i];
    }

    GenerateConfig generate = config->generate;
    generate.key = rng_key(session->seed, "simulate.sample");
    generate.stops = task->stop;
    generate.n_stops = task->stops;
    generate.capacity = config->max_prompt + generate.max_new;
    TRY_DONE(add_bans(&generate.sampler, task, base, session->run, error));
    GenerateSource source = {next_request, take_result, &s};
    session->progress("simulate", result->kept + result->dropped, result->prompts, "");
    // One block with one rank; several ranks hand their lines over after each.
    int ranks = comm_size(), block = ranks == 1 ? n : ranks * config->generate.slots * BLOCK_ROUNDS;
    for (int at = 0; at < n && status == OK; at += block) {
        s.n = s.begun = s.written = 0;
        s.work = arena_zeros(session->run, (size_t)(n - at < block ? n - at : block), sizeof *s.work);
        for (int i = at; i < n && i < at + block; i++)
            if (i % ranks == comm_rank()) s.work[s.n++].prompt = todo[i];
        if (s.n) status = generate_run(&base->llama, NULL, base->tokenizer, &generate, &source, session->step, error);
        if (status == OK && s.status != OK) {
            *error = s.error;
            status = s.status;
        }
        bool stopped = status == ERR_STOPPED || (status == OK && s.written < s.n);
        if (stopped) status = OK;
        for (int i = s.written; i < s.begun; i++)
            if (s.work[i].live) arena_free(&s.work[i].arena);
        if (ranks > 1) status = merge_lines(&s, n - at < block ? n - at : block, status, error);
        if (comm_any(stopped) && status == OK)
            status = error_set(error, ERR_STOPPED, "simulate: stopped at %d of %d prompts", (int)(result->kept + result->dropped),
                               (int)result->prompts);
    }
done:;
    Error *told = status == OK ? error : NULL;
    Status closed[] = {append_sync(&s.pairs, told), append_sync(&s.rejected, told), append_close(&s.pairs, told),
                       append_close(&s.rejected, told)};
    for (int i = 0; i < 4; i++)
        if (status == OK) status = closed[i];
    arena_free(&s.lines);
    return status;
}
