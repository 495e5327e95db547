/* A circuit breaker below the policy: takes an action out of the eligible set
 * within a few of its outcomes when it begins to fail, lets probes through,
 * and gives it back (payments.md, section 8).
 *
 * Per circuit u (an action or several that share one; with `groups` also per
 * circuit and group), for each outcome with y = 1 if it failed and e = the
 * failure probability that was expected of it when it was decided:
 *
 *     x = b_u + ln(e/(1-e));  q = 1/(1+exp(-x));  f0 = clamp(q, least, most)
 *     f1 = o/(1+o), o = exp(severity) f0/(1-f0)
 *     L_u = max(0, L_u + (y ? ln(f1/f0) : ln((1-f1)/(1-f0))))
 *     while closed and L_u < learn_below:
 *         b_u = clamp(b_u + bias_rate (y - q), -bias_most, bias_most)
 *
 * a CUSUM (Page 1954) of the likelihood ratio of "failures are exp(severity)
 * times as likely, in odds" to "as expected". It opens at L_u >= threshold,
 * with L_u set to, and capped at, `open_level` while open; an open circuit is
 * eligible only with probability max(probe, exp(-L_u)) of a decision; it
 * closes at L_u = 0.
 *
 * False alarms: while every outcome fails with probability at most its f0,
 * exp of the sum of increments from any start k is a supermartingale of mean
 * at most 1 (the increment has mean exp at most 1, and falls in probability of
 * failure only through y = 1, where it is positive). By Ville's inequality the
 * sum from k ever reaches h with probability at most exp(-h); L_u is the
 * largest of these sums over k <= n. So P(opens within n outcomes) <= n
 * exp(-h): 7.6e-10 an outcome at h = 21, 0.08 % in 10^6 (Lorden 1971 has
 * the same bound for the mean time to a false alarm: at least exp(h)). With G
 * groups the circuits of an action use h + ln(1 + G), so that together they
 * have the rate of one. b_u is what keeps the premise true where expectations
 * are off: it may move e's odds by exp(bias_most) either way and no more.
 *
 * Outcomes that are another party's or the customer's doing are not counted:
 * neither success nor failure. Where such causes are reported, e is that of an
 * outcome that counts: e s/(1 - e (1 - s)), s the circuit's slow share of
 * failures that are its own.
 *
 * Where no prediction is logged (learners; or `expected: rate`) e is the
 * circuit's own slow failure rate, frozen while L_u >= learn_below. With
 * `expected: better`, the default, it is that too until predictions have shown
 * to be better: until the slow mean of their squared error is the smaller one.
 * A model that knows nothing yet opens nothing. From then on predictions are
 * used until their error is a quarter larger than the rate's. That is judged
 * only where L_u = 0: in an outage predictions do badly and the rate, which
 * follows the failures, well, so that it would hide them.
 *
 * An opening takes back what was learned (b_u, s, rate, errors) since L_u was
 * last 0: these were outcomes of an outage.
 *
 * Pure: the state is a fold of counted outcomes; all sums in a fixed order,
 * exp and ln from portable.h. */
#ifndef POLICIES_BREAKER_H
#define POLICIES_BREAKER_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/options.h"

#define BREAKER_CIRCUITS_MAX 65536u

struct breaker_options {
    bool on;
    bool groups; /* also per circuit and group */
    uint32_t expected; /* enum breaker_expected */
    struct bytes share; /* ids that agree up to this text share a circuit */
    double failure; /* share of the range of rewards that a success needs */
    double severity, threshold, open_level, probe;
    double learn_below, bias_rate, bias_most;
    double least, most;
    double slow_rate; /* of the own share and the failure rate */
};

enum breaker_expected {
    BREAKER_EXPECTED_BETTER,
    BREAKER_EXPECTED_MODEL,
    BREAKER_EXPECTED_RATE,
};

/* The rows, for the settings under `breaker.` and for help. */
extern const struct option_table breaker_options;

struct breaker_spec {
    struct breaker_options options;
    uint32_t slots; /* of the catalogue */
    const uint16_t *circuit; /* [slots] */
    uint32_t circuits;
    const struct bytes *names; /* [circuits] */
    uint32_t groups; /* 0 without `groups` */
};

struct breaker;

size_t breaker_footprint(const struct breaker_spec *spec);
/* In a block of that size, aligned to 16; the spec must outlive it. */
struct breaker *breaker_init(void *block, const struct breaker_spec *spec);

/* Is no circuit open? Then every action may be chosen. */
bool breaker_calm(const struct breaker *breaker);
/* With what probability an action of that slot may be chosen now. */
double breaker_share(const struct breaker *breaker, uint32_t slot,
        const uint16_t *groups, uint32_t group_count);
/* admitted[i] for the actions of slots[0..count): by a coin per circuit, keyed
 * by (seed, event). Returns how many are. */
uint32_t breaker_admit(const struct breaker *breaker, uint64_t seed,
        uint64_t event, const uint32_t *slots, uint32_t count,
        const uint16_t *groups, uint32_t group_count, bool *admitted);

struct breaker_outcome {
    bool failed;
    bool own; /* the action's doing, or nobody's that is known */
    double expected; /* probability of failure; < 0: none was logged */
};

void breaker_count(struct breaker *breaker, uint32_t slot,
        const uint16_t *groups, uint32_t group_count,
        const struct breaker_outcome *outcome);

/* A circuit opened or closed: for the log. They wait, oldest first, until they
 * are taken; of more than BREAKER_CHANGES the newest are lost. They are no part
 * of the state: what is folded again raises them again. */
#define BREAKER_CHANGES 8u
struct breaker_change {
    uint32_t index; /* as in breaker_view */
    bool opened;
    double evidence, threshold; /* evidence when it opened or closed */
    double before, after; /* shares of decisions that its actions may be chosen
                             at: 1, and what it is when just opened */
};
/* NULL: there is none. */
const struct breaker_change *breaker_changed(const struct breaker *breaker);
void breaker_change_take(struct breaker *breaker);

/* A circuit as it stands, for reports. */
struct breaker_view {
    struct bytes name;
    int32_t group; /* -1: of all */
    bool open;
    bool predicted; /* expectations are the model's */
    double evidence, bias, own_share, failure_rate;
    uint64_t counted, opened, closed;
};

/* Circuits times 1 + groups. */
uint32_t breaker_views(const struct breaker *breaker);
void breaker_view(const struct breaker *breaker, uint32_t index,
        struct breaker_view *view);

void breaker_save(const struct breaker *breaker, struct writer *writer);
/* CORRUPT for bytes that breaker_save did not write for this spec. */
int breaker_load(struct breaker *breaker, struct reader *reader,
        struct err *err) MUST_USE;
bool breaker_check(const struct breaker *breaker);

#endif
