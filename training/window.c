#include "training/window.h"

#include <math.h>

/* Mean and variance of the values of [from, from + count). */
static void moments(const struct example *list, size_t from, size_t count,
        double *mean, double *variance)
{
    double sum = 0.0, squares = 0.0;

    for (size_t i = 0; i < count; i++)
        sum += list[from + i].value;
    *mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double off = list[from + i].value - *mean;
        squares += off * off;
    }
    *variance = squares / (double)(count - 1);
}

/* Variance between the means of the newest `count` segments, and what chance
 * gives it. */
struct between {
    double variance, chance;
};

static struct between between_of(const double *means, const double *variances,
        size_t count, size_t segment)
{
    double sum = 0.0, within = 0.0, squares = 0.0, mean;

    for (size_t i = 0; i < count; i++) {
        sum += means[i];
        within += variances[i];
    }
    mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (means[i] - mean) * (means[i] - mean);
    return (struct between){squares / (double)(count - 1),
            within / (double)count / (double)segment};
}

static double excess(struct between between)
{
    return fmax(0.0, between.variance - between.chance);
}

struct window window_of(const struct example *list, size_t count, size_t floor)
{
    size_t segment = count / WINDOW_SEGMENTS > WINDOW_SEGMENT_MIN
            ? count / WINDOW_SEGMENTS
            : WINDOW_SEGMENT_MIN;
    size_t segments = count / segment, least = floor < count ? floor : count;
    double means[WINDOW_SEGMENTS + 1], variances[WINDOW_SEGMENTS + 1], most;
    struct window window = {.rows = count, .segments = segments};
    struct between all;

    if (segments > WINDOW_SEGMENTS)
        segments = WINDOW_SEGMENTS;
    if (segments < 3)
        return window;
    for (size_t i = 0; i < segments; i++)
        moments(list, count - (i + 1) * segment, segment, &means[i],
                &variances[i]);
    all = between_of(means, variances, segments, segment);
    most = excess(all);
    window.ratio = all.chance > 0.0 ? all.variance / all.chance
            : all.variance > 0.0    ? HUGE_VAL
                                    : 0.0;
    window.stationary =
            window.ratio < 1.0 + 3.0 * sqrt(2.0 / (double)(segments - 1));
    window.rows = least;
    if (window.stationary)
        return window;
    for (size_t k = 2; k <= segments; k++)
        if (excess(between_of(means, variances, k, segment)) >= 0.95 * most) {
            window.rows = k * segment > least ? k * segment : least;
            return window;
        }
    window.rows = count;
    return window;
}
