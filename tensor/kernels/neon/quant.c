// Expansion of stored numbers to fp32, four lanes at a time: the formulas of scalar/quant.c.
#include "tensor/kernels/expand.h"
#include "tensor/kernels/neon/lanes.h"
#include "tensor/kernels/table.h"

static inline float32x4_t half_all(const uint8_t *bytes) { return lanes_all(f16_to_f32(half_at(bytes))); }

// 16 signed bytes as fp32, four to a register.
static inline void bytes_widen(float32x4_t out[4], int8x16_t q) {
    int16x8_t low = vmovl_s8(vget_low_s8(q)), high = vmovl_s8(vget_high_s8(q));
    out[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
    out[1] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(low)));
    out[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
    out[3] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)));
}

// 16 packed bytes: elements 0..15 in the low, 16..31 in the high nibbles.
static inline void nibbles(int8x16_t q[2], const uint8_t *bytes) {
    uint8x16_t packed = vld1q_u8(bytes);
    q[0] = vreinterpretq_s8_u8(vandq_u8(packed, vdupq_n_u8(15)));
    q[1] = vreinterpretq_s8_u8(vshrq_n_u8(packed, 4));
}

static inline void expand_q8_0(float *y, const uint8_t *block) {
    float32x4_t d = half_all(block), q[4];
    for (int half = 0; half < 2; half++, y += 16) {
        bytes_widen(q, vreinterpretq_s8_u8(vld1q_u8(block + 2 + 16 * half)));
        for (int i = 0; i < 4; i++) vst1q_f32(y + 4 * i, vmulq_f32(d, q[i]));
    }
}

static inline void expand_q4_0(float *y, const uint8_t *block) {
    int8x16_t bytes[2];
    nibbles(bytes, block + 2);
    float32x4_t d = half_all(block), q[4];
    for (int half = 0; half < 2; half++, y += 16) {
        bytes_widen(q, vsubq_s8(bytes[half], vdupq_n_s8(8)));
        for (int i = 0; i < 4; i++) vst1q_f32(y + 4 * i, vmulq_f32(d, q[i]));
    }
}

static inline void expand_q4_1(float *y, const uint8_t *block) {
    int8x16_t bytes[2];
    nibbles(bytes, block + 4);
    float32x4_t d = half_all(block), m = half_all(block + 2), q[4];
    for (int half = 0; half < 2; half++, y += 16) {
        bytes_widen(q, bytes[half]);
        for (int i = 0; i < 4; i++) vst1q_f32(y + 4 * i, lanes_fma(d, q[i], m));
    }
}

static void expand_f16(float *y, const uint8_t *at, size_t n) {
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) vst1q_f32(y + i, vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(at + 2 * i))));
    for (; i < n; i++) y[i] = f16_to_f32(half_at(at + 2 * i));
}

static void expand_bf16(float *y, const uint8_t *at, size_t n) {
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        uint32x4_t wide = vshll_n_u16(vreinterpret_u16_u8(vld1_u8(at + 2 * i)), 16);
        vst1q_f32(y + i, vreinterpretq_f32_u32(wide));
    }
    for (; i < n; i++) y[i] = bf16_to_f32(half_at(at + 2 * i));
}

void neon_quant_install(Kernels *table) { table->expand = expand; }
