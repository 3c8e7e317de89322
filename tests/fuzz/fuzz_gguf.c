// Any bytes as a GGUF, its config, and every typed value that a reader would ask for. Accepted files keep to their bounds.
#include "llama/config.h"
#include "tensor/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena = arena_make("fuzz", 0);
    Error error;
    Gguf g;
    if (gguf_check(&g, &arena, (FileMap){"fuzz.gguf", data, size}, &error) == OK) {
        volatile uint8_t sink = 0;
        for (size_t i = 0; i < g.n_tensors; i++) sink ^= g.tensors[i].data[0] ^ g.tensors[i].data[g.tensors[i].bytes - 1];
        // Each key through each typed reader.
        for (size_t i = 0; i < g.n_values; i++) {
            const char *key = text_copy(&arena, g.values[i].key).data;
            int64_t n;
            double x;
            Text text, *texts;
            bool yes;
            int32_t *numbers;
            size_t count;
            gguf_need_int(&g, key, -100, 1000, &n, &error);
            gguf_need_float(&g, key, &x, &error);
            gguf_string_or(&g, key, TEXT(""), &text, &error);
            gguf_bool_or(&g, key, false, &yes, &error);
            gguf_need_strings(&g, &arena, key, &texts, &count, &error);
            gguf_ints_or_null(&g, &arena, key, &numbers, &count, &error);
        }
        LlamaConfig config;
        if (config_from_gguf(&config, &g, &error) == OK) REQUIRE(config_count_weights(&config) > 0, "an accepted config has weights");
    }
    arena_free(&arena);
    return 0;
}
