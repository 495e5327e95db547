/* Evidence that draws do not follow the probabilities that were logged: a
 * sample-ratio test that may be looked at after every row (drift.md, sections
 * 4 and 5; a test martingale, Ville 1939; Shafer and Vovk 2019).
 *
 * For an event of logged probability p and I = 1 if it came,
 *   M = prod (1 + l (I - p)),  l in {+-0.5, +-0.1, +-0.02},
 * is a martingale if the log is honest, so the average E of all of them
 * exceeds 1/alpha with probability at most alpha, ever. The same with
 * I - p = (r - r_hat -+ tolerance) tests a mean.
 *
 * A value, without allocation. */
#ifndef POLICIES_EVIDENCE_H
#define POLICIES_EVIDENCE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define EVIDENCE_BETS 6u

struct evidence {
    /* M of each bet = scaled * 2^power */
    double scaled[EVIDENCE_BETS];
    int64_t power[EVIDENCE_BETS];
    uint32_t fed; /* since they were brought back to about 1 */
};

void evidence_init(struct evidence *evidence);
/* One difference, of mean 0 if all is well; -1 <= difference <= 1. */
void evidence_feed(struct evidence *evidence, double difference);
/* One difference to which only the bets of one sign may be put: it has a mean
 * of at most 0 (`above`), or of at least 0, if all is well. */
void evidence_feed_side(
        struct evidence *evidence, double difference, bool above);
/* ln E: the average over all bets of `count` >= 1 evidences. */
double evidence_log(const struct evidence *evidence, uint32_t count);
/* The same over the bets of one sign. */
double evidence_log_side(const struct evidence *evidence, bool above);

void evidence_save(const struct evidence *evidence, struct writer *writer);
/* False: not what evidence_save() writes. */
bool evidence_load(struct evidence *evidence, struct reader *reader);

#endif
