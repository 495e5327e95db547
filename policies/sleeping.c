#include "policies/sleeping.h"
#include "policies/portable.h"

#include <math.h>

/* Rate of the specialists' mixture: the square loss on [0,1] is mixable at
 * 1/2 (groupwise.md, section 8, step 3). */
#define SPECIALISTS_RATE 0.5

double anh_log_weight(double regret, double variation)
{
    double scale = 3.0 * (variation + 1.0);
    double high = fmax(regret + 1.0, 0.0);
    double low = fmax(regret - 1.0, 0.0);
    double a = high * high / scale;
    double b = low * low / scale;

    if (regret <= -1.0)
        return -INFINITY;
    return a + portable_log(-portable_expm1(b - a)) - portable_log(2.0);
}

/* p from log weights in place; all -inf gives the uniform distribution. */
static void normalise(double *p, uint32_t count)
{
    double most = -INFINITY;
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++)
        most = fmax(most, p[i]);
    for (uint32_t i = 0; i < count; i++) {
        p[i] = isinf(most) ? 1.0 : portable_exp(p[i] - most);
        sum += p[i];
    }
    for (uint32_t i = 0; i < count; i++)
        p[i] /= sum;
}

void anh_weights(const double *regret, const double *variation, uint32_t count,
        double *p)
{
    for (uint32_t i = 0; i < count; i++)
        p[i] = anh_log_weight(regret[i], variation[i]);
    normalise(p, count);
}

double anh_update(double *regret, double *variation, const double *p,
        const double *losses, uint32_t count)
{
    double mean = 0.0;

    for (uint32_t i = 0; i < count; i++)
        mean += p[i] * losses[i];
    for (uint32_t i = 0; i < count; i++) {
        double gain = mean - losses[i];
        regret[i] += gain;
        variation[i] += fabs(gain);
    }
    return mean;
}

void specialists_weights(const double *log_weight, uint32_t count, double *p)
{
    for (uint32_t i = 0; i < count; i++)
        p[i] = log_weight[i];
    normalise(p, count);
}

double specialists_update(double *log_weight, const double *p,
        const double *losses, uint32_t count)
{
    double sum = 0.0;
    double mix;

    for (uint32_t i = 0; i < count; i++)
        sum += p[i] * portable_exp(-SPECIALISTS_RATE * losses[i]);
    mix = -portable_log(sum) / SPECIALISTS_RATE;
    for (uint32_t i = 0; i < count; i++)
        log_weight[i] += SPECIALISTS_RATE * (mix - losses[i]);
    return mix;
}
