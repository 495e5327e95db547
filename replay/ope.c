#include "replay/ope.h"

#include "base/check.h"

#include <math.h>
#include <stddef.h>

#define BIAS_DELTA 0.05

/* ---- terms ---- */

static double model_of(const struct ope_event *event, uint32_t action)
{
    return event->model == NULL ? 0.0 : event->model[action];
}

struct ope_row ope_row(const struct ope_event *event)
{
    struct ope_row row = {
            .weight =
                    event->target[event->chosen] / event->logged[event->chosen],
            .reward = event->reward,
            .predicted = model_of(event, event->chosen),
            .stands_for = event->stands_for > 1.0 ? event->stands_for : 1.0,
    };

    for (uint32_t a = 0; a < event->count; a++) {
        double share = event->target[a];
        row.direct += share * model_of(event, a);
        if (event->logged[a] > 0.0) {
            double weight = share / event->logged[a];
            row.square += share * weight;
            row.bound = weight > row.bound ? weight : row.bound;
        } else {
            row.missing += share;
        }
    }
    if (event->partial) {
        row.missing = 0.0;
        row.square = row.weight * row.weight;
        row.bound = INFINITY;
    }
    return row;
}

double ope_term_ips(const struct ope_row *row)
{
    return row->weight * row->reward;
}

double ope_term_clipped(const struct ope_row *row, double most)
{
    return fmin(row->weight, most) * row->reward;
}

static double weighted(const struct ope_row *row, double weight)
{
    return row->direct + weight * (row->reward - row->predicted);
}

double ope_term_dr(const struct ope_row *row)
{
    return weighted(row, row->weight);
}

static double dros_weight(double weight, double lambda)
{
    return lambda * weight / (weight * weight + lambda);
}

double ope_term_dros(const struct ope_row *row, double lambda)
{
    return weighted(row, dros_weight(row->weight, lambda));
}

static double switch_weight(double weight, double threshold)
{
    return weight <= threshold ? weight : 0.0;
}

double ope_term_switch(const struct ope_row *row, double threshold)
{
    return weighted(row, switch_weight(row->weight, threshold));
}

double ope_term_cab(const struct ope_event *event, double most)
{
    double weight = event->target[event->chosen] / event->logged[event->chosen];
    double term = fmin(weight, most) * event->reward;

    if (event->partial) {
        struct ope_row row = ope_row(event);
        return weighted(&row, fmin(weight, most));
    }
    for (uint32_t a = 0; a < event->count; a++) {
        /* 1 - min(1, M/W), and 1 where W is infinite. */
        double kept = event->target[a] > most * event->logged[a]
                ? most * event->logged[a] / event->target[a]
                : 1.0;
        term += event->target[a] * (1.0 - kept) * model_of(event, a);
    }
    return term;
}

/* min(q(a), k/W(a)); k/W = k p/pi. */
static double truncated_model(
        const struct ope_event *event, uint32_t action, double k)
{
    double q = model_of(event, action);
    double limit = k * event->logged[action];

    return q * event->target[action] <= limit ? q
                                              : limit / event->target[action];
}

double ope_term_truncated(const struct ope_event *event, double k)
{
    double weight = event->target[event->chosen] / event->logged[event->chosen];
    double term =
            weight * (event->reward - truncated_model(event, event->chosen, k));

    for (uint32_t a = 0; a < event->count; a++)
        term += event->target[a] * truncated_model(event, a, k);
    return term;
}

double ope_term_difference(const struct ope_event *event, const double *other)
{
    uint32_t chosen = event->chosen;
    double term = (event->target[chosen] - other[chosen]) /
            event->logged[chosen] * (event->reward - model_of(event, chosen));

    for (uint32_t a = 0; a < event->count; a++)
        term += (event->target[a] - other[a]) * model_of(event, a);
    return term;
}

double ope_difference_square(const struct ope_event *event, const double *other)
{
    double square = 0.0;

    for (uint32_t a = 0; a < event->count; a++) {
        double gap = event->target[a] - other[a];
        if (event->logged[a] > 0.0)
            square += gap * gap / event->logged[a];
    }
    return square;
}

double ope_mrdr_weight(double weight, double propensity)
{
    return weight * weight * (1.0 - propensity);
}

const char *ope_estimator_name(enum ope_estimator estimator)
{
    static const char *const names[OPE_ESTIMATORS] = {"ips", "clipped", "snips",
            "dm", "dr", "dros", "switch", "cab", "mrdr"};

    CHECK(estimator < OPE_ESTIMATORS);
    return names[estimator];
}

/* ---- sums ---- */

void moments_add(struct moments *moments, double value)
{
    double gap = value - moments->mean;

    moments->count += 1.0;
    moments->mean += gap / moments->count;
    moments->squares += gap * (value - moments->mean);
}

