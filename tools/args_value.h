// One option's value: setting it from text by the option's type, and writing it back. Used by tools/args.c alone.
#ifndef TOOLS_ARGS_VALUE_H
#define TOOLS_ARGS_VALUE_H

#include "tensor/base/yaml.h"
#include "tools/args.h"

// What a text on the command line or in a table means for this type: itself, but [a, b] for a list. ERR_USAGE; `place` begins
// the sentence. The result lives in the arena.
Status value_read(YamlEntry *out, Arena *arena, OptionType type, Text text, const char *place, Error *error);

// Sets v from an entry, checked by v->option; `grow` adds a list's items behind those it has. ERR_USAGE.
Status value_set(ArgValue *v, Arena *arena, const YamlEntry *entry, const char *place, bool grow, Error *error);

// Whether a present value that is not a list, a size or a time is the option's default, however both are written.
bool value_is_initial(const ArgValue *v);

// The place of a text among "a|b|c", or -1.
int value_choice(const char *choices, Text text);

// Appends a present value as JSON, or as the YAML that sets it again. Bytes of a path that are not UTF-8 become U+FFFD.
void value_write_json(Str *s, const ArgValue *v);
void value_write_yaml(Str *s, const ArgValue *v);

// What --help calls the value: the table's word, the choices, or one by type; "" for flags.
const char *value_name(const Option *option);

#endif
