// The kernel table: every inner loop of the project, each signature and contract once.
//
// scalar/ is complete and the text to read; lanes_*.h are its vector twins, over the lanes of avx2/, avx512/ and neon/. Twins
// agree to the last bit (NaN as NaN) over odd sizes, unaligned pointers, zero length, infinities and NaN.
// Pointers need fp32's own alignment only. Outputs may alias an input only when it is the same pointer ("in place").
// Where a formula is written, it is the order of operations: every * + - / rounds once, fmaf rounds once, no other FMA.
//
// Reduction A1 over x[0..n): 16 partial sums s[j], s[j] takes x[j], x[j + 16], ... ascending, starting from +0 (a lane
// without elements stays +0); then s[j] += s[j + 8] for j < 8, s[j] += s[j + 4] for j < 4, s[0] += s[2], s[1] += s[3],
// s[0] += s[1]; result s[0]. Missing lanes of the last group of 16 add +0 (so -0 partial sums become +0 there).
#ifndef TENSOR_KERNELS_KERNELS_H
#define TENSOR_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"
#include "tensor/dtype.h"

enum {
    GEMM_MR = 6,    // rows of a packed A panel
    GEMM_NR = 16,   // columns of a packed B panel
    GEMM_FEW = 6,   // most rows that gemm_few takes
    ATTN_KEYS = 16  // keys of one block of the transposed K layout
};

// What gemm_tile does with what C holds.
typedef enum { TILE_SET, TILE_PROCEED, TILE_ADD } TileMode;

// gemm_few and bf16_few.
typedef void FewKernel(float *c, size_t ldc, const float *a, size_t lda, const void *rows, DType type, size_t stride, size_t k, int mr,
                       int n, bool proceed);

// Constants of one AdamW update; the same for all elements of a step.
typedef struct {
    float lr, beta1, beta2, eps, weight_decay;
    float correct1, correct2;  // 1 - beta1^t, 1 - beta2^t (formed in double by the caller, rounded once)
    float grad_scale;          // clip factor
} AdamWStep;

