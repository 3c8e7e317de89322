// Any bytes as a config.json. An accepted config passes its own check and has a number of weights.
#include "llama/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena = arena_make("fuzz", 0);
    Error error;
    const Json *json;
    LlamaConfig config;
    if (json_parse(&json, &arena, (Text){(const char *)data, size}, "fuzz.json", &error) == OK &&
        config_from_json(&config, json, "fuzz.json", &error) == OK) {
        REQUIRE(config_check(&config, "fuzz.json", &error) == OK, "%s", error.text);
        REQUIRE(config_count_weights(&config) > 0, "an accepted config has weights");
        config_add_eos(&config, json, "fuzz.json", &error);
    }
    arena_free(&arena);
    return 0;
}
