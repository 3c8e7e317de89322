#include "tensor/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_BYTES = 24,                        // magic, version, two counts
    SMALLEST_VALUE = 8 + 1 + 4 + 1,           // key length, one letter, type, one byte
    SMALLEST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8,  // name length, one letter, rank, one dimension, type, offset
    VALUES_MAX = 1 << 20,                     // far above any real file; bounds memory for a hostile one
    TENSORS_MAX = 1 << 20,
    KEY_MAX = 65535,
    NAME_MAX_BYTES = 63,
    DEFAULT_ALIGNMENT = 32,
    SHOWN = 80,  // letters of a foreign name that a message repeats
};

// Every type that GGUF numbers, so that an unsupported one is refused by its name.
typedef struct {
    int id;
    const char *name;
    int block, bytes;
} TypeFacts;

static const TypeFacts TYPES[] = {
    {0, "F32", 1, 4},        {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},    {3, "Q4_1", 32, 20},    {6, "Q5_0", 32, 22},
    {7, "Q5_1", 32, 24},     {8, "Q8_0", 32, 34},      {9, "Q8_1", 32, 36},    {10, "Q2_K", 256, 84},  {11, "Q3_K", 256, 110},
    {12, "Q4_K", 256, 144},  {13, "Q5_K", 256, 176},   {14, "Q6_K", 256, 210}, {15, "Q8_K", 256, 292}, {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74}, {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50}, {20, "IQ4_NL", 32, 18}, {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},  {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},       {25, "I16", 1, 2},      {26, "I32", 1, 4},
    {27, "I64", 1, 8},       {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56}, {30, "BF16", 1, 2},     {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},  {39, "MXFP4", 32, 17},    {40, "NVFP4", 64, 36},  {41, "Q1_0", 128, 18},
};

