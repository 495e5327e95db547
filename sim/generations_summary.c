/* Definitions of payments.md, section 4. Values in percentage points. */
#include "sim/generations.h"

#include <math.h>
#include <string.h>

#define POINTS 100.0

/* Mean, and its standard error over seeds. */
struct tally {
    double sum, squares;
    uint32_t count;
};

static void add(struct tally *tally, double x)
{
    tally->sum += x;
    tally->squares += x * x;
    tally->count++;
}

static double mean_of(const struct tally *tally)
{
    return tally->count > 0 ? tally->sum / tally->count : 0.0;
}

static double error_of(const struct tally *tally)
{
    double n = tally->count, mean = mean_of(tally);

    if (tally->count < 2)
        return 0.0;
    return sqrt(fmax(tally->squares / n - mean * mean, 0.0) / (n - 1.0));
}

static double points(const struct generations_run *run, uint32_t generation)
{
    return POINTS * run->value[generation].v;
}

static double mean_value(const struct generations_run *run)
{
    double sum = 0.0;

    for (uint32_t g = 1; g < run->count; g++)
        sum += points(run, g);
    return sum / (run->count - 1);
}

/* Falls of one run, and the largest distance below the best so far. */
static void falls_of(
        const struct generations_run *run, struct generations_summary *out)
{
    double worst = 0.0, best = points(run, 1), below = 0.0;

    for (uint32_t g = 1; g + 1 < run->count; g++) {
        double fall = points(run, g) - points(run, g + 1);
        out->drops_small += fall > 0.05;
        out->drops_large += fall > 0.3;
        worst = fmax(worst, fall);
        best = fmax(best, points(run, g));
        below = fmax(below, best - points(run, g + 1));
    }
    out->worst_drop += worst;
    out->drawdown += below;
}

/* What its gate did. */
static void gate_of(
        const struct generations_run *run, struct generations_summary *out)
{
    for (uint32_t g = 1; g < run->count; g++) {
        const struct generation_values *value = &run->value[g];
        out->blocked += value->blocked;
        out->blocked_better += value->blocked && value->truth > 0.0;
        out->covered +=
                fabs(value->estimate - value->truth) <= 1.96 * value->error;
    }
}

static double odd_minus_even(const struct generations_run *run)
{
    double sum[2] = {0.0, 0.0};
    uint32_t count[2] = {0, 0};

    for (uint32_t g = 1; g < run->count; g++) {
        sum[g % 2] += points(run, g);
        count[g % 2]++;
    }
    return count[0] == 0 ? 0.0 : sum[1] / count[1] - sum[0] / count[0];
}

/* (mean V_g - mean uniform)/(mean best - mean uniform); with `greedy` V_g is
 * that of the best predicted action alone. */
static double share_at(const struct generations_run *runs, uint32_t seeds,
        uint32_t generation, bool greedy)
{
    double v = 0.0, uniform = 0.0, best = 0.0;

    for (uint32_t s = 0; s < seeds; s++) {
        const struct generation_values *value = &runs[s].value[generation];
        v += greedy ? value->greedy : value->v;
        uniform += value->uniform;
        best += value->best;
    }
    return (v - uniform) / (best - uniform);
}

void generations_summarise(const struct generations_run *runs, uint32_t seeds,
        struct generations_summary *out)
{
    uint32_t last = runs[0].count - 1, tenth = last < 10 ? last : 10;
    double transitions = last > 1 ? (double)seeds * (last - 1) : 1.0;
    struct tally d21 = {0}, odd = {0};

    memset(out, 0, sizeof(*out));
    out->seeds = seeds;
    out->d21_least = INFINITY;
    for (uint32_t g = 0; g <= last; g++) {
        struct tally v = {0};
        for (uint32_t s = 0; s < seeds; s++)
            add(&v, points(&runs[s], g));
        out->v[g] = mean_of(&v);
        out->v_se[g] = error_of(&v);
    }
    for (uint32_t s = 0; s < seeds; s++) {
        const struct generation_values *value = runs[s].value;
        double step = last > 1 ? points(&runs[s], 2) - points(&runs[s], 1) : 0;
        add(&d21, step);
        out->d21_least = fmin(out->d21_least, step);
        add(&odd, odd_minus_even(&runs[s]));
        falls_of(&runs[s], out);
        gate_of(&runs[s], out);
        out->mean_v += mean_value(&runs[s]) / seeds;
        out->bias_first += POINTS * value[1].bias_top / seeds;
        out->bias_last += POINTS * value[last].bias_top / seeds;
        out->distance_last += value[last].distance / seeds;
        out->effective_last += value[last].effective / seeds;
        out->rows_last += value[last].rows / seeds;
    }
    out->d21 = mean_of(&d21);
    out->d21_se = error_of(&d21);
    out->odd_even = mean_of(&odd);
    out->odd_even_se = error_of(&odd);
    out->drops_small /= transitions;
    out->drops_large /= transitions;
    out->blocked /= (double)seeds * last;
    out->blocked_better /= (double)seeds * last;
    out->covered /= (double)seeds * last;
    out->worst_drop /= seeds;
    out->drawdown /= seeds;
    out->gain = out->v[last] - out->v[1];
    out->share_of_gap = share_at(runs, seeds, last, false);
    out->share_of_gap_10 = share_at(runs, seeds, tenth, false);
    out->share_of_gap_greedy_10 = share_at(runs, seeds, tenth, true);
}

void generations_difference(const struct generations_run *runs,
        const struct generations_run *others, uint32_t seeds, double *mean,
        double *se)
{
    struct tally difference = {0};

    for (uint32_t s = 0; s < seeds; s++)
        add(&difference, mean_value(&runs[s]) - mean_value(&others[s]));
    *mean = mean_of(&difference);
    *se = error_of(&difference);
}

/* ---- accounts ---- */

static void mean_account(
        const struct generations_run *run, struct generation_account *mean)
{
    double count = run->count - 1;

    for (uint32_t g = 1; g < run->count; g++) {
        const struct generation_account *one = &run->value[g].account;
        mean->approved += one->approved / count;
        mean->tries += one->tries / count;
        mean->fees += one->fees / count;
        mean->chargebacks += one->chargebacks / count;
        mean->charged_back += one->charged_back / count;
        mean->net += one->net / count;
    }
}

void generations_account(const struct generations_run *runs,
        const struct generations_run *others, uint32_t seeds,
        struct generations_accounts *out)
{
    struct tally net = {0}, gain = {0};

    memset(out, 0, sizeof(*out));
    for (uint32_t s = 0; s < seeds; s++) {
        struct generation_account own = {0}, other = {0};
        mean_account(&runs[s], &own);
        mean_account(&others[s], &other);
        add(&net, own.net);
        add(&gain, own.net - other.net);
        out->mean.approved += own.approved / seeds;
        out->mean.tries += own.tries / seeds;
        out->mean.fees += own.fees / seeds;
        out->mean.chargebacks += own.chargebacks / seeds;
        out->mean.charged_back += own.charged_back / seeds;
    }
    out->mean.net = mean_of(&net);
    out->net_se = error_of(&net);
    out->gain = mean_of(&gain);
    out->gain_se = error_of(&gain);
}
