#include "policies/flow.h"
#include "policies/portable.h"

#include <math.h>

/* Below it one first-order step is exact to rounding (its relative error is
 * `reach`), and the difference of two places is not. */
#define REACH_TINY 1e-8
/* A label nearer to 0 or 1 than this is that. */
#define LABEL_TINY 1e-9
/* exp(v) has room up to 709. */
#define ODDS_MAX  700.0
#define STEPS_MAX 60

double flow_sigmoid(double q)
{
    return 1.0 / (1.0 + portable_exp(-q));
}

double flow_squared(double q, double z, double reach)
{
    return (q - z) * portable_expm1(-reach);
}

/* The root of v + exp(v) = c, by Newton's method; from above the root where
 * that matters. */
static double root_of_hard(double c)
{
    double v = c > 1.0 ? portable_log(c) : c > -1.0 ? c - 1.0 : c;

    for (int i = 0; i < STEPS_MAX; i++) {
        double e = portable_exp(v);
        double step = (v + e - c) / (1.0 + e);
        v -= step;
        if (fabs(step) <= 1e-15 * fmax(1.0, fabs(v)))
            break;
    }
    return v;
}

/* Label 1 and l = ln(1 + exp(-v)): v + exp(v) grows as `reach`. */
static double flow_hard(double v, double reach)
{
    if (v > ODDS_MAX)
        return 0.0; /* to rounding */
    if (reach < REACH_TINY)
        return reach * flow_sigmoid(-v);
    return fmax(root_of_hard(v + portable_exp(v) + reach) - v, 0.0);
}

/* The soft label's flow keeps to one side of its end u = ln(z/(1 - z)). With
 * m = |q - u| and a = z above the end, 1 - z below it,
 *     H(m) = -a m - ln(1 - exp(-m))
 * grows as z (1 - z) reach. (That is F of bandits.md, 2.2, times z (1 - z) and
 * shifted; written so, it loses no digits near the end.) */
static double soft_height(double a, double m)
{
    return -a * m - portable_log(-portable_expm1(-m));
}

/* The root of H(m) = height, which is less than `from`. H is convex and falls,
 * so that Newton's method from below goes up to the root and not past it. Two
 * bounds of the root from below: H >= -a m and H >= -a m - ln m. */
static double root_of_soft(double a, double height, double from)
{
    double most = fmin(from, 1.0);
    double guess = portable_exp(-height - a * most);
    double m = height < 0.0 ? -height / a : 0.0;

    if (guess <= most)
        m = fmax(m, guess);
    for (int i = 0; i < STEPS_MAX && m > 0.0; i++) {
        double step =
                (soft_height(a, m) - height) / (a + 1.0 / portable_expm1(m));
        m += step;
        if (fabs(step) <= 1e-15 * m)
            break;
    }
    return fmin(m, from);
}

static double flow_soft(double q, double z, double reach)
{
    double end = portable_log(z) - portable_log1p(-z);
    double m = fabs(q - end);
    double a = q > end ? z : 1.0 - z;
    double moved;

    if (reach < REACH_TINY)
        return (z - flow_sigmoid(q)) * reach;
    if (m == 0.0)
        return 0.0;
    moved = m - root_of_soft(a, soft_height(a, m) + z * (1.0 - z) * reach, m);
    return q > end ? -moved : moved;
}

double flow_logistic(double q, double z, double reach)
{
    if (z > 1.0 - LABEL_TINY)
        return flow_hard(q, reach);
    if (z < LABEL_TINY)
        return -flow_hard(-q, reach);
    return flow_soft(q, z, reach);
}
