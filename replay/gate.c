#include "replay/gate.h"

#include "replay/support.h"

#include <math.h>

/* The difference that reports of power are about. */
#define POWER_LOSS 0.005
/* Verdicts of a canary before so many events would lean on few of them. */
#define CANARY_LEAST 2000.0

static const struct option_row rows[] = {
        GATE_VETO_ROWS("", 0), GATE_CANARY_ROWS("", 0)};

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

struct gate_canary gate_canary_begin(
        const struct gate_options *options, uint32_t k)
{
    struct gate_canary canary = {.margin = options->margin,
            .most = options->canary_max,
            .least = CANARY_LEAST};

    canary.sequence = asymptotic_sequence_begin(
            2.0 * gate_alpha(options->alpha, k), options->planned);
    return canary;
}

/* A term has no weight that few rows could hide: each counts as one row for the
 * sequence's start. */
void gate_canary_add(struct gate_canary *canary, double term)
{
    asymptotic_sequence_add(&canary->sequence, term, 1.0);
    canary->events += 1.0;
}

struct gate_report gate_canary_report(const struct gate_canary *canary)
{
    struct gate_report report = {.verdict = GATE_WAIT};
    bool known = limits_of(&canary->sequence, &report);

    bool proved = report.limits.lower > -canary->margin;

    if (!known || canary->events < canary->least)
        return report;
    if (report.limits.upper < 0.0 ||
            (!proved && canary->events >= canary->most))
        report.verdict = GATE_BLOCK;
    else if (proved)
        report.verdict = GATE_PASS;
    return report;
}

/* ---- what follows ---- */

static enum gate_action blocked(
        struct gate_state *state, const struct gate_options *options)
{
    state->blocked++;
    return state->blocked >= options->blocks && options->mixing > 0.0
            ? GATE_MIX
            : GATE_KEEP;
}

static enum gate_action promoted(struct gate_state *state)
{
    state->blocked = 0;
    return GATE_PROMOTE;
}

enum gate_action gate_after_veto(struct gate_state *state,
        const struct gate_options *options, enum gate_verdict verdict,
        double events, bool alarm)
{
    bool proof = options->proof == GATE_PROOF_ON ||
            (options->proof == GATE_PROOF_AUTO &&
                    events >= options->proof_events);

    state->vetoes++;
    if (options->veto && verdict != GATE_PASS)
        return blocked(state, options);
    if (!proof || alarm)
        return promoted(state);
    state->canaries++;
    return GATE_CANARY;
}

enum gate_action gate_after_canary(struct gate_state *state,
        const struct gate_options *options, enum gate_verdict verdict)
{
    return verdict == GATE_PASS ? promoted(state) : blocked(state, options);
}
