#include "tools/convert_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/comm.h"
#include "tensor/base/json.h"
#include "tools/export.h"

enum { FILE_LIMIT = 64 << 20, NAME_ROOM = 64 };
static const char WEIGHTS[] = "model.safetensors", INDEX[] = "model.safetensors.index.json";

static bool is_weights(const char *name) {
    Text text = text_of(name);
    return strcmp(name, INDEX) == 0 || (text_begins(text, TEXT("model")) && text_ends(text, TEXT(".safetensors")));
}

bool convert_folder_held(const char *dir, Arena *arena) {
    const char **names;
    int n = 0;
    if (!file_is_directory(dir) || directory_list(arena, dir, &names, &n, NULL) != OK) return false;
    for (int i = 0; i < n; i++)
        if (is_weights(names[i]) || strcmp(names[i], "config.json") == 0) return true;
    return false;
}

// What an older model left: its config first, for without it the folder is no model.
static Status remove_old(const char *dir, Arena *arena, Error *error) {
    const char **names;
    int n;
    TRY(directory_list(arena, dir, &names, &n, error));
    comm_barrier();
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < n; i++) {
            if (pass ? !is_weights(names[i]) : strcmp(names[i], "config.json") != 0) continue;
            const char *path = path_join(arena, dir, names[i]);
            if (comm_rank() == 0 && unlink(path) != 0) return error_set(error, ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
        }
    return directory_sync(dir, error);
}

// ---- weights

typedef struct {
    const WeightsPart *part;
    DType type;
    int file;
} Placed;

// One file of weights: the parts whose `file` is this.
static Status write_file(const char *path, const ConvertSource *s, const Placed *placed, int n, int file, uint64_t *done, uint64_t total,
                         Arena *arena, Error *error) {
    SafeTensorOut *out = arena_zeros(arena, (size_t)n, sizeof *out);
    const Placed **from = arena_alloc(arena, (size_t)n * sizeof *from);
    int held = 0;
    for (int i = 0; i < n; i++) {
        const WeightsPart *p = placed[i].part;
        if (placed[i].file != file) continue;
        from[held] = &placed[i];
        out[held++] = (SafeTensorOut){p->hf, placed[i].type, p->rows ? 2 : 1, {p->rows ? p->rows : p->columns, p->columns}, NULL};
    }
    FileWriter writer;
    const SafeTensorOut **order;
    TRY(safetensors_begin(&writer, path, arena, out, held, NULL, &order, error));
    Status status = OK;
    for (int i = 0; i < held && status == OK; i++) {
        const Placed *p = from[order[i] - out];
        status = convert_put(&writer, s, p->part, p->type, false, done, total, arena, error);
    }
    if (status == OK) return writer_finish(&writer, error);
    writer_abandon(&writer);
    return status;
}

static int compare_placed(const void *a, const void *b) {
    const Placed *x = a, *y = b;
    return strcmp(x->part->hf, y->part->hf);
}

static const char *file_name(char out[NAME_ROOM], int file, int files) {
    if (files == 1) return WEIGHTS;
    snprintf(out, NAME_ROOM, "model-%05d-of-%05d.safetensors", file + 1, files);
    return out;
}

// Which tensor stands in which file, in name order.
static Status write_index(const char *dir, Placed *placed, int n, int files, uint64_t total, Arena *arena, Error *error) {
    Str json = str_make(arena);
    char name[NAME_ROOM];
    uint64_t count = 0;
    for (int i = 0; i < n; i++) count += (uint64_t)placed[i].part->columns * (uint64_t)(placed[i].part->rows ? placed[i].part->rows : 1);
    qsort(placed, (size_t)n, sizeof *placed, compare_placed);
    str_printf(&json, "{\"metadata\":{\"total_parameters\":%llu,\"total_size\":%llu},\"weight_map\":{", (unsigned long long)count,
               (unsigned long long)total);
    for (int i = 0; i < n; i++)
        str_printf(&json, "%s\"%s\":\"%s\"", i ? "," : "", placed[i].part->hf, file_name(name, placed[i].file, files));
    str_append(&json, TEXT("}}\n"));
    return file_write(path_join(arena, dir, INDEX), json.data, json.size, error);
}

