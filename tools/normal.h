// The normal distribution in double, by own arithmetic (numerics.md, A4), and the arc tangent that its integrals lead to.
#ifndef TOOLS_NORMAL_H
#define TOOLS_NORMAL_H

// e^x; relative error below 1e-12 for |x| < 100.
double normal_exponential(double x);

// exp(-x^2 / 2) / sqrt(2 pi): the density of N(0, 1); relative error below 1e-12 for |x| < 14, 0 far out.
double normal_density(double x);

// The integral of normal_density up to x; absolute error below 1e-12, 0 or 1 beyond |x| = 8.5. NaN stays NaN.
double normal_integral(double x);

// The angle in (-pi/2, pi/2) whose tangent is x; error below 1e-14; infinities give +-pi/2. NaN stays NaN.
double normal_arc_tangent(double x);

#endif