/* As Welford does where no weight has come: the same bits. */
void moments_add_weighted(struct moments *moments, double value, double weight)
{
    double whole, step, gap;

    if (weight == 1.0 && moments->extra == 0.0) {
        moments_add(moments, value);
        return;
    }
    if (moments->extra == 0.0)
        moments->curve = moments->count;
    whole = moments->count + moments->extra + weight;
    step = weight * (value - moments->mean) / whole;
    /* The sums as they are about the new mean. */
    moments->squares += step * (step * moments->curve - 2.0 * moments->slope);
    moments->slope -= step * moments->curve;
    moments->mean += step;
    gap = value - moments->mean;
    moments->squares += weight * weight * gap * gap;
    moments->slope += weight * weight * gap;
    moments->curve += weight * weight;
    moments->count += 1.0;
    moments->extra += weight - 1.0;
}

/* What makes a sum of v^2 (x - mean)^2 one of the scale of n. */
static double scale_of(const struct moments *moments)
{
    double share = moments->count / (moments->count + moments->extra);

    return moments->extra > 0.0 ? share * share : 1.0;
}

double moments_variance(const struct moments *moments)
{
    return moments->count > 1.0
            ? moments->squares * scale_of(moments) / (moments->count - 1.0)
            : 0.0;
}

double moments_variance_biased(const struct moments *moments)
{
    return moments->count > 0.0
            ? moments->squares * scale_of(moments) / moments->count
            : 0.0;
}

/* 1, 2, 5, 10, ... 1000. */
static const double grid[OPE_GRID] = {
        1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0};

double ope_bin_end(uint32_t bin)
{
    if (bin == 0)
        return 0.0;
    return bin + 1 < OPE_BINS ? ldexp(1.0, (int)bin - 7) : (double)INFINITY;
}

static uint32_t bin_of(double weight)
{
    uint32_t bin = 0;

    while (weight > ope_bin_end(bin))
        bin++;
    return bin;
}

static double mrdr_term(const struct ope_event *event)
{
    struct ope_event other = *event;
    struct ope_row row;

    other.model = event->mrdr_model;
    row = ope_row(&other);
    return ope_term_dr(&row);
}

static void add_plain(struct ope_sums *sums, const struct ope_terms *terms)
{
    const struct ope_row *row = &terms->row;
    double v = row->stands_for, w = v * row->weight, wr = w * row->reward;

    sums->count += 1.0;
    sums->extra += v - 1.0;
    sums->extra2 += v * v - 1.0;
    sums->vvw += v * w;
    sums->w += w;
    sums->ww += w * w;
    sums->wr += wr;
    sums->wwr += w * wr;
    sums->wwrr += wr * wr;
    sums->most = fmax(sums->most, w);
    sums->bound = fmax(sums->bound, v * row->bound);
    sums->square += v * v * row->square;
    sums->missing += v * row->missing;
    sums->reward += v * row->reward;
    sums->zeros += row->reward == 0.0;
    sums->ones += row->reward == 1.0;
    sums->histogram[terms->bin]++;
    sums->partial += terms->partial ? 1.0 : 0.0;
}

double ope_mean_weight(const struct ope_sums *sums)
{
    return sums->extra > 0.0 ? (sums->count + sums->extra) / sums->count : 1.0;
}

struct ope_sums ope_normalised(const struct ope_sums *sums)
{
    struct ope_sums out = *sums;
    double v = ope_mean_weight(sums), vv = v * v;

    if (sums->extra == 0.0)
        return out;
    out.w /= v;
    out.ww /= vv;
    out.wr /= v;
    out.wwr /= vv;
    out.wwrr /= vv;
    out.most /= v;
    out.bound /= v;
    out.square /= vv;
    out.missing /= v;
    out.reward /= v;
    out.vvw /= vv;
    out.extra2 = (sums->extra2 + sums->count) / vv - sums->count;
    out.extra = 0.0;
    for (uint32_t i = 0; i < OPE_GRID; i++) {
        out.dros[i].shift /= v;
        out.switched[i].shift /= v;
    }
    return out;
}

void ope_terms_of(struct ope_terms *terms, const struct ope_settings *settings,
        const struct ope_event *event)
{
    struct ope_row row = ope_row(event);
    double v = row.stands_for, miss = row.reward - row.predicted;

    terms->row = row;
    terms->partial = event->partial;
    terms->bin = bin_of(row.weight);
    terms->ips = ope_term_ips(&row);
    terms->clipped = ope_term_clipped(&row, settings->clip);
    terms->dm = row.direct;
    terms->dr = ope_term_dr(&row);
    terms->cab = ope_term_cab(event, settings->cab);
    terms->mrdr = event->mrdr_model == NULL ? terms->dr : mrdr_term(event);
    for (uint32_t i = 0; i < OPE_GRID; i++) {
        double robust = dros_weight(row.weight, grid[i] * grid[i]);
        double below = switch_weight(row.weight, grid[i]);
        terms->dros[i].term = weighted(&row, robust);
        terms->dros[i].shift = v * (robust - row.weight) * miss;
        terms->switched[i].term = weighted(&row, below);
        terms->switched[i].shift = v * (below - row.weight) * miss;
    }
}

