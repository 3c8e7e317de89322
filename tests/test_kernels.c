// Kernel twins against scalar, bit for bit; scalar against the formulas of kernels.h written again in another shape.
#include <math.h>
#include <string.h>

#include "tensor/base/cpu.h"
#include "tensor/base/rng.h"
#include "tensor/kernels/kernels.h"
#include "tests/avx512_emulated.h"
#include "tests/support.h"

enum { INPUTS = 3, OUTPUTS = 3, ROOM = 16 };

// Inputs of one comparison, and the outputs in whose first n + ROOM elements a twin may leave a trace.
typedef struct {
    float *in[INPUTS], *out[OUTPUTS];
    float a, b, c;
    size_t n;
} Case;

// Runs one entry of the table; every result goes to out.
typedef void (*Run)(const Kernels *k, Case *t);

// ---- values

// Plain values, special ones, or mostly plain ones: what `kind` 0, 1 and 2 mean.
static float value_at(uint32_t stream, uint32_t index, int kind) {
    static const float special[] = {0.0f,    -0.0f,    1.0f,     -1.0f,    0x1p-149f, -0x1p-149f, 0x1.8p-130f, -0x1.fp-127f, 0x1p-126f,
                                    INFINITY, -INFINITY, NAN,     0x1.fffffep127f, -0x1.fffffep127f, 88.72283f, 88.72284f, -87.33654f,
                                    -87.33655f, 0x1p60f, -0x1p-60f, 0.625f, -0.6249999f, 1e-20f, 3e38f};
    static RngKey key;
    if (key.word[0] == 0) key = rng_key(5, "test.kernels");
    uint32_t bits = rng_bits(key, (RngDraw){.step = stream, .position = index});
    uint32_t more = rng_bits(key, (RngDraw){.step = stream, .position = index, .attempt = 1});
    bool pick = kind == 1 ? bits % 2 == 0 : kind == 2 && bits % 37 == 0;
    if (pick) return special[more % (sizeof special / sizeof *special)];
    float unit = (float)(int32_t)more * 0x1p-31f;
    // Magnitudes from 2^-12 to 2^5, and rarely any bits at all.
    if (kind == 1 && bits % 8 == 1) {
        float any;
        memcpy(&any, &more, sizeof any);
        return any;
    }
    return unit * (float)(1u << (bits >> 8) % 18) * 0x1p-12f;
}

// Arrays for n elements with room behind them, shifted by 0 to 3 elements.
static Case case_make(Arena *arena, size_t n) {
    Case t = {.n = n};
    for (size_t i = 0; i < INPUTS; i++) t.in[i] = (float *)arena_alloc(arena, (n + ROOM) * sizeof(float)) + (n + i) % 4;
    for (size_t i = 0; i < OUTPUTS; i++) t.out[i] = (float *)arena_alloc(arena, (n + ROOM) * sizeof(float)) + (n + i + 1) % 4;
    return t;
}

// ---- one runner per entry; the outputs hold plain values before, since some entries add to them

