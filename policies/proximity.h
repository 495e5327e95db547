/* How good are alarms, where the changes are known? Early and late alarms
 * count by their distance, not by an exact hit (drift.md, section 8; in the
 * spirit of PATE: Ghorbani et al. 2024, arXiv 2405.12096, simplified).
 *
 * 1. An alarm belongs to its nearest change (equals: the earlier one), at
 *    distance u = alarm - change, 0 inside a labelled interval.
 * 2. It scores 1 - u/L for 0 <= u <= L, 1 - |u|/E for -E <= u < 0, else 0.
 * 3. Of a change only the best alarm counts; others in its window score 0 and
 *    are repeats. */
#ifndef POLICIES_PROXIMITY_H
#define POLICIES_PROXIMITY_H

#include <stdint.h>

/* A labelled change: an instant (from = to) or an interval, in the units of
 * the alarms. */
struct change {
    double from, to;
};

struct proximity {
    uint32_t alarms, changes;
    uint32_t hits; /* changes with an alarm that scores */
    uint32_t early_hits, late_hits; /* of them; inside an interval is late */
    uint32_t repeats;
    uint32_t false_alarms; /* outside every window */
    double precision; /* NaN without alarms */
    double recall; /* NaN without changes */
    double f1; /* NaN where one of the two is, or both are 0 */
    double hit_rate;
    double early_mean, late_mean; /* mean |u| of the hits; NaN without */
};

/* Changes in ascending order; alarms in any order. early > 0, late > 0: E and
 * L. scores[alarm_count] gets what each alarm counts. No allocation; takes
 * alarms times changes steps. */
void proximity_score(const double *alarms, uint32_t alarm_count,
        const struct change *changes, uint32_t change_count, double early,
        double late, double *scores, struct proximity *out);

#endif
