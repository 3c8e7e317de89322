// Any bytes as a config file and as command-line arguments (one a line): a verdict, never a signal; what is accepted is written as
// YAML that is accepted again and means the same. Each argument is tried as a method's name too.
#include <string.h>

#include "tensor/base/yaml.h"
#include "tools/args.h"
#include "tools/matrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Option OPTIONS[] = {
    {.name = "seed", .type = OPTION_INT, .initial = "0", .bits = true, .low = 0, .high = 4294967295.0, .help = "a"},
    {.name = "lr", .type = OPTION_DOUBLE, .initial = "1e-5", .bits = true, .high = 10, .help = "b"},
    {.name = "memory", .type = OPTION_SIZE, .help = "c"},
    {.name = "time", .type = OPTION_DURATION, .help = "d"},
    {.name = "quiet", .type = OPTION_FLAG, .initial = "no", .help = "e"},
    {.name = "kl", .type = OPTION_CHOICE, .initial = "a", .bits = true, .choices = "a|b", .help = "f"},
    {.name = "stop", .type = OPTION_LIST, .bits = true, .help = "g"},
    {.name = "text", .type = OPTION_STRING, .bits = true, .help = "h"},
    {.name = "out", .type = OPTION_PATH, .help = "i"},
    {0},
};
static const OptionTable TABLE = {"x", OPTIONS};
static const OptionTable *const TABLES[] = {&TABLE, NULL};
static const Verb VERB = {.name = "x", .usage = "rlcd x", .summary = "Fuzz.", .tables = TABLES, .most = -1};

// Each value of the first run is set from its YAML in a second one; both write the same.
static void try_arguments(Arena *arena, const char *const *argv, int argc) {
    Args args, again;
    Error error;
    Yaml yaml;
    if (args_parse(&args, arena, &VERB, argc, argv, &error) != OK || args.help) return;
    Str first = str_make(arena), second = str_make(arena);
    args_write_yaml(&first, &args, false);
    REQUIRE(yaml_parse(&yaml, arena, str_text(&first), "written", &error) == OK, "fuzz_args: %s in\n%s", error.text, first.data);
    REQUIRE(args_parse(&again, arena, &VERB, 0, NULL, &error) == OK, "fuzz_args: %s", error.text);
    for (int i = 0; i < yaml.count; i++) {
        const YamlEntry *e = &yaml.entry[i];
        Str value = str_make(arena);
        str_append(&value, e->is_list ? TEXT("[") : TEXT(""));
        for (int k = 0; k < e->count; k++) {
            if (k > 0) str_append(&value, TEXT(", "));
            if (e->is_list) yaml_write_text(&value, e->item[k]);
            else str_append(&value, e->item[k]);
        }
        if (e->is_list) str_append_char(&value, ']');
        REQUIRE(args_set(&again, arena, e->key.data, str_text(&value), &error) == OK, "fuzz_args: %s", error.text);
    }
    args_write_yaml(&second, &again, false);
    REQUIRE(strcmp(first.data, second.data) == 0, "fuzz_args:\n%s\n%s", first.data, second.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Arena arena;
    enum { ARGUMENTS = 64 };
    if (arena.name == NULL) arena = arena_make("fuzz", 0);
    arena_reset(&arena);
    Yaml yaml;
    Error error;
    Text text = {(const char *)data, size};
    yaml_parse(&yaml, &arena, text, "fuzz", &error);
    // Lines are arguments; NUL ends one early, as it would in a real command line.
    const char *argv[ARGUMENTS];
    int argc = 0;
    while (text.size > 0 && argc < ARGUMENTS) {
        ptrdiff_t end = text_find(text, TEXT("\n"));
        size_t n = end < 0 ? text.size : (size_t)end, used = end < 0 ? n : n + 1;
        argv[argc++] = text_copy(&arena, (Text){text.data, n}).data;
        text = (Text){text.data + used, text.size - used};
    }
    try_arguments(&arena, argv, argc);
    // A method's name that is accepted can be a folder's: no path, and its voice is its end.
    for (int i = 0; i < argc; i++) {
        Method method;
        if (matrix_method(&method, argv[i], &error) != OK) continue;
        REQUIRE(argv[i][0] != 0 && strpbrk(argv[i], "/. ") == NULL, "fuzz_args: method '%s'", argv[i]);
        REQUIRE(method.voice == NULL || (method.voice[0] != 0 && text_ends(text_of(argv[i]), text_of(method.voice))), "fuzz_args: '%s'",
                argv[i]);
    }
    return 0;
}
