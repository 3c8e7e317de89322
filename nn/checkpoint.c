#include "nn/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/sha256.h"

enum { VERSION = 1, LIST_MAX = 1 << 20, STATE_MAX = 16 << 20, NAME_BYTES = 100, SHOWN = 80 };
static const int64_t STEP_MAX = 999999999;
static const char STATE[] = "state.json", COMPLETE[] = "COMPLETE";

// ---- Names ----

// Letters, digits, '-', '_' and '.', not first: a name that means one file in this folder on every system.
static bool name_good(Text name) {
    if (name.size == 0 || name.size > NAME_BYTES || name.data[0] == '.' || text_ends(name, TEXT(".tmp"))) return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') return false;
    }
    return true;
}

static const char *folder_name(Arena *arena, int64_t step, const char *ending) {
    Str s = str_make(arena);
    str_printf(&s, "checkpoint-%06lld%s", (long long)step, ending);
    return s.data;
}

// The step of a name that folder_name could have made, else -1.
static int64_t folder_step(const char *name) {
    Text text = text_of(name), begin = TEXT("checkpoint-");
    if (!text_begins(text, begin) || text.size < begin.size + 6 || text.size > begin.size + 9) return -1;
    int64_t step = 0;
    for (size_t i = begin.size; i < text.size; i++) {
        if (name[i] < '0' || name[i] > '9') return -1;
        step = 10 * step + (name[i] - '0');
    }
    // More than six digits only where six are too few.
    return text.size > begin.size + 6 && name[begin.size] == '0' ? -1 : step;
}

static int compare_names(const void *a, const void *b) {
    return text_compare(text_of(*(const char *const *)a), text_of(*(const char *const *)b));
}

