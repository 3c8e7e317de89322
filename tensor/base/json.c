#include "tensor/base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { JSON_DEPTH_MAX = 512, NODE_BLOCK = 64, NODES_MAX = 8 << 20, SMALL_OBJECT = 16, SHOWN = 80 };

typedef struct {
    Arena *arena;
    const char *where;
    const char *begin, *at, *end;
    char *strings;              // decoded strings one behind the other; never longer than the text
    Json *block;                // nodes not yet handed out
    int block_left, nodes;
    Error *error;
    int depth;
    struct {
        Json *container, *last; // the open array or object and its newest child
    } open[JSON_DEPTH_MAX];
} Parser;

// ---- Reading ----

// Line and column (in bytes, from 1) of a place in the text, then the sentence's rest.
static Status fail(const Parser *p, const char *place, const char *sentence) {
    size_t line = 1, column = 1;
    for (const char *c = p->begin; c < place; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    return error_set(p->error, ERR_FORMAT, "%s: JSON, line %zu, column %zu: %s", p->where, line, column, sentence);
}

// "expected WHAT, found" the character at the present place.
static Status fail_expected(const Parser *p, const char *what) {
    char sentence[128], found[8] = {0};
    uint32_t code_point;
    int length = utf8_decode(p->at, (size_t)(p->end - p->at), &code_point);
    if (length) memcpy(found, p->at, (size_t)length);
    if (length == 0) snprintf(sentence, sizeof sentence, "expected %s, found the end", what);
    else if (code_point < 0x20 || code_point == 0x7F || code_point == 0xFEFF)
        snprintf(sentence, sizeof sentence, "expected %s, found U+%04X", what, code_point);
    else snprintf(sentence, sizeof sentence, "expected %s, found '%s'", what, found);
    return fail(p, p->at, sentence);
}

static void skip_space(Parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r')) p->at++;
}

// Nodes come in blocks, because every allocation of an arena is rounded up to 64 bytes.
static Json *node_new(Parser *p) {
    if (p->block_left == 0) {
        p->block = arena_zeros(p->arena, NODE_BLOCK, sizeof(Json));
        p->block_left = NODE_BLOCK;
    }
    p->block_left--;
    return p->block++;
}

// Four hexadecimal digits at the present place, or -1.
static int32_t hex4(const Parser *p) {
    int32_t value = 0;
    if (p->end - p->at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p->at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return -1;
        value = 16 * value + digit;
    }
    return value;
}

// The \u escape whose four digits begin at the present place, a pair of surrogates taken together.
static Status read_unicode(Parser *p, char **to) {
    const char *place = p->at - 2;
    int32_t high = hex4(p);
    if (high < 0) return fail(p, place, "expected four hexadecimal digits behind \\u");
    p->at += 4;
    uint32_t code_point = (uint32_t)high;
    if (high >= 0xD800 && high <= 0xDFFF) {
        int32_t low = -1;
        if (high < 0xDC00 && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u') {
            p->at += 2;
            low = hex4(p);
        }
        if (low < 0xDC00 || low > 0xDFFF) return fail(p, place, "a surrogate without its other half");
        p->at += 4;
        code_point = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    }
    *to += utf8_encode(code_point, *to);
    return OK;
}

// A string whose opening quote is at the present place, decoded with a NUL behind it.
static Status read_string(Parser *p, Text *out) {
    static const char ESCAPES[] = "\"\\/bfnrt", MEANINGS[] = "\"\\/\b\f\n\r\t";
    char *to = p->strings;
    const char *open = p->at++;
    for (;;) {
        // Plain bytes go over in one piece.
        const char *run = p->at;
        while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= 0x20) p->at++;
        memcpy(to, run, (size_t)(p->at - run));
        to += p->at - run;
        if (p->at == p->end) return fail(p, open, "a string that begins here has no closing quote");
        if (*p->at == '"') break;
        if (*p->at != '\\') return fail_expected(p, "a character of a string (controls must be escaped)");
        if (++p->at == p->end) return fail_expected(p, "an escape");
        if (*p->at == 'u') {
            p->at++;
            TRY(read_unicode(p, &to));
            continue;
        }
        const char *escape = *p->at ? strchr(ESCAPES, *p->at) : NULL;
        if (escape == NULL) return fail_expected(p, "one of \"\\/bfnrtu behind the backslash");
        *to++ = MEANINGS[escape - ESCAPES];
        p->at++;
    }
    p->at++;
    *out = (Text){p->strings, (size_t)(to - p->strings)};
    *to++ = '\0';
    p->strings = to;
    return OK;
}

