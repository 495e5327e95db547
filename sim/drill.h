/* Outages in mid-generation, and what a circuit breaker makes of them
 * (payments.md, section 8): in every generation one acquirer fails from a fifth
 * of the payments to seven tenths, by z - 2.0, by z - 2.5 and altogether in
 * turn. Answers come 20 payments later. What the policy would have got without
 * a breaker, and told of the outage from its first to its last payment, is
 * computed beside it, payment by payment, exactly.
 *
 * The breaker is the service's own (policies/breaker.h), one circuit for each
 * acquirer. */
#ifndef SIM_DRILL_H
#define SIM_DRILL_H

#include "policies/breaker.h"
#include "sim/payments_life.h"

#define DRILL_IN_FLIGHT 20u
#define DRILL_NEVER     UINT32_MAX
/* Acquirers with less of the traffic are spared: they lose nothing to see. */
#define DRILL_SHARE_MIN 0.05

enum drill_kind { DRILL_MILD, DRILL_HARD, DRILL_DOWN };
#define DRILL_KINDS 3u
const char *drill_kind_name(enum drill_kind kind);

/* One outage. Losses are approvals, sums over its payments of the probability
 * that was lost against the same payments without outage. */
struct drill_outage {
    bool there; /* false: no acquirer has enough traffic */
    enum drill_kind kind;
    uint32_t acquirer, rows; /* payments of all acquirers while it lasted */
    double share; /* of the traffic, before */
    uint32_t until_open; /* its own payments until its circuit opened */
    double kept; /* of the traffic it would have had while it was open */
    double lost_without, lost_with, lost_told;
    uint32_t until_closed; /* payments of all after the end */
    double price; /* approvals lost to its being masked, after the end */
    uint32_t false_openings; /* of circuits of healthy acquirers */
};

/* (lost_with - lost_told)/(lost_without - lost_told). */
double drill_excess(const struct drill_outage *outage);

/* What a policy would do: the probability of each of routes[0..count). */
struct drill_policy {
    int (*distribute)(void *self, const struct payment *payment,
            const uint32_t *routes, uint32_t count, uint64_t event, double *pmf,
            struct err *err);
    void *self;
};

struct drill_settings {
    uint32_t seed;
    uint32_t rows; /* payments of a generation */
    bool causes; /* answers say whose doing a failure is */
    bool breaker; /* false: outages alone */
    struct drill_policy policy;
};

struct drill;

/* The market must outlive it. NULL with err when there is no memory. */
struct drill *drill_open(const struct payments_market *market,
        const struct drill_settings *settings, struct err *err);
void drill_close(struct drill *drill);

/* A generation begins; without `outage` it is a calm one. */
void drill_begin(struct drill *drill, uint32_t generation, bool outage);
/* Leaves of routes[0..count) those that may be chosen, and returns how many;
 * all where no circuit of them lets one through. */
uint32_t drill_admit(const struct drill *drill, uint64_t event,
        uint32_t *routes, uint32_t count);

/* A payment as it was routed. */
struct drill_round {
    uint32_t row;
    uint64_t event;
    const struct payment *payment;
    const uint32_t *routes; /* [count] that could be chosen */
    uint32_t count;
    const double *pmf; /* [count] */
    uint32_t chosen; /* of them */
    double expected; /* predicted probability of failure of the chosen */
};

/* Is it approved? Its answer reaches the breaker 20 payments later. */
int drill_play(struct drill *drill, const struct drill_round *round,
        bool *approved, struct err *err) MUST_USE;

/* Of the generation so far. */
void drill_result(const struct drill *drill, struct drill_outage *outage);

#endif
