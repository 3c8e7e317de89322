#include "tools/tokenizer_text.h"

#include <string.h>

#include "tensor/base/json.h"

static Text filler(Arena *arena, size_t id) {
    Str s = str_make(arena);
    str_printf(&s, "[PAD%zu]", id);
    return str_text(&s);
}

TokenizerText tokenizer_text_of(const Tokenizer *tokenizer, Arena *arena) {
    const Vocabulary *v = &tokenizer->vocabulary;
    TokenizerText t = {.rule = tokenizer->rule, .ignore_merges = tokenizer->ignore_merges, .tokens = v->count, .merges = v->merges};
    t.token = arena_alloc(arena, v->count * sizeof *t.token);
    t.added = arena_alloc(arena, v->count * sizeof *t.added);
    t.merge = arena_alloc(arena, v->merges * sizeof *t.merge);
    while (t.tokens > 1 && text_equal(v->token[t.tokens - 1].written, filler(arena, t.tokens - 1))) t.tokens--;
    int *place = arena_alloc(arena, v->count * sizeof *place);
    for (size_t id = 0; id < t.tokens; id++) {
        t.token[id] = v->token[id].written;
        place[id] = (int)t.n_added;
        if (v->token[id].kind != TOKEN_NORMAL)
            t.added[t.n_added++] = (AddedText){.id = (int32_t)id, .special = v->token[id].kind == TOKEN_SPECIAL};
    }
    for (int list = 0; list < 2; list++)
        for (size_t i = 0; i < tokenizer->added[list].count; i++) {
            const AddedToken *a = &tokenizer->added[list].token[i];
            AddedText *to = &t.added[place[a->id]];
            to->normalized = list == 1, to->strip_left = a->strip_left, to->strip_right = a->strip_right;
        }
    // Merges lie where their hash put them; the rank says which is which.
    for (size_t i = 0; i < v->merge_slots; i++) {
        const Merge *m = &v->merge[i];
        if (m->rank != NO_RANK) t.merge[m->rank] = (MergeText){v->token[m->left].written, v->token[m->right].written};
    }
    return t;
}

// The stages of the rule in the library's words; ByteLevel comes last and cuts only if its own rule is the last stage.
static void write_rule(Str *json, const Pretoken *rule) {
    bool cut = rule->count && rule->stage[rule->count - 1] == PRETOKEN_GPT2;
    str_append(json, TEXT("{\"type\":\"Sequence\",\"pretokenizers\":["));
    for (int i = 0; i < rule->count - cut; i++) {
        PretokenStage stage = rule->stage[i];
        if (stage == PRETOKEN_DIGITS || stage == PRETOKEN_DIGIT_RUNS) {
            str_printf(json, "{\"type\":\"Digits\",\"individual_digits\":%s},", stage == PRETOKEN_DIGITS ? "true" : "false");
        } else {
            str_append(json, TEXT("{\"type\":\"Split\",\"pattern\":{\"Regex\":"));
            json_write_string(json, pretoken_regex(stage));
            str_append(json, TEXT("},\"behavior\":\"Isolated\",\"invert\":false},"));
        }
    }
    str_printf(json, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":%s}]}",
               cut ? "true" : "false");
}

static const char *yes(bool value) { return value ? "true" : "false"; }

void tokenizer_text_json(Str *json, const TokenizerText *t) {
    str_append(json, TEXT("{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["));
    for (size_t i = 0; i < t->n_added; i++) {
        const AddedText *a = &t->added[i];
        str_printf(json, "%s{\"id\":%d,\"content\":", i ? "," : "", a->id);
        json_write_string(json, t->token[a->id]);
        str_printf(json, ",\"single_word\":false,\"lstrip\":%s,\"rstrip\":%s,\"normalized\":%s,\"special\":%s}", yes(a->strip_left),
                   yes(a->strip_right), yes(a->normalized), yes(a->special));
    }
    str_append(json, TEXT("],\"normalizer\":null,\"pre_tokenizer\":"));
    write_rule(json, &t->rule);
    str_append(json, TEXT(",\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
                          "\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
                          "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,"));
    str_printf(json, "\"ignore_merges\":%s,\"vocab\":{", yes(t->ignore_merges));
    for (size_t i = 0; i < t->tokens; i++) {
        str_append(json, i ? TEXT(",") : TEXT(""));
        json_write_string(json, t->token[i]);
        str_printf(json, ":%zu", i);
    }
    str_append(json, TEXT("},\"merges\":["));
    Str written = str_make(json->arena);
    for (size_t i = 0; i < t->merges; i++) {
        written.size = 0;
        str_append(&written, t->merge[i].left);
        str_append_char(&written, ' ');
        str_append(&written, t->merge[i].right);
        str_append(json, i ? TEXT(",") : TEXT(""));
        json_write_string(json, str_text(&written));
    }
    str_append(json, TEXT("]}}\n"));
}

// GGUF's name of the rule; Llama 3's is told by ignore_merges as well.
static const char *name_of(const TokenizerText *t) {
    static const char *const NAMES[] = {"gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        Pretoken rule;
        bool same = pretoken_by_name(text_of(NAMES[i]), &rule) && rule.count == t->rule.count;
        for (int k = 0; same && k < rule.count; k++) same = rule.stage[k] == t->rule.stage[k];
        if (same && t->ignore_merges == (strcmp(NAMES[i], "llama-bpe") == 0)) return NAMES[i];
    }
    return NULL;
}

Status tokenizer_text_gguf(GgufHead *head, const TokenizerText *t, int V, Arena *arena, Error *error) {
    enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };
    const char *name = name_of(t);
    REQUIRE((size_t)V >= t->tokens, "tokenizer: %d ids for %zu tokens", V, t->tokens);
    if (name == NULL)
        return error_set(error, ERR_DATA, "the tokenizer's pre_tokenizer%s has no name in GGUF; written are %s",
                         t->ignore_merges ? " with ignore_merges" : "", PRETOKEN_NAMES);
    Text *token = arena_alloc(arena, (size_t)V * sizeof *token), *merge = arena_alloc(arena, t->merges * sizeof *merge);
    int32_t *type = arena_alloc(arena, (size_t)V * sizeof *type);
    for (size_t id = 0; id < (size_t)V; id++) {
        token[id] = id < t->tokens ? t->token[id] : filler(arena, id);
        type[id] = id < t->tokens ? NORMAL : UNUSED;
    }
    for (size_t i = 0; i < t->n_added; i++) type[t->added[i].id] = t->added[i].special ? CONTROL : USER_DEFINED;
    for (size_t i = 0; i < t->merges; i++) {
        Str s = str_make(arena);
        str_append(&s, t->merge[i].left);
        str_append_char(&s, ' ');
        str_append(&s, t->merge[i].right);
        merge[i] = str_text(&s);
    }
    gguf_put_string(head, "tokenizer.ggml.model", TEXT("gpt2"));
    gguf_put_string(head, "tokenizer.ggml.pre", text_of(name));
    gguf_put_strings(head, "tokenizer.ggml.tokens", token, (size_t)V);
    gguf_put_ints(head, "tokenizer.ggml.token_type", type, (size_t)V);
    gguf_put_strings(head, "tokenizer.ggml.merges", merge, t->merges);
    return OK;
}