static Status read_number(Parser *p, Json *node) {
    const char *from = p->at;
    // Everything that a number could be made of; the parser of numbers judges its form.
    while (p->at < p->end && *p->at && strchr("0123456789+-.eE", *p->at)) p->at++;
    Text text = {from, (size_t)(p->at - from)};
    char sentence[128];
    node->type = JSON_NUMBER;
    node->is_integer = number_parse_int(text, &node->integer);
    if (number_parse(text, &node->number)) return OK;
    int shown = text.size < 60 ? (int)text.size : 60;
    snprintf(sentence, sizeof sentence, "expected a number of JSON's form within the range of double, found '%.*s'", shown, from);
    return fail(p, from, sentence);
}

static Status read_word(Parser *p, Json *node) {
    static const struct {
        Text word;
        JsonType type;
        bool boolean;
    } WORD[] = {{{"true", 4}, JSON_BOOL, true}, {{"false", 5}, JSON_BOOL, false}, {{"null", 4}, JSON_NULL, false}};
    for (int i = 0; i < 3; i++) {
        if (!text_begins((Text){p->at, (size_t)(p->end - p->at)}, WORD[i].word)) continue;
        p->at += WORD[i].word.size;
        node->type = WORD[i].type;
        node->boolean = WORD[i].boolean;
        return OK;
    }
    return fail_expected(p, "a value");
}

// Sorts members by key: merge sort from pairs upwards, so that hostile keys cost no more than others.
static const Json **sort_by_key(const Json **from, const Json **to, size_t n) {
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t low = 0; low < n; low += 2 * width) {
            size_t middle = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n;
            for (size_t i = low, j = middle, k = low; k < high; k++)
                to[k] = j == high || (i < middle && text_compare(from[i]->key, from[j]->key) <= 0) ? from[i++] : from[j++];
        }
        const Json **swap = from;
        from = to;
        to = swap;
    }
    return from;
}

// A key that occurs twice in the object, or NULL.
static const Json *find_duplicate(Arena *arena, const Json *object) {
    if (object->count <= SMALL_OBJECT) {
        for (const Json *a = object->child; a; a = a->next)
            for (const Json *b = a->next; b; b = b->next)
                if (text_equal(a->key, b->key)) return b;
        return NULL;
    }
    ArenaMark mark = arena_mark(arena);
    const Json **members = arena_zeros(arena, object->count, sizeof *members), *found = NULL;
    const Json **work = arena_zeros(arena, object->count, sizeof *work);
    size_t n = 0;
    for (const Json *member = object->child; member; member = member->next) members[n++] = member;
    members = sort_by_key(members, work, n);
    for (size_t i = 1; i < n && found == NULL; i++)
        if (text_equal(members[i - 1]->key, members[i]->key)) found = members[i];
    arena_release(arena, mark);
    return found;
}

// Hangs a new node below the innermost open container; in an object its key and colon are read first.
static Status add_child(Parser *p, Json **out) {
    // A short value of the text becomes a node of 80 bytes: the cap keeps a hostile file below 1 GiB.
    if (p->nodes++ == NODES_MAX) return fail(p, p->at, "expected at most 8388608 values, found more");
    Json *node = *out = node_new(p);
    if (p->depth == 0) return OK;
    Json *container = p->open[p->depth - 1].container;
    if (container->type == JSON_OBJECT) {
        if (p->at == p->end || *p->at != '"') return fail_expected(p, "a key in quotes");
        TRY(read_string(p, &node->key));
        skip_space(p);
        if (p->at == p->end || *p->at != ':') return fail_expected(p, "':'");
        p->at++;
        skip_space(p);
    }
    if (container->count++ == 0) container->child = node;
    else p->open[p->depth - 1].last->next = node;
    p->open[p->depth - 1].last = node;
    return OK;
}

// Ends the innermost container at its closing bracket.
static Status close_container(Parser *p) {
    const Json *container = p->open[p->depth - 1].container, *twice;
    if (container->type == JSON_OBJECT && (twice = find_duplicate(p->arena, container)) != NULL) {
        char sentence[2 * SHOWN + 64];
        snprintf(sentence, sizeof sentence, "the object that ends here has the key \"%.*s\" twice", SHOWN, twice->key.data);
        return fail(p, p->at, sentence);
    }
    p->at++;
    p->depth--;
    return OK;
}

