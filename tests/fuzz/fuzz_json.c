// Any bytes: parsing ends with a verdict; what is accepted is written, read again and written the same; every text that
// number_parse accepts gives strtod's value, and that value prints as a text that reads back.
#include <stdlib.h>
#include <string.h>

#include "tensor/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(Arena *arena, Text text) {
    const Json *value, *again;
    Error error;
    if (json_parse(&value, arena, text, "fuzz", &error) != OK) {
        REQUIRE(error.status == ERR_FORMAT && strncmp(error.text, "fuzz: JSON, line ", 17) == 0, "%s", error.text);
        return;
    }
    Str once = str_make(arena), twice = str_make(arena);
    json_write(&once, value);
    REQUIRE(json_parse(&again, arena, str_text(&once), "fuzz", &error) == OK, "%s", error.text);
    json_write(&twice, again);
    REQUIRE(text_equal(str_text(&once), str_text(&twice)), "%s and %s", once.data, twice.data);
}

static void check_number(Arena *arena, Text text) {
    double number, printed;
    char out[32];
    if (!number_parse(text, &number)) return;
    double judge = strtod(arena_copy(arena, text.data, text.size), NULL);
    REQUIRE(memcmp(&number, &judge, sizeof number) == 0, "%a, expected %a", number, judge);
    number_print(number, out);
    REQUIRE(number_parse(text_of(out), &printed) && memcmp(&number, &printed, sizeof number) == 0, "%a prints as %s", number, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Arena arena = {.name = NULL};
    if (arena.name == NULL) arena = arena_make("fuzz", 0);
    ArenaMark mark = arena_mark(&arena);
    Text text = {(const char *)data, size};
    check_json(&arena, text);
    check_number(&arena, text);
    arena_release(&arena, mark);
    return 0;
}
