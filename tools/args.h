// Options: one table drives the command line, config files, recipes, presets, --help and run.json.
//
// An option's key is "section.name" ("ppo.lr"), or the name alone in section "" ("seed"). On the command line of a verb it is
// --lr VALUE, --lr=VALUE or --ppo.lr VALUE ('-' and '_' are the same in names there); in configs and recipes `ppo.lr: 1e-5`; in
// overrides ppo.lr=1e-5. A flag is --flag or --no-flag there and true/false (yes/no, on/off) in files.
// Later beats earlier: table's default, preset, --config files and the recipe, command line and overrides.
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include "tensor/base/arena.h"
#include "tensor/base/status.h"
#include "tensor/base/str.h"

typedef enum {
    OPTION_FLAG,
    OPTION_INT,       // within [low, high]
    OPTION_SIZE,      // bytes: 24G, 512M
    OPTION_DURATION,  // seconds: 3h30m
    OPTION_DOUBLE,    // finite, within [low, high]
    OPTION_STRING,
    OPTION_CHOICE,    // one of `choices`
    OPTION_LIST,      // texts; given again on the command line: one more item; in files [a, b] or a list of lines
    OPTION_PATH
} OptionType;

// Whether an option can change bits of the result. BITS_CHANGED: only where it has another value than its default; it is part of the
// recipe's hash there alone, so that recipes from before it keep their hash.
typedef enum { BITS_NEVER, BITS_ALWAYS, BITS_CHANGED } OptionBits;

typedef struct {
    const char *name;     // with '_': "max_new"
    OptionType type;
    const char *initial;  // default as text (lists: "a, b"); NULL: absent unless given
    const char *paper;    // value under --preset paper; NULL: as the default
    OptionBits bits;      // false or true, or BITS_CHANGED: part of the recipe's hash
    bool required;        // must be given somewhere
    double low, high;     // numbers: both 0 means any
    const char *choices;  // "a|b|c"
    const char *value;    // what --help calls the value: "N", "FILE"; NULL: by type
    const char *help;     // one sentence; names the source of the default where it has one
} Option;

// A section's options, ended by one whose name is NULL.
typedef struct {
    const char *section;
    const Option *option;
} OptionTable;

typedef struct {
    const char *name;                  // "ppo"
    const char *usage;                 // "rlcd ppo --model M --preference RUN --prompts F --out RUN"
    const char *summary;               // one sentence
    const OptionTable *const *tables;  // NULL-ended: the options that this verb takes
    const OptionTable *const *others;  // NULL-ended (or NULL): keys that config files may hold for other verbs, checked and passed over
    int least, most;                   // positional arguments; most -1: any number
    bool recipe;                       // the first positional is a recipe file, the others are key=value overrides
    // Finds a recipe by name (NULL: the argument is the path). Returns a path in the arena.
    const char *(*find_recipe)(Arena *arena, const char *name);
} Verb;

typedef struct {
    const Option *option;
    const char *section;
    const char *key;    // full key
    bool given;         // by the command line, a file or an override
    bool asked;         // by one of these that is not the recipe
    bool present;       // has a value at all
    bool flag;
    int64_t integer;    // INT; SIZE in bytes
    double number;      // DOUBLE; DURATION in seconds
    const char *text;   // STRING, CHOICE, PATH
    int count;          // LIST
    const char **item;
} ArgValue;

typedef struct {
    const Verb *verb;
    bool help;           // --help was asked: nothing else is checked
    int positionals;
    const char **positional;
    int count;
    ArgValue *value;     // all options of the verb's tables, in table order
} Args;

// Parses what follows the verb on the command line, and the config files and recipe that it names. The options "config" (LIST or
// PATH) and "preset" (CHOICE) have their meaning when a table of section "" has them. ERR_USAGE with one sentence (the nearest
// name for an unknown one); a config file that is missing or malformed is ERR_USAGE too. All results live in the arena.
Status args_parse(Args *out, Arena *arena, const Verb *verb, int argc, const char *const *argv, Error *error);

// Values by full key. REQUIRE: the key is in the verb's tables, has this type and is present (see args_has).
bool args_flag(const Args *args, const char *key);
int64_t args_int(const Args *args, const char *key);
size_t args_size(const Args *args, const char *key);
double args_double(const Args *args, const char *key);
double args_seconds(const Args *args, const char *key);
// STRING, CHOICE or PATH; NULL when absent.
const char *args_text(const Args *args, const char *key);
// LIST: the number of items (0 when absent).
int args_list(const Args *args, const char *key, const char *const **items);
// Whether it has a value, and whether the user gave it.
bool args_has(const Args *args, const char *key);
bool args_given(const Args *args, const char *key);
// Whether the user gave it beside the recipe: on the command line, as an override or in a config file.
bool args_asked(const Args *args, const char *key);
// The index of a CHOICE among its choices: 0 for "a" of "a|b|c".
int args_choice(const Args *args, const char *key);

// Sets a value from text, as an override would: what a stage of `run` passes on. ERR_USAGE.
Status args_set(Args *args, Arena *arena, const char *key, Text value, Error *error);

// The resolved values in table order: a JSON object for run.json, and YAML that args_parse reads back as the same values.
// Numbers in shortest form, sizes in bytes, times in seconds. `bits_only` leaves out what never changes bits.
void args_write_json(Str *s, const Args *args, bool bits_only);
void args_write_yaml(Str *s, const Args *args, bool bits_only);

// SHA-256 over the present options that can change bits (OptionBits), as "key: value" lines sorted by key: the recipe's hash
// (numerics.md, F3).
void args_recipe_hash(char hex[65], Arena *scratch, const Args *args);

// The text of `rlcd VERB --help`, at most 100 columns wide.
void args_help(Str *s, const Verb *verb);

#endif
