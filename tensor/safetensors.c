#include "tensor/safetensors.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_MAX = 100000000,  // bytes, by the format
    COMMAS_MAX = 2 << 20,    // values in a header; bounds the memory of its tree (a tensor has about eight)
    RANK_MAX = 8,
    SHOWN = 80,  // letters of a foreign name that a message repeats
};

// "%.*s" arguments of a name that the file chose.
#define SHOW(text) ((text).size < SHOWN ? (int)(text).size : SHOWN), (text).data

// Every dtype of the format with the bits of an element; `ours` is the DType or -1.
static const struct {
    const char *name;
    int bits, ours;
} TYPES[] = {
    {"F32", 32, DTYPE_F32}, {"F16", 16, DTYPE_F16}, {"BF16", 16, DTYPE_BF16}, {"F64", 64, -1},
    {"I64", 64, -1},        {"I32", 32, -1},        {"I16", 16, -1},          {"I8", 8, -1},
    {"U64", 64, -1},        {"U32", 32, -1},        {"U16", 16, -1},          {"U8", 8, -1},
    {"BOOL", 8, -1},        {"C64", 64, -1},        {"F8_E4M3", 8, -1},       {"F8_E5M2", 8, -1},
    {"F8_E8M0", 8, -1},     {"F8_E4M3FNUZ", 8, -1}, {"F8_E5M2FNUZ", 8, -1},   {"F6_E2M3", 6, -1},
    {"F6_E3M2", 6, -1},     {"F4", 4, -1},
};

// One entry while it is read: the tensor and where its data should lie.
typedef struct {
    SafeTensor tensor;
    uint64_t begin, end;
    size_t index;
} Entry;

// The eight bytes in front of the header: its length.
static uint64_t header_length(const uint8_t *data) {
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--) n = n << 8 | data[i];
    return n;
}

// The JSON text of the header: its length is believed only when the file holds it, and its tree only when it stays small.
static Status find_header(const FileMap *map, Text *header, Error *error) {
    if (map->size < 8) return error_set(error, ERR_FORMAT, "%s: %zu bytes are too few for a safetensors file", map->path, map->size);
    uint64_t n = header_length(map->data);
    if (n > HEADER_MAX)
        return error_set(error, ERR_FORMAT, "%s: the header's length is %llu; at most %d is allowed", map->path, (unsigned long long)n,
                         HEADER_MAX);
    if (n > map->size - 8)
        return error_set(error, ERR_FORMAT, "%s: the header's length is %llu, but only %zu bytes follow", map->path, (unsigned long long)n,
                         map->size - 8);
    const char *text = (const char *)map->data + 8;
    size_t size = (size_t)n;
    while (size > 0 && text[size - 1] == ' ') size--;
    if (size < 2 || text[0] != '{' || text[size - 1] != '}')
        return error_set(error, ERR_FORMAT, "%s: the header does not begin with '{' and end with '}' and spaces", map->path);
    size_t commas = 0;
    for (size_t i = 0; i < size; i++) commas += text[i] == ',' || text[i] == '[';
    if (commas > COMMAS_MAX)
        return error_set(error, ERR_FORMAT, "%s: the header lists %zu values; at most %d are allowed", map->path, commas, COMMAS_MAX);
    *header = (Text){text, size};
    return OK;
}

static Status check_metadata(const Json *metadata, const char *path, Error *error) {
    if (metadata->type != JSON_OBJECT) return error_set(error, ERR_FORMAT, "%s: __metadata__ is not an object", path);
    for (const Json *m = metadata->child; m; m = m->next)
        if (m->type != JSON_STRING) return error_set(error, ERR_FORMAT, "%s: __metadata__ '%.*s' is not a string", path, SHOW(m->key));
    return OK;
}

// An unsigned whole number of a header; false for anything else.
static bool unsigned_value(const Json *json, uint64_t *out) {
    if (json == NULL || json->type != JSON_NUMBER || !json->is_integer || json->integer < 0) return false;
    *out = (uint64_t)json->integer;
    return true;
}

