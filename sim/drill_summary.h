/* What outages came to, over generations and seeds. */
#ifndef SIM_DRILL_SUMMARY_H
#define SIM_DRILL_SUMMARY_H

#include "sim/generations.h"

/* In the place of a kind: all of them. */
#define DRILL_ANY ((enum drill_kind)DRILL_KINDS)

struct drill_summary {
    uint32_t count, opened; /* outages; those that opened the circuit */
    double until_mean, until_95, until_max; /* payments of the failing one */
    double kept; /* share of its traffic while it was open */
    /* Points of approval lost, means over all payments of the outages. */
    double lost_without, lost_with, lost_told;
    double excess; /* of these means */
    double until_closed; /* median, of those that closed in their generation */
    double price; /* mean approvals lost to a circuit still open afterwards */
    uint32_t false_openings, noise_openings;
};

void drill_summarise(const struct generations_run *runs, uint32_t seeds,
        enum drill_kind kind, struct drill_summary *summary);

#endif