// Bytes of one value by GgufType; 0 where the length stands in the file.
static const size_t VALUE_BYTES[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
static const char *const VALUE_NAMES[] = {"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};

// Where reading stands inside the map.
typedef struct {
    const char *path;
    const uint8_t *data;
    size_t size, at;
} Cursor;

// "%.*s" arguments of a name that the file chose.
#define SHOW(text) ((text).size < SHOWN ? (int)(text).size : SHOWN), (text).data

static const TypeFacts *type_facts(int64_t id) {
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (TYPES[i].id == id) return &TYPES[i];
    return NULL;
}

const char *gguf_type_name(int type) {
    const TypeFacts *facts = type_facts(type);
    return facts ? facts->name : NULL;
}

// Our DType of a GGUF type, found by name so that a type that dtype.h learns is read at once.
static bool type_is_ours(const TypeFacts *facts, DType *dtype) {
    char lower[16];
    size_t i = 0;
    for (; facts->name[i]; i++) lower[i] = facts->name[i] >= 'A' && facts->name[i] <= 'Z' ? (char)(facts->name[i] + 32) : facts->name[i];
    lower[i] = '\0';
    return dtype_from_name(lower, dtype);
}

static uint64_t little(const uint8_t *bytes, size_t n) {
    uint64_t value = 0;
    for (size_t i = n; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}

// The next `bytes` bytes, or an error that says what should stand there.
static Status take(Cursor *c, uint64_t bytes, const uint8_t **out, const char *what, Error *error) {
    if (bytes > c->size - c->at)
        return error_set(error, ERR_FORMAT, "%s: %s at byte %zu needs %llu bytes, but only %zu follow", c->path, what, c->at,
                         (unsigned long long)bytes, c->size - c->at);
    *out = c->data + c->at;
    c->at += (size_t)bytes;
    return OK;
}

static Status take_uint(Cursor *c, size_t bytes, uint64_t *out, const char *what, Error *error) {
    const uint8_t *p = NULL;
    TRY(take(c, bytes, &p, what, error));
    *out = little(p, bytes);
    return OK;
}

static Status take_string(Cursor *c, Text *out, const char *what, Error *error) {
    uint64_t length;
    const uint8_t *p = NULL;
    TRY(take_uint(c, 8, &length, what, error));
    TRY(take(c, length, &p, what, error));
    *out = (Text){(const char *)p, (size_t)length};
    return OK;
}

// A name of 1..most bytes of valid UTF-8.
static Status take_name(Cursor *c, size_t most, Text *out, const char *what, Error *error) {
    size_t start = c->at;
    TRY(take_string(c, out, what, error));
    if (out->size == 0) return error_set(error, ERR_FORMAT, "%s: %s at byte %zu is empty", c->path, what, start);
    if (out->size > most)
        return error_set(error, ERR_FORMAT, "%s: %s at byte %zu has %zu bytes; at most %zu are allowed", c->path, what, start, out->size,
                         most);
    if (!utf8_valid(*out, NULL)) return error_set(error, ERR_FORMAT, "%s: %s at byte %zu is not valid UTF-8", c->path, what, start);
    return OK;
}

// Magic, version and the two counts; the counts are held against what the rest of the file could contain.
static Status read_header(Cursor *c, Gguf *g, Error *error) {
    uint64_t version, tensors, values;
    if (c->size < HEADER_BYTES)
        return error_set(error, ERR_FORMAT, "%s: %zu bytes are too few for a GGUF header of %d", c->path, c->size, HEADER_BYTES);
    if (memcmp(c->data, "GGUF", 4) != 0)
        return error_set(error, ERR_FORMAT, "%s: is not a GGUF file: the first four bytes are not 'GGUF'", c->path);
    c->at = 4;
    TRY(take_uint(c, 4, &version, "the version", error));
    if (version != 0 && (version & 0xffff) == 0) return error_set(error, ERR_FORMAT, "%s: a big-endian GGUF is not supported", c->path);
    if (version != 2 && version != 3)
        return error_set(error, ERR_FORMAT, "%s: GGUF version %llu is not supported; expected 2 or 3", c->path,
                         (unsigned long long)version);
    TRY(take_uint(c, 8, &tensors, "the tensor count", error));
    TRY(take_uint(c, 8, &values, "the key count", error));
    size_t rest = c->size - c->at;
    if (values > rest / SMALLEST_VALUE || values > VALUES_MAX)
        return error_set(error, ERR_FORMAT, "%s: the header claims %llu keys, which %zu bytes cannot hold or which is over %d", c->path,
                         (unsigned long long)values, rest, VALUES_MAX);
    if (tensors > rest / SMALLEST_TENSOR || tensors > TENSORS_MAX)
        return error_set(error, ERR_FORMAT, "%s: the header claims %llu tensors, which %zu bytes cannot hold or which is over %d", c->path,
                         (unsigned long long)tensors, rest, TENSORS_MAX);
    g->version = (uint32_t)version;
    g->n_values = (size_t)values;
    g->n_tensors = (size_t)tensors;
    return OK;
}

// Steps over `count` elements of `type` and checks what can be wrong inside them.
static Status take_elements(Cursor *c, GgufValue *v, Error *error) {
    char what[SHOWN + 32];
    snprintf(what, sizeof what, "key '%.*s'", SHOW(v->key));
    v->data = c->data + c->at;
    size_t start = c->at, bytes;
    GgufType type = v->type == GGUF_ARRAY ? v->element : v->type;
    if (type == GGUF_STRING) {
        // Each string has a length of 8 bytes, so a count that passes here ends the loop in time.
        if (v->count > (c->size - c->at) / 8)
            return error_set(error, ERR_FORMAT, "%s: %s claims %llu strings, but only %zu bytes follow", c->path, what,
                             (unsigned long long)v->count, c->size - c->at);
        for (uint64_t i = 0; i < v->count; i++) TRY(take_string(c, &(Text){0}, what, error));
    } else {
        const uint8_t *p = NULL;
        if (!checked_mul((size_t)v->count, VALUE_BYTES[type], &bytes))
            return error_set(error, ERR_FORMAT, "%s: %s claims %llu elements", c->path, what, (unsigned long long)v->count);
        TRY(take(c, bytes, &p, what, error));
        for (size_t i = 0; type == GGUF_BOOL && i < bytes; i++)
            if (p[i] > 1) return error_set(error, ERR_FORMAT, "%s: %s is a bool of value %d; expected 0 or 1", c->path, what, p[i]);
    }
    v->bytes = c->at - start;
    return OK;
}

static Status read_value(Cursor *c, GgufValue *v, Error *error) {
    uint64_t type, element = 0, count = 1;
    TRY(take_name(c, KEY_MAX, &v->key, "a key", error));
    TRY(take_uint(c, 4, &type, "the type of a value", error));
    if (type > GGUF_F64)
        return error_set(error, ERR_FORMAT, "%s: key '%.*s' has the unknown value type %llu", c->path, SHOW(v->key),
                         (unsigned long long)type);
    if (type == GGUF_ARRAY) {
        TRY(take_uint(c, 4, &element, "the element type of an array", error));
        TRY(take_uint(c, 8, &count, "the length of an array", error));
        if (element > GGUF_F64)
            return error_set(error, ERR_FORMAT, "%s: key '%.*s' is an array of the unknown type %llu", c->path, SHOW(v->key),
                             (unsigned long long)element);
        if (element == GGUF_ARRAY)
            return error_set(error, ERR_FORMAT, "%s: key '%.*s' is an array of arrays, which is not supported", c->path, SHOW(v->key));
    }
    v->type = (GgufType)type;
    v->element = type == GGUF_ARRAY ? (GgufType)element : (GgufType)type;
    v->count = count;
    return take_elements(c, v, error);
}

// A tensor's name, shape, type and offset; its place in the file is settled by place_tensors.
static Status read_tensor(Cursor *c, GgufTensor *t, uint64_t *offset, Error *error) {
    uint64_t rank, type;
    TRY(take_name(c, NAME_MAX_BYTES, &t->name, "a tensor's name", error));
    TRY(take_uint(c, 4, &rank, "a tensor's rank", error));
    if (rank < 1 || rank > 4)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has rank %llu; expected 1 to 4", c->path, SHOW(t->name),
                         (unsigned long long)rank);
    t->rank = (int)rank;
    // The product of the dimensions is formed with a check at every factor.
    size_t count = 1;
    for (int i = 0; i < 4; i++) {
        t->dim[i] = 1;
        if (i < t->rank) TRY(take_uint(c, 8, &t->dim[i], "a tensor's dimension", error));
        if (t->dim[i] < 1) return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has dimension %d of 0", c->path, SHOW(t->name), i);
        if (t->dim[i] > INT64_MAX || !checked_mul(count, (size_t)t->dim[i], &count))
            return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has more elements than a file can hold", c->path, SHOW(t->name));
    }
    TRY(take_uint(c, 4, &type, "a tensor's type", error));
    TRY(take_uint(c, 8, offset, "a tensor's offset", error));

    // Whole blocks make rows, rows make the size.
    const TypeFacts *facts = type_facts((int64_t)type);
    if (facts == NULL)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has the unknown type number %llu", c->path, SHOW(t->name),
                         (unsigned long long)type);
    t->type = facts->id;
    t->known = type_is_ours(facts, &t->dtype);
    if (t->dim[0] % (uint64_t)facts->block != 0)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has rows of %llu elements, not a multiple of %s's block of %d", c->path,
                         SHOW(t->name), (unsigned long long)t->dim[0], facts->name, facts->block);
    if (!checked_mul(count / (size_t)facts->block, (size_t)facts->bytes, &t->bytes))
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has more bytes than a file can hold", c->path, SHOW(t->name));
    return OK;
}

