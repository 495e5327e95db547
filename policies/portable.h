/* Functions whose results end in a logged probability: the exponential, the
 * logarithm and the normal distribution, by additions, multiplications,
 * divisions and square roots only, so that they have the same bits on every
 * machine. Those of a mathematics library do not: glibc picks another exp and
 * log on processors with fused multiply-add.
 *
 * Kernels over arrays are laid out for vectorising. Errors are relative. */
#ifndef POLICIES_PORTABLE_H
#define POLICIES_PORTABLE_H

#include <stdint.h>

/* y[i] = exp(x[i]) within 1e-15; 0 below -708.7, and exp(709) above 709. x and
 * y may be the same array. */
void portable_exps(const double *x, double *y, uint32_t count);
double portable_exp(double x);

/* ln x within 1e-15 of max(1, |ln x|), for x > 0; -infinity below. */
double portable_log(double x);
/* ln(1 + x) and exp(x) - 1 within 1e-15 of max(1, |result|), and near 0 within
 * 2e-15, relative. */
double portable_log1p(double x);
double portable_expm1(double x);

/* x^y for x >= 0 within 1e-13; 0^0 = 1. */
double portable_pow(double x, double y);

/* The normal distribution function at x <= 0: within 1e-13, relative, down to
 * -37; 0 below. (At x > 0 it is 1 minus that of -x.) */
double portable_normal_tail(double x);

/* z[i] = the standard normal of which a share of (words[i] + 1/2)/2^32 lies
 * below (Wichura 1988, algorithm AS 241, within 1e-15 of it). Uniform words
 * give normals up to the grain of 2^-32; |z| <= PORTABLE_NORMAL_MAX. */
void portable_normals(const uint32_t *words, double *z, uint32_t count);
#define PORTABLE_NORMAL_MAX 6.34

#endif