typedef struct {
    const char *name;  // "scalar", "avx2", "avx512", "neon"

    // ---- elementwise: y[i] for i in [0, n)
    void (*add)(float *y, const float *a, const float *b, size_t n);            // a + b
    void (*sub)(float *y, const float *a, const float *b, size_t n);            // a - b
    void (*mul)(float *y, const float *a, const float *b, size_t n);            // a * b
    void (*scale)(float *y, const float *x, float s, size_t n);                 // x * s
    void (*divide)(float *y, const float *x, float s, size_t n);                // x / s
    void (*axpy)(float *y, float s, const float *x, size_t n);                  // y = fmaf(s, x, y)
    void (*add_scaled)(float *y, const float *x, float s, size_t n);            // y = y + (s * x)
    void (*add_product)(float *y, const float *a, const float *b, size_t n);    // y = fmaf(a, b, y)
    void (*exp)(float *y, const float *x, size_t n);                            // exp_f32 of each

    // ---- reductions over one row (A1); n = 0 gives +0, for max -infinity
    float (*sum)(const float *x, size_t n);
    float (*dot_lanes)(const float *a, const float *b, size_t n);   // A1 with s[j] = fmaf(a, b, s[j]); missing lanes fmaf(0,0,s)
    // Lanes start at -infinity; max(a, b) = a > b ? a : b with the accumulator as a; a missing lane keeps its accumulator.
    float (*max)(const float *x, size_t n);
    float (*exp_sum)(const float *x, float shift, size_t n);        // A1 sum of exp(x - shift)
    float (*exp_store_sum)(float *y, const float *x, float shift, size_t n);  // y = exp(x - shift) (in place allowed), A1 sum of y

    // ---- rows of layers
    // rmsnorm: y = (x * rstd) * w
    void (*rmsnorm_row)(float *y, const float *x, const float *w, float rstd, size_t n);
    // rmsnorm backward: g = dy * w; dx = dx + (rstd * (g - x * k)) with k = (rstd*rstd) * mean passed as k.
    //   c = A1 sum of g * x is formed before by rmsnorm_dot: A1 with s = s + ((dy * w) * x)
    float (*rmsnorm_dot)(const float *dy, const float *w, const float *x, size_t n);
    void (*rmsnorm_dx)(float *dx, const float *dy, const float *w, const float *x, float rstd, float k, size_t n);
    // dw = fmaf(dy, x * rstd, dw): one link of the column sum's chain
    void (*rmsnorm_dw)(float *dw, const float *dy, const float *x, float rstd, size_t n);
    // swiglu: e = exp(-g); s = 1 / (1 + e); y = (g * s) * u
    void (*swiglu_row)(float *y, const float *g, const float *u, size_t n);
    // s as above; dsilu = s * fmaf(g, 1 - s, 1); dg = dg + (dy * u) * dsilu; du = du + dy * (g * s)
    void (*swiglu_grad_row)(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n);
    // rotary, rotate-half: for i < half: a = x[i], b = x[i + half]; y[i] = fmaf(a, c, -(b * s)), y[i+half] = fmaf(b, c, a * s);
    // sine and cosine of the position in c[half], s[half]; `sign` +1 forward, -1 backward multiplies s. In place allowed.
    void (*rope_row)(float *y, const float *x, const float *cosine, const float *sine, float sign, size_t half);
    // softmax gradient of a picked log-probability: y = exp(x - shift) / total, then y = y * (-dy); the caller adds dy at the target.
    // (y may be x)
    void (*softmax_scaled)(float *y, const float *x, float shift, float total, float factor, size_t n);  // (exp(x-shift)/total)*factor

    // ---- matrix product tiles (tensor/gemm.c packs and calls)
    // c[i*ldc + j] for i < mr <= GEMM_MR, j < nr <= GEMM_NR: chain over k ascending of fmaf(a[k*GEMM_MR + i], b[k*GEMM_NR + j], acc).
    // acc starts at +0, or at c with TILE_PROCEED (the chain was cut by a block); TILE_ADD: c = c + the finished chain.
    // Panels are zero-filled beyond mr and nr.
    void (*gemm_tile)(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode);
    // Packs rows [0, nr) x elements [first, first + k) of a row-major matrix of any DType as a B panel, transposed:
    // panel[kk*GEMM_NR + j] = row j, element first + kk. stride: bytes from row to row. first and k multiples of the block
    // (k of the last piece ends with the row). Columns nr..GEMM_NR are zero.
    void (*pack_rows)(float *panel, const void *rows, DType type, size_t stride, size_t first, size_t k, int nr);
    // Packs mr rows x k elements of A as an A panel: panel[kk*GEMM_MR + i] = a[i*row_stride + kk*k_stride], rows mr..GEMM_MR zero.
    // One of the strides is 1. Nothing is written behind the panel's k*GEMM_MR elements.
    void (*pack_a)(float *panel, const float *a, size_t row_stride, size_t k_stride, size_t k, int mr);
    // A product of few rows straight from stored weights, without panels (decoding): for i < mr <= GEMM_FEW, j < n
    // c[i*ldc + j]: chain over kk in [0, k) ascending of fmaf(a[i*lda + kk], element kk of row j, acc), acc from +0,
    // or from c when `proceed`.
    // Rows of any DType lie `stride` bytes apart; k is a multiple of the block.
    FewKernel *gemm_few;
    // ---- matrix products in bf16 (numerics.md, M3)
    // Makes a panel that was packed above, `width` numbers (GEMM_MR or GEMM_NR) for each of k steps, into what bf16_tile takes: every
    // number rounded to bf16 (nearest even; subnormals +-0; NaN stays NaN), in each pair of steps the odd one first. An odd k gets the
    // missing partner, +0: one step more is written. Another instruction set may store pairs in another way (AVX-512: 16-bit
    // numbers side by side for vdpbf16ps), for its own tile alone reads them.
    void (*bf16_pairs)(float *panel, size_t k, size_t width);
    // gemm_tile over such panels, k at least 1: every operand and sum that is subnormal counts as +-0, a result is flushed after
    // rounding. Never TILE_ADD: what is added to a finished product is not flushed.
    void (*bf16_tile)(float *c, size_t ldc, const float *a, const float *b, size_t k, int mr, int nr, TileMode mode);
    // gemm_few over rows of A that bf16_pairs made (width 1; lda at least k + k % 2).
    FewKernel *bf16_few;
    // Expands elements [first, first+n) of a row of any DType: dtype_expand's kernel.
    void (*expand)(float *y, const void *row, DType type, size_t first, size_t n);

    // ---- attention (nn/attention.c), S = head size. K of a kv head is stored in blocks of ATTN_KEYS keys, transposed:
    // kt[block][s][key within block]; unused keys of the last block hold any finite or non-finite value and are ignored.
    // score[j] = scale * (chain over s ascending of fmaf(q[s], k_j[s], acc)), for j < n
    void (*attn_scores)(float *score, const float *q, const float *kt, float scale, size_t n, size_t S);
    // y[s] = (chain over keys ascending of fmaf(w[j], v[j*stride + s], acc from +0)) / total
    void (*attn_mix)(float *y, const float *w, const float *v, size_t stride, float total, size_t n, size_t S);
    // dq[s] = chain over keys ascending from +0 of fmaf(ds[j], k[j*stride + s], acc)
    void (*attn_chain)(float *dq, const float *ds, const float *k, size_t stride, size_t n, size_t S);

    // ---- optimizer: for each element, in this order
    //   g = grad * grad_scale
    //   m = fmaf(beta1, m, (1 - beta1) * g);  v = fmaf(beta2, v, ((1 - beta2) * g) * g)
    //   w = w - (lr * weight_decay) * w   (skipped when weight_decay == 0)
    //   w = w - (lr * (m / correct1)) / (sqrtf(v / correct2) + eps)
    void (*adamw)(float *w, float *m, float *v, const float *grad, const AdamWStep *step, size_t n);
} Kernels;

