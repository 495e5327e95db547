/* How often intervals hold the truth, over RUNS simulated logs of each kind
 * (default 1,000) with ROWS rows (default 5,000): `make coverage`. Fails if one
 * that is said to hold at 95 % does in less than 93.5 % (for fewer runs than
 * 1,000: less by more than 2.2 binomial errors), if IPS or DR are biased by
 * more than 3 standard errors, or if the mean squared error of DR is above that
 * of IPS, or of DM where the model is wrong. */
#include "tests/lib/coverage.h"

#include <stdio.h>
#include <stdlib.h>

#define RUNS_MAX 100000u
/* Fewer accepted runs than this say nothing of a rate. */
#define ACCEPTED_MIN 100u

struct tally {
    uint32_t runs, accepted;
    uint32_t counted[COVERAGE_INTERVALS], held[COVERAGE_INTERVALS];
    struct moments width[COVERAGE_INTERVALS];
    struct moments error[OPE_ESTIMATORS];
    struct moments squared[OPE_ESTIMATORS];
    struct moments ess;
};

static uint32_t from_environment(const char *name, uint32_t fallback)
{
    const char *text = getenv(name);
    unsigned long value = text == NULL ? 0 : strtoul(text, NULL, 10);

    return value > 0 && value <= 10000000ul ? (uint32_t)value : fallback;
}

static void add_run(struct tally *tally, const struct coverage_run *run)
{
    tally->runs++;
    tally->accepted += run->accepted;
    moments_add(&tally->ess, run->design_ess);
    for (int i = 0; i < COVERAGE_INTERVALS; i++) {
        if (coverage_needs_verdict[i] && !run->accepted)
            continue;
        tally->counted[i]++;
        tally->held[i] += run->held[i];
        if (isfinite(run->width[i]))
            moments_add(&tally->width[i], run->width[i]);
    }
    for (int i = 0; i < OPE_ESTIMATORS; i++) {
        moments_add(&tally->error[i], run->error[i]);
        moments_add(&tally->squared[i], run->error[i] * run->error[i]);
    }
}

static double standard_error(const struct moments *moments)
{
    return sqrt(moments_variance(moments) / moments->count);
}

static double least_share(uint32_t runs)
{
    return runs >= 1000 ? 0.935 : 0.95 - 2.2 * sqrt(0.95 * 0.05 / runs);
}

static bool print_intervals(const struct tally *tally)
{
    bool well = true;

    for (int i = 0; i < COVERAGE_INTERVALS; i++) {
        double share = (double)tally->held[i] / (double)tally->counted[i];
        bool judged = tally->counted[i] >= ACCEPTED_MIN ||
                tally->counted[i] == tally->runs;
        bool bad = judged && share < least_share(tally->counted[i]);
        printf("  %-32s", coverage_interval_names[i]);
        if (!judged)
            printf(" refused\n");
        else
            printf(" %.4f of %5u  width %.4f%s\n", share, tally->counted[i],
                    tally->width[i].count > 0 ? tally->width[i].mean
                                              : (double)NAN,
                    bad ? "  TOO LOW" : "");
        well &= !bad;
    }
    return well;
}

static bool print_estimators(
        const struct coverage_kind *kind, const struct tally *tally)
{
    double ips = tally->squared[OPE_IPS].mean, dr = tally->squared[OPE_DR].mean;
    bool well = true;

    for (int i = 0; i < OPE_MRDR; i++) {
        double bias = tally->error[i].mean;
        double error = standard_error(&tally->error[i]);
        bool claimed = i == OPE_IPS || i == OPE_DR;
        bool bad = claimed && fabs(bias) > 3.0 * error + 1e-12;
        printf("  %-8s bias %+.5f (se %.5f)  rmse %.5f%s\n",
                ope_estimator_name((enum ope_estimator)i), bias, error,
                sqrt(tally->squared[i].mean), bad ? "  BIASED" : "");
        well &= !bad;
    }
    /* A model that is right to within noise makes dr's variance smaller than
     * that of ips; a wrong one leaves dm with its bias. */
    if (dr > ips && kind->scale > 0.0) {
        printf("  dr is worse than ips\n");
        well = false;
    }
    if (kind->wrong_model && dr > tally->squared[OPE_DM].mean) {
        printf("  dr is worse than dm, whose model is wrong\n");
        well = false;
    }
    return well;
}

int main(void)
{
    static struct bootstrap bootstrap;
    uint32_t runs = from_environment("RUNS", 1000);
    uint32_t rows = from_environment("ROWS", 5000);
    bool well = true;

    for (uint32_t kind = 0; kind < COVERAGE_KINDS; kind++) {
        struct tally tally = {0};
        for (uint32_t i = 0; i < runs && i < RUNS_MAX; i++) {
            struct coverage_run run =
                    coverage_simulate(kind, i, rows, &bootstrap);
            add_run(&tally, &run);
        }
        printf("%s: %u runs of %u rows, design ess %.0f, %.1f %% refused\n",
                coverage_kinds[kind].name, tally.runs, rows, tally.ess.mean,
                100.0 * (1.0 - (double)tally.accepted / tally.runs));
        well &= print_intervals(&tally);
        well &= print_estimators(&coverage_kinds[kind], &tally);
        (void)fflush(stdout);
    }
    printf("%s\n", well ? "all hold" : "NOT ALL HOLD");
    return well ? 0 : 1;
}
