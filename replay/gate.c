#include "replay/gate.h"

#include "replay/support.h"

#include <math.h>

/* The difference that reports of power are about. */
#define POWER_LOSS 0.005

static const struct option_row rows[] = {
        GATE_VETO_ROWS("", 0), GATE_REFUSAL_ROWS("", 0)};

const struct option_table gate_option_table = {
        rows, ARRAY_COUNT(rows), sizeof(struct gate_options)};

double gate_alpha(double alpha, uint32_t k)
{
    double n = k < 1 ? 1.0 : (double)k;

    return 6.0 * alpha / (M_PI * M_PI * n * n);
}

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x / M_SQRT2);
}

/* Both limits of a sequence; each side by itself has its alpha. */
static bool limits_of(
        const struct asymptotic_sequence *sequence, struct gate_report *report)
{
    double n = sequence->terms.count;
    double variance = moments_variance_biased(&sequence->terms);

    report->rows = n;
    report->alpha = sequence->alpha / 2.0;
    report->estimate = n > 0.0 ? sequence->terms.mean : 0.0;
    report->error = n > 1.0 ? sqrt(variance / n) : (double)INFINITY;
    report->limits = (struct interval){-INFINITY, INFINITY};
    report->power = report->error > 0.0 && isfinite(report->error)
            ? normal_cdf(POWER_LOSS / report->error +
                      normal_quantile(sequence->alpha / 2.0))
            : 0.0;
    return asymptotic_sequence_limits(sequence, &report->limits);
}

/* ---- veto ---- */

struct gate_veto gate_veto_begin(
        const struct gate_options *options, uint32_t k, double planned)
{
    struct gate_veto veto = {
            .strict = options->strict, .margin = options->margin};

    veto.sequence = asymptotic_sequence_begin(
            2.0 * gate_alpha(options->alpha, k), fmax(planned, 100.0));
    return veto;
}

void gate_veto_add(struct gate_veto *veto, const struct ope_event *event,
        const double *champion)
{
    struct ope_row row = ope_row(event);

    veto->missing += row.missing;
    veto->most = fmax(veto->most, row.weight);
    veto->weights += row.weight;
    asymptotic_sequence_add(&veto->sequence,
            ope_term_difference(event, champion),
            ope_difference_square(event, champion));
}

static bool supported(const struct gate_veto *veto)
{
    const struct support_limits limits = SUPPORT_LIMITS_DEFAULT;

    return veto->missing <= limits.missing * veto->sequence.terms.count;
}

struct gate_report gate_veto_report(const struct gate_veto *veto)
{
    struct gate_report report = {.verdict = GATE_PASS};
    bool known = limits_of(&veto->sequence, &report);
    bool worse = known && report.limits.upper < 0.0;
    bool proved = known && report.limits.lower > -veto->margin;

    if (!supported(veto))
        report.verdict = GATE_UNSUPPORTED;
    else if (worse || (veto->strict && !proved))
        report.verdict = GATE_BLOCK;
    return report;
}

/* ---- canary ---- */

void gate_canary_add(struct gate_canary *canary, double term)
{
    canary->events += 1.0;
    canary->sum += term;
    canary->squares += term * term;
}

/* A term has no weight that few rows could hide: each counts as one row for the
 * sequence's start. */
static struct asymptotic_sequence sequence_of(
        const struct gate_canary_rules *rules, uint32_t k,
        const struct gate_canary *canary)
{
    double n = canary->events;
    struct asymptotic_sequence sequence = asymptotic_sequence_begin(
            2.0 * gate_alpha(rules->alpha, k), rules->planned);

    if (!(n > 0.0))
        return sequence;
    sequence.terms.count = n;
    sequence.terms.mean = canary->sum / n;
    sequence.terms.squares =
            fmax(0.0, canary->squares - canary->sum * canary->sum / n);
    sequence.square = n;
    return sequence;
}

struct gate_report gate_canary_report(const struct gate_canary_rules *rules,
        uint32_t k, const struct gate_canary *canary)
{
    struct asymptotic_sequence sequence = sequence_of(rules, k, canary);
    struct gate_report report = {.verdict = GATE_WAIT};
    bool known = limits_of(&sequence, &report);

    if (!known || canary->events < rules->least)
        return report;
    if (report.limits.upper < 0.0)
        report.verdict = GATE_BLOCK;
    else if (report.limits.lower > -rules->margin)
        report.verdict = GATE_PASS;
    else if (canary->events >= rules->most)
        report.verdict = GATE_UNDECIDED;
    return report;
}

/* ---- what follows ---- */

bool gate_mixes(const struct gate_options *options, uint64_t refused)
{
    return options->mixing > 0.0 && refused + 1 >= options->blocks;
}

enum gate_action gate_after_veto(const struct gate_options *options,
        enum gate_verdict verdict, uint64_t *refused)
{
    bool mixes = gate_mixes(options, *refused);

    if (!options->veto || verdict == GATE_PASS) {
        *refused = 0;
        return GATE_PROMOTE;
    }
    (*refused)++;
    return mixes ? GATE_MIX : GATE_KEEP;
}