// The table in use. Set by kernels_choose, once, in main or in a test.
extern Kernels kernels;

// Chooses "native" (the best measured one that this machine and this build have), "scalar", "avx2", "avx512" or "neon".
// ERR_USAGE when the name is unknown, the build lacks it or the processor does not have it.
Status kernels_choose(const char *name, Error *error);

// Fills a table with one ISA's twins: what tests compare.
void kernels_scalar(Kernels *table);
#ifdef KERNELS_AVX2
void kernels_avx2(Kernels *table);
void kernels_avx512(Kernels *table);
#endif
#ifdef KERNELS_NEON
void kernels_neon(Kernels *table);
#endif

// One value at a time, the same bits as the table's (scalar/math.c).
// Errors are measured against double (every 61st or 97th float; test_math): a bound in ulp of the result.
//   exp: exp(0) = 1 exactly; x > 0x1.62e42ep+6 gives +inf, x < -0x1.5d589ep+6 gives +0, never a subnormal; < 0.9 ulp
//   log: log(1) = +0; x < 0 NaN, 0 -> -inf; subnormals right; < 0.9 ulp
//   sin, cos: every finite x, 2^20 and beyond alike, reduced exactly and summed in double: < 0.501 ulp; infinities NaN
//   tanh: odd, -0 stays -0, 1 from 9.1 on; < 1.4 ulp
float exp_f32(float x);
float log_f32(float x);
float sin_f32(float x);
float cos_f32(float x);
float tanh_f32(float x);
double pow_f64(double base, int exponent);       // exact-order repeated squaring: bias corrections
// exp(power * log(base)) by own double exp and log, for RoPE frequencies; relative error below 1e-13 where |power * log(base)| < 100.
// A base that is not a normal positive number gives NaN; a result beyond exp(+-700) gives infinity or +0.
double pow_real_f64(double base, double power);

#endif
