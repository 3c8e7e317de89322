// Any bytes as rows of a corpus, as plain text and as what a tokenizer is trained on: a verdict, never a signal; what is trained is
// a tokenizer that gives the text back.
#include <stdio.h>
#include <unistd.h>

#include "llama/tokenizer_bpe.h"
#include "tools/bpe_train.h"
#include "tools/corpus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Status take(void *context, Text text, const PretrainWeight *weight, int weights, Error *error) {
    (void)error;
    REQUIRE(text.size > 0 && utf8_valid(text, NULL), "fuzz_corpus: a document of %zu bytes", text.size);
    for (int i = 0; i < weights; i++)
        REQUIRE(weight[i].start < weight[i].end && weight[i].end <= text.size && weight[i].weight >= 0, "fuzz_corpus: weight %d", i);
    bpe_train_add(context, text);
    return OK;
}

// A tokenizer of what was read, of at most 40 merges.
static void try_tokenizer(BpeTrainer *trainer, Arena *arena, Text text, Error *error) {
    Str json = str_make(arena), back = str_make(arena);
    Text end = TEXT("<|the end of fuzz|>");
    Tokenizer *tokenizer;
    int32_t *ids;
    int count;
    bpe_train_merge(trainer, 256 + 40);
    bpe_train_write(&json, trainer, &end, 1);
    REQUIRE(tokenizer_from_json_text(&tokenizer, arena, str_text(&json), "fuzz", error) == OK, "fuzz_corpus: %s", error->text);
    if (tokenizer_encode(tokenizer, arena, text, &ids, &count, error) != OK) return;
    str_append(&back, TEXT(""));
    tokenizer_decode(tokenizer, ids, count, false, &back);
    REQUIRE(text_equal(str_text(&back), text), "fuzz_corpus: another text came back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const RULES[] = {"gpt-2", "smollm", "llama-bpe", "qwen2"};
    static Arena arena;
    static char path[2][64];
    Error error;
    if (arena.name == NULL) {
        arena = arena_make("fuzz", 0);
        snprintf(path[0], sizeof path[0], "/tmp/fuzz_corpus.%d.jsonl", (int)getpid());
        snprintf(path[1], sizeof path[1], "/tmp/fuzz_corpus.%d.txt", (int)getpid());
    }
    if (size == 0) return 0;
    for (int kind = 0; kind < 4; kind++) {
        arena_reset(&arena);
        const char *files[] = {path[kind > 0]};
        FILE *file = fopen(files[0], "wb");
        REQUIRE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0, "fuzz_corpus: %s", files[0]);
        Pretoken rule;
        REQUIRE(pretoken_by_name(text_of(RULES[(data[0] + kind) % 4]), &rule), "fuzz_corpus: rule");
        BpeTrainer *trainer = bpe_train_make(&arena, &rule);
        if (corpus_read(files, 1, (CorpusSplit)(kind > 0 ? kind - 1 : 0), take, trainer, &error) == OK)
            try_tokenizer(trainer, &arena, (Text){(const char *)data, size}, &error);
        unlink(files[0]);
    }
    return 0;
}