// Reads one value; `*opened` tells that it is a container with something in it, whose children come next.
static Status read_value(Parser *p, Json *node, bool *opened) {
    *opened = false;
    char first = p->at < p->end ? *p->at : '\0';
    if (first == '"') {
        node->type = JSON_STRING;
        return read_string(p, &node->string);
    }
    if (first == '-' || (first >= '0' && first <= '9')) return read_number(p, node);
    if (first != '[' && first != '{') return read_word(p, node);
    if (p->depth == JSON_DEPTH_MAX) return fail(p, p->at, "expected nesting of at most 512 arrays and objects, found more");
    node->type = first == '[' ? JSON_ARRAY : JSON_OBJECT;
    p->at++;
    p->open[p->depth].container = node;
    p->open[p->depth++].last = NULL;
    skip_space(p);
    *opened = p->at == p->end || *p->at != (first == '[' ? ']' : '}');
    return *opened ? OK : close_container(p);
}

// After a value: closes what ends here and stops at a comma's far side or, at depth 0, at the end of the value.
static Status finish_value(Parser *p) {
    for (;;) {
        skip_space(p);
        if (p->depth == 0) return OK;
        bool array = p->open[p->depth - 1].container->type == JSON_ARRAY;
        if (p->at < p->end && *p->at == ',') {
            p->at++;
            skip_space(p);
            return OK;
        }
        if (p->at == p->end || *p->at != (array ? ']' : '}')) return fail_expected(p, array ? "',' or ']'" : "',' or '}'");
        TRY(close_container(p));
    }
}

Status json_parse(const Json **out, Arena *arena, Text text, const char *where, Error *error) {
    Parser p = {.arena = arena, .where = where, .begin = text.data, .at = text.data, .end = text.data + text.size, .error = error};
    size_t bad;
    if (!utf8_valid(text, &bad)) return fail(&p, text.data + bad, "expected UTF-8, found a byte that does not belong to it");
    // Quotes and escapes are longer than what they stand for, so all strings with their NULs fit into the text's size.
    p.strings = arena_alloc(arena, text.size);
    Json *root = NULL, *node;
    bool opened;
    skip_space(&p);
    do {
        TRY(add_child(&p, &node));
        if (root == NULL) root = node;
        TRY(read_value(&p, node, &opened));
        if (!opened) TRY(finish_value(&p));
    } while (p.depth > 0);
    if (p.at != p.end) return fail_expected(&p, "the end");
    *out = root;
    return OK;
}

// ---- Looking up ----

const Json *json_get(const Json *object, const char *key) {
    if (object == NULL || object->type != JSON_OBJECT) return NULL;
    Text wanted = text_of(key);
    for (const Json *member = object->child; member; member = member->next)
        if (text_equal(member->key, wanted)) return member;
    return NULL;
}

// "where: "key": expected WHAT, found" the value in a few words.
static Status wrong(Error *error, const char *where, const char *key, const char *what, const Json *found) {
    static const char *const NAME[] = {"null", "a truth value", "a number", "a string", "an array", "an object"};
    char text[32];
    if (found == NULL) return error_set(error, ERR_FORMAT, "%s: \"%s\": expected %s, found nothing", where, key, what);
    if (found->type == JSON_STRING)
        return error_set(error, ERR_FORMAT, "%s: \"%s\": expected %s, found \"%.*s\"", where, key, what, SHOWN, found->string.data);
    if (found->type != JSON_NUMBER)
        return error_set(error, ERR_FORMAT, "%s: \"%s\": expected %s, found %s", where, key, what, NAME[found->type]);
    if (found->is_integer) snprintf(text, sizeof text, "%" PRId64, found->integer);
    else number_print(found->number, text);
    return error_set(error, ERR_FORMAT, "%s: \"%s\": expected %s, found %s", where, key, what, text);
}

// An absent or null member lets the *_or forms fall back.
static bool is_absent(const Json *value) { return value == NULL || value->type == JSON_NULL; }

Status json_need_int(const Json *object, const char *key, int64_t low, int64_t high, int64_t *out, const char *where, Error *error) {
    const Json *value = json_get(object, key);
    char what[96];
    if (value && value->type == JSON_NUMBER && value->is_integer && value->integer >= low && value->integer <= high) {
        *out = value->integer;
        return OK;
    }
    snprintf(what, sizeof what, "an integer from %" PRId64 " to %" PRId64, low, high);
    return wrong(error, where, key, what, value);
}

Status json_int_or(const Json *object, const char *key, int64_t low, int64_t high, int64_t fallback, int64_t *out, const char *where,
                   Error *error) {
    if (!is_absent(json_get(object, key))) return json_need_int(object, key, low, high, out, where, error);
    *out = fallback;
    return OK;
}

