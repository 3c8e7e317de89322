#include "tools/run_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/comm.h"
#include "tensor/base/file.h"
#include "tensor/base/metrics.h"
#include "tensor/base/pool.h"
#include "tensor/base/sha256.h"
#include "tensor/kernels/kernels.h"
#include "tools/ranks.h"

enum { CARD_LIMIT = 16 << 20 };

void run_dir_open(RunDir *run, Arena *arena, const char *path, const char *verb, const Args *args) {
    *run =
        (RunDir){.arena = arena, .path = path, .verb = verb, .args = args, .lock = -1, .start = clock_seconds(), .result = str_make(arena)};
}

void run_dir_input_hash(RunDir *run, const char *name, const char *path, const char *sha256) {
    REQUIRE(run->inputs < RUN_INPUTS, "run_dir: %d inputs", run->inputs);
    run->input[run->inputs].name = name;
    run->input[run->inputs].path = path;
    snprintf(run->input[run->inputs].sha256, 65, "%s", sha256);
    run->inputs++;
}

Status run_dir_input(RunDir *run, const char *name, const char *path, Error *error) {
    char hex[65];
    if (run->inputs == RUN_INPUTS) return error_set(error, ERR_USAGE, "%s: expected at most %d files in one run", path, RUN_INPUTS);
    TRY(file_sha256(path, hex, error));
    run_dir_input_hash(run, name, path, hex);
    return OK;
}

// The card as JSON. `done` adds what is known at the end.
static Status write_card(RunDir *run, bool done, Error *error) {
    ArenaMark mark = arena_mark(run->arena);
    Str s = str_make(run->arena);
    str_printf(&s, "{\"rlcd\":\"%s\",\"version\":1,\"verb\":\"%s\",\"status\":\"%s\",\"recipe_sha256\":\"%s\",\"inputs\":{", RLCD_VERSION,
               run->verb, done ? "done" : "running", run->recipe_hash);
    for (int i = 0; i < run->inputs; i++) {
        str_append(&s, i ? TEXT(",") : TEXT(""));
        // Several files of one kind are told apart: "pairs", "pairs.2".
        Str name = str_make(run->arena);
        int same = 1;
        for (int k = 0; k < i; k++) same += strcmp(run->input[k].name, run->input[i].name) == 0;
        str_append(&name, text_of(run->input[i].name));
        if (same > 1) str_printf(&name, ".%d", same);
        json_write_string(&s, str_text(&name));
        str_append(&s, TEXT(":{\"path\":"));
        json_write_string(&s, text_of(run->input[i].path));
        str_printf(&s, ",\"sha256\":\"%s\"}", run->input[i].sha256);
    }
    str_append(&s, TEXT("},\"options\":"));
    args_write_json(&s, run->args, false);
    str_printf(&s, ",\"machine\":{\"kernels\":\"%s\",\"threads\":%d,\"ranks\":%d}", kernels.name, pool_threads(), comm_size());
    Status status = OK;
    if (done) {
        char hash[65];
        status = run_dir_hash(run->path, run->arena, hash, error);
        if (status == OK) {
            str_append(&s, str_text(&run->result));
            str_printf(&s, ",\"sha256\":\"%s\",\"wall_s\":", hash);
            json_write_number(&s, (double)(int64_t)((clock_seconds() - run->start) * 1000) / 1000);
            str_printf(&s, ",\"peak_rss_bytes\":%zu", memory_peak_bytes());
        }
    }
    str_append(&s, TEXT("}\n"));
    if (status == OK) status = file_write(path_join(run->arena, run->path, "run.json"), s.data, s.size, error);
    arena_release(run->arena, mark);
    return status;
}

Status run_dir_card(const Json **card, Arena *arena, const char *path, Error *error) {
    const char *file = path_join(arena, path, "run.json");
    Text text;
    TRY(file_read(&text, arena, file, CARD_LIMIT, error));
    TRY(json_parse(card, arena, text, file, error));
    Text state;
    TRY(json_need_string(*card, "status", &state, file, error));
    if (!text_equal(state, TEXT("done")))
        return error_set(error, ERR_DATA, "%s: expected a finished run, found status \"%s\"", file, state.data);
    return OK;
}

// Reads the recipe hash and the state of a card that is there.
static Status compare_card(RunDir *run, bool *finished, Error *error) {
    const char *file = path_join(run->arena, run->path, "run.json");
    bool must = strcmp(args_text(run->args, "resume"), "must") == 0;
    if (!file_exists(file) && must) return error_set(error, ERR_DATA, "%s: expected a run to resume, found none", run->path);
    if (!file_exists(file)) return OK;
    Text text, state, hash;
    const Json *card;
    TRY(file_read(&text, run->arena, file, CARD_LIMIT, error));
    TRY(json_parse(&card, run->arena, text, file, error));
    TRY(json_need_string(card, "status", &state, file, error));
    TRY(json_need_string(card, "recipe_sha256", &hash, file, error));
    if (!text_equal(hash, text_of(run->recipe_hash)))
        return error_set(
            error, ERR_DATA,
            "%s: this directory belongs to another recipe or other inputs (found %.12s..., expected %.12s...); choose another --out",
            run->path, hash.data, run->recipe_hash);
    *finished = text_equal(state, TEXT("done")) && strcmp(args_text(run->args, "resume"), "never") != 0;
    return OK;
}

