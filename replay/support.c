#include "replay/support.h"

#include "base/check.h"

#include <math.h>
#include <stdio.h>

static double rarer_of(const struct ope_sums *sums)
{
    uint64_t kinds = sums->zeros + sums->ones;

    if ((double)kinds != sums->count)
        return -1.0;
    return (double)(sums->zeros < sums->ones ? sums->zeros : sums->ones);
}

struct support support_of(const struct ope_sums *raw)
{
    struct ope_sums even = ope_normalised(raw);
    const struct ope_sums *sums = &even;
    double n = sums->count, excess;
    struct support out = {.count = n, .rarer = rarer_of(sums)};

    if (n < 1.0)
        return out;
    out.missing = sums->missing / n;
    if (sums->ww > 0.0) {
        out.ess = sums->w * sums->w / sums->ww;
        out.largest_share = sums->most / sums->w;
    }
    if (sums->partial > 0.0)
        out.design_ess = out.ess;
    else if (sums->square > 0.0)
        out.design_ess = n * n / sums->square;
    /* Of whole vectors the variance of w is known; otherwise it is that of the
     * sample. E[w] is 1 less what is missing. */
    excess = sums->partial > 0.0 ? sums->ww - 2.0 * sums->vvw + n + sums->extra2
                                 : sums->square - n - sums->extra2;
    if (excess > 1e-9 * n)
        out.z = (sums->w - (n - sums->missing)) / sqrt(excess);
    return out;
}

void overlap_add(struct overlap *table, const uint32_t *place,
        const struct ope_event *event)
{
    for (uint32_t a = 0; a < event->count; a++) {
        struct overlap *at = &table[place[a]];
        double p = event->logged[a], share = event->target[a];
        at->eligible++;
        at->logged += p;
        at->target += share;
        if (p > 0.0) {
            at->square += share * share / p;
            if (at->smallest == 0.0 || p < at->smallest)
                at->smallest = p;
        } else {
            at->missing += share;
            at->unsupported += share > 0.0;
        }
    }
    table[place[event->chosen]].chosen++;
    table[place[event->chosen]].reward += event->reward;
}

static unsigned reasons_of(
        const struct support *support, const struct support_limits *limits)
{
    unsigned out = 0;

    if (support->count < 1.0)
        return SUPPORT_EMPTY;
    if (support->missing > limits->missing)
        out |= SUPPORT_MISSING;
    if (support->design_ess < limits->ess_ranking)
        out |= SUPPORT_ESS_RANKING;
    if (support->design_ess < limits->ess_interval)
        out |= SUPPORT_ESS_INTERVAL;
    if (support->largest_share > limits->largest_share)
        out |= SUPPORT_SHARE;
    if (fabs(support->z) > limits->mean_weight)
        out |= SUPPORT_WEIGHTS;
    if (support->rarer >= 0.0 && support->rarer < limits->rarer)
        out |= SUPPORT_RARER;
    return out;
}

static double blame(const struct overlap *at, bool missing)
{
    return missing ? at->missing : at->square;
}

/* The places that a verdict names: most to blame first. */
static void name_worst(struct verdict *verdict, const struct overlap *table,
        uint32_t places, bool missing)
{
    double all = 0.0;

    for (uint32_t i = 0; i < places; i++) {
        double share = blame(&table[i], missing);
        uint32_t at = verdict->worst_count;
        all += share;
        if (share <= 0.0)
            continue;
        if (at < SUPPORT_ACTIONS_NAMED)
            verdict->worst_count++;
        else if (share > verdict->worst_share[at - 1])
            at--;
        else
            continue;
        for (; at > 0 && verdict->worst_share[at - 1] < share; at--) {
            verdict->worst[at] = verdict->worst[at - 1];
            verdict->worst_share[at] = verdict->worst_share[at - 1];
        }
        verdict->worst[at] = i;
        verdict->worst_share[at] = share;
    }
    for (uint32_t i = 0; i < verdict->worst_count; i++)
        verdict->worst_share[i] /= all;
}

static double more_rows(
        const struct support *support, const struct support_limits *limits)
{
    if (support->design_ess <= 0.0)
        return INFINITY;
    return support->design_ess >= limits->ess_ranking
            ? 0.0
            : ceil(support->count *
                      (limits->ess_ranking / support->design_ess - 1.0));
}

struct verdict support_judge(const struct support *support,
        const struct support_limits *limits, const struct overlap *table,
        uint32_t places)
{
    struct verdict out = {.reasons = reasons_of(support, limits)};
    bool missing = (out.reasons & SUPPORT_MISSING) != 0;

    out.ranked = out.reasons == 0;
    out.intervals = (out.reasons & ~(unsigned)SUPPORT_ESS_RANKING) == 0;
    out.more_rows = missing ? (double)INFINITY : more_rows(support, limits);
    if (!out.ranked && table != NULL)
        name_worst(&out, table, places, missing);
    return out;
}

void support_reason_text(const struct support *support,
        const struct support_limits *limits, enum support_reason reason,
        char *out, size_t size)
{
    switch (reason) {
    case SUPPORT_MISSING:
        (void)snprintf(out, size,
                "%.3g of its choices were never possible in the log, at most "
                "%.3g may be",
                support->missing, limits->missing);
        return;
    case SUPPORT_ESS_RANKING:
        (void)snprintf(out, size,
                "the design effective sample size is %.0f of %.0f rows, %.0f "
                "are needed to rank it",
                support->design_ess, support->count, limits->ess_ranking);
        return;
    case SUPPORT_ESS_INTERVAL:
        (void)snprintf(out, size,
                "the design effective sample size is %.0f, intervals need "
                "%.0f",
                support->design_ess, limits->ess_interval);
        return;
    case SUPPORT_SHARE:
        (void)snprintf(out, size,
                "one row carries %.0f %% of the weight, at most %.0f %% may be",
                100.0 * support->largest_share, 100.0 * limits->largest_share);
        return;
    case SUPPORT_WEIGHTS:
        (void)snprintf(out, size,
                "the mean weight is %.1f standard deviations from 1, at most "
                "%.1f may be: the logged probabilities are not those of the "
                "draws, or support is far too thin",
                support->z, limits->mean_weight);
        return;
    case SUPPORT_RARER:
        (void)snprintf(out, size,
                "there are %.0f rewards of the rarer kind, %.0f are needed",
                support->rarer, limits->rarer);
        return;
    case SUPPORT_EMPTY:
        (void)snprintf(out, size, "there are no rows");
        return;
    }
    CHECK_UNREACHABLE();
}

double support_events_needed(
        double rows, double actions, double floor, double eligible)
{
    return floor > 0.0 && eligible > 0.0
            ? ceil(rows * actions / (floor * eligible))
            : (double)INFINITY;
}