Status json_need_number(const Json *object, const char *key, double *out, const char *where, Error *error) {
    const Json *value = json_get(object, key);
    if (value == NULL || value->type != JSON_NUMBER) return wrong(error, where, key, "a number", value);
    *out = value->number;
    return OK;
}

Status json_number_or(const Json *object, const char *key, double fallback, double *out, const char *where, Error *error) {
    if (!is_absent(json_get(object, key))) return json_need_number(object, key, out, where, error);
    *out = fallback;
    return OK;
}

Status json_need_string(const Json *object, const char *key, Text *out, const char *where, Error *error) {
    const Json *value = json_get(object, key);
    if (value == NULL || value->type != JSON_STRING) return wrong(error, where, key, "a string", value);
    *out = value->string;
    return OK;
}

Status json_string_or(const Json *object, const char *key, Text fallback, Text *out, const char *where, Error *error) {
    if (!is_absent(json_get(object, key))) return json_need_string(object, key, out, where, error);
    *out = fallback;
    return OK;
}

Status json_bool_or(const Json *object, const char *key, bool fallback, bool *out, const char *where, Error *error) {
    const Json *value = json_get(object, key);
    if (!is_absent(value) && value->type != JSON_BOOL) return wrong(error, where, key, "true or false", value);
    *out = is_absent(value) ? fallback : value->boolean;
    return OK;
}

// ---- Writing ----

void json_write_string(Str *s, Text text) {
    static const char SHORT[] = "btn\0fr";  // letters of U+0008 to U+000D
    size_t bad;
    REQUIRE(utf8_valid(text, &bad), "json_write_string: byte %zu is not UTF-8", bad);
    str_append_char(s, '"');
    for (size_t at = 0; at < text.size;) {
        size_t run = at;
        while (at < text.size && (unsigned char)text.data[at] >= 0x20 && text.data[at] != '"' && text.data[at] != '\\') at++;
        str_append(s, (Text){text.data + run, at - run});
        if (at == text.size) break;
        unsigned char c = (unsigned char)text.data[at++];
        if (c == '"' || c == '\\') str_printf(s, "\\%c", c);
        else if (c >= 8 && c <= 13 && SHORT[c - 8]) str_printf(s, "\\%c", SHORT[c - 8]);
        else str_printf(s, "\\u%04x", c);
    }
    str_append_char(s, '"');
}

void json_write_number(Str *s, double value) {
    char text[32] = "null";
    if (isfinite(value)) number_print(value, text);
    str_append(s, text_of(text));
}

void json_write_float(Str *s, float value) {
    char text[32] = "null";
    if (isfinite(value)) number_print_float(value, text);
    str_append(s, text_of(text));
}

// A value without children; of a container only the opening bracket.
static void write_begin(Str *s, const Json *value) {
    switch (value->type) {
        case JSON_NULL: str_append(s, TEXT("null")); break;
        case JSON_BOOL: str_append(s, value->boolean ? TEXT("true") : TEXT("false")); break;
        case JSON_STRING: json_write_string(s, value->string); break;
        case JSON_ARRAY: str_append_char(s, '['); break;
        case JSON_OBJECT: str_append_char(s, '{'); break;
        case JSON_NUMBER:
            // An integer keeps all its digits; -0 keeps its sign.
            if (value->is_integer && value->integer != 0) str_printf(s, "%" PRId64, value->integer);
            else json_write_number(s, value->number);
            break;
    }
}

void json_write(Str *s, const Json *value) {
    const Json *open[JSON_DEPTH_MAX];
    int depth = 0;
    for (const Json *at = value; at;) {
        if (depth && open[depth - 1]->type == JSON_OBJECT) {
            json_write_string(s, at->key);
            str_append_char(s, ':');
        }
        write_begin(s, at);
        // Go down, else on to the next sibling, closing every container whose last child this was.
        bool container = at->type == JSON_ARRAY || at->type == JSON_OBJECT;
        if (container && at->child) {
            REQUIRE(depth < JSON_DEPTH_MAX, "json_write: deeper than %d", JSON_DEPTH_MAX);
            open[depth++] = at;
            at = at->child;
            continue;
        }
        if (container) str_append_char(s, at->type == JSON_ARRAY ? ']' : '}');
        while (depth && at->next == NULL) {
            at = open[--depth];
            str_append_char(s, at->type == JSON_ARRAY ? ']' : '}');
        }
        if (depth == 0) return;
        str_append_char(s, ',');
        at = at->next;
    }
}