Status run_dir_begin(RunDir *run, bool *finished, Error *error) {
    // Options that can change bits, then the inputs' contents (their paths do not count).
    char options[65];
    args_recipe_hash(options, run->arena, run->args);
    Sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    sha256_feed(&hash, run->verb, strlen(run->verb) + 1);
    sha256_feed(&hash, options, 64);
    for (int i = 0; i < run->inputs; i++) {
        sha256_feed(&hash, run->input[i].name, strlen(run->input[i].name) + 1);
        sha256_feed(&hash, run->input[i].sha256, 64);
    }
    sha256_end(&hash, digest);
    sha256_hex(digest, run->recipe_hash);
    for (int i = 0; i < run->inputs; i++) TRY(ranks_same(run->input[i].path, run->input[i].sha256, error));
    TRY(ranks_same("recipe", run->recipe_hash, error));

    *finished = false;
    return compare_card(run, finished, error);
}

// --resume never: what an earlier run made goes, so that no later one can go on from it.
static Status clear(RunDir *run, Error *error) {
    const char **names;
    int count;
    TRY(directory_list(run->arena, run->path, &names, &count, error));
    // All have the list before the first file goes.
    comm_barrier();
    for (int i = 0; i < count; i++) {
        Text name = text_of(names[i]);
        const char *path = path_join(run->arena, run->path, names[i]);
        if (text_begins(name, TEXT("checkpoint-"))) TRY(directory_remove(path, error));
        bool goes = text_ends(name, TEXT(".jsonl")) || text_equal(name, TEXT("table.txt"));
        if (goes && comm_rank() == 0 && unlink(path) != 0)
            return error_set(error, ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
    }
    return directory_sync(run->path, error);
}

Status run_dir_start(RunDir *run, Error *error) {
    bool finished = false;
    TRY(directory_make(run->path, error));
    TRY(lock_take(&run->lock, run->path, error));
    // Another process may have begun since the card was looked at.
    TRY(compare_card(run, &finished, error));
    if (strcmp(args_text(run->args, "resume"), "never") == 0) TRY(clear(run, error));
    return write_card(run, false, error);
}

// ---- the golden hash

static Status hash_file(Sha256 *hash, const char *name, const char *path, Error *error) {
    FileMap map;
    TRY(file_map(&map, path, error));
    sha256_feed(hash, name, strlen(name) + 1);
    sha256_feed(hash, map.data, map.size);
    file_unmap(&map);
    return OK;
}

// Each line without its machine part `,"t":{...}`.
static Status hash_metrics(Sha256 *hash, const char *name, const char *path, Error *error) {
    FileMap map;
    TRY(file_map(&map, path, error));
    sha256_feed(hash, name, strlen(name) + 1);
    const char *data = (const char *)map.data;
    for (size_t at = 0; at < map.size;) {
        const char *newline = memchr(data + at, '\n', map.size - at);
        size_t end = newline ? (size_t)(newline - data) : map.size;
        ptrdiff_t machine = text_find_last((Text){data + at, end - at}, TEXT(",\"t\":{"));
        sha256_feed(hash, data + at, machine >= 0 ? (size_t)machine : end - at);
        sha256_feed(hash, "\n", 1);
        at = end + 1;
    }
    file_unmap(&map);
    return OK;
}

Status run_dir_hash(const char *path, Arena *arena, char hex[65], Error *error) {
    const char **names, *newest = NULL;
    int count;
    Sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    TRY(directory_list(arena, path, &names, &count, error));
    for (int i = 0; i < count; i++) {
        Text name = text_of(names[i]);
        if (text_begins(name, TEXT("checkpoint-")) && !text_ends(name, TEXT(".tmp"))) newest = names[i];
    }
    for (int i = 0; i < count; i++) {
        Text name = text_of(names[i]);
        const char *full = path_join(arena, path, names[i]);
        if (names[i] == newest) {
            const char **files;
            int n;
            TRY(directory_list(arena, full, &files, &n, error));
            for (int f = 0; f < n; f++)
                if (text_ends(text_of(files[f]), TEXT(".safetensors")))
                    TRY(hash_file(&hash, files[f], path_join(arena, full, files[f]), error));
        } else if (text_equal(name, TEXT("metrics.jsonl"))) {
            TRY(hash_metrics(&hash, names[i], full, error));
        } else if (text_ends(name, TEXT(".jsonl")) && !text_equal(name, TEXT("oracle.jsonl"))) {
            // The oracle's verdicts are put beside what the stage made, later and by another verb.
            TRY(hash_file(&hash, names[i], full, error));
        }
    }
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
    return OK;
}

Status run_dir_finish(RunDir *run, const Str *table, Str *summary, Error *error) {
    TRY(file_write(path_join(run->arena, run->path, "table.txt"), table->data, table->size, error));
    TRY(write_card(run, true, error));
    if (summary) str_append(summary, str_text(table));
    return OK;
}

Status run_dir_show(RunDir *run, Str *summary, Error *error) {
    Text text;
    TRY(file_read(&text, run->arena, path_join(run->arena, run->path, "table.txt"), CARD_LIMIT, error));
    if (summary) str_append(summary, text);
    return OK;
}

void run_dir_close(RunDir *run) {
    if (run->lock >= 0) lock_release(run->lock);
    run->lock = -1;
}