// dtype, shape and data_offsets of one tensor, and that they agree.
static Status read_entry(const Json *json, Entry *entry, const char *path, Error *error) {
    SafeTensor *t = &entry->tensor;
    t->name = json->key;
    if (json->type != JSON_OBJECT)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' is not described by an object", path, SHOW(t->name));

    const Json *dtype = json_get(json, "dtype");
    int bits = 0;
    if (dtype == NULL || dtype->type != JSON_STRING)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has no string 'dtype'", path, SHOW(t->name));
    t->type_name = dtype->string;
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (!text_equal(dtype->string, text_of(TYPES[i].name))) continue;
        bits = TYPES[i].bits;
        t->known = TYPES[i].ours >= 0;
        t->dtype = t->known ? (DType)TYPES[i].ours : DTYPE_F32;
    }
    if (bits == 0)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has the unknown dtype '%.*s'", path, SHOW(t->name), SHOW(dtype->string));

    // The product of the shape, in bits, is checked at every factor.
    const Json *shape = json_get(json, "shape");
    if (shape == NULL || shape->type != JSON_ARRAY)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has no array 'shape'", path, SHOW(t->name));
    if (shape->count > RANK_MAX)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has rank %zu; at most %d is supported", path, SHOW(t->name), shape->count,
                         RANK_MAX);
    size_t product = 1;
    for (const Json *dim = shape->child; dim; dim = dim->next) {
        uint64_t value = 0;
        if (!unsigned_value(dim, &value))
            return error_set(error, ERR_FORMAT, "%s: the shape of tensor '%.*s' holds something else than whole numbers from 0", path,
                             SHOW(t->name));
        if (!checked_mul(product, (size_t)value, &product))
            return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has more elements than a file can hold", path, SHOW(t->name));
        t->dim[t->rank++] = value;
    }
    if (!checked_mul(product, (size_t)bits, &product) || product % 8 != 0)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' does not fill whole bytes that a file can hold", path, SHOW(t->name));
    t->bytes = product / 8;

    const Json *offsets = json_get(json, "data_offsets");
    if (offsets == NULL || offsets->type != JSON_ARRAY || offsets->count != 2 || !unsigned_value(offsets->child, &entry->begin) ||
        !unsigned_value(offsets->child->next, &entry->end))
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has no 'data_offsets' of two whole numbers", path, SHOW(t->name));
    if (entry->end < entry->begin || entry->end - entry->begin != t->bytes)
        return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' has offsets %llu to %llu, but its shape needs %zu bytes", path,
                         SHOW(t->name), (unsigned long long)entry->begin, (unsigned long long)entry->end, t->bytes);
    return OK;
}

static int compare_entries(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

// Sorted by offset the tensors must follow one another without hole or overlap and end where the file ends.
static Status place_entries(Entry *entries, size_t n, const uint8_t *data, size_t room, const char *path, Error *error) {
    uint64_t next = 0;
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n; i++) {
        SafeTensor *t = &entries[i].tensor;
        if (entries[i].begin != next)
            return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' begins at %llu; expected %llu, behind the tensor before it", path,
                             SHOW(t->name), (unsigned long long)entries[i].begin, (unsigned long long)next);
        next = entries[i].end;
        if (next > room)
            return error_set(error, ERR_FORMAT, "%s: tensor '%.*s' ends at %llu, but the data has %zu bytes", path, SHOW(t->name),
                             (unsigned long long)next, room);
        t->data = data + entries[i].begin;
    }
    if (next != room)
        return error_set(error, ERR_FORMAT, "%s: the tensors end at %llu, but the data has %zu bytes", path, (unsigned long long)next,
                         room);
    return OK;
}

Status safetensors_check(SafeTensors *out, Arena *arena, FileMap map, Error *error) {
    Text header = {0};
    const Json *json = NULL;
    TRY(find_header(&map, &header, error));
    TRY(json_parse(&json, arena, header, map.path, error));
    SafeTensors file = {.map = map, .metadata = json_get(json, "__metadata__")};
    if (file.metadata) TRY(check_metadata(file.metadata, map.path, error));

    // Names are distinct because they are the keys of one object.
    Entry *entries = arena_zeros(arena, json->count, sizeof *entries);
    for (const Json *member = json->child; member; member = member->next) {
        if (member == file.metadata) continue;
        entries[file.n_tensors].index = file.n_tensors;
        TRY(read_entry(member, &entries[file.n_tensors], map.path, error));
        file.n_tensors++;
    }
    size_t n = (size_t)header_length(map.data);
    TRY(place_entries(entries, file.n_tensors, map.data + 8 + n, map.size - 8 - n, map.path, error));
    file.tensors = arena_zeros(arena, file.n_tensors, sizeof *file.tensors);
    for (size_t i = 0; i < file.n_tensors; i++) file.tensors[i] = entries[i].tensor;
    *out = file;
    return OK;
}

Status safetensors_open(SafeTensors *out, Arena *arena, const char *path, Error *error) {
    FileMap map;
    TRY(file_map(&map, path, error));
    Status status = safetensors_check(out, arena, map, error);
    if (status != OK) file_unmap(&map);
    return status;
}

void safetensors_close(SafeTensors *file) {
    file_unmap(&file->map);
    *file = (SafeTensors){0};
}

const SafeTensor *safetensors_find(const SafeTensors *file, const char *name) {
    Text wanted = text_of(name);
    for (size_t i = 0; i < file->n_tensors; i++)
        if (text_equal(file->tensors[i].name, wanted)) return &file->tensors[i];
    return NULL;
}

// Wide types first, then by name: every tensor lies aligned, and equal weights give equal files.
static int compare_out(const void *a, const void *b) {
    const SafeTensorOut *const *x = a, *const *y = b;
    bool wide_x = (*x)->dtype == DTYPE_F32, wide_y = (*y)->dtype == DTYPE_F32;
    if (wide_x != wide_y) return wide_x ? -1 : 1;
    return text_compare(text_of((*x)->name), text_of((*y)->name));
}