static void run_add(const Kernels *k, Case *t) { k->add(t->out[0], t->in[0], t->in[1], t->n); }
static void run_sub(const Kernels *k, Case *t) { k->sub(t->out[0], t->in[0], t->in[1], t->n); }
static void run_mul(const Kernels *k, Case *t) { k->mul(t->out[0], t->in[0], t->in[1], t->n); }
static void run_scale(const Kernels *k, Case *t) { k->scale(t->out[0], t->in[0], t->a, t->n); }
static void run_divide(const Kernels *k, Case *t) { k->divide(t->out[0], t->in[0], t->a, t->n); }
static void run_axpy(const Kernels *k, Case *t) { k->axpy(t->out[0], t->a, t->in[0], t->n); }
static void run_add_scaled(const Kernels *k, Case *t) { k->add_scaled(t->out[0], t->in[0], t->a, t->n); }
static void run_add_product(const Kernels *k, Case *t) { k->add_product(t->out[0], t->in[0], t->in[1], t->n); }
static void run_add_in_place(const Kernels *k, Case *t) { k->add(t->out[0], t->out[0], t->in[1], t->n); }
static void run_exp(const Kernels *k, Case *t) { k->exp(t->out[0], t->in[0], t->n); }
static void run_sum(const Kernels *k, Case *t) { t->out[0][0] = k->sum(t->in[0], t->n); }
static void run_dot_lanes(const Kernels *k, Case *t) { t->out[0][0] = k->dot_lanes(t->in[0], t->in[1], t->n); }
static void run_max(const Kernels *k, Case *t) { t->out[0][0] = k->max(t->in[0], t->n); }
static void run_exp_sum(const Kernels *k, Case *t) { t->out[0][0] = k->exp_sum(t->in[0], t->a, t->n); }
static void run_exp_store_sum(const Kernels *k, Case *t) {
    t->out[1][0] = k->exp_store_sum(t->out[0], t->in[0], t->a, t->n);
    t->out[1][1] = k->exp_store_sum(t->out[2], t->out[2], t->b, t->n);
}
static void run_rmsnorm_row(const Kernels *k, Case *t) { k->rmsnorm_row(t->out[0], t->in[0], t->in[1], t->a, t->n); }
static void run_rmsnorm_dot(const Kernels *k, Case *t) { t->out[0][0] = k->rmsnorm_dot(t->in[0], t->in[1], t->in[2], t->n); }
static void run_rmsnorm_dx(const Kernels *k, Case *t) {
    k->rmsnorm_dx(t->out[0], t->in[0], t->in[1], t->in[2], t->a, t->b, t->n);
}
static void run_rmsnorm_dw(const Kernels *k, Case *t) { k->rmsnorm_dw(t->out[0], t->in[0], t->in[1], t->a, t->n); }
static void run_swiglu_row(const Kernels *k, Case *t) { k->swiglu_row(t->out[0], t->in[0], t->in[1], t->n); }
static void run_swiglu_grad_row(const Kernels *k, Case *t) {
    k->swiglu_grad_row(t->out[0], t->out[1], t->in[0], t->in[1], t->in[2], t->n);
}
static void run_rope_row(const Kernels *k, Case *t) {
    k->rope_row(t->out[0], t->in[0], t->in[1], t->in[2], 1.0f, t->n / 2);
    k->rope_row(t->out[1], t->out[1], t->in[1], t->in[2], -1.0f, t->n / 2);
}
static void run_softmax_scaled(const Kernels *k, Case *t) {
    k->softmax_scaled(t->out[0], t->in[0], t->a, t->b, t->c, t->n);
    k->softmax_scaled(t->out[1], t->out[1], t->a, t->b, t->c, t->n);
}
static void run_adamw(const Kernels *k, Case *t) {
    AdamWStep step = {.lr = 1e-3f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .correct1 = 0.19f, .correct2 = 0.002f, .grad_scale = t->b};
    step.weight_decay = t->n % 2 ? 0.01f : 0.0f;
    k->adamw(t->out[0], t->out[1], t->out[2], t->in[0], &step, t->n);
}

static const struct {
    const char *name;
    Run run;
} RUNS[] = {{"add", run_add}, {"sub", run_sub}, {"mul", run_mul}, {"scale", run_scale}, {"divide", run_divide}, {"axpy", run_axpy},
            {"add_scaled", run_add_scaled}, {"add_product", run_add_product}, {"add in place", run_add_in_place}, {"exp", run_exp},
            {"sum", run_sum}, {"dot_lanes", run_dot_lanes}, {"max", run_max},
            {"exp_sum", run_exp_sum}, {"exp_store_sum", run_exp_store_sum}, {"rmsnorm_row", run_rmsnorm_row},
            {"rmsnorm_dot", run_rmsnorm_dot}, {"rmsnorm_dx", run_rmsnorm_dx}, {"rmsnorm_dw", run_rmsnorm_dw},
            {"swiglu_row", run_swiglu_row}, {"swiglu_grad_row", run_swiglu_grad_row}, {"rope_row", run_rope_row},
            {"softmax_scaled", run_softmax_scaled}, {"adamw", run_adamw}};

