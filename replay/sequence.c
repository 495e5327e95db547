#include "replay/sequence.h"

#include "base/check.h"

#include <math.h>
#include <stddef.h>

#define ESS_START 100.0

/* ---- empirical Bernstein ---- */

struct bernstein_sequence bernstein_sequence_begin(
        double alpha, double ceiling, double start)
{
    return (struct bernstein_sequence){
            .alpha = alpha,
            .ceiling = ceiling,
            .start = start,
            .best = -INFINITY,
    };
}

static double psi(double bet)
{
    return -log1p(-bet) - bet;
}

/* Everything but z itself is of earlier rows: the bet is predictable. */
void bernstein_sequence_add(struct bernstein_sequence *sequence, double z)
{
    double t = sequence->count + 1.0;
    double mean =
            fmin(sequence->ceiling, (sequence->start + sequence->sum) / t);
    double variance = (0.25 + sequence->squares) / t;
    double bet = fmin(
            0.5, sqrt(2.0 * -log(sequence->alpha) / (variance * t * log1p(t))));
    double gap = (z - mean) * (z - mean);

    sequence->count = t;
    sequence->sum += z;
    sequence->squares += gap;
    sequence->bets += bet;
    sequence->gained += bet * z;
    sequence->paid += gap * psi(bet);
    sequence->best = fmax(sequence->best, bernstein_sequence_now(sequence));
}

double bernstein_sequence_now(const struct bernstein_sequence *sequence)
{
    if (sequence->count < 1.0)
        return -INFINITY;
    return (sequence->gained + log(sequence->alpha) - sequence->paid) /
            sequence->bets;
}

double bernstein_sequence_limit(const struct bernstein_sequence *sequence)
{
    return sequence->best;
}

/* ---- values and gains ---- */

/* The same event as seen from above: reward and model turned round. The
 * prediction of action a is 1 - q(a), truncated anew. */
static double turned_term(const struct ope_event *event, double k)
{
    double weight = event->target[event->chosen] / event->logged[event->chosen];
    double term = 0.0, of_chosen = 0.0;

    for (uint32_t a = 0; a < event->count; a++) {
        double q = event->model == NULL ? 0.0 : 1.0 - event->model[a];
        double limit = k * event->logged[a];
        double product = q * event->target[a];
        double cut = product <= limit ? product : limit;
        term += cut;
        if (a == event->chosen)
            of_chosen = event->target[a] > 0.0 ? cut / event->target[a] : 0.0;
    }
    return term + weight * (1.0 - event->reward - of_chosen);
}

struct value_sequence value_sequence_begin(double alpha, double k)
{
    double ceiling = k < 0.0 ? 1.0 : 1.0 / (k + 1.0);
    double start = k < 0.0 ? 0.5 : 0.0;

    return (struct value_sequence){
            .lower = bernstein_sequence_begin(alpha / 2.0, ceiling, start),
            .upper = bernstein_sequence_begin(alpha / 2.0, ceiling, start),
            .k = k,
    };
}

void value_sequence_add(
        struct value_sequence *sequence, const struct ope_event *event)
{
    double k = sequence->k;

    CHECK(k < 0.0 || !event->partial);
    if (k < 0.0) {
        double w = event->target[event->chosen] / event->logged[event->chosen];
        bernstein_sequence_add(&sequence->lower, w * event->reward);
        bernstein_sequence_add(&sequence->upper, w * (1.0 - event->reward));
        return;
    }
    bernstein_sequence_add(
            &sequence->lower, ope_term_truncated(event, k) / (k + 1.0));
    bernstein_sequence_add(&sequence->upper, turned_term(event, k) / (k + 1.0));
}

struct interval value_sequence_limits(const struct value_sequence *sequence)
{
    double scale = sequence->k < 0.0 ? 1.0 : sequence->k + 1.0;

    return (struct interval){
            fmax(0.0, scale * bernstein_sequence_limit(&sequence->lower)),
            fmin(1.0, 1.0 - scale * bernstein_sequence_limit(&sequence->upper)),
    };
}

struct gain_sequence gain_sequence_begin(double alpha, double k)
{
    double ceiling = 1.0 / (k + 3.0);

    return (struct gain_sequence){
            .lower = bernstein_sequence_begin(alpha / 2.0, ceiling, 0.0),
            .upper = bernstein_sequence_begin(alpha / 2.0, ceiling, 0.0),
            .k = k,
    };
}

/* The champion's own term on a row that it logged: r - q(a_i) + sum_a p q. */
static double own_term(const struct ope_event *event)
{
    double term = event->reward;

    if (event->model == NULL)
        return term;
    term -= event->model[event->chosen];
    for (uint32_t a = 0; a < event->count; a++)
        term += event->logged[a] * event->model[a];
    return term;
}

/* The same for 1 - r and 1 - q, whose gain is the negative one. */
static double own_turned(const struct ope_event *event)
{
    return 1.0 - own_term(event);
}

void gain_sequence_add(
        struct gain_sequence *sequence, const struct ope_event *event)
{
    double k = sequence->k;

    CHECK(!event->partial);
    bernstein_sequence_add(&sequence->lower,
            (ope_term_truncated(event, k) - own_term(event)) / (k + 3.0));
    bernstein_sequence_add(&sequence->upper,
            (turned_term(event, k) - own_turned(event)) / (k + 3.0));
}

struct interval gain_sequence_limits(const struct gain_sequence *sequence)
{
    double scale = sequence->k + 3.0;

    return (struct interval){
            fmax(-1.0, scale * bernstein_sequence_limit(&sequence->lower)),
            fmin(1.0, -scale * bernstein_sequence_limit(&sequence->upper)),
    };
}

/* ---- asymptotic ---- */

/* The root x > 1 of x - ln x = 1 - 2 ln alpha, which is -W_{-1}(-alpha^2/e), by
 * Newton's method from above, where it is convex. */
static double lambert(double alpha)
{
    double target = 1.0 - 2.0 * log(alpha), x = 2.0 * target;

    for (int i = 0; i < 100; i++) {
        double step = (x - log(x) - target) / (1.0 - 1.0 / x);
        x -= step;
        if (fabs(step) < 1e-15 * x)
            break;
    }
    return x;
}

double asymptotic_rho2(double alpha, double planned)
{
    return (lambert(alpha) - 1.0) / planned;
}

double asymptotic_half_width(double n, double rho2, double alpha)
{
    double grown = n * rho2 + 1.0;

    return sqrt(2.0 * grown / (n * n * rho2) * log(sqrt(grown) / alpha));
}

struct asymptotic_sequence asymptotic_sequence_begin(
        double alpha, double planned)
{
    return (struct asymptotic_sequence){
            .alpha = alpha,
            .rho2 = asymptotic_rho2(alpha, planned),
            .ess_start = ESS_START,
    };
}

void asymptotic_sequence_add(
        struct asymptotic_sequence *sequence, double term, double square)
{
    moments_add(&sequence->terms, term);
    sequence->square += square;
}

bool asymptotic_sequence_limits(
        const struct asymptotic_sequence *sequence, struct interval *out)
{
    double n = sequence->terms.count, half;

    /* A policy that differs nowhere has nothing to wait for, nor to say. */
    if (n < sequence->ess_start ||
            n * n < sequence->ess_start * sequence->square)
        return false;
    half = sqrt(moments_variance_biased(&sequence->terms)) *
            asymptotic_half_width(n, sequence->rho2, sequence->alpha);
    *out = (struct interval){
            sequence->terms.mean - half, sequence->terms.mean + half};
    return true;
}
