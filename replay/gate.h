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
 * than `margin` (promoted) or to be worse (rolled back), or `canary_max` events
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
    double power; /* probability that a loss of half a point would be shown at
                     these rows, by a one-sided test of the same alpha */
};

/* May be asked at any time. A veto without enough rows has no limits: it passes
 * (it may only block), or with `strict` blocks. */
struct gate_report gate_veto_report(const struct gate_veto *veto);

/* ---- canary ---- */

struct gate_canary {
    struct asymptotic_sequence sequence;
    double margin;
    double events, most;
    double least; /* no verdict before so many events */
};

/* The k-th canary started in the period. */
struct gate_canary gate_canary_begin(
        const struct gate_options *options, uint32_t k);
/* The term of one event that the canary took part in, whichever way it went:
 * its mean is the difference (trial_term). */
void gate_canary_add(struct gate_canary *canary, double term);
struct gate_report gate_canary_report(const struct gate_canary *canary);

/* ---- what follows ---- */

/* What the gate remembers of a period: a fold of verdicts. */
struct gate_state {
    uint32_t vetoes, canaries; /* started */
    uint32_t blocked; /* candidates in a row */
};

enum gate_action {
    GATE_PROMOTE, /* the challenger serves */
    GATE_CANARY, /* both serve, coupled, at the canary's share */
    GATE_KEEP, /* the champion serves */
    GATE_MIX, /* both serve, the challenger with share `mixing` */
};

/* After the veto of a candidate. `events`: of a generation; `alarm`: drift is
 * alarming, which promotes on the veto alone. */
enum gate_action gate_after_veto(struct gate_state *state,
        const struct gate_options *options, enum gate_verdict verdict,
        double events, bool alarm);
/* After its canary. GATE_WAIT, at the end of canary_max, counts as a block. */
enum gate_action gate_after_canary(struct gate_state *state,
        const struct gate_options *options, enum gate_verdict verdict);

#endif
