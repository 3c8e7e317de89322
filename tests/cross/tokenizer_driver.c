// Ids of texts, for tests/cross/tokenizer_check.py: `tokenizer_driver MODEL` reads records (u32 length, bytes) on stdin and
// answers each on stdout with (i32 count, ids) and then (u32 length, bytes) of the decoded text. A text that cannot be
// encoded gives count -1 and its sentence in place of the decoded text. `tokenizer_driver MODEL --time` prints on stderr
// how long encoding took.
#include <stdio.h>
#include <string.h>

#include "llama/tokenizer.h"
#include "tensor/base/metrics.h"

int main(int argc, char **argv) {
    Error error;
    Tokenizer *tokenizer;
    Arena model = arena_make("model", 0), step = arena_make("step", 0);
    bool timed = argc == 3 && strcmp(argv[2], "--time") == 0;
    if (argc < 2) return 2;
    double begin = clock_seconds();
    if (tokenizer_open(&tokenizer, &model, argv[1], &error) != OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    if (timed) fprintf(stderr, "open %.3f s, %zu bytes\n", clock_seconds() - begin, model.used);
    double spent = 0;
    size_t bytes = 0, total = 0;
    for (uint32_t size; fread(&size, sizeof size, 1, stdin) == 1; arena_reset(&step)) {
        char *data = arena_alloc(&step, size);
        if (size && fread(data, size, 1, stdin) != 1) return 1;
        int32_t *ids = NULL;
        int count = -1;
        Str text = str_make(&step);
        begin = clock_seconds();
        Status status = tokenizer_encode(tokenizer, &step, (Text){data, size}, &ids, &count, &error);
        spent += clock_seconds() - begin;
        if (status == OK) tokenizer_decode(tokenizer, ids, count, false, &text);
        else str_append(&text, text_of(error.text));
        bytes += size;
        total += status == OK ? (size_t)count : 0;
        if (timed) continue;
        int32_t answer = status == OK ? count : -1;
        uint32_t length = (uint32_t)text.size;
        fwrite(&answer, sizeof answer, 1, stdout);
        if (answer > 0) fwrite(ids, sizeof *ids, (size_t)answer, stdout);
        fwrite(&length, sizeof length, 1, stdout);
        if (length) fwrite(text.data, 1, length, stdout);
    }
    if (timed) fprintf(stderr, "encode %zu bytes, %zu ids, %.3f s, %.2f MB/s\n", bytes, total, spent, (double)bytes / 1e6 / spent);
    arena_free(&step);
    arena_free(&model);
    return 0;
}
