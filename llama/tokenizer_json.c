// A tokenizer out of Hugging Face's tokenizer.json, BOS and EOS out of the files beside it.
#include <string.h>

#include "llama/tokenizer_bpe.h"
#include "tensor/base/json.h"

// Files beside a model are a few megabytes; the largest tokenizer.json of the field has 33.
enum { JSON_LIMIT = 64 << 20 };

static int shown(Text text) { return text.size > 100 ? 100 : (int)text.size; }

static bool is_absent(const Json *value) { return value == NULL || value->type == JSON_NULL; }

// The member "type" of a component, for comparing and for messages.
static Status need_type(const Json *component, Text *type, const char *name, Error *error) {
    if (component->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: expected an object", name);
    return json_need_string(component, "type", type, name, error);
}

// A Split stage: a known expression whose matches become the pieces. Known expressions match all of a text, so isolating
// the matches and removing what does not match is the same.
static Status read_split(const Json *stage, PretokenStage *out, Error *error) {
    Text behavior, regex;
    bool invert;
    TRY(json_need_string(stage, "behavior", &behavior, "pre_tokenizer", error));
    TRY(json_bool_or(stage, "invert", false, &invert, "pre_tokenizer", error));
    if (!(text_equal(behavior, TEXT("Isolated")) && !invert) && !(text_equal(behavior, TEXT("Removed")) && invert))
        return error_set(error, ERR_DATA, "pre_tokenizer Split: behavior '%.*s' with invert %s, implemented: Isolated, false",
                         shown(behavior), behavior.data, invert ? "true" : "false");
    const Json *pattern = json_get(stage, "pattern");
    if (pattern == NULL) return error_set(error, ERR_FORMAT, "pre_tokenizer Split: no pattern");
    TRY(json_need_string(pattern, "Regex", &regex, "pre_tokenizer", error));
    if (!pretoken_by_regex(regex, out))
        return error_set(error, ERR_DATA, "pre_tokenizer Split: the expression '%.*s' is not implemented",
                         regex.size > 400 ? 400 : (int)regex.size, regex.data);
    return OK;
}

// One stage of the pre-tokeniser, appended to the rule. `bytes` becomes true at ByteLevel, which must be the last.
static Status read_stage(Tokenizer *t, const Json *stage, bool *bytes, Error *error) {
    Text type;
    TRY(need_type(stage, &type, "pre_tokenizer", error));
    if (*bytes) return error_set(error, ERR_DATA, "pre_tokenizer: '%.*s' behind ByteLevel is not implemented", shown(type), type.data);
    PretokenStage kind;
    bool cut = true, flag;
    if (text_equal(type, TEXT("ByteLevel"))) {
        TRY(json_bool_or(stage, "add_prefix_space", true, &flag, "pre_tokenizer", error));
        if (flag) return error_set(error, ERR_DATA, "pre_tokenizer ByteLevel: add_prefix_space is true, implemented: false");
        TRY(json_bool_or(stage, "use_regex", true, &cut, "pre_tokenizer", error));
        kind = PRETOKEN_GPT2;
        *bytes = true;
    } else if (text_equal(type, TEXT("Digits"))) {
        TRY(json_bool_or(stage, "individual_digits", false, &flag, "pre_tokenizer", error));
        kind = flag ? PRETOKEN_DIGITS : PRETOKEN_DIGIT_RUNS;
    } else if (text_equal(type, TEXT("Split"))) {
        TRY(read_split(stage, &kind, error));
    } else {
        return error_set(error, ERR_DATA, "pre_tokenizer '%.*s' is not implemented", shown(type), type.data);
    }
    if (!cut) return OK;
    if (t->rule.count == PRETOKEN_STAGES_MAX)
        return error_set(error, ERR_DATA, "pre_tokenizer has more than %d stages", PRETOKEN_STAGES_MAX);
    t->rule.stage[t->rule.count++] = kind;
    return OK;
}

static Status read_pre_tokenizer(Tokenizer *t, const Json *pre, Error *error) {
    Text type;
    bool bytes = false;
    if (is_absent(pre)) return error_set(error, ERR_DATA, "no pre_tokenizer, implemented: ByteLevel");
    TRY(need_type(pre, &type, "pre_tokenizer", error));
    if (text_equal(type, TEXT("Sequence"))) {
        const Json *stages = json_get(pre, "pretokenizers");
        if (stages == NULL || stages->type != JSON_ARRAY)
            return error_set(error, ERR_FORMAT, "pre_tokenizer Sequence: expected an array 'pretokenizers'");
        for (const Json *stage = stages->child; stage; stage = stage->next) TRY(read_stage(t, stage, &bytes, error));
    } else {
        TRY(read_stage(t, pre, &bytes, error));
    }
    return bytes ? OK : error_set(error, ERR_DATA, "pre_tokenizer without ByteLevel is not implemented");
}

// Parts that would change ids or texts and are not implemented. The post_processor and truncation only matter to callers
// that ask the library to add tokens or to cut; tokenizer_encode does neither.
static Status refuse_parts(const Json *root, const Json *model, Error *error) {
    Text type, affix;
    double dropout;
    bool flag;
    const Json *normalizer = json_get(root, "normalizer"), *decoder = json_get(root, "decoder");
    if (!is_absent(normalizer)) {
        TRY(need_type(normalizer, &type, "normalizer", error));
        return error_set(error, ERR_DATA, "normalizer '%.*s' is not implemented", shown(type), type.data);
    }
    if (!is_absent(decoder)) {
        TRY(need_type(decoder, &type, "decoder", error));
        if (!text_equal(type, TEXT("ByteLevel")))
            return error_set(error, ERR_DATA, "decoder '%.*s' is not implemented", shown(type), type.data);
    }
    TRY(json_string_or(model, "type", TEXT("BPE"), &type, "model", error));
    if (!text_equal(type, TEXT("BPE")))
        return error_set(error, ERR_DATA, "model '%.*s' is not implemented", shown(type), type.data);
    TRY(json_number_or(model, "dropout", 0, &dropout, "model", error));
    if (dropout != 0) return error_set(error, ERR_DATA, "model: dropout is not implemented");
    TRY(json_bool_or(model, "byte_fallback", false, &flag, "model", error));
    if (flag) return error_set(error, ERR_DATA, "model: byte_fallback is not implemented");
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (int i = 0; i < 2; i++) {
        TRY(json_string_or(model, affixes[i], TEXT(""), &affix, "model", error));
        if (affix.size) return error_set(error, ERR_DATA, "model: %s '%.*s' is not implemented", affixes[i], shown(affix), affix.data);
    }
    return OK;
}

// Number and bytes of all tokens, so that the vocabulary can be made: ids above both lists together would leave holes.
static Status measure(const Json *vocab, const Json *added, size_t *count, size_t *bytes, Error *error) {
    int64_t most = (int64_t)vocab->count + (int64_t)(added ? added->count : 0), id, last = -1;
    Text content;
    *bytes = 0;
    for (const Json *entry = vocab->child; entry; entry = entry->next) {
        if (entry->type != JSON_NUMBER || !entry->is_integer || entry->integer < 0 || entry->integer >= most)
            return error_set(error, ERR_DATA, "vocab: id of '%.*s': expected an integer in [0, %lld)", shown(entry->key),
                             entry->key.data, (long long)most);
        if (entry->integer > last) last = entry->integer;
        *bytes += entry->key.size;
    }
    for (const Json *entry = added ? added->child : NULL; entry; entry = entry->next) {
        if (entry->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "added_tokens: expected objects");
        TRY(json_need_int(entry, "id", 0, most - 1, &id, "added_tokens", error));
        TRY(json_need_string(entry, "content", &content, "added_tokens", error));
        if (id > last) last = id;
        *bytes += content.size;
    }
    *count = (size_t)(last + 1);
    return OK;
}

// One entry of added_tokens: marks a token of the vocabulary or appends one, and puts it on its list.
static Status read_added(Tokenizer *t, const Json *entry, Error *error) {
    Vocabulary *v = &t->vocabulary;
    Text content;
    int64_t id;
    bool single_word, special, normalized, left, right;
    TRY(json_need_int(entry, "id", 0, INT32_MAX, &id, "added_tokens", error));
    TRY(json_need_string(entry, "content", &content, "added_tokens", error));
    TRY(json_bool_or(entry, "single_word", false, &single_word, "added_tokens", error));
    TRY(json_bool_or(entry, "special", false, &special, "added_tokens", error));
    TRY(json_bool_or(entry, "normalized", !special, &normalized, "added_tokens", error));
    TRY(json_bool_or(entry, "lstrip", false, &left, "added_tokens", error));
    TRY(json_bool_or(entry, "rstrip", false, &right, "added_tokens", error));
    if (single_word)
        return error_set(error, ERR_DATA, "added token '%.*s': single_word is not implemented", shown(content), content.data);
    TokenKind kind = special ? TOKEN_SPECIAL : TOKEN_ADDED;
    int32_t held = content.size ? vocabulary_find(v, content) : NO_TOKEN;
    if (held == NO_TOKEN) {
        TRY(vocabulary_put(v, id, content, kind, error));
    } else if (held != id || v->token[held].kind != TOKEN_NORMAL) {
        return error_set(error, ERR_DATA, "added token '%.*s' has id %lld, and is token %d already", shown(content), content.data,
                         (long long)id, held);
    } else {
        v->token[held].kind = kind;
    }
    AddedList *list = &t->added[normalized ? 1 : 0];
    list->token[list->count++] = (AddedToken){v->token[id].written, (int32_t)id, left, right};
    return OK;
}

static Status read_tokens(Tokenizer *t, Arena *arena, const Json *vocab, const Json *added, Error *error) {
    size_t count = 0, bytes = 0, n_added = added ? added->count : 0;
    TRY(measure(vocab, added, &count, &bytes, error));
    TRY(vocabulary_make(&t->vocabulary, arena, count, bytes, error));
    for (const Json *entry = vocab->child; entry; entry = entry->next)
        TRY(vocabulary_put(&t->vocabulary, entry->integer, entry->key, TOKEN_NORMAL, error));
    for (int i = 0; i < 2; i++) t->added[i].token = arena_zeros(arena, n_added, sizeof(AddedToken));
    for (const Json *entry = added ? added->child : NULL; entry; entry = entry->next) TRY(read_added(t, entry, error));
    for (int i = 0; i < 2; i++) added_sort(&t->added[i]);
    return vocabulary_finish(&t->vocabulary, error);
}

// Merges as "left right" or as ["left", "right"].
static Status read_merges(Tokenizer *t, Arena *arena, const Json *merges, Error *error) {
    TRY(vocabulary_merges_make(&t->vocabulary, arena, merges->count, error));
    size_t rank = 0;
    for (const Json *entry = merges->child; entry; entry = entry->next, rank++) {
        Text left = {0}, right = {0};
        if (entry->type == JSON_STRING) {
            ptrdiff_t space = text_find(entry->string, TEXT(" "));
            if (space > 0) {
                left = (Text){entry->string.data, (size_t)space};
                right = (Text){left.data + space + 1, entry->string.size - left.size - 1};
            }
        } else if (entry->type == JSON_ARRAY && entry->count == 2 && entry->child->type == JSON_STRING &&
                   entry->child->next->type == JSON_STRING) {
            left = entry->child->string;
            right = entry->child->next->string;
        }
        if (left.size == 0 || right.size == 0)
            return error_set(error, ERR_FORMAT, "merge %zu: expected \"left right\" or [\"left\", \"right\"]", rank);
        TRY(vocabulary_merges_put(&t->vocabulary, rank, left, right, error));
    }
    return OK;
}

static Status read_all(Tokenizer *t, Arena *arena, const Json *root, Error *error) {
    const Json *model = json_get(root, "model");
    if (model == NULL || model->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "expected an object 'model'");
    TRY(refuse_parts(root, model, error));
    TRY(json_bool_or(model, "ignore_merges", false, &t->ignore_merges, "model", error));
    TRY(read_pre_tokenizer(t, json_get(root, "pre_tokenizer"), error));
    const Json *vocab = json_get(model, "vocab"), *merges = json_get(model, "merges"), *added = json_get(root, "added_tokens");
    if (vocab == NULL || vocab->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "model: expected an object 'vocab'");
    if (merges == NULL || merges->type != JSON_ARRAY) return error_set(error, ERR_FORMAT, "model: expected an array 'merges'");
    if (is_absent(added)) added = NULL;
    if (added && added->type != JSON_ARRAY) return error_set(error, ERR_FORMAT, "added_tokens: expected an array");
    TRY(read_tokens(t, arena, vocab, added, error));
    return read_merges(t, arena, merges, error);
}

Status tokenizer_from_json_text(Tokenizer **out, Arena *arena, Text json, const char *where, Error *error) {
    Tokenizer *t = arena_zeros(arena, 1, sizeof *t);
    t->bos = t->eos = NO_TOKEN;
    Arena tree = arena_make("tokenizer.json", 0);
    const Json *root;
    Status status;
    TRY_DONE(json_parse(&root, &tree, json, where, error));
    status = read_all(t, arena, root, error);
    if (status != OK) error_prefix(error, "%s", where);
    else *out = t;
done:
    arena_free(&tree);
    return status;
}

// The path of a file beside `path`.
static const char *beside(Arena *arena, const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return name;
    return path_join(arena, slash == path ? "/" : arena_copy(arena, path, (size_t)(slash - path)), name);
}

// Reads a file beside tokenizer.json; *root stays NULL when it is not there.
static Status read_beside(const Json **root, Arena *arena, const char *path, Error *error) {
    Text text;
    *root = NULL;
    if (!file_exists(path)) return OK;
    TRY(file_read(&text, arena, path, JSON_LIMIT, error));
    return json_parse(root, arena, text, path, error);
}

// "bos_token" of tokenizer_config.json: a written form, or an object with its "content".
static Status id_by_name(const Tokenizer *t, const Json *config, const char *key, int32_t *id, const char *where, Error *error) {
    const Json *value = json_get(config, key);
    if (is_absent(value)) return OK;
    Text written;
    if (value->type == JSON_STRING) written = value->string;
    else TRY(json_need_string(value, "content", &written, where, error));
    *id = vocabulary_find(&t->vocabulary, written);
    if (*id == NO_TOKEN)
        return error_set(error, ERR_DATA, "%s: %s '%.*s' is not in the vocabulary", where, key, shown(written), written.data);
    return OK;
}

// "bos_token_id" of config.json: a number, or a list of which the first counts.
static Status id_by_number(const Tokenizer *t, const Json *config, const char *key, int32_t *id, const char *where, Error *error) {
    const Json *value = json_get(config, key);
    if (value && value->type == JSON_ARRAY) value = value->child;
    if (is_absent(value)) return OK;
    if (value->type != JSON_NUMBER || !value->is_integer || value->integer < 0 || value->integer >= (int64_t)t->vocabulary.count)
        return error_set(error, ERR_DATA, "%s: %s: expected an id in [0, %zu)", where, key, t->vocabulary.count);
    *id = (int32_t)value->integer;
    return OK;
}

// tokenizer_config.json names BOS and EOS; what it leaves out may stand in config.json.
static Status read_special_ids(Tokenizer *t, Arena *arena, const char *path, Error *error) {
    const Json *named, *numbered;
    const char *config = beside(arena, path, "tokenizer_config.json"), *model = beside(arena, path, "config.json");
    TRY(read_beside(&named, arena, config, error));
    TRY(id_by_name(t, named, "bos_token", &t->bos, config, error));
    TRY(id_by_name(t, named, "eos_token", &t->eos, config, error));
    if (t->bos != NO_TOKEN && t->eos != NO_TOKEN) return OK;
    TRY(read_beside(&numbered, arena, model, error));
    if (t->bos == NO_TOKEN) TRY(id_by_number(t, numbered, "bos_token_id", &t->bos, model, error));
    if (t->eos == NO_TOKEN) TRY(id_by_number(t, numbered, "eos_token_id", &t->eos, model, error));
    return OK;
}

Status tokenizer_from_json(Tokenizer **out, Arena *arena, const char *path, Error *error) {
    Arena files = arena_make("tokenizer files", 0);
    Text text;
    Tokenizer *t = NULL;
    Status status;
    TRY_DONE(file_read(&text, &files, path, JSON_LIMIT, error));
    TRY_DONE(tokenizer_from_json_text(&t, arena, text, path, error));
    TRY_DONE(read_special_ids(t, &files, path, error));
    *out = t;
done:
    arena_free(&files);
    return status;
}
