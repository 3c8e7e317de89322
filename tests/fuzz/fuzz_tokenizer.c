// Tokenizers from hostile files, and any bytes as text. The first byte of the input chooses: 0..3 a small tokenizer to
// encode the rest, 4 the rest is a tokenizer.json, 5 a GGUF; what loads must encode. Run from the root of the repository:
// build/fuzz/fuzz_tokenizer CORPUS tests/golden
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "llama/tokenizer_bpe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Arena model, step;
static Tokenizer *small[4];
static char path[64];
static int fd;

// Four small tokenizers, and one file without a name to hold GGUFs.
static void begin(void) {
    static const char *const NAMES[] = {"gpt2", "smollm", "llama3", "qwen2"};
    Error error;
    char temporary[] = "/tmp/rlcd-fuzz-XXXXXX";
    model = arena_make("model", 0);
    step = arena_make("step", 0);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "tests/golden/tokenizer_%s.json", NAMES[i]);
        REQUIRE(tokenizer_open(&small[i], &model, path, &error) == OK, "%s", error.text);
    }
    fd = mkstemp(temporary);
    REQUIRE(fd >= 0, "no temporary file");
    unlink(temporary);
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
}

// Encodes, checks every id and, where no token takes white space, that the text comes back.
static void encode(const Tokenizer *tokenizer, Text text, bool exact) {
    Error error;
    int32_t *ids;
    int count;
    Status status = tokenizer_encode(tokenizer, &step, text, &ids, &count, &error);
    if (status != OK) {
        REQUIRE(status == ERR_DATA && error.text[0], "refused with status %d", (int)status);
        return;
    }
    Str back = str_make(&step);
    tokenizer_decode(tokenizer, ids, count, false, &back);
    if (exact) REQUIRE(text_equal(str_text(&back), text), "%zu bytes came back as %zu", text.size, back.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (small[0] == NULL) begin();
    if (size == 0) return 0;
    int mode = data[0] == '{' ? 4 : data[0] % 6;
    Text rest = {(const char *)data + (data[0] != '{'), size - (data[0] != '{')};
    Error error;
    Tokenizer *tokenizer = NULL;
    Status status = OK;
    if (mode < 4) {
        encode(small[mode], rest, mode > 0);
    } else if (mode == 4) {
        status = tokenizer_from_json_text(&tokenizer, &step, rest, "fuzz", &error);
    } else {
        REQUIRE(ftruncate(fd, 0) == 0 && pwrite(fd, rest.data, rest.size, 0) == (ssize_t)rest.size, "cannot write");
        status = tokenizer_open(&tokenizer, &step, path, &error);
    }
    REQUIRE(status == OK || error.text[0], "refused without a sentence");
    if (status == OK && tokenizer) encode(tokenizer, TEXT("Hello world, it's  12 <|im_end|>\n\n\u65e5\u672c"), false);
    arena_reset(&step);
    return 0;
}
