// Embedding: y[n] = W[ids[n]];  dW[ids[n]] += dy[n], tokens ascending, so that rows used twice have one order (numerics.md, G1).
#include "nn/embedding.h"

#include "tensor/base/status.h"
#include "tensor/kernels/kernels.h"

void embedding_forward(float *y, const int32_t *ids, const void *w, DType type, int N, int V, int D) {
    size_t stride = dtype_bytes(type, (size_t)D);
    for (int n = 0; n < N; n++) {
        REQUIRE(ids[n] >= 0 && ids[n] < V, "embedding: token %d has id %d, the vocabulary ends at %d", n, ids[n], V);
        kernels.expand(y + (size_t)n * (size_t)D, (const char *)w + (size_t)ids[n] * stride, type, 0, (size_t)D);
    }
}

void embedding_backward(float *dw, const float *dy, const int32_t *ids, int N, int D) {
    for (int n = 0; n < N; n++) {
        float *row = dw + (size_t)ids[n] * (size_t)D;
        kernels.add(row, row, dy + (size_t)n * (size_t)D, (size_t)D);
    }
}

typedef struct {
    Tensor *y, *w;
    const int32_t *ids;
    const TiedHead *tied;
} EmbeddingContext;

static void backward(void *context) {
    const EmbeddingContext *c = context;
    const TiedHead *tied = c->tied;
    if (tied == NULL || tied->dz == NULL) {
        embedding_backward(c->w->grad, c->y->grad, c->ids, c->y->dim[0], c->y->dim[1]);
        return;
    }
    // Sequence by sequence: the head's rows, then the embedding's.
    size_t D = (size_t)c->y->dim[1], V = (size_t)c->w->dim[0];
    for (int b = 0; b < tied->B; b++) {
        size_t head = (size_t)tied->head_rows[b], token = (size_t)tied->token_rows[b];
        gemm_tn(GEMM_PROCEED, tied->precision, c->w->grad, D, tied->dz + head * V, V, tied->x + head * D, D, (int)V, (int)D,
                tied->head_rows[b + 1] - (int)head);
        embedding_backward(c->w->grad, c->y->grad + token * D, c->ids + token, tied->token_rows[b + 1] - (int)token, (int)D);
    }
}

Tensor *embedding(Tape *tape, Arena *arena, Tensor *w, const int32_t *ids, int N, const TiedHead *tied) {
    REQUIRE(w->rank == 2, "embedding: W has rank %d", w->rank);
    REQUIRE(w->grad == NULL || w->type == DTYPE_F32, "embedding: a trained table must be f32, found %s", dtype_info(w->type)->name);
    int V = w->dim[0], D = w->dim[1];
    Tensor *y = tensor_new_2d(arena, tape_wants(tape, w, NULL), N, D);
    embedding_forward(tensor_f32(y), ids, w->data, w->type, N, V, D);
    if (y->grad) {
        EmbeddingContext *c = arena_alloc(tape->arena, sizeof *c);
        *c = (EmbeddingContext){y, w, ids, tied};
        tape_record(tape, backward, c);
    }
    return y;
}
