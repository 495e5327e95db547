#include "sim/drill_summary.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES_MAX 65536u

/* Sums and samples of the outages of one kind. */
struct sums {
    double rows, without, with, told, kept, price;
    uint32_t until_count, closed_count;
    double until[SAMPLES_MAX], closed[SAMPLES_MAX];
};

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The smallest of the sample that a share of it is not above. */
static double quantile(double *sample, uint32_t count, double share)
{
    uint32_t at = (uint32_t)(share * count);

    if (count == 0)
        return 0.0;
    qsort(sample, count, sizeof(*sample), ascending);
    return sample[at < count ? at : count - 1];
}

static double mean(const double *sample, uint32_t count)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++)
        sum += sample[i];
    return count > 0 ? sum / count : 0.0;
}

static void add_outage(const struct drill_outage *outage, struct sums *sums,
        struct drill_summary *summary)
{
    summary->count++;
    sums->rows += outage->rows;
    sums->without += outage->lost_without;
    sums->with += outage->lost_with;
    sums->told += outage->lost_told;
    if (outage->until_open == DRILL_NEVER)
        return;
    summary->opened++;
    sums->kept += outage->kept;
    sums->price += outage->price;
    if (sums->until_count < SAMPLES_MAX)
        sums->until[sums->until_count++] = outage->until_open;
    if (outage->until_closed != DRILL_NEVER && sums->closed_count < SAMPLES_MAX)
        sums->closed[sums->closed_count++] = outage->until_closed;
}

static void conclude(struct sums *sums, struct drill_summary *summary)
{
    double possible = sums->without - sums->told;

    summary->until_mean = mean(sums->until, sums->until_count);
    summary->until_95 = quantile(sums->until, sums->until_count, 0.95);
    summary->until_max = quantile(sums->until, sums->until_count, 1.0);
    summary->until_closed = quantile(sums->closed, sums->closed_count, 0.5);
    if (summary->opened > 0) {
        summary->kept = sums->kept / summary->opened;
        summary->price = sums->price / summary->opened;
    }
    if (sums->rows > 0.0) {
        summary->lost_without = 100.0 * sums->without / sums->rows;
        summary->lost_with = 100.0 * sums->with / sums->rows;
        summary->lost_told = 100.0 * sums->told / sums->rows;
    }
    if (possible > 0.0)
        summary->excess = (sums->with - sums->told) / possible;
}

void drill_summarise(const struct generations_run *runs, uint32_t seeds,
        enum drill_kind kind, struct drill_summary *summary)
{
    struct sums *sums = calloc(1, sizeof(*sums));

    memset(summary, 0, sizeof(*summary));
    if (sums == NULL)
        return;
    for (uint32_t s = 0; s < seeds; s++) {
        for (uint32_t g = 0; g < runs[s].count; g++) {
            const struct drill_outage *outage = &runs[s].value[g].outage;
            summary->false_openings += outage->false_openings;
            if (outage->there && (kind == DRILL_ANY || outage->kind == kind))
                add_outage(outage, sums, summary);
        }
        summary->noise_openings += runs[s].noise_openings;
    }
    conclude(sums, summary);
    free(sums);
}
