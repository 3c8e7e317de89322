// Rows of layers, four lanes at a time: the formulas of scalar/row.c.
#include "tensor/kernels/neon/math.h"
// The text follows its lanes.
#include "tensor/kernels/lanes_row.h"

static float rmsnorm_dot(const float *dy, const float *w, const float *x, size_t n) {
    float32x4_t s[PARTS] = {lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f), lanes_all(0.0f)};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t part = 0; part < PARTS; part++) {
            size_t at = i + part * WIDTH;
            float32x4_t g = vmulq_f32(lanes_load(dy, at, n), lanes_load(w, at, n));
            s[part] = vaddq_f32(s[part], vmulq_f32(g, lanes_load(x, at, n)));
        }
    return lanes_sum(s);
}

void neon_row_install(Kernels *table) {
    lanes_row_install(table);
    table->rmsnorm_dot = rmsnorm_dot;
}