// ---- comparison

// Twin number `which` that this machine runs: the best of this build, avx512 by emulated instructions, avx512 itself.
enum { TWINS = 3 };
static bool twin_table(Kernels *table, int which) {
    Cpu cpu = cpu_detect();
#if defined(KERNELS_AVX2)
    void (*const fill[TWINS])(Kernels *) = {kernels_avx2, avx512_emulated, kernels_avx512};
    bool runs = which == 2 ? cpu.avx512 : cpu.avx2;
    if (runs) fill[which](table);
#elif defined(KERNELS_NEON)
    bool runs = cpu.neon && which == 0;
    if (runs) kernels_neon(table);
#else
    bool runs = cpu.neon && which > TWINS && table;
#endif
    return runs;
}

static void expect_same_bits(const float *a, const float *b, size_t n, const char *name, size_t size, int kind) {
    for (size_t i = 0; i < n; i++)
        if (float_bits(a[i]) != float_bits(b[i]))
            ck_abort_msg("%s, n = %zu, kind %d, element %zu: scalar %a, twin %a", name, size, kind, i, (double)a[i], (double)b[i]);
}

// Both sides' outputs get the same contents, the room behind them too: a store beyond the end would show.
static void outputs_reset(Case *t, const Case *source) {
    for (int i = 0; i < OUTPUTS; i++) memcpy(t->out[i], source->out[i], (t->n + ROOM - 4) * sizeof(float));
}

// Every entry at one size and one mix of values; the pointers are shifted off the arena's alignment by 0 to 3 elements.
static void compare_size(Arena *arena, const Kernels *scalar, const Kernels *twin, size_t n, int kind) {
    ArenaMark mark = arena_mark(arena);
    Case a = case_make(arena, n), b = case_make(arena, n), before = case_make(arena, n);
    for (uint32_t i = 0; i < OUTPUTS; i++)
        for (uint32_t j = 0; j < n + ROOM - 4; j++) before.out[i][j] = value_at(200 + i, j, kind);
    for (uint32_t i = 0; i < INPUTS; i++) {
        for (uint32_t j = 0; j < n + ROOM - 4; j++) a.in[i][j] = value_at(i + 7 * (uint32_t)n, j, kind);
        b.in[i] = a.in[i];
    }
    a.a = b.a = value_at(100, (uint32_t)n, kind);
    a.b = b.b = value_at(101, (uint32_t)n, kind);
    a.c = b.c = value_at(102, (uint32_t)n, kind);
    for (size_t r = 0; r < sizeof RUNS / sizeof *RUNS; r++) {
        outputs_reset(&a, &before);
        outputs_reset(&b, &before);
        RUNS[r].run(scalar, &a);
        RUNS[r].run(twin, &b);
        for (int i = 0; i < OUTPUTS; i++) expect_same_bits(a.out[i], b.out[i], n + ROOM - 4, RUNS[r].name, n, kind);
    }
    arena_release(arena, mark);
}

START_TEST(twins_agree_on_rows) {
    Kernels scalar, twin;
    kernels_scalar(&scalar);
    if (!twin_table(&twin, _i)) return;
    Arena arena = arena_make("test", 0);
    for (int kind = 0; kind < 3; kind++) {
        for (size_t n = 0; n <= 70; n++) compare_size(&arena, &scalar, &twin, n, kind);
        for (size_t i = 0; i < 5; i++) compare_size(&arena, &scalar, &twin, (size_t[]){127, 128, 257, 1000, 4999}[i], kind);
    }
    arena_free(&arena);
}
END_TEST

// ---- attention