void ope_add_terms(struct ope_sums *sums, const struct ope_terms *terms)
{
    double v = terms->row.stands_for;

    add_plain(sums, terms);
    moments_add_weighted(&sums->ips, terms->ips, v);
    moments_add_weighted(&sums->clipped, terms->clipped, v);
    moments_add_weighted(&sums->dm, terms->dm, v);
    moments_add_weighted(&sums->dr, terms->dr, v);
    moments_add_weighted(&sums->cab, terms->cab, v);
    moments_add_weighted(&sums->mrdr, terms->mrdr, v);
    for (uint32_t i = 0; i < OPE_GRID; i++) {
        moments_add_weighted(&sums->dros[i].terms, terms->dros[i].term, v);
        sums->dros[i].shift += terms->dros[i].shift;
        moments_add_weighted(
                &sums->switched[i].terms, terms->switched[i].term, v);
        sums->switched[i].shift += terms->switched[i].shift;
    }
}

void ope_add(struct ope_sums *sums, const struct ope_settings *settings,
        const struct ope_event *event)
{
    struct ope_terms terms;

    ope_terms_of(&terms, settings, event);
    ope_add_terms(sums, &terms);
}

/* ---- estimates ---- */

double ope_bias_bound(
        const struct ope_sums *sums, double shift_sum, double delta)
{
    double n = sums->count, spread = log(2.0 / delta) / n;

    return fabs(shift_sum) / n + sqrt(2.0 * sums->ww / n * spread) +
            2.0 * sums->most * spread / 3.0;
}

/* The candidate of the smallest bound of its mean squared error. */
static uint32_t best_of(
        const struct ope_sums *sums, const struct ope_tried *tried)
{
    double least = INFINITY;
    uint32_t best = 0;

    for (uint32_t i = 0; i < OPE_GRID; i++) {
        double bias = ope_bias_bound(sums, tried[i].shift, BIAS_DELTA);
        double error = bias * bias +
                moments_variance(&tried[i].terms) / tried[i].terms.count;
        if (error < least) {
            least = error;
            best = i;
        }
    }
    return best;
}

static struct ope_estimate of_moments(
        const struct moments *moments, double parameter)
{
    return (struct ope_estimate){
            .value = moments->mean,
            .error = moments->count > 1.0
                    ? sqrt(moments_variance(moments) / moments->count)
                    : (double)NAN,
            .parameter = parameter,
    };
}

static struct ope_estimate snips(const struct ope_sums *sums)
{
    struct ope_estimate out = {NAN, NAN, NAN};
    double squares;

    if (sums->w <= 0.0)
        return out;
    out.value = sums->wr / sums->w;
    squares = sums->wwrr - 2.0 * out.value * sums->wwr +
            out.value * out.value * sums->ww;
    if (sums->count > 1.0)
        out.error = sqrt(fmax(squares, 0.0)) / sums->w;
    return out;
}

static uint32_t best_normalised(
        const struct ope_sums *sums, enum ope_estimator estimator)
{
    struct ope_sums even = ope_normalised(sums);

    return best_of(&even, estimator == OPE_DROS ? even.dros : even.switched);
}

struct ope_estimate ope_estimate(const struct ope_sums *sums,
        const struct ope_settings *settings, enum ope_estimator estimator)
{
    uint32_t best;

    switch (estimator) {
    case OPE_IPS:
        return of_moments(&sums->ips, NAN);
    case OPE_CLIPPED:
        return of_moments(&sums->clipped, settings->clip);
    case OPE_SNIPS:
        return snips(sums);
    case OPE_DM:
        return of_moments(&sums->dm, NAN);
    case OPE_DR:
        return of_moments(&sums->dr, NAN);
    case OPE_DROS:
        best = best_normalised(sums, estimator);
        return of_moments(&sums->dros[best].terms, grid[best] * grid[best]);
    case OPE_SWITCH:
        best = best_normalised(sums, estimator);
        return of_moments(&sums->switched[best].terms, grid[best]);
    case OPE_CAB:
        return of_moments(&sums->cab, settings->cab);
    case OPE_MRDR:
        return of_moments(&sums->mrdr, NAN);
    case OPE_ESTIMATORS:
        break;
    }
    CHECK_UNREACHABLE();
}
