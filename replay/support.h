/* Does a log say enough of a target policy? What it lacks, which actions lack
 * it, and how many more events it takes. A verdict that refuses means: no
 * ranking, no promotion, and intervals that are not to be trusted. */
#ifndef REPLAY_SUPPORT_H
#define REPLAY_SUPPORT_H

#include "base/bytes.h"
#include "replay/ope.h"

/* What is refused, and when. */
struct support_limits {
    double missing; /* most of the target's probability that no row can show */
    double ess_ranking; /* least design ess to rank policies */
    double ess_interval; /* least design ess for intervals */
    double largest_share; /* most of all weight that one row may have */
    double mean_weight; /* most standard deviations of mean w from 1 */
    double rarer; /* least rewards of the rarer kind, where they are binary */
};

#define SUPPORT_LIMITS_DEFAULT                                                 \
    {                                                                          \
        .missing = 0.01, .ess_ranking = 500.0, .ess_interval = 100.0,          \
        .largest_share = 0.05, .mean_weight = 4.0, .rarer = 20.0               \
    }

struct support {
    double count;
    double missing; /* S: share of the target where p = 0 */
    double ess; /* (sum w)^2 / sum w^2 */
    double design_ess; /* n^2 / sum of the expected w^2: no luck in it; ess
                          where rows are partial */
    double largest_share; /* max w / sum w */
    double z; /* (sum w - n) / sqrt(sum (c - 1)): a test of p itself */
    double rarer; /* rewards of the rarer kind; -1 where not binary */
};

struct support support_of(const struct ope_sums *sums);

/* One action over the log, by its place. Cleared bytes are an empty one. */
struct overlap {
    uint64_t eligible; /* rows where it could be chosen */
    uint64_t unsupported; /* of those, rows where p = 0 and pi > 0 */
    uint64_t chosen;
    double logged; /* sum of p */
    double target; /* sum of pi */
    double missing; /* sum of pi where p = 0 */
    double square; /* sum of pi^2/p */
    double smallest; /* least p > 0 seen; 0 before the first */
    double reward; /* sum of rewards where chosen */
};

/* `place[i]` is where action i of the event stands in `table`. */
void overlap_add(struct overlap *table, const uint32_t *place,
        const struct ope_event *event);

#define SUPPORT_ACTIONS_NAMED 5u

/* Each reason is a bit. */
enum support_reason {
    SUPPORT_MISSING = 1,
    SUPPORT_ESS_RANKING = 2,
    SUPPORT_ESS_INTERVAL = 4,
    SUPPORT_SHARE = 8,
    SUPPORT_WEIGHTS = 16,
    SUPPORT_RARER = 32,
    SUPPORT_EMPTY = 64,
};
#define SUPPORT_REASONS 7u

struct verdict {
    unsigned reasons; /* 0: accepted */
    bool ranked; /* may be ranked and promoted */
    bool intervals; /* normal, bootstrap and asymptotic intervals hold */
    double more_rows; /* more rows of this policy that ess_ranking takes; 0 =
                         enough, INFINITY = never: support is missing */
    uint32_t worst[SUPPORT_ACTIONS_NAMED]; /* places, worst first */
    double worst_share[SUPPORT_ACTIONS_NAMED]; /* of what is missing, or of the
                                                  expected square of weights */
    uint32_t worst_count;
};

/* `table` (may be NULL) has `places` entries. */
struct verdict support_judge(const struct support *support,
        const struct support_limits *limits, const struct overlap *table,
        uint32_t places);

/* "the effective sample size is 2, 500 are needed" for one reason that is in
 * the verdict. */
void support_reason_text(const struct support *support,
        const struct support_limits *limits, enum support_reason reason,
        char *out, size_t size);

/* Events with exploration floor `floor` over `actions` actions that give
 * `rows` rows of an action which is eligible in a share `eligible` of them. */
double support_events_needed(
        double rows, double actions, double floor, double eligible);

#endif