// The steps of all checkpoints in a run directory, descending.
static int compare_steps(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static Status list_steps(Arena *arena, const char *run, int64_t **steps, int *n, Error *error) {
    const char **names;
    int count;
    TRY(directory_list(arena, run, &names, &count, error));
    *steps = arena_zeros(arena, (size_t)count, sizeof **steps);
    *n = 0;
    for (int i = 0; i < count; i++)
        if (folder_step(names[i]) >= 0) (*steps)[(*n)++] = folder_step(names[i]);
    qsort(*steps, (size_t)*n, sizeof **steps, compare_steps);
    return OK;
}

static void hash_bytes(const FileMap *map, char hex[65]) {
    Sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    sha256_feed(&hash, map->data, map->size);
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
}

// ---- Writing ----

// Passes a status on; a failure takes the temporary folder with it.
static Status settle(CheckpointWriter *w, Status status) {
    if (status != OK) checkpoint_abandon(w);
    return status;
}

void checkpoint_abandon(CheckpointWriter *writer) {
    Error ignored;
    directory_remove(writer->temporary, &ignored);
}

// Folders that a killed writer left: their names end in .tmp.
static Status remove_stale(Arena *arena, const char *run, Error *error) {
    const char **names;
    int count;
    TRY(directory_list(arena, run, &names, &count, error));
    for (int i = 0; i < count; i++) {
        const char *path = path_join(arena, run, names[i]);
        if (text_begins(text_of(names[i]), TEXT("checkpoint-")) && text_ends(text_of(names[i]), TEXT(".tmp")) && file_is_directory(path))
            TRY(directory_remove(path, error));
    }
    return OK;
}

Status checkpoint_begin(CheckpointWriter *writer, Arena *arena, const char *run, int64_t step, Error *error) {
    REQUIRE(step >= 0 && step <= STEP_MAX, "checkpoint: step %lld", (long long)step);
    *writer = (CheckpointWriter){.arena = arena, .step = step, .state = str_make(arena)};
    writer->run = arena_copy(arena, run, strlen(run));
    writer->temporary = path_join(arena, run, folder_name(arena, step, ".tmp"));
    writer->path = path_join(arena, run, folder_name(arena, step, ""));
    TRY(remove_stale(arena, run, error));
    return settle(writer, directory_make(writer->temporary, error));
}

// Notes a new file and returns its path in the temporary folder.
static const char *new_file(CheckpointWriter *w, const char *name) {
    REQUIRE(name_good(text_of(name)) && strcmp(name, COMPLETE) != 0, "checkpoint: the file name '%s'", name);
    REQUIRE(w->files < CHECKPOINT_FILES, "checkpoint: more than %d files", CHECKPOINT_FILES);
    for (int i = 0; i < w->files; i++) REQUIRE(strcmp(w->file[i], name) != 0, "checkpoint: two files are named '%s'", name);
    w->file[w->files++] = arena_copy(w->arena, name, strlen(name));
    return path_join(w->arena, w->temporary, name);
}

Status checkpoint_add_tensors(CheckpointWriter *writer, const char *name, const SafeTensorOut *tensors, int n, Error *error) {
    REQUIRE(text_ends(text_of(name), TEXT(".safetensors")), "checkpoint: tensors in '%s'", name);
    return settle(writer, safetensors_write(new_file(writer, name), writer->arena, tensors, n, NULL, error));
}

Status checkpoint_add_bytes(CheckpointWriter *writer, const char *name, const void *data, size_t bytes, Error *error) {
    REQUIRE(!text_ends(text_of(name), TEXT(".safetensors")) && strcmp(name, STATE) != 0, "checkpoint: bytes in '%s'", name);
    return settle(writer, file_write(new_file(writer, name), data, bytes, error));
}

// Prefix and name of a block's tensor.
static const char *stored_name(Arena *arena, const CheckpointBlock *block, int i) {
    Str s = str_make(arena);
    str_append(&s, text_of(block->prefix));
    str_append(&s, text_of(block->params->tensor[i]->name));
    return s.data ? s.data : "";
}

Status checkpoint_add_blocks(CheckpointWriter *writer, const char *name, const CheckpointBlock *blocks, int n, Error *error) {
    int count = 0, at = 0;
    for (int b = 0; b < n; b++) count += blocks[b].params->tensors;
    SafeTensorOut *out = arena_zeros(writer->arena, (size_t)count, sizeof *out);
    for (int b = 0; b < n; b++) {
        // Tensors lie in the block in the order of adding.
        const float *value = blocks[b].value;
        for (int i = 0; i < blocks[b].params->tensors; i++) {
            const Tensor *t = blocks[b].params->tensor[i];
            out[at] = (SafeTensorOut){stored_name(writer->arena, &blocks[b], i), DTYPE_F32, t->rank, {0}, value};
            memcpy(out[at++].dim, t->dim, sizeof t->dim);
            value += tensor_count(t);
        }
    }
    return checkpoint_add_tensors(writer, name, out, count, error);
}

static void put_key(CheckpointWriter *w, const char *key) {
    REQUIRE(w->keys < CHECKPOINT_KEYS, "checkpoint: more than %d keys", CHECKPOINT_KEYS);
    for (int i = 0; i < w->keys; i++) REQUIRE(strcmp(w->key[i], key) != 0, "checkpoint: the key '%s' stands twice", key);
    if (w->keys > 0) str_append_char(&w->state, ',');
    w->key[w->keys++] = arena_copy(w->arena, key, strlen(key));
    json_write_string(&w->state, text_of(key));
    str_append_char(&w->state, ':');
}

void checkpoint_put_int(CheckpointWriter *writer, const char *key, int64_t value) {
    put_key(writer, key);
    str_printf(&writer->state, "%lld", (long long)value);
}

void checkpoint_put_number(CheckpointWriter *writer, const char *key, double value) {
    put_key(writer, key);
    if (value - value != 0) writer->not_finite = writer->key[writer->keys - 1];
    json_write_number(&writer->state, value);
}

void checkpoint_put_text(CheckpointWriter *writer, const char *key, Text value) {
    put_key(writer, key);
    json_write_string(&writer->state, value);
}

// state.json, then COMPLETE over all that is there.
static Status write_lists(CheckpointWriter *w, Error *error) {
    if (w->not_finite) return error_set(error, ERR_NUMERIC, "%s: the number '%s' is not finite", w->path, w->not_finite);
    Str s = str_make(w->arena);
    str_printf(&s, "{\"version\":%d,\"step\":%lld,\"state\":{", VERSION, (long long)w->step);
    str_append(&s, str_text(&w->state));
    str_append(&s, TEXT("}}\n"));
    TRY(file_write(new_file(w, STATE), s.data, s.size, error));

    Str list = str_make(w->arena);
    qsort(w->file, (size_t)w->files, sizeof *w->file, compare_names);
    for (int i = 0; i < w->files; i++) {
        FileMap map;
        char hex[65];
        TRY(file_map(&map, path_join(w->arena, w->temporary, w->file[i]), error));
        hash_bytes(&map, hex);
        str_printf(&list, "%s  %zu  %s\n", hex, map.size, w->file[i]);
        file_unmap(&map);
    }
    TRY(file_write(path_join(w->arena, w->temporary, COMPLETE), list.data, list.size, error));
    return directory_sync(w->temporary, error);
}

// Earlier checkpoints beyond `keep` with this one. Each is renamed first: a crash leaves a stale folder, not half a checkpoint.
static Status remove_older(const CheckpointWriter *w, int keep, Error *error) {
    int64_t *steps;
    int n, kept = 0;
    TRY(list_steps(w->arena, w->run, &steps, &n, error));
    for (int i = 0; i < n; i++) {
        if (steps[i] > w->step || ++kept <= keep) continue;
        const char *stale = path_join(w->arena, w->run, folder_name(w->arena, steps[i], ".tmp"));
        TRY(path_rename(path_join(w->arena, w->run, folder_name(w->arena, steps[i], "")), stale, error));
        TRY(directory_remove(stale, error));
    }
    return OK;
}

Status checkpoint_commit(CheckpointWriter *writer, int keep, Error *error) {
    REQUIRE(keep >= 0, "checkpoint: keep %d", keep);
    TRY(settle(writer, write_lists(writer, error)));
    // A folder of this name is one that was refused as damaged, or of a run that starts anew: it makes way.
    const char *old = path_join(writer->arena, writer->run, folder_name(writer->arena, writer->step, ".old.tmp"));
    bool replaces = file_exists(writer->path);
    if (replaces) TRY(settle(writer, path_rename(writer->path, old, error)));
    Status status = path_rename(writer->temporary, writer->path, error);
    if (status != OK && replaces) path_rename(old, writer->path, NULL);
    TRY(settle(writer, status));
    TRY(directory_remove(old, error));
    return keep > 0 ? remove_older(writer, keep, error) : OK;
}

// ---- Reading ----

// One line of COMPLETE, in the one spelling that write_lists gives it.
typedef struct {
    Text hex, name;
    uint64_t bytes;
} Listed;

static bool parse_line(Text line, Listed *out) {
    if (line.size < 64 + 2 + 1 + 2 + 1 || line.data[64] != ' ' || line.data[65] != ' ') return false;
    out->hex = (Text){line.data, 64};
    for (size_t i = 0; i < 64; i++)
        if (!(line.data[i] >= '0' && line.data[i] <= '9') && !(line.data[i] >= 'a' && line.data[i] <= 'f')) return false;
    size_t at = 66, first = at;
    for (out->bytes = 0; at < line.size && line.data[at] >= '0' && line.data[at] <= '9' && at - first < 18; at++)
        out->bytes = 10 * out->bytes + (uint64_t)(line.data[at] - '0');
    if (at == first || (line.data[first] == '0' && at - first > 1)) return false;
    if (line.size - at < 3 || line.data[at] != ' ' || line.data[at + 1] != ' ') return false;
    out->name = (Text){line.data + at + 2, line.size - at - 2};
    return name_good(out->name) && !text_equal(out->name, text_of(COMPLETE));
}

// COMPLETE as a table, names ascending.
static Status read_list(Arena *arena, const char *folder, Listed **out, int *n, Error *error) {
    Text text = {0};
    const char *path = path_join(arena, folder, COMPLETE);
    TRY(file_read(&text, arena, path, LIST_MAX, error));
    *out = arena_zeros(arena, CHECKPOINT_FILES, sizeof **out);
    *n = 0;
    for (size_t at = 0; at < text.size;) {
        ptrdiff_t end = text_find((Text){text.data + at, text.size - at}, TEXT("\n"));
        Listed *line = &(*out)[*n];
        if (end < 0 || *n == CHECKPOINT_FILES || !parse_line((Text){text.data + at, (size_t)end}, line))
            return error_set(error, ERR_FORMAT, "%s: line %d is not 'sha256  bytes  name'", path, *n + 1);
        if (*n > 0 && text_compare(line[-1].name, line->name) >= 0)
            return error_set(error, ERR_FORMAT, "%s: line %d is out of order", path, *n + 1);
        ++*n;
        at += (size_t)end + 1;
    }
    return OK;
}

// The folder holds what is listed, and COMPLETE, and nothing else.
static Status compare_folder(Arena *arena, const char *folder, const Listed *list, int n, Error *error) {
    const char **names;
    int count, at = 0;
    TRY(directory_list(arena, folder, &names, &count, error));
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], COMPLETE) == 0) continue;
        int order = at < n ? text_compare(text_of(names[i]), list[at].name) : -1;
        if (order < 0) return error_set(error, ERR_FORMAT, "%s: holds '%s', which COMPLETE does not list", folder, names[i]);
        if (order > 0) break;
        at++;
    }
    if (at < n) return error_set(error, ERR_FORMAT, "%s: '%.*s' is missing", folder, (int)list[at].name.size, list[at].name.data);
    return OK;
}

