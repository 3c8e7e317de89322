// Any bytes as a task file, and as one value of a config: a verdict, never a signal; what is accepted keeps its promises.
#include "rlcd/task.h"
#include "tensor/base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Arena arena;
    if (arena.name == NULL) arena = arena_make("fuzz", 0);
    arena_reset(&arena);
    Text text = {(const char *)data, size};
    Task task;
    YamlEntry entry;
    Error error;
    if (task_parse(&task, &arena, text, "fuzz", &error) == OK) {
        REQUIRE(task.affixes > 0 && task.stops > 0, "fuzz_task: %d affixes, %d stops", task.affixes, task.stops);
        REQUIRE(task.assistant_stem.size > 0, "fuzz_task: empty stem");
        // A judge's template that was accepted can be filled in, and shows both replies.
        if (task.judge.size > 0) {
            JudgeParts parts = {TEXT("d"), TEXT("i"), TEXT("v"), TEXT("\001"), TEXT("\002")};
            Text filled = task_judge(&arena, &task, &parts);
            REQUIRE(text_find(filled, TEXT("\001")) >= 0 && text_find(filled, TEXT("\002")) >= 0, "fuzz_task: '%s'", filled.data);
        }
    }
    // A text that was read is written so that it reads back the same.
    if (yaml_parse_value(&entry, &arena, text, "fuzz", &error) == OK && !entry.is_list) {
        YamlEntry again;
        Str s = str_make(&arena);
        yaml_write_text(&s, entry.item[0]);
        REQUIRE(yaml_parse_value(&again, &arena, str_text(&s), "fuzz", &error) == OK, "fuzz_task: %s", error.text);
        REQUIRE(text_equal(again.item[0], entry.item[0]), "fuzz_task: '%s'", s.data);
    }
    return 0;
}