static float *values(Arena *arena, uint32_t stream, size_t n, int kind) {
    float *x = (float *)arena_alloc(arena, (n + 1) * sizeof *x) + 1;
    for (uint32_t i = 0; i < n; i++) x[i] = value_at(stream, i, kind);
    return x;
}

// One shape: the three entries by both tables, with unused keys of the last block holding NaN.
static void compare_attention(Arena *arena, const Kernels *scalar, const Kernels *twin, size_t n, size_t S, int kind) {
    ArenaMark mark = arena_mark(arena);
    size_t blocks = (n + ATTN_KEYS - 1) / ATTN_KEYS, stride = S + 3;
    float *q = values(arena, 1, S, kind), *w = values(arena, 2, n, kind), *v = values(arena, 3, n * stride, kind);
    float *kt = values(arena, 4, blocks * S * ATTN_KEYS, kind);
    for (size_t j = n; j < blocks * ATTN_KEYS; j++)
        for (size_t s = 0; s < S; s++) kt[(j / ATTN_KEYS * S + s) * ATTN_KEYS + j % ATTN_KEYS] = NAN;
    float *out[2][3];
    for (int side = 0; side < 2; side++) {
        const Kernels *k = side ? twin : scalar;
        for (int i = 0; i < 3; i++) out[side][i] = values(arena, 9, n + S + ROOM, 0);
        k->attn_scores(out[side][0], q, kt, 0.125f, n, S);
        k->attn_mix(out[side][1], w, v, stride, 3.7f, n, S);
        k->attn_chain(out[side][2], w, v, stride, n, S);
    }
    static const char *const names[] = {"attn_scores", "attn_mix", "attn_chain"};
    for (int i = 0; i < 3; i++) expect_same_bits(out[0][i], out[1][i], n + S + ROOM, names[i], n * 1000 + S, kind);
    arena_release(arena, mark);
}

START_TEST(twins_agree_on_attention) {
    static const size_t keys[] = {0, 1, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 130};
    static const size_t heads[] = {1, 4, 7, 8, 16, 20, 31, 32, 33, 48, 64, 72, 80, 96, 128};
    Kernels scalar, twin;
    kernels_scalar(&scalar);
    if (!twin_table(&twin, _i)) return;
    Arena arena = arena_make("test", 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        for (size_t j = 0; j < sizeof heads / sizeof *heads; j++)
            for (int kind = 0; kind < 3; kind += 2) compare_attention(&arena, &scalar, &twin, keys[i], heads[j], kind);
    arena_free(&arena);
}
END_TEST

// ---- stored numbers: random bytes, so every scale, NaN and infinity among them

START_TEST(twins_agree_on_expand) {
    Kernels scalar, twin;
    kernels_scalar(&scalar);
    if (!twin_table(&twin, _i)) return;
    enum { N = 640 };
    uint8_t bytes[4 * N + 1];
    float a[N + ROOM], b[N + ROOM];
    RngKey key = rng_key(6, "test.expand");
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)rng_bits(key, (RngDraw){.step = round, .position = i});
        for (int type = 0; type < DTYPE_COUNT; type++) {
            size_t block = (size_t)dtype_info((DType)type)->block;
            size_t first = block * (round % 5), n = block == 1 ? round : block * (round % 10);
            memset(a, 1, sizeof a);
            memset(b, 1, sizeof b);
            scalar.expand(a, bytes + 1, (DType)type, first, n);
            twin.expand(b, bytes + 1, (DType)type, first, n);
            expect_same_bits(a, b, N + ROOM, dtype_info((DType)type)->name, n, (int)round);
        }
    }
}
END_TEST

// ---- products: panels, tiles and few rows of every stored type, whole and cut at the right border, in both precisions