// A name with its place in the file, to find names that stand twice.
typedef struct {
    Text name;
    size_t index;
} Named;

static int compare_named(const void *a, const void *b) {
    const Named *x = a, *y = b;
    int order = text_compare(x->name, y->name);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static Status refuse_twice(Named *names, size_t n, const char *path, const char *what, Error *error) {
    qsort(names, n, sizeof *names, compare_named);
    for (size_t i = 1; i < n; i++)
        if (text_equal(names[i - 1].name, names[i].name))
            return error_set(error, ERR_FORMAT, "%s: %s '%.*s' stands twice", path, what, SHOW(names[i].name));
    return OK;
}

static Status check_names(const Gguf *g, Arena *arena, Error *error) {
    ArenaMark mark = arena_mark(arena);
    size_t most = g->n_values > g->n_tensors ? g->n_values : g->n_tensors;
    Named *names = arena_zeros(arena, most, sizeof *names);
    for (size_t i = 0; i < g->n_values; i++) names[i] = (Named){g->values[i].key, i};
    Status status = refuse_twice(names, g->n_values, g->map.path, "key", error);
    if (status == OK) {
        for (size_t i = 0; i < g->n_tensors; i++) names[i] = (Named){g->tensors[i].name, i};
        status = refuse_twice(names, g->n_tensors, g->map.path, "tensor", error);
    }
    arena_release(arena, mark);
    return status;
}

static Status read_alignment(const Gguf *g, size_t *alignment, Error *error) {
    const GgufValue *v = gguf_find(g, "general.alignment");
    *alignment = DEFAULT_ALIGNMENT;
    if (v == NULL) return OK;
    if (v->type != GGUF_U32)
        return error_set(error, ERR_FORMAT, "%s: general.alignment is of type %s; expected u32", g->map.path, VALUE_NAMES[v->type]);
    uint64_t value = little(v->data, 4);
    if (value < 8 || value > 65536 || (value & (value - 1)) != 0)
        return error_set(error, ERR_FORMAT, "%s: general.alignment is %llu; expected a power of two from 8 to 65536", g->map.path,
                         (unsigned long long)value);
    *alignment = (size_t)value;
    return OK;
}

static bool round_up(size_t n, size_t alignment, size_t *out) {
    if (!checked_add(n, alignment - 1, &n)) return false;
    *out = n & ~(alignment - 1);
    return true;
}

// Tensors follow one another in file order, each at the next aligned offset, and fill the file: no overlap, no hole.
static Status place_tensors(Gguf *g, size_t header_end, const uint64_t *offsets, Error *error) {
    size_t alignment, start, next = 0, end = 0;
    const char *path = g->map.path;
    TRY(read_alignment(g, &alignment, error));
    if (!round_up(header_end, alignment, &start)) return error_set(error, ERR_FORMAT, "%s: the header is too long", path);
    if (g->n_tensors > 0 && start > g->map.size)
        return error_set(error, ERR_FORMAT, "%s: the tensors' data should start at byte %zu, but the file ends at %zu", path, start,
                         g->map.size);
    size_t room = g->map.size > start ? g->map.size - start : 0;
    for (size_t i = 0; i < g->n_tensors; i++) {
        GgufTensor *t = &g->tensors[i];
        if (offsets[i] != next)
            return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has offset %llu; expected %zu, behind the tensor before it", path,
                             SHOW(t->name), (unsigned long long)offsets[i], next);
        if (next > room || t->bytes > room - next)
            return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' needs %zu bytes at offset %zu, but the data has %zu", path,
                             SHOW(t->name), t->bytes, next, room);
        t->data = g->map.data + start + next;
        end = next + t->bytes;
        if (!round_up(end, alignment, &next)) return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' is too large", path, SHOW(t->name));
    }
    // Writers may pad the last tensor, nothing more.
    if (room > next) return error_set(error, ERR_FORMAT, "%s: %zu bytes follow the last tensor and belong to nothing", path, room - end);
    return OK;
}

