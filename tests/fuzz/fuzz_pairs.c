// Any bytes as a dialogue, a raw sample and a file of pairs and prompts: a verdict, never a signal.
#include <stdio.h>
#include <unistd.h>

#include "rlcd/clean.h"
#include "rlcd/contrast.h"
#include "rlcd/pairs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t cost_bytes(void *context, const Dialogue *prompt) {
    (void)context;
    return prompt->text.size;
}

// A dialogue that parses is cut and keeps its form.
static void try_dialogue(Arena *arena, Text text, Error *error) {
    Dialogue dialogue, prompt, cut, again;
    int dropped;
    if (dialogue_parse(&dialogue, arena, task_plain(), text, "fuzz", error) != OK) return;
    if (dialogue_prompt(&prompt, NULL, &dialogue, "fuzz", error) != OK) return;
    dialogue_cut(&cut, &dropped, arena, &prompt, prompt.text.size / 2, cost_bytes, NULL);
    REQUIRE(dialogue_parse_prompt(&again, arena, task_plain(), cut.text, "fuzz", error) == OK, "fuzz_pairs: %s", error->text);
    REQUIRE(again.turns == cut.turns, "fuzz_pairs: %d turns, %d", again.turns, cut.turns);
}

static void try_clean(Text text) {
    for (int kind = 0; kind < 6; kind++) {
        CleanSample sample = {text, kind & 1};
        CleanOptions options = {.rule = kind >= 4 ? CLEAN_PAPER : CLEAN_SOUND, .cut_unfinished = kind >= 2};
        size_t begin, end;
        if (clean_sample(&begin, &end, &sample, task_plain(), -1, options) != CLEAN_KEPT) continue;
        REQUIRE(begin < end && end <= text.size, "fuzz_pairs: [%zu, %zu) of %zu", begin, end, text.size);
        REQUIRE(utf8_valid((Text){text.data + begin, end - begin}, NULL), "fuzz_pairs: kept bytes that are not UTF-8");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Arena arena;
    static char path[64];
    Error error;
    if (arena.name == NULL) {
        arena = arena_make("fuzz", 0);
        snprintf(path, sizeof path, "/tmp/fuzz_pairs.%d.jsonl", (int)getpid());
    }
    arena_reset(&arena);
    Text text = {(const char *)data, size};
    try_dialogue(&arena, text, &error);
    try_clean(text);
    PairList pairs;
    PromptList prompts;
    const char *paths[] = {path};
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0, "fuzz_pairs: %s", path);
    if (pairs_read(&pairs, &arena, paths, 1, task_plain(), true, &error) == OK) {
        Str line = str_make(&arena);
        for (int i = 0; i < pairs.count; i++) pair_write(&line, &pairs.pair[i]);
        REQUIRE(pairs.count > 0 && utf8_valid(str_text(&line), NULL), "fuzz_pairs: %d pairs", pairs.count);
    }
    if (prompts_read(&prompts, &arena, path, task_plain(), 0, -1, &error) == OK) REQUIRE(prompts.count > 0, "fuzz_pairs: no prompts");
    unlink(path);
    return 0;
}
