#include "tools/convert_bin.h"

#include <stdio.h>
#include <string.h>

enum { NUMBERS = 7, HEADER_0 = 4 * NUMBERS, HEADER_1 = 256, KINDS = 12 };

// Kinds of weights by the end of their name, in the order of either version.
static const char *const ORDER[2][KINDS] = {
    {"embed_tokens.weight", "input_layernorm.weight", "q_proj.weight", "k_proj.weight", "v_proj.weight", "o_proj.weight",
     "post_attention_layernorm.weight", "gate_proj.weight", "down_proj.weight", "up_proj.weight", "model.norm.weight", "lm_head.weight"},
    {"input_layernorm.weight", "post_attention_layernorm.weight", "model.norm.weight", "embed_tokens.weight", "q_proj.weight",
     "k_proj.weight", "v_proj.weight", "o_proj.weight", "gate_proj.weight", "down_proj.weight", "up_proj.weight", "lm_head.weight"},
};

static int32_t number_at(const uint8_t *p) {
    return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

// Version, shape and where the weights begin.
static Status read_header(LlamaConfig *c, int *version, const FileMap *map, Error *error) {
    const uint8_t *at = map->data;
    if (map->size < HEADER_0)
        return error_set(error, ERR_FORMAT, "%s: %zu bytes are too few for a header of %d", map->path, map->size, HEADER_0);
    *version = memcmp(at, "24ka", 4) == 0;
    if (*version) {
        if (map->size < HEADER_1)
            return error_set(error, ERR_FORMAT, "%s: %zu bytes are too few for a header of %d", map->path, map->size, HEADER_1);
        if (number_at(at + 4) != 1)
            return error_set(error, ERR_FORMAT, "%s: version %d of llama2.c's format is not supported; supported: 0, 1", map->path,
                             (int)number_at(at + 4));
        at += 8;
    }
    int32_t n[NUMBERS];
    for (int i = 0; i < NUMBERS; i++) n[i] = number_at(at + 4 * i);
    bool tied = *version ? at[4 * NUMBERS] != 0 : n[5] > 0;
    if (n[5] < 0 && n[5] > INT32_MIN && !*version) n[5] = -n[5];
    if (n[0] < 1 || n[3] < 1 || n[0] % n[3] != 0)
        return error_set(error, ERR_FORMAT, "%s: is no model of llama2.c: width %d for %d heads", map->path, (int)n[0], (int)n[3]);
    *c = (LlamaConfig){.D = n[0], .F = n[1], .L = n[2], .H = n[3], .K = n[4], .V = n[5], .context = n[6], .S = n[0] / n[3]};
    c->tied = tied, c->norm_eps = 1e-5f, c->rope.theta = 10000, c->bos = c->eos = -1;
    return config_check(c, map->path, error);
}

// Gives every part of one kind its place, in the order of layers; the end of the kind in *at.
static void place_kind(ConvertSource *s, const uint8_t *data, size_t *at, const char *kind) {
    for (int i = 0; i < s->parts; i++) {
        WeightsPart *p = &s->part[i];
        if (p->hf[0] == '\0' || !text_ends(text_of(p->hf), text_of(kind))) continue;
        p->data = data + *at;
        *at += convert_bytes(p, DTYPE_F32);
    }
}

Status convert_bin_check(ConvertSource *s, Arena *arena, FileMap map, Error *error) {
    LlamaConfig c;
    int version = 0;
    TRY(read_header(&c, &version, &map, error));
    // The sizes were checked, so that 16 bytes a weight can be counted; the angles are of version 0 alone.
    size_t angles = version ? 0 : 4 * (size_t)c.context * (size_t)c.S, head = version ? HEADER_1 : HEADER_0, want = 0;
    if (!checked_add(4 * config_count_weights(&c), angles + head, &want) || want != map.size)
        return error_set(error, ERR_FORMAT, "%s: expected %zu bytes of a llama2.c model (version %d) of width %d and %d layers, found %zu",
                         map.path, want, version, c.D, c.L, map.size);
    *s = (ConvertSource){.path = map.path, .config = c, .map = map, .interleaved = true};
    s->part = weights_declare(&c, arena, &s->parts);
    size_t at = head;
    for (int k = 0; k < KINDS; k++) {
        // The head comes last, behind the angles.
        if (k == KINDS - 1) at += angles;
        place_kind(s, map.data, &at, ORDER[version][k]);
    }
    return OK;
}

Status convert_bin_open(ConvertSource *source, Arena *arena, const char *path, Error *error) {
    FileMap map;
    TRY(file_map(&map, path, error));
    Status status = convert_bin_check(source, arena, map, error);
    if (status != OK) file_unmap(&map);
    return status;
}