// Maps one file, checks length and hash, and opens its tensors.
static Status open_file(CheckpointFile *file, Arena *arena, const char *folder, const Listed *line, Error *error) {
    char hex[65];
    file->name = text_copy(arena, line->name).data;
    TRY(file_map(&file->map, path_join(arena, folder, file->name), error));
    if (file->map.size != line->bytes)
        return error_set(error, ERR_FORMAT, "%s: has %zu bytes; COMPLETE says %llu", file->map.path, file->map.size,
                         (unsigned long long)line->bytes);
    hash_bytes(&file->map, hex);
    if (!text_equal(text_of(hex), line->hex))
        return error_set(error, ERR_FORMAT, "%s: its SHA-256 is not the one in COMPLETE", file->map.path);
    file->is_tensors = text_ends(line->name, TEXT(".safetensors"));
    return file->is_tensors ? safetensors_check(&file->tensors, arena, file->map, error) : OK;
}

// state.json: its version first, because another version may mean anything.
static Status open_state(Checkpoint *c, Arena *arena, Error *error) {
    const CheckpointFile *file = checkpoint_file(c, STATE);
    const Json *json = NULL;
    int64_t step = -1;
    if (file == NULL || file->map.size > STATE_MAX) return error_set(error, ERR_FORMAT, "%s: has no %s of a possible size", c->path, STATE);
    c->where = file->map.path;
    TRY(json_parse(&json, arena, (Text){(const char *)file->map.data, file->map.size}, c->where, error));
    const Json *version = json_get(json, "version");
    if (version == NULL || !version->is_integer || version->integer != VERSION)
        return error_set(error, ERR_DATA, "%s: 'version' is not %d, the only one that this program reads", c->where, VERSION);
    c->state = json_get(json, "state");
    if (json_need_int(json, "step", 0, STEP_MAX, &step, c->where, error) != OK) return ERR_FORMAT;
    if (c->state == NULL || c->state->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: 'state' is not an object", c->where);
    c->step = step;
    return OK;
}

Status checkpoint_open(Checkpoint *out, Arena *arena, const char *path, Error *error) {
    Status status;
    Listed *list;
    int n;
    Checkpoint c = {.path = arena_copy(arena, path, strlen(path))};
    TRY_DONE(read_list(arena, path, &list, &n, error));
    TRY_DONE(compare_folder(arena, path, list, n, error));
    c.file = arena_zeros(arena, (size_t)n, sizeof *c.file);
    for (; c.files < n;) {
        int i = c.files++;
        TRY_DONE(open_file(&c.file[i], arena, path, &list[i], error));
    }
    TRY_DONE(open_state(&c, arena, error));
    *out = c;
    return OK;
done:
    checkpoint_close(&c);
    return status;
}

void checkpoint_close(Checkpoint *checkpoint) {
    for (int i = 0; i < checkpoint->files; i++) file_unmap(&checkpoint->file[i].map);
    *checkpoint = (Checkpoint){0};
}

Status checkpoint_open_newest(Checkpoint *out, bool *found, Arena *arena, const char *run, void (*warn)(const char *sentence),
                              Error *error) {
    int64_t *steps;
    int n;
    *found = false;
    TRY(list_steps(arena, run, &steps, &n, error));
    for (int i = 0; i < n; i++) {
        ArenaMark mark = arena_mark(arena);
        Error why;
        Status status = checkpoint_open(out, arena, path_join(arena, run, folder_name(arena, steps[i], "")), &why);
        if (status == OK && out->step != steps[i]) {
            status = error_set(&why, ERR_FORMAT, "%s: 'step' is %lld", out->where, (long long)out->step);
            checkpoint_close(out);
        }
        if (status == ERR_DATA) return error_set(error, ERR_DATA, "%s", why.text);
        *found = status == OK;
        if (*found) return OK;
        if (warn) {
            Error sentence;
            error_set(&sentence, status, "checkpoint of step %lld is damaged and passed over: %s", (long long)steps[i], why.text);
            warn(sentence.text);
        }
        arena_release(arena, mark);
    }
    return n == 0 ? OK : error_set(error, ERR_DATA, "%s: all of its checkpoints (%d) are damaged; remove them to start anew", run, n);
}

const CheckpointFile *checkpoint_file(const Checkpoint *checkpoint, const char *name) {
    for (int i = 0; i < checkpoint->files; i++)
        if (strcmp(checkpoint->file[i].name, name) == 0) return &checkpoint->file[i];
    return NULL;
}

// The stored tensor of a block's, checked; its fp32 bytes may lie at any address.
static Status find_stored(const CheckpointFile *file, const char *name, const Tensor *t, const SafeTensor **out, Error *error) {
    const SafeTensor *s = safetensors_find(&file->tensors, name);
    const char *path = file->map.path;
    if (s == NULL) return error_set(error, ERR_DATA, "%s: tensor '%s' is missing", path, name);
    if (!s->known || s->dtype != DTYPE_F32)
        return error_set(error, ERR_DATA, "%s: tensor '%s' is of type %.*s; expected F32", path, name, (int)s->type_name.size,
                         s->type_name.data);
    bool same = s->rank == t->rank;
    for (int d = 0; same && d < t->rank; d++) same = s->dim[d] == (uint64_t)t->dim[d];
    if (!same)
        return error_set(error, ERR_DATA, "%s: tensor '%s' has another shape than [%d,%d,%d,%d]", path, name, t->dim[0], t->dim[1],
                         t->dim[2], t->dim[3]);
    *out = s;
    return OK;
}

static bool is_wanted(Text name, Arena *arena, const CheckpointBlock *blocks, int n) {
    for (int b = 0; b < n; b++)
        for (int i = 0; i < blocks[b].params->tensors; i++)
            if (text_equal(name, text_of(stored_name(arena, &blocks[b], i)))) return true;
    return false;
}

// Goes over all tensors of all blocks: checks them, or copies their numbers.
static Status walk_blocks(const CheckpointFile *file, Arena *names, const CheckpointBlock *blocks, int n, bool copy, Error *error) {
    for (int b = 0; b < n; b++) {
        float *value = blocks[b].value;
        for (int i = 0; i < blocks[b].params->tensors; i++) {
            const SafeTensor *stored = NULL;
            const Tensor *t = blocks[b].params->tensor[i];
            TRY(find_stored(file, stored_name(names, &blocks[b], i), t, &stored, error));
            if (copy) memcpy(value, stored->data, stored->bytes);
            value += tensor_count(t);
        }
    }
    return OK;
}

// Names a stored tensor that no block asks for.
static Status refuse_odd(const CheckpointFile *file, Arena *names, const CheckpointBlock *blocks, int n, Error *error) {
    size_t wanted = 0;
    for (int b = 0; b < n; b++) wanted += (size_t)blocks[b].params->tensors;
    if (file->tensors.n_tensors == wanted) return OK;
    for (size_t i = 0; i < file->tensors.n_tensors; i++) {
        Text odd = file->tensors.tensors[i].name;
        if (!is_wanted(odd, names, blocks, n))
            return error_set(error, ERR_DATA, "%s: tensor '%.*s' is not expected", file->map.path, odd.size < SHOWN ? (int)odd.size : SHOWN,
                             odd.data);
    }
    return OK;
}

Status checkpoint_read_blocks(const Checkpoint *checkpoint, const char *name, const CheckpointBlock *blocks, int n, Error *error) {
    const CheckpointFile *file = checkpoint_file(checkpoint, name);
    if (file == NULL || !file->is_tensors) return error_set(error, ERR_DATA, "%s: '%s' is missing", checkpoint->path, name);
    // All is checked before the first number is copied.
    Arena names = arena_make("checkpoint names", 0);
    Status status;
    TRY_DONE(walk_blocks(file, &names, blocks, n, false, error));
    TRY_DONE(refuse_odd(file, &names, blocks, n, error));
    status = walk_blocks(file, &names, blocks, n, true, error);
done:
    arena_free(&names);
    return status;
}

Status checkpoint_read_params(const Checkpoint *checkpoint, const char *name, Params *params, Error *error) {
    CheckpointBlock block = {"", params, params->value};
    return checkpoint_read_blocks(checkpoint, name, &block, 1, error);
}

Status checkpoint_expect_int(const Checkpoint *checkpoint, const char *key, int64_t expected, Error *error) {
    int64_t value = 0;
    TRY(json_need_int(checkpoint->state, key, INT64_MIN, INT64_MAX, &value, checkpoint->where, error));
    if (value == expected) return OK;
    return error_set(error, ERR_DATA, "%s: '%s' is %lld, but this run has %lld", checkpoint->where, key, (long long)value,
                     (long long)expected);
}

Status checkpoint_expect_text(const Checkpoint *checkpoint, const char *key, Text expected, Error *error) {
    Text value = {0};
    TRY(json_need_string(checkpoint->state, key, &value, checkpoint->where, error));
    if (text_equal(value, expected)) return OK;
    return error_set(error, ERR_DATA, "%s: '%s' is '%.*s', but this run has '%.*s'", checkpoint->where, key,
                     value.size < SHOWN ? (int)value.size : SHOWN, value.data, expected.size < SHOWN ? (int)expected.size : SHOWN,
                     expected.data);
}
