// Any bytes as a GGUF or a llama2.c model that is to be written anew: what is accepted becomes a folder and a GGUF again without a
// fault, and the GGUF opens.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/pool.h"
#include "tensor/kernels/kernels.h"
#include "tools/convert_bin.h"
#include "tools/convert_folder.h"
#include "tools/convert_gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz_convert_XXXXXX";

static void clean(void) { directory_remove(dir, NULL); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool begun;
    Arena arena = arena_make("fuzz", 0);
    Error error;
    if (!begun) {
        REQUIRE(mkdtemp(dir) != NULL, "a folder for the files");
        atexit(clean);
        REQUIRE(kernels_choose("scalar", &error) == OK && pool_start(1, &error) == OK, "%s", error.text);
        begun = true;
    }
    const char *in = path_join(&arena, dir, "in.gguf"), *out = path_join(&arena, dir, "out.gguf");
    REQUIRE(file_write(in, data, size, &error) == OK, "%s", error.text);
    ConvertSource source, again;
    bool is_gguf = size >= 4 && memcmp(data, "GGUF", 4) == 0;
    Status status = is_gguf ? convert_open(&source, &arena, in, &error) : convert_bin_open(&source, &arena, in, &error);
    if (status == OK) {
        ConvertOptions options = {.shard_bytes = 4096};
        uint64_t bytes;
        int files;
        if (convert_to_gguf(out, &source, &options, &bytes, &arena, &error) == OK) {
            REQUIRE(convert_open(&again, &arena, out, &error) == OK, "%s", error.text);
            convert_close(&again);
        }
        convert_to_folder(path_join(&arena, dir, "hf"), &source, &options, &bytes, &files, &arena, &error);
        convert_close(&source);
    }
    arena_free(&arena);
    return 0;
}