static int compare_names(const void *a, const void *b) {
    const SafeTensorOut *const *x = a, *const *y = b;
    return text_compare(text_of((*x)->name), text_of((*y)->name));
}

static size_t out_bytes(const SafeTensorOut *t) {
    size_t count = 1;
    REQUIRE(t->dtype == DTYPE_F32 || t->dtype == DTYPE_F16 || t->dtype == DTYPE_BF16, "safetensors: '%s' is of type %s", t->name,
            dtype_info(t->dtype)->name);
    REQUIRE(t->rank >= 0 && t->rank <= 4, "safetensors: '%s' has rank %d", t->name, t->rank);
    for (int i = 0; i < t->rank; i++)
        REQUIRE(t->dim[i] >= 0 && checked_mul(count, (size_t)t->dim[i], &count), "safetensors: '%s' has dimension %d", t->name, t->dim[i]);
    return dtype_bytes(t->dtype, count);
}

// The header's text: metadata first, then the tensors in the order of their data, padded with spaces to a multiple of 8.
static void append_header(Str *s, const SafeTensorOut *const *order, int n, const char *const *metadata) {
    size_t offset = 0;
    str_append(s, TEXT("{\"__metadata__\":{\"format\":\"pt\""));
    for (; metadata && metadata[0]; metadata += 2) {
        str_append_char(s, ',');
        json_write_string(s, text_of(metadata[0]));
        str_append_char(s, ':');
        json_write_string(s, text_of(metadata[1]));
    }
    str_append_char(s, '}');
    for (int i = 0; i < n; i++) {
        const SafeTensorOut *t = order[i];
        size_t bytes = out_bytes(t);
        str_append_char(s, ',');
        json_write_string(s, text_of(t->name));
        str_printf(s, ":{\"dtype\":\"%s\",\"shape\":[", t->dtype == DTYPE_F32 ? "F32" : t->dtype == DTYPE_F16 ? "F16" : "BF16");
        for (int d = 0; d < t->rank; d++) str_printf(s, d ? ",%d" : "%d", t->dim[d]);
        str_printf(s, "],\"data_offsets\":[%zu,%zu]}", offset, offset + bytes);
        offset += bytes;
    }
    str_append_char(s, '}');
    while (s->size % 8 != 0) str_append_char(s, ' ');
}

Status safetensors_begin(FileWriter *writer, const char *path, Arena *arena, const SafeTensorOut *tensors, int n,
                         const char *const *metadata, const SafeTensorOut ***in_order, Error *error) {
    REQUIRE(n >= 0, "safetensors: %d tensors", n);
    const SafeTensorOut **order = arena_zeros(arena, (size_t)n, sizeof *order);
    for (int i = 0; i < n; i++) order[i] = &tensors[i];
    qsort(order, (size_t)n, sizeof *order, compare_names);
    for (int i = 1; i < n; i++)
        REQUIRE(strcmp(order[i - 1]->name, order[i]->name) != 0, "safetensors: two tensors are named '%s'", order[i]->name);
    qsort(order, (size_t)n, sizeof *order, compare_out);
    *in_order = order;

    Str header = str_make(arena);
    append_header(&header, order, n, metadata);
    REQUIRE(header.size <= HEADER_MAX, "safetensors: a header of %zu bytes", header.size);
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)header.size >> (8 * i));
    TRY(writer_open(writer, arena, path, error));
    writer_put(writer, length, sizeof length);
    writer_put(writer, header.data, header.size);
    return OK;
}

// fp32 data goes through a small buffer in which every NaN becomes the one that files hold.
static void put_f32(FileWriter *w, const float *data, size_t count) {
    uint32_t bits[1024];
    for (size_t first = 0; first < count;) {
        size_t n = count - first < 1024 ? count - first : 1024;
        memcpy(bits, data + first, n * sizeof *bits);
        for (size_t i = 0; i < n; i++)
            if ((bits[i] & 0x7fffffffu) > 0x7f800000u) bits[i] = 0x7fc00000u;
        writer_put(w, bits, n * sizeof *bits);
        first += n;
    }
}

Status safetensors_write(const char *path, Arena *arena, const SafeTensorOut *tensors, int n, const char *const *metadata, Error *error) {
    // Order, header and the writer's buffer are given back at the end.
    ArenaMark mark = arena_mark(arena);
    const SafeTensorOut **order;
    FileWriter writer;
    Status status;
    TRY_DONE(safetensors_begin(&writer, path, arena, tensors, n, metadata, &order, error));
    for (int i = 0; i < n; i++) {
        size_t bytes = out_bytes(order[i]);
        if (order[i]->dtype == DTYPE_F32)
            put_f32(&writer, order[i]->data, bytes / sizeof(float));
        else
            writer_put(&writer, order[i]->data, bytes);
    }
    status = writer_finish(&writer, error);
done:
    arena_release(arena, mark);
    return status;
}