static void compare_products(Arena *arena, const Kernels *scalar, const Kernels *twin, DType type, size_t k, int mr, int n,
                             uint32_t turn) {
    ArenaMark mark = arena_mark(arena);
    size_t stride = dtype_bytes(type, k), lda = k + 3, all = GEMM_NR * (k + 9), C = (size_t)mr * (size_t)(n + 3);
    int kind = (int)(turn % 3), nr = n < GEMM_NR ? n : GEMM_NR;
    TileMode mode = (TileMode)(turn % 3);
    float *a = values(arena, 1, (size_t)mr * lda + ROOM, kind);
    uint8_t *rows = arena_alloc(arena, stride * (size_t)n + 1);
    RngKey key = rng_key(7, "test.products");
    for (uint32_t i = 0; i < stride * (size_t)n; i++) rows[i] = (uint8_t)rng_bits(key, (RngDraw){.step = turn, .position = i});
    float *out[2][9];
    for (int side = 0; side < 2; side++) {
        const Kernels *t = side ? twin : scalar;
        float **x = out[side];
        for (int i = 0; i < 9; i++) x[i] = values(arena, 3, i < 4 ? all : i == 8 ? (size_t)mr * lda + ROOM : C + ROOM, kind == 2 ? 1 : 0);
        t->pack_a(x[0], a, lda, 1, k, mr);
        t->pack_rows(x[1], rows, type, stride, 0, k, nr);
        t->gemm_tile(x[4], (size_t)n + 3, x[0], x[1], k, mr, nr, mode);
        t->gemm_few(x[5], (size_t)n + 3, a, lda, rows, type, stride, k, mr, n, mode == TILE_PROCEED);
        memcpy(x[2], x[0], k * GEMM_MR * sizeof(float));
        memcpy(x[3], x[1], k * GEMM_NR * sizeof(float));
        t->bf16_pairs(x[2], k, GEMM_MR);
        t->bf16_pairs(x[3], k, GEMM_NR);
        t->bf16_tile(x[6], (size_t)n + 3, x[2], x[3], k, mr, nr, mode == TILE_ADD ? TILE_SET : mode);
        memcpy(x[8], a, (size_t)mr * lda * sizeof(float));
        for (int i = 0; i < mr; i++) t->bf16_pairs(x[8] + (size_t)i * lda, k, 1);
        t->bf16_few(x[7], (size_t)n + 3, x[8], lda, rows, type, stride, k, mr, n, mode == TILE_PROCEED);
    }
    const size_t size[9] = {k * GEMM_MR, k * GEMM_NR, (k + k % 2) * GEMM_MR, (k + k % 2) * GEMM_NR, C, C, C, C, (size_t)mr * lda};
    static const char *const names[9] = {"pack_a", "pack_rows", "pairs of a", "pairs of b", "gemm_tile", "gemm_few", "bf16_tile",
                                         "bf16_few", "rows of a"};
    for (int i = 0; i < 9; i++) expect_same_bits(out[0][i], out[1][i], size[i], names[i], k, (int)type);
    arena_release(arena, mark);
}

START_TEST(twins_agree_on_products) {
    Kernels scalar, twin;
    Error error;
    kernels_scalar(&scalar);
    if (!twin_table(&twin, _i)) return;
    // What runs through other entries of the table takes the scalar ones on both sides.
    ck_ok(kernels_choose("scalar", &error), error);
    Arena arena = arena_make("test", 0);
    uint32_t turn = 0;
    for (int type = 0; type < DTYPE_COUNT; type++)
        for (int mr = 1; mr <= GEMM_MR; mr++)
            for (int n = 5; n < 60; n += n < 16 ? 11 : 21, turn++) {
                size_t k = dtype_info((DType)type)->block == 1 ? 1 + turn % 75 : 32 * (size_t)(1 + turn % 3);
                compare_products(&arena, &scalar, &twin, (DType)type, k, mr, n, turn);
            }
    arena_free(&arena);
}
END_TEST

// ---- scalar against the contract's text, lanes outermost

static float lanes_tree(float *s) {
    for (int j = 0; j < 8; j++) s[j] += s[j + 8];
    for (int j = 0; j < 4; j++) s[j] += s[j + 4];
    s[0] += s[2];
    s[1] += s[3];
    return s[0] + s[1];
}

