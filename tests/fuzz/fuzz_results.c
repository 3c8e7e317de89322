// Any bytes as each file of a matrix folder in turn (the first byte chooses): estimates, table and page, or one sentence.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tools/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const FILES[][2] = {
    {"results.json",
     "{\"version\":1,\"seed\":1,\"task\":\"t\",\"methods\":[{\"name\":\"base\",\"kind\":\"base\",\"eval\":\"b\"},{\"name\":\"rlcd\","
     "\"kind\":\"rlcd\",\"pairs\":\"b/pairs.jsonl\",\"preference\":\"b\",\"policy\":\"r\",\"eval\":\"r\"}]}"},
    {"b/replies.jsonl",
     "{\"index\":0,\"prompt\":\"p\",\"reply\":\"a b\",\"kl\":0}\n{\"index\":1,\"prompt\":\"q\",\"reply\":\"a\",\"kl\":0}\n"},
    {"b/oracle.jsonl",
     "{\"line\":1,\"reply\":{\"score\":0.5},\"chosen\":{\"score\":1},\"rejected\":{\"score\":0}}\n"
     "{\"line\":2,\"reply\":{\"score\":0.5,\"sentences\":2,\"well_formed\":1,\"levels\":[2,null]},"
     "\"chosen\":{\"score\":0},\"rejected\":{\"score\":1}}\n"},
    {"b/pairs.jsonl", "{\"chosen\":\"a\",\"rejected\":\"b\",\"label\":0.9}\n{\"chosen\":\"a\",\"rejected\":\"b\"}\n"},
    {"b/run.json", "{\"preference\":{\"right\":1,\"of\":2},\"pairs\":{\"right\":1,\"of\":2}}"},
    {"r/replies.jsonl", "{\"index\":0,\"prompt\":\"p\",\"reply\":\"a b\",\"score\":1}\n{\"index\":1,\"prompt\":\"q\",\"reply\":\"a\"}\n"},
    {"r/metrics.jsonl", "{\"step\":0,\"phase\":\"ppo\",\"objective/scores\":1,\"objective/kl\":null}\n"},
    {"r/samples.jsonl", "{\"step\":0,\"reply\":\"a\"}\n{\"step\":1,\"reply\":\"a\"}\n"},
    {"r/oracle.jsonl", "{\"line\":1,\"reply\":{\"score\":0.5}}\n{\"line\":2,\"reply\":{\"score\":0.25}}\n"},
    {"predict.jsonl", "{\"task\":\"t\",\"delta\":0.5,\"method\":\"rlcd\",\"optimum\":[{\"beta\":0.5,\"score\":0.75}]}\n"},
    {"retrain/points.jsonl", "{\"task\":\"t\",\"delta\":0.5,\"method\":\"rlcd\",\"oracle\":0.5,\"low\":0.4,\"high\":0.6}\n"},
};
enum { FILE_COUNT = sizeof FILES / sizeof *FILES };

static void put(const char *dir, const char *name, const void *data, size_t size) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0, "fuzz_results: %s", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Arena arena;
    static char dir[64];
    Error error;
    ResultsList list;
    if (arena.name == NULL) {
        arena = arena_make("fuzz", 0);
        snprintf(dir, sizeof dir, "/tmp/fuzz_results.%d", (int)getpid());
        char below[80];
        static const char *const FOLDERS[] = {"", "/b", "/r", "/retrain"};
        for (int i = 0; i < 4; i++) {
            snprintf(below, sizeof below, "%s%s", dir, FOLDERS[i]);
            REQUIRE(directory_make(below, &error) == OK, "%s", error.text);
        }
        for (int i = 0; i < FILE_COUNT; i++) put(dir, FILES[i][0], FILES[i][1], strlen(FILES[i][1]));
    }
    if (size == 0) return 0;
    // One file is what the fuzzer says; afterwards it is sound again.
    int chosen = data[0] % FILE_COUNT;
    arena_reset(&arena);
    put(dir, FILES[chosen][0], data + 1, size - 1);
    const char *dirs[] = {dir};
    SweepList sweeps;
    if (results_read(&list, &arena, dirs, 1, 4, &error) == OK && sweep_read(&sweeps, &arena, dir, &error) == OK) {
        Str s = str_make(&arena);
        results_table(&s, &list, 100);
        report_page(&s, &list, &(ReportConfig){.path = "report.html", .prompts = 2, .sweeps = &sweeps}, &arena);
        REQUIRE(utf8_valid(str_text(&s), NULL), "fuzz_results: table or page are not UTF-8");
    } else {
        REQUIRE(error.text[0] != '\0', "fuzz_results: no sentence");
    }
    put(dir, FILES[chosen][0], FILES[chosen][1], strlen(FILES[chosen][1]));
    return 0;
}
