// Any bytes as a file of prompts and pairs that is checked against itself: a verdict, and sums that agree, never a signal.
#include <stdio.h>
#include <unistd.h>

#include "tools/data_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Arena arena;
    static char path[64];
    Error error;
    if (arena.name == NULL) {
        arena = arena_make("fuzz", 0);
        snprintf(path, sizeof path, "/tmp/fuzz_data_check.%d.jsonl", (int)getpid());
    }
    arena_reset(&arena);
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0, "fuzz_data_check: %s", path);
    DataCheckConfig config = {.parts = 2, .task = task_plain(), .ngram = 3, .shown = 2, .least = 0.3};
    config.part[0] = (DataPart){.path = path, .limit = -1};
    config.part[1] = (DataPart){.path = path, .held_out = true, .limit = -1};
    DataCheckCounts counts;
    Str table = str_make(&arena), findings = str_make(&arena);
    if (data_check(&counts, &table, &findings, &config, &arena, &error) == OK) {
        // What has a prompt has it in the other part as well.
        REQUIRE(counts.rows > 0 && counts.rows % 2 == 0, "fuzz_data_check: %lld rows", (long long)counts.rows);
        REQUIRE(counts.leaks <= counts.rows / 2 && counts.findings >= counts.leaks, "fuzz_data_check: %lld leaks", (long long)counts.leaks);
        REQUIRE(utf8_valid(str_text(&table), NULL) && utf8_valid(str_text(&findings), NULL), "fuzz_data_check: bytes that are no text");
    }
    unlink(path);
    return 0;
}
