// Typed values of the world's flat YAML files, each refusal one sentence with file and line.
#ifndef TOOLS_WORLD_YAML_H
#define TOOLS_WORLD_YAML_H

#include "tensor/base/yaml.h"

typedef struct {
    Arena *arena;
    const Yaml *yaml;
    Error *error;
} WorldFile;

// ERR_FORMAT with "file:line: sentence".
Status world_yaml_fail(const WorldFile *f, const YamlEntry *e, const char *format, ...) __attribute__((format(printf, 3, 4)));

// Every key is one of `known` or begins with one of `prefixes` (both NULL-ended); else ERR_FORMAT with the nearest known one.
Status world_yaml_check_keys(const WorldFile *f, const char *const *known, const char *const *prefixes);

// The entry of a key that must be there; a text that is not empty.
Status world_yaml_entry(const WorldFile *f, const char *key, const YamlEntry **e);
Status world_yaml_text(const WorldFile *f, const char *key, Text *out);
// A list of `least` to `most` texts, none of them empty.
Status world_yaml_list(const WorldFile *f, const char *key, int least, int most, int *count, const Text **items);
// A number in [low, high]; a list of them.
Status world_yaml_number(const WorldFile *f, const char *key, double low, double high, double *out);
Status world_yaml_numbers(const WorldFile *f, const char *key, int least, int most, double low, double high, int *count,
                          const double **out);
// A whole number in [low, high].
Status world_yaml_int(const WorldFile *f, const char *key, int64_t low, int64_t high, int64_t *out);
// yes or no (true or false).
Status world_yaml_flag(const WorldFile *f, const char *key, bool *out);
// `version: 1`, as every file of a world says.
Status world_yaml_version(const WorldFile *f);

#endif
