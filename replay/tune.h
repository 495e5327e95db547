/* Choosing a policy from a log: many candidates are tried on the past part of
 * it, one of them is chosen, and that one is judged once, on the future part,
 * which had no say in the choice.
 *
 * Both parts are panels (replay/panel.h): all candidates share one pass over
 * the past, and the one chosen has a pass of its own, in which it learns the
 * past as it did before and goes on learning; rows count from the split on.
 * What is trained in batches begins untrained and is trained anew, on the log
 * before, every so many decisions, in the past as in the future.
 *
 * - Choice: the largest lower limit of the gain over the logged policy (doubly
 *   robust difference, ope_term_difference). With m candidates each limit is
 *   one-sided at alpha/(2 m) (the union bound: Bonferroni; Dunn 1961, Multiple
 *   Comparisons among Means), so that all m hold together; a candidate that the
 *   log hardly shows has a low one, which is why it is not the estimate that is
 *   compared (Swaminathan & Joachims 2015). What the past cannot rank
 *   (replay/support.h) is not chosen.
 * - Judgement: the gain's interval on the future, at 1 - alpha. It is one
 *   hypothesis, named before its rows were looked at, so nothing is corrected
 *   (Thomas, Theocharous, Ghavamzadeh 2015: candidate selection and safety test
 *   on separate rows). Better is proved when the lower limit is above 0 and the
 *   future can rank it: of candidates that are not better, at most alpha/2 are
 *   called so.
 *
 * Gains are of rewards on [0,1], more is better (panel_difference). */
#ifndef REPLAY_TUNE_H
#define REPLAY_TUNE_H

#include "replay/panel.h"

#define TUNE_CANDIDATES_MAX 128u

struct tune_candidate {
    struct bytes name;
    const struct keyvalue *policy; /* [count], `policy.` settings */
    size_t count;
};

struct tune_settings {
    struct panel_settings panel; /* `report_from` is not looked at */
    struct support_limits limits;
    double past; /* share of the decisions that the choice is made on */
    uint32_t generations; /* oracles that are trained in batches are trained
                             anew after each such part of the decisions */
};

/* A gain of rewards on [0,1]. */
struct tune_gain {
    double mean, error; /* standard error; NAN: too few rows */
    struct interval limits; /* infinite where there are too few */
    bool ranked; /* the log can tell */
};

struct tune {
    struct panel past, future; /* future: opened when one was chosen */
    uint32_t first; /* of the candidates among the past's policies */
    uint32_t count;
    uint64_t split; /* first record of the future */
    uint64_t each; /* decisions of a generation */
    struct tune_gain gains[TUNE_CANDIDATES_MAX]; /* on the past */
    uint32_t ranked; /* how many of them are */
    bool has_choice; /* false: none can be ranked */
    uint32_t choice; /* which candidate */
    struct tune_gain gain; /* of the choice, on the future */
    bool proved;
};

/* Both passes. `candidate` is set to the one that an error is of, or to
 * `count`. INVALID: its settings; UNSUPPORTED: its oracle is trained in
 * batches, and the panel's settings have no trainer; what panel_open says.
 * tune_close takes one that failed, too. The ledger must outlive it. */
int tune_run(struct tune *tune, struct ledger *ledger,
        const struct tune_settings *settings,
        const struct tune_candidate *candidates, uint32_t count,
        uint32_t *candidate, struct err *err) MUST_USE;
void tune_close(struct tune *tune);

/* The candidate as a policy of the past's panel; the choice of the future's. */
const struct panel_policy *tune_on_past(
        const struct tune *tune, uint32_t candidate);
const struct panel_policy *tune_on_future(const struct tune *tune);

#endif