Status gguf_check(Gguf *out, Arena *arena, FileMap map, Error *error) {
    Gguf g = {.map = map};
    Cursor c = {map.path, map.data, map.size, 0};
    TRY(read_header(&c, &g, error));
    g.values = arena_zeros(arena, g.n_values, sizeof *g.values);
    for (size_t i = 0; i < g.n_values; i++) TRY(read_value(&c, &g.values[i], error));
    g.tensors = arena_zeros(arena, g.n_tensors, sizeof *g.tensors);
    uint64_t *offsets = arena_zeros(arena, g.n_tensors, sizeof *offsets);
    for (size_t i = 0; i < g.n_tensors; i++) TRY(read_tensor(&c, &g.tensors[i], &offsets[i], error));
    TRY(check_names(&g, arena, error));
    TRY(place_tensors(&g, c.at, offsets, error));
    *out = g;
    return OK;
}

Status gguf_open(Gguf *out, Arena *arena, const char *path, Error *error) {
    FileMap map;
    TRY(file_map(&map, path, error));
    Status status = gguf_check(out, arena, map, error);
    if (status != OK) file_unmap(&map);
    return status;
}

void gguf_close(Gguf *gguf) {
    file_unmap(&gguf->map);
    *gguf = (Gguf){0};
}

const GgufValue *gguf_find(const Gguf *gguf, const char *key) {
    Text name = text_of(key);
    for (size_t i = 0; i < gguf->n_values; i++)
        if (text_equal(gguf->values[i].key, name)) return &gguf->values[i];
    return NULL;
}