START_TEST(reductions_follow_a1) {
    Kernels k;
    kernels_scalar(&k);
    Arena arena = arena_make("test", 0);
    for (size_t n = 0; n < 200; n += n < 40 ? 1 : 23) {
        float *x = values(&arena, 11, n, 0), *y = values(&arena, 12, n, 0), *z = values(&arena, 13, n, 0);
        float sum[16] = {0}, dot[16] = {0}, norm[16] = {0}, exps[16] = {0}, largest[16];
        size_t rounds = (n + 15) / 16;
        for (size_t j = 0; j < 16; j++) {
            largest[j] = -INFINITY;
            for (size_t i = j; i < 16 * rounds; i += 16) {
                bool inside = i < n;
                sum[j] = sum[j] + (inside ? x[i] : 0.0f);
                dot[j] = fmaf(inside ? x[i] : 0.0f, inside ? y[i] : 0.0f, dot[j]);
                float g = inside ? x[i] * y[i] : 0.0f;
                norm[j] = norm[j] + (inside ? g * z[i] : 0.0f);
                exps[j] = exps[j] + (inside ? exp_f32(x[i] - 0.75f) : 0.0f);
                if (inside && !(largest[j] > x[i])) largest[j] = x[i];
            }
        }
        for (int width = 8; width; width /= 2)
            for (int j = 0; j < width; j++)
                if (!(largest[j] > largest[j + width])) largest[j] = largest[j + width];
        ck_assert_uint_eq(float_bits(k.sum(x, n)), float_bits(lanes_tree(sum)));
        ck_assert_uint_eq(float_bits(k.dot_lanes(x, y, n)), float_bits(lanes_tree(dot)));
        ck_assert_uint_eq(float_bits(k.rmsnorm_dot(x, y, z, n)), float_bits(lanes_tree(norm)));
        ck_assert_uint_eq(float_bits(k.exp_sum(x, 0.75f, n)), float_bits(lanes_tree(exps)));
        ck_assert_uint_eq(float_bits(k.max(x, n)), float_bits(largest[0]));
    }
    // The order shows in the bits: 2^24 + 1 + ... in one lane loses what two lanes keep.
    float order[32] = {[0] = 0x1p24f, [16] = 1.0f, [1] = 1.0f};
    ck_assert_float_eq(k.sum(order, 32), 0x1p24f);
    order[16] = 0.0f, order[2] = 1.0f, order[1] = 0.0f, order[3] = 1.0f;
    ck_assert_float_eq(k.sum(order, 32), 0x1p24f);
    order[2] = 0.0f, order[1] = 1.0f;
    ck_assert_float_eq(k.sum(order, 32), 0x1p24f + 2.0f);
    ck_assert_uint_eq(float_bits(k.sum(order, 0)), 0);
    ck_assert_float_eq(k.max(order, 0), -INFINITY);
    arena_free(&arena);
}
END_TEST

START_TEST(maxima_take_the_second_when_not_greater) {
    // -0 then +0 in one lane: not greater, so the later stays; a NaN gives way to what follows it.
    float zeros[32], nans[32];
    Kernels k[2];
    kernels_scalar(&k[0]);
    int tables = twin_table(&k[1], _i) ? 2 : 1;
    for (int i = 0; i < 32; i++) zeros[i] = nans[i] = i < 16 ? 0.0f : -0.0f;
    nans[15] = NAN;
    for (int t = 0; t < tables; t++) {
        ck_assert_uint_eq(float_bits(k[t].max(zeros, 32)), 0x80000000u);
        ck_assert_uint_eq(float_bits(k[t].max(zeros, 16)), 0);
        ck_assert_uint_eq(float_bits(k[t].max(nans, 16)), 0x7fc00000u);
        ck_assert_uint_eq(float_bits(k[t].max(nans, 32)), 0x80000000u);
    }
}
END_TEST

