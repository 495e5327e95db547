/* The gate: the tests that a new generation has to pass before it serves, and
 * what is done with the outcome (payments.md, section 3.3; ope.md, section 5).
 *
 * 1. The *veto*, always, before it serves: the difference V(challenger) -
 *    V(champion) by the doubly robust difference estimator, on logged events
 *    that no model was trained on. It blocks what is shown to be worse, or what
 *    the log cannot judge. It is weak: few logs can show half a point.
 *    `strict`: it passes only what is shown not to be worse than `margin`.
 * 2. The *canary*, where there is traffic for it: both serve, coupled
 *    (service/engine/trial.h), until the challenger is shown not to be worse
 *    than `margin` (promoted) or to be worse (rolled back), or `most` events
 *    are used up: then the champion stays.
 *
 * Both are looked at whenever one likes: their limits are those of asymptotic
 * confidence sequences (replay/sequence.h). The k-th test of a period spends
 * alpha_k = 6 alpha/(pi^2 k^2), so that all together spend alpha; an event is
 * evidence in one test only. Differences are on the scale of rewards, [0,1].
 *
 * No memory but the structs, no clock. */
#ifndef REPLAY_GATE_H
#define REPLAY_GATE_H

#include "policies/gate_options.h"
#include "replay/sequence.h"

extern const struct option_table gate_option_table;

/* What the k-th test of a period may spend, k = 1, 2, ... */
double gate_alpha(double alpha, uint32_t k);

enum gate_verdict {
    GATE_WAIT, /* no verdict yet */
    GATE_PASS,
    GATE_BLOCK, /* shown to be worse; strict: not shown to be good enough */
    GATE_UNSUPPORTED, /* the log lacks what the challenger does: a block */
    GATE_UNDECIDED, /* a canary's events are used up: a block */
};

/* ---- veto ---- */

struct gate_veto {
    struct asymptotic_sequence sequence;
    bool strict;
    double margin;
    double missing; /* sum of the challenger's probability that no row shows */
    double most; /* largest |weight| seen, and the sum of them */
    double weights;
};

/* The k-th candidate of the period; `rows` that there will be, about. */
struct gate_veto gate_veto_begin(
        const struct gate_options *options, uint32_t k, double rows);
/* event->target is the challenger's distribution, event->model a prediction
 * that was made without the row. Rows in the log's order. */
void gate_veto_add(struct gate_veto *veto, const struct ope_event *event,
        const double *champion);

struct gate_report {
    enum gate_verdict verdict;
    double estimate, error; /* of the difference, and its standard error */
    struct interval limits; /* each holds alone; infinite: not yet */
    double rows;
    double alpha; /* of each limit */
    double power; /* probability that a loss of half a point would be shown at
                     these rows, by a one-sided test of the same alpha */
};

/* May be asked at any time. A veto without enough rows has no limits: it passes
 * (it may only block), or with `strict` blocks. */
struct gate_report gate_veto_report(const struct gate_veto *veto);

/* ---- canary ---- */

struct gate_canary_rules {
    double alpha; /* of all canaries together */
    double margin;
    double planned; /* events at which its limits are tightest */
    double least; /* no verdict before so many events; >= 100 */
    double most; /* INFINITY: it is undecided for as long as it takes */
};

/* What the events that a canary took part in have said, whichever way each
 * went: sums of terms whose mean is the difference (trial_term). */
struct gate_canary {
    double events, sum, squares;
};

void gate_canary_add(struct gate_canary *canary, double term);
/* The k-th canary started; k = 0 is taken for 1. May be asked at any time:
 * without limits, which are then infinite, the verdict is GATE_WAIT. */
struct gate_report gate_canary_report(const struct gate_canary_rules *rules,
        uint32_t k, const struct gate_canary *canary);

/* ---- what follows ---- */

enum gate_action {
    GATE_PROMOTE, /* the challenger serves */
    GATE_KEEP, /* the champion serves */
    GATE_MIX, /* both serve, the challenger with share `mixing` */
};

/* What becomes of a candidate, after `refused` candidates in a row; counts it.
 * What a canary has shown to be worse is not mixed in. */
enum gate_action gate_after_veto(const struct gate_options *options,
        enum gate_verdict verdict, uint64_t *refused);
/* Would the next refusal lead to mixing? */
bool gate_mixes(const struct gate_options *options, uint64_t refused);

#endif