const GgufTensor *gguf_tensor(const Gguf *gguf, const char *name) {
    Text wanted = text_of(name);
    for (size_t i = 0; i < gguf->n_tensors; i++)
        if (text_equal(gguf->tensors[i].name, wanted)) return &gguf->tensors[i];
    return NULL;
}

static Status missing(const Gguf *g, const char *key, Error *error) {
    return error_set(error, ERR_DATA, "%s: key '%s' is missing", g->map.path, key);
}

static Status wrong_type(const Gguf *g, const GgufValue *v, const char *key, const char *expected, Error *error) {
    bool array = v->type == GGUF_ARRAY;
    return error_set(error, ERR_DATA, "%s: key '%s' is of type %s%s; expected %s", g->map.path, key, array ? "array of " : "",
                     VALUE_NAMES[array ? v->element : v->type], expected);
}

// The value of any integer type as int64; false when a u64 is too large for it.
static bool integer_value(const GgufValue *v, int64_t *out) {
    uint64_t bits = little(v->data, VALUE_BYTES[v->type]);
    switch (v->type) {
        case GGUF_I8:
            *out = (int8_t)bits;
            return true;
        case GGUF_I16:
            *out = (int16_t)bits;
            return true;
        case GGUF_I32:
            *out = (int32_t)bits;
            return true;
        default:
            *out = (int64_t)bits;
            return v->type == GGUF_I64 || bits <= INT64_MAX;
    }
}

static bool is_integer_type(GgufType type) { return type <= GGUF_I32 || type == GGUF_U64 || type == GGUF_I64; }

Status gguf_need_int(const Gguf *gguf, const char *key, int64_t low, int64_t high, int64_t *out, Error *error) {
    const GgufValue *v = gguf_find(gguf, key);
    int64_t value;
    if (v == NULL) return missing(gguf, key, error);
    if (!is_integer_type(v->type)) return wrong_type(gguf, v, key, "an integer", error);
    if (!integer_value(v, &value))
        return error_set(error, ERR_DATA, "%s: key '%s' is %llu; expected %lld to %lld", gguf->map.path, key, (unsigned long long)value,
                         (long long)low, (long long)high);
    if (value < low || value > high)
        return error_set(error, ERR_DATA, "%s: key '%s' is %lld; expected %lld to %lld", gguf->map.path, key, (long long)value,
                         (long long)low, (long long)high);
    *out = value;
    return OK;
}

Status gguf_int_or(const Gguf *gguf, const char *key, int64_t low, int64_t high, int64_t fallback, int64_t *out, Error *error) {
    if (gguf_find(gguf, key)) return gguf_need_int(gguf, key, low, high, out, error);
    *out = fallback;
    return OK;
}