// ---- the small files

// "KEY":"TOKEN", for an id of the tokenizer.
static void put_token(Str *json, const char *key, const Tokenizer *tokenizer, int32_t id) {
    if (id < 0) return;
    str_printf(json, ",\"%s\":", key);
    json_write_string(json, tokenizer->vocabulary.token[id].written);
}

static Status write_tokenizer(const char *dir, const ConvertSource *s, Arena *arena, Error *error) {
    const ConvertTokenizer *t = &s->tokenizer;
    if (t->tokenizer == NULL) return OK;
    Str json = str_make(arena), config = str_make(arena);
    if (t->json.size) {
        str_append(&json, t->json);
    } else {
        TokenizerText text = tokenizer_text_of(t->tokenizer, arena);
        tokenizer_text_json(&json, &text);
    }
    str_printf(&config, "{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"clean_up_tokenization_spaces\":false,\"add_bos_token\":%s",
               t->add_bos ? "true" : "false");
    put_token(&config, "bos_token", t->tokenizer, tokenizer_bos(t->tokenizer));
    put_token(&config, "eos_token", t->tokenizer, tokenizer_eos(t->tokenizer));
    if (t->chat_template.size) {
        str_append(&config, TEXT(",\"chat_template\":"));
        json_write_string(&config, t->chat_template);
    }
    str_append(&config, TEXT("}\n"));
    TRY(file_write(path_join(arena, dir, "tokenizer_config.json"), config.data, config.size, error));
    return file_write(path_join(arena, dir, "tokenizer.json"), json.data, json.size, error);
}

// From a folder, files as they are; `made` tells whether generation_config.json was among them.
static Status copy_files(const char *dir, const ConvertSource *s, bool *generation, Arena *arena, Error *error) {
    static const char *const FILES[] = {"generation_config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "tokenizer.model",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "vocab.json",
                                        "merges.txt",
                                        "chat_template.jinja"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        const char *path = path_join(arena, s->path, FILES[i]);
        Text text;
        if (!file_exists(path)) continue;
        TRY(file_read(&text, arena, path, FILE_LIMIT, error));
        TRY(file_write(path_join(arena, dir, FILES[i]), text.data, text.size, error));
        *generation |= i == 0;
    }
    return OK;
}

Status convert_to_folder(const char *dir, const ConvertSource *s, const ConvertOptions *options, uint64_t *bytes, int *files, Arena *arena,
                         Error *error) {
    // Parts into files, in the order of the model; at least one in each.
    LlamaConfig config;
    TRY(convert_find_scaling(&config, s, arena, error));
    Placed *placed = arena_alloc(arena, (size_t)s->parts * sizeof *placed);
    int n = 0;
    uint64_t held = 0;
    *bytes = 0, *files = 1;
    for (int i = 0; i < s->parts; i++) {
        if (s->part[i].hf[0] == '\0') continue;
        DType type = convert_type(s, &s->part[i], options, false);
        size_t size = convert_bytes(&s->part[i], type);
        if (held && size > options->shard_bytes - held) held = 0, ++*files;
        placed[n++] = (Placed){&s->part[i], type, *files - 1};
        held = size > options->shard_bytes ? options->shard_bytes : held + size;
        *bytes += size;
    }
    TRY(directory_make(dir, error));
    TRY(convert_need_room(dir, *bytes, error));
    TRY(remove_old(dir, arena, error));

    uint64_t done = 0;
    char name[NAME_ROOM];
    for (int file = 0; file < *files; file++)
        TRY(write_file(path_join(arena, dir, file_name(name, file, *files)), s, placed, n, file, &done, *bytes, arena, error));
    if (*files > 1) TRY(write_index(dir, placed, n, *files, *bytes, arena, error));
    bool generation = false, folder = s->source.shards != NULL;
    TRY(folder ? copy_files(dir, s, &generation, arena, error) : write_tokenizer(dir, s, arena, error));
    return export_small(dir, &config, convert_main_type(s, options, false), !generation, arena, error);
}
