#include "tools/normal.h"

#include <math.h>

#include "tensor/kernels/kernels.h"

static const double E = 2.718281828459045235, ROOT = 2.506628274631000502;  // e, sqrt(2 pi)

double normal_exponential(double x) { return pow_real_f64(E, x); }

double normal_density(double x) { return normal_exponential(-x * x / 2) / ROOT; }

double normal_integral(double x) {
    if (x >= 8.5) return 1;
    if (x <= -8.5) return 0;
    // 1/2 + density(x) (x + x^3/3 + x^5/(3*5) + ...): all terms have one sign (Marsaglia, 2004).
    double term = x, sum = x;
    for (int k = 3; k < 400 && fabs(term) > 1e-17 * fabs(sum); k += 2) {
        term *= x * x / k;
        sum += term;
    }
    return 0.5 + normal_density(x) * sum;
}

double normal_arc_tangent(double x) {
    static const double HALF_PI = 1.5707963267948966192;
    if (x > 1) return HALF_PI - normal_arc_tangent(1 / x);
    if (x < -1) return -HALF_PI - normal_arc_tangent(1 / x);
    // Half the angle, three times: tan(a/2) = tan(a) / (1 + sqrt(1 + tan(a)^2)). Then x - x^3/3 + x^5/5 - ...
    for (int i = 0; i < 3; i++) x /= 1 + sqrt(1 + x * x);
    double power = x, sum = 0;
    for (int k = 1; k < 20; k += 2, power *= -x * x) sum += power / k;
    return 8 * sum;
}
