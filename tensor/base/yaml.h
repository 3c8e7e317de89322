// The flat subset of YAML that task files, configs and recipes are written in. Whatever it accepts means the same in PyYAML:
//
//     # a comment                       stop: ["\n\nHuman:", 'it''s']      a list on one line
//     ppo.lr: 1e-5    # a number        plus:                              a list, one item a line
//     name: "two\nlines"                  - first item
//
// Every value is a text or a list of texts; the reader of a key gives it a type, so `no` and `1e-5` need no rules here.
// Nested maps, anchors, tags, block texts (| and >), values over several lines and empty values are refused with a sentence.
#ifndef TENSOR_BASE_YAML_H
#define TENSOR_BASE_YAML_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

// One key with its value: a text (count 1) or a list (count may be 0).
typedef struct {
    Text key;
    size_t line;  // counts from 1
    bool is_list;
    int count;
    const Text *item;
} YamlEntry;

// A file's keys in their order; no key occurs twice.
typedef struct {
    const char *where;  // the file's name, for messages
    int count;
    const YamlEntry *entry;
} Yaml;

// Parses a whole text. `where` begins every message, followed by ":line". ERR_FORMAT. The result lives in the arena.
Status yaml_parse(Yaml *out, Arena *arena, Text text, const char *where, Error *error);

// The same for a regular file of at most 1 MiB.
Status yaml_read(Yaml *out, Arena *arena, const char *path, Error *error);

// Parses one value as it may stand behind `key:` (a text or a list on one line); `out->key` is left alone. ERR_FORMAT.
Status yaml_parse_value(YamlEntry *out, Arena *arena, Text text, const char *where, Error *error);

// The entry of a key, or NULL.
const YamlEntry *yaml_get(const Yaml *yaml, const char *key);

// Appends a text so that it reads back as the same text: plain where that is safe, else in double quotes. Valid UTF-8 only.
void yaml_write_text(Str *s, Text text);

#endif