START_TEST(rows_follow_their_formulas) {
    Kernels k;
    kernels_scalar(&k);
    Arena arena = arena_make("test", 0);
    enum { N = 37 };
    float *x = values(&arena, 21, N, 0), *w = values(&arena, 22, N, 0), *dy = values(&arena, 23, N, 0), *u = values(&arena, 24, N, 0);
    float *y = values(&arena, 25, N, 0), *z = values(&arena, 26, N, 0), y0[N], z0[N];
    memcpy(y0, y, sizeof y0);
    memcpy(z0, z, sizeof z0);
    k.swiglu_grad_row(y, z, dy, x, u, N);
    for (int i = 0; i < N; i++) {
        // Against the derivative in double, and the bits against the written order.
        float e = exp_f32(-x[i]), s = 1.0f / (1.0f + e);
        float dsilu = s * fmaf(x[i], 1.0f - s, 1.0f), part = dy[i] * u[i], silu = x[i] * s;
        float to_gate = part * dsilu, to_up = dy[i] * silu;
        ck_assert_float_eq(y[i], y0[i] + to_gate);
        ck_assert_float_eq(z[i], z0[i] + to_up);
        double S = 1 / (1 + exp(-(double)x[i]));
        ck_assert_double_eq_tol(dsilu, S * (1 + x[i] * (1 - S)), 1e-6);
    }
    memcpy(y, y0, sizeof y0);
    k.rmsnorm_dx(y, dy, w, x, 0.3f, 0.07f, N);
    for (int i = 0; i < N; i++) {
        float g = dy[i] * w[i], pull = x[i] * 0.07f, inner = g - pull, term = 0.3f * inner;
        ck_assert_float_eq(y[i], y0[i] + term);
    }
    // Forward then backward rotation by the same angle gives the input again, up to rounding.
    float cosine[N], sine[N], turned[2 * N], back[2 * N];
    float *pair = values(&arena, 27, 2 * N, 0);
    for (int i = 0; i < N; i++) cosine[i] = cos_f32(0.1f * (float)i), sine[i] = sin_f32(0.1f * (float)i);
    k.rope_row(turned, pair, cosine, sine, 1.0f, N);
    k.rope_row(back, turned, cosine, sine, -1.0f, N);
    for (int i = 0; i < N; i++) {
        double size = fabs((double)pair[i]) + fabs((double)pair[i + N]) + 1e-30;
        ck_assert_double_eq_tol(back[i], pair[i], 1e-6 * size);
        ck_assert_double_eq_tol(back[i + N], pair[i + N], 1e-6 * size);
        ck_assert_double_eq_tol(turned[i], (double)pair[i] * cosine[i] - (double)pair[i + N] * sine[i], 1e-6 * size);
    }
    arena_free(&arena);
}
END_TEST

START_TEST(attention_follows_its_chains) {
    Kernels k;
    kernels_scalar(&k);
    Arena arena = arena_make("test", 0);
    enum { KEYS = 21, S = 12, STRIDE = 15 };
    float *q = values(&arena, 31, S, 0), *rows = values(&arena, 32, KEYS * STRIDE, 0), *w = values(&arena, 33, KEYS, 0);
    float kt[2 * ATTN_KEYS * S], score[KEYS], mix[S];
    for (int i = 0; i < 2 * ATTN_KEYS * S; i++) kt[i] = NAN;
    for (int j = 0; j < KEYS; j++)
        for (int s = 0; s < S; s++) kt[(j / ATTN_KEYS * S + s) * ATTN_KEYS + j % ATTN_KEYS] = rows[j * STRIDE + s];
    k.attn_scores(score, q, kt, 0.3f, KEYS, S);
    for (int j = 0; j < KEYS; j++) {
        float chain = 0.0f;
        for (int s = 0; s < S; s++) chain = fmaf(q[s], rows[j * STRIDE + s], chain);
        ck_assert_float_eq(score[j], 0.3f * chain);
    }
    k.attn_mix(mix, w, rows, STRIDE, 1.7f, KEYS, S);
    for (int s = 0; s < S; s++) {
        float chain = 0.0f;
        for (int j = 0; j < KEYS; j++) chain = fmaf(w[j], rows[j * STRIDE + s], chain);
        ck_assert_float_eq(mix[s], chain / 1.7f);
    }
    arena_free(&arena);
}
END_TEST

