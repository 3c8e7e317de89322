// Any bytes as a safetensors file. Accepted files keep every tensor inside.
#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena = arena_make("fuzz", 0);
    Error error;
    SafeTensors file;
    if (safetensors_check(&file, &arena, (FileMap){"fuzz.safetensors", data, size}, &error) == OK) {
        size_t total = 0;
        for (size_t i = 0; i < file.n_tensors; i++) {
            const SafeTensor *t = &file.tensors[i];
            REQUIRE(t->data >= data && t->bytes <= (size_t)(data + size - t->data), "tensor %zu lies outside", i);
            total += t->bytes;
        }
        REQUIRE(total <= size, "the tensors hold %zu of %zu bytes", total, size);
    }
    arena_free(&arena);
    return 0;
}
