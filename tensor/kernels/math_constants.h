// Constants of exp, log and tanh, shared by the twins of every instruction set. Private to tensor/kernels/.
//
//   exp(x):  n = nearest integer of x * log2(e) by adding 1.5 * 2^23, whose sum's low bits are n;
//            r = x - n ln 2 in two fused steps, |r| <= 0.3466;  exp(r) = 1 + r (1 + r (E0 + E1 r + ... + E4 r^4)) by fused Horner;
//            2^n is added to the exponent bits, exact because no result within the limits is subnormal.
//   log(x):  x = m 2^e, m in [0.7071, 1.4142), f = m - 1 exact;  log(1 + f) = f + f^2 (L0 + L1 f + ... + L8 f^8);
//            e ln 2 in two parts, the first exact; the sum of its first part and f keeps what rounding lost.
//   tanh(x): below 0.625 a + (a u) (T0 + T1 u + ... + T4 u^4), a = |x|, u = a^2;  above 1 - 2 / (exp(2a) + 1).
// The polynomials are weighted minimax fits, made in 200 bits and rounded to fp32; test_math measures them.
#ifndef TENSOR_KERNELS_MATH_CONSTANTS_H
#define TENSOR_KERNELS_MATH_CONSTANTS_H

#define EXP_MAX 0x1.62e42ep+6f
#define EXP_MIN (-0x1.5d589ep+6f)
#define EXP_MAGIC 0x1.8p+23f
#define EXP_LOG2E 0x1.715476p+0f
#define EXP_MINUS_LN2_HI (-0x1.62e43p-1f)
#define EXP_MINUS_LN2_LO 0x1.05c61p-29f
#define EXP_E0 0x1.fffffcp-2f
#define EXP_E1 0x1.555492p-3f
#define EXP_E2 0x1.5558f2p-5f
#define EXP_E3 0x1.123a2p-7f
#define EXP_E4 0x1.6a23ccp-10f

#define LOG_SQRT_HALF_BITS 0x3f3504f3
#define LOG_LN2_HI 0x1.62e4p-1f
#define LOG_LN2_LO 0x1.7f7d1cp-20f
#define LOG_L0 (-0x1.fffff8p-2f)
#define LOG_L1 0x1.55555p-2f
#define LOG_L2 (-0x1.000428p-2f)
#define LOG_L3 0x1.99a404p-3f
#define LOG_L4 (-0x1.542724p-3f)
#define LOG_L5 0x1.22705cp-3f
#define LOG_L6 (-0x1.0f387p-3f)
#define LOG_L7 0x1.085034p-3f
#define LOG_L8 (-0x1.383d9p-4f)

#define TANH_SMALL 0.625f
#define TANH_T0 (-0x1.555532p-2f)
#define TANH_T1 0x1.110726p-3f
#define TANH_T2 (-0x1.b83c58p-5f)
#define TANH_T3 0x1.522692p-6f
#define TANH_T4 (-0x1.75e1a8p-8f)

#endif