START_TEST(adamw_follows_its_order) {
    Kernels k;
    kernels_scalar(&k);
    AdamWStep step = {.lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .weight_decay = 0.1f, .grad_scale = 0.5f};
    step.correct1 = 0.1f, step.correct2 = 0.001f;
    float w = 0.7f, m = 0.02f, v = 3e-4f, grad = -0.3f;
    float g = grad * 0.5f, r1 = 1.0f - 0.9f, r2 = 1.0f - 0.999f, p1 = r1 * g, p2 = r2 * g, p3 = p2 * g;
    float m1 = fmaf(0.9f, m, p1), v1 = fmaf(0.999f, v, p3), decay = 0.01f * 0.1f, pull = decay * w, w1 = w - pull;
    float above = 0.01f * (m1 / 0.1f), root = sqrtf(v1 / 0.001f), below = root + 1e-8f, move = above / below;
    k.adamw(&w, &m, &v, &grad, &step, 1);
    ck_assert_float_eq(m, m1);
    ck_assert_float_eq(v, v1);
    ck_assert_float_eq(w, w1 - move);
}
END_TEST

// ---- the choice

START_TEST(choice_by_name) {
    Error error;
    Kernels twin;
    ck_ok(kernels_choose("scalar", &error), error);
    ck_assert_str_eq(kernels.name, "scalar");
    ck_assert_int_eq(kernels_choose("sse9", &error), ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "sse9"));
    ck_assert_str_eq(kernels.name, "scalar");
    const char *best = twin_table(&twin, 0) ? twin.name : "scalar";
    ck_ok(kernels_choose("native", &error), error);
    ck_assert_str_eq(kernels.name, best);
    // The other architecture's name is known, and refused.
    const char *foreign = cpu_detect().neon ? "avx2" : "neon";
    ck_assert_int_eq(kernels_choose(foreign, &error), ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, foreign));
}
END_TEST

START_TEST(tables_are_complete) {
    // Every entry is a pointer: none may be left empty, whatever is added to the struct.
    Kernels table[2];
    kernels_scalar(&table[0]);
    int tables = twin_table(&table[1], _i) ? 2 : 1;
    for (int t = 0; t < tables; t++)
        for (size_t i = 0; i < sizeof(Kernels) / sizeof(void *); i++) {
            void *entry;
            memcpy(&entry, (char *)&table[t] + i * sizeof entry, sizeof entry);
            ck_assert_msg(entry != NULL, "table %s, entry %zu", table[t].name, i);
        }
}
END_TEST

Suite *suite_kernels(void);

Suite *suite_kernels(void) {
    Suite *suite = suite_create("kernels");
    TCase *tests = tcase_create("kernels");
    tcase_add_loop_test(tests, twins_agree_on_rows, 0, TWINS);
    tcase_add_loop_test(tests, twins_agree_on_attention, 0, TWINS);
    tcase_add_loop_test(tests, twins_agree_on_expand, 0, TWINS);
    tcase_add_loop_test(tests, twins_agree_on_products, 0, TWINS);
    tcase_add_test(tests, reductions_follow_a1);
    tcase_add_loop_test(tests, maxima_take_the_second_when_not_greater, 0, TWINS);
    tcase_add_test(tests, rows_follow_their_formulas);
    tcase_add_test(tests, attention_follows_its_chains);
    tcase_add_test(tests, adamw_follows_its_order);
    tcase_add_test(tests, choice_by_name);
    tcase_add_loop_test(tests, tables_are_complete, 0, TWINS);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return suite;
}
