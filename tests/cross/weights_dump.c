// Prints every weight of a model by name: rank, shape and the SHA-256 of its fp32 expansion. Driven by weights_check.py.
#include <stdio.h>

#include "llama/weights.h"
#include "tensor/base/sha256.h"
#include "tensor/kernels/kernels.h"

static void print_tensor(Arena *arena, const Tensor *t) {
    ArenaMark mark = arena_mark(arena);
    Sha256 hash;
    uint8_t digest[32];
    char hex[65];
    int columns = tensor_columns(t), rows = tensor_rows(t);
    float *row = arena_alloc(arena, (size_t)columns * sizeof *row);
    sha256_begin(&hash);
    for (int r = 0; r < rows; r++) {
        dtype_expand(row, (const char *)t->data + (size_t)r * dtype_bytes(t->type, (size_t)columns), t->type, 0, (size_t)columns);
        sha256_feed(&hash, row, (size_t)columns * sizeof *row);
    }
    sha256_end(&hash, digest);
    sha256_hex(digest, hex);
    printf("%s %d %d %s\n", t->name, t->rank == 1 ? 0 : rows, columns, hex);
    arena_release(arena, mark);
}

int main(int argc, char **argv) {
    Arena arena = arena_make("weights_dump", 0);
    LlamaWeights w;
    LlamaConfig c;
    LlamaSource source;
    Error error;
    if (kernels_choose("native", &error) != OK || argc != 2 || weights_open(&w, &c, &source, &arena, argv[1], &error) != OK ||
        weights_hash(&source, &error) != OK) {
        fprintf(stderr, "%s\n", argc == 2 ? error.text : "usage: weights_dump MODEL");
        return 1;
    }
    printf("# V %d D %d L %d H %d K %d S %d F %d context %d eps %.9g theta %.9g tied %d bos %d eos %d weights %zu\n", c.V, c.D, c.L, c.H,
           c.K, c.S, c.F, c.context, (double)c.norm_eps, (double)c.rope.theta, c.tied, c.bos, c.eos, config_count_weights(&c));
    printf("# source %s\n", source.sha256);
    print_tensor(&arena, w.embedding);
    for (int l = 0; l < c.L; l++) {
        print_tensor(&arena, w.layer[l].attention_norm);
        for (int p = 0; p < PROJ_COUNT; p++) print_tensor(&arena, w.layer[l].proj[p]);
        print_tensor(&arena, w.layer[l].ffn_norm);
    }
    print_tensor(&arena, w.norm);
    if (w.head != w.embedding) print_tensor(&arena, w.head);
    weights_close(&source);
    arena_free(&arena);
    return 0;
}