Status gguf_need_float(const Gguf *gguf, const char *key, double *out, Error *error) {
    const GgufValue *v = gguf_find(gguf, key);
    if (v == NULL) return missing(gguf, key, error);
    double value = 0;
    if (v->type == GGUF_F32) {
        uint32_t bits = (uint32_t)little(v->data, 4);
        float single;
        memcpy(&single, &bits, sizeof single);
        value = single;
    } else if (v->type == GGUF_F64) {
        uint64_t bits = little(v->data, 8);
        memcpy(&value, &bits, sizeof value);
    } else {
        return wrong_type(gguf, v, key, "f32 or f64", error);
    }
    // NaN fails every comparison; infinity is its own half.
    if (value != value || (value != 0 && value == value / 2))
        return error_set(error, ERR_DATA, "%s: key '%s' is %s; expected a finite number", gguf->map.path, key,
                         value != value ? "NaN" : "infinite");
    *out = value;
    return OK;
}

Status gguf_float_or(const Gguf *gguf, const char *key, double fallback, double *out, Error *error) {
    if (gguf_find(gguf, key)) return gguf_need_float(gguf, key, out, error);
    *out = fallback;
    return OK;
}

Status gguf_string_or(const Gguf *gguf, const char *key, Text fallback, Text *out, Error *error) {
    const GgufValue *v = gguf_find(gguf, key);
    *out = fallback;
    if (v == NULL) return OK;
    if (v->type != GGUF_STRING) return wrong_type(gguf, v, key, "a string", error);
    *out = (Text){(const char *)v->data + 8, v->bytes - 8};
    return OK;
}

Status gguf_bool_or(const Gguf *gguf, const char *key, bool fallback, bool *out, Error *error) {
    const GgufValue *v = gguf_find(gguf, key);
    *out = fallback;
    if (v == NULL) return OK;
    if (v->type != GGUF_BOOL) return wrong_type(gguf, v, key, "a bool", error);
    *out = v->data[0] != 0;
    return OK;
}

Status gguf_need_strings(const Gguf *gguf, Arena *arena, const char *key, Text **out, size_t *count, Error *error) {
    const GgufValue *v = gguf_find(gguf, key);
    if (v == NULL) return missing(gguf, key, error);
    if (v->type != GGUF_ARRAY || v->element != GGUF_STRING) return wrong_type(gguf, v, key, "an array of strings", error);
    // Opening has stepped over every string, so the lengths are good.
    Text *texts = arena_zeros(arena, (size_t)v->count, sizeof *texts);
    const uint8_t *p = v->data;
    for (size_t i = 0; i < v->count; i++) {
        size_t length = (size_t)little(p, 8);
        texts[i] = (Text){(const char *)p + 8, length};
        p += 8 + length;
    }
    *out = texts;
    *count = (size_t)v->count;
    return OK;
}

Status gguf_ints_or_null(const Gguf *gguf, Arena *arena, const char *key, int32_t **out, size_t *count, Error *error) {
    const GgufValue *v = gguf_find(gguf, key);
    *out = NULL;
    *count = 0;
    if (v == NULL) return OK;
    if (v->type != GGUF_ARRAY || (v->element != GGUF_I32 && v->element != GGUF_U32))
        return wrong_type(gguf, v, key, "an array of i32 or u32", error);
    int32_t *numbers = arena_zeros(arena, (size_t)v->count, sizeof *numbers);
    for (size_t i = 0; i < v->count; i++) {
        uint32_t bits = (uint32_t)little(v->data + 4 * i, 4);
        if (v->element == GGUF_U32 && bits > INT32_MAX)
            return error_set(error, ERR_DATA, "%s: element %zu of key '%s' is %u; expected at most %d", gguf->map.path, i, key, bits,
                             INT32_MAX);
        numbers[i] = (int32_t)bits;
    }
    *out = numbers;
    *count = (size_t)v->count;
    return OK;
}
