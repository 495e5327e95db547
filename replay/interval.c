#include "replay/interval.h"

#include <math.h>

/* ---- normal ---- */

/* By bisection and Newton's steps on erfc: exact to rounding. */
double normal_quantile(double share)
{
    double low = -40.0, high = 40.0;

    for (int i = 0; i < 200 && high - low > 1e-15 * (1.0 + fabs(low)); i++) {
        double middle = 0.5 * (low + high);
        if (0.5 * erfc(-middle * M_SQRT1_2) < share)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

struct interval interval_normal(
        const struct ope_estimate *estimate, double alpha)
{
    double half = -normal_quantile(alpha / 2.0) * estimate->error;

    return (struct interval){estimate->value - half, estimate->value + half};
}

struct interval interval_bernstein(
        const struct moments *terms, double range, double alpha)
{
    double n = terms->count, spread = log(4.0 / alpha), half;

    if (n < 2.0 || terms->extra > 0.0)
        return (struct interval){-INFINITY, INFINITY};
    half = sqrt(2.0 * moments_variance(terms) * spread / n) +
            7.0 * range * spread / (3.0 * (n - 1.0));
    return (struct interval){terms->mean - half, terms->mean + half};
}

/* ---- Cressie-Read ---- */

/* The rows as the optimisation sees them; the pseudo-row has reward `extra`. */
struct likelihood {
    double n;
    double w, ww, wr, wwr, wwrr;
    double phi;
    double extra;
};

/* The least value for a pseudo-row of weight `weight`; NAN if there is none. */
static double candidate(double x, double y, double z)
{
    double product = y * z;

    if (fabs(product) < 1e-12)
        product = 0.0;
    return z <= 0.0 && product >= 0.0 ? x - sqrt(2.0 * product) : (double)NAN;
}

static double least_at(const struct likelihood *rows, double weight)
{
    double all = rows->n + 1.0, r = rows->extra;
    double w = (weight + rows->w) / all;
    double ww = (weight * weight + rows->ww) / all;
    double wr = (weight * r + rows->wr) / all;
    double wwr = (weight * weight * r + rows->wwr) / all;
    double wwrr = (weight * weight * r * r + rows->wwrr) / all;
    double spread = ww - w * w, slope;

    if (spread <= 0.0)
        return NAN;
    slope = (wwr - w * wr) / spread;
    return candidate(wr + (1.0 - w) * slope,
            slope * slope * spread - (wwrr - wr * wr),
            rows->phi + (1.0 - w) * (1.0 - w) / (2.0 * spread));
}

static double least_at_infinity(const struct likelihood *rows)
{
    double n = rows->n, all = n + 1.0, r = rows->extra;
    double gap = r * rows->w - rows->wr;

    return candidate(r + (rows->wr - rows->w * r) / n,
            gap * gap / (n * all) -
                    (r * r * rows->ww - 2.0 * r * rows->wwr + rows->wwrr) / all,
            rows->phi + 1.0 / (2.0 * n));
}

/* How far weights may be from uniform: the least that makes E[w] = 1, and the
 * quantile of chi squared with one degree of freedom. */
static double budget(const struct ope_sums *sums, double most, double alpha)
{
    double n = sums->count, all = n + 1.0, z = normal_quantile(alpha / 2.0);
    double weight = sums->w < n ? most : 0.0, mean, square, least;

    if (isinf(weight)) {
        least = 1.0 + 1.0 / n;
    } else {
        mean = (weight + sums->w) / all;
        square = (weight * weight + sums->ww) / all;
        least = square > mean * mean
                ? all * (mean - 1.0) * (mean - 1.0) / (square - mean * mean)
                : 0.0;
    }
    return -(least + z * z) / (2.0 * all);
}

/* The least value, within [bottom, top]. */
static double least(
        const struct likelihood *rows, double most, double bottom, double top)
{
    double light = least_at(rows, 0.0);
    double heavy = isinf(most) ? least_at_infinity(rows) : least_at(rows, most);
    double found = fmin(light, heavy); /* of NAN and a number: the number */

    return isnan(found) ? bottom : fmin(fmax(found, bottom), top);
}

struct interval interval_cressie_read(
        const struct ope_sums *sums, double most, double alpha)
{
    struct likelihood rows = {
            .n = sums->count,
            .w = sums->w,
            .ww = sums->ww,
            .wr = sums->wr,
            .wwr = sums->wwr,
            .wwrr = sums->wwrr,
    };
    struct interval out;

    if (sums->count < 1.0 || sums->extra > 0.0)
        return (struct interval){0.0, 1.0};
    rows.phi = budget(sums, most, alpha);
    out.lower = least(&rows, most, 0.0, 1.0);
    /* The greatest is minus the least for rewards -r. */
    rows.wr = -rows.wr;
    rows.wwr = -rows.wwr;
    rows.extra = -1.0;
    out.upper = -least(&rows, most, -1.0, 0.0);
    return out;
}

/* ---- Clopper-Pearson ---- */

/* The continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    double tiny = 1e-300, c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0), out;

    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    out = d;
    for (int m = 1; m < 100000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd =
                -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step;
        d = 1.0 + even * d;
        c = 1.0 + even / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        out *= d * c;
        d = 1.0 + odd * d;
        c = 1.0 + odd / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        step = d * c;
        out *= step;
        if (fabs(step - 1.0) < 1e-15)
            break;
    }
    return out;
}

/* The distribution function of Beta(a, b). */
static double beta_below(double a, double b, double x)
{
    int sign;
    double front;

    if (x <= 0.0 || x >= 1.0)
        return x <= 0.0 ? 0.0 : 1.0;
    front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) -
            lgamma_r(b, &sign) + a * log(x) + b * log1p(-x));
    return x < (a + 1.0) / (a + b + 2.0)
            ? front * beta_fraction(a, b, x) / a
            : 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

static double beta_quantile(double a, double b, double share)
{
    double low = 0.0, high = 1.0;

    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (beta_below(a, b, middle) < share)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

struct interval interval_clopper_pearson(
        const struct ope_sums *sums, double most, double alpha)
{
    double n = sums->count, s = sums->wr / most;
    struct interval out = {0.0, most};

    if (!(n >= 1.0) || isinf(most) || sums->extra > 0.0)
        return out;
    if (s > 0.0)
        out.lower = most * beta_quantile(s, n - s + 1.0, alpha / 2.0);
    if (s < n)
        out.upper = most * beta_quantile(s + 1.0, n - s, 1.0 - alpha / 2.0);
    return out;
}
